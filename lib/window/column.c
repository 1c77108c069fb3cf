// SPDX-License-Identifier: Apache-2.0
/* Columns by the names that a config gives them, which are those of expressions. */
#include <errno.h>
#include <string.h>

#include "column.h"
#include "syntax.h"

int column_name_parse(const char *text, struct column_name *ret_name,
		      struct expression_error *ret_error)
{
	struct expression *expression;
	const struct node *node;
	int result = expression_parse(text, &expression, ret_error);

	if (result < 0)
		return result;
	node = &expression->nodes[expression->root];
	if (node->kind != NODE_NAME) {
		expression_release(expression);
		return expression_fail(text, 0, ret_error, "the name of a column is expected");
	}
	*ret_name = (struct column_name){ .expression = expression,
					  .text = node->value.as.text.data,
					  .length = node->value.as.text.length,
					  .role = node->role,
					  .where = node->where };
	return 0;
}

void column_name_clear(struct column_name *name)
{
	expression_release(name->expression);
	*name = (struct column_name){ 0 };
}

static bool is_called(const struct sonde_column *column, const struct column_name *name)
{
	return !strncmp(column->name, name->text, name->length) && !column->name[name->length];
}

uint32_t column_of_role(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (sonde_column(batch, i)->role == role)
			return i;
	}
	return COLUMN_NONE;
}

uint32_t column_find(const struct column_name *name, const struct sonde_batch *batch)
{
	static const struct {
		uint32_t where, scope;
	} order[] = { { WHERE_ROW, SONDE_SCOPE_ROW },
		      { WHERE_SCOPE, SONDE_SCOPE_SCOPE },
		      { WHERE_RESOURCE, SONDE_SCOPE_RESOURCE } };

	for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (name->where != WHERE_ANY && name->where != order[i].where)
			continue;
		for (uint32_t c = 0; c < batch->column_count; c++) {
			const struct sonde_column *column = sonde_column(batch, c);

			if (column->scope == order[i].scope && is_called(column, name))
				return c;
		}
	}
	if (name->role && (name->where == WHERE_ANY || name->where == WHERE_ROLE))
		return column_of_role(batch, name->role);
	return COLUMN_NONE;
}

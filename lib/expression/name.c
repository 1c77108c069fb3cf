// SPDX-License-Identifier: Apache-2.0
/* Names by themselves: what a plugin takes where it asks for a column. */
#include <errno.h>
#include <string.h>
#include "syntax.h"

int expression_parse_name(const char *text, struct expression_name *ret_name,
			  struct expression_error *ret_error)
{
	struct expression_name name = { .scope = UINT32_MAX };
	struct expression *expression;
	const struct node *node;
	int result = expression_parse_value(text, &expression, ret_error);

	if (result < 0)
		return result;
	node = &expression->nodes[expression->root];
	if (node->kind != NODE_NAME) {
		result = expression_fail(text, node->offset, ret_error,
					 "the name of a column is expected (one with other "
					 "characters than letters, digits, _ and . stands in "
					 "backquotes)");
		expression_release(expression);
		return result;
	}
	memcpy(name.text, node->value.as.text.data, node->value.as.text.length);
	name.role = node->role;
	name.by_role = node->where == WHERE_ROLE;
	if (node->where != WHERE_ANY && node->where != WHERE_ROLE)
		name.scope = SONDE_SCOPE_ROW + (node->where - WHERE_ROW);
	expression_release(expression);
	*ret_name = name;
	return 0;
}

static uint32_t find_role(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t i = 0; role && i < batch->column_count; i++) {
		if (sonde_column(batch, i)->role == role)
			return i;
	}
	return UINT32_MAX;
}

uint32_t expression_find(const struct expression_name *name, const struct sonde_batch *batch)
{
	for (uint32_t scope = SONDE_SCOPE_ROW; scope <= SONDE_SCOPE_RESOURCE && !name->by_role;
	     scope++) {
		for (uint32_t i = 0; i < batch->column_count; i++) {
			const struct sonde_column *column = sonde_column(batch, i);

			if (column->scope == scope &&
			    (name->scope == UINT32_MAX || name->scope == scope) &&
			    !strcmp(column->name, name->text))
				return i;
		}
	}
	return name->scope == UINT32_MAX ? find_role(batch, name->role) : UINT32_MAX;
}

// SPDX-License-Identifier: Apache-2.0
/* What of a condition can be said in the words of the plugin interface, for inputs to do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "syntax.h"

struct conditions {
	const struct expression *expression;
	expression_condition *tell;
	void *data;
};

/* A name that means a column of the row, or one of that name somewhere. */
static bool name_of(const struct node *node, char name[EXPRESSION_NAME_BYTES + 1])
{
	struct sonde_text text = node->value.as.text;

	if (node->kind != NODE_NAME || (node->where != WHERE_ANY && node->where != WHERE_ROW) ||
	    !text.length || text.length > EXPRESSION_NAME_BYTES ||
	    memchr(text.data, 0, text.length))
		return false;
	memcpy(name, text.data, text.length);
	name[text.length] = '\0';
	return true;
}

static bool value_of(const struct node *node, struct sonde_any *ret_any)
{
	const struct value *value = &node->value;
	struct sonde_any any = { 0 };

	if (node->kind != NODE_LITERAL)
		return false;
	switch (value->kind) {
	case KIND_BOOLEAN:
		any.kind = SONDE_ANY_BOOL;
		any.as.boolean = value->as.boolean;
		break;
	case KIND_INTEGER:
		any.kind = SONDE_ANY_INTEGER;
		any.as.integer = value->as.integer;
		break;
	case KIND_REAL:
		any.kind = SONDE_ANY_DOUBLE;
		any.as.number = value->as.real;
		break;
	case KIND_TEXT:
		any.kind = SONDE_ANY_TEXT;
		any.length = value->as.text.length;
		any.as.data = value->as.text.data;
		break;
	default:
		return false;
	}
	*ret_any = any;
	return true;
}

static uint32_t comparison_of(uint8_t operation, bool turned)
{
	switch (operation) {
	case OPERATION_EQUAL:
		return SONDE_EQUAL;
	case OPERATION_UNEQUAL:
		return SONDE_NOT_EQUAL;
	case OPERATION_LESS:
		return turned ? SONDE_MORE : SONDE_LESS;
	case OPERATION_LESS_EQUAL:
		return turned ? SONDE_MORE_OR_EQUAL : SONDE_LESS_OR_EQUAL;
	case OPERATION_MORE:
		return turned ? SONDE_LESS : SONDE_MORE;
	case OPERATION_MORE_EQUAL:
		return turned ? SONDE_LESS_OR_EQUAL : SONDE_MORE_OR_EQUAL;
	default:
		return 0;
	}
}

/* Each returns 1: told; 0: it cannot be said; or what `tell` failed with. */
static int tell(const struct conditions *c, const char *name, uint32_t comparison,
		const struct sonde_any *values, uint32_t count)
{
	struct sonde_condition condition = {
		.column = name, .comparison = comparison, .value_count = count, .values = values
	};
	int result = c->tell(c->data, &condition);

	return result < 0 ? result : 1;
}

static int tell_comparison(const struct conditions *c, const struct node *node)
{
	const struct node *left = &c->expression->nodes[node->left];
	const struct node *right = &c->expression->nodes[node->right];
	char name[EXPRESSION_NAME_BYTES + 1];
	struct sonde_any value;
	bool turned = left->kind == NODE_LITERAL;

	if (turned) {
		const struct node *swap = left;

		left = right;
		right = swap;
	}
	if (!name_of(left, name) || !value_of(right, &value))
		return 0;
	return tell(c, name, comparison_of(node->operation, turned), &value, 1);
}

static int tell_list(const struct conditions *c, const struct node *node)
{
	const struct node *items = &c->expression->nodes[node->right];
	char name[EXPRESSION_NAME_BYTES + 1];
	struct sonde_any *values;
	int result = 1;

	if (!name_of(&c->expression->nodes[node->left], name))
		return 0;
	values = calloc(node->count + 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->count && result; i++)
		result = value_of(&items[i], &values[i]);
	if (result)
		result = tell(c, name, node->negated ? SONDE_NOT_EQUAL : SONDE_EQUAL, values,
			      node->count);
	free(values);
	return result;
}

static int tell_all(const struct conditions *c, const struct node *node);

static int tell_node(const struct conditions *c, uint32_t index)
{
	const struct node *node = &c->expression->nodes[index];
	char name[EXPRESSION_NAME_BYTES + 1];
	struct sonde_any yes = { .kind = SONDE_ANY_BOOL, .as.boolean = true };

	switch (node->kind) {
	case NODE_AND:
		return tell_all(c, node); /* no deeper than the parser lets it be */
	case NODE_COMPARE:
		return tell_comparison(c, node);
	case NODE_IN:
		return tell_list(c, node);
	case NODE_NAME:
		return name_of(node, name) ? tell(c, name, SONDE_EQUAL, &yes, 1) : 0;
	case NODE_NULL:
		if (!name_of(&c->expression->nodes[node->left], name))
			return 0;
		return tell(c, name, node->negated ? SONDE_IS_NOT_NULL : SONDE_IS_NULL, NULL, 0);
	default:
		return 0;
	}
}

static int tell_all(const struct conditions *c, const struct node *node)
{
	uint32_t operand = node->left;
	int result, whole = 1;

	for (uint32_t i = 0; i < node->count; i++) {
		result = tell_node(c, operand);
		if (result < 0)
			return result;
		whole &= result;
		operand = c->expression->nodes[operand].next;
	}
	return whole;
}

int expression_conditions(const struct expression *expression, expression_condition *callback,
			  void *data)
{
	const struct conditions c = { expression, callback, data };

	return tell_node(&c, expression->root);
}

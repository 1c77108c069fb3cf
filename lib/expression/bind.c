// SPDX-License-Identifier: Apache-2.0
/* Which columns of a table the names of an expression mean, and how each of its nodes is worked out
 * over them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../core/name.h"
#include "bind.h"

struct binder {
	const struct expression *expression;
	const struct known *columns;
	uint32_t column_count;
	struct binding *binding;
	bind_problem *problem;
	void *data;
};

uint32_t column_kind(uint32_t type, uint32_t role)
{
	switch (type) {
	case SONDE_BOOL:
		return KIND_BOOLEAN;
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_I32:
	case SONDE_I64:
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
	case SONDE_TIME:
	case SONDE_DURATION:
		return KIND_INTEGER;
	case SONDE_U64:
		return KIND_UNSIGNED;
	case SONDE_DOUBLE:
		return KIND_REAL;
	case SONDE_TEXT:
	case SONDE_BYTES: /* METRIC: its name */
		return KIND_TEXT;
	case SONDE_ID8:
	case SONDE_ID16:
		return KIND_ID;
	case SONDE_ANY:
		return role == SONDE_ROLE_ATTRIBUTES ? KIND_OTHER : KIND_ANY;
	default:
		return KIND_OTHER;
	}
}

static const char *bound_name(uint32_t kind)
{
	static const char *const names[] = {
		[KIND_BOOLEAN] = "true or false", [KIND_INTEGER] = "a number",
		[KIND_UNSIGNED] = "a number",     [KIND_REAL] = "a number",
		[KIND_TEXT] = "a text",           [KIND_ID] = "an id",
		[KIND_ANY] = "of any type",       [KIND_OTHER] = "a histogram or nested",
	};

	return names[kind];
}

static struct bound *bound_at(const struct binder *binder, uint32_t node)
{
	return &binder->binding->bounds[node];
}

__attribute__((format(printf, 4, 5))) static void say(struct binder *binder, uint32_t node,
						      bool missing, const char *format, ...)
{
	struct expression_error error;
	char text[sizeof(error.text)];
	va_list arguments;

	if (missing)
		binder->binding->missing = true;
	else
		binder->binding->mismatch = true;
	if (!binder->problem)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)expression_fail(binder->expression->text, binder->expression->nodes[node].offset,
			      &error, "%s", text);
	binder->problem(binder->data, node, missing, &error);
}

/* The node is null in this table, since an operand does not fit. */
static void misfit(struct binder *binder, uint32_t operand, const char *wanted)
{
	const struct node *node = &binder->expression->nodes[operand];
	uint32_t kind = bound_at(binder, operand)->kind;

	if (kind == KIND_NONE) /* missing, or told already */
		return;
	if (node->kind == NODE_NAME)
		say(binder, operand, false, "%.*s is %s here, and %s is needed",
		    (int)node->value.as.text.length, node->value.as.text.data, bound_name(kind),
		    wanted);
	else
		say(binder, operand, false, "this is %s, and %s is needed", bound_name(kind),
		    wanted);
}

/* ---- names ------------------------------------------------------------------------------- */

static bool is_called(const struct known *column, struct sonde_text name)
{
	return strlen(column->name) == name.length && !memcmp(column->name, name.data, name.length);
}

static uint32_t find_named(const struct binder *binder, struct sonde_text name, uint32_t scope)
{
	for (uint32_t i = 0; i < binder->column_count; i++) {
		if (binder->columns[i].scope == scope && is_called(&binder->columns[i], name))
			return i;
	}
	return UINT32_MAX;
}

static uint32_t find_role(const struct binder *binder, uint32_t role, bool *ret_several)
{
	uint32_t found = UINT32_MAX, count = 0;

	for (uint32_t i = 0; role && i < binder->column_count; i++) {
		const struct known *column = &binder->columns[i];

		if (column->role != role)
			continue;
		if (found == UINT32_MAX)
			found = i;
		count += kind_is_number(column_kind(column->type, role));
	}
	*ret_several = role == SONDE_ROLE_VALUE && count > 1;
	return found;
}

static uint32_t find_column(const struct binder *binder, const struct node *node, bool *ret_several)
{
	static const uint32_t scopes[] = { SONDE_SCOPE_ROW, SONDE_SCOPE_SCOPE,
					   SONDE_SCOPE_RESOURCE };
	uint32_t found = UINT32_MAX;

	*ret_several = false;
	if (node->where == WHERE_ROLE)
		return find_role(binder, node->role, ret_several);
	for (uint32_t i = 0; i < 3 && found == UINT32_MAX; i++) {
		if (node->where == WHERE_ANY || node->where == WHERE_ROW + i)
			found = find_named(binder, node->value.as.text, scopes[i]);
	}
	if (found == UINT32_MAX && node->where == WHERE_ANY)
		found = find_role(binder, node->role, ret_several);
	return found;
}

static void explain_missing(struct binder *binder, uint32_t index, const struct node *node)
{
	const char **names = calloc(binder->column_count + 1, sizeof(*names));
	char name[EXPRESSION_NAME_BYTES + 1], hint[EXPRESSION_NAME_BYTES + 32] = "";

	memcpy(name, node->value.as.text.data, node->value.as.text.length);
	name[node->value.as.text.length] = '\0';
	for (uint32_t i = 0; names && i < binder->column_count; i++)
		names[i] = binder->columns[i].name;
	if (names)
		nearest_hint(name, names, binder->column_count, hint, sizeof(hint));
	say(binder, index, true, "there is no column \"%.64s\"%s", name, hint);
	free(names);
}

static void bind_name(struct binder *binder, uint32_t index, const struct node *node)
{
	struct bound *bound = bound_at(binder, index);

	bound->column = find_column(binder, node, &bound->several);
	if (bound->column == UINT32_MAX) {
		explain_missing(binder, index, node);
		return;
	}
	bound->type = binder->columns[bound->column].type;
	bound->kind = bound->several ? (uint8_t)KIND_REAL
				     : (uint8_t)column_kind(bound->type,
							    binder->columns[bound->column].role);
}

/* ---- conditions -------------------------------------------------------------------------- */

/* Sees that an operand is true or false; a column of any type is asked. */
static void bind_condition(struct binder *binder, uint32_t operand)
{
	struct bound *bound = bound_at(binder, operand);
	const struct node *node = &binder->expression->nodes[operand];

	if (node->kind == NODE_LITERAL)
		bound->form = FORM_LITERAL;
	else if (node->kind != NODE_NAME)
		return;
	else if (bound->kind == KIND_BOOLEAN)
		bound->form = FORM_BOOLEANS;
	else if (bound->kind == KIND_ANY)
		bound->form = FORM_ENTRIES;
	else
		misfit(binder, operand, "true or false");
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Whether an operand can be reckoned with; else it is said, and null. */
static bool bind_number(struct binder *binder, uint32_t operand)
{
	uint32_t kind = bound_at(binder, operand)->kind;

	if (kind_is_number(kind) || kind == KIND_ANY)
		return true;
	misfit(binder, operand, "a number");
	return false;
}

static void bind_arithmetic(struct binder *binder, uint32_t index, const struct node *node)
{
	struct bound *bound = bound_at(binder, index);
	const struct bound *left = bound_at(binder, node->left);
	const struct bound *right = bound_at(binder, node->right);
	bool fits = bind_number(binder, node->left);

	if (node->kind == NODE_NEGATE) {
		if (fits)
			bound->kind = left->kind == KIND_REAL || left->kind == KIND_ANY
					      ? KIND_REAL
					      : KIND_INTEGER;
		return;
	}
	if (!bind_number(binder, node->right) || !fits)
		return;
	if (node->operation == OPERATION_DIVIDE || left->kind == KIND_REAL ||
	    left->kind == KIND_ANY || right->kind == KIND_REAL || right->kind == KIND_ANY)
		bound->kind = KIND_REAL;
	else
		bound->kind = KIND_INTEGER;
}

/* ---- ids --------------------------------------------------------------------------------- */

static int hex_value(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f')
		return (letter | 0x20) - 'a' + 10;
	return -1;
}

static bool id_read(struct sonde_text text, uint32_t size, unsigned char *ret_id)
{
	if (text.length != size * 2)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_id[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static int compare_ids8(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static int compare_ids16(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* The literals from `first` on as ids of the column's size. */
static int bind_ids(struct binder *binder, uint32_t index, const struct node *node, uint32_t first,
		    uint32_t count)
{
	struct bound *bound = bound_at(binder, index);
	uint32_t size = bound_at(binder, node->left)->type == SONDE_ID16 ? 16 : 8;
	unsigned char *ids = calloc(count, size);

	if (!ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct value *value = &binder->expression->nodes[first + i].value;

		if (id_read(value->as.text, size, ids + (size_t)i * size))
			continue;
		say(binder, first + i, false, "an id of %u hexadecimal digits is needed here",
		    size * 2);
		free(ids);
		return 0;
	}
	qsort(ids, count, size, size == 16 ? compare_ids16 : compare_ids8);
	bound->form = FORM_IDS;
	bound->ids = ids;
	bound->id_count = count;
	bound->id_size = size;
	return 0;
}

/* ---- comparisons ------------------------------------------------------------------------- */

/* A name against a literal. */
static int bind_literal(struct binder *binder, uint32_t index, const struct node *node,
			const struct value *literal)
{
	const struct bound *left = bound_at(binder, node->left);
	struct bound *bound = bound_at(binder, index);
	bool equality = node->operation <= OPERATION_UNEQUAL;

	if (left->kind == KIND_ANY)
		bound->form = FORM_ENTRIES;
	else if (literal->kind == KIND_TEXT && left->kind == KIND_TEXT)
		bound->form = FORM_ENTRIES;
	else if (literal->kind == KIND_TEXT && left->kind == KIND_ID && equality)
		return bind_ids(binder, index, node, node->right, 1);
	else if (literal->kind == KIND_TEXT)
		misfit(binder, node->left, equality ? "a text or an id" : "a text");
	else if (literal->kind == KIND_BOOLEAN)
		misfit(binder, node->left, "true or false");
	else if (!kind_is_number(left->kind))
		misfit(binder, node->left, "a number");
	else if (left->several)
		bound->form = FORM_NUMBERS;
	else {
		bound->form = FORM_RANGE;
		bound->range = range_of(left->type, node->operation, literal);
	}
	return 0;
}

static bool is_condition(const struct binder *binder, uint32_t operand)
{
	return bound_at(binder, operand)->kind == KIND_BOOLEAN;
}

static void bind_pair(struct binder *binder, uint32_t index, const struct node *node)
{
	const struct bound *left = bound_at(binder, node->left);
	const struct bound *right = bound_at(binder, node->right);
	struct bound *bound = bound_at(binder, index);
	bool left_text = left->kind == KIND_TEXT || left->kind == KIND_ANY;
	bool right_text = right->kind == KIND_TEXT || right->kind == KIND_ANY;

	if (left->kind == KIND_NONE || right->kind == KIND_NONE)
		return;
	if (left_text && right_text) {
		bound->form = FORM_TEXTS;
	} else if (left->kind == KIND_ID && right->kind == KIND_ID && left->type == right->type &&
		   node->operation <= OPERATION_UNEQUAL) {
		bound->form = FORM_ID_PAIRS;
	} else if ((kind_is_number(left->kind) || left->kind == KIND_ANY) &&
		   (kind_is_number(right->kind) || right->kind == KIND_ANY)) {
		bound->form = FORM_NUMBERS;
	} else if (node->operation > OPERATION_UNEQUAL &&
		   (left->kind == right->kind || (left->kind == KIND_ID && left_text))) {
		say(binder, index, false, "values that are %s have no order",
		    bound_name(left->kind));
	} else {
		say(binder, index, false, "the left side is %s here, the right side %s",
		    bound_name(left->kind), bound_name(right->kind));
	}
}

static int bind_compare(struct binder *binder, uint32_t index, const struct node *node)
{
	const struct node *left = &binder->expression->nodes[node->left];
	const struct node *right = &binder->expression->nodes[node->right];

	if (left->kind == NODE_NAME && right->kind == NODE_LITERAL &&
	    !(right->value.kind == KIND_BOOLEAN && is_condition(binder, node->left)))
		return bind_literal(binder, index, node, &right->value);
	if (is_condition(binder, node->left) && is_condition(binder, node->right)) {
		if (node->operation > OPERATION_UNEQUAL) {
			say(binder, index, false, "true and false have no order");
			return 0;
		}
		bind_condition(binder, node->left);
		bind_condition(binder, node->right);
		bound_at(binder, index)->form = FORM_TRUTHS;
		return 0;
	}
	bind_pair(binder, index, node);
	return 0;
}

/* contains and its kin: the left is a name or a text. */
static void bind_text(struct binder *binder, uint32_t index, const struct node *node)
{
	uint32_t kind = bound_at(binder, node->left)->kind;

	if (kind != KIND_TEXT && kind != KIND_ANY)
		misfit(binder, node->left, "a text");
	else if (binder->expression->nodes[node->left].kind != NODE_NAME)
		bound_at(binder, index)->form = FORM_TEXTS;
	else
		bound_at(binder, index)->form = FORM_ENTRIES;
}

static int bind_in(struct binder *binder, uint32_t index, const struct node *node)
{
	const struct node *left = &binder->expression->nodes[node->left];
	const struct value *item = &binder->expression->nodes[node->right].value;
	uint32_t kind = bound_at(binder, node->left)->kind;

	if (item->kind != KIND_TEXT) {
		if (kind == KIND_ANY)
			bound_at(binder, index)->form = FORM_ENTRIES;
		else if (bind_number(binder, node->left))
			bound_at(binder, index)->form = FORM_LIST;
		return 0;
	}
	if (kind == KIND_ID)
		return bind_ids(binder, index, node, node->right, node->count);
	if (kind != KIND_TEXT && kind != KIND_ANY)
		misfit(binder, node->left, "a text or an id");
	else
		bound_at(binder, index)->form = left->kind != NODE_NAME ? FORM_TEXTS : FORM_ENTRIES;
	return 0;
}

/* ---- all --------------------------------------------------------------------------------- */

static void bind_logic(struct binder *binder, uint32_t index, const struct node *node)
{
	uint32_t operand = node->left;

	bound_at(binder, index)->form = FORM_LOGIC;
	bind_condition(binder, operand);
	for (uint32_t i = 1; node->kind != NODE_NOT && i < node->count; i++) {
		operand = binder->expression->nodes[operand].next;
		bind_condition(binder, operand);
	}
}

/* Its operands are names and values; those that cannot be written leave it null. */
static void bind_concat(struct binder *binder, const struct node *node)
{
	uint32_t operand = node->left;

	for (uint32_t i = 0; i < node->count; i++) {
		if (bound_at(binder, operand)->kind == KIND_OTHER)
			misfit(binder, operand, "a text, a number or an id");
		operand = binder->expression->nodes[operand].next;
	}
}

static int bind_node(struct binder *binder, uint32_t index)
{
	const struct node *node = &binder->expression->nodes[index];
	struct bound *bound = bound_at(binder, index);

	if (node->kind > NODE_NAME && node->kind != NODE_ARITHMETIC && node->kind != NODE_NEGATE)
		bound->kind = node->kind == NODE_CONCAT ? KIND_TEXT : KIND_BOOLEAN;
	switch (node->kind) {
	case NODE_LITERAL:
		bound->kind = node->value.kind;
		return 0;
	case NODE_NAME:
		bind_name(binder, index, node);
		return 0;
	case NODE_NOT:
	case NODE_AND:
	case NODE_OR:
		bind_logic(binder, index, node);
		return 0;
	case NODE_COMPARE:
		return bind_compare(binder, index, node);
	case NODE_TEXT:
		bind_text(binder, index, node);
		return 0;
	case NODE_IN:
		return bind_in(binder, index, node);
	case NODE_NULL:
		bound->form = FORM_MISSING;
		return 0;
	case NODE_CONCAT:
		bind_concat(binder, node);
		return 0;
	default:
		bind_arithmetic(binder, index, node);
		return 0;
	}
}

int expression_bind(const struct expression *expression, const struct known *columns,
		    uint32_t column_count, struct binding *binding, bind_problem *problem,
		    void *data)
{
	struct binder binder = { .expression = expression,
				 .columns = columns,
				 .column_count = column_count,
				 .binding = binding,
				 .problem = problem,
				 .data = data };
	int result = 0;

	/* Operands come before their operator. */
	for (uint32_t node = 0; node < expression->node_count && !result; node++)
		result = bind_node(&binder, node);
	if (!result && !expression->gives_value)
		bind_condition(&binder, expression->root);
	return result;
}

void binding_clear(const struct expression *expression, struct binding *binding)
{
	for (uint32_t node = 0; binding->bounds && node < expression->node_count; node++)
		free(binding->bounds[node].ids);
	free(binding->bounds);
	*binding = (struct binding){ 0 };
}

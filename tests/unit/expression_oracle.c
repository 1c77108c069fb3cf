// SPDX-License-Identifier: Apache-2.0
/* What an expression comes to for one row, found in the plainest way: values one by one, no
 * columns, no memory, and readers of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expression_table.h"
#include "../../core/quantity.h"
#include "otlp_host.h"
#include "pattern.h"

/* A value of one row. NONE is null; ids are texts of their bytes. */
struct cell {
	uint32_t kind; /* enum value_kind; NONE, BOOLEAN, INTEGER, UNSIGNED, REAL, TEXT, ID */
	bool from_any;
	bool boolean;
	long double number;
	double real;
	struct sonde_text text;
};

struct view {
	const struct expression *expression;
	const struct sonde_batch *batch;
	uint32_t row;
};

static const struct cell null_cell;

static bool is_number(struct cell cell)
{
	return kind_is_number(cell.kind);
}

static struct cell real_cell(double real)
{
	return (struct cell){ .kind = KIND_REAL, .real = real, .number = real };
}

static struct cell integer_cell(long double number)
{
	return (struct cell){ .kind = KIND_INTEGER, .real = (double)number, .number = number };
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool name_is(const struct sonde_column *column, const struct node *node)
{
	return strlen(column->name) == node->value.as.text.length &&
	       !memcmp(column->name, node->value.as.text.data, node->value.as.text.length);
}

static const struct sonde_column *column_of(const struct view *view, const struct node *node)
{
	static const struct {
		uint32_t where, scope;
	} order[] = { { WHERE_ROW, SONDE_SCOPE_ROW },
		      { WHERE_SCOPE, SONDE_SCOPE_SCOPE },
		      { WHERE_RESOURCE, SONDE_SCOPE_RESOURCE } };

	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t c = 0; c < view->batch->column_count; c++) {
			const struct sonde_column *column = sonde_column(view->batch, c);

			if ((node->where == WHERE_ANY || node->where == order[i].where) &&
			    column->scope == order[i].scope && name_is(column, node))
				return column;
		}
	}
	if (!node->role || (node->where != WHERE_ANY && node->where != WHERE_ROLE))
		return NULL;
	for (uint32_t c = 0; c < view->batch->column_count; c++) {
		if (sonde_column(view->batch, c)->role == node->role)
			return sonde_column(view->batch, c);
	}
	return NULL;
}

static struct cell read_any(struct sonde_text encoded)
{
	struct sonde_any any;
	uint32_t count;
	struct cell cell = null_cell;

	if (sonde_any_decode(&otlp_instance, encoded.data, encoded.length, &any, 1, &count))
		return null_cell;
	if (any.kind == SONDE_ANY_BOOL)
		cell = (struct cell){ .kind = KIND_BOOLEAN, .boolean = any.as.boolean };
	else if (any.kind == SONDE_ANY_INTEGER)
		cell = integer_cell(any.as.integer);
	else if (any.kind == SONDE_ANY_DOUBLE)
		cell = real_cell(any.as.number);
	else if (any.kind == SONDE_ANY_TEXT || any.kind == SONDE_ANY_BYTES)
		cell = (struct cell){ .kind = KIND_TEXT, .text = { any.as.data, any.length, 0 } };
	cell.from_any = true;
	return cell;
}

static struct cell read_column(const struct view *view, const struct sonde_column *column)
{
	const void *at = sonde_value(column, view->row);
	struct sonde_text text = sonde_text_at(column, view->row);
	struct sonde_metric metric;
	uint64_t number;
	int64_t integer;
	double real;

	if (!sonde_valid(column, view->row))
		return null_cell;
	switch (column->type) {
	case SONDE_BOOL:
		return (struct cell){ .kind = KIND_BOOLEAN, .boolean = *(const bool *)at };
	case SONDE_I64:
	case SONDE_TIME:
	case SONDE_DURATION:
		memcpy(&integer, at, sizeof(integer));
		return integer_cell(integer);
	case SONDE_U64:
		memcpy(&number, at, sizeof(number));
		return (struct cell){ .kind = KIND_UNSIGNED,
				      .number = number,
				      .real = (double)number };
	case SONDE_DOUBLE:
		memcpy(&real, at, sizeof(real));
		return real_cell(real);
	case SONDE_TEXT:
		return (struct cell){ .kind = KIND_TEXT, .text = text };
	case SONDE_BYTES:
		if (sonde_metric_decode(&otlp_instance, text.data, text.length, &metric))
			return null_cell;
		return (struct cell){ .kind = KIND_TEXT, .text = metric.name };
	case SONDE_ID8:
	case SONDE_ID16:
		return (struct cell){ .kind = KIND_ID, .text = { at, column->value_size, 0 } };
	case SONDE_ANY:
		return read_any(text);
	case SONDE_EXPONENTIAL:
		return null_cell;
	default:
		return integer_cell(sonde_number_at(column, view->row));
	}
}

/* Columns of the role `value`, if it is by its role that they are asked: the first that is there.
 */
static struct cell read_values(const struct view *view, const struct node *node)
{
	for (uint32_t c = 0; c < view->batch->column_count; c++) {
		const struct sonde_column *column = sonde_column(view->batch, c);

		if (column->role == node->role && sonde_valid(column, view->row))
			return real_cell(read_column(view, column).real);
	}
	return null_cell;
}

static struct cell read_literal(const struct value *value)
{
	switch (value->kind) {
	case KIND_BOOLEAN:
		return (struct cell){ .kind = KIND_BOOLEAN, .boolean = value->as.boolean };
	case KIND_INTEGER:
		return integer_cell(value->as.integer);
	case KIND_UNSIGNED:
		return (struct cell){ .kind = KIND_UNSIGNED,
				      .number = value->as.number,
				      .real = (double)value->as.number };
	case KIND_REAL:
		return real_cell(value->as.real);
	default:
		return (struct cell){ .kind = KIND_TEXT, .text = value->as.text };
	}
}

/* ---- reckoning --------------------------------------------------------------------------- */

static struct cell cell_of(const struct view *view, uint32_t index);

static struct cell whole(long double number)
{
	if (number < (long double)INT64_MIN || number > (long double)INT64_MAX)
		return null_cell;
	return integer_cell(number);
}

static struct cell reckon_whole(uint32_t operation, long double a, long double b)
{
	int64_t result;

	if (a > (long double)INT64_MAX || b > (long double)INT64_MAX)
		return null_cell;
	switch (operation) {
	case OPERATION_ADD:
		return __builtin_add_overflow((int64_t)a, (int64_t)b, &result)
			       ? null_cell
			       : integer_cell(result);
	case OPERATION_SUBTRACT:
		return __builtin_sub_overflow((int64_t)a, (int64_t)b, &result)
			       ? null_cell
			       : integer_cell(result);
	case OPERATION_MULTIPLY:
		return __builtin_mul_overflow((int64_t)a, (int64_t)b, &result)
			       ? null_cell
			       : integer_cell(result);
	default:
		return b == 0 ? null_cell : integer_cell(fmodl(a, b));
	}
}

static struct cell reckon(const struct view *view, const struct node *node)
{
	struct cell a = cell_of(view, node->left), b = cell_of(view, node->right);
	bool real = node->operation == OPERATION_DIVIDE || a.kind == KIND_REAL ||
		    b.kind == KIND_REAL || a.from_any || b.from_any;

	if (!is_number(a) || !is_number(b))
		return null_cell;
	if (!real)
		return reckon_whole(node->operation, a.number, b.number);
	switch (node->operation) {
	case OPERATION_ADD:
		return real_cell(a.real + b.real);
	case OPERATION_SUBTRACT:
		return real_cell(a.real - b.real);
	case OPERATION_MULTIPLY:
		return real_cell(a.real * b.real);
	case OPERATION_DIVIDE:
		return b.real == 0 ? null_cell : real_cell(a.real / b.real);
	default:
		return b.real == 0 ? null_cell : real_cell(fmod(a.real, b.real));
	}
}

/* A cell as concat writes it: the text itself, or one in `room`; false: it cannot. */
static bool cell_write(struct cell cell, char room[64], struct sonde_text *ret_text)
{
	char number[32];

	switch (cell.kind) {
	case KIND_BOOLEAN:
		(void)snprintf(room, 64, "%s", cell.boolean ? "true" : "false");
		break;
	case KIND_INTEGER:
	case KIND_UNSIGNED:
		(void)snprintf(room, 64, "%.0Lf", cell.number);
		break;
	case KIND_REAL:
		(void)snprintf(room, 64, "%s", double_print(cell.real, number));
		break;
	case KIND_TEXT:
		*ret_text = cell.text;
		return true;
	case KIND_ID:
		for (uint32_t i = 0; i < cell.text.length; i++)
			(void)snprintf(room + (size_t)2 * i, 64 - (size_t)2 * i, "%02x",
				       (unsigned char)cell.text.data[i]);
		break;
	default:
		return false;
	}
	*ret_text = (struct sonde_text){ room, (uint32_t)strlen(room), 0 };
	return true;
}

/* The last few texts of concat are there at once. */
static struct cell join(const struct view *view, const struct node *node)
{
	static char texts[8][EXPRESSION_TEXT_BYTES];
	static uint32_t next;
	char *text = malloc(EXPRESSION_TEXT_BYTES), room[64];
	uint32_t operand = node->left, length = 0;
	struct cell made = { .kind = KIND_TEXT };

	for (uint32_t i = 0; i < node->count && made.kind; i++) {
		struct sonde_text part;

		if (!cell_write(cell_of(view, operand), room, &part) ||
		    part.length > EXPRESSION_TEXT_BYTES - length) {
			made.kind = KIND_NONE;
			break;
		}
		if (part.length)
			memcpy(text + length, part.data, part.length);
		length += part.length;
		operand = view->expression->nodes[operand].next;
	}
	made.text = (struct sonde_text){ texts[next], length, 0 };
	memcpy(texts[next], text, length);
	next = (next + 1) % 8;
	free(text);
	return made.kind ? made : null_cell;
}

static struct cell cell_of(const struct view *view, uint32_t index)
{
	const struct node *node = &view->expression->nodes[index];
	const struct sonde_column *column;
	enum verdict verdict;
	struct cell cell;

	switch (node->kind) {
	case NODE_LITERAL:
		return read_literal(&node->value);
	case NODE_NAME:
		column = column_of(view, node);
		if (column && column->role == SONDE_ROLE_VALUE && node->role == SONDE_ROLE_VALUE &&
		    !name_is(column, node))
			return read_values(view, node);
		return column ? read_column(view, column) : null_cell;
	case NODE_ARITHMETIC:
		return reckon(view, node);
	case NODE_CONCAT:
		return join(view, node);
	case NODE_NEGATE:
		cell = cell_of(view, node->left);
		if (!is_number(cell))
			return null_cell;
		if (cell.kind == KIND_REAL || cell.from_any)
			return real_cell(-cell.real);
		return cell.number > (long double)INT64_MAX ? null_cell : whole(-cell.number);
	default:
		verdict = oracle_judge(
			&(struct expression){ .nodes = view->expression->nodes,
					      .node_count = view->expression->node_count,
					      .patterns = view->expression->patterns,
					      .root = index },
			view->batch, view->row);
		if (verdict == VERDICT_NULL)
			return null_cell;
		return (struct cell){ .kind = KIND_BOOLEAN, .boolean = verdict == VERDICT_YES };
	}
}

/* ---- judging ----------------------------------------------------------------------------- */

static enum verdict verdict_of(bool yes)
{
	return yes ? VERDICT_YES : VERDICT_NO;
}

static bool holds(uint32_t operation, bool less, bool equal, bool more)
{
	switch (operation) {
	case OPERATION_EQUAL:
		return equal;
	case OPERATION_UNEQUAL:
		return !equal;
	case OPERATION_LESS:
		return less;
	case OPERATION_LESS_EQUAL:
		return less || equal;
	case OPERATION_MORE:
		return more;
	default:
		return more || equal;
	}
}

static enum verdict compare_texts(uint32_t operation, struct sonde_text a, struct sonde_text b)
{
	int order = 0;

	for (uint32_t i = 0; i < a.length && i < b.length && !order; i++)
		order = (unsigned char)a.data[i] - (unsigned char)b.data[i];
	if (!order)
		order = (a.length > b.length) - (a.length < b.length);
	return verdict_of(holds(operation, order<0, order == 0, order> 0));
}

/* Hexadecimal digits as bytes; false: they are no id of this size. */
static bool id_of(struct sonde_text text, uint32_t size, unsigned char *bytes)
{
	if (text.length != 2 * size)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		unsigned byte;
		char digits[3] = { text.data[2 * i], text.data[2 * i + 1], '\0' };

		if (strspn(digits, "0123456789abcdefABCDEF") != 2 ||
		    sscanf(digits, "%x", &byte) != 1)
			return false;
		bytes[i] = (unsigned char)byte;
	}
	return true;
}

/* literal: the right side is one. */
static enum verdict compare(uint32_t operation, struct cell a, struct cell b, bool literal)
{
	bool equality = operation == OPERATION_EQUAL || operation == OPERATION_UNEQUAL;
	unsigned char bytes[16];

	if (a.from_any && b.from_any && (a.kind != KIND_TEXT || b.kind != KIND_TEXT))
		return VERDICT_NULL; /* two that may be anything are compared as texts */
	if (is_number(a) && is_number(b)) {
		/* Beside what is no literal, what may be anything is a real. */
		long double x = a.from_any && !literal ? a.real : a.number;
		long double y = b.from_any && !literal ? b.real : b.number;

		return verdict_of(holds(operation, x<y, x == y, x> y));
	}
	if (a.kind == KIND_TEXT && b.kind == KIND_TEXT)
		return compare_texts(operation, a.text, b.text);
	if (a.kind == KIND_BOOLEAN && b.kind == KIND_BOOLEAN && equality &&
	    ((!a.from_any && !b.from_any) || literal))
		return verdict_of((a.boolean == b.boolean) == (operation == OPERATION_EQUAL));
	if (a.kind == KIND_ID && b.kind == KIND_TEXT && literal && equality &&
	    id_of(b.text, a.text.length, bytes))
		return verdict_of(!memcmp(bytes, a.text.data, a.text.length) ==
				  (operation == OPERATION_EQUAL));
	if (a.kind == KIND_ID && b.kind == KIND_ID && equality && a.text.length == b.text.length)
		return verdict_of(!memcmp(a.text.data, b.text.data, a.text.length) ==
				  (operation == OPERATION_EQUAL));
	return VERDICT_NULL;
}

static enum verdict judge_compare(const struct view *view, const struct node *node)
{
	const struct node *left = &view->expression->nodes[node->left];
	const struct node *right = &view->expression->nodes[node->right];

	return compare(node->operation, cell_of(view, node->left), cell_of(view, node->right),
		       right->kind == NODE_LITERAL && left->kind == NODE_NAME);
}

static enum verdict judge_in(const struct view *view, const struct node *node)
{
	struct cell cell = cell_of(view, node->left);
	bool named = view->expression->nodes[node->left].kind == NODE_NAME;
	enum verdict found = VERDICT_NO;

	for (uint32_t i = 0; i < node->count; i++) {
		const struct value *item = &view->expression->nodes[node->right + i].value;
		enum verdict same = compare(OPERATION_EQUAL, cell, read_literal(item), named);

		if (same == VERDICT_NULL)
			return VERDICT_NULL;
		if (same == VERDICT_YES)
			found = VERDICT_YES;
	}
	return verdict_of((found == VERDICT_YES) != node->negated);
}

static enum verdict judge_text(const struct view *view, const struct node *node)
{
	struct sonde_text given = view->expression->nodes[node->right].value.as.text;
	struct cell cell = cell_of(view, node->left);
	struct pattern_scratch *scratch;
	bool found = false;

	if (cell.kind != KIND_TEXT)
		return VERDICT_NULL;
	if (node->operation == OPERATION_MATCHES) {
		scratch = pattern_scratch_create();
		found = pattern_match(view->expression->patterns[node->pattern], scratch,
				      cell.text) == 1;
		pattern_scratch_release(scratch);
		return verdict_of(found != node->negated);
	}
	for (uint32_t at = 0; at + given.length <= cell.text.length; at++) {
		if ((node->operation == OPERATION_STARTS && at) ||
		    (node->operation == OPERATION_ENDS && at + given.length != cell.text.length))
			continue;
		found = found ||
			compare_texts(OPERATION_EQUAL, given,
				      (struct sonde_text){ cell.text.data + at, given.length,
							   0 }) == VERDICT_YES;
	}
	return verdict_of(found != node->negated);
}

/* A column that is there has a value where it says so, whatever can be done with that. */
static bool has_value(const struct view *view, uint32_t index)
{
	const struct node *node = &view->expression->nodes[index];
	const struct sonde_column *column = node->kind == NODE_NAME ? column_of(view, node) : NULL;

	if (column && (column->role != SONDE_ROLE_VALUE || name_is(column, node)))
		return sonde_valid(column, view->row);
	return cell_of(view, index).kind != KIND_NONE;
}

/* A condition by itself. */
static enum verdict judge(const struct view *view, uint32_t index)
{
	const struct node *node = &view->expression->nodes[index];
	uint32_t operand = node->left;
	enum verdict all, next;
	struct cell cell;

	switch (node->kind) {
	case NODE_LITERAL:
	case NODE_NAME:
		cell = cell_of(view, index);
		return cell.kind == KIND_BOOLEAN ? verdict_of(cell.boolean) : VERDICT_NULL;
	case NODE_NOT:
		next = judge(view, operand);
		return next == VERDICT_NULL ? next : verdict_of(next == VERDICT_NO);
	case NODE_AND:
	case NODE_OR:
		all = judge(view, operand);
		for (uint32_t i = 1; i < node->count; i++) {
			enum verdict strong = verdict_of(node->kind == NODE_OR);

			operand = view->expression->nodes[operand].next;
			next = judge(view, operand);
			if (all == strong || next == strong)
				all = strong;
			else if (next == VERDICT_NULL)
				all = next;
		}
		return all;
	case NODE_COMPARE:
		return judge_compare(view, node);
	case NODE_IN:
		return judge_in(view, node);
	case NODE_TEXT:
		return judge_text(view, node);
	default:
		return verdict_of(has_value(view, node->left) == node->negated);
	}
}

enum verdict oracle_judge(const struct expression *expression, const struct sonde_batch *batch,
			  uint32_t row)
{
	return judge(&(struct view){ expression, batch, row }, expression->root);
}

bool oracle_agrees(const struct expression *expression, const struct sonde_batch *batch,
		   uint32_t row, const struct made *made)
{
	struct view view = { .expression = expression, .batch = batch, .row = row };
	struct cell cell = cell_of(&view, expression->root);
	uint32_t at = made->constant ? 0 : row;
	struct sonde_text text;
	uint64_t number;
	double real;

	if (!made->type)
		return cell.kind == KIND_NONE;
	if (!made->constant && !sonde_bit(made->valid, row))
		return cell.kind == KIND_NONE;
	if (made->type == SONDE_BOOL)
		return cell.kind == KIND_BOOLEAN &&
		       ((const unsigned char *)made->values)[at] == cell.boolean;
	if (made->type == SONDE_TEXT) {
		text = ((const struct sonde_text *)made->values)[at];
		return cell.kind == KIND_TEXT && text.length == cell.text.length &&
		       !memcmp(text.data, cell.text.data, text.length);
	}
	memcpy(&number, (const char *)made->values + (size_t)at * 8, sizeof(number));
	memcpy(&real, &number, sizeof(real));
	if (made->type == SONDE_DOUBLE)
		return is_number(cell) && (real == cell.real || (isnan(real) && isnan(cell.real)));
	if (made->type == SONDE_U64)
		return cell.kind == KIND_UNSIGNED && (long double)number == cell.number;
	return cell.kind == KIND_INTEGER && (long double)(int64_t)number == cell.number;
}

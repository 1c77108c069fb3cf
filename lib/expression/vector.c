// SPDX-License-Identifier: Apache-2.0
/* Numbers of a block of rows: read from columns, reckoned with, compared. */
#include <math.h>
#include "evaluate.h"

/* ---- reading ----------------------------------------------------------------------------- */

#define READ_LOOP(member_, type_, to_)                                                             \
	for (uint32_t i = 0; i < count; i++, at += column->stride) {                               \
		type_ value;                                                                       \
		memcpy(&value, at, sizeof(value));                                                 \
		vector->as.member_[i] = (to_)value;                                                \
	}                                                                                          \
	break

/* Whole columns, rows without a value too. */
static void read_numbers(const struct sonde_column *column, uint32_t start, uint32_t count,
			 struct vector *vector)
{
	const unsigned char *at = sonde_value(column, start);

	switch (column->type) {
	case SONDE_I8:
		READ_LOOP(integers, int8_t, int64_t);
	case SONDE_I16:
		READ_LOOP(integers, int16_t, int64_t);
	case SONDE_I32:
		READ_LOOP(integers, int32_t, int64_t);
	case SONDE_U8:
		READ_LOOP(integers, uint8_t, int64_t);
	case SONDE_U16:
		READ_LOOP(integers, uint16_t, int64_t);
	case SONDE_U32:
		READ_LOOP(integers, uint32_t, int64_t);
	case SONDE_DOUBLE:
		READ_LOOP(reals, double, double);
	default: /* of 64 bits, signed or not */
		READ_LOOP(numbers, uint64_t, uint64_t);
	}
}

static void make_real(const struct block *block, struct vector *vector)
{
	if (vector->kind == KIND_INTEGER) {
		for (uint32_t i = 0; i < block->count; i++)
			vector->as.reals[i] = (double)vector->as.integers[i];
	} else if (vector->kind == KIND_UNSIGNED) {
		for (uint32_t i = 0; i < block->count; i++)
			vector->as.reals[i] = (double)vector->as.numbers[i];
	}
	vector->kind = KIND_REAL;
}

/* What is above INT64_MAX becomes null. */
static void make_integer(const struct block *block, struct vector *vector)
{
	if (vector->kind == KIND_UNSIGNED) {
		for (uint32_t i = 0; i < block->count; i++) {
			if (vector->as.numbers[i] > INT64_MAX)
				vector->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
		}
	}
	vector->kind = KIND_INTEGER;
}

/* Values that say themselves what they are: numbers among them, as reals. */
static void read_any(const struct block *block, const struct sonde_column *column,
		     struct vector *vector)
{
	for (uint32_t i = 0; i < block->count; i++) {
		struct value value = { 0 };

		vector->as.reals[i] = 0;
		if (word_bit(vector->valid, i))
			value = any_value(sonde_text_at(column, block->start + i));
		if (value.kind == KIND_INTEGER)
			vector->as.reals[i] = (double)value.as.integer;
		else if (value.kind == KIND_REAL)
			vector->as.reals[i] = value.as.real;
		else
			vector->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
	}
}

static void read_column(const struct block *block, const struct sonde_column *column, uint32_t kind,
			struct vector *vector)
{
	uint32_t count = column->stride ? block->count : 1;

	vector->kind = kind == KIND_ANY ? KIND_REAL : (uint8_t)kind;
	block_bits(block, column->valid, vector->valid);
	if (kind == KIND_ANY) {
		read_any(block, column, vector);
		return;
	}
	read_numbers(column, block->start, count, vector);
	for (uint32_t i = count; i < block->count; i++)
		vector->as.numbers[i] = vector->as.numbers[0];
}

/* The first value that a row has in the columns of the role, as a real. */
static void read_several(struct work *work, const struct node *node, uint32_t slot,
			 struct vector *vector)
{
	struct vector next = { .as.reals = (double *)(work->slots + (slot + 1) * SLOT_BYTES) };

	vector->kind = KIND_REAL;
	memset(vector->valid, 0, sizeof(vector->valid));
	memset(vector->as.reals, 0, work->block.count * sizeof(double));
	for (uint32_t index = 0; index < work->block.batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(work->block.batch, index);
		uint32_t kind = column_kind(column->type, column->role);

		if (column->role != node->role || !kind_is_number(kind))
			continue;
		read_column(&work->block, column, kind, &next);
		make_real(&work->block, &next);
		for (uint32_t i = 0; i < work->block.count; i++) {
			if (!word_bit(vector->valid, i) && word_bit(next.valid, i))
				vector->as.reals[i] = next.as.reals[i];
		}
		for (uint32_t word = 0; word < work->block.words; word++)
			vector->valid[word] |= next.valid[word];
	}
}

static void read_name(struct work *work, uint32_t node, uint32_t slot, struct vector *vector)
{
	const struct bound *bound = &work->binding->bounds[node];

	if (bound->several)
		read_several(work, &work->expression->nodes[node], slot, vector);
	else
		read_column(&work->block, sonde_column(work->block.batch, bound->column),
			    bound->kind, vector);
}

static void read_literal(const struct block *block, const struct value *value,
			 struct vector *vector)
{
	vector->kind = value->kind;
	block_bits(block, NULL, vector->valid);
	for (uint32_t i = 0; i < block->count; i++)
		vector->as.numbers[i] = value->as.number; /* whichever of the three it is */
}

/* ---- reckoning --------------------------------------------------------------------------- */

static void reckon_reals(const struct block *block, enum operation operation, double *to,
			 const double *by)
{
	uint32_t count = block->count;

	switch (operation) {
	case OPERATION_ADD:
		for (uint32_t i = 0; i < count; i++)
			to[i] += by[i];
		return;
	case OPERATION_SUBTRACT:
		for (uint32_t i = 0; i < count; i++)
			to[i] -= by[i];
		return;
	case OPERATION_MULTIPLY:
		for (uint32_t i = 0; i < count; i++)
			to[i] *= by[i];
		return;
	case OPERATION_DIVIDE: /* by 0: those rows are null */
		for (uint32_t i = 0; i < count; i++)
			to[i] = by[i] == 0 ? 0 : to[i] / by[i];
		return;
	default:
		for (uint32_t i = 0; i < count; i++)
			to[i] = by[i] == 0 ? 0 : fmod(to[i], by[i]);
	}
}

/* False: the result does not fit, or there is none. */
static inline bool reckon_integer(enum operation operation, int64_t a, int64_t b, int64_t *result)
{
	switch (operation) {
	case OPERATION_ADD:
		return !__builtin_add_overflow(a, b, result);
	case OPERATION_SUBTRACT:
		return !__builtin_sub_overflow(a, b, result);
	case OPERATION_MULTIPLY:
		return !__builtin_mul_overflow(a, b, result);
	default:
		*result = b == 0 || b == -1 ? 0 : a % b; /* INT64_MIN % -1 would be a trap */
		return b != 0;
	}
}

static void reckon_integers(const struct block *block, enum operation operation, struct vector *to,
			    const int64_t *by)
{
	for (uint32_t i = 0; i < block->count; i++) {
		int64_t result = 0;

		if (!reckon_integer(operation, to->as.integers[i], by[i], &result)) {
			to->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
			result = 0;
		}
		to->as.integers[i] = result;
	}
}

static void drop_zeros(const struct block *block, struct vector *to, const double *by)
{
	for (uint32_t i = 0; i < block->count; i++) {
		if (by[i] == 0)
			to->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
	}
}

static void reckon(struct work *work, const struct node *node, uint32_t slot, struct vector *vector)
{
	const struct block *block = &work->block;
	struct vector by;

	vector_make(work, node->left, slot, vector);
	vector_make(work, node->right, slot + 1, &by);
	for (uint32_t word = 0; word < block->words; word++)
		vector->valid[word] &= by.valid[word];
	if (node->operation != OPERATION_DIVIDE && vector->kind != KIND_REAL &&
	    by.kind != KIND_REAL) {
		make_integer(block, vector);
		make_integer(block, &by);
		for (uint32_t word = 0; word < block->words; word++)
			vector->valid[word] &= by.valid[word];
		reckon_integers(block, node->operation, vector, by.as.integers);
		return;
	}
	make_real(block, vector);
	make_real(block, &by);
	if (node->operation >= OPERATION_DIVIDE)
		drop_zeros(block, vector, by.as.reals);
	reckon_reals(block, node->operation, vector->as.reals, by.as.reals);
}

static void negate(const struct block *block, struct vector *vector)
{
	if (vector->kind == KIND_REAL) {
		for (uint32_t i = 0; i < block->count; i++)
			vector->as.reals[i] = -vector->as.reals[i];
		return;
	}
	make_integer(block, vector);
	for (uint32_t i = 0; i < block->count; i++) {
		if (vector->as.integers[i] == INT64_MIN)
			vector->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
		else
			vector->as.integers[i] = -vector->as.integers[i];
	}
}

void vector_make(struct work *work, uint32_t index, uint32_t slot, struct vector *ret_vector)
{
	const struct node *node = &work->expression->nodes[index];

	ret_vector->as.reals = (double *)(work->slots + slot * SLOT_BYTES);
	switch (node->kind) {
	case NODE_NAME:
		read_name(work, index, slot, ret_vector);
		return;
	case NODE_LITERAL:
		read_literal(&work->block, &node->value, ret_vector);
		return;
	case NODE_NEGATE:
		vector_make(work, node->left, slot, ret_vector);
		negate(&work->block, ret_vector);
		return;
	default:
		reckon(work, node, slot, ret_vector);
	}
}

/* ---- comparing --------------------------------------------------------------------------- */

static struct value vector_value(const struct vector *vector, uint32_t row)
{
	struct value value = { .kind = vector->kind };

	value.as.number = vector->as.numbers[row];
	return value;
}

#define COMPARE_LOOP(member_)                                                                      \
	for (uint32_t i = 0; i < block->count; i++) {                                              \
		bool less = left->as.member_[i] < right->as.member_[i];                            \
		bool more = left->as.member_[i] > right->as.member_[i];                            \
		bool same = left->as.member_[i] == right->as.member_[i];                           \
		bool yes = (less & if_less) | (more & if_more) | (same & if_same) |                \
			   (!(less | more | same) & if_neither);                                   \
		words[i / 64] |= (uint64_t)yes << (i % 64);                                        \
	}                                                                                          \
	break

void vector_compare(const struct block *block, enum operation operation, const struct vector *left,
		    const struct vector *right, struct truth *ret_truth)
{
	bool if_less = order_holds(operation, -1), if_more = order_holds(operation, 1);
	bool if_same = order_holds(operation, 0), if_neither = order_holds(operation, 2);
	uint64_t words[BLOCK_WORDS] = { 0 };

	switch (left->kind == right->kind ? left->kind : KIND_NONE) {
	case KIND_INTEGER:
		COMPARE_LOOP(integers);
	case KIND_UNSIGNED:
		COMPARE_LOOP(numbers);
	case KIND_REAL:
		COMPARE_LOOP(reals);
	default:
		for (uint32_t i = 0; i < block->count; i++) {
			struct value a = vector_value(left, i), b = vector_value(right, i);
			bool yes = order_holds(operation, number_order(&a, &b));

			words[i / 64] |= (uint64_t)yes << (i % 64);
		}
	}
	for (uint32_t word = 0; word < block->words; word++) {
		uint64_t valid = left->valid[word] & right->valid[word];

		ret_truth->yes[word] = words[word] & valid;
		ret_truth->no[word] = ~words[word] & valid;
	}
}

void vector_list(const struct block *block, const struct expression *expression,
		 const struct node *list, const struct vector *vector, struct truth *ret_truth)
{
	uint64_t words[BLOCK_WORDS] = { 0 };

	for (uint32_t i = 0; i < block->count; i++) {
		struct value value = vector_value(vector, i);

		if (word_bit(vector->valid, i) && list_has(expression, list, &value))
			words[i / 64] |= (uint64_t)1 << (i % 64);
	}
	for (uint32_t word = 0; word < block->words; word++) {
		uint64_t yes = words[word] ^ (list->negated ? UINT64_MAX : 0);

		ret_truth->yes[word] = yes & vector->valid[word];
		ret_truth->no[word] = ~yes & vector->valid[word];
	}
}

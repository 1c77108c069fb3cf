// SPDX-License-Identifier: Apache-2.0
/* Values that an expression gives, a block of rows at a time: numbers, texts, true and false. */
#include <errno.h>
#include <stdlib.h>
#include "evaluate.h"

/* ---- types ------------------------------------------------------------------------------- */

static uint32_t literal_type(const struct value *value)
{
	switch (value->kind) {
	case KIND_BOOLEAN:
		return SONDE_BOOL;
	case KIND_UNSIGNED:
		return SONDE_U64;
	case KIND_REAL:
		return SONDE_DOUBLE;
	case KIND_TEXT:
		return SONDE_TEXT;
	default:
		return value->type ? value->type : SONDE_I64;
	}
}

/* What comes of whole numbers of these types: times and durations stay what they are as far as that
 * makes sense. */
static uint32_t reckoned_type(uint32_t operation, uint32_t left, uint32_t right)
{
	bool sum = operation == OPERATION_ADD || operation == OPERATION_SUBTRACT;

	if (sum && left == SONDE_TIME && right == SONDE_TIME)
		return operation == OPERATION_SUBTRACT ? SONDE_DURATION : SONDE_I64;
	if (sum && (left == SONDE_TIME || (right == SONDE_TIME && operation == OPERATION_ADD)))
		return SONDE_TIME;
	if (operation == OPERATION_MULTIPLY)
		return (left == SONDE_DURATION) != (right == SONDE_DURATION) &&
				       left != SONDE_TIME && right != SONDE_TIME
			       ? SONDE_DURATION
			       : SONDE_I64;
	if (left == SONDE_DURATION && right != SONDE_TIME)
		return SONDE_DURATION;
	return sum && right == SONDE_DURATION ? SONDE_DURATION : SONDE_I64;
}

uint32_t make_type(const struct work *work, uint32_t index)
{
	const struct node *node = &work->expression->nodes[index];
	const struct bound *bound = &work->binding->bounds[index];
	uint32_t type;

	switch (node->kind) {
	case NODE_LITERAL:
		return literal_type(&node->value);
	case NODE_NAME:
		return bound->several ? SONDE_DOUBLE : bound->kind ? bound->type : SONDE_NONE;
	case NODE_CONCAT:
		return SONDE_TEXT;
	case NODE_NEGATE:
		type = make_type(work, node->left);
		if (bound->kind == KIND_INTEGER)
			return type == SONDE_DURATION ? SONDE_DURATION : SONDE_I64;
		return bound->kind ? SONDE_DOUBLE : SONDE_NONE;
	case NODE_ARITHMETIC:
		if (bound->kind == KIND_INTEGER)
			return reckoned_type(node->operation, make_type(work, node->left),
					     make_type(work, node->right));
		return bound->kind ? SONDE_DOUBLE : SONDE_NONE;
	default:
		return bound->form ? SONDE_BOOL : SONDE_NONE;
	}
}

uint32_t make_size(uint32_t type)
{
	return type == SONDE_BOOL ? 1 : type == SONDE_TEXT ? sizeof(struct sonde_text) : 8;
}

/* ---- values ------------------------------------------------------------------------------ */

static bool bytes_add(struct made_bytes *bytes, struct sonde_text text)
{
	size_t needed = bytes->length + text.length;
	char *data;

	if (needed > bytes->capacity || !bytes->data) {
		data = realloc(bytes->data, 2 * needed + 64);
		if (!data)
			return false;
		bytes->data = data;
		bytes->capacity = 2 * needed + 64;
	}
	memcpy(bytes->data + bytes->length, text.data, text.length);
	bytes->length = needed;
	return true;
}

static int make_texts(struct work *work, uint32_t node, struct made_bytes *bytes,
		      struct sonde_text *texts, uint64_t *ret_valid)
{
	memset(ret_valid, 0, work->block.words * sizeof(uint64_t));
	for (uint32_t i = 0; i < work->block.count; i++) {
		struct sonde_text text = { NULL, 0, 0 };
		uintptr_t place = bytes->length;

		if (concat_row(work, node, work->block.start + i, work->joined, &text)) {
			ret_valid[i / 64] |= (uint64_t)1 << (i % 64);
			if (!bytes_add(bytes, text))
				return -ENOMEM;
		}
		texts[i] = (struct sonde_text){ (const char *)place, text.length, 0 };
	}
	return 0;
}

static void make_literal(const struct value *value, void *values)
{
	if (value->kind == KIND_TEXT)
		*(struct sonde_text *)values = value->as.text;
	else if (value->kind == KIND_BOOLEAN)
		*(unsigned char *)values = value->as.boolean;
	else
		memcpy(values, &value->as.number, sizeof(value->as.number));
}

static void make_truths(struct work *work, uint32_t node, unsigned char *values,
			uint64_t *ret_valid)
{
	struct truth truth;

	evaluate(work, node, &truth);
	for (uint32_t i = 0; i < work->block.count; i++)
		values[i] = word_bit(truth.yes, i);
	for (uint32_t word = 0; word < work->block.words; word++)
		ret_valid[word] = truth.yes[word] | truth.no[word];
}

int make_block(struct work *work, uint32_t index, struct made_bytes *bytes, void *values,
	       uint64_t *ret_valid)
{
	const struct node *node = &work->expression->nodes[index];
	struct vector vector;

	switch (node->kind) {
	case NODE_LITERAL: /* once for all */
		block_bits(&work->block, NULL, ret_valid);
		make_literal(&node->value, values);
		return 0;
	case NODE_CONCAT:
		return make_texts(work, index, bytes, values, ret_valid);
	case NODE_NAME:
	case NODE_NEGATE:
	case NODE_ARITHMETIC:
		vector_make(work, index, 0, &vector);
		memcpy(values, vector.as.numbers, work->block.count * sizeof(uint64_t));
		for (uint32_t word = 0; word < work->block.words; word++)
			ret_valid[word] = vector.valid[word] & block_mask(&work->block, word);
		return 0;
	default:
		make_truths(work, index, values, ret_valid);
		return 0;
	}
}

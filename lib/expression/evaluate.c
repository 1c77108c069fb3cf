// SPDX-License-Identifier: Apache-2.0
/* Works an expression out over a block of rows, once it is bound to a table: for each node the rows
 * for which it is true and those for which it is false. */
#include "evaluate.h"

static const struct sonde_column *column_of(const struct work *work, uint32_t name)
{
	return sonde_column(work->block.batch, work->binding->bounds[name].column);
}

static void set_null(const struct block *block, struct truth *truth)
{
	memset(truth->yes, 0, block->words * sizeof(uint64_t));
	memset(truth->no, 0, block->words * sizeof(uint64_t));
}

static void set_all(const struct block *block, bool yes, struct truth *truth)
{
	set_null(block, truth);
	block_bits(block, NULL, yes ? truth->yes : truth->no);
}

/* ---- logic ------------------------------------------------------------------------------- */

static bool is_settled(const struct block *block, const uint64_t *words)
{
	for (uint32_t word = 0; word < block->words; word++) {
		if (words[word] != block_mask(block, word))
			return false;
	}
	return true;
}

/* "or" is "and" of what is not, negated: the two bitmaps change places. What is false for all rows
 * needs no more operands. */
static void run_joined(struct work *work, const struct node *node, struct truth *ret_truth)
{
	bool all = node->kind == NODE_AND;
	uint64_t *every = all ? ret_truth->yes : ret_truth->no;
	uint64_t *any = all ? ret_truth->no : ret_truth->yes;
	uint32_t operand = node->left;

	evaluate(work, operand, ret_truth);
	for (uint32_t i = 1; i < node->count && !is_settled(&work->block, any); i++) {
		struct truth next;
		const uint64_t *next_every = all ? next.yes : next.no;
		const uint64_t *next_any = all ? next.no : next.yes;

		operand = work->expression->nodes[operand].next;
		evaluate(work, operand, &next);
		for (uint32_t word = 0; word < work->block.words; word++) {
			every[word] &= next_every[word];
			any[word] |= next_any[word];
		}
	}
}

static void run_logic(struct work *work, const struct node *node, struct truth *ret_truth)
{
	struct truth operand;

	if (node->kind != NODE_NOT) {
		run_joined(work, node, ret_truth);
		return;
	}
	evaluate(work, node->left, &operand);
	memcpy(ret_truth->yes, operand.no, work->block.words * sizeof(uint64_t));
	memcpy(ret_truth->no, operand.yes, work->block.words * sizeof(uint64_t));
}

static void run_truths(struct work *work, const struct node *node, struct truth *ret_truth)
{
	bool equal = node->operation == OPERATION_EQUAL;
	struct truth a, b;

	evaluate(work, node->left, &a);
	evaluate(work, node->right, &b);
	for (uint32_t word = 0; word < work->block.words; word++) {
		uint64_t same = (a.yes[word] & b.yes[word]) | (a.no[word] & b.no[word]);
		uint64_t other = (a.yes[word] & b.no[word]) | (a.no[word] & b.yes[word]);

		ret_truth->yes[word] = equal ? same : other;
		ret_truth->no[word] = equal ? other : same;
	}
}

/* ---- columns ----------------------------------------------------------------------------- */

static void run_booleans(struct work *work, uint32_t name, struct truth *ret_truth)
{
	const struct sonde_column *column = column_of(work, name);
	const unsigned char *at = sonde_value(column, work->block.start);
	uint64_t valid[BLOCK_WORDS];

	set_null(&work->block, ret_truth);
	block_bits(&work->block, column->valid, valid);
	for (uint32_t i = 0; i < work->block.count; i++, at += column->stride)
		ret_truth->yes[i / 64] |= (uint64_t)(*at != 0) << (i % 64);
	for (uint32_t word = 0; word < work->block.words; word++) {
		ret_truth->no[word] = ~ret_truth->yes[word] & valid[word];
		ret_truth->yes[word] &= valid[word];
	}
}

static void run_ids(struct work *work, uint32_t index, const struct node *node,
		    struct truth *ret_truth)
{
	const struct bound *bound = &work->binding->bounds[index];
	const struct sonde_column *column = column_of(work, node->left);
	const unsigned char *at = sonde_value(column, work->block.start);
	bool flip = node->kind == NODE_IN ? node->negated : node->operation == OPERATION_UNEQUAL;
	uint64_t valid[BLOCK_WORDS];

	set_null(&work->block, ret_truth);
	block_bits(&work->block, column->valid, valid);
	for (uint32_t i = 0; i < work->block.count; i++, at += column->stride) {
		uint32_t low = 0, high = bound->id_count;
		bool found = false;

		while (low < high && !found) {
			uint32_t middle = low + (high - low) / 2;
			int order = memcmp(at, bound->ids + (size_t)middle * bound->id_size,
					   bound->id_size);

			found = !order;
			if (order < 0)
				high = middle;
			else
				low = middle + 1;
		}
		ret_truth->yes[i / 64] |= (uint64_t)(found != flip) << (i % 64);
	}
	for (uint32_t word = 0; word < work->block.words; word++) {
		ret_truth->no[word] = ~ret_truth->yes[word] & valid[word];
		ret_truth->yes[word] &= valid[word];
	}
}

static void run_id_pairs(struct work *work, const struct node *node, struct truth *ret_truth)
{
	const struct sonde_column *left = column_of(work, node->left);
	const struct sonde_column *right = column_of(work, node->right);
	bool equal = node->operation == OPERATION_EQUAL;

	set_null(&work->block, ret_truth);
	for (uint32_t i = 0; i < work->block.count; i++) {
		uint32_t row = work->block.start + i;
		bool same;

		if (!sonde_valid(left, row) || !sonde_valid(right, row))
			continue;
		same = !memcmp(sonde_value(left, row), sonde_value(right, row), left->value_size);
		(same == equal ? ret_truth->yes : ret_truth->no)[i / 64] |= (uint64_t)1 << (i % 64);
	}
}

/* The text of a row, of a literal, a column or a concat, which has two places: false: null. */
static bool row_text(struct work *work, uint32_t operand, uint32_t row, uint32_t place,
		     struct sonde_text *ret_text)
{
	const struct node *node = &work->expression->nodes[operand];
	const struct sonde_column *column;
	struct value value;

	if (node->kind == NODE_LITERAL) {
		*ret_text = node->value.as.text;
		return true;
	}
	if (node->kind == NODE_CONCAT)
		return concat_row(work, operand, row,
				  work->joined + (size_t)place * EXPRESSION_TEXT_BYTES, ret_text);
	column = column_of(work, operand);
	if (!sonde_valid(column, row))
		return false;
	if (column->type != SONDE_ANY) {
		*ret_text = entry_text(column, sonde_text_at(column, row));
		return true;
	}
	value = any_value(sonde_text_at(column, row));
	*ret_text = value.as.text;
	return value.kind == KIND_TEXT;
}

/* Two columns, or texts that are written out. */
static void run_texts(struct work *work, const struct node *node, struct truth *ret_truth)
{
	bool compared = node->kind == NODE_COMPARE;
	struct sonde_text left, right;
	int holds;

	set_null(&work->block, ret_truth);
	for (uint32_t i = 0; i < work->block.count; i++) {
		uint32_t row = work->block.start + i;

		if (!row_text(work, node->left, row, 0, &left) ||
		    (compared && !row_text(work, node->right, row, 1, &right)))
			continue;
		if (compared)
			holds = order_holds(node->operation, text_order(left, right));
		else
			holds = text_holds(work->expression, node, work->judge.scratch, left);
		if (holds < 0) {
			work->judge.counts->abandoned_count++;
			continue;
		}
		((holds != 0) != node->negated ? ret_truth->yes : ret_truth->no)[i / 64] |=
			(uint64_t)1 << (i % 64);
	}
}

/* ---- null -------------------------------------------------------------------------------- */

/* Which rows have a value in what a node stands for. */
static void valid_bits(struct work *work, uint32_t operand, uint64_t *ret_valid)
{
	const struct node *node = &work->expression->nodes[operand];
	const struct bound *bound = &work->binding->bounds[operand];
	struct vector vector;
	struct truth truth;

	if (node->kind == NODE_LITERAL) {
		block_bits(&work->block, NULL, ret_valid);
	} else if (bound->kind == KIND_NONE) {
		memset(ret_valid, 0, work->block.words * sizeof(uint64_t));
	} else if (node->kind == NODE_NAME && !bound->several) {
		block_bits(&work->block, column_of(work, operand)->valid, ret_valid);
	} else if (node->kind == NODE_CONCAT) {
		struct sonde_text text;

		memset(ret_valid, 0, work->block.words * sizeof(uint64_t));
		for (uint32_t i = 0; i < work->block.count; i++) {
			if (concat_row(work, operand, work->block.start + i, work->joined, &text))
				ret_valid[i / 64] |= (uint64_t)1 << (i % 64);
		}
	} else if (bound->kind == KIND_BOOLEAN) {
		evaluate(work, operand, &truth);
		for (uint32_t word = 0; word < work->block.words; word++)
			ret_valid[word] = truth.yes[word] | truth.no[word];
	} else {
		vector_make(work, operand, 0, &vector);
		memcpy(ret_valid, vector.valid, work->block.words * sizeof(uint64_t));
	}
}

static void run_missing(struct work *work, const struct node *node, struct truth *ret_truth)
{
	uint64_t valid[BLOCK_WORDS];

	valid_bits(work, node->left, valid);
	for (uint32_t word = 0; word < work->block.words; word++) {
		uint64_t mask = block_mask(&work->block, word), missing = ~valid[word] & mask;

		ret_truth->yes[word] = node->negated ? valid[word] & mask : missing;
		ret_truth->no[word] = node->negated ? missing : valid[word] & mask;
	}
}

/* ---- all --------------------------------------------------------------------------------- */

static void run_numbers(struct work *work, const struct node *node, struct truth *ret_truth)
{
	struct vector left, right;

	vector_make(work, node->left, 0, &left);
	if (node->kind == NODE_IN) {
		vector_list(&work->block, work->expression, node, &left, ret_truth);
		return;
	}
	vector_make(work, node->right, 1, &right);
	vector_compare(&work->block, node->operation, &left, &right, ret_truth);
}

/* The column whose entries are asked: a condition of its own, or the left side. */
static uint32_t entries_name(const struct node *node, uint32_t index)
{
	return node->kind == NODE_NAME ? index : node->left;
}

void evaluate(struct work *work, uint32_t index, struct truth *ret_truth)
{
	const struct node *node = &work->expression->nodes[index];
	const struct bound *bound = &work->binding->bounds[index];

	switch (bound->form) {
	case FORM_LITERAL:
		set_all(&work->block, node->value.as.boolean, ret_truth);
		return;
	case FORM_BOOLEANS:
		run_booleans(work, index, ret_truth);
		return;
	case FORM_LOGIC:
		run_logic(work, node, ret_truth);
		return;
	case FORM_TRUTHS:
		run_truths(work, node, ret_truth);
		return;
	case FORM_RANGE:
		range_run(&work->block, column_of(work, node->left), &bound->range, ret_truth);
		return;
	case FORM_NUMBERS:
	case FORM_LIST:
		run_numbers(work, node, ret_truth);
		return;
	case FORM_ENTRIES:
		entries_run(&work->judge, &work->memos[index], &work->block,
			    column_of(work, entries_name(node, index)), work->expression, node,
			    ret_truth);
		return;
	case FORM_TEXTS:
		run_texts(work, node, ret_truth);
		return;
	case FORM_IDS:
		run_ids(work, index, node, ret_truth);
		return;
	case FORM_ID_PAIRS:
		run_id_pairs(work, node, ret_truth);
		return;
	case FORM_MISSING:
		run_missing(work, node, ret_truth);
		return;
	default:
		set_null(&work->block, ret_truth);
	}
}

/* Slots that a number takes, those on the way included. */
static uint32_t slots_of(const struct expression *expression, uint32_t index)
{
	const struct node *node = &expression->nodes[index];
	uint32_t left, right;

	switch (node->kind) {
	case NODE_NAME:
		return 2; /* the columns of its role, one after the other, take another */
	case NODE_NEGATE:
		return slots_of(expression, node->left);
	case NODE_ARITHMETIC:
		left = slots_of(expression, node->left);
		right = slots_of(expression, node->right) + 1;
		return left > right ? left : right;
	default:
		return 1;
	}
}

uint32_t evaluate_slot_count(const struct expression *expression)
{
	uint32_t count = 0;

	for (uint32_t index = 0; index < expression->node_count; index++) {
		const struct node *node = &expression->nodes[index];
		uint32_t own = 0;

		if (node->kind == NODE_COMPARE || node->kind == NODE_IN || node->kind == NODE_NULL)
			own = slots_of(expression, node->left);
		else if (index == expression->root) /* it gives a value */
			own = slots_of(expression, index);
		if (node->kind == NODE_COMPARE && slots_of(expression, node->right) + 1 > own)
			own = slots_of(expression, node->right) + 1;
		count = own > count ? own : count;
	}
	return count;
}

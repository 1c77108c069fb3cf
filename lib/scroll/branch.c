// SPDX-License-Identifier: Apache-2.0
/* The order in which the spans of a batch are shown: each below its parent. */
#include <stdlib.h>
#include <string.h>
#include "branch.h"

/* Rows as lists: 0 ends one, else the row + 1. */
struct tree {
	const struct sonde_column *id, *parent, *start;
	uint32_t *slots; /* rows + 1 by hash of their span id */
	uint32_t mask;
	uint32_t *child;   /* first child of a row; at row_count: first root */
	uint32_t *sibling; /* next of the same parent */
	bool *done;
	struct branch *order;
	uint32_t count;
};

static const struct sonde_column *column_of(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t index = 0; index < batch->column_count; index++)
		if (sonde_column(batch, index)->role == role)
			return sonde_column(batch, index);
	return NULL;
}

static uint64_t id_at(const struct sonde_column *column, uint32_t row)
{
	uint64_t id = 0;

	if (column && column->type == SONDE_ID8 && sonde_valid(column, row))
		memcpy(&id, sonde_value(column, row), sizeof(id));
	return id;
}

static uint32_t slot_of(uint64_t id, uint32_t mask)
{
	return (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) & mask;
}

/* The row of a span, or row_count. */
static uint32_t find(const struct tree *tree, uint64_t id, uint32_t row_count)
{
	if (!id)
		return row_count;
	for (uint32_t slot = slot_of(id, tree->mask); tree->slots[slot];
	     slot = (slot + 1) & tree->mask)
		if (id_at(tree->id, tree->slots[slot] - 1) == id)
			return tree->slots[slot] - 1;
	return row_count;
}

struct dated {
	double start;
	uint32_t row;
};

static int latest_first(const void *left, const void *right)
{
	const struct dated *a = left, *b = right;

	if (a->start != b->start)
		return a->start > b->start ? -1 : 1;
	return a->row > b->row ? -1 : 1;
}

/* Hangs each row below its parent; the latest first, so that the lists come out in order. */
static bool link_rows(struct tree *tree, const struct sonde_batch *batch)
{
	struct dated *rows = calloc((size_t)batch->row_count + 1, sizeof(*rows));
	uint32_t count = 0;

	if (!rows)
		return false;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t slot = slot_of(id_at(tree->id, row), tree->mask);

		if (!sonde_selected(batch, row))
			continue;
		rows[count++] =
			(struct dated){ tree->start ? sonde_number_at(tree->start, row) : 0, row };
		while (tree->slots[slot])
			slot = (slot + 1) & tree->mask;
		tree->slots[slot] = row + 1;
	}
	qsort(rows, count, sizeof(*rows), latest_first);
	for (uint32_t place = 0; place < count; place++) {
		uint32_t row = rows[place].row;
		uint32_t parent = find(tree, id_at(tree->parent, row), batch->row_count);

		if (parent == row)
			parent = batch->row_count;
		tree->sibling[row] = tree->child[parent];
		tree->child[parent] = row + 1;
	}
	free(rows);
	return true;
}

/* Appends a row and all below it. The order itself is the stack: a row's next is its first child,
 * else its sibling, else the sibling of the nearest row above that has one. */
static void append(struct tree *tree, uint32_t root)
{
	uint32_t first = tree->count, row = root, depth = 0;

	for (;;) {
		uint32_t next = tree->child[row];

		tree->done[row] = true;
		tree->order[tree->count++] = (struct branch){ row, depth };
		if (next && !tree->done[next - 1]) {
			depth++;
			row = next - 1;
			continue;
		}
		/* climb until there is a sibling; the row above stands before, one level less deep
		 */
		for (uint32_t place = tree->count - 1; depth > 0; depth--) {
			next = tree->sibling[row];
			if (next && !tree->done[next - 1])
				break;
			while (place > first && tree->order[place].depth != depth - 1)
				place--;
			row = tree->order[place].row;
		}
		if (!depth)
			return;
		row = next - 1;
	}
}

struct branch *tree_order(const struct sonde_batch *batch, uint32_t *ret_count)
{
	struct tree tree = { .mask = 15 };
	struct branch *order = NULL;
	uint32_t count = batch->row_count;

	while (tree.mask < count * 2)
		tree.mask = tree.mask * 2 + 1;
	tree.id = column_of(batch, SONDE_ROLE_SPAN_ID);
	tree.parent = column_of(batch, SONDE_ROLE_PARENT_SPAN_ID);
	tree.start = column_of(batch, SONDE_ROLE_START_TIME);
	tree.slots = calloc((size_t)tree.mask + 1, sizeof(*tree.slots));
	tree.child = calloc((size_t)count + 1, sizeof(*tree.child));
	tree.sibling = calloc((size_t)count + 1, sizeof(*tree.sibling));
	tree.done = calloc((size_t)count + 1, sizeof(*tree.done));
	tree.order = calloc((size_t)count + 1, sizeof(*tree.order));
	if (tree.slots && tree.child && tree.sibling && tree.done && tree.order &&
	    link_rows(&tree, batch)) {
		for (uint32_t root = tree.child[count]; root; root = tree.sibling[root - 1])
			append(&tree, root - 1);
		for (uint32_t row = 0; row < count; row++)
			if (sonde_selected(batch, row) && !tree.done[row])
				append(&tree, row);
		*ret_count = tree.count;
		order = tree.order;
		tree.order = NULL;
	}
	free(tree.slots);
	free(tree.child);
	free(tree.sibling);
	free(tree.done);
	free(tree.order);
	return order;
}

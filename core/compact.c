// SPDX-License-Identifier: Apache-2.0
/* Compaction: a batch of the selected rows alone, which keeps nothing of the old one alive. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "column.h"
#include "dictionary.h"

enum {
	DICTIONARY_SHARE = 4
}; /* a dictionary is copied where fewer entries than a share are used */

/* The rows to keep, and dictionaries that were copied already. */
struct selection {
	const uint32_t *rows;
	uint32_t count;
	const struct sonde_dictionary *old_dictionary;
	struct sonde_dictionary *new_dictionary;
};

/* Whether a value of a fresh column counts; a constant does, whatever rows it is valid for. */
static bool counts(const struct sonde_column *view, uint32_t i)
{
	return !view->stride || sonde_valid(view, i);
}

static void copy_values(const struct sonde_column *from, unsigned char *to,
			const struct selection *selection)
{
	uint32_t size = from->value_size;

	for (uint32_t i = 0; i < selection->count; i++, to += size) {
		const void *value = sonde_value(from, selection->rows[i]);

		/* Sizes that the compiler knows become single moves. */
		if (size == 8)
			memcpy(to, value, 8);
		else if (size == 4)
			memcpy(to, value, 4);
		else
			memcpy(to, value, size);
	}
}

static bool copy_valid(const struct sonde_column *from, struct column *column, struct batch *batch,
		       const struct selection *selection)
{
	size_t size = bits_bytes(selection->count);

	if (!from->valid)
		return true;
	column->bits = batch_memory(batch, size);
	if (!column->bits)
		return false;
	memset(column->bits, 0, size);
	for (uint32_t i = 0; i < selection->count; i++) {
		unsigned bit = sonde_valid(from, selection->rows[i]);

		column->bits[i >> 3] |= (unsigned char)(bit << (i & 7));
	}
	column->view.valid = column->bits;
	return true;
}

/* Words of the old heap into the new one. Words that the old one does not have become none. */
static bool copy_words(const struct sonde_column *from, struct column *column, uint32_t *start,
		       uint32_t length, uint32_t words_each, bool *ret_there)
{
	uint64_t words = (uint64_t)length * words_each;
	uint32_t new_start = 0;
	uint64_t *heap;

	*ret_there = words && *start <= from->heap_length && words <= from->heap_length - *start;
	if (*ret_there) {
		heap = column_heap(column, (uint32_t)words, &new_start);
		if (!heap)
			return false;
		memcpy(heap, from->heap + *start, words * sizeof(*heap));
	}
	*start = new_start;
	return true;
}

static bool copy_exponential(const struct sonde_column *from, struct column *column, void *value)
{
	struct sonde_exponential head;
	bool positive, negative;

	memcpy(&head, value, sizeof(head));
	if (!copy_words(from, column, &head.positive_start, head.positive_length, 1, &positive) ||
	    !copy_words(from, column, &head.negative_start, head.negative_length, 1, &negative))
		return false;
	if (!positive)
		head.positive_length = 0;
	if (!negative)
		head.negative_length = 0;
	memcpy(value, &head, sizeof(head));
	return true;
}

static bool copy_explicit(const struct sonde_column *from, struct column *column, void *value)
{
	struct sonde_explicit head;
	bool there, bounds_there;
	uint32_t bound_count;

	memcpy(&head, value, sizeof(head));
	bound_count = head.length ? head.length - 1 : 0;
	if (!copy_words(from, column, &head.counts_start, head.length, 1, &there) ||
	    !copy_words(from, column, &head.bounds_start, bound_count, 1, &bounds_there))
		return false;
	if (!there || (bound_count && !bounds_there))
		head.length = 0;
	memcpy(value, &head, sizeof(head));
	return true;
}

static bool copy_quantiles(const struct sonde_column *from, struct column *column, void *value)
{
	struct sonde_quantiles head;
	bool pairs;

	memcpy(&head, value, sizeof(head));
	if (!copy_words(from, column, &head.pairs_start, head.length, 2, &pairs))
		return false;
	if (!pairs)
		head.length = 0;
	memcpy(value, &head, sizeof(head));
	return true;
}

/* Moves what the new values refer to in the old heap. */
static bool copy_heap(const struct sonde_column *from, struct column *column, uint32_t count)
{
	struct sonde_column *view = &column->view;

	for (uint32_t i = 0; i < count; i++) {
		unsigned char *value = view->base + (size_t)i * view->value_size;
		bool copied = true;

		if (!counts(view, i))
			memset(value, 0, view->value_size);
		else if (view->type == SONDE_EXPONENTIAL)
			copied = copy_exponential(from, column, value);
		else if (view->type == SONDE_EXPLICIT)
			copied = copy_explicit(from, column, value);
		else if (view->type == SONDE_QUANTILES)
			copied = copy_quantiles(from, column, value);
		if (!copied)
			return false;
	}
	return true;
}

/* A dictionary of the used entries alone; columns that shared one share the new one. */
static bool copy_entries(const struct sonde_column *from, struct column *column, uint32_t count,
			 struct selection *selection)
{
	struct sonde_column *view = &column->view;

	if (selection->old_dictionary != from->dictionary) {
		dictionary_release(selection->new_dictionary);
		selection->old_dictionary = from->dictionary;
		selection->new_dictionary = dictionary_create(from->dictionary->distinct);
		if (!selection->new_dictionary)
			return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		unsigned char *value = view->base + (size_t)i * view->value_size;
		struct sonde_text text;
		uint32_t code;

		memcpy(&code, value, sizeof(code));
		text = sonde_entry(from->dictionary, from->dictionary_length, code);
		if (!counts(view, i))
			text.length = 0;
		code = dictionary_intern(selection->new_dictionary, text.data, text.length);
		if (code == UINT32_MAX)
			return false;
		memcpy(value, &code, sizeof(code));
	}
	view->dictionary = dictionary_hold(selection->new_dictionary);
	return true;
}

static bool copy_dictionary(const struct sonde_column *from, struct column *column, uint32_t count,
			    struct selection *selection)
{
	struct sonde_column *view = &column->view;

	if (from->dictionary_length / DICTIONARY_SHARE > count)
		return copy_entries(from, column, count, selection);
	view->dictionary = dictionary_hold((struct sonde_dictionary *)from->dictionary);
	return true;
}

static bool copy_texts(const struct column *from, struct column *column, struct batch *batch)
{
	if (from->lasting_texts)
		return true;
	return batch_text(batch, from->view.name, &column->view.name) &&
	       batch_text(batch, from->view.unit, &column->view.unit) &&
	       batch_text(batch, from->view.help, &column->view.help);
}

static bool copy_column(const struct column *from, struct batch *batch, struct selection *selection)
{
	bool constant = !from->view.stride;
	uint32_t count = constant ? 1 : selection->count, size = from->view.value_size;
	struct column *column = column_next(batch);
	struct sonde_column *view;

	if (!column)
		return false;
	batch->head.column_count++;
	view = &column->view;
	*view = from->view;
	view->dictionary = NULL;
	view->valid = NULL;
	view->heap = NULL;
	view->heap_length = 0;
	column->own = true;
	column->lasting_texts = from->lasting_texts;
	view->base = batch_memory(batch, (count ? count : 1) * (size_t)size);
	if (!view->base || !copy_texts(from, column, batch) ||
	    !copy_valid(&from->view, column, batch, selection))
		return false;
	if (constant)
		memcpy(view->base, from->view.base, size);
	else
		copy_values(&from->view, view->base, selection);
	view->stride = constant ? 0 : size;
	if (from->view.heap_length && !copy_heap(&from->view, column, count))
		return false;
	return !from->view.dictionary || copy_dictionary(&from->view, column, count, selection);
}

static struct batch *copy_rows(struct batch *from, const uint32_t *rows, uint32_t count);

/* Gives the rows of a fresh child the new places of their parents. */
static void renumber(struct sonde_batch *child, const uint32_t *places)
{
	const struct sonde_column *column =
		sonde_column(child, batch_column_of(child, SONDE_ROLE_PARENT_ROW, 0));
	uint32_t count = column->stride ? child->row_count : child->row_count > 0, row;

	for (uint32_t i = 0; i < count; i++) {
		unsigned char *value = column->base + (size_t)i * column->stride;

		memcpy(&row, value, sizeof(row));
		memcpy(value, &places[row], sizeof(row));
	}
}

/* The rows of a child whose parents are kept; places: of the parents, UINT32_MAX: not kept. */
static struct batch *copy_child(struct sonde_batch *child, const uint32_t *places,
				uint32_t place_count)
{
	const struct sonde_column *column =
		sonde_column(child, batch_column_of(child, SONDE_ROLE_PARENT_ROW, 0));
	uint32_t *rows = malloc((child->row_count ? child->row_count : 1) * sizeof(*rows));
	uint32_t count = 0, parent;
	struct batch *copy;

	if (!rows)
		return NULL;
	for (uint32_t row = 0; row < child->row_count; row++) {
		memcpy(&parent, sonde_value(column, row), sizeof(parent));
		if (sonde_selected(child, row) && sonde_valid(column, row) &&
		    parent < place_count && places[parent] != UINT32_MAX)
			rows[count++] = row;
	}
	copy = copy_rows(batch_of(child), rows, count);
	free(rows);
	if (copy)
		renumber(&copy->head, places);
	return copy;
}

static bool copy_children(struct batch *from, struct batch *batch, const uint32_t *rows,
			  uint32_t count)
{
	uint32_t *places;
	bool copied = true;

	if (!from->head.child_count)
		return true;
	places = malloc((from->head.row_count ? from->head.row_count : 1) * sizeof(*places));
	if (!places)
		return false;
	memset(places, 0xff, from->head.row_count * sizeof(*places));
	for (uint32_t i = 0; i < count; i++)
		places[rows[i]] = i;
	for (uint32_t i = 0; i < from->head.child_count && copied; i++) {
		struct batch *child =
			copy_child(from->head.children[i], places, from->head.row_count);

		copied = child && !batch_adopt(&batch->head, &child->head);
	}
	free(places);
	return copied;
}

/* A batch of its own that has these rows. NULL: no memory. */
static struct batch *copy_rows(struct batch *from, const uint32_t *rows, uint32_t count)
{
	struct selection selection = { .rows = rows, .count = count };
	struct batch *batch = batch_make(from->head.column_count, count, 0);
	bool copied = batch != NULL;

	if (!copied)
		return NULL;
	batch->head.signal = from->head.signal;
	batch->head.done = from->head.done;
	batch->head.row_count = count;
	batch->head.selected_count = count;
	batch->head.schema = from->head.schema;
	batch->lasting_schema = from->lasting_schema;
	if (!from->lasting_schema)
		copied = batch_text(batch, from->head.schema, &batch->head.schema);
	for (uint32_t i = 0; i < from->head.column_count && copied; i++)
		copied = copy_column(batch_column(from, i), batch, &selection);
	dictionary_release(selection.new_dictionary);
	copied = copied && !receipts_join(&batch->receipts, &from->receipts) &&
		 copy_children(from, batch, rows, count);
	if (copied)
		return batch;
	batch_release(&batch->head);
	return NULL;
}

struct sonde_batch *batch_compact(struct sonde_batch *head)
{
	struct batch *from = batch_of(head), *batch;
	uint32_t count = 0, *rows;

	assert(from->finished);
	if (!head->selected)
		return batch_hold(head);
	rows = malloc((head->selected_count ? head->selected_count : 1) * sizeof(*rows));
	if (!rows)
		return NULL;
	for (uint32_t row = 0; row < head->row_count; row++) {
		if (sonde_selected(head, row))
			rows[count++] = row;
	}
	batch = copy_rows(from, rows, count);
	free(rows);
	if (!batch)
		return NULL;
	batch_finish(&batch->head);
	return &batch->head;
}

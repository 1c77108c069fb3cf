// SPDX-License-Identifier: Apache-2.0
/* Random batches of all that batches may have, and whether two batches are the same by value. */
#include "frame_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"

enum { COLUMNS_MOST = 14, DEPTH_MOST = 2, HEAP_MOST = 24 };

uint64_t frame_random(uint64_t *state)
{
	uint64_t word = *state += 0x9e3779b97f4a7c15u;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
	word = (word ^ word >> 27) * 0x94d049bb133111ebu;
	return word ^ word >> 31;
}

static uint32_t below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(frame_random(state) % limit);
}

static void check(bool worked)
{
	if (!worked)
		abort();
}

/* ---- values ------------------------------------------------------------------------------ */

/* What numbers of a column are like. */
enum kind { KIND_ANY, KIND_SMALL, KIND_RISING, KIND_FEW, KIND_ONE, KIND_SHORT, KIND_COUNT };

static uint64_t word_of(uint64_t *state, uint32_t kind, uint32_t row)
{
	uint64_t word = frame_random(state);

	switch (kind) {
	case KIND_SMALL:
		return word % 200;
	case KIND_RISING:
		return 1700000000000000000u + row * 5000u + word % 4000 -
		       (word % 50 ? 0 : 70000000);
	case KIND_FEW:
		return word % 7 * 0x123456789u;
	case KIND_ONE:
		return 42;
	case KIND_SHORT:
		return word % 100000 - 400;
	default:
		return word >> (word & 63);
	}
}

static uint32_t heap_words(struct sonde_batch *batch, uint32_t column, uint32_t count,
			   uint64_t *state)
{
	uint32_t start = 0;
	uint64_t *heap = batch_heap(batch, column, count, &start);

	check(heap);
	for (uint32_t i = 0; i < count; i++)
		heap[i] = below(state, 3) ? below(state, 300) : frame_random(state);
	return start;
}

static double number(uint64_t *state)
{
	return below(state, 2) ? (double)below(state, 1000) : (double)frame_random(state) / 3e15;
}

static void fill_exponential(struct sonde_batch *batch, uint32_t column, uint64_t *state,
			     struct sonde_exponential *to)
{
	*to = (struct sonde_exponential){ .count = below(state, 1000),
					  .zero_count = below(state, 2),
					  .sum = number(state),
					  .minimum = number(state),
					  .maximum = number(state),
					  .scale = (int32_t)below(state, 30) - 10,
					  .flags = below(state, 8),
					  .positive_offset = (int32_t)below(state, 500) - 250,
					  .negative_offset = (int32_t)below(state, 9) };
	to->positive_length = below(state, HEAP_MOST);
	to->positive_start = heap_words(batch, column, to->positive_length, state);
	to->negative_length = below(state, 3) ? 0 : below(state, HEAP_MOST);
	to->negative_start = heap_words(batch, column, to->negative_length, state);
}

static void fill_explicit(struct sonde_batch *batch, uint32_t column, uint64_t *state,
			  struct sonde_explicit *to)
{
	*to = (struct sonde_explicit){ .count = below(state, 1000),
				       .sum = number(state),
				       .minimum = number(state),
				       .maximum = number(state),
				       .flags = below(state, 8),
				       .length = below(state, HEAP_MOST) };
	to->counts_start = heap_words(batch, column, to->length, state);
	to->bounds_start = heap_words(batch, column, to->length ? to->length - 1 : 0, state);
}

static void fill_quantiles(struct sonde_batch *batch, uint32_t column, uint64_t *state,
			   struct sonde_quantiles *to)
{
	*to = (struct sonde_quantiles){ .count = below(state, 1000),
					.sum = number(state),
					.length = below(state, 6) };
	to->pairs_start = heap_words(batch, column, to->length * 2, state);
}

static void fill(struct sonde_batch *batch, uint32_t index, uint64_t *state, uint32_t kind,
		 uint32_t entries, uint32_t rows)
{
	uint32_t type = sonde_column(batch, index)->type;
	uint32_t size = sonde_column(batch, index)->value_size;

	for (uint32_t row = 0; row < rows; row++) {
		unsigned char *to = (unsigned char *)sonde_value(sonde_column(batch, index), row);
		uint64_t words[2] = { word_of(state, kind, row), frame_random(state) };

		if (type == SONDE_EXPONENTIAL)
			fill_exponential(batch, index, state, (void *)to);
		else if (type == SONDE_EXPLICIT)
			fill_explicit(batch, index, state, (void *)to);
		else if (type == SONDE_QUANTILES)
			fill_quantiles(batch, index, state, (void *)to);
		else if (type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY)
			words[0] = kind == KIND_RISING ? row : words[0] % (entries + 2);
		else if (type == SONDE_BOOL)
			words[0] &= 1;
		if (size <= sizeof(words))
			memcpy(to, words, size);
	}
}

/* ---- batches ----------------------------------------------------------------------------- */

static struct sonde_dictionary *random_dictionary(uint64_t *state)
{
	struct sonde_dictionary *dictionary = dictionary_create(below(state, 2));
	uint32_t count = below(state, 4) ? below(state, 40) : below(state, 900);
	char text[64];

	check(dictionary);
	for (uint32_t i = 0; i < count; i++) {
		int length = snprintf(text, sizeof(text), "%sentry %u of π %llx",
				      below(state, 3) ? "" : "a longer ", i,
				      (unsigned long long)frame_random(state) >> below(state, 64));

		check(dictionary_add(dictionary, text, below(state, 9) ? (size_t)length : 0) !=
		      UINT32_MAX);
	}
	return dictionary;
}

static void add_column(struct sonde_batch *batch, uint64_t *state, uint32_t index,
		       struct sonde_dictionary *const *dictionaries)
{
	char name[32], help[64];
	struct sonde_field field = { .name = name, .help = below(state, 2) ? help : NULL };
	uint32_t rows = batch_capacity(batch), kind = below(state, KIND_COUNT);
	struct sonde_dictionary *dictionary = NULL;
	unsigned char zeros[sizeof(struct sonde_exponential)] = { 0 }, *valid;
	struct sonde_column *column;
	bool constant = !below(state, 6);

	snprintf(name, sizeof(name), "column.%u", index);
	snprintf(help, sizeof(help), "what column %u says", index);
	field.type = 1 + below(state, SONDE_ANY);
	field.unit = below(state, 2) ? "{thing}" : below(state, 2) ? "" : NULL;
	field.scope = (uint8_t)below(state, 3);
	field.temporality = (uint8_t)below(state, 3);
	field.monotonic = below(state, 2);
	if (field.type == SONDE_TEXT || field.type == SONDE_BYTES || field.type == SONDE_ANY)
		dictionary = below(state, 9) ? dictionaries[below(state, 2)] : NULL;
	if (field.type == SONDE_U64 && !below(state, 4))
		field.role = SONDE_ROLE_EVENTS;
	column = constant ? batch_constant(batch, &field, dictionary, zeros)
			  : batch_add(batch, &field, dictionary);
	check(column);
	fill(batch, index, state, kind, dictionary ? dictionary_length(dictionary) : 0,
	     constant ? 1 : rows);
	if (below(state, 3))
		return;
	valid = batch_valid(batch, index);
	check(valid);
	for (uint32_t row = 0; row < rows; row++) {
		if (!below(state, 3) || kind == KIND_ONE)
			valid[row / 8] &= (unsigned char)~(1u << row % 8);
	}
}

static struct sonde_batch *random_table(uint64_t *state, uint32_t parent_rows, uint32_t depth,
					struct sonde_dictionary *const *dictionaries);

static void add_parents(struct sonde_batch *batch, uint64_t *state, uint32_t parent_rows)
{
	struct sonde_field field = { .name = "parent",
				     .type = SONDE_U32,
				     .role = SONDE_ROLE_PARENT_ROW };
	struct sonde_column *column = batch_add(batch, &field, NULL);
	uint32_t rows = batch_capacity(batch), parent = 0;

	check(column);
	for (uint32_t row = 0; row < rows; row++) {
		parent += below(state, 3);
		parent = parent < parent_rows ? parent : parent_rows - 1;
		memcpy(column->base + row * sizeof(parent), &parent, sizeof(parent));
	}
}

static struct sonde_batch *random_table(uint64_t *state, uint32_t parent_rows, uint32_t depth,
					struct sonde_dictionary *const *dictionaries)
{
	uint32_t rows = below(state, 5) ? below(state, 300) : below(state, 4) * 700;
	uint32_t columns = below(state, COLUMNS_MOST), first = depth > 0;
	struct sonde_batch *batch = batch_table("random", 1 + below(state, 7), rows);

	check(batch);
	if (first)
		add_parents(batch, state, parent_rows);
	for (uint32_t i = first; i < columns; i++)
		add_column(batch, state, i, dictionaries);
	while (depth < DEPTH_MOST && rows && !below(state, 2))
		check(!batch_adopt(batch, random_table(state, rows, depth + 1, dictionaries)));
	if (!below(state, 3)) {
		unsigned char *bits = malloc(rows / 8 + 1);

		check(bits);
		for (uint32_t i = 0; i <= rows / 8; i++)
			bits[i] = (unsigned char)frame_random(state);
		check(!batch_select(batch, bits));
		free(bits);
	}
	return batch;
}

struct sonde_batch *frame_random_batch(uint64_t seed)
{
	uint64_t state = seed;
	struct sonde_dictionary *dictionaries[2] = { random_dictionary(&state),
						     random_dictionary(&state) };
	struct sonde_batch *batch = random_table(&state, 0, 0, dictionaries);

	dictionary_release(dictionaries[0]);
	dictionary_release(dictionaries[1]);
	batch_finish(batch);
	return batch;
}

/* ---- comparing --------------------------------------------------------------------------- */

static bool same_text(const char *one, const char *two)
{
	return one && two ? !strcmp(one, two) : one == two;
}

/* A histogram's members without where its words lie. */
static bool same_words(const struct sonde_column *was, uint32_t was_start,
		       const struct sonde_column *is, uint32_t is_start, uint32_t length)
{
	return !length ||
	       (is_start + (uint64_t)length <= is->heap_length &&
		!memcmp(was->heap + was_start, is->heap + is_start, length * sizeof(uint64_t)));
}

static bool same_exponential(const struct sonde_column *was, struct sonde_exponential one,
			     const struct sonde_column *is, struct sonde_exponential two)
{
	bool same =
		same_words(was, one.positive_start, is, two.positive_start, one.positive_length) &&
		same_words(was, one.negative_start, is, two.negative_start, one.negative_length);

	one.positive_start = two.positive_start;
	one.negative_start = two.negative_start;
	return same && !memcmp(&one, &two, sizeof(one));
}

static bool same_explicit(const struct sonde_column *was, struct sonde_explicit one,
			  const struct sonde_column *is, struct sonde_explicit two)
{
	uint32_t bounds = one.length ? one.length - 1 : 0;
	bool same = same_words(was, one.counts_start, is, two.counts_start, one.length) &&
		    same_words(was, one.bounds_start, is, two.bounds_start, bounds);

	return same && one.count == two.count && !memcmp(&one.sum, &two.sum, 24) &&
	       one.flags == two.flags && one.length == two.length;
}

static bool same_value(const struct sonde_column *was, uint32_t row, const struct sonde_column *is,
		       uint32_t place)
{
	struct sonde_exponential exponential[2];
	struct sonde_explicit explicit[2];
	struct sonde_quantiles quantiles[2];
	const void *one = sonde_value(was, row), *two = sonde_value(is, place);
	struct sonde_text texts[2];

	switch (was->type) {
	case SONDE_EXPONENTIAL:
		memcpy(&exponential[0], one, sizeof(exponential[0]));
		memcpy(&exponential[1], two, sizeof(exponential[1]));
		return same_exponential(was, exponential[0], is, exponential[1]);
	case SONDE_EXPLICIT:
		memcpy(&explicit[0], one, sizeof(explicit[0]));
		memcpy(&explicit[1], two, sizeof(explicit[1]));
		return same_explicit(was, explicit[0], is, explicit[1]);
	case SONDE_QUANTILES:
		memcpy(&quantiles[0], one, sizeof(quantiles[0]));
		memcpy(&quantiles[1], two, sizeof(quantiles[1]));
		return quantiles[0].count == quantiles[1].count &&
		       !memcmp(&quantiles[0].sum, &quantiles[1].sum, sizeof(double)) &&
		       quantiles[0].length == quantiles[1].length &&
		       same_words(was, quantiles[0].pairs_start, is, quantiles[1].pairs_start,
				  quantiles[0].length * 2);
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		texts[0] = sonde_text_at(was, row);
		texts[1] = sonde_text_at(is, place);
		return texts[0].length == texts[1].length &&
		       (!texts[0].length || !memcmp(texts[0].data, texts[1].data, texts[0].length));
	default:
		return !memcmp(one, two, was->value_size);
	}
}

static const char *column_difference(const struct sonde_batch *was, const struct sonde_batch *is,
				     uint32_t index)
{
	const struct sonde_column *one = sonde_column(was, index), *two = sonde_column(is, index);
	uint32_t place = 0;

	if (!same_text(one->name, two->name) || !same_text(one->unit, two->unit) ||
	    !same_text(one->help, two->help))
		return "the texts of a column";
	if (one->type != two->type || one->role != two->role || one->scope != two->scope ||
	    one->temporality != two->temporality || one->monotonic != two->monotonic ||
	    one->value_size != two->value_size)
		return "what a column means";
	if (one->dictionary && two->dictionary &&
	    one->dictionary->distinct != two->dictionary->distinct)
		return "whether a dictionary is distinct";
	for (uint32_t row = 0; row < was->row_count; row++) {
		if (!sonde_selected(was, row))
			continue;
		if (sonde_valid(one, row) != sonde_valid(two, place))
			return "a null";
		if (one->role != SONDE_ROLE_PARENT_ROW && sonde_valid(one, row) &&
		    !same_value(one, row, two, place))
			return "a value";
		place++;
	}
	return NULL;
}

/* Rows of a child whose parents are selected, beside those that are there; places: of parents. */
static const char *child_difference(const struct sonde_batch *parent, struct sonde_batch *was,
				    const struct sonde_batch *is)
{
	const struct sonde_column *one =
		sonde_column(was, batch_column_of(was, SONDE_ROLE_PARENT_ROW, 0));
	const struct sonde_column *two =
		sonde_column(is, batch_column_of(is, SONDE_ROLE_PARENT_ROW, 0));
	unsigned char *bits = calloc(1, was->row_count / 8 + 1);
	struct sonde_batch *derived = batch_derive(was);
	const char *difference = NULL;
	uint32_t place = 0, row;

	check(bits && derived);
	for (uint32_t i = 0; i < was->row_count; i++) {
		uint32_t parents = 0, there;

		memcpy(&row, sonde_value(one, i), sizeof(row));
		if (!sonde_selected(was, i) || !sonde_selected(parent, row))
			continue;
		bits[i / 8] |= (unsigned char)(1u << i % 8);
		for (uint32_t before = 0; before < row; before++)
			parents += sonde_selected(parent, before);
		if (place < is->row_count)
			memcpy(&there, sonde_value(two, place), sizeof(there));
		if (place++ >= is->row_count || there != parents)
			difference = "the parent of a row";
	}
	check(!batch_select(derived, bits));
	batch_finish(derived);
	if (!difference)
		difference = frame_difference(derived, is);
	batch_release(derived);
	free(bits);
	return difference;
}

const char *frame_difference(const struct sonde_batch *was, const struct sonde_batch *is)
{
	const char *difference = NULL;

	if (!same_text(was->schema, is->schema) || was->signal != is->signal)
		return "the schema";
	if (was->selected_count != is->row_count || is->selected_count != is->row_count)
		return "the number of rows";
	if (was->column_count != is->column_count || was->child_count != is->child_count)
		return "the number of columns or children";
	for (uint32_t i = 0; i < was->column_count && !difference; i++)
		difference = column_difference(was, is, i);
	for (uint32_t i = 0; i < was->child_count && !difference; i++)
		difference = child_difference(was, was->children[i], is->children[i]);
	return difference;
}

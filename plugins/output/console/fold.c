// SPDX-License-Identifier: Apache-2.0
/* Rows of a table that look the same in the columns that are shown, added up and sorted. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fold.h"

struct order order_of(const struct layout *layout, const struct table *table, const char *name)
{
	static const enum view_kind telling[] = { VIEW_SUM, VIEW_HISTOGRAM, VIEW_GAUGE };
	static const enum slot_kind kinds[] = { SLOT_RATE, SLOT_BARS, SLOT_GAUGE };
	char heading[40];

	for (uint32_t index = 0; name && index < layout->count; index++) {
		const struct slot *slot = &layout->slots[index];

		(void)snprintf(heading, sizeof(heading), "%s/s", name);
		if (!slot_is_attribute(slot) && slot->kind != SLOT_BARS &&
		    (strcmp(name, slot->heading) == 0 || strcmp(heading, slot->heading) == 0 ||
		     strcmp(name, table->views[slot->view].name) == 0))
			return (struct order){ slot->view, slot->kind };
	}
	if (table->is_long)
		return (struct order){ PICTURE_VIEWS, SLOT_TEXT };
	if (layout->lead < PICTURE_VIEWS)
		return (struct order){ layout->lead, SLOT_RATE };
	for (uint32_t kind = 0; kind < sizeof(telling) / sizeof(*telling); kind++)
		for (uint32_t view = 0; view < table->view_count; view++)
			if (table->views[view].kind == telling[kind])
				return (struct order){ view, kinds[kind] };
	return (struct order){ PICTURE_VIEWS, SLOT_TEXT };
}

/* ---- adding up --------------------------------------------------------------------------- */

static int measure_add_histogram(struct measure *measure, struct histogram *histogram)
{
	struct histogram *sum;
	int result;

	if (!measure->histogram) {
		measure->histogram = histogram;
		return 0;
	}
	if (!measure->owned) {
		sum = distribution_create();
		if (!sum)
			return -ENOMEM;
		result = distribution_merge(sum, measure->histogram);
		if (result < 0) {
			distribution_release(sum);
			return result;
		}
		measure->histogram = sum;
		measure->owned = true;
	}
	return distribution_merge(measure->histogram, histogram);
}

static int measure_add(struct measure *measure, const struct measure *other)
{
	measure->number += other->number;
	measure->count += other->count;
	measure->rates += other->rates;
	if (other->rates)
		measure->rate += other->rate;
	return other->histogram ? measure_add_histogram(measure, other->histogram) : 0;
}

static struct measure measure_of(const struct cell *cell)
{
	struct measure measure = { .number = cell->number,
				   .count = 1,
				   .histogram = cell->histogram };

	if (isfinite(cell->rate)) {
		measure.rate = cell->rate;
		measure.rates = 1;
	}
	return measure;
}

static int add_row(struct folded *folded, const struct row *row)
{
	int result = 0;

	for (uint32_t view = 0; view < row->cell_count && result == 0; view++) {
		struct measure measure;

		if (!row->cells[view].valid)
			continue;
		measure = measure_of(&row->cells[view]);
		result = measure_add(&folded->measures[view], &measure);
	}
	return result == -ENOMEM ? result : 0; /* what does not merge otherwise is left out */
}

/* ---- finding equals ---------------------------------------------------------------------- */

static uint64_t shown_hash(const struct layout *layout, const struct row *row)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t index = 0; index < layout->attributes; index++) {
		uint32_t view = layout->slots[index].view;
		const struct cell *cell = view < row->cell_count ? &row->cells[view] : NULL;

		if (cell && cell->valid && cell->text.data)
			hash = hash_bytes(hash, cell->text.data, cell->text.length);
		else if (cell && cell->valid)
			hash = hash_bytes(hash, &cell->number, sizeof(cell->number));
		else
			hash = hash_bytes(hash, "\xff", 1);
	}
	return hash;
}

struct index {
	uint64_t *hashes;
	uint32_t *places; /* + 1 */
	uint32_t mask;
};

/* Where the folded row of that hash is, or is to be: *ret_place is 0 if there is none yet. */
static uint32_t *index_find(struct index *index, uint64_t hash)
{
	uint32_t slot = (uint32_t)(hash >> 32) & index->mask;

	while (index->places[slot] && index->hashes[slot] != hash)
		slot = (slot + 1) & index->mask;
	index->hashes[slot] = hash;
	return &index->places[slot];
}

static int fold_row(struct fold *fold, struct index *index, const struct layout *layout,
		    const struct row *row)
{
	uint32_t *place = index_find(index, shown_hash(layout, row));
	struct folded *folded;

	fold->row_count++;
	if (!*place) {
		*place = ++fold->count;
		folded = &fold->rows[*place - 1];
		folded->row = row;
		if (fold->arena)
			folded->measures = arena_zero(fold->arena, (fold->view_count + 1) *
									   sizeof(struct measure));
		if (fold->arena && !folded->measures)
			return -ENOMEM;
	}
	return fold->arena ? add_row(&fold->rows[*place - 1], row) : 0;
}

static int fold_sources(struct fold *fold, struct index *index, const struct table *table,
			const struct layout *layout)
{
	int result = 0;

	for (uint32_t source = 0; source < table->source_count; source++) {
		const struct interval *now = &table->sources[source].now;

		for (uint32_t row = 0; row < now->row_count && result == 0; row++)
			result = fold_row(fold, index, layout, &now->rows[row]);
	}
	return result;
}

/* ---- sorting ----------------------------------------------------------------------------- */

static double rank_of(const struct folded *folded, struct order order)
{
	const struct measure *measure = &folded->measures[order.view];

	if (!measure->count)
		return -INFINITY;
	switch (order.kind) {
	case SLOT_MEDIAN:
		return measure->histogram ? histogram_share(measure->histogram, 0.5) : -INFINITY;
	case SLOT_NINETY_NINTH:
		return measure->histogram ? histogram_share(measure->histogram, 0.99) : -INFINITY;
	case SLOT_MAXIMUM:
		return measure->histogram ? distribution_maximum(measure->histogram) : -INFINITY;
	case SLOT_BARS:
		return measure->histogram ? (double)measure->histogram->head.count : -INFINITY;
	case SLOT_RATE:
		return measure->rates ? measure->rate : measure->number;
	default:
		return measure->number;
	}
}

static int compare_texts(const struct row *left, const struct row *right)
{
	for (uint32_t view = 0; view < left->cell_count && view < right->cell_count; view++) {
		const struct label *a = &left->cells[view].text, *b = &right->cells[view].text;
		uint32_t length = a->length < b->length ? a->length : b->length;
		int difference = a->data && b->data ? memcmp(a->data, b->data, length) : 0;

		if (!difference && a->length != b->length)
			difference = a->length < b->length ? -1 : 1;
		if (difference)
			return difference;
	}
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct folded *a = left, *b = right;

	if (a->rank != b->rank && !(isnan(a->rank) && isnan(b->rank)))
		return a->rank > b->rank || isnan(b->rank) ? -1 : 1;
	return compare_texts(a->row, b->row);
}

/* Groups the rows; without an arena they are counted only. */
static int group(struct fold *fold, const struct table *table, const struct layout *layout)
{
	struct index index = { .mask = 15 };
	int result = -ENOMEM;
	uint64_t rows = 0;

	for (uint32_t source = 0; source < table->source_count; source++)
		rows += table->sources[source].now.row_count;
	while (index.mask < rows * 2)
		index.mask = index.mask * 2 + 1;
	index.hashes = calloc((size_t)index.mask + 1, sizeof(*index.hashes));
	index.places = calloc((size_t)index.mask + 1, sizeof(*index.places));
	fold->rows = calloc(rows + 1, sizeof(*fold->rows));
	fold->view_count = table->view_count;
	if (index.hashes && index.places && fold->rows)
		result = fold_sources(fold, &index, table, layout);
	free(index.hashes);
	free(index.places);
	return result;
}

int fold_make(struct fold *fold, const struct table *table, const struct layout *layout,
	      struct order order)
{
	int result = -ENOMEM;

	memset(fold, 0, sizeof(*fold));
	fold->arena = arena_create();
	if (fold->arena)
		result = group(fold, table, layout);
	if (result < 0) {
		fold_release(fold);
		return result;
	}
	for (uint32_t row = 0; row < fold->count && order.view < PICTURE_VIEWS; row++)
		fold->rows[row].rank = rank_of(&fold->rows[row], order);
	qsort(fold->rows, fold->count, sizeof(*fold->rows), compare);
	return 0;
}

uint32_t fold_count(const struct table *table, const struct layout *layout)
{
	struct fold fold = { 0 };
	uint32_t count;

	(void)group(&fold, table, layout);
	count = fold.count;
	fold_release(&fold);
	return count;
}

int fold_sum(struct fold *fold, uint32_t first, uint32_t last, struct folded *ret_sum)
{
	struct measure *measures =
		arena_zero(fold->arena, (fold->view_count + 1) * sizeof(struct measure));
	int result = 0;

	*ret_sum = (struct folded){ .row = NULL, .measures = measures };
	if (!measures)
		return -ENOMEM;
	for (uint32_t row = first; row < last && result != -ENOMEM; row++)
		for (uint32_t view = 0; view < fold->view_count && result != -ENOMEM; view++)
			result = measure_add(&measures[view], &fold->rows[row].measures[view]);
	return result == -ENOMEM ? result : 0;
}

void folded_release(struct folded *folded, uint32_t view_count)
{
	for (uint32_t view = 0; folded->measures && view < view_count; view++)
		if (folded->measures[view].owned)
			distribution_release(folded->measures[view].histogram);
}

void fold_release(struct fold *fold)
{
	for (uint32_t row = 0; fold->rows && row < fold->count; row++)
		folded_release(&fold->rows[row], fold->view_count);
	free(fold->rows);
	arena_release(fold->arena);
	memset(fold, 0, sizeof(*fold));
}

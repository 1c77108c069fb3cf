// SPDX-License-Identifier: Apache-2.0
/* Where rows come from: its newest interval, and the one before for what only ever counts up. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "source.h"

enum { SILENT_INTERVALS = 3 };
static const double silent_seconds = 15; /* at least; and where the interval is not known */

static void interval_release(struct interval *interval)
{
	for (uint32_t row = 0; row < interval->row_count; row++)
		for (uint32_t cell = 0; cell < interval->rows[row].cell_count; cell++)
			distribution_release(interval->rows[row].cells[cell].histogram);
	free(interval->rows);
	free(interval->index);
	arena_release(interval->arena);
	memset(interval, 0, sizeof(*interval));
}

/* Makes rows be found by their key. Without memory they are not found, and count as new. */
static void interval_index(struct interval *interval)
{
	uint32_t size = 16, slot;

	while (size < interval->row_count * 2)
		size *= 2;
	interval->index = calloc(size, sizeof(*interval->index));
	interval->index_mask = size - 1;
	for (uint32_t row = 0; row < interval->row_count && interval->index; row++) {
		slot = (uint32_t)(interval->rows[row].key >> 32) & interval->index_mask;
		while (interval->index[slot])
			slot = (slot + 1) & interval->index_mask;
		interval->index[slot] = row + 1;
	}
}

const struct row *source_before(const struct source *source, uint64_t key)
{
	const struct interval *before = &source->before;
	uint32_t slot = (uint32_t)(key >> 32) & before->index_mask;

	if (!before->index)
		return NULL;
	for (; before->index[slot]; slot = (slot + 1) & before->index_mask)
		if (before->rows[before->index[slot] - 1].key == key)
			return &before->rows[before->index[slot] - 1];
	return NULL;
}

struct source *source_find(struct table *table, uint64_t hash)
{
	struct source *source;

	for (uint32_t index = 0; index < table->source_count; index++)
		if (table->sources[index].hash == hash)
			return &table->sources[index];
	if (table->source_count == table->source_capacity) {
		uint32_t capacity = table->source_capacity ? table->source_capacity * 2 : 4;

		source = reallocarray(table->sources, capacity, sizeof(*source));
		if (!source)
			return NULL;
		table->sources = source;
		table->source_capacity = capacity;
	}
	source = &table->sources[table->source_count];
	memset(source, 0, sizeof(*source));
	source->hash = hash;
	source->seconds = NAN;
	source->now.arena = arena_create();
	if (!source->now.arena)
		return NULL;
	table->source_count++;
	return source;
}

int source_turn(struct source *source, int64_t time_ns)
{
	struct arena *arena = arena_create();

	if (!arena)
		return -ENOMEM;
	if (source->now.time_ns)
		source->seconds = (double)(time_ns - source->now.time_ns) / 1e9;
	interval_release(&source->before);
	source->before = source->now;
	interval_index(&source->before);
	memset(&source->now, 0, sizeof(source->now));
	source->now.arena = arena;
	source->now.time_ns = time_ns;
	source->hidden_rows = 0;
	return 0;
}

struct row *source_row(struct source *source, uint32_t cell_count)
{
	struct interval *now = &source->now;
	struct row *row;

	if (now->row_count == now->row_capacity) {
		uint32_t capacity = now->row_capacity ? now->row_capacity * 2 : 64;

		row = reallocarray(now->rows, capacity, sizeof(*row));
		if (!row)
			return NULL;
		now->rows = row;
		now->row_capacity = capacity;
	}
	row = &now->rows[now->row_count];
	memset(row, 0, sizeof(*row));
	row->cells = arena_zero(now->arena, (cell_count ? cell_count : 1) * sizeof(*row->cells));
	if (!row->cells)
		return NULL;
	row->cell_count = cell_count;
	now->row_count++;
	return row;
}

void source_expire(struct table *table, int64_t now_ns)
{
	uint32_t kept = 0;

	for (uint32_t index = 0; index < table->source_count; index++) {
		struct source *source = &table->sources[index];
		double limit = fmax(silent_seconds, SILENT_INTERVALS * source->seconds);

		if ((double)(now_ns - source->arrived_ns) / 1e9 > limit)
			source_release(source);
		else
			table->sources[kept++] = *source;
	}
	table->source_count = kept;
}

void source_release(struct source *source)
{
	interval_release(&source->now);
	interval_release(&source->before);
}

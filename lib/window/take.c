// SPDX-License-Identifier: Apache-2.0
/* Rows of a batch on their way into windows: their times, whose clock that was, which slide. */
#include <errno.h>
#include <stdlib.h>

#include "expression.h"
#include "windows.h"

/* A batch that is being taken. */
struct take {
	struct windows *windows;
	struct sonde_batch *batch;
	struct layout *layout;
	struct window_taken *taken;
	int64_t first_ns, last_ns; /* of the times of its rows */
	bool replayed;             /* they were given before, to an instance that is gone */
	bool has_untimed;          /* windows->untimed says which are to be told apart */
};

/* ---- times ------------------------------------------------------------------------------- */

static int64_t time_at(const struct sonde_batch *batch, uint32_t column, uint32_t row)
{
	const struct sonde_column *view;
	int64_t time;

	if (column == COLUMN_NONE)
		return 0;
	view = sonde_column(batch, column);
	if (!sonde_valid(view, row))
		return 0;
	memcpy(&time, sonde_value(view, row), sizeof(time));
	return time;
}

/* The same where every row has one: false if some has not. */
static bool times_read_all(struct take *take)
{
	const struct sonde_column *column;
	int64_t first = INT64_MAX, last = INT64_MIN, *times = take->windows->times;
	int64_t less = take->layout->is_interval;
	const unsigned char *at;

	if (take->layout->time == COLUMN_NONE || take->batch->selected)
		return false;
	column = sonde_column(take->batch, take->layout->time);
	at = column->base;
	for (uint32_t row = 0; row < take->batch->row_count; row++, at += column->stride) {
		int64_t time;

		memcpy(&time, at, sizeof(time));
		first = time < first ? time : first;
		last = time > last ? time : last;
		times[row] = (int64_t)((uint64_t)time - (uint64_t)less);
	}
	if (column->valid || first <= 0)
		return false;
	take->first_ns = first - less;
	take->last_ns = last - less;
	return true;
}

/* The times of all rows. One without is taken as of when it was first seen, or as of now. An
 * interval belongs to where it lies, not to what begins with its end. */
static void times_read(struct take *take)
{
	struct windows *windows = take->windows;
	const struct sonde_batch *batch = take->batch;
	uint64_t untimed = 0;

	if (times_read_all(take))
		return;
	take->first_ns = INT64_MAX;
	take->last_ns = INT64_MIN;
	memset(windows->untimed, 0, (batch->row_count + 7) / 8);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		int64_t time = time_at(batch, take->layout->time, row);

		if (time > 0) {
			time -= take->layout->is_interval;
		} else {
			time = time_at(batch, take->layout->observed_time, row);
			if (time <= 0) {
				time = windows->last_now_ns;
				untimed += sonde_selected(batch, row);
				windows->untimed[row >> 3] |= (unsigned char)(1u << (row & 7));
			}
		}
		windows->times[row] = time;
		if (!sonde_selected(batch, row))
			continue;
		take->first_ns = time < take->first_ns ? time : take->first_ns;
		take->last_ns = time > take->last_ns ? time : take->last_ns;
	}
	windows->counts.untimed_rows += untimed;
	take->has_untimed = untimed && windows->remembers;
}

/* ---- sources ----------------------------------------------------------------------------- */

static uint64_t value_hash(const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text;

	if (!sonde_valid(column, row))
		return 1;
	if (column->type == SONDE_TEXT || column->type == SONDE_BYTES ||
	    column->type == SONDE_ANY) {
		text = sonde_text_at(column, row);
		return hash_bytes(text.data, text.length);
	}
	return hash_bytes(sonde_value(column, row), column->value_size);
}

static uint64_t source_hash(const struct take *take, uint32_t row)
{
	const struct plan *plan = &take->windows->plan;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < plan->source_count; i++) {
		uint32_t column = take->layout->source[i];
		uint64_t value = column == COLUMN_NONE
					 ? 0
					 : value_hash(sonde_column(take->batch, column), row);

		hash = hash_bytes(&value, sizeof(value)) ^ (hash << 7 | hash >> 57);
	}
	return hash;
}

static bool is_constant(const struct take *take)
{
	for (uint32_t i = 0; i < take->windows->plan.source_count; i++) {
		uint32_t column = take->layout->source[i];

		if (column == COLUMN_NONE)
			continue;
		if (sonde_column(take->batch, column)->stride ||
		    sonde_column(take->batch, column)->valid)
			return false;
	}
	return true;
}

/* Whether a row is of the same source as the one before: the same codes, as they mostly are. */
static bool is_same_source(const struct take *take, uint32_t row)
{
	for (uint32_t i = 0; row && i < take->windows->plan.source_count; i++) {
		uint32_t index = take->layout->source[i];
		const struct sonde_column *column;

		if (index == COLUMN_NONE)
			continue;
		column = sonde_column(take->batch, index);
		if (sonde_valid(column, row) != sonde_valid(column, row - 1) ||
		    memcmp(sonde_value(column, row), sonde_value(column, row - 1),
			   column->value_size) != 0)
			return false;
	}
	return row > 0;
}

/* Whose clocks have come how far. The end of an interval says that all before has been told. */
static void sources_read(struct take *take)
{
	struct windows *windows = take->windows;
	int64_t more = take->layout->is_interval;
	uint64_t hash = 0;

	if (is_constant(take)) {
		sources_see(&windows->sources, source_hash(take, 0), take->last_ns + more,
			    windows->elapsed_ns);
		return;
	}
	for (uint32_t row = 0; row < take->batch->row_count; row++) {
		if (!is_same_source(take, row))
			hash = source_hash(take, row);
		if (sonde_selected(take->batch, row))
			sources_see(&windows->sources, hash, windows->times[row] + more,
				    windows->elapsed_ns);
	}
}

/* ---- some of the rows -------------------------------------------------------------------- */

/* As the core adds them up. */
static uint64_t events_of(const struct take *take, const unsigned char *bits)
{
	const struct sonde_column *column;
	uint64_t sum = 0;

	for (uint32_t row = 0; row < take->batch->row_count; row++) {
		uint64_t events = 1;

		if (!sonde_bit(bits, row))
			continue;
		if (take->layout->events != COLUMN_NONE) {
			column = sonde_column(take->batch, take->layout->events);
			if (sonde_valid(column, row)) {
				double number = sonde_number_at(column, row);

				events = number > 0 ? (uint64_t)number : 0;
				if (column->value_size == sizeof(events) && number > 0)
					memcpy(&events, sonde_value(column, row), sizeof(events));
			}
		}
		sum = count_add(sum, events);
	}
	return sum;
}

static uint64_t rows_of(const struct take *take, const unsigned char *bits)
{
	uint64_t count = 0;

	for (uint32_t byte = 0; byte < (take->batch->row_count + 7) / 8; byte++)
		count += (uint64_t)__builtin_popcount(bits[byte]);
	return count;
}

/* Keeps rows for who waits for them; bits NULL: all. */
static int rows_keep(struct take *take, const unsigned char *bits, struct table *table)
{
	struct sonde_instance *instance = take->windows->instance;
	struct sonde_batch *some = take->batch;
	struct sonde_receipts *receipts = NULL;
	int result = 0;

	if (!take->windows->settings.keeps)
		return 0;
	if (bits) {
		some = sonde_batch_derive(instance, take->batch);
		if (!some)
			return -ENOMEM;
		result = sonde_batch_select(instance, some, bits);
	}
	if (!result)
		receipts = sonde_keep(instance, some, table->receipts);
	if (bits)
		sonde_batch_release(instance, some);
	if (!receipts)
		return -ENOMEM;
	table->receipts = receipts;
	return 0;
}

/* Adds rows to a table, some at once. */
static void rows_add(struct take *take, const unsigned char *bits, struct table *table)
{
	struct windows *windows = take->windows;
	struct block *block = windows->block;
	uint32_t row = 0;

	block->batch = take->batch;
	block->layout = take->layout;
	block->table = table;
	block->times = windows->times;
	block->conditions = windows->conditions;
	while (row < take->batch->row_count) {
		block->count = 0;
		block->is_run = !bits;
		for (; row < take->batch->row_count && block->count < BLOCK_ROWS; row++) {
			block->rows[block->count] = row;
			block->count += sonde_bit(bits, row);
		}
		block_group(block);
		if (block_measure(block) < 0)
			block->unmerged_count++;
	}
}

/* Late rows that have to go on all the same: windows that were closed early are no reason. */
static bool is_spared(const struct windows *windows, int64_t start_ns)
{
	return windows->settings.late == WINDOW_LATE_OWN ||
	       (windows->remembers && start_ns + windows->settings.width_ns <= windows->spared_ns);
}

/* Where rows of a slide belong, which is opened where there is room. */
static struct pane *pane_for(struct windows *windows, int64_t start_ns, bool late)
{
	struct pane *pane = pane_at(windows, start_ns, late);
	int result = 0;

	if (!pane && windows->pane_count >= WINDOW_PANES)
		result = panes_close_oldest(windows);
	if (pane || result == -ENOMEM || result == -EAGAIN)
		return pane;
	return pane_open(windows, start_ns, late);
}

/* Puts rows of one slide into it; bits NULL: all of the batch. apart: they are no part of its
 * windows. */
static void slide_take(struct take *take, int64_t start_ns, const unsigned char *bits, bool apart)
{
	struct windows *windows = take->windows;
	uint64_t rows = bits ? rows_of(take, bits) : take->batch->selected_count;
	uint64_t events = bits ? events_of(take, bits) : take->batch->event_count;
	bool late = !apart && !pane_at(windows, start_ns, false) && pane_is_late(windows, start_ns);
	struct table *table = NULL;
	struct pane *pane;

	if ((late || apart) && take->replayed) {
		take->taken->replayed_rows += rows;
		take->taken->replayed_events += events;
		return;
	}
	windows->counts.late_rows += late ? rows : 0;
	if (late && !is_spared(windows, start_ns)) {
		take->taken->late_rows += rows;
		take->taken->late_events += events;
		return;
	}
	pane = pane_for(windows, start_ns, late || apart);
	if (pane)
		table = pane_table(windows, pane, take->layout->shape);
	if (!table || block_reserve(windows->block, table) < 0 ||
	    rows_keep(take, bits, table) < 0) {
		take->taken->lost_rows += rows;
		take->taken->lost_events += events;
		return;
	}
	rows_add(take, bits ? bits : take->batch->selected, table);
}

/* ---- the batch --------------------------------------------------------------------------- */

static int rows_reserve(struct windows *windows, uint32_t row_count)
{
	size_t bytes = row_count / 8 + 1;
	int64_t *times;

	if (row_count <= windows->row_capacity && windows->times)
		return 0;
	times = realloc(windows->times, ((size_t)row_count + 1) * sizeof(*times));
	if (!times)
		return -ENOMEM;
	windows->times = times;
	free(windows->rest);
	free(windows->part);
	free(windows->untimed);
	windows->rest = malloc(bytes);
	windows->part = malloc(bytes);
	windows->untimed = malloc(bytes);
	windows->row_capacity = 0;
	for (uint32_t i = 0; i < WINDOW_MEASURES; i++) {
		free(windows->conditions[i]);
		windows->conditions[i] = windows->matchers[i] ? malloc(bytes) : NULL;
		if (windows->matchers[i] && !windows->conditions[i])
			return -ENOMEM;
	}
	if (!windows->rest || !windows->part || !windows->untimed)
		return -ENOMEM;
	windows->row_capacity = row_count;
	return 0;
}

static int conditions_run(struct take *take)
{
	struct windows *windows = take->windows;

	for (uint32_t i = 0; i < windows->plan.measure_count; i++) {
		if (windows->matchers[i] && !take->layout->measures[i].is_part &&
		    matcher_run(windows->matchers[i], take->batch, windows->conditions[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Moves the rows from `rest` to `part` whose times lie from begin to end. */
static void rows_part(struct take *take, int64_t begin_ns, int64_t end_ns)
{
	struct windows *windows = take->windows;
	uint32_t row_count = take->batch->row_count;

	memset(windows->part, 0, (row_count + 7) / 8);
	for (uint32_t row = 0; row < row_count; row++) {
		unsigned char bit = (unsigned char)(1u << (row & 7));

		if (!(windows->rest[row >> 3] & bit) || windows->times[row] < begin_ns ||
		    windows->times[row] >= end_ns)
			continue;
		windows->part[row >> 3] |= bit;
		windows->rest[row >> 3] &= (unsigned char)~bit;
	}
}

static void future_leave(struct take *take, int64_t limit_ns)
{
	struct windows *windows = take->windows;
	uint64_t rows;

	rows_part(take, limit_ns, INT64_MAX);
	rows = rows_of(take, windows->part);
	take->taken->future_rows += rows;
	take->taken->future_events += events_of(take, windows->part);
	windows->counts.future_rows += rows;
}

/* Takes rows from `rest` that are not to be held: they belong to no window that could be told to be
 * closed when they have gone. */
static void untimed_leave(struct take *take)
{
	struct windows *windows = take->windows;
	size_t bytes = (take->batch->row_count + 7) / 8;

	for (size_t i = 0; i < bytes; i++) {
		windows->part[i] = windows->rest[i] & windows->untimed[i];
		windows->rest[i] &= (unsigned char)~windows->untimed[i];
	}
	slide_take(take, floor_to(windows->last_now_ns, windows->settings.slide_ns), windows->part,
		   true);
}

/* The same for rows whose windows, by settings that are no more, were closed before a crash. */
static void past_leave(struct take *take)
{
	struct windows *windows = take->windows;
	int64_t slide = windows->settings.slide_ns, start;
	const struct sonde_batch *batch = take->batch;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_bit(windows->rest, row) ||
		    !closed_has_time(&windows->past, windows->times[row]))
			continue;
		start = floor_to(windows->times[row], slide);
		memset(windows->part, 0, (batch->row_count + 7) / 8);
		for (uint32_t k = row; k < batch->row_count; k++) {
			unsigned char bit = (unsigned char)(1u << (k & 7));

			if (!sonde_bit(windows->rest, k) ||
			    floor_to(windows->times[k], slide) != start ||
			    !closed_has_time(&windows->past, windows->times[k]))
				continue;
			windows->part[k >> 3] |= bit;
			windows->rest[k >> 3] &= (unsigned char)~bit;
		}
		slide_take(take, start, windows->part, true);
	}
}

/* Rows of several slides, one slide after the other. */
static void slides_take(struct take *take, int64_t limit_ns)
{
	struct windows *windows = take->windows;
	const struct sonde_batch *batch = take->batch;
	int64_t slide = windows->settings.slide_ns, start;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!(row & 7))
			windows->rest[row >> 3] = 0;
		windows->rest[row >> 3] |= (unsigned char)(sonde_selected(batch, row) << (row & 7));
	}
	if (take->has_untimed)
		untimed_leave(take);
	if (windows->has_other_past)
		past_leave(take);
	if (take->last_ns >= limit_ns) {
		future_leave(take, limit_ns);
		take->last_ns = limit_ns - 1;
	}
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!(windows->rest[row >> 3] >> (row & 7) & 1))
			continue;
		start = floor_to(windows->times[row], slide);
		rows_part(take, start, start + slide);
		slide_take(take, start, windows->part, false);
	}
}

void batch_take(struct windows *windows, struct sonde_batch *batch, struct layout *layout,
		struct window_taken *ret_taken)
{
	struct take take = { .windows = windows,
			     .batch = batch,
			     .layout = layout,
			     .taken = ret_taken,
			     .replayed = windows->catches_up &&
					 sonde_is_replayed(windows->instance, batch) };
	int64_t slide = windows->settings.slide_ns, limit, start;

	if (!batch->selected_count)
		return;
	if (rows_reserve(windows, batch->row_count) < 0 || conditions_run(&take) < 0) {
		ret_taken->lost_rows = batch->selected_count;
		ret_taken->lost_events = batch->event_count;
		return;
	}
	times_read(&take);
	if (__builtin_add_overflow(windows->last_now_ns, windows->settings.future_ns, &limit))
		limit = INT64_MAX - slide;
	if (take.replayed && limit <= windows->reach_ns) /* they were taken before */
		limit = windows->reach_ns + 1;
	start = floor_to(take.first_ns, slide);
	if (take.last_ns < limit && take.last_ns < start + slide && !take.has_untimed &&
	    !windows->has_other_past)
		slide_take(&take, start, NULL, false);
	else
		slides_take(&take, limit);
	if (take.last_ns > windows->reach_ns)
		windows->reach_ns = take.last_ns;
	sources_read(&take);
}

// SPDX-License-Identifier: Apache-2.0
/* What the rows of one key come to, over a window that slides with their own time. */
#include "window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static int64_t floor_divide(int64_t number, int64_t by)
{
	int64_t quotient = number / by;

	return quotient - (number % by < 0);
}

static void slice_clear(struct slice *slice, const struct window_shape *shape, int64_t at)
{
	slice->at = at;
	slice->events = 0;
	for (uint32_t i = 0; i < shape->formula->count; i++)
		tally_clear(&slice->tallies[i]);
}

struct window *window_create(const struct window_shape *shape, int64_t time_ns)
{
	uint32_t past_count = shape->baseline + 1;
	struct window *window = calloc(1, sizeof(*window) + past_count * sizeof(window->past[0]));

	if (!window)
		return NULL;
	window->first_ns = window->newest_ns = time_ns;
	window->current = window->now = floor_divide(time_ns, shape->slice_ns);
	for (uint32_t i = 0; i < WINDOW_SLICES; i++)
		slice_clear(&window->slices[i], shape, -1);
	for (uint32_t i = 0; i < past_count; i++)
		window->past[i].at = -1;
	return window;
}

void window_release(struct window *window)
{
	for (uint32_t i = 0; window && i < WINDOW_SLICES; i++) {
		for (uint32_t k = 0; k < 2; k++)
			tally_clear(&window->slices[i].tallies[k]);
	}
	free(window);
}

/* ---- values ------------------------------------------------------------------------------ */

/* Slices from the first to the last number, together. */
static double slices_value(const struct window *window, const struct window_shape *shape,
			   int64_t first, int64_t last)
{
	const struct tally *parts[2][WINDOW_SLICES];
	const struct formula *formula = shape->formula;
	uint32_t count = 0;
	double events = 0, value, base;

	for (uint32_t i = 0; i < WINDOW_SLICES; i++) {
		const struct slice *slice = &window->slices[i];

		if (slice->at < first || slice->at > last || slice->at < 0)
			continue;
		events += slice->events;
		parts[0][count] = &slice->tallies[0];
		parts[1][count++] = &slice->tallies[1];
	}
	if (events < shape->minimum)
		return NAN;
	value = tallies_value(&formula->measures[0], parts[0], count);
	if (formula->count == 1)
		return value;
	base = tallies_value(&formula->measures[1], parts[1], count);
	return base != 0 ? value / base : NAN;
}

double window_value(const struct window *window, const struct window_shape *shape)
{
	return slices_value(window, shape, window->now - WINDOW_SLICES + 1, window->now);
}

/* Without those that the window itself reaches into. */
double window_baseline(const struct window *window, const struct window_shape *shape)
{
	int64_t begin = window->now - WINDOW_SLICES + 1;
	uint32_t count = 0;
	double sum = 0;

	for (uint32_t i = 0; i <= shape->baseline; i++) {
		const struct past *past = &window->past[i];

		if (past->at < 0 || (past->at + 1) * WINDOW_SLICES > begin || isnan(past->value))
			continue;
		if (begin - past->at * WINDOW_SLICES >
		    (int64_t)(shape->baseline + 1) * WINDOW_SLICES)
			continue; /* long ago */
		sum += past->value;
		count++;
	}
	return count && count * 4 >= shape->baseline ? sum / count : NAN;
}

bool window_is_full(const struct window *window, const struct window_shape *shape)
{
	return window->now - floor_divide(window->first_ns, shape->slice_ns) >= WINDOW_SLICES;
}

/* ---- time -------------------------------------------------------------------------------- */

static void past_add(struct window *window, const struct window_shape *shape, int64_t at,
		     double value)
{
	window->past[window->past_next] = (struct past){ at, value };
	window->past_next = (window->past_next + 1) % (shape->baseline + 1);
}

/* Nothing is something where things are counted. */
static double silence_value(const struct window_shape *shape)
{
	uint32_t function = shape->formula->measures[0].function;
	bool counts = function == FUNCTION_COUNT || function == FUNCTION_SUM;

	return counts && shape->formula->count == 1 && shape->minimum <= 0 ? 0 : NAN;
}

/* The window that the slices so far were in is over. */
static void window_pass(struct window *window, const struct window_shape *shape, int64_t slice)
{
	int64_t now = floor_divide(slice, WINDOW_SLICES);
	int64_t before = floor_divide(window->current, WINDOW_SLICES);
	int64_t first = now - shape->baseline - 1;

	if (!shape->baseline || now == before)
		return;
	past_add(window, shape, before,
		 slices_value(window, shape, before * WINDOW_SLICES,
			      before * WINDOW_SLICES + WINDOW_SLICES - 1));
	for (int64_t at = before + 1 > first ? before + 1 : first; at < now; at++)
		past_add(window, shape, at, silence_value(shape));
}

static void window_reach(struct window *window, const struct window_shape *shape, int64_t slice)
{
	if (slice <= window->current)
		return;
	window_pass(window, shape, slice);
	window->current = slice;
}

bool window_moves(const struct window *window, const struct window_shape *shape, int64_t time_ns)
{
	return floor_divide(time_ns, shape->slice_ns) > window->current;
}

void window_advance(struct window *window, const struct window_shape *shape, int64_t now_ns)
{
	int64_t passed_ns = now_ns > window->arrival_ns ? now_ns - window->arrival_ns : 0;
	int64_t now = floor_divide(window->newest_ns + passed_ns, shape->slice_ns);

	window->now = now > window->current ? now : window->current;
}

/* ---- rows -------------------------------------------------------------------------------- */

int window_bind(const struct formula *formula, const struct sonde_batch *batch,
		struct window_columns *ret_columns, const char **ret_name)
{
	const struct sonde_column *first;

	*ret_columns = (struct window_columns){
		.time = column_of_role(batch, SONDE_ROLE_TIME),
		.weight = column_of_role(batch, SONDE_ROLE_WEIGHT),
		.events = column_of_role(batch, SONDE_ROLE_EVENTS),
	};
	if (!ret_columns->time)
		ret_columns->time = column_of_role(batch, SONDE_ROLE_END_TIME);
	if (!ret_columns->time)
		ret_columns->time = column_of_role(batch, SONDE_ROLE_START_TIME);
	for (uint32_t i = 0; i < formula->count; i++) {
		const struct measure *measure = &formula->measures[i];

		*ret_name = measure->column;
		if (measure->function == FUNCTION_COUNT)
			continue;
		ret_columns->counts[i] =
			column_find_all(batch, measure->column, ret_columns->columns[i]);
		if (!ret_columns->counts[i])
			return -ENOENT;
		for (uint32_t k = 0; k < ret_columns->counts[i]; k++) {
			if (!measure_fits(measure, ret_columns->columns[i][k]))
				return -EINVAL;
		}
	}
	first = ret_columns->columns[0][0];
	ret_columns->nanoseconds =
		formula->count == 1 && ret_columns->counts[0] &&
		(first->type == SONDE_DURATION || (first->unit && !strcmp(first->unit, "ns")));
	return 0;
}

int64_t window_time(const struct window_columns *columns, uint32_t row, int64_t now_ns)
{
	int64_t time_ns;

	if (!columns->time || columns->time->type != SONDE_TIME || !sonde_valid(columns->time, row))
		return now_ns;
	memcpy(&time_ns, sonde_value(columns->time, row), sizeof(time_ns));
	return time_ns < now_ns ? time_ns : now_ns;
}

static double share_of(const struct sonde_column *column, uint32_t row)
{
	return column && sonde_valid(column, row) ? sonde_number_at(column, row) : 1;
}

int window_add(struct window *window, const struct window_shape *shape,
	       const struct window_columns *columns, uint32_t row, int64_t time_ns, int64_t now_ns)
{
	int64_t at = floor_divide(time_ns, shape->slice_ns);
	double weight = share_of(columns->weight, row);
	double events = weight * share_of(columns->events, row);
	struct slice *slice;
	int result = 0;

	window_reach(window, shape, at);
	if (time_ns >= window->newest_ns) {
		window->newest_ns = time_ns;
		window->arrival_ns = now_ns;
	}
	if (at <= window->current - WINDOW_SLICES || at < 0)
		return -ERANGE;
	slice = &window->slices[at % WINDOW_SLICES];
	if (slice->at != at)
		slice_clear(slice, shape, at);
	slice->events += events;
	for (uint32_t i = 0; i < shape->formula->count && !result; i++) {
		const struct measure *measure = &shape->formula->measures[i];

		if (measure->function == FUNCTION_COUNT)
			tally_count(&slice->tallies[i], events);
		else
			result = tally_add(&slice->tallies[i], measure, columns->columns[i],
					   columns->counts[i], row, weight);
	}
	return result;
}

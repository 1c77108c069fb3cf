// SPDX-License-Identifier: Apache-2.0
/* The rules of points: which are added, which take another's place, which are late, what resets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "table.h"
#include "value.h"

bool point_fits(const struct sonde_column *column, uint32_t kind)
{
	switch (kind) {
	case SONDE_METRIC_GAUGE:
	case SONDE_METRIC_SUM:
		return column->type >= SONDE_BOOL &&
		       (column->type <= SONDE_DOUBLE || column->type == SONDE_TIME ||
			column->type == SONDE_DURATION);
	case SONDE_METRIC_HISTOGRAM:
		return column->type == SONDE_EXPLICIT;
	case SONDE_METRIC_EXPONENTIAL:
		return column->type == SONDE_EXPONENTIAL;
	case SONDE_METRIC_SUMMARY:
		return column->type == SONDE_QUANTILES;
	default:
		return false;
	}
}

static int64_t later(int64_t one, int64_t two)
{
	return one > two ? one : two;
}

/* ---- delta ------------------------------------------------------------------------------- */

/* The start of a series whose first point this is. */
static int64_t first_start(const struct series_table *table, const struct point *point)
{
	if (point->start_ns)
		return point->start_ns;
	return table->since_ns < point->time_ns ? table->since_ns : point->time_ns;
}

static int take_first(struct series_table *table, struct series *series, const struct point *point)
{
	int result = value_read(series, point, table->options.bucket_limit);

	if (result)
		return result;
	series->start_ns = first_start(table, point);
	series->time_ns = point->time_ns;
	series->has_value = true;
	return 0;
}

/* A histogram of other bounds takes the place of what was added up. */
static int begin_anew(struct series_table *table, struct series *series, const struct point *point)
{
	struct series fresh = { .metric = series->metric };
	int result = value_read(&fresh, point, table->options.bucket_limit);

	if (result)
		return result;
	point_drop(series);
	series->as = fresh.as;
	series->has_value = true;
	series->start_ns = point->start_ns ? point->start_ns : series->time_ns;
	series->time_ns = later(series->time_ns, point->time_ns);
	table->counts.resets++;
	return 0;
}

static int take_delta(struct series_table *table, struct series *series, const struct point *point)
{
	int result;

	if (!series->has_value)
		return take_first(table, series, point);
	result = value_add_point(series, point, table->options.bucket_limit);
	if (result == -ERANGE)
		return begin_anew(table, series, point);
	if (!result)
		series->time_ns = later(series->time_ns, point->time_ns);
	return result;
}

/* ---- cumulative, and what only says how things are --------------------------------------- */

static bool is_cumulative(const struct series *series)
{
	return series->metric->kind != SONDE_METRIC_GAUGE;
}

static bool is_late(const struct series *series, const struct point *point)
{
	if (!series->has_value)
		return false;
	if (!is_cumulative(series))
		return point->time_ns < series->time_ns;
	return point->time_ns <= series->time_ns ||
	       (point->start_ns && point->start_ns < series->said_ns);
}

static bool is_reset(const struct series *series, const struct series *fresh,
		     const struct point *point)
{
	if (!series->has_value || !is_cumulative(series))
		return false;
	return (series->said_ns && point->start_ns > series->said_ns) || value_fell(series, fresh);
}

/* What the point has added to the series, which it is not in yet. */
static int find_difference(const struct series_table *table, const struct series *series,
			   const struct series *fresh, bool reset, struct series *difference)
{
	int result = 0;

	/* a series that began since then was 0 when it did */
	if (!series->has_value && (!fresh->start_ns || fresh->start_ns < table->since_ns))
		return 0;
	difference->start_ns = reset || !series->has_value ? fresh->start_ns : series->time_ns;
	difference->time_ns = fresh->time_ns;
	if (!reset && series->has_value)
		result = value_subtract(fresh, series, difference);
	if (reset || !series->has_value || result == -ERANGE)
		result = value_copy(fresh, difference);
	difference->has_value = !result;
	return result;
}

static int take_absolute(struct series_table *table, struct series *series,
			 const struct point *point, struct series *difference)
{
	struct series fresh = { .metric = series->metric };
	bool reset;
	int result;

	if (is_late(series, point))
		return POINT_LATE;
	result = value_read(&fresh, point, table->options.bucket_limit);
	if (result)
		return result;
	reset = is_reset(series, &fresh, point);
	fresh.time_ns = point->time_ns;
	fresh.start_ns = series->start_ns;
	if (point->start_ns > series->said_ns)
		fresh.start_ns = point->start_ns;
	else if (reset)
		fresh.start_ns = series->time_ns;
	if (difference)
		result = find_difference(table, series, &fresh, reset, difference);
	if (result) {
		point_drop(&fresh);
		return result;
	}
	table->counts.resets += reset;
	point_drop(series);
	series->as = fresh.as;
	series->is_double = fresh.is_double;
	series->start_ns = is_cumulative(series) ? fresh.start_ns : 0;
	series->said_ns = later(series->said_ns, point->start_ns);
	series->time_ns = fresh.time_ns;
	series->has_value = true;
	return 0;
}

/* ---- both -------------------------------------------------------------------------------- */

int point_take(struct series_table *table, struct series *series, const struct point *point,
	       struct series *difference)
{
	bool adds = point_adds(series->metric->kind, point->temporality);
	size_t before = value_bytes(series);
	struct point plain = *point;
	int result = 0;

	if (point->is_absent) { /* of what is added up, there was nothing to add */
		series->is_absent = !adds;
		return 0;
	}
	plain.weight = adds ? point->weight : 1;
	result = adds ? take_delta(table, series, &plain)
		      : take_absolute(table, series, &plain, difference);
	table->value_bytes += value_bytes(series) - before;
	if (result == POINT_TAKEN)
		series->is_absent = false;
	return result;
}

void point_release(struct series_table *table, struct series *series)
{
	table->value_bytes -= value_bytes(series);
	if (series->exemplars)
		table->value_bytes -= sizeof(*series->exemplars);
	free(series->exemplars);
	point_drop(series);
}

void point_exemplar(struct series_table *table, struct series *series,
		    const struct series_exemplar *exemplar)
{
	struct series_exemplars *ring = series->exemplars;

	if (!ring) {
		ring = series->exemplars = calloc(1, sizeof(*ring));
		if (!ring)
			return;
		table->value_bytes += sizeof(*ring);
	}
	ring->items[ring->next] = *exemplar;
	ring->next = (ring->next + 1) % SERIES_EXEMPLARS;
	if (ring->count < SERIES_EXEMPLARS)
		ring->count++;
}

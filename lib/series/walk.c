// SPDX-License-Identifier: Apache-2.0
/* The points of a batch, one after the other: whose they are, by resource, scope, metric, labels.
 */
#include <errno.h>
#include <string.h>
#include "point.h"
#include "walk.h"

enum { SETS_SPARE = 4096 };

/* Where a walk is. */
struct place {
	uint32_t row;
	struct series_labels *resource, *scope; /* NULL: none yet */
	struct series_labels *labels;           /* of the row; NULL: not looked for, or none */
	bool refused;                           /* some point of the row was */
	const struct sonde_batch *exemplars;    /* NULL: there are none */
	const struct sonde_column *parent;      /* of them */
	uint32_t first_exemplar, next_exemplar; /* those of the row */
};

/* ---- metrics ----------------------------------------------------------------------------- */

static struct sonde_text text_of(const char *text)
{
	return (struct sonde_text){ text ? text : "", text ? (uint32_t)strlen(text) : 0, 0 };
}

static uint32_t histogram_kind(uint32_t type)
{
	return type == SONDE_EXPONENTIAL ? SONDE_METRIC_EXPONENTIAL
	       : type == SONDE_EXPLICIT  ? SONDE_METRIC_HISTOGRAM
	       : type == SONDE_QUANTILES ? SONDE_METRIC_SUMMARY
					 : SONDE_METRIC_NONE;
}

static struct metric_key wide_key(const struct sonde_column *column)
{
	struct metric_key key = { .name = text_of(column->name),
				  .unit = text_of(column->unit),
				  .help = text_of(column->help),
				  .temporality = column->temporality };

	if (!key.unit.length && column->type == SONDE_DURATION)
		key.unit = text_of("ns");
	if (column->role == SONDE_ROLE_SUM) {
		key.kind = SONDE_METRIC_SUM;
		key.monotonic = column->monotonic;
	} else if (column->role == SONDE_ROLE_GAUGE) {
		key.kind = SONDE_METRIC_GAUGE;
		key.temporality = SONDE_UNSPECIFIED;
	} else {
		key.kind = histogram_kind(column->type);
	}
	return key;
}

static int wide_metric(struct walk *walk, const struct place *place, struct plan_measure *measure)
{
	struct metric_key key;

	if (measure->metric && measure->metric->resource == place->resource &&
	    measure->metric->scope == place->scope)
		return 0;
	key = wide_key(measure->column);
	measure->metric = NULL;
	return table_metric(walk->table, place->resource, place->scope, &key, &measure->metric);
}

static int decode_metric(struct walk *walk, uint32_t row, struct metric_key *ret_key)
{
	struct sonde_text text = sonde_text_at(walk->table->plan.metric, row);
	struct sonde_metric metric;
	int result = sonde_metric_decode(walk->instance, text.data, text.length, &metric);

	if (result)
		return result;
	*ret_key = (struct metric_key){ .name = metric.name,
					.unit = metric.unit,
					.help = metric.description,
					.kind = metric.kind };
	if (metric.kind == SONDE_METRIC_SUM)
		ret_key->monotonic = metric.monotonic;
	if (metric.kind == SONDE_METRIC_SUM || metric.kind == SONDE_METRIC_HISTOGRAM ||
	    metric.kind == SONDE_METRIC_EXPONENTIAL)
		ret_key->temporality = metric.temporality;
	return 0;
}

static bool is_wanted(const struct walk *walk, const struct metric_key *key)
{
	return !walk->wants || walk->wants(key->kind, key->temporality, key->monotonic);
}

/* 1: it is not to be walked. */
static int long_metric(struct walk *walk, const struct place *place,
		       struct series_metric **ret_metric)
{
	struct plan *plan = &walk->table->plan;
	struct metric_key key;
	uint32_t code, slot;
	int result;

	memcpy(&code, sonde_value(plan->metric, place->row), sizeof(code));
	slot = code % PLAN_METRICS;
	if (plan->resource != place->resource || plan->scope != place->scope) {
		memset(plan->metrics, 0, sizeof(plan->metrics));
		plan->resource = place->resource;
		plan->scope = place->scope;
	}
	if (!plan->metrics[slot].is_known || plan->metrics[slot].code != code) {
		plan->metrics[slot].is_known = false;
		plan->metrics[slot].metric = NULL;
		result = decode_metric(walk, place->row, &key);
		if (!result && is_wanted(walk, &key))
			result = table_metric(walk->table, place->resource, place->scope, &key,
					      &plan->metrics[slot].metric);
		if (result)
			return result;
		plan->metrics[slot].code = code;
		plan->metrics[slot].is_known = true;
	}
	*ret_metric = plan->metrics[slot].metric;
	return !*ret_metric;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* The set of a resource or scope. What no set is equal to has no metric either, so it is made only
 * where a metric may be. */
static int find_set(struct walk *walk, uint32_t scope, uint32_t row, struct series_labels **set)
{
	struct series_table *table = walk->table;
	struct series_list *list = &table->plan.scopes[scope].list;
	int result;

	if (*set && table->plan.scopes[scope].is_constant)
		return 0;
	result = plan_list(&table->plan, walk->instance, scope, row, table->seed);
	if (result)
		return result;
	*set = series_sets_find(&table->sets, list);
	if (*set)
		return 0;
	if (table->metric_count >= table->options.series_limit)
		return -ENOSPC;
	*set = series_sets_intern(&table->sets, list);
	return *set ? 0 : -ENOMEM;
}

static int64_t time_at(const struct sonde_column *column, uint32_t row)
{
	return column && sonde_valid(column, row) ? plan_integer(column, row) : 0;
}

static struct point point_at(const struct walk *walk, uint32_t row,
			     const struct sonde_column *column, uint32_t temporality)
{
	const struct plan *plan = &walk->table->plan;
	struct point point = { .column = column,
			       .row = row,
			       .temporality = temporality,
			       .start_ns = time_at(plan->start, row),
			       .time_ns = time_at(plan->time, row),
			       .weight = 1 };

	if (!point.time_ns)
		point.time_ns = walk->now.wall_ns;
	if (plan->weight && sonde_valid(plan->weight, row))
		point.weight = sonde_number_at(plan->weight, row);
	if (plan->flags && sonde_valid(plan->flags, row))
		point.is_absent = plan_integer(plan->flags, row) & 1;
	return point;
}

/* ---- exemplars --------------------------------------------------------------------------- */

static const struct sonde_column *column_of(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t index = 0; index < batch->column_count; index++)
		if (sonde_column(batch, index)->role == role)
			return sonde_column(batch, index);
	return NULL;
}

static void find_exemplars(struct walk *walk, struct place *place)
{
	if (!walk->table->options.exemplars)
		return;
	for (uint32_t child = 0; child < walk->batch->child_count; child++) {
		const struct sonde_batch *batch = walk->batch->children[child];

		if (batch->signal != SONDE_SIGNAL_EXEMPLAR)
			continue;
		place->parent = column_of(batch, SONDE_ROLE_PARENT_ROW);
		place->exemplars = place->parent ? batch : NULL;
	}
}

static uint32_t parent_of(const struct place *place, uint32_t row)
{
	uint32_t parent;

	memcpy(&parent, sonde_value(place->parent, row), sizeof(parent));
	return parent;
}

static void pass_exemplars(struct place *place)
{
	if (!place->exemplars)
		return;
	while (place->next_exemplar < place->exemplars->row_count &&
	       parent_of(place, place->next_exemplar) < place->row)
		place->next_exemplar++;
	place->first_exemplar = place->next_exemplar;
	while (place->next_exemplar < place->exemplars->row_count &&
	       parent_of(place, place->next_exemplar) == place->row)
		place->next_exemplar++;
}

static bool read_exemplar(const struct sonde_batch *batch, uint32_t row, const char *measure,
			  struct series_exemplar *exemplar)
{
	bool has_value = false;

	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);
		struct sonde_text text;

		if (!sonde_valid(column, row))
			continue;
		switch (column->role) {
		case SONDE_ROLE_METRIC:
			text = sonde_text_at(column, row);
			if (measure && (strlen(measure) != text.length ||
					memcmp(measure, text.data, text.length) != 0))
				return false;
			break;
		case SONDE_ROLE_TIME:
			exemplar->time_ns = plan_integer(column, row);
			break;
		case SONDE_ROLE_VALUE:
			exemplar->value = sonde_number_at(column, row);
			has_value = true;
			break;
		case SONDE_ROLE_TRACE_ID:
			exemplar->has_trace = column->value_size == sizeof(exemplar->trace_id);
			if (exemplar->has_trace)
				memcpy(exemplar->trace_id, sonde_value(column, row), 16);
			break;
		case SONDE_ROLE_SPAN_ID:
			exemplar->has_span = column->value_size == sizeof(exemplar->span_id);
			if (exemplar->has_span)
				memcpy(exemplar->span_id, sonde_value(column, row), 8);
			break;
		default:
			break;
		}
	}
	return has_value;
}

static void take_exemplars(struct walk *walk, const struct place *place, struct series *series,
			   const char *measure)
{
	for (uint32_t row = place->first_exemplar; row < place->next_exemplar; row++) {
		struct series_exemplar exemplar = { 0 };

		if (sonde_selected(place->exemplars, row) &&
		    read_exemplar(place->exemplars, row, measure, &exemplar))
			point_exemplar(walk->table, series, &exemplar);
	}
}

/* ---- points ------------------------------------------------------------------------------ */

static void count_point(struct walk *walk, struct place *place, const struct walk_step *step)
{
	struct series_counts *counts = &walk->table->counts;

	if (step->result == POINT_LATE) {
		counts->late++;
	} else if (step->result < 0) {
		counts->refused++;
		place->refused = true;
	} else {
		counts->points++;
		counts->overflowed += step->series->is_overflow;
	}
}

static int walk_point(struct walk *walk, struct place *place, uint32_t index,
		      struct series_metric *metric)
{
	struct series_table *table = walk->table;
	struct plan_measure *measure = &table->plan.measures[index];
	struct walk_step step = { .row = place->row, .measure = index };
	struct point point;
	int result = 0;

	point = point_at(walk, place->row, measure->column, metric->temporality);
	step.is_absent = point.is_absent;
	step.result = table_series(table, metric, &table->plan.scopes[SONDE_SCOPE_ROW].list,
				   &place->labels, point_adds(metric->kind, metric->temporality),
				   &step.series);
	if (!step.result) {
		step.difference.metric = metric;
		step.result = point_take(table, step.series, &point,
					 walk->differs ? &step.difference : NULL);
	}
	if (step.result >= 0) {
		step.series->touched_ns = walk->now.steady_ns;
		if (place->first_exemplar < place->next_exemplar)
			take_exemplars(walk, place, step.series,
				       table->plan.metric ? NULL : measure->column->name);
	}
	count_point(walk, place, &step);
	if (walk->visit)
		result = walk->visit(walk, &step);
	if (step.difference.has_value)
		point_drop(&step.difference);
	return result;
}

static int refuse_point(struct walk *walk, struct place *place, uint32_t index, int error)
{
	struct walk_step step = { .row = place->row, .measure = index, .result = error };

	count_point(walk, place, &step);
	return walk->visit ? walk->visit(walk, &step) : 0;
}

static int walk_wide(struct walk *walk, struct place *place)
{
	struct plan *plan = &walk->table->plan;
	int result = 0;

	for (uint32_t index = 0; index < plan->measure_count && !result; index++) {
		struct plan_measure *measure = &plan->measures[index];
		int error;

		if (!sonde_valid(measure->column, place->row))
			continue;
		error = wide_metric(walk, place, measure);
		if (!error && !point_fits(measure->column, measure->metric->kind))
			error = -EINVAL;
		if (error)
			result = refuse_point(walk, place, index, error);
		else
			result = walk_point(walk, place, index, measure->metric);
	}
	return result;
}

static int walk_long(struct walk *walk, struct place *place)
{
	struct plan *plan = &walk->table->plan;
	struct series_metric *metric = NULL;
	int error = long_metric(walk, place, &metric);

	if (error > 0)
		return 0;
	for (uint32_t index = 0; index < plan->measure_count; index++) {
		const struct sonde_column *column = plan->measures[index].column;

		if (!sonde_valid(column, place->row))
			continue;
		if (!error && !point_fits(column, metric->kind))
			error = -EINVAL;
		if (error)
			return refuse_point(walk, place, index, error);
		return walk_point(walk, place, index, metric);
	}
	return 0; /* a point without a number */
}

/* Of a row of which nobody can say whose it is. */
static int refuse_row(struct walk *walk, struct place *place, int error)
{
	struct plan *plan = &walk->table->plan;
	int result = 0;

	for (uint32_t index = 0; index < plan->measure_count && !result; index++)
		if (sonde_valid(plan->measures[index].column, place->row))
			result = refuse_point(walk, place, index, error);
	return result;
}

static int walk_row(struct walk *walk, struct place *place)
{
	struct series_table *table = walk->table;
	int result = find_set(walk, SONDE_SCOPE_RESOURCE, place->row, &place->resource);

	pass_exemplars(place);
	place->labels = NULL;
	place->refused = false;
	if (!result)
		result = find_set(walk, SONDE_SCOPE_SCOPE, place->row, &place->scope);
	if (!result)
		result = plan_list(&table->plan, walk->instance, SONDE_SCOPE_ROW, place->row,
				   table->seed);
	if (result)
		result = refuse_row(walk, place, result);
	else
		result = table->plan.metric ? walk_long(walk, place) : walk_wide(walk, place);
	walk->refused_rows += place->refused;
	return result;
}

/* Takes measures out of the plan that are not to be walked. */
static void choose_measures(struct walk *walk)
{
	struct plan *plan = &walk->table->plan;
	uint32_t count = 0;

	for (uint32_t index = 0; index < plan->measure_count && !plan->metric; index++) {
		struct metric_key key = wide_key(plan->measures[index].column);

		if (is_wanted(walk, &key))
			plan->measures[count++] = plan->measures[index];
	}
	if (!plan->metric)
		plan->measure_count = count;
}

int walk_batch(struct walk *walk)
{
	struct series_table *table = walk->table;
	struct place place = { 0 };
	int result = plan_make(&table->plan, walk->batch, table->seed);

	if (result)
		return result;
	choose_measures(walk);
	table->pass++;
	find_exemplars(walk, &place);
	for (uint32_t row = 0; row < walk->batch->row_count && result >= 0; row++) {
		if (!sonde_selected(walk->batch, row))
			continue;
		place.row = row;
		result = walk_row(walk, &place);
	}
	/* resources and scopes whose rows had no point that was taken */
	if (table->sets.count >
	    SETS_SPARE + 2 * (table->series_count + 3 * (uint64_t)table->metric_count))
		series_sets_sweep(&table->sets);
	return result < 0 ? result : 0;
}

int series_fold(struct series_table *table, struct sonde_instance *instance,
		const struct sonde_batch *batch, struct series_moment now, uint64_t *ret_refused)
{
	struct walk walk = { .table = table, .instance = instance, .batch = batch, .now = now };
	int result = walk_batch(&walk);

	if (!result)
		*ret_refused = walk.refused_rows;
	return result;
}

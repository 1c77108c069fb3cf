// SPDX-License-Identifier: Apache-2.0
/* Tables of the same columns: which of these are asked for what, worked out once. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

static const char other_name[] = "aggregate.other";

/* ---- the same columns -------------------------------------------------------------------- */

bool layout_is_of(const struct layout *layout, const struct sonde_batch *batch)
{
	if (layout->column_count != batch->column_count ||
	    strcmp(layout->schema, batch->schema) != 0)
		return false;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		const struct known_column *known = &layout->columns[i];

		if (known->type != column->type || known->role != column->role ||
		    known->scope != column->scope || known->temporality != column->temporality ||
		    known->monotonic != column->monotonic || strcmp(known->name, column->name) != 0)
			return false;
	}
	return true;
}

static int columns_remember(struct layout *layout, const struct sonde_batch *batch)
{
	layout->schema = strdup(batch->schema);
	layout->columns = calloc(batch->column_count + 1u, sizeof(*layout->columns));
	if (!layout->schema || !layout->columns)
		return -ENOMEM;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		layout->columns[i] = (struct known_column){ .name = strdup(column->name),
							    .type = column->type,
							    .role = column->role,
							    .scope = column->scope,
							    .temporality = column->temporality,
							    .monotonic = column->monotonic };
		layout->column_count = i + 1;
		if (!layout->columns[i].name)
			return -ENOMEM;
	}
	return 0;
}

/* ---- what a table looks like ------------------------------------------------------------- */

static char *copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

/* Of a name, behind which there is no zero byte. */
static char *name_copy(const struct column_name *name)
{
	char *copy = malloc((size_t)name->length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, name->text, name->length);
	copy[name->length] = '\0';
	return copy;
}

/* Says what is wrong, the first time. */
__attribute__((format(printf, 2, 3))) static void tell(struct layout *layout, const char *format,
						       ...)
{
	va_list arguments;

	if (*layout->problem)
		return;
	va_start(arguments, format);
	(void)vsnprintf(layout->problem, sizeof(layout->problem), format, arguments);
	va_end(arguments);
}

static bool is_key(uint32_t type)
{
	return type != SONDE_EXPONENTIAL && type != SONDE_EXPLICIT && type != SONDE_QUANTILES;
}

static int shape_by(struct shape *shape, struct layout *layout, const struct plan *plan,
		    const struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < plan->by_count; i++) {
		const struct column_name *name = &plan->by[i];
		uint32_t index = layout->by[i] = column_find(name, batch);
		const struct sonde_column *column =
			index == COLUMN_NONE ? NULL : sonde_column(batch, index);
		struct by_column *by = &shape->by[i];

		shape->by_count = i + 1;
		layout->has_missing = layout->has_missing || !column;
		if (column && !is_key(column->type)) {
			layout->has_mismatch = true;
			tell(layout, "rows are not told apart by %s, which is a histogram",
			     column->name);
			column = NULL;
			layout->by[i] = COLUMN_NONE;
		}
		by->type = column ? column->type : SONDE_NONE;
		by->scope = column ? column->scope : SONDE_SCOPE_ROW;
		by->name = column ? strdup(column->name) : name_copy(name);
		by->unit = copy(column ? column->unit : NULL);
		by->help = copy(column ? column->help : NULL);
		if (!by->name)
			return -ENOMEM;
	}
	shape_arrange(shape);
	return 0;
}

static int shape_add(struct shape *shape, const char *name, enum function function)
{
	struct shape_measure *measure = &shape->measures[shape->measure_count];

	*measure = (struct shape_measure){ .name = strdup(name),
					   .function = function,
					   .scale = MEASURE_SCALE,
					   .monotonic = function == FUNCTION_COUNT,
					   .unknown = true };
	shape->measure_count++;
	return measure->name ? 0 : -ENOMEM;
}

static bool is_taken(const struct shape *shape, const struct sonde_column *column)
{
	for (uint32_t i = 0; i < shape->by_count; i++) {
		if (!strcmp(shape->by[i].name, column->name))
			return true;
	}
	for (uint32_t i = 0; i < shape->measure_count; i++) {
		if (!strcmp(shape->measures[i].name, column->name))
			return true;
	}
	return false;
}

/* Which function adds up a measure of a table; -ENOTSUP: none can. */
static int own_function(struct layout *layout, const struct sonde_column *column)
{
	if (column->role == SONDE_ROLE_GAUGE && function_takes(FUNCTION_LAST, column->type))
		return FUNCTION_LAST;
	if (column->role != SONDE_ROLE_GAUGE && column->temporality != SONDE_DELTA) {
		tell(layout,
		     "%s is not of delta temporality: what is counted since a start cannot be "
		     "added up over time (name measures that can: last(%s))",
		     column->name, column->name);
		return -ENOTSUP;
	}
	if (column->role == SONDE_ROLE_SUM && function_takes(FUNCTION_SUM, column->type))
		return FUNCTION_SUM;
	if (column->role == SONDE_ROLE_HISTOGRAM &&
	    function_takes(FUNCTION_HISTOGRAM, column->type))
		return FUNCTION_HISTOGRAM;
	tell(layout, "%s is of a type that cannot be added up", column->name);
	return -ENOTSUP;
}

/* The measures that a table brings, or what rows without any are worth. */
static int shape_own(struct shape *shape, struct layout *layout, const struct sonde_batch *batch)
{
	int result = 0;

	for (uint32_t i = 0; i < batch->column_count && !result; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_METRIC) {
			tell(layout, "each row is a data point of some metric: name measures");
			return -ENOTSUP;
		}
		if (column->role < SONDE_ROLE_SUM || column->role > SONDE_ROLE_HISTOGRAM ||
		    is_taken(shape, column) || shape->measure_count == WINDOW_MEASURES)
			continue;
		result = own_function(layout, column);
		if (result >= 0)
			result = shape_add(shape, column->name, (enum function)result);
	}
	if (result || shape->measure_count)
		return result;
	result = shape_add(shape, "count", FUNCTION_COUNT);
	for (uint32_t i = 0; i < batch->column_count && !result; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_DURATION && !is_taken(shape, column) &&
		    function_takes(FUNCTION_HISTOGRAM, column->type) &&
		    shape->measure_count < WINDOW_MEASURES)
			result = shape_add(shape, column->name, FUNCTION_HISTOGRAM);
	}
	return result;
}

static int shape_named(struct shape *shape, const struct plan *plan)
{
	int result = 0;

	for (uint32_t i = 0; i < plan->measure_count && !result; i++) {
		const struct measure *measure = &plan->measures[i];

		result = shape_add(shape, measure->name, measure->function);
		shape->measures[i].scale = measure->scale;
		shape->measures[i].share = measure->share;
	}
	return result;
}

/* -ENOTSUP: such a table cannot be aggregated, and the problem says why. */
static int shape_make(struct layout *layout, const struct plan *plan,
		      const struct sonde_batch *batch, struct shape **ret_shape)
{
	struct shape *shape = calloc(1, sizeof(*shape));
	int result = -ENOMEM;

	if (!shape)
		return -ENOMEM;
	shape->schema = strdup(plan->schema ? plan->schema : batch->schema);
	shape->measures = calloc(WINDOW_MEASURES, sizeof(*shape->measures));
	if (shape->schema && shape->measures)
		result = shape_by(shape, layout, plan, batch);
	if (!result && batch->signal == SONDE_SIGNAL_LEDGER) {
		tell(layout, "they are the ledger's own rows");
		result = -ENOTSUP;
	}
	if (!result)
		result = plan->measure_count ? shape_named(shape, plan)
					     : shape_own(shape, layout, batch);
	if (result < 0) {
		shape_release(shape);
		return result;
	}
	*ret_shape = shape;
	return 0;
}

static bool shapes_agree(const struct shape *a, const struct shape *b)
{
	if (strcmp(a->schema, b->schema) != 0 || a->measure_count != b->measure_count)
		return false;
	for (uint32_t i = 0; i < a->by_count; i++) {
		if (a->by[i].type != b->by[i].type || a->by[i].scope != b->by[i].scope ||
		    strcmp(a->by[i].name, b->by[i].name) != 0)
			return false;
	}
	for (uint32_t i = 0; i < a->measure_count; i++) {
		if (a->measures[i].function != b->measures[i].function ||
		    strcmp(a->measures[i].name, b->measures[i].name) != 0)
			return false;
	}
	return true;
}

/* Takes the shape over: it becomes a known one, or is one already. */
static int shape_enter(struct shapes *shapes, struct shape *shape, struct shape **ret_shape)
{
	struct shape **items;

	for (uint32_t i = 0; i < shapes->count; i++) {
		if (shapes_agree(shapes->items[i], shape)) {
			shape_release(shape);
			*ret_shape = shapes->items[i];
			return 0;
		}
	}
	items = shapes->count < SHAPE_LIMIT
			? realloc(shapes->items, (shapes->count + 1u) * sizeof(struct shape *))
			: NULL;
	if (!items) {
		int result = shapes->count < SHAPE_LIMIT ? -ENOMEM : -ENOSPC;

		shape_release(shape);
		return result;
	}
	shapes->items = items;
	shape->index = shapes->count;
	shapes->items[shapes->count++] = shape;
	*ret_shape = shape;
	return 0;
}

/* ---- measures ---------------------------------------------------------------------------- */

/* The type of what a measure makes of values of a column. */
static uint32_t made_type(enum function function, uint32_t type)
{
	enum class class = class_of(type);

	if (function == FUNCTION_HISTOGRAM)
		return class == CLASS_EXPLICIT ? SONDE_EXPLICIT : SONDE_EXPONENTIAL;
	if (function == FUNCTION_COUNT)
		return SONDE_U64;
	if (function == FUNCTION_SUM)
		return class != CLASS_WHOLE           ? SONDE_DOUBLE
		       : wide_type(type) == SONDE_U64 ? SONDE_U64
						      : SONDE_I64;
	if (function == FUNCTION_MEAN || function == FUNCTION_QUANTILE)
		return SONDE_DOUBLE;
	return wide_type(type);
}

/* Whether the values of another type can join those that a measure has had. */
static bool types_join(enum function function, uint32_t had, uint32_t type)
{
	return had == SONDE_NONE || had == type || function == FUNCTION_SUM;
}

static void measure_describe(struct shape_measure *measure, const struct sonde_column *column)
{
	if (!measure->unknown)
		return;
	measure->unknown = false;
	measure->type = made_type(measure->function, column->type);
	measure->unit = copy(column->unit);
	if (!measure->unit && column->type == SONDE_DURATION)
		measure->unit = strdup("ns");
	if (column->role >= SONDE_ROLE_SUM && column->role <= SONDE_ROLE_HISTOGRAM)
		measure->help = copy(column->help);
	if (measure->function == FUNCTION_SUM)
		measure->monotonic = column->role == SONDE_ROLE_SUM
					     ? column->monotonic
					     : column->role == SONDE_ROLE_DURATION ||
						       wide_type(column->type) == SONDE_U64;
}

static bool adds_up(enum function function)
{
	return function == FUNCTION_COUNT || function == FUNCTION_SUM ||
	       function == FUNCTION_MEAN || function == FUNCTION_HISTOGRAM ||
	       function == FUNCTION_QUANTILE;
}

static void measure_bind(struct layout *layout, uint32_t index, const struct sonde_batch *batch,
			 uint32_t found)
{
	struct shape_measure *measure = &layout->shape->measures[index];
	struct bound_measure *bound = &layout->measures[index];
	const struct sonde_column *column;

	if (found == COLUMN_NONE)
		return;
	column = sonde_column(batch, found);
	if (!function_takes(measure->function, column->type) ||
	    !types_join(measure->function, measure->type,
			made_type(measure->function, column->type))) {
		layout->has_mismatch = true;
		tell(layout, "%s: %s is of a type that does not fit here: it has no values",
		     measure->name, column->name);
		return;
	}
	if ((column->role == SONDE_ROLE_SUM || column->role == SONDE_ROLE_HISTOGRAM) &&
	    column->temporality != SONDE_DELTA && adds_up(measure->function)) {
		layout->has_mismatch = true;
		tell(layout, "%s: %s is not of delta temporality, and cannot be added up over time",
		     measure->name, column->name);
		return;
	}
	bound->column = found;
	bound->class = class_of(column->type);
	measure_describe(measure, column);
}

/* Whether a table lacks a column that a condition names. */
static bool condition_misses(const struct expression *condition, const struct sonde_batch *batch)
{
	struct sonde_field *fields;
	struct expression_error error;
	int result;

	if (!condition)
		return false;
	fields = calloc(batch->column_count + 1u, sizeof(*fields));
	if (!fields)
		return false;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		fields[i] = (struct sonde_field){ .name = column->name,
						  .type = column->type,
						  .role = column->role,
						  .scope = column->scope };
	}
	result = expression_check(condition, fields, &error);
	free(fields);
	return result == -ENOENT;
}

/* The column that holds parts of a measure's result, or COLUMN_NONE. */
static uint32_t part_find(const struct measure *measure, const struct sonde_batch *batch)
{
	uint32_t role = measure->function == FUNCTION_HISTOGRAM ? SONDE_ROLE_HISTOGRAM
			: measure->function == FUNCTION_COUNT || measure->function == FUNCTION_SUM
				? SONDE_ROLE_SUM
				: 0;

	if (measure->function == FUNCTION_MEAN || measure->function == FUNCTION_QUANTILE)
		return COLUMN_NONE;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!strcmp(column->name, measure->name) && (!role || column->role == role))
			return i;
	}
	return COLUMN_NONE;
}

static void measure_bind_named(struct layout *layout, uint32_t index, const struct measure *measure,
			       const struct sonde_batch *batch)
{
	bool has_column = measure->column.expression != NULL;
	uint32_t found = has_column ? column_find(&measure->column, batch) : COLUMN_NONE;
	bool missing =
		(has_column && found == COLUMN_NONE) || condition_misses(measure->condition, batch);
	uint32_t part = missing ? part_find(measure, batch) : COLUMN_NONE;

	if (part != COLUMN_NONE) {
		layout->measures[index].is_part = true;
		found = part;
	} else if (missing) {
		layout->has_missing = true;
	}
	measure_bind(layout, index, batch, found);
}

static void measure_bind_own(struct layout *layout, uint32_t index, const struct sonde_batch *batch)
{
	const struct shape_measure *measure = &layout->shape->measures[index];

	for (uint32_t i = 0; i < batch->column_count && measure->function != FUNCTION_COUNT; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		bool is_measure =
			column->role >= SONDE_ROLE_SUM && column->role <= SONDE_ROLE_HISTOGRAM;

		if ((is_measure || column->role == SONDE_ROLE_DURATION) &&
		    !strcmp(column->name, measure->name)) {
			measure_bind(layout, index, batch, i);
			return;
		}
	}
}

static int measures_bind(struct layout *layout, const struct plan *plan,
			 const struct sonde_batch *batch)
{
	layout->measures = calloc(layout->shape->measure_count + 1u, sizeof(*layout->measures));
	if (!layout->measures)
		return -ENOMEM;
	for (uint32_t i = 0; i < layout->shape->measure_count; i++) {
		layout->measures[i].column = COLUMN_NONE;
		if (plan->measure_count)
			measure_bind_named(layout, i, &plan->measures[i], batch);
		else
			measure_bind_own(layout, i, batch);
	}
	return 0;
}

/* ---- all --------------------------------------------------------------------------------- */

static uint32_t number_of_role(const struct sonde_batch *batch, uint32_t role)
{
	uint32_t found = column_of_role(batch, role), type;

	if (found == COLUMN_NONE)
		return COLUMN_NONE;
	type = wide_type(sonde_column(batch, found)->type);
	return type == SONDE_I64 || type == SONDE_U64 ||
			       (type == SONDE_DOUBLE && role == SONDE_ROLE_WEIGHT)
		       ? found
		       : COLUMN_NONE;
}

static void times_bind(struct layout *layout, const struct sonde_batch *batch)
{
	static const uint32_t roles[] = { SONDE_ROLE_TIME, SONDE_ROLE_END_TIME,
					  SONDE_ROLE_START_TIME };

	layout->time = COLUMN_NONE;
	for (uint32_t i = 0; i < 3 && layout->time == COLUMN_NONE; i++) {
		layout->time = column_of_role(batch, roles[i]);
		if (layout->time != COLUMN_NONE &&
		    sonde_column(batch, layout->time)->type != SONDE_TIME)
			layout->time = COLUMN_NONE;
	}
	layout->observed_time = column_of_role(batch, SONDE_ROLE_OBSERVED_TIME);
	if (layout->observed_time != COLUMN_NONE &&
	    sonde_column(batch, layout->observed_time)->type != SONDE_TIME)
		layout->observed_time = COLUMN_NONE;
	layout->is_interval = column_of_role(batch, SONDE_ROLE_START_TIME) != COLUMN_NONE &&
			      (column_of_role(batch, SONDE_ROLE_SUM) != COLUMN_NONE ||
			       column_of_role(batch, SONDE_ROLE_HISTOGRAM) != COLUMN_NONE ||
			       column_of_role(batch, SONDE_ROLE_METRIC) != COLUMN_NONE);
	layout->weight = number_of_role(batch, SONDE_ROLE_WEIGHT);
	layout->events = number_of_role(batch, SONDE_ROLE_EVENTS);
	layout->other = COLUMN_NONE;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (sonde_column(batch, i)->type == SONDE_BOOL &&
		    !strcmp(sonde_column(batch, i)->name, other_name))
			layout->other = i;
	}
}

int layout_make(struct layout *layout, const struct plan *plan, const struct sonde_batch *batch,
		struct shapes *shapes)
{
	struct shape *shape;
	int result = columns_remember(layout, batch);

	if (result < 0)
		return result;
	times_bind(layout, batch);
	for (uint32_t i = 0; i < plan->source_count; i++)
		layout->source[i] = column_find(&plan->source[i], batch);
	result = shape_make(layout, plan, batch, &shape);
	if (result == -ENOTSUP)
		return 0;
	if (!result)
		result = shape_enter(shapes, shape, &layout->shape);
	return result ? result : measures_bind(layout, plan, batch);
}

void layout_forget(struct layout *layout, struct sonde_instance *instance)
{
	for (uint32_t i = 0; i < WINDOW_COLUMNS; i++)
		text_memo_forget(&layout->by_memos[i], instance);
	for (uint32_t i = 0; layout->measures && i < layout->shape->measure_count; i++)
		text_memo_forget(&layout->measures[i].memo, instance);
}

void layout_clear(struct layout *layout, struct sonde_instance *instance)
{
	for (uint32_t i = 0; i < WINDOW_COLUMNS; i++)
		text_memo_clear(&layout->by_memos[i], instance);
	for (uint32_t i = 0; layout->measures && i < layout->shape->measure_count; i++)
		text_memo_clear(&layout->measures[i].memo, instance);
	for (uint32_t i = 0; i < layout->column_count; i++)
		free(layout->columns[i].name);
	free(layout->columns);
	free(layout->measures);
	free(layout->schema);
	*layout = (struct layout){ 0 };
}

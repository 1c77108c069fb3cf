// SPDX-License-Identifier: Apache-2.0
/* A table of groups as a batch: a row a group, columns by what its measures are. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rows.h"

/* A batch in the making. */
struct maker {
	struct sonde_instance *instance;
	const struct rows_request *request;
	struct table *table;
	struct sonde_batch *batch;
	uint32_t *groups; /* by row */
	uint32_t row_count;
};

/* ---- which groups ------------------------------------------------------------------------ */

/* What a measure comes to as a real number, to put groups in order; NaN: it has no value. */
static double rank_of(struct table *table, uint32_t index, uint32_t group)
{
	const struct shape_measure *measure = &table->shape->measures[index];
	const struct state *state = &table->states[index];
	uint64_t word;
	double value;

	if (state->distributions) {
		struct distribution *distribution = &state->distributions[group];

		if (measure->function == FUNCTION_QUANTILE)
			return distribution_share(distribution, measure->share, &table->pool);
		value = (double)distribution->count + (double)distribution->zero_count;
		if (distribution->rest)
			value += (double)distribution->rest->head.count;
		if (state->explicits)
			value += (double)state->explicits[group].head.count;
		return value;
	}
	if (measure->function == FUNCTION_COUNT)
		return (double)state_count(table, state, group) +
		       (state->reals ? state->reals[group] : 0);
	if (!state_seen(state, group))
		return NAN;
	if (state->weights)
		return state->reals[group] / state->weights[group];
	if (state->wholes)
		return (double)state_sum(state, group) + (state->reals ? state->reals[group] : 0);
	word = word_restored(measure->type, state->chosen[group]);
	if (measure->type == SONDE_DOUBLE)
		memcpy(&value, &word, sizeof(value));
	else
		value = measure->type == SONDE_U64 ? (double)word : (double)(int64_t)word;
	return value;
}

struct ranked {
	double rank;
	uint32_t group;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (isnan(x->rank) != isnan(y->rank))
		return isnan(x->rank) ? 1 : -1;
	if (x->rank != y->rank && !isnan(x->rank))
		return x->rank > y->rank ? -1 : 1;
	return x->group < y->group ? -1 : 1; /* equal ones as they came */
}

static uint32_t top_measure(const struct shape *shape, const struct rows_request *request)
{
	if (request->top_measure >= 0)
		return (uint32_t)request->top_measure;
	for (uint32_t i = 0; request->top_by && i < shape->measure_count; i++) {
		if (!strcmp(shape->measures[i].name, request->top_by))
			return i;
	}
	return 0;
}

/* Leaves the largest in the list, and adds the rest to the others. A value that finds no memory
 * there is missing from them. */
static int choose_top(struct maker *maker)
{
	const struct rows_request *request = maker->request;
	struct table *table = maker->table;
	uint32_t count = table->count - 1, measure = top_measure(table->shape, request);
	struct ranked *ranked = calloc(count, sizeof(*ranked));

	if (!ranked)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){ rank_of(table, measure, i + 1), i + 1 };
	qsort(ranked, count, sizeof(*ranked), by_rank);
	for (uint32_t i = 0; i < request->top; i++)
		maker->groups[i] = ranked[i].group;
	for (uint32_t i = request->top; i < count; i++) {
		(void)table_join(table, GROUP_OTHER, table, ranked[i].group);
		table->events[GROUP_OTHER] += table->events[ranked[i].group];
		table->has_other = true;
	}
	free(ranked);
	maker->row_count = request->top;
	return 0;
}

/* Rows in the order in which groups came, or from the largest on; the others last. */
static int choose_groups(struct maker *maker)
{
	const struct table *table = maker->table;
	uint32_t count = table->count - 1;
	int result = 0;

	maker->groups = calloc(count + 1u, sizeof(*maker->groups));
	if (!maker->groups)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		maker->groups[i] = i + 1;
	maker->row_count = count;
	if (rows_are_cut(table, maker->request->top))
		result = choose_top(maker);
	if (!result && table->has_other)
		maker->groups[maker->row_count++] = GROUP_OTHER;
	return result;
}

/* ---- columns ----------------------------------------------------------------------------- */

static uint32_t index_of(const struct maker *maker, const struct sonde_column *column)
{
	return (uint32_t)((size_t)((const char *)column - (const char *)maker->batch->columns) /
			  maker->batch->column_size);
}

static void set(struct sonde_column *column, uint32_t row, const void *value)
{
	memcpy(column->base + (size_t)row * column->stride, value, column->value_size);
}

/* The row has no value; *bits: those of the column, once there are some. */
static int set_null(struct maker *maker, struct sonde_column *column, unsigned char **bits,
		    uint32_t row)
{
	if (!*bits)
		*bits = sonde_batch_valid(maker->instance, maker->batch, index_of(maker, column));
	if (!*bits)
		return -ENOMEM;
	(*bits)[row >> 3] &= (unsigned char)~(1u << (row & 7));
	return 0;
}

static int put_time(struct maker *maker, const char *name, uint32_t role, int64_t time_ns,
		    const char *help)
{
	struct sonde_field field = {
		.name = name, .type = SONDE_TIME, .role = (uint16_t)role, .help = help
	};

	return sonde_batch_constant(maker->instance, maker->batch, &field, NULL, &time_ns)
		       ? 0
		       : -ENOMEM;
}

static bool key_is_null(const struct maker *maker, const struct by_column *by, const uint64_t *key)
{
	if (by->null_bit == UINT32_MAX)
		return key[by->word] == UINT64_MAX;
	return key[maker->table->shape->words - 1] >> by->null_bit & 1;
}

static int put_key(struct maker *maker, const struct by_column *by, struct sonde_column *column,
		   struct sonde_dictionary *dictionary)
{
	const struct table *table = maker->table;
	unsigned char *bits = NULL;

	for (uint32_t row = 0; row < maker->row_count; row++) {
		uint32_t group = maker->groups[row], code;
		const uint64_t *key = table->keys + (size_t)group * table->shape->words;
		const void *value = key + by->word;

		if (group == GROUP_OTHER || key_is_null(maker, by, key)) {
			if (set_null(maker, column, &bits, row) < 0)
				return -ENOMEM;
			continue;
		}
		if (dictionary) {
			code = intern_publish(maker->request->intern, maker->instance,
					      (uint32_t)key[by->word]);
			if (code == UINT32_MAX)
				return -ENOMEM;
			value = &code;
		}
		set(column, row, value);
	}
	return 0;
}

static int put_by(struct maker *maker, const struct by_column *by)
{
	struct sonde_field field = { .name = by->name,
				     .type = by->type,
				     .scope = by->scope,
				     .unit = by->unit,
				     .help = by->help };
	struct sonde_dictionary *dictionary = NULL;
	struct sonde_column *column;
	int result = -ENOMEM;

	if (!by->words)
		return 0;
	if (by->dictionary) {
		dictionary = intern_dictionary(maker->request->intern, maker->instance);
		if (!dictionary)
			return -ENOMEM;
	}
	column = sonde_batch_add(maker->instance, maker->batch, &field, dictionary);
	if (column)
		result = put_key(maker, by, column, dictionary);
	return result;
}

/* ---- measures ---------------------------------------------------------------------------- */

static bool fits(__int128 value, uint32_t type)
{
	return type == SONDE_U64 ? value >= 0 && value <= UINT64_MAX
				 : value >= INT64_MIN && value <= INT64_MAX;
}

/* The type that holds all sums of a measure: whole numbers as long as they are and fit. */
static uint32_t sum_type(const struct maker *maker, const struct shape_measure *measure,
			 const struct state *state)
{
	uint32_t type = measure->type;

	for (uint32_t row = 0; row < maker->row_count && type != SONDE_DOUBLE; row++) {
		if (state->reals || !fits(state_sum(state, maker->groups[row]), type))
			type = SONDE_DOUBLE;
	}
	return type;
}

static struct sonde_field measure_field(const struct shape_measure *measure)
{
	struct sonde_field field = { .name = measure->name,
				     .type = measure->type,
				     .role = SONDE_ROLE_GAUGE,
				     .unit = measure->unit,
				     .help = measure->help };

	switch (measure->function) {
	case FUNCTION_COUNT:
	case FUNCTION_SUM:
		field.role = SONDE_ROLE_SUM;
		field.temporality = SONDE_DELTA;
		field.monotonic = measure->monotonic;
		break;
	case FUNCTION_HISTOGRAM:
		field.role = SONDE_ROLE_HISTOGRAM;
		field.temporality = SONDE_DELTA;
		break;
	default:
		if (measure->type == SONDE_TEXT || measure->type == SONDE_BOOL ||
		    measure->type == SONDE_TIME)
			field.role = SONDE_ROLE_ATTRIBUTE;
	}
	return field;
}

static int put_counts(struct maker *maker, const struct shape_measure *measure,
		      const struct state *state)
{
	struct sonde_field field = measure_field(measure);
	struct sonde_column *column;

	field.type = state->reals ? SONDE_DOUBLE : SONDE_U64;
	if (!field.unit)
		field.unit = "{event}";
	column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	for (uint32_t row = 0; column && row < maker->row_count; row++) {
		uint32_t group = maker->groups[row];
		uint64_t count = state_count(maker->table, state, group);
		double real = (double)count + (state->reals ? state->reals[group] : 0);

		set(column, row, state->reals ? (const void *)&real : &count);
	}
	return column ? 0 : -ENOMEM;
}

static int put_sums(struct maker *maker, const struct shape_measure *measure,
		    const struct state *state)
{
	struct sonde_field field = measure_field(measure);
	unsigned char *bits = NULL;
	struct sonde_column *column;

	field.type = sum_type(maker, measure, state);
	column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	for (uint32_t row = 0; column && row < maker->row_count; row++) {
		uint32_t group = maker->groups[row];
		__int128 sum = state_sum(state, group);
		uint64_t whole = (uint64_t)sum;
		double real = (double)sum + (state->reals ? state->reals[group] : 0);

		if (!state_seen(state, group) && set_null(maker, column, &bits, row) < 0)
			return -ENOMEM;
		if (state_seen(state, group))
			set(column, row, field.type == SONDE_DOUBLE ? (const void *)&real : &whole);
	}
	return column ? 0 : -ENOMEM;
}

static int put_reals(struct maker *maker, uint32_t index, const struct shape_measure *measure)
{
	struct sonde_field field = measure_field(measure);
	unsigned char *bits = NULL;
	struct sonde_column *column;

	field.type = SONDE_DOUBLE;
	column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	for (uint32_t row = 0; column && row < maker->row_count; row++) {
		double value = rank_of(maker->table, index, maker->groups[row]);

		if (!isnan(value))
			set(column, row, &value);
		else if (set_null(maker, column, &bits, row) < 0)
			return -ENOMEM;
	}
	return column ? 0 : -ENOMEM;
}

static int put_chosen_rows(struct maker *maker, uint32_t type, const struct state *state,
			   struct sonde_column *column, struct sonde_dictionary *dictionary)
{
	unsigned char *bits = NULL;

	for (uint32_t row = 0; row < maker->row_count; row++) {
		uint32_t group = maker->groups[row], code;
		uint64_t word = word_restored(type, state->chosen[group]);

		if (!state_seen(state, group)) {
			if (set_null(maker, column, &bits, row) < 0)
				return -ENOMEM;
			continue;
		}
		if (dictionary) {
			code = intern_publish(maker->request->intern, maker->instance,
					      (uint32_t)word);
			if (code == UINT32_MAX)
				return -ENOMEM;
			set(column, row, &code);
		} else {
			set(column, row, &word);
		}
	}
	return 0;
}

static int put_chosen(struct maker *maker, const struct shape_measure *measure,
		      const struct state *state)
{
	struct sonde_field field = measure_field(measure);
	struct sonde_dictionary *dictionary = NULL;
	struct sonde_column *column;
	int result = -ENOMEM;

	if (measure->type == SONDE_TEXT) {
		dictionary = intern_dictionary(maker->request->intern, maker->instance);
		if (!dictionary)
			return -ENOMEM;
	}
	column = sonde_batch_add(maker->instance, maker->batch, &field, dictionary);
	if (column)
		result = put_chosen_rows(maker, measure->type, state, column, dictionary);
	return result;
}

/* One piece of the heap for all rows. */
static int heap_room(struct maker *maker, struct sonde_column *column, uint64_t words,
		     uint64_t **ret_heap, uint32_t *ret_start)
{
	*ret_start = 0;
	*ret_heap = NULL;
	if (!words)
		return 0;
	if (words > UINT32_MAX)
		return -ENOMEM;
	*ret_heap = sonde_batch_heap(maker->instance, maker->batch, index_of(maker, column),
				     (uint32_t)words, ret_start);
	return *ret_heap ? 0 : -ENOMEM;
}

static int put_exponentials(struct maker *maker, const struct shape_measure *measure,
			    struct state *state)
{
	struct sonde_field field = measure_field(measure);
	struct sonde_column *column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	struct sonde_exponential head;
	unsigned char *bits = NULL;
	uint64_t words = 0, *heap;
	uint32_t start;

	if (!column)
		return -ENOMEM;
	for (uint32_t row = 0; row < maker->row_count; row++) {
		if (distribution_finish(&state->distributions[maker->groups[row]], &head,
					&maker->table->pool) < 0)
			return -ENOMEM;
		if (!head.count && set_null(maker, column, &bits, row) < 0)
			return -ENOMEM;
		set(column, row, &head);
		words += distribution_words(&head);
	}
	if (heap_room(maker, column, words, &heap, &start) < 0)
		return -ENOMEM;
	for (uint32_t row = 0; row < maker->row_count; row++) {
		memcpy(&head, sonde_value(column, row), sizeof(head));
		if (distribution_words(&head)) {
			distribution_copy(&state->distributions[maker->groups[row]], &head, heap);
			heap += distribution_words(&head);
		}
		head.positive_start = start;
		head.negative_start = start + head.positive_length;
		start += distribution_words(&head);
		set(column, row, &head);
	}
	return 0;
}

static int put_explicits(struct maker *maker, const struct shape_measure *measure,
			 const struct state *state)
{
	struct sonde_field field = measure_field(measure);
	struct sonde_column *column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	unsigned char *bits = NULL;
	uint64_t words = 0, *heap;
	uint32_t start;

	for (uint32_t row = 0; state->explicits && row < maker->row_count; row++) {
		uint32_t length = state->explicits[maker->groups[row]].head.length;

		words += length ? 2 * (uint64_t)length - 1 : 0;
	}
	if (!column || heap_room(maker, column, words, &heap, &start) < 0)
		return -ENOMEM;
	for (uint32_t row = 0; row < maker->row_count; row++) {
		const struct explicit_sum *sum =
			state->explicits ? &state->explicits[maker->groups[row]] : NULL;
		struct sonde_explicit head;

		if (!sum || !sum->head.count) {
			if (set_null(maker, column, &bits, row) < 0)
				return -ENOMEM;
			continue;
		}
		head = sum->head;
		head.counts_start = start;
		head.bounds_start = start + head.length;
		set(column, row, &head);
		if (!head.length)
			continue;
		memcpy(heap, sum->counts, (2 * (size_t)head.length - 1) * sizeof(*heap));
		heap += 2 * (size_t)head.length - 1;
		start += 2 * head.length - 1;
	}
	return 0;
}

static int put_measure(struct maker *maker, uint32_t index)
{
	const struct shape_measure *measure = &maker->table->shape->measures[index];
	struct state *state = &maker->table->states[index];

	if (measure->function == FUNCTION_COUNT)
		return put_counts(maker, measure, state);
	if (measure->unknown) /* no table had what it is made of */
		return 0;
	switch (measure->function) {
	case FUNCTION_SUM:
		return put_sums(maker, measure, state);
	case FUNCTION_MEAN:
	case FUNCTION_QUANTILE:
		return put_reals(maker, index, measure);
	case FUNCTION_HISTOGRAM:
		return measure->type == SONDE_EXPLICIT ? put_explicits(maker, measure, state)
						       : put_exponentials(maker, measure, state);
	default:
		return put_chosen(maker, measure, state);
	}
}

/* ---- all --------------------------------------------------------------------------------- */

static int put_events(struct maker *maker)
{
	static const struct sonde_field field = { .name = "events",
						  .type = SONDE_U64,
						  .role = SONDE_ROLE_EVENTS,
						  .unit = "{event}",
						  .help = "events folded into the row" };
	struct sonde_column *column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);

	for (uint32_t row = 0; column && row < maker->row_count; row++)
		set(column, row, &maker->table->events[maker->groups[row]]);
	return column ? 0 : -ENOMEM;
}

/* The row of the others is the last. */
static int put_other(struct maker *maker)
{
	static const struct sonde_field field = { .name = "aggregate.other",
						  .type = SONDE_BOOL,
						  .help = "true: the row is of all groups that "
							  "have none of their own" };
	struct sonde_column *column;
	unsigned char *bits = NULL;
	bool yes = true;

	if (!maker->table->has_other)
		return 0;
	column = sonde_batch_add(maker->instance, maker->batch, &field, NULL);
	for (uint32_t row = 0; column && row + 1 < maker->row_count; row++) {
		if (set_null(maker, column, &bits, row) < 0)
			return -ENOMEM;
	}
	if (column)
		set(column, maker->row_count - 1, &yes);
	return column ? 0 : -ENOMEM;
}

static int fill(struct maker *maker)
{
	const struct rows_request *request = maker->request;
	const struct shape *shape = maker->table->shape;
	int result;

	result = put_time(maker, "time", SONDE_ROLE_TIME, request->end_ns, "end of the window");
	if (!result)
		result = put_time(maker, "start_time", SONDE_ROLE_START_TIME, request->start_ns,
				  "its begin");
	for (uint32_t i = 0; i < shape->by_count && !result; i++)
		result = put_by(maker, &shape->by[i]);
	for (uint32_t i = 0; i < shape->measure_count && !result; i++)
		result = put_measure(maker, i);
	if (!result)
		result = put_events(maker);
	return result ? result : put_other(maker);
}

struct sonde_batch *rows_make(struct table *table, const struct rows_request *request)
{
	struct maker maker = { .instance = request->instance, .request = request, .table = table };
	int result = choose_groups(&maker);

	if (!result) {
		maker.batch = sonde_batch_table(request->instance, table->shape->schema,
						SONDE_SIGNAL_METRIC, maker.row_count);
		result = maker.batch ? fill(&maker) : -ENOMEM;
	}
	free(maker.groups);
	if (result && maker.batch) {
		sonde_batch_release(request->instance, maker.batch);
		maker.batch = NULL;
	}
	return maker.batch;
}

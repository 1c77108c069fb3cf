// SPDX-License-Identifier: Apache-2.0
/* What lib/series/series.h promises: which rows are one series, and what points make of it. */
#include "otlp_table.h"
#include "series.h"

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })

enum { TIMES_UNKNOWN = -1 };

static const struct sonde_field calls = { .name = "calls",
					  .type = SONDE_U64,
					  .role = SONDE_ROLE_SUM,
					  .temporality = SONDE_DELTA,
					  .monotonic = true,
					  .unit = "{call}" };
static const struct sonde_field total = { .name = "total",
					  .type = SONDE_I64,
					  .role = SONDE_ROLE_SUM,
					  .temporality = SONDE_CUMULATIVE,
					  .monotonic = true };
static const struct sonde_field spread = { .name = "spread",
					   .type = SONDE_EXPONENTIAL,
					   .role = SONDE_ROLE_HISTOGRAM,
					   .temporality = SONDE_DELTA };
static const struct sonde_field buckets = { .name = "buckets",
					    .type = SONDE_EXPLICIT,
					    .role = SONDE_ROLE_HISTOGRAM,
					    .temporality = SONDE_DELTA };
static const struct sonde_field level = { .name = "level",
					  .type = SONDE_DOUBLE,
					  .role = SONDE_ROLE_GAUGE };

static struct series_moment moment = { .wall_ns = 1000, .steady_ns = 1000 };

static struct series_table *make_table(uint32_t limit)
{
	const struct series_options options = { .series_limit = limit,
						.expiry_ns = 1000,
						.exemplars = true };
	struct series_table *table;

	assert_int_equal(series_table_create(&options, moment, &table), 0);
	return table;
}

/* A batch of rows with times; start TIMES_UNKNOWN: without a column of starts. */
static struct sonde_batch *make_rows(uint32_t row_count, int64_t start_ns, int64_t time_ns)
{
	struct sonde_batch *batch =
		sonde_batch_table(&instance, "rows", SONDE_SIGNAL_METRIC, row_count);

	table_constant(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME), &time_ns);
	if (start_ns != TIMES_UNKNOWN)
		table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME), &start_ns);
	return batch;
}

static void add_text(struct sonde_batch *batch, const char *name, const char *value)
{
	table_constant(batch, FIELD(name, SONDE_TEXT, SONDE_ROLE_ATTRIBUTE),
		       VALUE(uint32_t, code_of(value)));
}

/* Folds the batch, which is gone then; how many rows were refused. */
static uint64_t fold(struct series_table *table, struct sonde_batch *batch)
{
	uint64_t refused = UINT64_MAX;

	(void)sonde_batch_bytes(&instance, batch);
	assert_int_equal(series_fold(table, &instance, batch, moment, &refused), 0);
	sonde_batch_release(&instance, batch);
	return refused;
}

/* One row with one value. */
static uint64_t fold_one(struct series_table *table, const struct sonde_field *field,
			 int64_t start_ns, int64_t time_ns, const void *value)
{
	struct sonde_batch *batch = make_rows(1, start_ns, time_ns);

	table_constant(batch, field, value);
	return fold(table, batch);
}

static struct series_counts counts_of(const struct series_table *table)
{
	struct series_counts counts;

	series_table_counts(table, &counts);
	return counts;
}

/* The only series of the table. */
static const struct series *only(const struct series_table *table)
{
	const struct series *series;

	assert_int_equal(series_metric_count(table), 1);
	series = series_metric_at(table, 0)->first;
	assert_non_null(series);
	assert_null(series->next);
	return series;
}

/* A histogram of a column, with buckets that begin at an index. */
static void set_exponential(struct sonde_batch *batch, uint32_t column, uint32_t row, int32_t scale,
			    int32_t offset, const uint64_t *counts, uint32_t length)
{
	struct sonde_exponential head = { .scale = scale,
					  .positive_offset = offset,
					  .positive_length = length,
					  .flags = SONDE_HAS_SUM,
					  .sum = 1 };
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, length, &head.positive_start);

	assert_non_null(heap);
	for (uint32_t i = 0; i < length; i++) {
		heap[i] = counts[i];
		head.count += counts[i];
	}
	table_set(batch, column, row, &head);
}

static void fold_exponential(struct series_table *table, const struct sonde_field *field,
			     int64_t time_ns, int32_t scale, int32_t offset, const uint64_t *counts,
			     uint32_t length)
{
	struct sonde_batch *batch = make_rows(1, 500, time_ns);

	set_exponential(batch, table_add(batch, field), 0, scale, offset, counts, length);
	assert_int_equal(fold(table, batch), 0);
}

static void fold_explicit(struct series_table *table, int64_t start_ns, int64_t time_ns,
			  double bound, uint64_t below, uint64_t above)
{
	struct sonde_batch *batch = make_rows(1, start_ns, time_ns);
	uint32_t column = table_add(batch, &buckets), start;
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, 3, &start);
	struct sonde_explicit head = { .count = below + above,
				       .sum = 10,
				       .flags = SONDE_HAS_SUM,
				       .counts_start = start,
				       .bounds_start = start + 2,
				       .length = 2 };

	heap[0] = below;
	heap[1] = above;
	memcpy(&heap[2], &bound, sizeof(bound));
	table_set(batch, column, 0, &head);
	assert_int_equal(fold(table, batch), 0);
}

/* ---- identity ---------------------------------------------------------------------------- */

static void a_series_is_its_attributes_whatever_their_order_and_place(void **state)
{
	const struct sonde_any pair = {
		.kind = SONDE_ANY_TEXT, .length = 1, .key = "b", .key_length = 1, .as.data = "2"
	};
	const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = &pair };
	const struct sonde_any number = { .kind = SONDE_ANY_INTEGER, .as.integer = 7 };
	struct series_table *table = make_table(10);

	for (int way = 0; way < 3; way++) {
		struct sonde_batch *batch = make_rows(1, 500, 600 + way);

		if (way == 0)
			add_text(batch, "b", "2");
		add_text(batch, "a", "1");
		if (way == 1)
			add_text(batch, "b", "2");
		if (way == 2)
			table_constant(batch, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES),
				       VALUE(uint32_t, code_of_any(&map)));
		if (way == 1)
			table_constant(batch, FIELD("n", SONDE_ANY, SONDE_ROLE_ATTRIBUTE),
				       VALUE(uint32_t, code_of_any(&number)));
		else
			table_constant(batch, FIELD("n", SONDE_U8, SONDE_ROLE_ATTRIBUTE),
				       VALUE(uint8_t, 7));
		table_constant(batch, &calls, VALUE(uint64_t, 1));
		assert_int_equal(fold(table, batch), 0);
	}
	assert_int_equal(only(table)->as.integer, 3);
	assert_int_equal(only(table)->attributes->count, 3);
	series_table_release(table);
}

static void another_value_type_resource_scope_unit_or_name_is_another_series(void **state)
{
	struct series_table *table = make_table(20);
	struct sonde_field other = calls;

	for (int way = 0; way < 7; way++) {
		struct sonde_batch *batch = make_rows(1, 500, 600);
		struct sonde_field resource = { .name = "host",
						.type = SONDE_TEXT,
						.scope = SONDE_SCOPE_RESOURCE };
		struct sonde_field scope = { .name = "scope",
					     .type = SONDE_TEXT,
					     .role = SONDE_ROLE_SCOPE_NAME,
					     .scope = SONDE_SCOPE_SCOPE };

		if (way == 1)
			add_text(batch, "a", "1");
		if (way == 2)
			table_constant(batch, FIELD("a", SONDE_I64, SONDE_ROLE_ATTRIBUTE),
				       VALUE(int64_t, 1));
		if (way == 3)
			table_constant(batch, &resource, VALUE(uint32_t, code_of("h")));
		if (way == 4)
			table_constant(batch, &scope, VALUE(uint32_t, code_of("h")));
		other.unit = way == 5 ? "By" : calls.unit;
		other.name = way == 6 ? "answers" : calls.name;
		table_constant(batch, &other, VALUE(uint64_t, 1));
		assert_int_equal(fold(table, batch), 0);
	}
	assert_int_equal(counts_of(table).series, 7);
	series_table_release(table);
}

static void an_attribute_that_is_null_is_none(void **state)
{
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(2, 500, 600);
	uint32_t name = table_add(batch, FIELD("a", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE));

	table_set(batch, name, 0, VALUE(uint32_t, code_of("x")));
	table_null(batch, name, 1);
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	fold(table, batch);
	assert_int_equal(counts_of(table).series, 2);
	fold_one(table, &calls, 500, 700, VALUE(uint64_t, 5));
	assert_int_equal(counts_of(table).series, 2);
	assert_int_equal(series_metric_at(table, 0)->first->as.integer, 6);
	series_table_release(table);
}

/* ---- delta ------------------------------------------------------------------------------- */

static void deltas_add_up_over_gaps_repeats_and_any_order(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, 500, 600, VALUE(uint64_t, 1));
	fold_one(table, &calls, 600, 700, VALUE(uint64_t, 2));
	fold_one(table, &calls, 900, 950, VALUE(uint64_t, 4)); /* a gap */
	fold_one(table, &calls, 700, 800, VALUE(uint64_t, 8)); /* late */
	fold_one(table, &calls, 700, 800, VALUE(uint64_t, 8)); /* the same from a replica */
	assert_int_equal(only(table)->as.integer, 23);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(only(table)->time_ns, 950);
	assert_int_equal(counts_of(table).points, 5);
	assert_int_equal(counts_of(table).late, 0);
	series_table_release(table);
}

static void without_a_start_a_series_begins_when_the_table_began_to_count(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, TIMES_UNKNOWN, 1700, VALUE(uint64_t, 1));
	assert_int_equal(only(table)->start_ns, moment.wall_ns);
	assert_int_equal(only(table)->time_ns, 1700);
	series_table_release(table);
}

static void weights_multiply_deltas_and_leave_gauges_alone(void **state)
{
	const uint64_t counts[] = { 2, 3 };
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(1, 500, 600);

	table_constant(batch, FIELD("weight", SONDE_U32, SONDE_ROLE_WEIGHT), VALUE(uint32_t, 10));
	table_constant(batch, &calls, VALUE(uint64_t, 7));
	table_constant(batch, &level, VALUE(double, 1.5));
	set_exponential(batch, table_add(batch, &spread), 0, 2, 0, counts, 2);
	fold(table, batch);
	assert_int_equal(series_metric_at(table, 0)->first->as.integer, 70);
	assert_true(series_metric_at(table, 1)->first->as.number == 1.5);
	assert_int_equal(series_metric_at(table, 2)->first->as.exponential->head.count, 50);
	assert_int_equal(series_metric_at(table, 2)->first->as.exponential->positive[1], 30);
	assert_true(series_metric_at(table, 2)->first->as.exponential->head.sum == 10);
	series_table_release(table);
}

static void a_sum_stops_at_the_end_of_its_range(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, 500, 600, VALUE(uint64_t, UINT64_MAX));
	fold_one(table, &calls, 500, 600, VALUE(uint64_t, 1));
	assert_true(only(table)->as.integer == INT64_MAX);
	series_table_release(table);
}

static void exponential_histograms_of_different_scales_merge_exactly(void **state)
{
	const uint64_t fine[] = { 1, 2, 3, 4 }, coarse[] = { 10, 20 };
	struct series_table *table = make_table(10);
	const struct histogram *histogram;

	fold_exponential(table, &spread, 600, 3, 4, fine, 4);   /* indices 4 to 7 */
	fold_exponential(table, &spread, 700, 2, 2, coarse, 2); /* 2 and 3: twice as wide */
	histogram = only(table)->as.exponential;
	assert_int_equal(histogram->head.scale, 2);
	assert_int_equal(histogram->head.count, 40);
	assert_int_equal(histogram->head.positive_offset, 2);
	assert_int_equal(histogram->positive[0], 1 + 2 + 10);
	assert_int_equal(histogram->positive[1], 3 + 4 + 20);
	assert_true(histogram->head.sum == 2);
	series_table_release(table);
}

static void explicit_histograms_add_and_begin_anew_with_other_bounds(void **state)
{
	struct series_table *table = make_table(10);

	fold_explicit(table, 500, 600, 1, 2, 3);
	fold_explicit(table, 600, 700, 1, 20, 30);
	assert_int_equal(only(table)->as.distribution->counts[0], 22);
	assert_int_equal(only(table)->as.distribution->counts[1], 33);
	assert_int_equal(only(table)->as.distribution->count, 55);
	assert_int_equal(only(table)->start_ns, 500);
	fold_explicit(table, 700, 800, 2, 5, 6);
	assert_int_equal(only(table)->as.distribution->count, 11);
	assert_int_equal(only(table)->start_ns, 700);
	assert_int_equal(counts_of(table).resets, 1);
	series_table_release(table);
}

static void buckets_that_do_not_lie_in_the_heap_are_refused(void **state)
{
	struct sonde_exponential head = { .positive_start = 5, .positive_length = 9, .count = 1 };
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(1, 500, 600);

	table_constant(batch, &spread, &head);
	assert_int_equal(fold(table, batch), 1);
	assert_int_equal(counts_of(table).refused, 1);
	series_table_release(table);
}

/* ---- cumulative -------------------------------------------------------------------------- */

static void a_cumulative_point_takes_the_place_of_an_older_one_and_late_ones_do_not(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &total, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &total, 500, 800, VALUE(int64_t, 30));
	fold_one(table, &total, 500, 700, VALUE(int64_t, 20)); /* late */
	fold_one(table, &total, 500, 800, VALUE(int64_t, 30)); /* repeated */
	fold_one(table, &total, 400, 900, VALUE(int64_t, 99)); /* of a process before */
	assert_int_equal(only(table)->as.integer, 30);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(counts_of(table).late, 3);
	assert_int_equal(counts_of(table).resets, 0);
	series_table_release(table);
}

static void a_later_start_or_a_fallen_value_is_a_reset(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &total, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &total, 650, 700, VALUE(int64_t, 20));
	assert_int_equal(only(table)->start_ns, 650);
	assert_int_equal(counts_of(table).resets, 1);
	fold_one(table, &total, 650, 800, VALUE(int64_t, 5));
	assert_int_equal(only(table)->start_ns, 700); /* when it was seen last */
	assert_int_equal(only(table)->as.integer, 5);
	assert_int_equal(counts_of(table).resets, 2);
	fold_one(table, &total, 650, 900, VALUE(int64_t, 8)); /* its source knows nothing of that */
	assert_int_equal(only(table)->start_ns, 700);
	assert_int_equal(only(table)->as.integer, 8);
	series_table_release(table);
}

static void what_is_not_monotonic_may_fall(void **state)
{
	struct sonde_field open = total;
	struct series_table *table = make_table(10);

	open.monotonic = false;
	fold_one(table, &open, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &open, 500, 700, VALUE(int64_t, 5));
	assert_int_equal(only(table)->as.integer, 5);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(counts_of(table).resets, 0);
	series_table_release(table);
}

static void a_row_that_says_there_is_no_value_hides_the_series(void **state)
{
	struct series_table *table = make_table(10);

	for (uint32_t flags = 0; flags < 3; flags++) {
		struct sonde_batch *batch = make_rows(1, 500, 600 + flags);

		table_constant(batch, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS),
			       VALUE(uint32_t, flags));
		table_constant(batch, &level, VALUE(double, flags));
		fold(table, batch);
		assert_int_equal(only(table)->is_absent, flags == 1);
	}
	assert_true(only(table)->as.number == 2);
	series_table_release(table);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void beyond_the_limit_deltas_are_added_to_the_overflow_series(void **state)
{
	enum { LIMIT = 100 };
	struct series_table *table = make_table(LIMIT);
	const struct series_metric *metric;
	int64_t sum = 0, in_overflow = 0;
	size_t memory = 0;

	for (int64_t round = 0; round < 3; round++) {
		struct sonde_batch *batch = make_rows(10 * LIMIT, 500, 600 + round);
		uint32_t id = table_add(batch, FIELD("id", SONDE_U32, SONDE_ROLE_ATTRIBUTE));

		for (uint32_t row = 0; row < 10 * LIMIT; row++)
			table_set(batch, id, row, &row);
		table_constant(batch, &calls, VALUE(uint64_t, 3));
		assert_int_equal(fold(table, batch), 0);
		if (round)
			assert_int_equal(counts_of(table).memory_bytes, memory);
		memory = counts_of(table).memory_bytes;
	}
	assert_int_equal(counts_of(table).series, LIMIT);
	assert_int_equal(counts_of(table).overflowed, 3 * 9 * LIMIT);
	metric = series_metric_at(table, 0);
	for (const struct series *series = metric->first; series; series = series->next) {
		sum += series->as.integer;
		in_overflow += series->is_overflow ? series->as.integer : 0;
	}
	assert_int_equal(sum, 3 * 10 * LIMIT * 3);
	assert_int_equal(in_overflow, 3 * 9 * LIMIT * 3);
	assert_non_null(series_label_find(metric->overflow->attributes, "otel.metric.overflow"));
	series_table_release(table);
}

static void beyond_the_limit_what_cannot_be_added_up_is_refused(void **state)
{
	struct series_table *table = make_table(1);
	struct sonde_batch *batch;

	for (uint32_t id = 0; id < 3; id++) {
		batch = make_rows(1, 500, 600);
		table_constant(batch, FIELD("id", SONDE_U32, SONDE_ROLE_ATTRIBUTE), &id);
		table_constant(batch, &level, VALUE(double, 1));
		assert_int_equal(fold(table, batch), id > 0);
	}
	batch = make_rows(1, 500, 600); /* a metric more than series */
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	assert_int_equal(fold(table, batch), 1);
	series_table_release(table);
}

static void the_memory_bound_ends_new_series_as_the_limit_does(void **state)
{
	const struct series_options options = { .series_limit = 1u << 20,
						.memory_bytes = 256 << 10 };
	char long_text[4096];
	struct series_table *table;
	uint64_t sum = 0;

	assert_int_equal(series_table_create(&options, moment, &table), 0);
	for (uint32_t round = 0; round < 500; round++) {
		struct sonde_batch *batch = make_rows(1, 500, 600);

		(void)snprintf(long_text, sizeof(long_text), "%04000u", round);
		add_text(batch, "text", long_text);
		table_constant(batch, &calls, VALUE(uint64_t, 1));
		assert_int_equal(fold(table, batch), 0);
	}
	assert_true(counts_of(table).memory_bytes < options.memory_bytes + 8192);
	assert_true(counts_of(table).overflowed > 400);
	for (const struct series *series = series_metric_at(table, 0)->first; series;
	     series = series->next)
		sum += (uint64_t)series->as.integer;
	assert_int_equal(sum, 500);
	series_table_release(table);
}

static void an_idle_series_is_forgotten_and_begins_anew(void **state)
{
	struct series_table *table = make_table(10);
	struct series_moment later = { .wall_ns = 3000, .steady_ns = 1900 };

	fold_one(table, &calls, TIMES_UNKNOWN, 1500, VALUE(uint64_t, 1));
	series_expire(table, later);
	assert_int_equal(counts_of(table).series, 1);
	later.steady_ns = 2100;
	series_expire(table, later);
	assert_int_equal(counts_of(table).series, 0);
	assert_int_equal(counts_of(table).metrics, 0);
	assert_int_equal(counts_of(table).expired, 1);
	fold_one(table, &calls, TIMES_UNKNOWN, 3500, VALUE(uint64_t, 2));
	assert_int_equal(only(table)->as.integer, 2);
	assert_int_equal(only(table)->start_ns, 3000);
	series_table_release(table);
}

static void resources_without_a_point_do_not_pile_up(void **state)
{
	const struct sonde_field resource = { .name = "id",
					      .type = SONDE_U32,
					      .scope = SONDE_SCOPE_RESOURCE };
	struct series_table *table = make_table(1u << 20);

	for (uint32_t round = 0; round < 3; round++) {
		struct sonde_batch *batch = make_rows(8192, 500, 600);
		uint32_t id = table_add(batch, &resource), value = table_add(batch, &calls);

		for (uint32_t row = 0; row < 8192; row++) {
			table_set(batch, id, row, VALUE(uint32_t, round * 8192 + row));
			table_null(batch, value, row);
		}
		fold(table, batch);
		assert_true(counts_of(table).memory_bytes < 1 << 20);
	}
	series_table_release(table);
}

static void an_exemplar_is_kept_by_the_series_of_its_row(void **state)
{
	static const unsigned char trace_id[16] = "trace id is here";
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(2, 500, 600);
	struct sonde_batch *child =
		sonde_batch_table(&instance, "exemplars", SONDE_SIGNAL_EXEMPLAR, 1);
	uint32_t name = table_add(batch, FIELD("a", SONDE_U32, SONDE_ROLE_ATTRIBUTE));

	for (uint32_t row = 0; row < 2; row++)
		table_set(batch, name, row, &row);
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	table_constant(batch, &level, VALUE(double, 1));
	table_constant(child, FIELD("row", SONDE_U32, SONDE_ROLE_PARENT_ROW), VALUE(uint32_t, 1));
	table_constant(child, FIELD("which", SONDE_TEXT, SONDE_ROLE_METRIC),
		       VALUE(uint32_t, code_of("calls")));
	table_constant(child, FIELD("value", SONDE_DOUBLE, SONDE_ROLE_VALUE), VALUE(double, 3));
	table_constant(child, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID), trace_id);
	assert_int_equal(sonde_batch_adopt(&instance, batch, child), 0);
	fold(table, batch);
	for (uint32_t index = 0; index < 2; index++)
		for (const struct series *series = series_metric_at(table, index)->first; series;
		     series = series->next) {
			bool is_it = index == 0 && series->attributes->items[0].as.integer == 1;

			assert_int_equal(series->exemplars != NULL, is_it);
			if (is_it)
				assert_memory_equal(series->exemplars->items[0].trace_id, trace_id,
						    16);
		}
	series_table_release(table);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_begin, table_end)
	const struct CMUnitTest tests[] = {
		CASE(a_series_is_its_attributes_whatever_their_order_and_place),
		CASE(another_value_type_resource_scope_unit_or_name_is_another_series),
		CASE(an_attribute_that_is_null_is_none),
		CASE(deltas_add_up_over_gaps_repeats_and_any_order),
		CASE(without_a_start_a_series_begins_when_the_table_began_to_count),
		CASE(weights_multiply_deltas_and_leave_gauges_alone),
		CASE(a_sum_stops_at_the_end_of_its_range),
		CASE(exponential_histograms_of_different_scales_merge_exactly),
		CASE(explicit_histograms_add_and_begin_anew_with_other_bounds),
		CASE(buckets_that_do_not_lie_in_the_heap_are_refused),
		CASE(a_cumulative_point_takes_the_place_of_an_older_one_and_late_ones_do_not),
		CASE(a_later_start_or_a_fallen_value_is_a_reset),
		CASE(what_is_not_monotonic_may_fall),
		CASE(a_row_that_says_there_is_no_value_hides_the_series),
		CASE(beyond_the_limit_deltas_are_added_to_the_overflow_series),
		CASE(beyond_the_limit_what_cannot_be_added_up_is_refused),
		CASE(the_memory_bound_ends_new_series_as_the_limit_does),
		CASE(an_idle_series_is_forgotten_and_begins_anew),
		CASE(resources_without_a_point_do_not_pile_up),
		CASE(an_exemplar_is_kept_by_the_series_of_its_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

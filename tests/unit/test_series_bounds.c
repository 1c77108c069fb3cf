// SPDX-License-Identifier: Apache-2.0
/* What lib/series/series.h promises of limits and of time, of exemplars and long rows. */
#include "series_fixture.h"

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

/* ---- long rows --------------------------------------------------------------------------- */

static uint32_t code_of_metric(const char *name, uint32_t kind, uint32_t temporality)
{
	const struct sonde_metric metric = { .size = sizeof(metric),
					     .name = { name, (uint32_t)strlen(name), 0 },
					     .kind = kind,
					     .temporality = temporality,
					     .monotonic = true };
	unsigned char buffer[128];
	int64_t length = sonde_metric_encode(&instance, &metric, buffer, sizeof(buffer));

	assert_true(length > 0 && (size_t)length <= sizeof(buffer));
	return code_of_bytes(buffer, (size_t)length);
}

static const struct series_metric *metric_of(const struct series_table *table, const char *name)
{
	for (uint32_t index = 0; index < series_metric_count(table); index++)
		if (strcmp(series_metric_at(table, index)->name, name) == 0)
			return series_metric_at(table, index);
	fail_msg("there is no metric %s", name);
	return NULL;
}

static void long_rows_are_points_of_their_metrics_and_misfits_are_refused(void **state)
{
	enum { SUM, GAUGE, SPREAD, TWICE, MISFIT, NO_NUMBER, LONG_ROWS };
	const uint64_t counts[] = { 4, 5 };
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(LONG_ROWS, 500, 600);
	uint32_t which = table_add(batch, FIELD("m", SONDE_BYTES, SONDE_ROLE_METRIC));
	uint32_t number = table_add(batch, FIELD("double", SONDE_DOUBLE, SONDE_ROLE_VALUE));
	uint32_t integer = table_add(batch, FIELD("integer", SONDE_I64, SONDE_ROLE_VALUE));
	uint32_t histogram = table_add(batch, FIELD("e", SONDE_EXPONENTIAL, SONDE_ROLE_VALUE));
	uint32_t metrics[LONG_ROWS];

	metrics[SUM] = code_of_metric("sum", SONDE_METRIC_SUM, SONDE_DELTA);
	metrics[GAUGE] = code_of_metric("gauge", SONDE_METRIC_GAUGE, SONDE_UNSPECIFIED);
	metrics[SPREAD] = code_of_metric("spread", SONDE_METRIC_EXPONENTIAL, SONDE_DELTA);
	metrics[TWICE] = metrics[NO_NUMBER] = metrics[SUM];
	metrics[MISFIT] = metrics[SPREAD];
	for (uint32_t row = 0; row < LONG_ROWS; row++) {
		table_set(batch, which, row, &metrics[row]);
		if (row != GAUGE)
			table_null(batch, number, row);
		if (row != SUM && row != TWICE && row != MISFIT)
			table_null(batch, integer, row);
		if (row != SPREAD)
			table_null(batch, histogram, row);
		table_set(batch, integer, row, VALUE(int64_t, 10 + row));
	}
	table_set(batch, number, GAUGE, VALUE(double, 0.5));
	set_exponential(batch, histogram, SPREAD, 1, 0, counts, 2);
	assert_int_equal(fold(table, batch), 1);
	assert_int_equal(counts_of(table).points, 4);
	assert_int_equal(counts_of(table).refused, 1);
	assert_int_equal(metric_of(table, "sum")->first->as.integer, 10 + 10 + TWICE);
	assert_true(metric_of(table, "gauge")->first->as.number == 0.5);
	assert_int_equal(metric_of(table, "spread")->first->as.exponential->head.count, 9);
	series_table_release(table);
}

static void more_metrics_than_are_remembered_of_a_batch_are_found_all_the_same(void **state)
{
	enum { METRICS = 300 };
	struct series_table *table = make_table(METRICS);
	struct sonde_batch *batch = make_rows(3 * METRICS, 500, 600);
	uint32_t which = table_add(batch, FIELD("m", SONDE_BYTES, SONDE_ROLE_METRIC));
	char name[32];

	table_constant(batch, FIELD("v", SONDE_I64, SONDE_ROLE_VALUE), VALUE(int64_t, 1));
	for (uint32_t row = 0; row < 3 * METRICS; row++) {
		uint32_t code;

		(void)snprintf(name, sizeof(name), "metric.%u", row % METRICS);
		code = code_of_metric(name, SONDE_METRIC_SUM, SONDE_DELTA);
		table_set(batch, which, row, &code);
	}
	assert_int_equal(fold(table, batch), 0);
	assert_int_equal(series_metric_count(table), METRICS);
	for (uint32_t index = 0; index < METRICS; index++)
		assert_int_equal(series_metric_at(table, index)->first->as.integer, 3);
	series_table_release(table);
}

static void what_is_no_metric_is_refused(void **state)
{
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(1, 500, 600);

	table_constant(batch, FIELD("m", SONDE_BYTES, SONDE_ROLE_METRIC),
		       VALUE(uint32_t, code_of("\xff\xff is no metric")));
	table_constant(batch, FIELD("v", SONDE_I64, SONDE_ROLE_VALUE), VALUE(int64_t, 1));
	assert_int_equal(fold(table, batch), 1);
	assert_int_equal(counts_of(table).series, 0);
	series_table_release(table);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_begin, table_end)
	const struct CMUnitTest tests[] = {
		CASE(beyond_the_limit_deltas_are_added_to_the_overflow_series),
		CASE(beyond_the_limit_what_cannot_be_added_up_is_refused),
		CASE(the_memory_bound_ends_new_series_as_the_limit_does),
		CASE(an_idle_series_is_forgotten_and_begins_anew),
		CASE(resources_without_a_point_do_not_pile_up),
		CASE(an_exemplar_is_kept_by_the_series_of_its_row),
		CASE(long_rows_are_points_of_their_metrics_and_misfits_are_refused),
		CASE(more_metrics_than_are_remembered_of_a_batch_are_found_all_the_same),
		CASE(what_is_no_metric_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

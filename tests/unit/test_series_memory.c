// SPDX-License-Identifier: Apache-2.0
/* Series when memory is refused, at every place where it is asked for: nothing is lost that was
 * said to be taken, and what could not be taken is said. */
#include "otlp_table.h"
#include <errno.h>
#include <stdlib.h>
#include "series.h"
#include "../../plugins/output/prometheus/exposition.h"

enum { ROWS = 200 };

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })

static const struct series_moment moment = { .wall_ns = 1000, .steady_ns = 1000 };

/* ---- memory ------------------------------------------------------------------------------ */

static int64_t left = -1; /* allocations until one is refused; negative: none is */
static bool refused;

static bool refuses(void)
{
	if (left < 0 || left-- > 0)
		return false;
	refused = true;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
	return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return refuses() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return refuses() ? NULL : __real_reallocarray(memory, count, size);
}

/* ---- tables ------------------------------------------------------------------------------ */

static struct series_table *make_table(void)
{
	const struct series_options options = { .series_limit = 100, .exemplars = true };
	struct series_table *table;

	assert_int_equal(series_table_create(&options, moment, &table), 0);
	return table;
}

/* Rows of as many series, more than there is room for, whose sums and histograms count 1 each. */
static struct sonde_batch *make_batch(void)
{
	const struct sonde_field calls = { .name = "calls",
					   .type = SONDE_U64,
					   .role = SONDE_ROLE_SUM,
					   .temporality = SONDE_DELTA,
					   .monotonic = true };
	const struct sonde_field spread = { .name = "spread",
					    .type = SONDE_EXPONENTIAL,
					    .role = SONDE_ROLE_HISTOGRAM,
					    .temporality = SONDE_DELTA };
	struct sonde_batch *batch = sonde_batch_table(&instance, "rows", SONDE_SIGNAL_METRIC, ROWS);
	uint32_t id = table_add(batch, FIELD("id", SONDE_U32, SONDE_ROLE_ATTRIBUTE)), column;

	table_constant(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME), VALUE(int64_t, 5000));
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	column = table_add(batch, &spread);
	for (uint32_t row = 0; row < ROWS; row++) {
		struct sonde_exponential head = { .count = 1, .positive_length = 1 };
		uint64_t *heap =
			sonde_batch_heap(&instance, batch, column, 1, &head.positive_start);

		*heap = 1;
		head.positive_offset = (int32_t)row % 7;
		table_set(batch, column, row, &head);
		table_set(batch, id, row, &row);
	}
	(void)sonde_batch_bytes(&instance, batch);
	return batch;
}

/* What all series have come to. */
static uint64_t total_of(const struct series_table *table)
{
	uint64_t total = 0;

	for (uint32_t index = 0; index < series_metric_count(table); index++) {
		const struct series_metric *metric = series_metric_at(table, index);

		for (const struct series *series = metric->first; series; series = series->next)
			if (!series->has_value)
				continue;
			else if (metric->kind == SONDE_METRIC_EXPONENTIAL)
				total += series->as.exponential->head.count;
			else
				total += (uint64_t)series->as.integer;
	}
	return total;
}

static void each_point_is_in_the_table_or_counted_as_refused(void **state)
{
	struct sonde_batch *batch = make_batch();
	int64_t place = 0;
	bool some = true;

	for (; some; place++) {
		struct series_table *table = make_table();
		struct series_counts counts;
		uint64_t rows = 0;
		int result;

		refused = false;
		left = place;
		result = series_fold(table, &instance, batch, moment, &rows);
		left = -1;
		some = refused;
		series_table_counts(table, &counts);
		if (result) { /* before the first row */
			assert_int_equal(result, -ENOMEM);
			assert_int_equal(counts.points, 0);
		} else {
			assert_int_equal(counts.points + counts.refused, 2 * ROWS);
			assert_int_equal(rows > 0, counts.refused > 0);
		}
		assert_int_equal(total_of(table), counts.points);
		series_table_release(table);
	}
	assert_true(place > ROWS); /* there were so many places */
	sonde_batch_release(&instance, batch);
}

static void a_conversion_is_whole_or_none(void **state)
{
	struct sonde_batch *batch = make_batch();
	int64_t place = 0;
	bool some = true;

	for (; some; place++) {
		struct series_table *table = make_table();
		struct series_converted converted = { 0 };
		int result;

		refused = false;
		left = place;
		result = series_convert(table, &instance, batch, SONDE_CUMULATIVE, moment,
					&converted);
		left = -1;
		some = refused;
		assert_true(result == 0 || result == -ENOMEM);
		assert_int_equal(converted.count, result ? 0 : 2);
		series_converted_release(&instance, &converted);
		series_table_release(table);
	}
	assert_true(place > ROWS); /* there were so many places */
	sonde_batch_release(&instance, batch);
}

/* Two resources that Prometheus cannot tell apart, so that sums are made too. */
static void an_exposition_is_whole_or_empty(void **state)
{
	const struct sonde_field host = { .name = "host",
					  .type = SONDE_U32,
					  .scope = SONDE_SCOPE_RESOURCE };
	struct series_table *table = make_table();
	struct exposition exposition = { .options = { .buckets = 8 } };
	struct json out = { 0 };
	uint64_t rows;
	int64_t place = 0;
	bool some = true;

	for (uint32_t which = 0; which < 2; which++) {
		struct sonde_batch *batch = make_batch();
		struct sonde_batch *other = sonde_batch_derive(&instance, batch);

		table_constant(other, &host, &which);
		(void)sonde_batch_bytes(&instance, other);
		assert_int_equal(series_fold(table, &instance, other, moment, &rows), 0);
		sonde_batch_release(&instance, other);
		sonde_batch_release(&instance, batch);
	}
	for (; some; place++) {
		int result;

		refused = false;
		left = place;
		result = exposition_make(&exposition, &instance, table);
		if (!result)
			result = exposition_write_protobuf(&exposition, &out);
		if (!result) {
			exposition_write_openmetrics(&exposition, &out);
			result = out.failed ? -ENOMEM : 0;
		}
		left = -1;
		some = refused;
		assert_int_equal(result, refused ? -ENOMEM : 0);
		exposition_release(&exposition);
		exposition.options.buckets = 8;
		json_release(&out);
	}
	assert_true(place > 20);
	series_table_release(table);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_begin, table_end)
	const struct CMUnitTest tests[] = {
		CASE(each_point_is_in_the_table_or_counted_as_refused),
		CASE(a_conversion_is_whole_or_none),
		CASE(an_exposition_is_whole_or_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

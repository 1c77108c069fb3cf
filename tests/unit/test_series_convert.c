// SPDX-License-Identifier: Apache-2.0
/* What series_convert() promises: batches of another temporality, with correct starts. */
#include "otlp_table.h"
#include "series.h"

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })
#define WORDS(text_)                                                                               \
	{                                                                                          \
		.data = (text_), .length = sizeof(text_) - 1                                       \
	}

enum { ROWS = 4 };

static const struct series_moment moment = { .wall_ns = 1000, .steady_ns = 1000 };
static struct sonde_field calls = { .name = "calls",
				    .type = SONDE_U32,
				    .role = SONDE_ROLE_SUM,
				    .temporality = SONDE_DELTA,
				    .monotonic = true };
static struct sonde_field spread = { .name = "spread",
				     .type = SONDE_EXPONENTIAL,
				     .role = SONDE_ROLE_HISTOGRAM,
				     .temporality = SONDE_DELTA };
static const struct sonde_field level = { .name = "level",
					  .type = SONDE_DOUBLE,
					  .role = SONDE_ROLE_GAUGE };

static struct series_table *make_table(uint32_t limit)
{
	const struct series_options options = { .series_limit = limit };
	struct series_table *table;

	assert_int_equal(series_table_create(&options, moment, &table), 0);
	return table;
}

/* Rows of the series 0, 1, 0, 1 …, whose values are `value` each; start 0: none is said. */
static struct sonde_batch *make_wide(int64_t start_ns, int64_t time_ns, uint32_t value)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "wide", SONDE_SIGNAL_METRIC, ROWS);
	uint32_t id = table_add(batch, FIELD("id", SONDE_U32, SONDE_ROLE_ATTRIBUTE)), column, start;
	uint64_t *heap;

	table_constant(batch, FIELD("when", SONDE_TIME, SONDE_ROLE_TIME), &time_ns);
	if (start_ns)
		table_constant(batch, FIELD("since", SONDE_TIME, SONDE_ROLE_START_TIME), &start_ns);
	table_constant(batch, &calls, &value);
	table_constant(batch, &level, VALUE(double, 2.5));
	column = table_add(batch, &spread);
	for (uint32_t row = 0; row < ROWS; row++) {
		struct sonde_exponential head = { .count = value,
						  .scale = (int32_t)row,
						  .positive_length = 1,
						  .flags = SONDE_HAS_SUM };

		heap = sonde_batch_heap(&instance, batch, column, 1, &start);
		assert_non_null(heap);
		*heap = value;
		head.positive_start = start;
		table_set(batch, column, row, &head);
		table_set(batch, id, row, VALUE(uint32_t, row % 2));
	}
	(void)sonde_batch_bytes(&instance, batch);
	return batch;
}

static struct series_converted convert(struct series_table *table, struct sonde_batch *batch,
				       enum sonde_temporality to)
{
	struct series_converted converted;

	assert_int_equal(series_convert(table, &instance, batch, to, moment, &converted), 0);
	sonde_batch_release(&instance, batch);
	return converted;
}

static const struct sonde_column *find(const struct sonde_batch *batch, uint32_t role)
{
	return table_find(batch, role, SONDE_SCOPE_ROW, NULL);
}

static void deltas_become_what_they_add_up_to_since_the_first(void **state)
{
	struct series_table *table = make_table(10);

	for (int64_t round = 0; round < 3; round++) {
		struct series_converted converted =
			convert(table, make_wide(500 + 100 * round, 600 + 100 * round, 5),
				SONDE_CUMULATIVE);
		const struct sonde_batch *batch = converted.batches[0];
		const struct sonde_column *sum = find(batch, SONDE_ROLE_SUM);
		const struct sonde_column *histogram = find(batch, SONDE_ROLE_HISTOGRAM);
		struct sonde_exponential head;

		assert_int_equal(converted.count, 1);
		assert_int_equal(sum->temporality, SONDE_CUMULATIVE);
		assert_true(sum->monotonic);
		for (uint32_t row = 0; row < ROWS; row++) {
			bool is_last = row >= 2; /* of its series in this batch */

			assert_int_equal(sonde_valid(sum, row), is_last);
			assert_int_equal(sonde_valid(histogram, row), is_last);
			check_value(find(batch, SONDE_ROLE_GAUGE), row, VALUE(double, 2.5));
			if (!is_last)
				continue;
			check_value(sum, row, VALUE(int64_t, 10 * (round + 1)));
			memcpy(&head, sonde_value(histogram, row), sizeof(head));
			assert_int_equal(head.count, 10 * (round + 1));
			assert_int_equal(head.scale, row - 2);
			assert_int_equal(histogram->heap[head.positive_start], 10 * (round + 1));
			check_value(find(batch, SONDE_ROLE_START_TIME), row, VALUE(int64_t, 500));
			check_value(find(batch, SONDE_ROLE_TIME), row,
				    VALUE(int64_t, 600 + 100 * round));
		}
		series_converted_release(&instance, &converted);
	}
	series_table_release(table);
}

static void a_late_delta_is_told_at_the_time_of_the_newest(void **state)
{
	struct series_table *table = make_table(10);
	struct series_converted converted;

	converted = convert(table, make_wide(0, 5000, 1), SONDE_CUMULATIVE);
	series_converted_release(&instance, &converted);
	converted = convert(table, make_wide(0, 4000, 1), SONDE_CUMULATIVE);
	check_value(find(converted.batches[0], SONDE_ROLE_TIME), 3, VALUE(int64_t, 5000));
	check_value(find(converted.batches[0], SONDE_ROLE_START_TIME), 3,
		    VALUE(int64_t, moment.wall_ns));
	check_value(find(converted.batches[0], SONDE_ROLE_SUM), 3, VALUE(int64_t, 4));
	series_converted_release(&instance, &converted);
	series_table_release(table);
}

static void beyond_the_limit_a_batch_of_its_own_tells_the_overflow(void **state)
{
	struct series_table *table = make_table(2); /* for one series of each metric */
	struct series_converted converted =
		convert(table, make_wide(500, 600, 7), SONDE_CUMULATIVE);
	const struct sonde_batch *batch = converted.batches[1];

	assert_int_equal(converted.count, 2);
	assert_int_equal(converted.refused_rows, 0);
	check_value(find(converted.batches[0], SONDE_ROLE_SUM), 2, VALUE(int64_t, 14));
	assert_false(sonde_valid(find(converted.batches[0], SONDE_ROLE_SUM), 3));
	assert_int_equal(batch->selected_count, 1);
	assert_true(sonde_selected(batch, 3));
	check_value(find(batch, SONDE_ROLE_SUM), 3, VALUE(int64_t, 14));
	assert_string_equal(find(batch, SONDE_ROLE_ATTRIBUTE)->name, "otel.metric.overflow");
	for (uint32_t index = 0; index < batch->column_count; index++)
		assert_string_not_equal(sonde_column(batch, index)->name, "level");
	series_converted_release(&instance, &converted);
	series_table_release(table);
}

static void cumulative_points_become_differences_and_the_first_has_none(void **state)
{
	struct series_table *table = make_table(10);
	struct series_converted converted;

	calls.temporality = spread.temporality = SONDE_CUMULATIVE;
	converted = convert(table, make_wide(500, 600, 5), SONDE_DELTA);
	for (uint32_t row = 0; row < ROWS; row++)
		assert_false(sonde_valid(find(converted.batches[0], SONDE_ROLE_SUM), row));
	series_converted_release(&instance, &converted);
	converted = convert(table, make_wide(500, 700, 8), SONDE_DELTA);
	for (uint32_t row = 0; row < 2; row++) { /* rows 2 and 3 are no newer */
		const struct sonde_batch *batch = converted.batches[0];

		check_value(find(batch, SONDE_ROLE_SUM), row, VALUE(int64_t, 3));
		check_value(find(batch, SONDE_ROLE_START_TIME), row, VALUE(int64_t, 600));
		assert_int_equal(find(batch, SONDE_ROLE_SUM)->temporality, SONDE_DELTA);
		assert_false(sonde_valid(find(batch, SONDE_ROLE_SUM), row + 2));
	}
	series_converted_release(&instance, &converted);
	converted = convert(table, make_wide(2000, 2100, 2), SONDE_DELTA); /* a reset */
	check_value(find(converted.batches[0], SONDE_ROLE_SUM), 0, VALUE(int64_t, 2));
	check_value(find(converted.batches[0], SONDE_ROLE_START_TIME), 0, VALUE(int64_t, 2000));
	series_converted_release(&instance, &converted);
	series_table_release(table);
	table = make_table(10);
	converted = convert(table, make_wide(2000, 2100, 2), SONDE_DELTA); /* began since then */
	check_value(find(converted.batches[0], SONDE_ROLE_SUM), 0, VALUE(int64_t, 2));
	series_converted_release(&instance, &converted);
	series_table_release(table);
	calls.temporality = spread.temporality = SONDE_DELTA;
}

static void what_needs_no_change_is_the_batch_itself(void **state)
{
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_wide(500, 600, 5);
	struct series_converted converted = convert(table, batch, SONDE_DELTA);

	assert_int_equal(converted.count, 1);
	assert_ptr_equal(converted.batches[0], batch);
	series_converted_release(&instance, &converted);
	series_table_release(table);
}

/* ---- long rows --------------------------------------------------------------------------- */

static uint32_t code_of_metric(uint32_t kind, uint32_t temporality, struct sonde_text metadata)
{
	const struct sonde_metric metric = { .size = sizeof(metric),
					     .name = WORDS("bytes.sent"),
					     .unit = WORDS("By"),
					     .description = WORDS("what was sent"),
					     .metadata = metadata,
					     .kind = kind,
					     .temporality = temporality,
					     .monotonic = kind == SONDE_METRIC_SUM };
	unsigned char buffer[256];
	int64_t length = sonde_metric_encode(&instance, &metric, buffer, sizeof(buffer));

	assert_true(length > 0 && (size_t)length <= sizeof(buffer));
	return code_of_bytes(buffer, (size_t)length);
}

static void long_rows_are_converted_by_their_metric_and_others_go_on_as_they_are(void **state)
{
	const struct sonde_any pair = {
		.kind = SONDE_ANY_BOOL, .key = "k", .key_length = 1, .as.boolean = true
	};
	const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = &pair };
	unsigned char encoded[64];
	struct sonde_text metadata = { (char *)encoded, 0, 0 };
	struct series_table *table = make_table(10);
	struct series_converted converted = { 0 };
	const struct sonde_batch *batch;
	struct sonde_metric metric;
	struct sonde_text text;

	metadata.length = (uint32_t)sonde_any_encode(&instance, &map, encoded, sizeof(encoded));
	for (int64_t round = 0; round < 2; round++) {
		struct sonde_batch *points =
			sonde_batch_table(&instance, "points", SONDE_SIGNAL_METRIC, 3);
		uint32_t which = table_add(points, FIELD("m", SONDE_BYTES, SONDE_ROLE_METRIC));
		uint32_t value = table_add(points, FIELD("v", SONDE_DOUBLE, SONDE_ROLE_VALUE));

		table_constant(points, FIELD("t", SONDE_TIME, SONDE_ROLE_TIME),
			       VALUE(int64_t, 600 + round));
		for (uint32_t row = 0; row < 3; row++) {
			bool is_sum = row != 1;

			table_set(
				points, which, row,
				VALUE(uint32_t,
				      code_of_metric(is_sum ? SONDE_METRIC_SUM : SONDE_METRIC_GAUGE,
						     is_sum ? SONDE_DELTA : SONDE_UNSPECIFIED,
						     metadata)));
			table_set(points, value, row, VALUE(double, 0.5 + row));
		}
		(void)sonde_batch_bytes(&instance, points);
		series_converted_release(&instance, &converted);
		converted = convert(table, points, SONDE_CUMULATIVE);
	}
	assert_int_equal(converted.count, 2);
	batch = converted.batches[0];
	assert_int_equal(batch->selected_count, 1);
	assert_true(sonde_selected(batch, 1));
	check_value(find(batch, SONDE_ROLE_VALUE), 1, VALUE(double, 1.5));
	batch = converted.batches[1];
	assert_int_equal(batch->selected_count, 1);
	assert_true(sonde_selected(batch, 2));
	check_value(find(batch, SONDE_ROLE_VALUE), 2, VALUE(double, 6));
	text = sonde_text_at(find(batch, SONDE_ROLE_METRIC), 2);
	assert_int_equal(sonde_metric_decode(&instance, text.data, text.length, &metric), 0);
	assert_int_equal(metric.temporality, SONDE_CUMULATIVE);
	assert_true(metric.monotonic);
	assert_memory_equal(metric.description.data, "what was sent", metric.description.length);
	assert_int_equal(
		sonde_metric_metadata(&instance, text.data, text.length, encoded, sizeof(encoded)),
		metadata.length);
	series_converted_release(&instance, &converted);
	series_table_release(table);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_begin, table_end)
	const struct CMUnitTest tests[] = {
		CASE(deltas_become_what_they_add_up_to_since_the_first),
		CASE(a_late_delta_is_told_at_the_time_of_the_newest),
		CASE(beyond_the_limit_a_batch_of_its_own_tells_the_overflow),
		CASE(cumulative_points_become_differences_and_the_first_has_none),
		CASE(what_needs_no_change_is_the_batch_itself),
		CASE(long_rows_are_converted_by_their_metric_and_others_go_on_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

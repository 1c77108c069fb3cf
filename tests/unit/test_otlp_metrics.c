// SPDX-License-Identifier: Apache-2.0
/* One batch of each of the five kinds of metric that OTLP has, long and wide, built and read back
 * through the plugin header alone, as docs/otlp-mapping.md says. */
#include "otlp_table.h"

#define ROW SONDE_SCOPE_ROW

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })
#define WORDS(text_)                                                                               \
	{                                                                                          \
		.data = (text_), .length = sizeof(text_) - 1                                       \
	}

static const unsigned char trace_id[16] = "trace id is here";
static const unsigned char span_id[8] = "span id.";

/* The code of a metric as long rows name it. */
static uint32_t code_of_metric(const struct sonde_metric *metric)
{
	unsigned char buffer[256];
	int64_t length = sonde_metric_encode(&instance, metric, buffer, sizeof(buffer));

	assert_true(length > 0 && (size_t)length <= sizeof(buffer));
	return code_of_bytes(buffer, (size_t)length);
}

static void check_metric(uint32_t row, const struct sonde_metric *wanted)
{
	const struct sonde_column *column = table_find(emitted, SONDE_ROLE_METRIC, ROW, NULL);
	struct sonde_text text = sonde_text_at(column, row);
	struct sonde_metric metric;
	unsigned char map[64];

	assert_int_equal(sonde_metric_decode(&instance, text.data, text.length, &metric), 0);
	assert_int_equal(metric.kind, wanted->kind);
	assert_int_equal(metric.temporality, wanted->temporality);
	assert_int_equal(metric.monotonic, wanted->monotonic);
	assert_int_equal(metric.name.length, wanted->name.length);
	assert_memory_equal(metric.name.data, wanted->name.data, metric.name.length);
	assert_int_equal(metric.unit.length, wanted->unit.length);
	assert_memory_equal(metric.unit.data, wanted->unit.data, metric.unit.length);
	assert_int_equal(metric.description.length, wanted->description.length);
	assert_memory_equal(metric.description.data, wanted->description.data,
			    metric.description.length);
	assert_int_equal(sonde_metric_metadata(&instance, text.data, text.length, map, sizeof(map)),
			 wanted->metadata.length);
	assert_memory_equal(map, wanted->metadata.data, wanted->metadata.length);
}

/* A table of long rows of one metric, with what all kinds of points have. */
static struct sonde_batch *make_points(const struct sonde_metric *metric, uint32_t row_count)
{
	struct sonde_batch *batch =
		sonde_batch_table(&instance, "points", SONDE_SIGNAL_METRIC, row_count);
	uint32_t time = table_add(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME));
	uint32_t flags = table_add(batch, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS));
	uint32_t host = table_add(batch, FIELD("host", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE));

	table_constant(batch, FIELD("metric", SONDE_BYTES, SONDE_ROLE_METRIC),
		       VALUE(uint32_t, code_of_metric(metric)));
	table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME),
		       VALUE(int64_t, 1000));
	for (uint32_t row = 0; row < row_count; row++) {
		table_set(batch, time, row, VALUE(int64_t, 2000 + row));
		table_set(batch, flags, row, VALUE(uint32_t, row == 2)); /* nothing recorded */
		table_set(batch, host, row, VALUE(uint32_t, code_of(row % 2 ? "b" : "a")));
	}
	return batch;
}

static void check_points(const struct sonde_metric *metric, uint32_t row_count)
{
	assert_int_equal(emitted->signal, SONDE_SIGNAL_METRIC);
	assert_int_equal(emitted->row_count, row_count);
	for (uint32_t row = 0; row < row_count; row++) {
		check_metric(row, metric);
		check_value(table_find(emitted, SONDE_ROLE_START_TIME, ROW, NULL), row,
			    VALUE(int64_t, 1000));
		check_value(table_find(emitted, SONDE_ROLE_TIME, ROW, NULL), row,
			    VALUE(int64_t, 2000 + row));
		check_value(table_find(emitted, SONDE_ROLE_FLAGS, ROW, NULL), row,
			    VALUE(uint32_t, row == 2));
		check_text(table_find(emitted, SONDE_ROLE_ATTRIBUTE, ROW, "host"), row,
			   row % 2 ? "b" : "a");
	}
}

/* Two exemplars, of rows 0 and 1; the first a double, the second an integer. */
static struct sonde_batch *make_exemplars(void)
{
	struct sonde_batch *batch =
		sonde_batch_table(&instance, "exemplars", SONDE_SIGNAL_EXEMPLAR, 2);
	uint32_t parent = table_add(batch, FIELD("row", SONDE_U32, SONDE_ROLE_PARENT_ROW));
	uint32_t number = table_add(batch, FIELD("double", SONDE_DOUBLE, SONDE_ROLE_VALUE));
	uint32_t integer = table_add(batch, FIELD("integer", SONDE_I64, SONDE_ROLE_VALUE));

	table_constant(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME), VALUE(int64_t, 1500));
	table_constant(batch, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID), trace_id);
	table_constant(batch, FIELD("span", SONDE_ID8, SONDE_ROLE_SPAN_ID), span_id);
	table_constant(batch, FIELD("user", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE),
		       VALUE(uint32_t, code_of("ann")));
	for (uint32_t row = 0; row < 2; row++)
		table_set(batch, parent, row, VALUE(uint32_t, row));
	table_set(batch, number, 0, VALUE(double, 0.25));
	table_null(batch, number, 1);
	table_set(batch, integer, 1, VALUE(int64_t, -9));
	table_null(batch, integer, 0);
	return batch;
}

static void check_exemplars(const struct sonde_batch *batch)
{
	const struct sonde_column *number = table_find(batch, SONDE_ROLE_VALUE, ROW, "double");
	const struct sonde_column *integer = table_find(batch, SONDE_ROLE_VALUE, ROW, "integer");

	assert_int_equal(batch->signal, SONDE_SIGNAL_EXEMPLAR);
	for (uint32_t row = 0; row < 2; row++) {
		check_value(table_find(batch, SONDE_ROLE_PARENT_ROW, ROW, NULL), row,
			    VALUE(uint32_t, row));
		check_value(table_find(batch, SONDE_ROLE_TIME, ROW, NULL), row,
			    VALUE(int64_t, 1500));
		check_value(table_find(batch, SONDE_ROLE_TRACE_ID, ROW, NULL), row, trace_id);
		check_value(table_find(batch, SONDE_ROLE_SPAN_ID, ROW, NULL), row, span_id);
		check_text(table_find(batch, SONDE_ROLE_ATTRIBUTE, ROW, "user"), row, "ann");
		assert_int_equal(sonde_valid(number, row), row == 0);
		assert_int_equal(sonde_valid(integer, row), row == 1);
	}
	check_value(number, 0, VALUE(double, 0.25));
	check_value(integer, 1, VALUE(int64_t, -9));
}

/* Points of rows 0 to 2: a double, an integer, none. */
static void check_numbers(const struct sonde_metric *metric)
{
	struct sonde_batch *batch = make_points(metric, 3);
	uint32_t number = table_add(batch, FIELD("double", SONDE_DOUBLE, SONDE_ROLE_VALUE));
	uint32_t integer = table_add(batch, FIELD("integer", SONDE_I64, SONDE_ROLE_VALUE));

	table_set(batch, number, 0, VALUE(double, -1.5));
	table_set(batch, integer, 1, VALUE(int64_t, INT64_MIN));
	for (uint32_t row = 0; row < 3; row++) {
		if (row != 0)
			table_null(batch, number, row);
		if (row != 1)
			table_null(batch, integer, row);
	}
	assert_int_equal(sonde_batch_adopt(&instance, batch, make_exemplars()), 0);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	check_points(metric, 3);
	check_value(sonde_column(emitted, number), 0, VALUE(double, -1.5));
	check_value(sonde_column(emitted, integer), 1, VALUE(int64_t, INT64_MIN));
	for (uint32_t row = 0; row < 3; row++) {
		assert_int_equal(sonde_valid(sonde_column(emitted, number), row), row == 0);
		assert_int_equal(sonde_valid(sonde_column(emitted, integer), row), row == 1);
	}
	check_exemplars(emitted->children[0]);
}

static void gauges_keep_integers_doubles_and_missing_values(void **state)
{
	static const struct sonde_metric metric = {
		.name = WORDS("system.load"),
		.kind = SONDE_METRIC_GAUGE,
	};

	check_numbers(&metric);
}

static void sums_keep_temporality_monotonicity_and_metadata(void **state)
{
	static const struct sonde_metric metric = {
		.name = WORDS("calls"),
		.unit = WORDS("{call}"),
		.description = WORDS("calls made"),
		.metadata = WORDS("\x32\x0b\x0a\x09\x0a\x01k\x12\x04\x0a\x02vv"),
		.kind = SONDE_METRIC_SUM,
		.temporality = SONDE_CUMULATIVE,
		.monotonic = true,
	};

	check_numbers(&metric);
}

static uint32_t heap_fill(struct sonde_batch *batch, uint32_t column, const void *words,
			  uint32_t count)
{
	uint32_t start = 0;
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, count, &start);

	assert_non_null(heap);
	memcpy(heap, words, count * sizeof(*heap));
	return start;
}

static void check_heap(const struct sonde_column *column, uint32_t start, const void *words,
		       uint32_t count)
{
	assert_true(start <= column->heap_length && count <= column->heap_length - start);
	assert_memory_equal(column->heap + start, words, count * sizeof(uint64_t));
}

static void explicit_histograms_keep_bounds_counts_and_what_is_missing(void **state)
{
	static const struct sonde_metric metric = {
		.name = WORDS("http.server.request.duration"),
		.unit = WORDS("s"),
		.kind = SONDE_METRIC_HISTOGRAM,
		.temporality = SONDE_DELTA,
	};
	static const uint64_t counts[] = { 1, 0, 7, 2 };
	static const double bounds[] = { 0.1, 0.5, 10 };
	struct sonde_explicit full = { .count = 10,
				       .sum = 3.5,
				       .minimum = 0.01,
				       .maximum = 12,
				       .flags = SONDE_HAS_SUM | SONDE_HAS_MINIMUM |
						SONDE_HAS_MAXIMUM,
				       .length = 4 };
	struct sonde_explicit bare = { .count = 5 }, found; /* a count and nothing else */
	struct sonde_batch *batch = make_points(&metric, 3);
	uint32_t value = table_add(batch, FIELD("value", SONDE_EXPLICIT, SONDE_ROLE_VALUE));

	full.counts_start = heap_fill(batch, value, counts, 4);
	full.bounds_start = heap_fill(batch, value, bounds, 3);
	table_set(batch, value, 0, &full);
	table_set(batch, value, 1, &bare);
	assert_int_equal(sonde_batch_adopt(&instance, batch, make_exemplars()), 0);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	check_points(&metric, 3);
	memcpy(&found, sonde_value(sonde_column(emitted, value), 0), sizeof(found));
	assert_int_equal(found.count, 10);
	assert_int_equal(found.flags, 7);
	assert_true(found.sum == 3.5 && found.minimum == 0.01 && found.maximum == 12);
	assert_int_equal(found.length, 4);
	check_heap(sonde_column(emitted, value), found.counts_start, counts, 4);
	check_heap(sonde_column(emitted, value), found.bounds_start, bounds, 3);
	memcpy(&found, sonde_value(sonde_column(emitted, value), 1), sizeof(found));
	assert_int_equal(found.count, 5);
	assert_int_equal(found.flags, 0);
	assert_int_equal(found.length, 0);
	check_exemplars(emitted->children[0]);
}

static void exponential_histograms_keep_both_signs_and_their_zero(void **state)
{
	static const struct sonde_metric metric = {
		.name = WORDS("rpc.duration"),
		.kind = SONDE_METRIC_EXPONENTIAL,
		.temporality = SONDE_CUMULATIVE,
	};
	static const uint64_t positive[] = { 3, 0, UINT64_MAX }, negative[] = { 1, 2 };
	struct sonde_exponential put = { .count = 9,
					 .zero_count = 3,
					 .sum = -1,
					 .minimum = -4,
					 .maximum = 8,
					 .zero_threshold = 1e-9,
					 .scale = -2,
					 .flags = SONDE_HAS_SUM | SONDE_HAS_MAXIMUM,
					 .positive_offset = -7,
					 .positive_length = 3,
					 .negative_offset = 5,
					 .negative_length = 2 };
	struct sonde_exponential found;
	struct sonde_batch *batch = make_points(&metric, 2);
	uint32_t value = table_add(batch, FIELD("value", SONDE_EXPONENTIAL, SONDE_ROLE_VALUE));

	put.positive_start = heap_fill(batch, value, positive, 3);
	put.negative_start = heap_fill(batch, value, negative, 2);
	table_set(batch, value, 1, &put);
	assert_int_equal(sonde_batch_adopt(&instance, batch, make_exemplars()), 0);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	check_points(&metric, 2);
	memcpy(&found, sonde_value(sonde_column(emitted, value), 1), sizeof(found));
	assert_int_equal(found.count, 9);
	assert_int_equal(found.zero_count, 3);
	assert_true(found.sum == -1 && found.maximum == 8 && found.zero_threshold == 1e-9);
	assert_int_equal(found.flags, SONDE_HAS_SUM | SONDE_HAS_MAXIMUM);
	assert_int_equal(found.scale, -2);
	assert_int_equal(found.positive_offset, -7);
	assert_int_equal(found.negative_offset, 5);
	assert_int_equal(found.positive_length, 3);
	assert_int_equal(found.negative_length, 2);
	check_heap(sonde_column(emitted, value), found.positive_start, positive, 3);
	check_heap(sonde_column(emitted, value), found.negative_start, negative, 2);
	check_exemplars(emitted->children[0]);
}

static void summaries_keep_their_quantiles(void **state)
{
	static const struct sonde_metric metric = { .name = WORDS("gc.pause"),
						    .kind = SONDE_METRIC_SUMMARY };
	static const double pairs[] = { 0.5, 1.25, 0.99, 80 };
	struct sonde_quantiles put = { .count = 100, .sum = 200, .length = 2 }, found;
	struct sonde_batch *batch = make_points(&metric, 3);
	uint32_t value = table_add(batch, FIELD("value", SONDE_QUANTILES, SONDE_ROLE_VALUE));

	put.pairs_start = heap_fill(batch, value, pairs, 4);
	table_set(batch, value, 2, &put);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	check_points(&metric, 3);
	memcpy(&found, sonde_value(sonde_column(emitted, value), 2), sizeof(found));
	assert_int_equal(found.count, 100);
	assert_true(found.sum == 200);
	assert_int_equal(found.length, 2);
	check_heap(sonde_column(emitted, value), found.pairs_start, pairs, 4);
}

static void wide_rows_have_several_measures(void **state)
{
	static const struct sonde_field calls = { .name = "calls",
						  .type = SONDE_U64,
						  .role = SONDE_ROLE_SUM,
						  .monotonic = true,
						  .temporality = SONDE_DELTA,
						  .unit = "{call}",
						  .help = "calls made" };
	static const struct sonde_field depth = { .name = "depth",
						  .type = SONDE_DOUBLE,
						  .role = SONDE_ROLE_GAUGE };
	static const struct sonde_field time = { .name = "duration",
						 .type = SONDE_EXPONENTIAL,
						 .role = SONDE_ROLE_HISTOGRAM,
						 .temporality = SONDE_CUMULATIVE,
						 .unit = "ns" };
	static const uint64_t bucket = 4;
	struct sonde_exponential value = { .count = 4, .positive_length = 1 };
	struct sonde_batch *batch = sonde_batch_table(&instance, "wide", SONDE_SIGNAL_AUTO, 2);
	struct sonde_batch *exemplars = make_exemplars();
	const struct sonde_column *column;
	uint32_t index;

	table_set(batch, table_add(batch, &calls), 1, VALUE(uint64_t, 77));
	table_null(batch, table_add(batch, &depth), 1);
	index = table_add(batch, &time);
	value.positive_start = heap_fill(batch, index, &bucket, 1);
	table_set(batch, index, 0, &value);
	table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME),
		       VALUE(int64_t, 10));
	table_constant(exemplars, FIELD("measure", SONDE_TEXT, SONDE_ROLE_METRIC),
		       VALUE(uint32_t, code_of("duration")));
	assert_int_equal(sonde_batch_adopt(&instance, batch, exemplars), 0);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	assert_int_equal(emitted->signal, SONDE_SIGNAL_METRIC);
	column = table_find(emitted, SONDE_ROLE_SUM, ROW, "calls");
	check_value(column, 1, VALUE(uint64_t, 77));
	assert_true(column->monotonic);
	assert_int_equal(column->temporality, SONDE_DELTA);
	assert_string_equal(column->unit, "{call}");
	assert_string_equal(column->help, "calls made");
	column = table_find(emitted, SONDE_ROLE_GAUGE, ROW, "depth");
	assert_true(sonde_valid(column, 0) && !sonde_valid(column, 1));
	column = table_find(emitted, SONDE_ROLE_HISTOGRAM, ROW, "duration");
	assert_int_equal(column->temporality, SONDE_CUMULATIVE);
	memcpy(&value, sonde_value(column, 0), sizeof(value));
	check_heap(column, value.positive_start, &bucket, 1);
	check_exemplars(emitted->children[0]);
	check_text(table_find(emitted->children[0], SONDE_ROLE_METRIC, ROW, NULL), 1, "duration");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gauges_keep_integers_doubles_and_missing_values,
						table_begin, table_end),
		cmocka_unit_test_setup_teardown(sums_keep_temporality_monotonicity_and_metadata,
						table_begin, table_end),
		cmocka_unit_test_setup_teardown(
			explicit_histograms_keep_bounds_counts_and_what_is_missing, table_begin,
			table_end),
		cmocka_unit_test_setup_teardown(
			exponential_histograms_keep_both_signs_and_their_zero, table_begin,
			table_end),
		cmocka_unit_test_setup_teardown(summaries_keep_their_quantiles, table_begin,
						table_end),
		cmocka_unit_test_setup_teardown(wide_rows_have_several_measures, table_begin,
						table_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Expositions of small tables, byte for byte in the text formats and field by field in protobuf. */
#include "otlp_table.h"
#include "protobuf.h"
#include "../../plugins/output/prometheus/exposition.h"

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })

static const struct series_moment moment = { .wall_ns = 1000, .steady_ns = 1000 };
static const struct sonde_field calls = { .name = "calls",
					  .type = SONDE_U64,
					  .role = SONDE_ROLE_SUM,
					  .temporality = SONDE_DELTA,
					  .monotonic = true,
					  .unit = "{call}",
					  .help = "calls that\ncame \"back\" \\" };

static struct series_table *table;
static struct exposition exposition;

static int begin(void **state)
{
	const struct series_options options = { .series_limit = 100, .exemplars = true };

	exposition.options = (struct exposition_options){ .seconds = true, .buckets = 64 };
	return table_begin(state) || series_table_create(&options, moment, &table);
}

static int end(void **state)
{
	exposition_release(&exposition);
	series_table_release(table);
	return table_end(state);
}

/* A batch of one row, between 1 s and 2.5 s. */
static struct sonde_batch *make_row(void)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "rows", SONDE_SIGNAL_METRIC, 1);

	table_constant(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME),
		       VALUE(int64_t, 2500000000));
	table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME),
		       VALUE(int64_t, 1000000000));
	return batch;
}

static void add_text(struct sonde_batch *batch, uint32_t scope, const char *name, const char *value)
{
	const struct sonde_field field = { .name = name,
					   .type = SONDE_TEXT,
					   .scope = (uint8_t)scope };

	table_constant(batch, &field, VALUE(uint32_t, code_of(value)));
}

static void fold(struct sonde_batch *batch)
{
	uint64_t refused;

	(void)sonde_batch_bytes(&instance, batch);
	assert_int_equal(series_fold(table, &instance, batch, moment, &refused), 0);
	assert_int_equal(refused, 0);
	sonde_batch_release(&instance, batch);
}

static void assert_exposed(bool openmetrics, const char *wanted)
{
	struct json out = { 0 };

	assert_int_equal(exposition_make(&exposition, &instance, table), 0);
	if (openmetrics)
		exposition_write_openmetrics(&exposition, &out);
	else
		exposition_write_text(&exposition, &out);
	*json_room(&out, 1) = '\0';
	assert_false(out.failed);
	assert_string_equal(out.data, wanted);
	json_release(&out);
}

/* ---- kinds ------------------------------------------------------------------------------- */

static void numbers_are_counters_and_gauges(void **state)
{
	struct sonde_field open = calls, level = calls, uptime = calls;
	struct sonde_batch *batch = make_row();

	open.name = "queue.open";
	open.monotonic = false;
	open.unit = "By";
	open.help = "";
	level.name = "level";
	level.type = SONDE_DOUBLE;
	level.role = SONDE_ROLE_GAUGE;
	level.unit = "1";
	level.help = "";
	uptime.name = "uptime";
	uptime.type = SONDE_DURATION;
	uptime.unit = "";
	uptime.help = "";
	add_text(batch, SONDE_SCOPE_ROW, "word", "a\\b\"c\nd");
	add_text(batch, SONDE_SCOPE_ROW, "no.value", "");
	table_constant(batch, &calls, VALUE(uint64_t, 9007199254740993)); /* no double */
	table_constant(batch, &open, VALUE(uint64_t, 3));
	table_constant(batch, &level, VALUE(double, 0.1));
	table_constant(batch, &uptime, VALUE(int64_t, 1500000001));
	fold(batch);
	assert_exposed(false, "# HELP calls_total calls that\\ncame \"back\" \\\\\n"
			      "# TYPE calls_total counter\n"
			      "calls_total{word=\"a\\\\b\\\"c\\nd\"} 9007199254740993\n"
			      "# TYPE level_ratio gauge\n"
			      "level_ratio{word=\"a\\\\b\\\"c\\nd\"} 0.1\n"
			      "# TYPE queue_open_bytes gauge\n"
			      "queue_open_bytes{word=\"a\\\\b\\\"c\\nd\"} 3\n"
			      "# TYPE uptime_seconds_total counter\n"
			      "uptime_seconds_total{word=\"a\\\\b\\\"c\\nd\"} 1.500000001\n");
	assert_exposed(true, "# HELP calls calls that\\ncame \\\"back\\\" \\\\\n"
			     "# TYPE calls counter\n"
			     "calls_total{word=\"a\\\\b\\\"c\\nd\"} 9007199254740993\n"
			     "calls_created{word=\"a\\\\b\\\"c\\nd\"} 1.0\n"
			     "# TYPE level_ratio gauge\n"
			     "# UNIT level_ratio ratio\n"
			     "level_ratio{word=\"a\\\\b\\\"c\\nd\"} 0.1\n"
			     "# TYPE queue_open_bytes gauge\n"
			     "# UNIT queue_open_bytes bytes\n"
			     "queue_open_bytes{word=\"a\\\\b\\\"c\\nd\"} 3\n"
			     "# TYPE uptime_seconds counter\n"
			     "# UNIT uptime_seconds seconds\n"
			     "uptime_seconds_total{word=\"a\\\\b\\\"c\\nd\"} 1.500000001\n"
			     "uptime_seconds_created{word=\"a\\\\b\\\"c\\nd\"} 1.0\n"
			     "# EOF\n");
}

/* Latencies of up to 1024 ns, 2048 ns and 8192 ns, two zeros, and an exemplar of 1500 ns. */
static void fold_latency(void)
{
	static const unsigned char trace_id[16] = { 0xab, 0xcd };
	static const unsigned char span_id[8] = { 0x12 };
	const struct sonde_field latency = { .name = "latency",
					     .type = SONDE_EXPONENTIAL,
					     .role = SONDE_ROLE_HISTOGRAM,
					     .temporality = SONDE_DELTA,
					     .unit = "ns" };
	struct sonde_exponential head = { .count = 9,
					  .zero_count = 2,
					  .sum = 5000,
					  .flags = SONDE_HAS_SUM,
					  .positive_offset = 9,
					  .positive_length = 4 };
	struct sonde_batch *batch = make_row();
	struct sonde_batch *child =
		sonde_batch_table(&instance, "exemplars", SONDE_SIGNAL_EXEMPLAR, 1);
	uint32_t column = table_add(batch, &latency);
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, 4, &head.positive_start);

	heap[0] = 1;
	heap[1] = 2;
	heap[3] = 4;
	table_set(batch, column, 0, &head);
	table_constant(child, FIELD("row", SONDE_U32, SONDE_ROLE_PARENT_ROW), VALUE(uint32_t, 0));
	table_constant(child, FIELD("value", SONDE_DOUBLE, SONDE_ROLE_VALUE), VALUE(double, 1500));
	table_constant(child, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME),
		       VALUE(int64_t, 2000000005));
	table_constant(child, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID), trace_id);
	table_constant(child, FIELD("span", SONDE_ID8, SONDE_ROLE_SPAN_ID), span_id);
	assert_int_equal(sonde_batch_adopt(&instance, batch, child), 0);
	fold(batch);
}

static void histograms_have_buckets_at_exact_bounds_and_exemplars(void **state)
{
	fold_latency();
	assert_exposed(
		true,
		"# TYPE latency_seconds histogram\n"
		"# UNIT latency_seconds seconds\n"
		"latency_seconds_bucket{le=\"0.0\"} 2\n"
		"latency_seconds_bucket{le=\"5.12e-07\"} 2\n"
		"latency_seconds_bucket{le=\"1.024e-06\"} 3\n"
		"latency_seconds_bucket{le=\"2.048e-06\"} 5 # "
		"{span_id=\"1200000000000000\",trace_id=\"abcd0000000000000000000000000000\"} "
		"1.5e-06 2.000000005\n"
		"latency_seconds_bucket{le=\"4.096e-06\"} 5\n"
		"latency_seconds_bucket{le=\"8.192e-06\"} 9\n"
		"latency_seconds_bucket{le=\"+Inf\"} 9\n"
		"latency_seconds_sum 5e-06\n"
		"latency_seconds_count 9\n"
		"latency_seconds_created 1.0\n"
		"# EOF\n");
	exposition.options.seconds = false;
	exposition.options.buckets = 2;
	assert_exposed(false, "# TYPE latency_nanoseconds histogram\n"
			      "latency_nanoseconds_bucket{le=\"0\"} 2\n"
			      "latency_nanoseconds_bucket{le=\"256\"} 2\n"
			      "latency_nanoseconds_bucket{le=\"4096\"} 5\n"
			      "latency_nanoseconds_bucket{le=\"65536\"} 9\n"
			      "latency_nanoseconds_bucket{le=\"+Inf\"} 9\n"
			      "latency_nanoseconds_sum 5000\n"
			      "latency_nanoseconds_count 9\n");
}

static void summaries_have_quantiles(void **state)
{
	const struct sonde_field field = { .name = "size",
					   .type = SONDE_QUANTILES,
					   .role = SONDE_ROLE_HISTOGRAM,
					   .temporality = SONDE_CUMULATIVE };
	const double pairs[] = { 0.5, 7, 1, 11.5 };
	struct sonde_quantiles head = { .count = 4, .sum = 30, .length = 2 };
	struct sonde_batch *batch = make_row();
	uint32_t column = table_add(batch, &field);
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, 4, &head.pairs_start);

	memcpy(heap, pairs, sizeof(pairs));
	table_set(batch, column, 0, &head);
	fold(batch);
	assert_exposed(true, "# TYPE size summary\n"
			     "size{quantile=\"0.5\"} 7\n"
			     "size{quantile=\"1.0\"} 11.5\n"
			     "size_sum 30\n"
			     "size_count 4\n"
			     "size_created 1.0\n"
			     "# EOF\n");
}

/* ---- labels ------------------------------------------------------------------------------ */

static void resources_scopes_and_attributes_become_labels(void **state)
{
	static const char *const resource_labels[] = { "host.name", "not.there" };
	const struct sonde_field name = { .name = "s",
					  .type = SONDE_TEXT,
					  .role = SONDE_ROLE_SCOPE_NAME,
					  .scope = SONDE_SCOPE_SCOPE };
	struct sonde_batch *batch = make_row();

	exposition.options.resource_labels = resource_labels;
	exposition.options.resource_label_count = 2;
	add_text(batch, SONDE_SCOPE_RESOURCE, "service.name", "pay");
	add_text(batch, SONDE_SCOPE_RESOURCE, "service.namespace", "shop");
	add_text(batch, SONDE_SCOPE_RESOURCE, "service.instance.id", "7");
	add_text(batch, SONDE_SCOPE_RESOURCE, "host.name", "h");
	table_constant(batch, &name, VALUE(uint32_t, code_of("lib")));
	add_text(batch, SONDE_SCOPE_SCOPE, "own", "x");
	add_text(batch, SONDE_SCOPE_ROW, "job", "taken");
	add_text(batch, SONDE_SCOPE_ROW, "a.b", "one");
	add_text(batch, SONDE_SCOPE_ROW, "a_b", "two");
	add_text(batch, SONDE_SCOPE_ROW, "bad", "\xc3(");
	table_constant(batch, FIELD("on", SONDE_BOOL, SONDE_ROLE_ATTRIBUTE), VALUE(bool, true));
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	fold(batch);
	assert_exposed(false,
		       "# HELP calls_total calls that\\ncame \"back\" \\\\\n"
		       "# TYPE calls_total counter\n"
		       "calls_total{a_b=\"one;two\",bad=\"\xef\xbf\xbd(\",exported_job=\"taken\","
		       "host_name=\"h\",instance=\"7\",job=\"shop/pay\",on=\"true\","
		       "otel_scope_name=\"lib\",otel_scope_own=\"x\"} 1\n"
		       "# HELP target_info attributes of the resource that the job and instance "
		       "are\n"
		       "# TYPE target_info gauge\n"
		       "target_info{host_name=\"h\",instance=\"7\",job=\"shop/pay\"} 1\n");
}

static void series_of_the_same_labels_are_added_up(void **state)
{
	for (uint64_t host = 0; host < 3; host++) {
		struct sonde_batch *batch = make_row();

		add_text(batch, SONDE_SCOPE_RESOURCE, "service.name", "pay");
		table_constant(batch,
			       &(const struct sonde_field){ .name = "host.id",
							    .type = SONDE_U64,
							    .scope = SONDE_SCOPE_RESOURCE },
			       &host);
		table_constant(batch, &calls, VALUE(uint64_t, 10 + host));
		fold(batch);
	}
	assert_exposed(false,
		       "# HELP calls_total calls that\\ncame \"back\" \\\\\n"
		       "# TYPE calls_total counter\n"
		       "calls_total{job=\"pay\"} 33\n"
		       "# HELP target_info attributes of the resource that the job and instance "
		       "are\n"
		       "# TYPE target_info gauge\n"
		       "target_info{host_id=\"0\",job=\"pay\"} 1\n"
		       "target_info{host_id=\"1\",job=\"pay\"} 1\n"
		       "target_info{host_id=\"2\",job=\"pay\"} 1\n");
	assert_int_equal(exposition.merged_series, 2);
}

static void histograms_of_other_bounds_are_not_added_to_others(void **state)
{
	const struct sonde_field field = { .name = "size",
					   .type = SONDE_EXPLICIT,
					   .role = SONDE_ROLE_HISTOGRAM,
					   .temporality = SONDE_CUMULATIVE };

	for (uint32_t host = 0; host < 3; host++) {
		struct sonde_explicit head = { .count = 3, .length = 2 };
		double bound = host < 2 ? 1 : 2;
		struct sonde_batch *batch = make_row();
		uint32_t column = table_add(batch, &field);
		uint64_t *heap = sonde_batch_heap(&instance, batch, column, 3, &head.counts_start);

		heap[0] = 1;
		heap[1] = 2;
		memcpy(&heap[2], &bound, sizeof(bound));
		head.bounds_start = head.counts_start + 2;
		table_set(batch, column, 0, &head);
		table_constant(batch,
			       &(const struct sonde_field){ .name = "service.version",
							    .type = SONDE_U32,
							    .scope = SONDE_SCOPE_RESOURCE },
			       &host);
		fold(batch);
	}
	assert_int_equal(exposition_make(&exposition, &instance, table), 0);
	assert_int_equal(exposition.merged_series + exposition.unmerged_series, 2);
	assert_in_range(exposition.unmerged_series, 1, 2); /* the first of them says the bounds */
}

static void a_metric_with_the_name_of_one_of_another_type_is_left_out(void **state)
{
	struct sonde_field other = calls;
	struct sonde_batch *batch = make_row();

	table_constant(batch, &calls, VALUE(uint64_t, 1));
	other.name = "calls.total";
	other.role = SONDE_ROLE_GAUGE;
	table_constant(batch, &other, VALUE(uint64_t, 2));
	other.name = "calls"; /* as OpenMetrics calls the counter */
	table_constant(batch, &other, VALUE(uint64_t, 3));
	other.name = "target";
	table_constant(batch, &other, VALUE(uint64_t, 4));
	fold(batch);
	assert_exposed(false, "# HELP calls_total calls that\\ncame \"back\" \\\\\n"
			      "# TYPE calls_total counter\n"
			      "calls_total 1\n");
	assert_int_equal(exposition.conflicting_metrics, 3);
}

static void an_empty_table_is_an_empty_exposition(void **state)
{
	assert_exposed(false, "");
	assert_exposed(true, "# EOF\n");
}

/* ---- protobuf ---------------------------------------------------------------------------- */

/* The next field of a message, which must be this one. */
static struct message_field next(struct message_reader *reader, uint32_t number)
{
	struct message_field field;

	assert_int_equal(message_next(reader, &field), 1);
	assert_int_equal(field.number, number);
	return field;
}

static struct message_reader within(struct message_field field)
{
	assert_int_equal(field.wire, MESSAGE_BYTES);
	return message_read(field.data, field.length);
}

static double as_double(struct message_field field)
{
	double number;

	assert_int_equal(field.wire, MESSAGE_FIXED64);
	memcpy(&number, &field.value, sizeof(number));
	return number;
}

static void assert_bytes(struct message_field field, const char *text)
{
	assert_int_equal(field.length, strlen(text));
	assert_memory_equal(field.data, text, field.length);
}

static void a_native_histogram_has_schema_spans_and_deltas(void **state)
{
	static const unsigned char deltas[] = { 2, 2, 3, 8 }; /* +1, +1, -2, +4, as zigzag */
	struct message_reader family, metric, histogram, inner;
	struct json out = { 0 };
	uint64_t length;

	exposition.options.seconds = false;
	fold_latency();
	assert_int_equal(exposition_make(&exposition, &instance, table), 0);
	assert_int_equal(exposition_write_protobuf(&exposition, &out), 0);
	family = message_read(out.data, out.length);
	assert_int_equal(message_read_varint(&family, &length), 0);
	assert_int_equal(length, (size_t)(family.end - family.at));
	assert_bytes(next(&family, 1), "latency_nanoseconds");
	assert_bytes(next(&family, 2), "");
	assert_int_equal(next(&family, 3).value, FAMILY_HISTOGRAM);
	/* the unit was written last, before the metrics */
	assert_bytes(next(&family, 5), "nanoseconds");
	metric = within(next(&family, 4));
	histogram = within(next(&metric, 7));
	assert_int_equal(next(&histogram, 1).value, 9);
	assert_true(as_double(next(&histogram, 2)) == 5000);
	assert_int_equal(next(&histogram, 5).value, 0); /* schema 0 */
	assert_true(as_double(next(&histogram, 6)) == 0);
	assert_int_equal(next(&histogram, 7).value, 2);
	inner = within(next(&histogram, 12)); /* from 2^10 on: indices are of upper bounds */
	assert_int_equal(next(&inner, 1).value, 2 * 10);
	assert_int_equal(next(&inner, 2).value, 4);
	assert_memory_equal(next(&histogram, 13).data, deltas, sizeof(deltas));
	inner = within(next(&histogram, 15));
	assert_int_equal(next(&inner, 1).value, 1);
	assert_int_equal(next(&inner, 2).value, 0);
	inner = within(next(&histogram, 16));
	(void)next(&inner, 1);
	(void)next(&inner, 1);
	assert_true(as_double(next(&inner, 2)) == 1500);
	assert_true(histogram.at == histogram.end && family.at == family.end);
	json_release(&out);
}

static void counters_in_protobuf_have_labels_values_and_a_beginning(void **state)
{
	struct message_reader family, metric, inner;
	struct sonde_batch *batch = make_row();
	struct json out = { 0 };
	uint64_t length;

	add_text(batch, SONDE_SCOPE_ROW, "k", "v");
	table_constant(batch, &calls, VALUE(uint64_t, 5));
	fold(batch);
	assert_int_equal(exposition_make(&exposition, &instance, table), 0);
	assert_int_equal(exposition_write_protobuf(&exposition, &out), 0);
	family = message_read(out.data, out.length);
	assert_int_equal(message_read_varint(&family, &length), 0);
	assert_bytes(next(&family, 1), "calls_total");
	assert_bytes(next(&family, 2), calls.help);
	assert_int_equal(next(&family, 3).value, FAMILY_COUNTER);
	metric = within(next(&family, 4));
	inner = within(next(&metric, 1));
	assert_bytes(next(&inner, 1), "k");
	assert_bytes(next(&inner, 2), "v");
	inner = within(next(&metric, 3));
	assert_true(as_double(next(&inner, 1)) == 5);
	inner = within(next(&inner, 3));
	assert_int_equal(next(&inner, 1).value, 1);
	json_release(&out);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(numbers_are_counters_and_gauges),
		CASE(histograms_have_buckets_at_exact_bounds_and_exemplars),
		CASE(summaries_have_quantiles),
		CASE(resources_scopes_and_attributes_become_labels),
		CASE(series_of_the_same_labels_are_added_up),
		CASE(histograms_of_other_bounds_are_not_added_to_others),
		CASE(a_metric_with_the_name_of_one_of_another_type_is_left_out),
		CASE(an_empty_table_is_an_empty_exposition),
		CASE(a_native_histogram_has_schema_spans_and_deltas),
		CASE(counters_in_protobuf_have_labels_values_and_a_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

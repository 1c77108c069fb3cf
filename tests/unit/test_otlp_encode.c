// SPDX-License-Identifier: Apache-2.0
/* Edges of the OTLP encoder; what it makes of tables in general is compared with the official
 * classes by tests/integration/test_otlp_codec.py. */
#include "otlp_table.h"

#include <errno.h>
#include <math.h>
#include "encode.h"
#include "fields.h"
#include "protobuf.h"

#define ROW      SONDE_SCOPE_ROW
#define RESOURCE SONDE_SCOPE_RESOURCE

#define FIELD(name_, type_, role_, scope_)                                                         \
	(&(const struct sonde_field){                                                              \
		.name = (name_), .type = (type_), .role = (role_), .scope = (scope_) })

static struct otlp_encoder *encoder;
static struct otlp_request request;

static int begin(void **state)
{
	encoder = otlp_encoder_create();
	return !encoder || table_begin(state);
}

static int end(void **state)
{
	otlp_encoder_release(encoder);
	otlp_request_release(&request);
	return table_end(state);
}

/* The n-th field of a number in a message; fails if there is none. */
static struct message_field field_of(struct message_field message, uint32_t number, uint32_t place)
{
	struct message_reader reader = message_read(message.data, message.length);
	struct message_field field = { 0 };

	while (message_next(&reader, &field) > 0) {
		if (field.number == number && !place--)
			return field;
	}
	fail_msg("there is no field %u", number);
	return field;
}

static uint32_t count_of(struct message_field message, uint32_t number)
{
	struct message_reader reader = message_read(message.data, message.length);
	struct message_field field = { 0 };
	uint32_t count = 0;

	while (message_next(&reader, &field) > 0)
		count += field.number == number;
	return count;
}

static struct message_field whole(void)
{
	return (struct message_field){ .data = otlp_request_data(&request),
				       .length = request.length };
}

/* A scope's message in a resource's. */
static struct message_field scope_at(uint32_t resource, uint32_t scope)
{
	return field_of(field_of(whole(), REQUEST_RESOURCES, resource), RESOURCE_SCOPES, scope);
}

static void check_bytes(struct message_field field, const char *text)
{
	assert_int_equal(field.length, strlen(text));
	assert_memory_equal(field.data, text, field.length);
}

/* Encodes all rows of the table that becomes `emitted`. */
static void encode(struct sonde_batch *batch)
{
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);
	assert_int_equal(otlp_encode(encoder, emitted, 0, UINT32_MAX, &request), 0);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void a_table_without_rows_adds_nothing(void **state)
{
	encode(sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 0));
	assert_int_equal(request.length, 0);
	assert_int_equal(request.item_count, 0);
}

static void a_row_without_columns_is_an_empty_record(void **state)
{
	encode(sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 2));
	assert_int_equal(request.item_count, 2);
	assert_int_equal(count_of(scope_at(0, 0), SCOPE_ITEMS), 2);
	assert_int_equal(field_of(scope_at(0, 0), SCOPE_ITEMS, 1).length, 0);
}

static void a_child_table_is_refused_and_the_request_stays(void **state)
{
	encode(sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 1));
	size_t length = request.length;

	sonde_batch_release(&instance, emitted);
	emitted = sonde_batch_table(&instance, "events", SONDE_SIGNAL_SPAN_EVENT, 1);
	assert_int_equal(otlp_signal(emitted), SONDE_SIGNAL_AUTO);
	assert_int_equal(otlp_encode(encoder, emitted, 0, 1, &request), -EINVAL);
	assert_int_equal(request.length, length);
	assert_int_equal(request.item_count, 1);
}

static void any_number_of_child_tables_goes_out(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "spans", SONDE_SIGNAL_SPAN, 1);

	for (uint64_t i = 0; i < 20; i++) {
		struct sonde_batch *child =
			sonde_batch_table(&instance, "events", SONDE_SIGNAL_SPAN_EVENT, 1);

		table_constant(child, FIELD("parent", SONDE_U32, SONDE_ROLE_PARENT_ROW, ROW),
			       VALUE(uint32_t, 0));
		assert_int_equal(sonde_batch_adopt(&instance, batch, child), 0);
	}
	encode(batch);
	assert_int_equal(count_of(field_of(scope_at(0, 0), SCOPE_ITEMS, 0), SPAN_EVENTS), 20);
}

static void batches_are_added_in_front(void **state)
{
	encode(sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 3));
	assert_int_equal(otlp_encode(encoder, emitted, 1, 2, &request), 0);
	assert_int_equal(request.item_count, 4);
	assert_int_equal(count_of(whole(), REQUEST_RESOURCES), 2);
	assert_int_equal(count_of(scope_at(0, 0), SCOPE_ITEMS), 1);
	assert_int_equal(count_of(scope_at(1, 0), SCOPE_ITEMS), 3);
	otlp_request_clear(&request);
	assert_int_equal(request.length, 0);
	assert_int_equal(request.item_count, 0);
}

static void the_ledger_goes_out_as_metrics(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "own", SONDE_SIGNAL_LEDGER, 1);

	table_constant(batch, FIELD("rows", SONDE_U64, SONDE_ROLE_SUM, ROW), VALUE(uint64_t, 7));
	encode(batch);
	assert_int_equal(otlp_signal(emitted), SONDE_SIGNAL_METRIC);
	check_bytes(field_of(field_of(scope_at(0, 0), SCOPE_ITEMS, 0), METRIC_NAME, 0), "rows");
	assert_int_equal(request.item_count, 1);
}

/* ---- grouping ---------------------------------------------------------------------------- */

static void rows_apart_with_equal_texts_under_different_codes_are_one_resource(void **state)
{
	static const char *const services[] = { "shop", "cart", "shop", "cart" };
	struct sonde_batch *batch = sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 4);
	struct sonde_dictionary *texts = sonde_dictionary_create(&instance, false);
	struct sonde_column *column = sonde_batch_add(
		&instance, batch, FIELD("service.name", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, RESOURCE),
		texts);

	for (uint32_t row = 0; row < 4; row++)
		((uint32_t *)(void *)column->base)[row] = sonde_dictionary_add(
			&instance, texts, services[row], strlen(services[row]));
	sonde_dictionary_release(&instance, texts);
	encode(batch);
	assert_int_equal(count_of(whole(), REQUEST_RESOURCES), 2);
	assert_int_equal(count_of(scope_at(0, 0), SCOPE_ITEMS), 2);
	assert_int_equal(count_of(scope_at(1, 0), SCOPE_ITEMS), 2);
}

static void a_null_is_another_resource_than_an_empty_text(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 2);
	uint32_t column =
		table_add(batch, FIELD("service.name", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, RESOURCE));

	table_set(batch, column, 0, VALUE(uint32_t, code_of("")));
	table_set(batch, column, 1, VALUE(uint32_t, code_of("")));
	table_null(batch, column, 1);
	encode(batch);
	assert_int_equal(count_of(whole(), REQUEST_RESOURCES), 2);
	assert_int_equal(count_of(field_of(whole(), REQUEST_RESOURCES, 0), RESOURCE_RESOURCE), 1);
	assert_int_equal(count_of(field_of(whole(), REQUEST_RESOURCES, 1), RESOURCE_RESOURCE), 0);
}

/* ---- metrics ----------------------------------------------------------------------------- */

static void a_measure_without_values_is_no_metric(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "m", SONDE_SIGNAL_METRIC, 1);

	table_null(batch, table_add(batch, FIELD("load", SONDE_DOUBLE, SONDE_ROLE_GAUGE, ROW)), 0);
	encode(batch);
	assert_int_equal(request.length, 0);
	assert_int_equal(request.left_out_count, 0);
}

static void rows_that_no_metric_can_say_are_counted(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "m", SONDE_SIGNAL_METRIC, 2);

	table_constant(batch, FIELD("metric", SONDE_BYTES, SONDE_ROLE_METRIC, ROW),
		       VALUE(uint32_t, code_of_bytes("\x0a\x01m\x4a\x00", 5)));
	table_set(batch, table_add(batch, FIELD("value", SONDE_I64, SONDE_ROLE_VALUE, ROW)), 0,
		  VALUE(int64_t, 5)); /* a histogram has no such value */
	encode(batch);
	assert_int_equal(request.item_count, 0);
	assert_int_equal(request.left_out_count, 2);
	assert_int_equal(request.length, 0);
}

static void buckets_that_do_not_lie_in_the_heap_are_left_out(void **state)
{
	struct sonde_explicit value = { .count = 3, .counts_start = 7, .length = UINT32_MAX };
	struct sonde_batch *batch = sonde_batch_table(&instance, "m", SONDE_SIGNAL_METRIC, 1);
	struct message_field point;

	table_set(batch, table_add(batch, FIELD("h", SONDE_EXPLICIT, SONDE_ROLE_HISTOGRAM, ROW)), 0,
		  &value);
	encode(batch);
	point = field_of(field_of(field_of(scope_at(0, 0), SCOPE_ITEMS, 0), METRIC_HISTOGRAM, 0),
			 DATA_POINTS, 0);
	assert_int_equal(field_of(point, EXPLICIT_COUNT, 0).value, 3);
	assert_int_equal(count_of(point, EXPLICIT_COUNTS), 0);
}

static void a_sum_that_signals_is_the_same_number_afterwards(void **state)
{
	static const uint64_t signalling = UINT64_C(0x7ff0000000000001);
	struct sonde_batch *batch = sonde_batch_table(&instance, "m", SONDE_SIGNAL_METRIC, 1);
	struct sonde_quantiles value = { .count = 1 };
	struct message_field point;

	memcpy(&value.sum, &signalling, sizeof(signalling));
	table_set(batch, table_add(batch, FIELD("q", SONDE_QUANTILES, SONDE_ROLE_HISTOGRAM, ROW)),
		  0, &value);
	encode(batch);
	point = field_of(field_of(field_of(scope_at(0, 0), SCOPE_ITEMS, 0), METRIC_SUMMARY, 0),
			 DATA_POINTS, 0);
	assert_int_equal(field_of(point, SUMMARY_SUM, 0).value, signalling);
}

/* ---- values ------------------------------------------------------------------------------ */

static void long_texts_and_keys_are_written_whole(void **state)
{
	char text[100001] = "", key[301] = "";
	struct sonde_batch *batch = sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 100);
	struct message_field pair;
	uint32_t column;

	memset(text, 'x', sizeof(text) - 1);
	memset(key, 'k', sizeof(key) - 1);
	column = table_add(batch, FIELD(key, SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, ROW));
	for (uint32_t row = 0; row < 100; row++)
		table_set(batch, column, row, VALUE(uint32_t, code_of(row % 2 ? text : "short")));
	encode(batch);
	for (uint32_t row = 0; row < 100; row++) {
		pair = field_of(field_of(scope_at(0, 0), SCOPE_ITEMS, row), LOG_ATTRIBUTES, 0);
		check_bytes(field_of(pair, PAIR_KEY, 0), key);
		check_bytes(field_of(field_of(pair, PAIR_VALUE, 0), ANY_TEXT, 0),
			    row % 2 ? text : "short");
	}
}

static void spans_without_ids_get_ids_that_differ(void **state)
{
	struct message_field spans[2], ids[2];

	encode(sonde_batch_table(&instance, "spans", SONDE_SIGNAL_SPAN, 2));
	for (uint32_t row = 0; row < 2; row++) {
		spans[row] = field_of(scope_at(0, 0), SCOPE_ITEMS, row);
		ids[row] = field_of(spans[row], SPAN_TRACE_ID, 0);
		assert_int_equal(ids[row].length, 16);
		assert_int_equal(field_of(spans[row], SPAN_SPAN_ID, 0).length, 8);
	}
	assert_memory_not_equal(ids[0].data, ids[1].data, 16);
}

/* ---- weights ----------------------------------------------------------------------------- */

static void a_weight_goes_out_as_the_threshold_that_says_it_all(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "spans", SONDE_SIGNAL_SPAN, 3);
	uint32_t weight = table_add(batch, FIELD("weight", SONDE_DOUBLE, SONDE_ROLE_WEIGHT, ROW));
	static const char *const wanted[] = { "ot=th:c,a=1", "a=1, ot=th:8", "a=1, ot=th:8" };

	table_constant(batch, FIELD("state", SONDE_TEXT, SONDE_ROLE_TRACE_STATE, ROW),
		       VALUE(uint32_t, code_of("a=1, ot=th:8")));
	table_set(batch, weight, 0, VALUE(double, 4));
	table_set(batch, weight, 1, VALUE(double, 2)); /* the same */
	table_set(batch, weight, 2, VALUE(double, 1)); /* less than there was */
	encode(batch);
	for (uint32_t row = 0; row < 3; row++) {
		struct message_field span = field_of(scope_at(0, 0), SCOPE_ITEMS, row);

		check_bytes(field_of(span, SPAN_TRACE_STATE, 0), wanted[row]);
	}
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_table_without_rows_adds_nothing),
		TEST(a_row_without_columns_is_an_empty_record),
		TEST(a_child_table_is_refused_and_the_request_stays),
		TEST(any_number_of_child_tables_goes_out),
		TEST(batches_are_added_in_front),
		TEST(the_ledger_goes_out_as_metrics),
		TEST(rows_apart_with_equal_texts_under_different_codes_are_one_resource),
		TEST(a_null_is_another_resource_than_an_empty_text),
		TEST(a_measure_without_values_is_no_metric),
		TEST(rows_that_no_metric_can_say_are_counted),
		TEST(buckets_that_do_not_lie_in_the_heap_are_left_out),
		TEST(a_sum_that_signals_is_the_same_number_afterwards),
		TEST(long_texts_and_keys_are_written_whole),
		TEST(spans_without_ids_get_ids_that_differ),
		TEST(a_weight_goes_out_as_the_threshold_that_says_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

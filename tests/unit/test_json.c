// SPDX-License-Identifier: Apache-2.0
/* JSON: pieces, documents, and lines of batches of every type. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "batch.h"
#include "dictionary.h"
#include "lines.h"
#include "value.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

static const struct sonde_host host = {
	.size = sizeof(struct sonde_host),
	.any_decode = any_decode,
	.metric_decode = metric_decode,
};
static struct sonde_instance instance = { .size = sizeof(instance), .host = &host };

static void assert_json(struct json *json, const char *expected)
{
	char *at = json_room(json, 1);

	assert_non_null(at);
	assert_false(json->failed);
	*at = 0;
	assert_string_equal(json->data, expected);
	json_clear(json);
}

static void commas_and_colons_come_by_themselves(void **state)
{
	struct json json = { 0 };

	(void)state;
	json_open_object(&json);
	json_key(&json, "a");
	json_unsigned(&json, 1);
	json_key(&json, "b");
	json_open_array(&json);
	json_null(&json);
	json_boolean(&json, true);
	json_open_object(&json);
	json_close_object(&json);
	json_open_array(&json);
	json_close_array(&json);
	json_text(&json, NULL);
	json_close_array(&json);
	json_key(&json, "c");
	json_text(&json, "d");
	json_close_object(&json);
	json_newline(&json);
	json_integer(&json, -2);
	assert_json(&json, "{\"a\":1,\"b\":[null,true,{},[],null],\"c\":\"d\"}\n-2");
	json_release(&json);
}

static void integers_are_written_as_printf_writes_them(void **state)
{
	char buffer[JSON_NUMBER_SIZE], expected[JSON_NUMBER_SIZE];
	uint64_t value = 0;

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		*json_put_unsigned(buffer, value) = 0;
		(void)snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
		assert_string_equal(buffer, expected);
		*json_put_integer(buffer, (int64_t)value) = 0;
		(void)snprintf(expected, sizeof(expected), "%lld", (long long)value);
		assert_string_equal(buffer, expected);
		value = round < 1100   ? round
			: round < 1200 ? UINT64_MAX - (round - 1100)
				       : (value * 6364136223846793005u + 1442695040888963407u) >>
						 round % 64;
	}
	for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
		for (int offset = -1; offset <= 1; offset++) {
			*json_put_unsigned(buffer, power + (uint64_t)offset) = 0;
			assert_true(strtoull(buffer, NULL, 10) == power + (uint64_t)offset);
		}
}

static void assert_double(double value, const char *expected)
{
	char buffer[JSON_NUMBER_SIZE];

	*json_put_double(buffer, value) = 0;
	assert_string_equal(buffer, expected);
}

static void doubles_take_their_shortest_digits(void **state)
{
	(void)state;
	assert_double(0, "0");
	assert_double(-0.0, "-0");
	assert_double(1, "1");
	assert_double(-1.5, "-1.5");
	assert_double(0.1, "0.1");
	assert_double(0.007, "0.007");
	assert_double(12.34, "12.34");
	assert_double(0.1 + 0.2, "0.30000000000000004");
	assert_double(1.0 / 3, "0.3333333333333333");
	assert_double(9007199254740991, "9007199254740991");
	assert_double(1e22, "1e+22");
	assert_double(123456789012.5, "123456789012.5");
	assert_double(5e-324, "5e-324");
	assert_double(DBL_MAX, "1.7976931348623157e+308");
	assert_double(NAN, "\"NaN\"");
	assert_double(INFINITY, "\"Infinity\"");
	assert_double(-INFINITY, "\"-Infinity\"");
}

static void doubles_read_back_as_they_were(void **state)
{
	char buffer[JSON_NUMBER_SIZE];
	uint64_t bits = 88172645463325252u;
	double value;

	(void)state;
	for (uint32_t round = 0; round < 100000; round++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&value, &bits, sizeof(value));
		if (round % 2)
			value = (double)(bits % 100000000) / (double)(1 + (bits >> 40) % 10000);
		if (!isfinite(value))
			continue;
		*json_put_double(buffer, value) = 0;
		assert_true(strtod(buffer, NULL) == value);
		assert_true(strlen(buffer) < JSON_NUMBER_SIZE);
	}
}

static void assert_time(int64_t time_ns, const char *expected)
{
	struct json json = { 0 };

	json_time(&json, time_ns);
	assert_json(&json, expected);
	json_release(&json);
}

static void times_are_rfc_3339_from_1677_to_2262(void **state)
{
	(void)state;
	assert_time(0, "\"1970-01-01T00:00:00.000000000Z\"");
	assert_time(-1, "\"1969-12-31T23:59:59.999999999Z\"");
	assert_time(1709210096123456789, "\"2024-02-29T12:34:56.123456789Z\"");
	assert_time(951782400000000000, "\"2000-02-29T00:00:00.000000000Z\"");
	assert_time(4107542400000000000, "\"2100-03-01T00:00:00.000000000Z\"");
	assert_time(INT64_MAX, "\"2262-04-11T23:47:16.854775807Z\"");
	assert_time(INT64_MIN, "\"1677-09-21T00:12:43.145224192Z\"");
}

static void a_clock_forgets_the_second_that_is_over(void **state)
{
	struct json_clock clock = { 0 };
	char buffer[JSON_TIME_SIZE];

	(void)state;
	*json_put_time(buffer, 999999999, &clock) = 0;
	assert_string_equal(buffer, "\"1970-01-01T00:00:00.999999999Z\"");
	*json_put_time(buffer, 1000000000, &clock) = 0;
	assert_string_equal(buffer, "\"1970-01-01T00:00:01.000000000Z\"");
	*json_put_time(buffer, 86400000000000, &clock) = 0;
	assert_string_equal(buffer, "\"1970-01-02T00:00:00.000000000Z\"");
}

static void assert_text(const char *text, size_t length, const char *expected)
{
	char *copy = malloc(length ? length : 1); /* its end is where reading too far is seen */
	struct json json = { 0 };

	assert_non_null(copy);
	memcpy(copy, text, length);
	json_text_length(&json, copy, length);
	assert_json(&json, expected);
	json_release(&json);
	free(copy);
}

static void texts_are_escaped_wherever_the_special_byte_stands(void **state)
{
	static const struct {
		char byte;
		const char *escaped;
	} cases[] = {
		{ '"', "\\\"" },
		{ '\\', "\\\\" },
		{ '\n', "\\n" },
		{ '\t', "\\t" },
		{ '\r', "\\r" },
		{ '\b', "\\b" },
		{ '\f', "\\f" },
		{ 0, "\\u0000" },
		{ 31, "\\u001f" },
		{ 11, "\\u000b" },
		{ 127, "\177" },
		{ ' ', " " },
		{ '\xff', "\xef\xbf\xbd" },
	};
	char text[40], expected[64];

	(void)state;
	for (uint32_t length = 1; length < sizeof(text); length++)
		for (uint32_t place = 0; place < length; place++)
			for (uint32_t index = 0; index < sizeof(cases) / sizeof(*cases); index++) {
				memset(text, 'x', length);
				text[place] = cases[index].byte;
				(void)snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"",
					       (int)place, text, cases[index].escaped,
					       (int)(length - place - 1), text + place + 1);
				assert_text(text, length, expected);
			}
	assert_text("", 0, "\"\"");
}

static void only_utf_8_passes(void **state)
{
	(void)state;
	assert_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d", 14,
		    "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d\"");
	assert_text("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* overlong */
	assert_text("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
	assert_text("\xf4\x90\x80\x80!", 5,
		    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!\""); /* > 10ffff */
	assert_text("ab\xe2\x82", 4, "\"ab\xef\xbf\xbd\xef\xbf\xbd\"");       /* cut off */
}

static void bytes_are_base64_and_ids_hex(void **state)
{
	struct json json = { 0 };

	(void)state;
	json_open_array(&json);
	json_base64(&json, "", 0);
	json_base64(&json, "f", 1);
	json_base64(&json, "fo", 2);
	json_base64(&json, "foo", 3);
	json_base64(&json, "\xff\xfe\xfd\xfc", 4);
	json_hex(&json, "\x01\xab", 2);
	json_close_array(&json);
	assert_json(&json, "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"//79/A==\",\"01ab\"]");
	json_release(&json);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void assert_lines(struct sonde_batch *batch, bool schema, const char *expected)
{
	struct lines *lines = lines_create(&instance, schema);
	struct json json = { 0 };

	assert_non_null(lines);
	batch_finish(batch);
	for (uint32_t round = 0; round < 2;
	     round++) { /* what is kept between batches does no harm */
		assert_int_equal(lines_write(lines, batch, &json), 0);
		assert_json(&json, expected);
	}
	lines_release(lines);
	json_release(&json);
}

static struct sonde_column *add(struct sonde_batch *batch, const char *name, uint32_t type,
				uint16_t role, struct sonde_dictionary *dictionary)
{
	struct sonde_field field = { .name = name, .type = type, .role = role };
	struct sonde_column *column = batch_add(batch, &field, dictionary);

	assert_non_null(column);
	return column;
}

#define SET(column_, row_, type_, value_)                                                          \
	do {                                                                                       \
		struct sonde_column *to_ = (column_);                                              \
		type_ *at_ = (void *)(to_->base + (size_t)(row_)*to_->stride);                     \
		*at_ = (value_);                                                                   \
	} while (0)

static void every_scalar_type_has_its_form(void **state)
{
	struct sonde_batch *batch = batch_table("all", SONDE_SIGNAL_LOG, 1);
	struct sonde_dictionary *texts = dictionary_create(true);
	uint32_t text = dictionary_add(texts, "a\"b", 3), bytes = dictionary_add(texts, "\1\2", 2);

	(void)state;
	SET(add(batch, "flag", SONDE_BOOL, 0, NULL), 0, uint8_t, 1);
	SET(add(batch, "i8", SONDE_I8, 0, NULL), 0, int8_t, INT8_MIN);
	SET(add(batch, "i16", SONDE_I16, 0, NULL), 0, int16_t, INT16_MIN);
	SET(add(batch, "i32", SONDE_I32, 0, NULL), 0, int32_t, INT32_MIN);
	SET(add(batch, "i64", SONDE_I64, 0, NULL), 0, int64_t, INT64_MIN);
	SET(add(batch, "u8", SONDE_U8, 0, NULL), 0, uint8_t, UINT8_MAX);
	SET(add(batch, "u16", SONDE_U16, 0, NULL), 0, uint16_t, UINT16_MAX);
	SET(add(batch, "u32", SONDE_U32, 0, NULL), 0, uint32_t, UINT32_MAX);
	SET(add(batch, "u64", SONDE_U64, 0, NULL), 0, uint64_t, UINT64_MAX);
	SET(add(batch, "double", SONDE_DOUBLE, 0, NULL), 0, double, 2.5);
	SET(add(batch, "text", SONDE_TEXT, 0, texts), 0, uint32_t, text);
	SET(add(batch, "bytes", SONDE_BYTES, 0, texts), 0, uint32_t, bytes);
	memcpy(add(batch, "id8", SONDE_ID8, 0, NULL)->base, "\0\1\2\3\4\5\6\7", 8);
	memcpy(add(batch, "id16", SONDE_ID16, 0, NULL)->base, "abcdefghijklmnop", 16);
	SET(add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME, NULL), 0, int64_t, 1);
	SET(add(batch, "took", SONDE_DURATION, SONDE_ROLE_DURATION, NULL), 0, int64_t, 1500);
	assert_lines(batch, true,
		     "{\"schema\":\"all\",\"flag\":true,\"i8\":-128,\"i16\":-32768,"
		     "\"i32\":-2147483648,\"i64\":-9223372036854775808,\"u8\":255,\"u16\":65535,"
		     "\"u32\":4294967295,\"u64\":18446744073709551615,\"double\":2.5,"
		     "\"text\":\"a\\\"b\",\"bytes\":\"AQI=\",\"id8\":\"0001020304050607\","
		     "\"id16\":\"6162636465666768696a6b6c6d6e6f70\","
		     "\"time\":\"1970-01-01T00:00:00.000000001Z\",\"took\":1500}\n");
	batch_release(batch);
	dictionary_release(texts);
}

static void a_row_without_a_value_has_no_key(void **state)
{
	struct sonde_batch *batch = batch_table("holes", SONDE_SIGNAL_LOG, 3);

	(void)state;
	add(batch, "a", SONDE_U32, 0, NULL);
	add(batch, "b", SONDE_U32, 0, NULL);
	batch_valid(batch, 0)[0] = 2;
	batch_valid(batch, 1)[0] = 3;
	assert_lines(batch, false, "{\"b\":0}\n{\"a\":0,\"b\":0}\n{}\n");
	batch_release(batch);
}

static void dropped_rows_have_no_line(void **state)
{
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 3);
	struct sonde_column *column = add(batch, "n", SONDE_U32, 0, NULL);
	unsigned char bits = 5;

	(void)state;
	for (uint32_t row = 0; row < 3; row++)
		SET(column, row, uint32_t, row);
	assert_int_equal(batch_select(batch, &bits), 0);
	assert_lines(batch, true, "{\"schema\":\"rows\",\"n\":0}\n{\"schema\":\"rows\",\"n\":2}\n");
	batch_release(batch);
}

static void constants_are_in_every_line(void **state)
{
	struct sonde_batch *batch = batch_table("constants", SONDE_SIGNAL_LOG, 2);
	struct sonde_field field = { .name = "one", .type = SONDE_I64 };
	struct sonde_field other = { .name = "two", .type = SONDE_DURATION };
	int64_t one = -1, two = 2;

	(void)state;
	assert_non_null(batch_constant(batch, &field, NULL, &one));
	assert_non_null(batch_constant(batch, &other, NULL, &two));
	SET(add(batch, "row", SONDE_U8, 0, NULL), 1, uint8_t, 9);
	assert_lines(batch, true,
		     "{\"schema\":\"constants\",\"one\":-1,\"two\":2,\"row\":0}\n"
		     "{\"schema\":\"constants\",\"one\":-1,\"two\":2,\"row\":9}\n");
	batch_release(batch);
}

static void scope_and_resource_are_objects_of_their_own(void **state)
{
	struct sonde_batch *batch = batch_table("scoped", SONDE_SIGNAL_LOG, 2);
	struct sonde_field host_name = { .name = "host",
					 .type = SONDE_U8,
					 .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_field zone = { .name = "zone",
				    .type = SONDE_U8,
				    .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_field library = { .name = "library",
				       .type = SONDE_U8,
				       .scope = SONDE_SCOPE_SCOPE };
	uint8_t value = 7;

	(void)state;
	assert_non_null(batch_constant(batch, &host_name, NULL, &value));
	assert_non_null(batch_constant(batch, &zone, NULL, &value));
	assert_non_null(batch_add(batch, &library, NULL));
	add(batch, "a", SONDE_U8, 0, NULL);
	batch_valid(batch, 2)[0] = 1; /* the second row's scope is empty */
	assert_lines(batch, false,
		     "{\"a\":0,\"scope\":{\"library\":0},\"resource\":{\"host\":7,\"zone\":7}}\n"
		     "{\"a\":0,\"resource\":{\"host\":7,\"zone\":7}}\n");
	batch_release(batch);
}

static void child_tables_are_arrays_in_their_parents(void **state)
{
	struct sonde_batch *batch = batch_table("spans", SONDE_SIGNAL_SPAN, 3);
	struct sonde_batch *child = batch_table("events", SONDE_SIGNAL_SPAN_EVENT, 3);
	static const uint32_t parents[] = { 2, 0, 2 };
	struct sonde_column *parent, *value;

	(void)state;
	value = add(batch, "span", SONDE_U8, 0, NULL);
	for (uint32_t row = 0; row < 3; row++)
		SET(value, row, uint8_t, (uint8_t)row);
	parent = add(child, "parent", SONDE_U32, SONDE_ROLE_PARENT_ROW, NULL);
	for (uint32_t row = 0; row < 3; row++)
		SET(parent, row, uint32_t, parents[row]);
	value = add(child, "n", SONDE_U8, 0, NULL);
	for (uint32_t row = 0; row < 3; row++)
		SET(value, row, uint8_t, (uint8_t)row);
	batch_finish(child);
	assert_int_equal(batch_adopt(batch, child), 0);
	assert_lines(batch, false,
		     "{\"span\":0,\"events\":[{\"n\":1}]}\n{\"span\":1}\n"
		     "{\"span\":2,\"events\":[{\"n\":0},{\"n\":2}]}\n");
	batch_release(batch);
}

static void nested_values_are_native_json(void **state)
{
	struct sonde_batch *batch = batch_table("nested", SONDE_SIGNAL_LOG, 4);
	struct sonde_dictionary *values = dictionary_create(false);
	struct sonde_any items[] = {
		{ .kind = SONDE_ANY_TEXT, .length = 1, .as.data = "x" },
		{ .kind = SONDE_ANY_INTEGER, .as.integer = -3 },
		{ .kind = SONDE_ANY_DOUBLE, .as.number = 0.5 },
		{ .kind = SONDE_ANY_BOOL, .as.boolean = true },
		{ .kind = SONDE_ANY_BYTES, .length = 1, .as.data = "f" },
		{ .kind = SONDE_ANY_EMPTY },
	};
	struct sonde_any array = { .kind = SONDE_ANY_ARRAY,
				   .length = 6,
				   .key = "list",
				   .key_length = 4,
				   .as.items = items };
	struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = &array };
	struct sonde_column *column = add(batch, "value", SONDE_ANY, 0, values);
	char buffer[256];
	int64_t length = any_encode(&map, buffer, sizeof(buffer));

	(void)state;
	assert_in_range(length, 1, sizeof(buffer));
	SET(column, 0, uint32_t, dictionary_add(values, buffer, (size_t)length));
	SET(column, 1, uint32_t, 0);
	SET(column, 2, uint32_t, dictionary_add(values, "\xff\xff", 2)); /* not a value */
	SET(column, 3, uint32_t, dictionary_add(values, "", 0));
	assert_lines(batch, false,
		     "{\"value\":{\"list\":[\"x\",-3,0.5,true,\"Zg==\",null]}}\n"
		     "{\"value\":{\"list\":[\"x\",-3,0.5,true,\"Zg==\",null]}}\n"
		     "{\"value\":\"//8=\"}\n{\"value\":null}\n");
	batch_release(batch);
	dictionary_release(values);
}

static void a_metric_is_an_object(void **state)
{
	struct sonde_batch *batch = batch_table("points", SONDE_SIGNAL_METRIC, 2);
	struct sonde_dictionary *metrics = dictionary_create(true);
	struct sonde_metric metric = { .name = { "requests", 8, 0 },
				       .unit = { "1", 1, 0 },
				       .kind = SONDE_METRIC_SUM,
				       .temporality = SONDE_DELTA,
				       .monotonic = true };
	char buffer[256];
	int64_t length = metric_encode(&metric, buffer, sizeof(buffer));
	uint32_t code = dictionary_add(metrics, buffer, (size_t)length);
	struct sonde_column *column = add(batch, "metric", SONDE_BYTES, SONDE_ROLE_METRIC, metrics);

	(void)state;
	SET(column, 0, uint32_t, code);
	SET(column, 1, uint32_t, code);
	add(batch, "value", SONDE_DOUBLE, SONDE_ROLE_VALUE, NULL);
	assert_lines(batch, false,
		     "{\"metric\":{\"name\":\"requests\",\"unit\":\"1\",\"kind\":\"sum\","
		     "\"temporality\":\"delta\",\"monotonic\":true},\"value\":0}\n"
		     "{\"metric\":{\"name\":\"requests\",\"unit\":\"1\",\"kind\":\"sum\","
		     "\"temporality\":\"delta\",\"monotonic\":true},\"value\":0}\n");
	batch_release(batch);
	dictionary_release(metrics);
}

static void histograms_keep_their_buckets(void **state)
{
	struct sonde_batch *batch = batch_table("histograms", SONDE_SIGNAL_METRIC, 1);
	struct sonde_exponential exponential = { .count = 6,
						 .sum = 1.5,
						 .minimum = 0.25,
						 .maximum = 1,
						 .scale = 3,
						 .zero_count = 1,
						 .flags = SONDE_HAS_SUM | SONDE_HAS_MAXIMUM,
						 .positive_offset = -4,
						 .positive_length = 2 };
	struct sonde_explicit bounded = {
		.count = 3, .sum = 4, .flags = SONDE_HAS_SUM, .length = 2
	};
	struct sonde_quantiles summary = { .count = 3, .sum = 4, .length = 1 };
	uint64_t *words;
	double pair[] = { 0.5, 1.25 };

	(void)state;
	(void)add(batch, "e", SONDE_EXPONENTIAL, SONDE_ROLE_HISTOGRAM, NULL);
	words = batch_heap(batch, 0, 2, &exponential.positive_start);
	words[0] = 2;
	words[1] = 3;
	memcpy(sonde_column(batch, 0)->base, &exponential, sizeof(exponential));
	(void)add(batch, "x", SONDE_EXPLICIT, SONDE_ROLE_HISTOGRAM, NULL);
	words = batch_heap(batch, 1, 2, &bounded.counts_start);
	words[0] = 1;
	words[1] = 2;
	words = batch_heap(batch, 1, 1, &bounded.bounds_start);
	memcpy(words, &pair[0], 8);
	memcpy(sonde_column(batch, 1)->base, &bounded, sizeof(bounded));
	(void)add(batch, "q", SONDE_QUANTILES, SONDE_ROLE_HISTOGRAM, NULL);
	words = batch_heap(batch, 2, 2, &summary.pairs_start);
	memcpy(words, pair, 16);
	memcpy(sonde_column(batch, 2)->base, &summary, sizeof(summary));
	assert_lines(batch, false,
		     "{\"e\":{\"count\":6,\"sum\":1.5,\"max\":1,\"scale\":3,\"zero_count\":1,"
		     "\"offset\":-4,\"buckets\":[2,3]},"
		     "\"x\":{\"count\":3,\"sum\":4,\"bounds\":[0.5],\"buckets\":[1,2]},"
		     "\"q\":{\"count\":3,\"sum\":4,\"quantiles\":[[0.5,1.25]]}}\n");
	batch_release(batch);
}

static void a_long_text_makes_the_buffer_grow(void **state)
{
	enum { LENGTH = 100000 };
	struct sonde_batch *batch = batch_table("long", SONDE_SIGNAL_LOG, 2);
	struct sonde_dictionary *texts = dictionary_create(false);
	char *text = malloc(LENGTH), *expected = malloc(LENGTH * 12 + 64), *to = expected;
	struct sonde_column *column = add(batch, "text", SONDE_TEXT, 0, texts);

	(void)state;
	memset(text, 1, LENGTH);
	for (uint32_t row = 0; row < 2; row++) {
		SET(column, row, uint32_t, dictionary_add(texts, text, LENGTH));
		to = stpcpy(to, "{\"text\":\"");
		for (uint32_t place = 0; place < LENGTH; place++)
			to = stpcpy(to, "\\u0001");
		to = stpcpy(to, "\"}\n");
	}
	assert_lines(batch, false, expected);
	free(text);
	free(expected);
	batch_release(batch);
	dictionary_release(texts);
}

static void what_is_utf8_is_told_to_the_byte(void **state)
{
	(void)state;
	assert_true(json_is_utf8("", 0));
	assert_true(json_is_utf8("12345678\xc3\xa4\xf0\x9f\x98\x80 1234567890", 25));
	assert_false(json_is_utf8("12345678\xc3\xa4\xf0\x9f\x98\x80 1234567890", 11));
	assert_false(json_is_utf8("\xed\xa0\x80", 3));
	assert_false(json_is_utf8("\xc0\x80", 2));
	assert_false(json_is_utf8("1234567\xff", 8));
	assert_false(json_is_utf8("\xf5\x80\x80\x80", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_colons_come_by_themselves),
		cmocka_unit_test(what_is_utf8_is_told_to_the_byte),
		cmocka_unit_test(integers_are_written_as_printf_writes_them),
		cmocka_unit_test(doubles_take_their_shortest_digits),
		cmocka_unit_test(doubles_read_back_as_they_were),
		cmocka_unit_test(times_are_rfc_3339_from_1677_to_2262),
		cmocka_unit_test(a_clock_forgets_the_second_that_is_over),
		cmocka_unit_test(texts_are_escaped_wherever_the_special_byte_stands),
		cmocka_unit_test(only_utf_8_passes),
		cmocka_unit_test(bytes_are_base64_and_ids_hex),
		cmocka_unit_test(every_scalar_type_has_its_form),
		cmocka_unit_test(a_row_without_a_value_has_no_key),
		cmocka_unit_test(dropped_rows_have_no_line),
		cmocka_unit_test(constants_are_in_every_line),
		cmocka_unit_test(scope_and_resource_are_objects_of_their_own),
		cmocka_unit_test(child_tables_are_arrays_in_their_parents),
		cmocka_unit_test(nested_values_are_native_json),
		cmocka_unit_test(a_metric_is_an_object),
		cmocka_unit_test(histograms_keep_their_buckets),
		cmocka_unit_test(a_long_text_makes_the_buffer_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

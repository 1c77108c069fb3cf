// SPDX-License-Identifier: Apache-2.0
/* OTLP's JSON and protobuf made into each other: what is accepted, how errors read, what it takes.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transcode.h"

enum { PLENTY_BYTES = 64 << 20 };

/* ---- memory, counted and refused --------------------------------------------------------- */

static size_t live_bytes, peak_bytes, live_blocks;
static uint64_t refuse_after = UINT64_MAX; /* so many more blocks are granted */

void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static bool granted(void)
{
	if (!refuse_after)
		return false;
	if (refuse_after != UINT64_MAX)
		refuse_after--;
	return true;
}

static void took(const void *memory, size_t size)
{
	if (!memory)
		return;
	live_bytes += size;
	live_blocks++;
	if (live_bytes > peak_bytes)
		peak_bytes = live_bytes;
}

void *__wrap_malloc(size_t size)
{
	void *memory = granted() ? __real_malloc(size) : NULL;

	took(memory, memory ? malloc_usable_size(memory) : 0);
	return memory;
}

void __wrap_free(void *memory)
{
	if (memory) {
		live_bytes -= malloc_usable_size(memory);
		live_blocks--;
	}
	__real_free(memory);
}

/* As if it always moved. */
void *__wrap_realloc(void *memory, size_t size)
{
	void *grown = __wrap_malloc(size);
	size_t old_size = memory ? malloc_usable_size(memory) : 0;

	if (grown && memory) {
		memcpy(grown, memory, old_size < size ? old_size : size);
		__wrap_free(memory);
	}
	return grown;
}

/* ---- helpers ----------------------------------------------------------------------------- */

static struct buffer buffer;
static struct otlp_json_error error;

static int read_json(enum otlp_message message, const char *text)
{
	memset(&error, 0, sizeof(error));
	return otlp_from_json(message, text, strlen(text), PLENTY_BYTES, &buffer, &error);
}

/* A log record with these members. */
static int read_log(const char *members)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{%s}]}]}]}", members);
	return read_json(OTLP_LOGS, text);
}

/* What the last message is as JSON, from the record on. */
static const char *written_log(void)
{
	static char text[4096];
	struct json json = { 0 };
	size_t skip = strlen("{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[");

	assert_int_equal(otlp_to_json(OTLP_LOGS, buffer.data, buffer.length, &json), 0);
	assert_true(json.length < sizeof(text) && json.length > skip + strlen("]}]}]}"));
	(void)snprintf(text, sizeof(text), "%.*s", (int)(json.length - skip - strlen("]}]}]}")),
		       json.data + skip);
	json_release(&json);
	return text;
}

static void assert_log(const char *members, const char *wanted)
{
	assert_int_equal(read_log(members), 0);
	assert_string_equal(written_log(), wanted);
}

static void assert_refused(const char *members, const char *wanted)
{
	char text[300];

	assert_int_equal(read_log(members), -EBADMSG);
	(void)snprintf(text, sizeof(text), "resourceLogs[0].scopeLogs[0].logRecords[0].%s", wanted);
	assert_string_equal(error.text, text);
	assert_int_equal(error.line, 1);
	assert_true(error.column > 40);
}

/* ---- what is accepted -------------------------------------------------------------------- */

static void ids_are_hex_in_either_case_and_small_on_output(void **state)
{
	assert_log(
		"\"traceId\":\"0123456789ABCDEF0123456789abcdef\",\"spanId\":\"AAbbCCddEEff0011\"",
		"{\"traceId\":\"0123456789abcdef0123456789abcdef\",\"spanId\":"
		"\"aabbccddeeff0011\"}");
}

static void bytes_are_base64_of_both_alphabets(void **state)
{
	assert_log("\"body\":{\"bytesValue\":\"_-8\"}", "{\"body\":{\"bytesValue\":\"/+8=\"}}");
	assert_log("\"body\":{\"bytesValue\":\"/+8=\"}", "{\"body\":{\"bytesValue\":\"/+8=\"}}");
	assert_log("\"body\":{\"bytesValue\":\"\"}", "{\"body\":{\"bytesValue\":\"\"}}");
	assert_refused("\"body\":{\"bytesValue\":\"a\"}",
		       "body.bytesValue: the text is not base64");
	assert_refused("\"body\":{\"bytesValue\":\"a?bc\"}",
		       "body.bytesValue: the text is not base64");
}

static void whole_numbers_of_64_bits_are_exact_with_and_without_quotes(void **state)
{
	assert_log("\"timeUnixNano\":18446744073709551615",
		   "{\"timeUnixNano\":\"18446744073709551615\"}");
	assert_log("\"timeUnixNano\":\"9223372036854775809\"",
		   "{\"timeUnixNano\":\"9223372036854775809\"}");
	assert_log("\"body\":{\"intValue\":9223372036854775807}",
		   "{\"body\":{\"intValue\":\"9223372036854775807\"}}");
	assert_log("\"body\":{\"intValue\":\"-9223372036854775808\"}",
		   "{\"body\":{\"intValue\":\"-9223372036854775808\"}}");
	assert_log("\"timeUnixNano\":12e2", "{\"timeUnixNano\":\"1200\"}");
}

static void enums_are_numbers_and_may_be_names(void **state)
{
	assert_log("\"severityNumber\":\"SEVERITY_NUMBER_FATAL4\"", "{\"severityNumber\":24}");
	assert_log("\"severityNumber\":\"SEVERITY_NUMBER_TRACE\"", "{\"severityNumber\":1}");
	assert_log("\"severityNumber\":99", "{\"severityNumber\":99}");
	assert_refused("\"severityNumber\":\"SEVERITY_NUMBER_INFO5\"",
		       "severityNumber: SEVERITY_NUMBER_INFO5 is neither a number nor a name of "
		       "this enum");
}

static void doubles_may_be_words(void **state)
{
	assert_log("\"body\":{\"doubleValue\":\"NaN\"}", "{\"body\":{\"doubleValue\":\"NaN\"}}");
	assert_log("\"body\":{\"doubleValue\":\"-Infinity\"}",
		   "{\"body\":{\"doubleValue\":\"-Infinity\"}}");
	assert_log("\"body\":{\"doubleValue\":100000000000000000000}",
		   "{\"body\":{\"doubleValue\":1e+20}}");
	assert_log("\"body\":{\"doubleValue\":-0}", "{\"body\":{\"doubleValue\":-0}}");
}

static void names_may_be_those_of_the_proto_files(void **state)
{
	assert_log("\"observed_time_unix_nano\":1,\"trace_id\":\"00\"",
		   "{\"traceId\":\"00\",\"observedTimeUnixNano\":\"1\"}");
	assert_log("\"observed_TimeUnixNano\":1,\"key\\u0000\":1,\"\":2", "{}");
}

static void null_is_absent_and_unknown_fields_are_ignored(void **state)
{
	assert_log("\"body\":null,\"attributes\":null,\"new\":{\"deep\":[[],{\"a\":null}]},"
		   "\"flags\":3",
		   "{\"flags\":3}");
}

static void of_a_name_that_stands_twice_the_last_value_counts(void **state)
{
	assert_log("\"flags\":3,\"attributes\":[{\"key\":\"a\"}],\"flags\":4,\"attributes\":[]",
		   "{\"flags\":4}");
	assert_log("\"flags\":3,\"flags\":null", "{}");
	assert_log("\"body\":{\"intValue\":1},\"body\":{\"boolValue\":false}",
		   "{\"body\":{\"boolValue\":false}}");
}

static void texts_keep_every_character(void **state)
{
	assert_log("\"body\":{\"stringValue\":\"a\\u0000\\ud83d\\ude00\\\"\\/\"}",
		   "{\"body\":{\"stringValue\":\"a\\u0000\xf0\x9f\x98\x80\\\"/\"}}");
}

static void a_status_is_a_code_and_a_message(void **state)
{
	struct json json = { 0 };

	assert_int_equal(read_json(OTLP_STATUS, "{\"code\":-3,\"message\":\"no\"}"), 0);
	assert_int_equal(otlp_to_json(OTLP_STATUS, buffer.data, buffer.length, &json), 0);
	json_newline(&json);
	assert_int_equal(otlp_to_json(OTLP_STATUS, "", 0, &json), 0);
	assert_int_equal(json.length, strlen("{\"code\":-3,\"message\":\"no\"}\n{}"));
	assert_memory_equal(json.data, "{\"code\":-3,\"message\":\"no\"}\n{}", json.length);
	json_release(&json);
}

static void what_signal_a_document_has_its_one_member_tells(void **state)
{
	static const char *const texts[] = { "{\"a\":1,\"resourceLogs\":[],\"resourceSpans\":null}",
					     "{\"resource_spans\":[{}]}",
					     "{\"resourceMetrics\":[{}]}" };
	static const char *const wrong[] = { "{}", "[]", "{\"resourceLogs\":null}",
					     "{\"resourceLogs\":[],\"resourceSpans\":[]}" };
	enum otlp_message message;

	for (int at = 0; at < 3; at++) {
		assert_int_equal(otlp_data_from_json(texts[at], strlen(texts[at]), PLENTY_BYTES,
						     &message, &buffer, &error),
				 0);
		assert_int_equal(message, OTLP_LOGS + at);
		assert_int_equal(buffer.length, at ? 2 : 0);
	}
	for (int at = 0; at < 4; at++)
		assert_int_equal(otlp_data_from_json(wrong[at], strlen(wrong[at]), PLENTY_BYTES,
						     &message, &buffer, &error),
				 -EBADMSG);
	assert_string_equal(error.text, "more than one signal is in it");
	assert_int_equal(error.column, 21);
}

/* ---- errors ------------------------------------------------------------------------------ */

static void an_error_names_the_field_and_what_is_wrong(void **state)
{
	assert_refused("\"traceId\":\"0123456789012345678901234567890\"",
		       "traceId: 31 hex digits, 32 are needed");
	assert_refused("\"traceId\":\"xx\"", "traceId: the text has other than hex digits");
	assert_refused("\"timeUnixNano\":-1", "timeUnixNano: -1 is out of range");
	assert_refused("\"timeUnixNano\":18446744073709551616",
		       "timeUnixNano: 18446744073709551616 is out of range");
	assert_refused("\"timeUnixNano\":9007199254740994e0",
		       "timeUnixNano: 9007199254740994e0 is not exact with a point or an exponent: "
		       "write all of its digits");
	assert_refused("\"flags\":4294967296", "flags: 4294967296 is out of range");
	assert_refused("\"flags\":1.5", "flags: 1.5 is not a whole number");
	assert_refused("\"flags\":\"1 \"", "flags: this is not a number");
	assert_refused("\"flags\":{}", "flags: an object stands where a number should");
	assert_refused("\"body\":{\"doubleValue\":1e999}",
		       "body.doubleValue: 1e999 is out of range");
	assert_refused("\"body\":{\"boolValue\":1}",
		       "body.boolValue: a number stands where true or false should");
	assert_refused("\"body\":{\"stringValue\":1}",
		       "body.stringValue: a number stands where a text should");
	assert_refused("\"body\":{\"stringValue\":\"\",\"intValue\":1}",
		       "body: it has both stringValue and intValue");
	assert_refused("\"body\":{\"stringValue\":\"\xed\xa0\x80\"}",
		       "body.stringValue: the text is not UTF-8");
	assert_refused("\"attributes\":{}", "attributes: an object stands where an array should");
	assert_refused("\"attributes\":[{},{},null]",
		       "attributes[2]: null stands where an object should");
}

static void an_error_of_the_text_names_line_and_column(void **state)
{
	assert_int_equal(read_json(OTLP_LOGS, "{\n  \"resourceLogs\": [\n    {},\n  ]\n}"),
			 -EBADMSG);
	assert_int_equal(error.line, 4);
	assert_int_equal(error.column, 3);
	assert_non_null(strstr(error.text, "unallowed token"));
	for (const char *const *text =
		     (const char *const[]){ "", " ", "{", "{} x", "nul", "{\"a\":1,}", "{'a':1}",
					    "/* a */ {}", "{\"a\":\"\xff\"}",

					    "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":NaN}",
					    "[1]", "7", "\"a\"", "null", "{\"a\":01}", "{\"a\":+1}",
					    NULL };
	     *text; text++) {
		assert_int_equal(read_json(OTLP_LOGS, *text), -EBADMSG);
		assert_int_equal(error.line, 1);
		assert_true(error.column >= 1 && error.column <= strlen(*text) + 1);
		assert_int_not_equal(error.text[0], 0);
	}
}

static void a_long_path_keeps_its_end(void **state)
{
	char text[4096] = "\"body\":";

	for (int depth = 0; depth < 8; depth++)
		strcat(text, "{\"kvlistValue\":{\"values\":[{\"value\":");
	strcat(text, "7");
	for (int depth = 0; depth < 8; depth++)
		strcat(text, "}]}}");
	assert_int_equal(read_log(text), -EBADMSG);
	assert_memory_equal(error.text, "...", 3);
	assert_non_null(
		strstr(error.text, "values[0].value: a number stands where an object should"));
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* [[[…]]] of AnyValues, in a body. */
static char *nested_body(int depth)
{
	size_t size = 200 + (size_t)depth * 48;
	char *text = calloc(1, size);
	char *at = text;

	at += sprintf(at, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{");
	for (int level = 0; level < depth; level++)
		at += sprintf(at, "\"arrayValue\":{\"values\":[{");
	for (int level = 0; level < depth; level++)
		at += sprintf(at, "}]}");
	(void)sprintf(at, "}}]}]}]}");
	return text;
}

static void nesting_is_bounded_both_ways(void **state)
{
	struct json json = { 0 };
	char *text = nested_body(47); /* 4 messages, the body, and two a level */

	assert_int_equal(read_json(OTLP_LOGS, text), 0);
	assert_int_equal(otlp_to_json(OTLP_LOGS, buffer.data, buffer.length, &json), 0);
	assert_int_equal(json.length, strlen(text));
	assert_memory_equal(json.data, text, json.length);
	free(text);

	text = nested_body(48);
	assert_int_equal(read_json(OTLP_LOGS, text), -EBADMSG);
	assert_non_null(strstr(error.text, "nested deeper than 100 messages"));
	free(text);

	text = nested_body(100000);
	assert_int_equal(read_json(OTLP_LOGS, text), -EBADMSG);
	assert_string_equal(error.text, "nested deeper than 256 levels");
	free(text);
	json_release(&json);
}

static void protobuf_that_is_nested_too_deep_is_refused(void **state)
{
	unsigned char message[2000];
	struct json json = { 0 };
	size_t length = 0;

	json_text(&json, "before");
	for (int level = 0; level < 120; level++) { /* an AnyValue's array of one AnyValue */
		unsigned char inner[2000];

		memcpy(inner, message, length);
		message[0] = level % 2 ? 0x2a : 0x0a;
		message[1] = (unsigned char)(0x80 | (length & 0x7f));
		message[2] = (unsigned char)(length >> 7);
		memcpy(message + 3, inner, length);
		length += 3;
	}
	for (int level = 0; level < 4; level++) { /* body, record, scope, resource */
		static const unsigned char tags[] = { 0x2a, 0x12, 0x12, 0x0a };
		unsigned char inner[2000];

		memcpy(inner, message, length);
		message[0] = tags[level];
		message[1] = (unsigned char)(0x80 | (length & 0x7f));
		message[2] = (unsigned char)(length >> 7);
		memcpy(message + 3, inner, length);
		length += 3;
	}
	assert_int_equal(otlp_to_json(OTLP_LOGS, message, length, &json), -EBADMSG);
	assert_int_equal(json.length, strlen("\"before\""));
	json_release(&json);
}

static void a_message_in_pieces_is_merged_as_protobuf_says(void **state)
{
	/* a record whose body comes twice, an int and then a text, and whose flags come twice */
	static const unsigned char message[] = { 0x0a, 0x16, 0x12, 0x14, 0x12, 0x12, 0x2a, 0x02,
						 0x18, 0x05, 0x45, 1,    0,    0,    0,    0x2a,
						 0x03, 0x0a, 0x01, 'x',  0x45, 2,    0,    0 };
	struct json json = { 0 };
	unsigned char whole[sizeof(message) + 1];

	memcpy(whole, message, sizeof(message));
	whole[1] = sizeof(whole) - 2;
	whole[3] = sizeof(whole) - 4;
	whole[5] = sizeof(whole) - 6;
	whole[sizeof(message)] = 0;
	assert_int_equal(otlp_to_json(OTLP_LOGS, whole, sizeof(whole), &json), 0);
	assert_int_equal(
		otlp_from_json(OTLP_LOGS, json.data, json.length, PLENTY_BYTES, &buffer, &error),
		0);
	assert_string_equal(written_log(), "{\"body\":{\"stringValue\":\"x\"},\"flags\":2}");
	assert_int_equal(otlp_to_json(OTLP_LOGS, whole, sizeof(whole) - 1, &json), -EBADMSG);
	json_release(&json);
}

/* Documents that take much for their size, each in its own way. */
static char *greedy_document(int kind)
{
	static const char *const pieces[] = {
		"{},",
		"[],",
		"0,",
		"\"\\n\",",
		"[[[[[{\"\":0}]]]]],",
		"{\"key\":\"a\",\"value\":{\"stringValue\":\"b\"}},"
	};
	size_t size = 200000, length;
	char *text = malloc(size + 200), *at = text;

	at += sprintf(at, "{\"resourceLogs\":[],\"x\":[");
	if (kind == 6) { /* one long text with escapes */
		*at++ = '"';
		for (length = 0; length < size / 2 - 50; length++, at += 2)
			memcpy(at, "\\t", 2);
		*at++ = '"';
		*at++ = ',';
	}
	while (kind < 6 && (size_t)(at - text) < size)
		at += sprintf(at, "%s", pieces[kind]);
	(void)sprintf(at - 1, "]}");
	return text;
}

static void what_parsing_takes_stays_within_the_bound(void **state)
{
	for (int kind = 0; kind < 7; kind++) {
		char *text = greedy_document(kind);
		size_t length = strlen(text), limit = 1000, before, refusals = 0;
		int result;

		buffer_release(&buffer);
		for (;; limit += limit / 3) {
			before = live_bytes;
			peak_bytes = before;
			result = otlp_from_json(OTLP_LOGS, text, length, limit, &buffer, &error);
			if (!result)
				break;
			assert_int_equal(result, -EMSGSIZE);
			assert_non_null(strstr(error.text, "needs more than"));
			assert_true(peak_bytes - before <= limit + 1000);
			assert_int_equal(live_bytes, before);
			refusals++;
		}
		buffer_release(&buffer);
		assert_true(refusals > 5);
		/* and the bound is not refused for what is not taken */
		assert_true(peak_bytes - before + length >= limit / 2);
		free(text);
	}
}

static void refused_memory_is_an_error_and_leaks_nothing(void **state)
{
	char *text = greedy_document(3);
	size_t blocks = live_blocks;
	int result = -ENOMEM;

	buffer_release(&buffer);
	for (uint64_t grants = 0; result; grants++) {
		refuse_after = grants;
		result = otlp_from_json(OTLP_LOGS, text, strlen(text), PLENTY_BYTES, &buffer,
					&error);
		refuse_after = UINT64_MAX;
		if (result)
			assert_int_equal(result, -ENOMEM);
		assert_true(grants < 1000);
		buffer_release(&buffer);
		assert_int_equal(live_blocks, blocks);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_hex_in_either_case_and_small_on_output),
		cmocka_unit_test(bytes_are_base64_of_both_alphabets),
		cmocka_unit_test(whole_numbers_of_64_bits_are_exact_with_and_without_quotes),
		cmocka_unit_test(enums_are_numbers_and_may_be_names),
		cmocka_unit_test(doubles_may_be_words),
		cmocka_unit_test(names_may_be_those_of_the_proto_files),
		cmocka_unit_test(null_is_absent_and_unknown_fields_are_ignored),
		cmocka_unit_test(of_a_name_that_stands_twice_the_last_value_counts),
		cmocka_unit_test(texts_keep_every_character),
		cmocka_unit_test(what_signal_a_document_has_its_one_member_tells),
		cmocka_unit_test(a_status_is_a_code_and_a_message),
		cmocka_unit_test(an_error_names_the_field_and_what_is_wrong),
		cmocka_unit_test(an_error_of_the_text_names_line_and_column),
		cmocka_unit_test(a_long_path_keeps_its_end),
		cmocka_unit_test(nesting_is_bounded_both_ways),
		cmocka_unit_test(protobuf_that_is_nested_too_deep_is_refused),
		cmocka_unit_test(a_message_in_pieces_is_merged_as_protobuf_says),
		cmocka_unit_test(what_parsing_takes_stays_within_the_bound),
		cmocka_unit_test(refused_memory_is_an_error_and_leaks_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buffer_release(&buffer);
	return failed;
}

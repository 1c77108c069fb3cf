/* SPDX-License-Identifier: Apache-2.0 */
/* What core/log_line.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "log_line.h"
#include "text.h"

static const int64_t noon_ns = 1782907200123456789ll; /* 2026-07-01T12:00:00.123456789Z */

static char written[LOG_LINE_BYTES];

static const char *text_of(const char *subject, const char *message)
{
	struct log_line line = { SONDE_WARNING, noon_ns, subject, message };
	size_t length = log_line_text(&line, written);

	written[length] = '\0';
	assert_int_equal(strlen(written), length);
	return written;
}

static const char *json_of(const char *subject, const char *message)
{
	struct log_line line = { SONDE_ERROR, noon_ns, subject, message };
	size_t length = log_line_json(&line, written);

	written[length] = '\0';
	assert_int_equal(strlen(written), length);
	return written;
}

static void as_text_a_line_has_time_level_instance_and_message(void **state)
{
	assert_string_equal(text_of("calls", "no ring"), "12:00:00 warning calls: no ring\n");
	assert_string_equal(text_of("", "running"), "12:00:00 warning running\n");
}

static void text_keeps_to_its_line_and_moves_no_cursor(void **state)
{
	assert_string_equal(text_of("a", "one\ntwo\r\x1b[2J\x7f\tdone"),
			    "12:00:00 warning a: one\\ntwo\\x0d\\x1b[2J\\x7f\\tdone\n");
	assert_string_equal(text_of("", "c1 \xc2\x9b!"), "12:00:00 warning c1 \\xc2\\x9b!\n");
	assert_string_equal(text_of("", "grün \xff\xfe"), "12:00:00 warning grün \\xff\\xfe\n");
}

static void as_json_a_line_is_one_object(void **state)
{
	assert_string_equal(json_of("calls", "no ring"),
			    "{\"time\":\"2026-07-01T12:00:00.123456789Z\",\"level\":\"error\","
			    "\"instance\":\"calls\",\"message\":\"no ring\"}\n");
	assert_string_equal(json_of("", "x"),
			    "{\"time\":\"2026-07-01T12:00:00.123456789Z\",\"level\":\"error\","
			    "\"message\":\"x\"}\n");
}

static void json_escapes_quotes_controls_and_what_is_not_utf_8(void **state)
{
	assert_non_null(strstr(json_of("", "a \"b\" \\ \n\t\x01"),
			       "\"message\":\"a \\\"b\\\" \\\\ \\n\\t\\u0001\"}"));
	json_of("", "bad \xff byte");
	assert_int_equal(text_valid_length(written, strlen(written)), strlen(written));
	assert_non_null(strstr(written, "bad "));
	assert_non_null(strstr(written, " byte\"}"));
}

static void the_worst_message_fits_a_line(void **state)
{
	char subject[LOG_SUBJECT_BYTES], message[LOG_MESSAGE_BYTES];

	for (int byte = 1; byte < 256; byte += 127) { /* a control, the delete, no UTF-8 */
		memset(subject, byte, sizeof(subject) - 1);
		memset(message, byte, sizeof(message) - 1);
		subject[sizeof(subject) - 1] = message[sizeof(message) - 1] = '\0';
		text_of(subject, message);
		assert_true(strlen(written) >= 4 * (LOG_MESSAGE_BYTES - 1));
		json_of(subject, message);
		assert_string_equal(written + strlen(written) - 3, "\"}\n");
	}
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
	char copy[12];

	log_copy("short", copy, sizeof(copy));
	assert_string_equal(copy, "short");
	log_copy("just eleven", copy, sizeof(copy));
	assert_string_equal(copy, "just eleven");
	log_copy("twelve bytes", copy, sizeof(copy));
	assert_string_equal(copy, "twelve b…");
	log_copy("sieben ööööö", copy, sizeof(copy));
	assert_string_equal(copy, "sieben …");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_text_a_line_has_time_level_instance_and_message),
		cmocka_unit_test(text_keeps_to_its_line_and_moves_no_cursor),
		cmocka_unit_test(as_json_a_line_is_one_object),
		cmocka_unit_test(json_escapes_quotes_controls_and_what_is_not_utf_8),
		cmocka_unit_test(the_worst_message_fits_a_line),
		cmocka_unit_test(what_is_too_long_is_cut_between_characters),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

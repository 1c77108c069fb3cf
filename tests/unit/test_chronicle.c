// SPDX-License-Identifier: Apache-2.0
/* What core/chronicle.h promises. The rings are the process's own: each test reads under a name of
 * its own, from where it finds them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chronicle.h"
#include "secret.h"
#include "text.h"

enum { MANY = 3000 };

static char texts[SONDE_RECORD_BYTES];
static struct sonde_record record;

static void say(const char *subject, const char *message)
{
	struct log_line line = { SONDE_WARNING, 1000, subject, message };

	chronicle_log(&line);
}

static int read_next(const char *reader, uint32_t kind, uint64_t *cursor)
{
	return chronicle_read(reader, kind, cursor, &record, texts, sizeof(texts));
}

/* Reads all that there is; the cursor then stands at the newest. */
static uint64_t catch_up(const char *reader, uint32_t kind)
{
	uint64_t cursor = 0;

	while (!read_next(reader, kind, &cursor))
		;
	return cursor;
}

static void a_line_is_read_once_by_everybody(void **state)
{
	uint64_t one = catch_up("one", SONDE_RECORD_LOG), two = catch_up("two", SONDE_RECORD_LOG);

	say("calls", "something happened");
	assert_int_equal(read_next("one", SONDE_RECORD_LOG, &one), 0);
	assert_string_equal(record.instance, "calls");
	assert_string_equal(record.message, "something happened");
	assert_int_equal(record.level, SONDE_WARNING);
	assert_int_equal(record.time_ns, 1000);
	assert_int_equal(record.missed, 0);
	assert_string_equal(record.event, "");
	assert_int_equal(read_next("one", SONDE_RECORD_LOG, &one), -ENOENT);
	assert_int_equal(read_next("two", SONDE_RECORD_LOG, &two), 0);
	assert_string_equal(record.message, "something happened");
}

static void a_decision_says_who_what_from_to_and_for_how_long(void **state)
{
	uint64_t cursor = catch_up("decided", SONDE_RECORD_DECISION);
	struct decision decision = { .level = SONDE_INFO,
				     .event = "knob.set",
				     .instance = "calls",
				     .actor = "user",
				     .knob = "interval",
				     .before = "5s",
				     .after = "1s",
				     .for_ns = 60 };

	chronicle_decide(&decision, "%s is set to %s", "interval", "1s");
	assert_int_equal(read_next("decided", SONDE_RECORD_DECISION, &cursor), 0);
	assert_string_equal(record.event, "knob.set");
	assert_string_equal(record.instance, "calls");
	assert_string_equal(record.actor, "user");
	assert_string_equal(record.knob, "interval");
	assert_string_equal(record.before, "5s");
	assert_string_equal(record.after, "1s");
	assert_string_equal(record.message, "interval is set to 1s");
	assert_int_equal(record.for_ns, 60);
	assert_true(record.time_ns > 0);
}

static void what_was_not_read_in_time_is_counted_as_missed_and_the_rest_is_in_order(void **state)
{
	uint64_t cursor = catch_up("slow", SONDE_RECORD_LOG), begin, read = 0, missed = 0;
	char message[64];

	say("", "first");
	begin = cursor;
	for (int i = 0; i < MANY; i++) {
		snprintf(message, sizeof(message), "line %d of very many of them", i);
		say("calls", message);
	}
	while (!read_next("slow", SONDE_RECORD_LOG, &cursor)) {
		missed += record.missed;
		read++;
		assert_int_equal(record.number, begin + missed + read);
		assert_int_equal(record.number, cursor);
		snprintf(message, sizeof(message), "line %d of very many of them",
			 (int)(record.number - begin) - 2);
		assert_string_equal(record.message, message);
	}
	assert_true(read > 100);
	assert_true(missed > 0);
	assert_int_equal(read + missed, MANY + 1);
}

static void a_flood_of_lines_pushes_out_no_decision(void **state)
{
	uint64_t cursor = catch_up("calm", SONDE_RECORD_DECISION);
	struct decision decision = { .event = "reload" };

	chronicle_decide(&decision, "kept");
	for (int i = 0; i < MANY; i++)
		say("loud", "again and again and again");
	assert_int_equal(read_next("calm", SONDE_RECORD_DECISION, &cursor), 0);
	assert_string_equal(record.message, "kept");
	assert_int_equal(record.missed, 0);
}

/* As another instance of the same name does, after a reload. */
static void a_cursor_of_zero_goes_on_where_that_name_stood(void **state)
{
	uint64_t cursor = catch_up("named", SONDE_RECORD_LOG);

	say("", "new");
	cursor = 0;
	assert_int_equal(read_next("named", SONDE_RECORD_LOG, &cursor), 0);
	assert_string_equal(record.message, "new");
	cursor = 0;
	assert_int_equal(read_next("named", SONDE_RECORD_LOG, &cursor), -ENOENT);
}

static void who_reads_for_the_first_time_begins_with_the_oldest_and_has_missed_nothing(void **state)
{
	uint64_t cursor = 0;

	for (int i = 0; i < MANY; i++)
		say("calls", "far more than a ring has room for");
	assert_int_equal(read_next("newcomer", SONDE_RECORD_LOG, &cursor), 0);
	assert_int_equal(record.missed, 0);
	assert_true(record.number > 1);
}

static void texts_of_the_longest_kind_fit_in_the_buffer_that_readers_bring(void **state)
{
	uint64_t cursor = catch_up("long", SONDE_RECORD_DECISION);
	char *endless = malloc(100000);
	struct decision decision = { .event = endless,
				     .instance = endless,
				     .actor = endless,
				     .knob = endless,
				     .before = endless,
				     .after = endless };

	memset(endless, 'x', 99999);
	endless[99999] = '\0';
	chronicle_decide(&decision, "%s", endless);
	assert_int_equal(chronicle_read("long", SONDE_RECORD_DECISION, &cursor, &record, texts, 64),
			 -ENOSPC);
	assert_int_equal(read_next("long", SONDE_RECORD_DECISION, &cursor), 0);
	assert_int_equal(strlen(record.message), LOG_MESSAGE_BYTES - 1);
	assert_int_equal(strlen(record.after), CHRONICLE_TEXT_BYTES - 1);
	assert_int_equal(strlen(record.instance), LOG_SUBJECT_BYTES - 1);
	free(endless);
}

static void secrets_are_masked_in_every_text_of_a_decision(void **state)
{
	uint64_t cursor = catch_up("curious", SONDE_RECORD_DECISION);
	struct decision decision = { .event = "knob.set",
				     .knob = "url",
				     .before = "http://swordfish@host",
				     .after = "swordfish" };

	assert_int_equal(secret_hide("swordfish"), 0);
	chronicle_decide(&decision, "url is set to %s", "http://swordfish@host");
	assert_int_equal(read_next("curious", SONDE_RECORD_DECISION, &cursor), 0);
	assert_null(strstr(record.message, "swordfish"));
	assert_string_equal(record.before, "http://***@host");
	assert_string_equal(record.after, "***");
}

static void what_is_not_utf8_becomes_question_marks(void **state)
{
	uint64_t cursor = catch_up("strict", SONDE_RECORD_LOG);

	say("calls", "caf\xc3\xa9 \xff\xfe end \xc3");
	assert_int_equal(read_next("strict", SONDE_RECORD_LOG, &cursor), 0);
	assert_string_equal(record.message, "caf\xc3\xa9 ?? end ?");
	assert_int_equal(text_valid_length(record.message, strlen(record.message)),
			 strlen(record.message));
}

static void a_kind_that_there_is_not_is_refused(void **state)
{
	uint64_t cursor = 0;

	assert_int_equal(read_next("x", 0, &cursor), -EINVAL);
	assert_int_equal(read_next("x", 3, &cursor), -EINVAL);
}

/* Lengths of all kinds, so that records end everywhere near the end of the ring. */
static void records_of_all_lengths_come_out_as_they_went_in(void **state)
{
	uint64_t cursor = catch_up("exact", SONDE_RECORD_LOG);
	char message[LOG_MESSAGE_BYTES];
	uint32_t random = 1;

	for (int i = 0; i < 20000; i++) {
		size_t length = (random = random * 1664525u + 1013904223u) >> 8;

		length %= i % 7 ? 90 : sizeof(message);
		memset(message, 'a' + i % 26, length);
		message[length] = '\0';
		say("calls", message);
		if (i % 3) /* two wait at times */
			continue;
		while (!read_next("exact", SONDE_RECORD_LOG, &cursor))
			assert_int_equal(record.missed, 0);
		assert_string_equal(record.message, message);
	}
}

static void *say_many(void *data)
{
	for (int i = 0; i < MANY; i++)
		say("thread", "one of many");
	return NULL;
}

static void any_thread_may_write_while_others_read(void **state)
{
	uint64_t cursor = catch_up("reader", SONDE_RECORD_LOG), read = 0;
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, say_many, NULL), 0);
	while (read < 3 * MANY) {
		if (read_next("reader", SONDE_RECORD_LOG, &cursor))
			continue;
		assert_string_equal(record.message, "one of many");
		read += 1 + record.missed;
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(read, 3 * MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_once_by_everybody),
		cmocka_unit_test(a_decision_says_who_what_from_to_and_for_how_long),
		cmocka_unit_test(
			what_was_not_read_in_time_is_counted_as_missed_and_the_rest_is_in_order),
		cmocka_unit_test(a_flood_of_lines_pushes_out_no_decision),
		cmocka_unit_test(a_cursor_of_zero_goes_on_where_that_name_stood),
		cmocka_unit_test(
			who_reads_for_the_first_time_begins_with_the_oldest_and_has_missed_nothing),
		cmocka_unit_test(texts_of_the_longest_kind_fit_in_the_buffer_that_readers_bring),
		cmocka_unit_test(secrets_are_masked_in_every_text_of_a_decision),
		cmocka_unit_test(what_is_not_utf8_becomes_question_marks),
		cmocka_unit_test(a_kind_that_there_is_not_is_refused),
		cmocka_unit_test(records_of_all_lengths_come_out_as_they_went_in),
		cmocka_unit_test(any_thread_may_write_while_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

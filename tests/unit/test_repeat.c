/* SPDX-License-Identifier: Apache-2.0 */
/* What core/repeat.h promises, by a clock of the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "clock.h"
#include "repeat.h"

static const int64_t window_ns = (int64_t)REPEAT_WINDOW_S * NS_PER_SECOND;
static const int64_t start_ns = 1000ll * NS_PER_SECOND;

static struct repeats repeats;

static int set_up(void **state)
{
	repeats_init(&repeats);
	return 0;
}

static bool admit(const char *subject, const char *format, const char *message, int64_t now_ns)
{
	struct log_line line = { SONDE_WARNING, 0, subject, message };

	return repeats_admit(&repeats, format, &line, now_ns);
}

/* How many of `count` messages of that format are written. */
static uint32_t admit_many(const char *subject, const char *format, uint32_t count, int64_t now_ns)
{
	uint32_t admitted = 0;

	for (uint32_t i = 0; i < count; i++)
		admitted += admit(subject, format, "queue is full", now_ns);
	return admitted;
}

/* ---- the window -------------------------------------------------------------------------- */

static void so_many_alike_are_written_in_a_window_and_the_rest_is_counted(void **state)
{
	assert_int_equal(admit_many("out", "queue is full", 142, start_ns), REPEAT_LIMIT);
	assert_int_equal(repeats.held_count, 142 - REPEAT_LIMIT);
}

static void the_summary_comes_when_the_window_ends(void **state)
{
	char message[LOG_MESSAGE_BYTES];
	struct repeat over;

	admit_many("out", "queue is full", REPEAT_LIMIT + 7, start_ns);
	assert_int_equal(repeats.due_ns, start_ns + window_ns);
	assert_false(repeats_take(&repeats, start_ns + window_ns - 1, &over));
	assert_true(repeats_take(&repeats, start_ns + window_ns, &over));
	assert_int_equal(over.held, 7);
	assert_int_equal(over.level, SONDE_WARNING);
	assert_string_equal(over.subject, "out");
	repeat_tell(&over, start_ns + window_ns, message, sizeof(message));
	assert_string_equal(message, "queue is full … 7 more like this in 10 s");
	assert_false(repeats_take(&repeats, INT64_MAX, &over));
	assert_int_equal(repeats.due_ns, INT64_MAX);
}

static void a_window_of_which_nothing_was_held_back_ends_without_a_word(void **state)
{
	struct repeat over;

	assert_int_equal(admit_many("out", "queue is full", REPEAT_LIMIT, start_ns), REPEAT_LIMIT);
	assert_int_equal(repeats.due_ns, INT64_MAX);
	assert_false(repeats_take(&repeats, start_ns + window_ns, &over));
	assert_int_equal(admit_many("out", "queue is full", REPEAT_LIMIT, start_ns + window_ns),
			 REPEAT_LIMIT);
}

static void a_new_window_begins_when_the_summary_is_told(void **state)
{
	struct repeat over;

	admit_many("out", "queue is full", REPEAT_LIMIT + 1, start_ns);
	assert_true(repeats_take(&repeats, start_ns + window_ns, &over));
	assert_int_equal(admit_many("out", "queue is full", 50, start_ns + window_ns),
			 REPEAT_LIMIT);
}

static void a_summary_that_is_told_late_has_all_that_came_until_then(void **state)
{
	char message[LOG_MESSAGE_BYTES];
	struct repeat over;

	admit_many("out", "queue is full", REPEAT_LIMIT + 1, start_ns);
	assert_int_equal(admit_many("out", "queue is full", 5, start_ns + 3 * window_ns), 0);
	assert_true(repeats_take(&repeats, start_ns + 3 * window_ns, &over));
	repeat_tell(&over, start_ns + 3 * window_ns, message, sizeof(message));
	assert_string_equal(message, "queue is full … 6 more like this in 30 s");
}

static void at_the_end_what_was_held_back_is_told_before_its_time(void **state)
{
	struct repeat over;

	admit_many("out", "queue is full", REPEAT_LIMIT + 3, start_ns);
	assert_true(repeats_take(&repeats, INT64_MAX, &over));
	assert_int_equal(over.held, 3);
}

static void windows_end_in_the_order_of_their_beginning(void **state)
{
	struct repeat over;

	admit_many("a", "queue is full", REPEAT_LIMIT + 1, start_ns);
	admit_many("b", "queue is full", REPEAT_LIMIT + 1, start_ns + 5);
	assert_int_equal(repeats.due_ns, start_ns + window_ns);
	assert_true(repeats_take(&repeats, start_ns + window_ns, &over));
	assert_string_equal(over.subject, "a");
	assert_false(repeats_take(&repeats, start_ns + window_ns, &over));
	assert_int_equal(repeats.due_ns, start_ns + 5 + window_ns);
}

/* ---- alike ------------------------------------------------------------------------------- */

static void messages_of_one_format_are_alike_whatever_it_inserts(void **state)
{
	char message[64];
	uint32_t admitted = 0;

	for (uint32_t i = 0; i < 50; i++) {
		snprintf(message, sizeof(message), "cannot open %c%c", 'a' + (int)(i / 26),
			 'a' + (int)(i % 26));
		admitted += admit("in", "cannot open %s", message, start_ns);
	}
	assert_int_equal(admitted, REPEAT_LIMIT);
}

static void a_plugins_messages_are_alike_but_for_words_with_digits(void **state)
{
	char message[64];
	uint32_t admitted = 0;

	for (uint32_t i = 0; i < 50; i++) {
		snprintf(message, sizeof(message), "row %u at 0x7f%xff of cgroup-%u is torn", i * i,
			 i * 77, i);
		admitted += admit("in", "%s", message, start_ns);
	}
	assert_int_equal(admitted, REPEAT_LIMIT);
	assert_true(admit("in", "%s", "row 7 at 0x7f of cgroup-7 is whole", start_ns));
}

static void other_messages_and_other_instances_are_not_held_back(void **state)
{
	assert_int_equal(admit_many("a", "queue is full", 50, start_ns), REPEAT_LIMIT);
	assert_int_equal(admit_many("b", "queue is full", 50, start_ns), REPEAT_LIMIT);
	assert_int_equal(admit_many("a", "queue is empty", 50, start_ns), REPEAT_LIMIT);
}

/* ---- an instance ------------------------------------------------------------------------- */

/* A message that is like no other: a word without digits of its own for each number. */
static const char *own_words(uint32_t number, char word[32])
{
	size_t length = 0;

	do {
		word[length++] = (char)('a' + number % 26);
		number /= 26;
	} while (number);
	word[length] = '\0';
	return word;
}

static void an_instance_that_never_says_the_same_is_limited_too(void **state)
{
	char word[32], message[LOG_MESSAGE_BYTES];
	uint32_t admitted = 0;
	struct repeat over;

	for (uint32_t i = 0; i < 1000; i++)
		admitted += admit("loud", "%s", own_words(i, word), start_ns);
	assert_int_equal(admitted, REPEAT_INSTANCE_LIMIT);
	assert_int_equal(repeats.held_count, 1000 - REPEAT_INSTANCE_LIMIT);
	assert_true(admit("quiet", "%s", "hello", start_ns));
	assert_true(repeats_take(&repeats, start_ns + window_ns, &over));
	repeat_tell(&over, start_ns + window_ns, message, sizeof(message));
	assert_non_null(strstr(message, "900 more messages in 10 s"));
	assert_string_equal(over.subject, "loud");
}

static void more_kinds_than_can_be_told_apart_are_written_rather_than_lost(void **state)
{
	char word[32], name[40];

	for (uint32_t i = 0; i < REPEAT_SLOTS; i++) { /* every place holds something back */
		own_words(i, word);
		snprintf(name, sizeof(name), "i-%s", word);
		assert_int_equal(admit_many(name, word, REPEAT_LIMIT + 1, start_ns), REPEAT_LIMIT);
	}
	assert_int_equal(admit_many("other", "another thing", 50, start_ns), 50);
}

static void a_place_of_which_nothing_is_held_back_is_taken_again(void **state)
{
	char word[32];

	for (uint32_t i = 0; i < 10 * REPEAT_SLOTS; i++)
		admit(own_words(i, word), "queue is full", "queue is full", start_ns);
	assert_int_equal(admit_many("other", "another thing", 50, start_ns), REPEAT_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			so_many_alike_are_written_in_a_window_and_the_rest_is_counted, set_up),
		cmocka_unit_test_setup(the_summary_comes_when_the_window_ends, set_up),
		cmocka_unit_test_setup(a_window_of_which_nothing_was_held_back_ends_without_a_word,
				       set_up),
		cmocka_unit_test_setup(a_new_window_begins_when_the_summary_is_told, set_up),
		cmocka_unit_test_setup(a_summary_that_is_told_late_has_all_that_came_until_then,
				       set_up),
		cmocka_unit_test_setup(at_the_end_what_was_held_back_is_told_before_its_time,
				       set_up),
		cmocka_unit_test_setup(windows_end_in_the_order_of_their_beginning, set_up),
		cmocka_unit_test_setup(messages_of_one_format_are_alike_whatever_it_inserts,
				       set_up),
		cmocka_unit_test_setup(a_plugins_messages_are_alike_but_for_words_with_digits,
				       set_up),
		cmocka_unit_test_setup(other_messages_and_other_instances_are_not_held_back,
				       set_up),
		cmocka_unit_test_setup(an_instance_that_never_says_the_same_is_limited_too, set_up),
		cmocka_unit_test_setup(
			more_kinds_than_can_be_told_apart_are_written_rather_than_lost, set_up),
		cmocka_unit_test_setup(a_place_of_which_nothing_is_held_back_is_taken_again,
				       set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

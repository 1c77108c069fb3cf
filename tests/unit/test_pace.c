// SPDX-License-Identifier: Apache-2.0
/* What plugins/input/replay/pace.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "pace.h"

static double factor_of(const char *text)
{
	double factor = -1;

	return pace_parse(text, &factor) ? -1 : factor;
}

static void a_pace_is_a_word_or_a_factor(void **state)
{
	assert_true(factor_of("recorded") == 1);
	assert_true(factor_of("full") == 0);
	assert_true(factor_of("10x") == 10);
	assert_true(factor_of("0.5x") == 0.5);
}

static void anything_else_is_no_pace(void **state)
{
	const char *const wrong[] = { "",     "x",    "10",    "-1x",      "0x",  "1e3x",
				      "10 x", "fast", "1..5x", "2000000x", "nanx" };

	for (size_t at = 0; at < sizeof(wrong) / sizeof(*wrong); at++)
		assert_true(factor_of(wrong[at]) == -1);
}

static void what_was_recorded_later_is_due_later(void **state)
{
	struct pace pace;

	pace_begin(&pace, 1, 5000, 100);
	assert_int_equal(pace_wait(&pace, 5000, 100), 0);
	assert_int_equal(pace_wait(&pace, 5300, 100), 300);
	assert_int_equal(pace_wait(&pace, 5300, 350), 50);
	assert_int_equal(pace_wait(&pace, 5300, 900), 0);
	assert_int_equal(pace_wait(&pace, 4000, 100), 0);
}

static void a_factor_shortens_and_lengthens_the_wait(void **state)
{
	struct pace pace;

	pace_begin(&pace, 10, 5000, 100);
	assert_int_equal(pace_wait(&pace, 6000, 100), 100);
	pace_begin(&pace, 0.5, 5000, 100);
	assert_int_equal(pace_wait(&pace, 6000, 100), 2000);
}

static void another_factor_goes_on_from_where_it_is(void **state)
{
	struct pace pace;

	pace_begin(&pace, 1, 5000, 100);
	pace_change(&pace, 1, 6000, 400); /* 700 are left */
	assert_int_equal(pace_wait(&pace, 6000, 400), 700);
	pace_change(&pace, 10, 6000, 400);
	assert_int_equal(pace_wait(&pace, 6000, 400), 70);
	pace_change(&pace, 0, 6000, 400);
	assert_int_equal(pace_wait(&pace, 9000, 400), 0);
	pace_change(&pace, 2, 9000, 500);
	assert_int_equal(pace_wait(&pace, 9000, 500), 0);
	assert_int_equal(pace_wait(&pace, 9100, 500), 50);
}

static void at_full_speed_nothing_waits(void **state)
{
	struct pace pace;

	pace_begin(&pace, 0, 0, 0);
	assert_int_equal(pace_wait(&pace, INT64_MAX, 0), 0);
}

static void the_longest_wait_is_still_a_number(void **state)
{
	struct pace pace;

	pace_begin(&pace, 0.001, 0, 0);
	assert_true(pace_wait(&pace, INT64_MAX, 0) > INT64_C(8000000000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pace_is_a_word_or_a_factor),
		cmocka_unit_test(anything_else_is_no_pace),
		cmocka_unit_test(what_was_recorded_later_is_due_later),
		cmocka_unit_test(a_factor_shortens_and_lengthens_the_wait),
		cmocka_unit_test(another_factor_goes_on_from_where_it_is),
		cmocka_unit_test(at_full_speed_nothing_waits),
		cmocka_unit_test(the_longest_wait_is_still_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

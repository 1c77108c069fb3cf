// SPDX-License-Identifier: Apache-2.0
/* What core/amount.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "amount.h"

static bool holds(const char *text, long double number)
{
	struct amount amount;
	char error[256];

	assert_int_equal(amount_parse(text, &amount, error, sizeof(error)), 0);
	return amount_holds(&amount, number);
}

static void assert_wrong(const char *text, const char *message)
{
	struct amount amount;
	char error[256];

	assert_int_equal(amount_parse(text, &amount, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, message);
}

static void a_number_alone_is_that_number(void **state)
{
	assert_true(holds("120", 120));
	assert_false(holds("120", 121));
	assert_true(holds("-3", -3));
	assert_true(holds("= 0.5", 0.5L));
	assert_true(holds("==7", 7));
}

static void whole_numbers_of_64_bits_are_exact(void **state)
{
	assert_true(holds("9223372036854775807", INT64_MAX));
	assert_false(holds("9223372036854775807", INT64_MAX - 1));
}

static void a_comparison_may_stand_before_it(void **state)
{
	assert_true(holds(">= 3", 3));
	assert_false(holds("> 3", 3));
	assert_true(holds("<4", 3));
	assert_true(holds("<= 3", 3));
	assert_false(holds("!= 3", 3));
	assert_true(holds("<> 3", 4));
}

static void two_numbers_are_a_range_with_both_ends(void **state)
{
	assert_true(holds("1..5", 1));
	assert_true(holds("1 .. 5", 5));
	assert_false(holds("1..5", 5.5L));
	assert_true(holds("10ms..1s", 5e8L));
}

static void durations_and_sizes_are_numbers(void **state)
{
	assert_true(holds("< 10ms", 9999999));
	assert_true(holds("64KiB", 65536));
}

static void nothing_expected_holds(void **state)
{
	const struct amount none = { 0 };

	assert_true(amount_holds(&none, 5));
}

static void what_is_no_amount_is_refused_with_a_hint(void **state)
{
	assert_wrong("about 5", "\"about 5\" is no number, duration or size (try \">= 3\", "
				"\"10ms\" or \"1..5\")");
	assert_wrong(">= ",
		     "\"\" is no number, duration or size (try \">= 3\", \"10ms\" or \"1..5\")");
	assert_wrong("0x10", "\"0x10\" is no number, duration or size (try \">= 3\", \"10ms\" or "
			     "\"1..5\")");
	assert_wrong("nan",
		     "\"nan\" is no number, duration or size (try \">= 3\", \"10ms\" or \"1..5\")");
	assert_wrong("5..1", "\"5..1\" ends before it begins");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_alone_is_that_number),
		cmocka_unit_test(whole_numbers_of_64_bits_are_exact),
		cmocka_unit_test(a_comparison_may_stand_before_it),
		cmocka_unit_test(two_numbers_are_a_range_with_both_ends),
		cmocka_unit_test(durations_and_sizes_are_numbers),
		cmocka_unit_test(nothing_expected_holds),
		cmocka_unit_test(what_is_no_amount_is_refused_with_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

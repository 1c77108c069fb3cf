// SPDX-License-Identifier: Apache-2.0
/* Rejection thresholds and trace states, against what OpenTelemetry and W3C say of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sampling.h"

static struct sonde_text text_of(const char *text)
{
	return (struct sonde_text){ text, (uint32_t)strlen(text), 0 };
}

static void check_ratio(double ratio, const char *wanted)
{
	char digits[THRESHOLD_SIZE];
	uint32_t length = threshold_write(threshold_of_ratio(ratio), digits);

	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(digits, wanted, length);
}

static void ratios_become_rejection_thresholds(void **state)
{
	check_ratio(1, "0");
	check_ratio(0.75, "4");
	check_ratio(0.5, "8");
	check_ratio(0.25, "c");
	check_ratio(1 / 16.0, "f");
	check_ratio(0.1, "e6666666666666");
	check_ratio(0.01, "fd70a3d70a3d71");
	check_ratio(1 / 3.0, "aaaaaaaaaaaaac"); /* a third as a double */
	check_ratio(1e-300, "ffffffffffffff");
	check_ratio(2, "0");
	assert_int_equal(threshold_of_ratio(0), THRESHOLD_ALL);
	assert_int_equal(threshold_of_ratio((double)NAN), THRESHOLD_ALL);
	assert_int_equal(threshold_of_ratio(-1), THRESHOLD_ALL);
}

static void digits_that_are_left_out_are_zeros(void **state)
{
	uint64_t threshold = 7;

	assert_true(threshold_read(text_of("c"), &threshold));
	assert_int_equal(threshold, UINT64_C(0xc0000000000000));
	assert_true(threshold_read(text_of("0"), &threshold));
	assert_int_equal(threshold, 0);
	assert_true(threshold_read(text_of("123456789ABCDe"), &threshold));
	assert_int_equal(threshold, UINT64_C(0x123456789abcde));
}

static void what_is_no_threshold_sets_nothing(void **state)
{
	static const char *const wrong[] = { "", "g", "0x8", "8 ", "-8", "123456789abcdef" };
	uint64_t value = 7;

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(threshold_read(text_of(wrong[i]), &value));
	assert_false(randomness_read(text_of("8"), &value));
	assert_false(randomness_read(text_of("123456789abcdef"), &value));
	assert_int_equal(value, 7);
	assert_true(randomness_read(text_of("6e6d1a75832a2f"), &value));
	assert_int_equal(value, UINT64_C(0x6e6d1a75832a2f));
}

static void a_threshold_tells_how_many_a_row_stands_for(void **state)
{
	static const double ratios[] = { 1, 0.5, 0.25, 0.1, 0.01, 0.001, 1 / 16.0 };

	for (uint32_t i = 0; i < sizeof(ratios) / sizeof(*ratios); i++) {
		uint64_t threshold = threshold_of_ratio(ratios[i]);

		assert_true(fabs(threshold_weight(threshold) * ratios[i] - 1) < 1e-13);
		assert_int_equal(threshold_of_weight(threshold_weight(threshold), 0), threshold);
		/* To the bit, and not a neighbour of it. */
		assert_int_equal(threshold_of_weight(threshold_weight(threshold), threshold),
				 threshold);
	}
	assert_true(threshold_weight(threshold_of_ratio(0.1)) == 10);
	assert_true(threshold_weight(threshold_of_ratio(0.01)) == 100);
}

static void a_weight_includes_the_threshold_that_is_there(void **state)
{
	uint64_t half = threshold_of_ratio(0.5);

	assert_int_equal(threshold_of_weight(4, half), threshold_of_ratio(0.25));
	assert_int_equal(threshold_of_weight(2, half), half);
	assert_int_equal(threshold_of_weight(1, half), half);
	assert_int_equal(threshold_of_weight(0, half), half);
	assert_int_equal(threshold_of_weight(-2, 0), 0);
	assert_int_equal(threshold_of_weight((double)NAN, half), half);
	assert_int_equal(threshold_of_weight((double)INFINITY, half), THRESHOLD_ALL - 1);
}

static void a_trace_id_ends_with_its_randomness(void **state)
{
	static const unsigned char id[16] = { 0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
					      0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36 };

	assert_int_equal(trace_randomness(id), UINT64_C(0xce929d0e0e4736));
}

static void check_state(const char *text, uint64_t threshold, uint64_t randomness)
{
	struct trace_state found = trace_state_read(text_of(text));

	assert_int_equal(found.threshold, threshold);
	assert_int_equal(found.randomness, randomness);
}

static void trace_states_say_thresholds_and_randomness(void **state)
{
	check_state("", 0, UINT64_MAX);
	check_state("ot=th:c", UINT64_C(0xc0000000000000), UINT64_MAX);
	check_state("a=1, ot=rv:6e6d1a75832a2f;th:8 ,b=2", UINT64_C(0x80000000000000),
		    UINT64_C(0x6e6d1a75832a2f));
	check_state("ot=rv:6e6d1a75832a2", 0, UINT64_MAX); /* a digit is missing */
	check_state("ot=th:;rv:", 0, UINT64_MAX);
	check_state("ot=th;;p:8", 0, UINT64_MAX);
	check_state("other=th:8,tenant@ot=th:8", 0, UINT64_MAX);
}

static void check_write(uint64_t threshold, const char *before, const char *wanted)
{
	char state[512];
	uint32_t length = trace_state_write(threshold, text_of(before), state);

	assert_true(length <= strlen(before) + STATE_GROWTH);
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(state, wanted, length);
}

static void thresholds_are_merged_into_trace_states(void **state)
{
	uint64_t half = threshold_of_ratio(0.5);

	check_write(half, "", "ot=th:8");
	check_write(half, "a=1", "ot=th:8,a=1");
	check_write(half, "a=1, ot=rv:abc;th:4 ,b=2", "ot=th:8;rv:abc,a=1,b=2");
	check_write(half, "ot=", "ot=th:8");
	check_write(0, "ot=th:8", "ot=th:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_become_rejection_thresholds),
		cmocka_unit_test(digits_that_are_left_out_are_zeros),
		cmocka_unit_test(what_is_no_threshold_sets_nothing),
		cmocka_unit_test(a_threshold_tells_how_many_a_row_stands_for),
		cmocka_unit_test(a_weight_includes_the_threshold_that_is_there),
		cmocka_unit_test(a_trace_id_ends_with_its_randomness),
		cmocka_unit_test(trace_states_say_thresholds_and_randomness),
		cmocka_unit_test(thresholds_are_merged_into_trace_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

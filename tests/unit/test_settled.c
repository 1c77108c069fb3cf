// SPDX-License-Identifier: Apache-2.0
/* What core/settled.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "settled.h"

enum { NUMBERS = 500, ROUNDS = 200 };

static void numbers_in_order_need_no_ranges(void **state)
{
	struct settled settled = { .below = 1 };

	for (uint64_t number = 1; number <= 100; number++)
		assert_int_equal(settled_add(&settled, number, number), 0);
	assert_int_equal(settled.below, 101);
	assert_int_equal(settled.count, 0);
	settled_clear(&settled);
}

static void ranges_ahead_join_as_the_gaps_close(void **state)
{
	struct settled settled = { .below = 1 };

	settled_add(&settled, 5, 6);
	settled_add(&settled, 9, 9);
	assert_int_equal(settled.count, 2);
	assert_int_equal(settled_next(&settled, 5), 7);
	assert_int_equal(settled_next(&settled, 4), 4);
	settled_add(&settled, 7, 8);
	assert_int_equal(settled.count, 1);
	assert_int_equal(settled_next(&settled, 6), 10);
	settled_add(&settled, 1, 4);
	assert_int_equal(settled.below, 10);
	assert_int_equal(settled.count, 0);
	settled_clear(&settled);
}

static void a_gap_of_any_width_is_one_range(void **state)
{
	struct settled settled = { .below = 10 };

	settled_add(&settled, 12, UINT64_C(1) << 40);
	assert_int_equal(settled.count, 1);
	assert_true(settled_has(&settled, UINT64_C(1) << 39));
	assert_false(settled_has(&settled, 11));
	settled_add(&settled, 3, 11);
	assert_int_equal(settled.below, (UINT64_C(1) << 40) + 1);
	settled_clear(&settled);
}

static void assert_same(const struct settled *settled, const bool *done)
{
	uint64_t next = 0;

	for (uint64_t number = NUMBERS; number--;) {
		next = done[number] ? next : number;
		assert_int_equal(settled_has(settled, number), done[number]);
		if (next)
			assert_int_equal(settled_next(settled, number), next);
	}
	for (uint32_t i = 0; i < settled->count; i++) {
		uint64_t end = i ? settled->ranges[i - 1].last + 1 : settled->below;

		assert_true(settled->ranges[i].first > end);
	}
}

static void any_order_gives_what_a_list_of_flags_gives(void **state)
{
	srandom(7);
	for (int round = 0; round < ROUNDS; round++) {
		struct settled settled = { .below = 1 };
		bool done[NUMBERS] = { true };

		for (int i = 0; i < 60; i++) {
			uint64_t first = 1 + (uint64_t)random() % (NUMBERS - 2);
			uint64_t last = first + (uint64_t)random() % 9;

			last = last < NUMBERS - 1 ? last : NUMBERS - 2;
			assert_int_equal(settled_add(&settled, first, last), 0);
			memset(done + first, true, last - first + 1);
		}
		assert_same(&settled, done);
		settled_clear(&settled);
	}
}

static void a_copy_stands_apart(void **state)
{
	struct settled settled = { .below = 1 }, copy;

	settled_add(&settled, 4, 5);
	assert_int_equal(settled_copy(&copy, &settled), 0);
	settled_add(&settled, 1, 3);
	assert_int_equal(copy.below, 1);
	assert_true(settled_has(&copy, 5));
	assert_false(settled_has(&copy, 3));
	settled_clear(&settled);
	settled_clear(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_in_order_need_no_ranges),
		cmocka_unit_test(ranges_ahead_join_as_the_gaps_close),
		cmocka_unit_test(a_gap_of_any_width_is_one_range),
		cmocka_unit_test(any_order_gives_what_a_list_of_flags_gives),
		cmocka_unit_test(a_copy_stands_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

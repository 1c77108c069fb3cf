// SPDX-License-Identifier: Apache-2.0
/* What core/kernel_memory.h promises; tests/kernel shows it with maps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel_memory.h"

static void the_number_behind_memlock_is_read(void **state)
{
	assert_int_equal(kernel_memory_parse("pos:\t0\nflags:\t02000002\nmap_type:\t1\n"
					     "memlock:\t1052672\nmap_id:\t7\n"),
			 1052672);
}

static void what_says_nothing_of_it_counts_nothing(void **state)
{
	assert_int_equal(kernel_memory_parse(""), 0);
	assert_int_equal(kernel_memory_parse("pos:\t0\nnot_memlock:\t9\n"), 0);
	assert_int_equal(kernel_memory_parse("memlock:"), 0);
}

static void a_process_without_maps_holds_nothing(void **state)
{
	assert_int_equal(kernel_memory_bytes(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_number_behind_memlock_is_read),
		cmocka_unit_test(what_says_nothing_of_it_counts_nothing),
		cmocka_unit_test(a_process_without_maps_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

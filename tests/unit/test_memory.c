// SPDX-License-Identifier: Apache-2.0
/* What core/memory.h promises. The system's own refusals come from a wrapper of malloc(). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "memory.h"

enum { MIB = 1 << 20 };

static bool refusing; /* the system refuses */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return refusing ? NULL : __real_malloc(size);
}

static struct memory_snapshot snapshot(void)
{
	struct memory_snapshot now;

	memory_read(&now);
	return now;
}

static int end(void **state)
{
	refusing = false;
	memory_on_short(NULL);
	memory_limit(SIZE_MAX);
	return memory_counted_bytes() || memory_reserved_bytes(); /* every test gives all back */
}

static void what_is_allocated_is_counted_until_it_is_freed(void **state)
{
	char *plain = memory_allocate(1000), *zeroed = memory_allocate_zeroed(2000);
	void *aligned = memory_allocate_aligned(64, 4096);

	assert_int_equal(memory_counted_bytes(), 7096);
	assert_int_equal((uintptr_t)aligned % 64, 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(zeroed[i], 0);
	memory_free(plain, 1000);
	assert_int_equal(memory_counted_bytes(), 6096);
	memory_free(zeroed, 2000);
	memory_free(aligned, 4096);
	memory_free(NULL, 12);
	assert_int_equal(memory_counted_bytes(), 0);
	assert_true(snapshot().peak_bytes >= 7096);
}

static void what_does_not_fit_the_bound_is_refused_and_counted(void **state)
{
	uint64_t before = snapshot().refused_count;
	void *first;

	memory_limit(16 * MIB);
	first = memory_allocate(10 * MIB);
	assert_non_null(first);
	assert_null(memory_allocate(7 * MIB));
	assert_int_equal(memory_counted_bytes(), 10 * MIB);
	assert_int_equal(snapshot().refused_count, before + 1);
	memory_free(first, 10 * MIB);
	first = memory_allocate(7 * MIB);
	assert_non_null(first);
	memory_free(first, 7 * MIB);
}

static void what_the_system_refuses_is_not_charged(void **state)
{
	uint64_t before = snapshot().failed_count;

	refusing = true;
	assert_null(memory_allocate(1000));
	refusing = false;
	assert_int_equal(memory_counted_bytes(), 0);
	assert_int_equal(snapshot().failed_count, before + 1);
}

/* ---- relief ------------------------------------------------------------------------------ */

static void *spare; /* that relieve() can let go of */
static size_t wanted;

static void relieve(size_t bytes)
{
	wanted = bytes;
	refusing = false;
	memory_free(spare, 10 * MIB);
	spare = NULL;
}

static void whoever_can_make_room_is_asked_before_the_bound_refuses(void **state)
{
	void *block;

	memory_limit(16 * MIB);
	memory_on_short(relieve);
	spare = memory_allocate(10 * MIB);
	block = memory_allocate(12 * MIB);
	assert_non_null(block);
	assert_null(spare);
	assert_int_equal(wanted, 12 * MIB);
	memory_free(block, 12 * MIB);
}

static void whoever_can_make_room_is_asked_before_the_system_s_refusal_counts(void **state)
{
	uint64_t before = snapshot().failed_count;
	void *block;

	memory_on_short(relieve);
	refusing = true;
	block = memory_allocate(1000);
	assert_non_null(block);
	assert_int_equal(snapshot().failed_count, before);
	memory_free(block, 1000);
}

/* ---- measuring --------------------------------------------------------------------------- */

static void what_is_not_counted_takes_from_the_room(void **state)
{
	char *other = malloc(64 * MIB);

	assert_non_null(other);
	memset(other, 1, 64 * MIB);
	memory_limit((size_t)4096 * MIB);
	memory_measure();
	assert_true(snapshot().other_bytes >= 60 * MIB);
	assert_true(snapshot().resident_bytes >= 60 * MIB);
	assert_int_equal(memory_room_bytes(), (size_t)4096 * MIB - snapshot().other_bytes);
	assert_true(memory_soft_bytes() < memory_room_bytes());
	free(other);
	memory_measure();
	assert_true(memory_room_bytes() <= (size_t)4096 * MIB);
}

static void a_quarter_of_the_bound_is_for_rows_whatever_else_there_is(void **state)
{
	char *other = malloc(64 * MIB);

	assert_non_null(other);
	memset(other, 1, 64 * MIB);
	memory_limit(16 * MIB);
	memory_measure();
	assert_int_equal(memory_room_bytes(), 4 * MIB);
	free(other);
}

static void without_a_bound_there_is_room_for_all(void **state)
{
	memory_measure();
	assert_int_equal(memory_room_bytes(), SIZE_MAX);
	assert_int_equal(memory_reserve(SIZE_MAX / 2, 0), 0);
	memory_unreserve(SIZE_MAX / 2);
}

/* ---- promises ---------------------------------------------------------------------------- */

static void promises_take_what_is_used_and_promised_into_account(void **state)
{
	memory_limit(16 * MIB); /* soft: 14 MiB */
	assert_int_equal(memory_reserve(6 * MIB, 4 * MIB), 0);
	assert_int_equal(memory_reserve(5 * MIB, 4 * MIB), -EAGAIN);
	assert_int_equal(memory_reserve(4 * MIB, 4 * MIB), 0);
	assert_int_equal(memory_reserve(1, 4 * MIB), -EAGAIN);
	assert_int_equal(memory_reserve(1, 15 * MIB), -EAGAIN);
	memory_reserve_over(1);
	assert_int_equal(memory_reserved_bytes(), 10 * MIB + 1);
	memory_unreserve(10 * MIB + 1);
}

static void what_the_bound_never_allows_is_told_at_once(void **state)
{
	memory_limit(16 * MIB);
	assert_int_equal(memory_reserve(15 * MIB, 0), -EMSGSIZE);
	assert_int_equal(memory_reserve(SIZE_MAX, 0), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_allocated_is_counted_until_it_is_freed, end),
		cmocka_unit_test_teardown(what_does_not_fit_the_bound_is_refused_and_counted, end),
		cmocka_unit_test_teardown(what_the_system_refuses_is_not_charged, end),
		cmocka_unit_test_teardown(whoever_can_make_room_is_asked_before_the_bound_refuses,
					  end),
		cmocka_unit_test_teardown(
			whoever_can_make_room_is_asked_before_the_system_s_refusal_counts, end),
		cmocka_unit_test_teardown(what_is_not_counted_takes_from_the_room, end),
		cmocka_unit_test_teardown(a_quarter_of_the_bound_is_for_rows_whatever_else_there_is,
					  end),
		cmocka_unit_test_teardown(without_a_bound_there_is_room_for_all, end),
		cmocka_unit_test_teardown(promises_take_what_is_used_and_promised_into_account,
					  end),
		cmocka_unit_test_teardown(what_the_bound_never_allows_is_told_at_once, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

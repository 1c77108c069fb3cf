// SPDX-License-Identifier: Apache-2.0
/* What core/relief.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"
#include "relief.h"
#include "storage.h"

enum { MIB = 1 << 20, BLOCKS = 32 };

/* Holds references to blocks of 1 MiB, as a queue holds batches. */
struct holder {
	struct relief relief;
	uint32_t *references[BLOCKS]; /* of a block; it goes with the last */
	uint32_t first, count, room_count;
};

static size_t holder_bytes(void *data)
{
	const struct holder *holder = data;

	return (size_t)holder->count * MIB;
}

static void holder_shed(void *data)
{
	struct holder *holder = data;
	uint32_t *block = holder->references[holder->first++];

	holder->count--;
	if (!--*block)
		memory_free(block, MIB);
}

static void holder_room(void *data)
{
	struct holder *holder = data;

	holder->room_count++;
}

static void hold(struct holder *holder, uint32_t *block)
{
	assert_non_null(block);
	holder->references[holder->first + holder->count++] = block;
	++*block;
}

static void open_holder(struct holder *holder)
{
	*holder = (struct holder){ .relief = { .bytes = holder_bytes,
					       .shed = holder_shed,
					       .room = holder_room,
					       .data = holder } };
	relief_add(&holder->relief);
}

static void close_holder(struct holder *holder)
{
	relief_remove(&holder->relief);
	while (holder->count)
		holder_shed(holder);
}

static int begin(void **state)
{
	storage_flush();
	memory_limit(16 * MIB); /* soft: 14 MiB */
	return 0;
}

static int end(void **state)
{
	storage_flush();
	memory_limit(SIZE_MAX);
	return memory_counted_bytes() || memory_reserved_bytes();
}

static void nothing_goes_below_the_soft_mark(void **state)
{
	struct holder holder;

	open_holder(&holder);
	for (int i = 0; i < 14; i++)
		hold(&holder, memory_allocate_zeroed(MIB));
	assert_false(relief_is_due());
	assert_false(relief_run());
	assert_int_equal(holder.count, 14);
	close_holder(&holder);
}

static void above_it_the_largest_lets_go_of_its_oldest(void **state)
{
	struct holder small, large;
	uint32_t *oldest;

	open_holder(&large);
	open_holder(&small);
	for (int i = 0; i < 10; i++)
		hold(&large, memory_allocate_zeroed(MIB));
	for (int i = 0; i < 6; i++)
		hold(&small, memory_allocate_zeroed(MIB));
	oldest = large.references[0];
	assert_true(relief_is_due());
	assert_false(relief_run());
	assert_false(relief_is_due());
	assert_int_equal(large.count, 8);
	assert_int_equal(small.count, 6);
	assert_ptr_not_equal(large.references[large.first], oldest);
	close_holder(&large);
	close_holder(&small);
}

static void queues_of_the_same_rows_come_down_together(void **state)
{
	struct holder one, other;

	open_holder(&one);
	open_holder(&other);
	for (int i = 0; i < 16; i++) {
		uint32_t *block = memory_allocate_zeroed(MIB);

		hold(&one, block);
		hold(&other, block);
	}
	assert_false(relief_run());
	assert_int_equal(one.count, 14);
	assert_int_equal(other.count, 14);
	close_holder(&one);
	close_holder(&other);
}

static void where_nobody_can_let_go_it_stays_due(void **state)
{
	struct holder holder;
	void *held = memory_allocate(15 * MIB);

	open_holder(&holder);
	assert_true(relief_is_due());
	assert_true(relief_run());
	close_holder(&holder);
	memory_free(held, 15 * MIB);
}

static void idle_blocks_do_not_make_it_due(void **state)
{
	size_t size;
	void *block = storage_take(MIB, &size), *held;

	storage_give(block, size); /* it lies idle, unless a sanitizer wants every block new */
	held = memory_allocate(13 * MIB + MIB / 2);
	assert_false(relief_is_due());
	memory_free(held, 13 * MIB + MIB / 2);
}

static void room_for_a_batch_is_made_at_the_cost_of_older_rows(void **state)
{
	struct holder holder;

	open_holder(&holder);
	for (int i = 0; i < 16; i++)
		hold(&holder, memory_allocate_zeroed(MIB));
	relief_make_room(3 * MIB);
	assert_int_equal(holder.count, 13);
	relief_make_room(8 * MIB); /* more than a batch would be */
	assert_int_equal(holder.count, 13);
	close_holder(&holder);
}

static void idle_blocks_are_freed_to_make_room(void **state)
{
	size_t size;
	void *block = storage_take(MIB, &size);

	storage_give(block, size);
	relief_make_room(16 * MIB);
	assert_int_equal(storage_idle_bytes(), 0);
	assert_int_equal(memory_counted_bytes(), 0);
}

static void a_promise_is_kept_free_of_other_rows(void **state)
{
	struct holder holder;

	open_holder(&holder);
	for (int i = 0; i < 12; i++)
		hold(&holder, memory_allocate_zeroed(MIB));
	assert_int_equal(relief_reserve(4 * MIB, false), 0);
	assert_int_equal(holder.count, 10);
	hold(&holder, memory_allocate_zeroed(MIB));
	assert_true(relief_is_due());
	assert_false(relief_run());
	assert_int_equal(holder.count, 10);
	memory_unreserve(4 * MIB);
	close_holder(&holder);
}

static void without_room_only_who_is_alone_gets_a_promise(void **state)
{
	void *held = memory_allocate(15 * MIB);

	assert_int_equal(relief_reserve(MIB, false), -EAGAIN);
	assert_int_equal(relief_reserve(MIB, true), 0);
	assert_int_equal(relief_reserve(15 * MIB, true), -EMSGSIZE);
	memory_unreserve(MIB);
	memory_free(held, 15 * MIB);
}

static void all_are_told_of_room_until_they_are_removed(void **state)
{
	struct holder one, other;

	open_holder(&one);
	open_holder(&other);
	relief_tell_room();
	close_holder(&one);
	relief_tell_room();
	assert_int_equal(one.room_count, 1);
	assert_int_equal(other.room_count, 2);
	close_holder(&other);
	relief_remove(&other.relief); /* a second time is fine */
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_goes_below_the_soft_mark),
		CASE(above_it_the_largest_lets_go_of_its_oldest),
		CASE(queues_of_the_same_rows_come_down_together),
		CASE(where_nobody_can_let_go_it_stays_due),
		CASE(idle_blocks_do_not_make_it_due),
		CASE(room_for_a_batch_is_made_at_the_cost_of_older_rows),
		CASE(idle_blocks_are_freed_to_make_room),
		CASE(a_promise_is_kept_free_of_other_rows),
		CASE(without_room_only_who_is_alone_gets_a_promise),
		CASE(all_are_told_of_room_until_they_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/journal_positions.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "journal_positions.h"

static struct journal_positions positions;

static int tear_down(void **state)
{
	positions_release(&positions);
	return 0;
}

static void stream_make(unsigned char stream[JOURNAL_STREAM_BYTES], uint32_t number)
{
	memset(stream, 0, JOURNAL_STREAM_BYTES);
	memcpy(stream + 4, &number, sizeof(number));
}

static void taken(uint32_t number, uint64_t sequence)
{
	unsigned char stream[JOURNAL_STREAM_BYTES];

	stream_make(stream, number);
	assert_int_equal(positions_reserve(&positions), 0);
	positions_set(&positions, stream, sequence);
}

static uint64_t position(uint32_t number)
{
	unsigned char stream[JOURNAL_STREAM_BYTES];

	stream_make(stream, number);
	return positions_get(&positions, stream);
}

static void a_position_only_rises(void **state)
{
	positions_init(&positions, JOURNAL_STREAMS_LIMIT);
	assert_int_equal(position(1), 0);
	taken(1, 5);
	taken(1, 3);
	assert_int_equal(position(1), 5);
	taken(1, 9);
	assert_int_equal(position(1), 9);
	assert_int_equal(position(2), 0);
}

static void as_many_streams_as_the_limit_are_known(void **state)
{
	positions_init(&positions, JOURNAL_STREAMS_LIMIT);
	for (uint32_t number = 0; number < JOURNAL_STREAMS_LIMIT; number++)
		taken(number, number + 1);
	for (uint32_t number = 0; number < JOURNAL_STREAMS_LIMIT; number++)
		assert_int_equal(position(number), number + 1);
	assert_int_equal(positions.count, JOURNAL_STREAMS_LIMIT);
}

static void of_more_the_longest_unheard_of_goes(void **state)
{
	positions_init(&positions, 4);
	for (uint32_t number = 1; number <= 4; number++)
		taken(number, number);
	taken(1, 10); /* 2 is now the longest unheard of */
	taken(5, 5);
	assert_int_equal(position(2), 0);
	assert_int_equal(position(1), 10);
	taken(6, 6);
	assert_int_equal(position(3), 0);
	taken(3, 1); /* anew */
	assert_int_equal(position(3), 1);
	assert_int_equal(position(4), 0);
	assert_int_equal(positions.count, 4);
}

static void a_snapshot_brings_back_positions_and_their_order(void **state)
{
	unsigned char bytes[4 * JOURNAL_STREAM_ENTRY_BYTES];

	positions_init(&positions, 4);
	for (uint32_t number = 1; number <= 4; number++)
		taken(number, 100 + number);
	taken(1, 200);
	positions_write(&positions, bytes);
	positions_clear(&positions);
	assert_int_equal(position(1), 0);
	assert_int_equal(positions_read(&positions, bytes, 4), 0);
	assert_int_equal(position(1), 200);
	assert_int_equal(position(2), 102);
	taken(9, 1);
	assert_int_equal(position(2), 0);
	assert_int_equal(position(1), 200);
}

#define TEST(name_) cmocka_unit_test_teardown(name_, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_position_only_rises),
		TEST(as_many_streams_as_the_limit_are_known),
		TEST(of_more_the_longest_unheard_of_goes),
		TEST(a_snapshot_brings_back_positions_and_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

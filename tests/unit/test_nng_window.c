// SPDX-License-Identifier: Apache-2.0
/* The parts of the output `nng` that need no network: the window, rows by key, and waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoff.h"
#include "split.h"
#include "window.h"

static struct frame frame(unsigned char stream, uint64_t sequence)
{
	return (struct frame){ .position = { { stream }, sequence } };
}

static void an_acknowledgement_takes_all_frames_of_its_stream_up_to_it(void **state)
{
	struct frame frames[] = { frame(1, 1), frame(2, 1), frame(1, 4), frame(1, 5) };
	const struct position position = { { 1 }, 4 };
	struct window window = { 0 };

	for (uint32_t i = 0; i < 4; i++)
		window_push(&window, &frames[i]);
	assert_ptr_equal(window_take(&window, &position), &frames[0]);
	assert_ptr_equal(window_take(&window, &position), &frames[2]);
	assert_null(window_take(&window, &position));
	assert_int_equal(window.count, 2);
	assert_ptr_equal(window_pop(&window), &frames[1]);
	assert_ptr_equal(window_pop(&window), &frames[3]);
	assert_null(window_pop(&window));
	window_push(&window, &frames[0]); /* the end of the list is where it should be */
	assert_ptr_equal(window.last, &frames[0]);
}

static void after_a_broken_connection_all_frames_are_sent_again_in_order(void **state)
{
	struct frame frames[] = { frame(1, 1), frame(1, 2), frame(1, 3) };
	struct window window = { 0 };

	for (uint32_t i = 0; i < 3; i++)
		window_push(&window, &frames[i]);
	window_sent(&window, window_next(&window, 1), 1);
	window_sent(&window, window_next(&window, 1), 1);
	assert_int_equal(window.sent_count, 2);
	assert_ptr_equal(window_next(&window, 1), &frames[2]);
	window_unsend(&window);
	assert_ptr_equal(window_next(&window, 1), &frames[0]);
	assert_true(frames[0].was_sent);
	assert_false(frames[2].was_sent);
}

static void a_frame_that_was_sent_back_waits_and_holds_up_no_other(void **state)
{
	struct frame frames[] = { frame(1, 1), frame(1, 2) };
	struct window window = { 0 };

	window_push(&window, &frames[0]);
	window_push(&window, &frames[1]);
	window_sent(&window, &frames[0], 1);
	window_again(&window, &frames[0], 100);
	assert_ptr_equal(window_next(&window, 50), &frames[1]);
	window_sent(&window, &frames[1], 50);
	assert_null(window_next(&window, 99));
	assert_int_equal(window_again_ns(&window), 100);
	assert_ptr_equal(window_next(&window, 100), &frames[0]);
	assert_int_equal(window_floor(&window, &frames[1].position), 1);
	assert_ptr_equal(window_take_one(&window, &frames[0].position), &frames[0]);
	assert_int_equal(window_floor(&window, &frames[1].position), 2);
	assert_null(window_find(&window, &frames[0].position));
}

static void a_hello_names_each_stream_once(void **state)
{
	struct frame frames[] = { frame(1, 5), frame(2, 3), frame(1, 4), frame(3, 1) };
	struct position positions[2];
	struct window window = { 0 };

	for (uint32_t i = 0; i < 4; i++)
		window_push(&window, &frames[i]);
	assert_int_equal(window_streams(&window, positions, 2), 2);
	assert_int_equal(positions[0].stream[0], 1);
	assert_int_equal(positions[0].sequence, 4);
	assert_int_equal(positions[1].stream[0], 2);
}

static void delays_grow_to_a_bound_and_are_spread_over_all_of_it(void **state)
{
	struct backoff backoff = { .first_ns = 200, .longest_ns = 1000 };
	const int64_t bounds_ns[] = { 200, 400, 800, 1000, 1000 };

	for (uint32_t i = 0; i < 5; i++) {
		struct backoff same = backoff;

		assert_int_equal(backoff_delay_ns(&same, (uint64_t)bounds_ns[i]), bounds_ns[i]);
		same = backoff;
		assert_int_equal(backoff_delay_ns(&same, (uint64_t)bounds_ns[i] + 1), 0);
		(void)backoff_delay_ns(&backoff, 0);
	}
	assert_int_equal(backoff.failures, 5);
}

/* ---- rows by key ------------------------------------------------------------------------- */

static struct sonde_column column_of(const char *name, uint32_t type, void *values, uint32_t size)
{
	return (struct sonde_column){
		.name = name, .type = type, .stride = size, .value_size = size, .base = values
	};
}

static void rows_of_one_key_have_one_hash_whatever_its_width_is(void **state)
{
	const char *const names[] = { "tenant" };
	const struct sonde_texts keys = { .items = names, .count = 1 };
	uint32_t narrow[] = { 7, 8, 7 };
	uint64_t wide[] = { 7, 8, 7 };
	struct sonde_column one = column_of("tenant", SONDE_U32, narrow, 4);
	struct sonde_column other = column_of("tenant", SONDE_U64, wide, 8);
	struct sonde_batch batch = { .column_size = sizeof(struct sonde_column),
				     .column_count = 1,
				     .row_count = 3,
				     .columns = &one };
	uint64_t hashes[3], same[3];

	split_keys(&batch, &keys, hashes);
	assert_int_equal(hashes[0], hashes[2]);
	assert_int_not_equal(hashes[0], hashes[1]);
	batch.columns = &other;
	split_keys(&batch, &keys, same);
	assert_memory_equal(hashes, same, sizeof(hashes));
	other.stride = 0; /* a constant */
	split_keys(&batch, &keys, same);
	assert_int_equal(same[1], hashes[0]);
}

static void a_key_that_is_missing_is_a_key_too(void **state)
{
	const char *const names[] = { "nobody" };
	const struct sonde_texts keys = { .items = names, .count = 1 };
	struct sonde_batch batch = { .row_count = 2 };
	const uint64_t places[] = { 11, 22, 33 };
	uint64_t hashes[2];
	uint8_t chosen[2];

	split_keys(&batch, &keys, hashes);
	split_choose(hashes, 2, places, 3, 7, chosen);
	assert_int_equal(chosen[0], chosen[1]);
	split_choose(hashes, 2, places, 3, 1, chosen);
	assert_int_equal(chosen[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acknowledgement_takes_all_frames_of_its_stream_up_to_it),
		cmocka_unit_test(after_a_broken_connection_all_frames_are_sent_again_in_order),
		cmocka_unit_test(a_frame_that_was_sent_back_waits_and_holds_up_no_other),
		cmocka_unit_test(a_hello_names_each_stream_once),
		cmocka_unit_test(delays_grow_to_a_bound_and_are_spread_over_all_of_it),
		cmocka_unit_test(rows_of_one_key_have_one_hash_whatever_its_width_is),
		cmocka_unit_test(a_key_that_is_missing_is_a_key_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

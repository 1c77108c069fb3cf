// SPDX-License-Identifier: Apache-2.0
/* What core/pause.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "made.h"
#include "pause.h"

enum { LOOPS = 3 };

static const int64_t patience_ns = 10ll * NS_PER_SECOND;

/* Loops that count as fast as they can. */
struct counting {
	struct loop *loops[LOOPS];
	struct loop_task tasks[LOOPS];
	uint32_t counts[LOOPS]; /* atomic */
};

struct counter {
	struct counting *counting;
	uint32_t at;
};

static struct counter counters[LOOPS];

static void count_on(void *data)
{
	struct counter *counter = data;

	__atomic_add_fetch(&counter->counting->counts[counter->at], 1, __ATOMIC_RELAXED);
	loop_post(counter->counting->loops[counter->at], &counter->counting->tasks[counter->at]);
}

static void open_loops(struct counting *counting)
{
	*counting = (struct counting){ 0 };
	for (uint32_t i = 0; i < LOOPS; i++) {
		counters[i] = (struct counter){ counting, i };
		counting->tasks[i] = (struct loop_task){ .run = count_on, .data = &counters[i] };
		counting->loops[i] = loop_create("test");
		assert_int_equal(loop_start(counting->loops[i]), 0);
		loop_post(counting->loops[i], &counting->tasks[i]);
	}
}

static void close_loops(struct counting *counting)
{
	for (uint32_t i = 0; i < LOOPS; i++) {
		assert_int_equal(loop_join(counting->loops[i], clock_monotonic_ns() + patience_ns),
				 0);
		loop_release(counting->loops[i]);
	}
}

static uint32_t count_of(const struct counting *counting, uint32_t at)
{
	return __atomic_load_n(&counting->counts[at], __ATOMIC_RELAXED);
}

static void wait_until_they_count(const struct counting *counting)
{
	for (uint32_t i = 0; i < LOOPS; i++) {
		uint32_t before = count_of(counting, i);

		while (count_of(counting, i) == before)
			clock_sleep_ns(NS_PER_MS);
	}
}

static void nothing_runs_while_all_are_held_and_all_go_on_afterwards(void **state)
{
	struct counting counting;
	uint32_t before[LOOPS], stuck;
	struct pause *pause;

	open_loops(&counting);
	for (int round = 0; round < 10; round++) {
		wait_until_they_count(&counting);
		assert_int_equal(pause_begin(counting.loops, LOOPS, patience_ns, &pause, &stuck),
				 0);
		for (uint32_t i = 0; i < LOOPS; i++)
			before[i] = count_of(&counting, i);
		clock_sleep_ns(2 * NS_PER_MS);
		for (uint32_t i = 0; i < LOOPS; i++)
			assert_int_equal(count_of(&counting, i), before[i]);
		pause_end(pause);
	}
	wait_until_they_count(&counting);
	close_loops(&counting);
}

/* Until it is set to 0. */
static void hold_thread(void *data)
{
	while (__atomic_load_n((uint32_t *)data, __ATOMIC_ACQUIRE))
		clock_sleep_ns(NS_PER_MS);
}

static void one_that_does_not_come_is_named_and_none_is_held(void **state)
{
	uint32_t holding = 1, before, stuck = UINT32_MAX;
	struct loop_task hold = { .run = hold_thread, .data = &holding };
	struct counting counting;
	struct pause *pause;

	open_loops(&counting);
	loop_post(counting.loops[1], &hold);
	assert_int_equal(pause_begin(counting.loops, LOOPS, 50 * NS_PER_MS, &pause, &stuck),
			 -ETIMEDOUT);
	assert_int_equal(stuck, 1);
	before = count_of(&counting, 0);
	while (count_of(&counting, 0) == before) /* it runs on */
		clock_sleep_ns(NS_PER_MS);
	__atomic_store_n(&holding, 0, __ATOMIC_RELEASE);
	wait_until_they_count(&counting);
	assert_int_equal(pause_begin(counting.loops, LOOPS, patience_ns, &pause, &stuck), 0);
	pause_end(pause);
	close_loops(&counting);
}

static void a_pause_of_nothing_is_one(void **state)
{
	struct pause *pause;
	uint32_t stuck;

	assert_int_equal(pause_begin(NULL, 0, patience_ns, &pause, &stuck), 0);
	pause_end(pause);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_runs_while_all_are_held_and_all_go_on_afterwards),
		cmocka_unit_test(one_that_does_not_come_is_named_and_none_is_held),
		cmocka_unit_test(a_pause_of_nothing_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

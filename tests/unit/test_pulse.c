/* SPDX-License-Identifier: Apache-2.0 */
/* What core/pulse.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <semaphore.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "pulse.h"

/* A task that holds its loop's thread until the test lets go. */
struct held {
	struct loop_task task;
	sem_t entered, let_go;
};

static void hold(void *data)
{
	struct held *held = data;

	sem_post(&held->entered);
	sem_wait(&held->let_go);
}

static void held_init(struct held *held)
{
	held->task = (struct loop_task){ .run = hold, .data = held };
	sem_init(&held->entered, 0, 0);
	sem_init(&held->let_go, 0, 0);
}

static void hold_begin(struct held *held, struct loop *loop)
{
	loop_post(loop, &held->task);
	sem_wait(&held->entered);
}

static struct loop *started(const char *name)
{
	struct loop *loop = loop_create(name);

	assert_non_null(loop);
	assert_int_equal(loop_start(loop), 0);
	return loop;
}

static void ended(struct loop *loop)
{
	assert_int_equal(loop_join(loop, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	loop_release(loop);
}

static void a_loop_that_is_held_is_seen_for_as_long_as_it_is(void **state)
{
	struct loop *loops[2] = { started("free"), started("held") };
	const struct loop *slowest = NULL;
	struct pulse pulse = { 0 };
	struct held held;

	held_init(&held);
	hold_begin(&held, loops[1]);
	assert_int_equal(pulse_look(&pulse, loops, 2, 1000, &slowest), 0);
	assert_null(slowest);
	assert_int_equal(pulse_look(&pulse, loops, 2, 4000, &slowest), 3000);
	assert_ptr_equal(slowest, loops[1]);
	assert_string_equal(loop_name(slowest), "held");
	assert_int_equal(pulse_look(&pulse, loops, 2, 9000, &slowest), 8000);
	sem_post(&held.let_go);
	ended(loops[1]);
	ended(loops[0]);
	pulse_release(&pulse);
}

static void a_loop_that_came_around_is_seen_from_then_on(void **state)
{
	struct loop *loop = started("held");
	const struct loop *slowest = NULL;
	struct pulse pulse = { 0 };
	struct held first, second;

	held_init(&first);
	held_init(&second);
	hold_begin(&first, loop);
	pulse_look(&pulse, &loop, 1, 1000, &slowest);
	loop_post(loop, &second.task);
	sem_post(&first.let_go);
	sem_wait(&second.entered);
	assert_int_equal(pulse_look(&pulse, &loop, 1, 5000, &slowest), 0);
	assert_int_equal(pulse_look(&pulse, &loop, 1, 6000, &slowest), 1000);
	sem_post(&second.let_go);
	ended(loop);
	pulse_release(&pulse);
}

static void loops_that_sleep_or_do_not_run_are_not_stuck(void **state)
{
	struct loop *loops[2] = { started("idle"), loop_create("unstarted") };
	const struct loop *slowest = NULL;
	struct pulse pulse = { 0 };

	while (loop_is_in_turn(loops[0]) || !loop_turn_count(loops[0]))
		clock_sleep_ns(NS_PER_MS);
	assert_int_equal(pulse_look(&pulse, loops, 2, 1000, &slowest), 0);
	assert_int_equal(pulse_look(&pulse, loops, 2, 100000, &slowest), 0);
	assert_null(slowest);
	ended(loops[0]);
	loop_release(loops[1]);
	pulse_release(&pulse);
}

static void other_loops_begin_anew(void **state)
{
	struct loop *loops[2] = { started("a"), started("b") };
	const struct loop *slowest = NULL;
	struct pulse pulse = { 0 };
	struct held held[2];

	for (int i = 0; i < 2; i++) {
		held_init(&held[i]);
		hold_begin(&held[i], loops[i]);
	}
	pulse_look(&pulse, &loops[0], 1, 1000, &slowest);
	assert_int_equal(pulse_look(&pulse, &loops[1], 1, 5000, &slowest), 0);
	assert_int_equal(pulse_look(&pulse, &loops[1], 1, 5500, &slowest), 500);
	for (int i = 0; i < 2; i++) {
		sem_post(&held[i].let_go);
		ended(loops[i]);
	}
	pulse_release(&pulse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_that_is_held_is_seen_for_as_long_as_it_is),
		cmocka_unit_test(a_loop_that_came_around_is_seen_from_then_on),
		cmocka_unit_test(loops_that_sleep_or_do_not_run_are_not_stuck),
		cmocka_unit_test(other_loops_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

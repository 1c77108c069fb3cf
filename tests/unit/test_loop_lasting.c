/* SPDX-License-Identifier: Apache-2.0 */
/* What core/loop.h promises of a loop that is stuck. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <semaphore.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "loop.h"

static void join(struct loop *loop)
{
	assert_int_equal(loop_join(loop, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	loop_release(loop);
}

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

static void held_post(struct held *held, struct loop *loop)
{
	held->task = (struct loop_task){ .run = hold, .data = held };
	sem_init(&held->entered, 0, 0);
	sem_init(&held->let_go, 0, 0);
	loop_post(loop, &held->task);
}

static void a_turn_that_lasts_is_seen_for_as_long_as_it_does(void **state)
{
	struct loop *loop = loop_create("held");
	struct held held;

	assert_int_equal(loop_start(loop), 0);
	held_post(&held, loop);
	sem_wait(&held.entered);
	assert_int_equal(loop_lasting_ns(loop, 1000), 0);
	assert_int_equal(loop_lasting_ns(loop, 4000), 3000);
	assert_int_equal(loop_lasting_ns(loop, 9000), 8000);
	assert_string_equal(loop_name(loop), "held");
	sem_post(&held.let_go);
	join(loop);
}

static void a_loop_that_came_around_is_seen_from_then_on(void **state)
{
	struct loop *loop = loop_create("held");
	struct held first, second;

	assert_int_equal(loop_start(loop), 0);
	held_post(&first, loop);
	sem_wait(&first.entered);
	assert_int_equal(loop_lasting_ns(loop, 1000), 0);
	held_post(&second, loop);
	sem_post(&first.let_go);
	sem_wait(&second.entered);
	assert_int_equal(loop_lasting_ns(loop, 5000), 0);
	assert_int_equal(loop_lasting_ns(loop, 6000), 1000);
	sem_post(&second.let_go);
	join(loop);
}

static void a_loop_that_sleeps_or_does_not_run_does_not_last(void **state)
{
	struct loop *idle = loop_create("idle"), *unstarted = loop_create("unstarted");
	uint64_t turns;

	assert_int_equal(loop_start(idle), 0);
	do { /* until a second passes without a turn: then it sleeps */
		turns = loop_turn_count(idle);
		clock_sleep_ns(NS_PER_SECOND);
	} while (!turns || turns != loop_turn_count(idle));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_lasting_ns(idle, 1000 + i), 0);
		assert_int_equal(loop_lasting_ns(unstarted, 1000 + i), 0);
	}
	join(idle);
	loop_release(unstarted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_that_lasts_is_seen_for_as_long_as_it_does),
		cmocka_unit_test(a_loop_that_came_around_is_seen_from_then_on),
		cmocka_unit_test(a_loop_that_sleeps_or_does_not_run_does_not_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

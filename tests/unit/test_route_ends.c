// SPDX-License-Identifier: Apache-2.0
/* What core/route.h promises of routes whose ends change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "route_bench.h"

static void count_post(void *data)
{
	++*(uint32_t *)data;
}

static void end_tasks(void *data)
{
	loop_end(data);
}

/* Runs what was posted to a loop. */
static void run_tasks_of(struct loop *loop)
{
	struct loop_task end = { .run = end_tasks, .data = loop };

	loop_post(loop, &end);
	loop_run(loop);
}

static void whoever_takes_a_route_over_hears_of_what_is_queued_and_of_who_waits(void **state)
{
	uint32_t arrivals = 0, rooms = 0;
	struct loop_task arrived = { .run = count_post, .data = &arrivals };
	struct loop_task room = { .run = count_post, .data = &rooms };
	struct loop *loop = loop_create("test");
	struct route_plan plan = { .from = "a",
				   .to = "c",
				   .receiver_loop = loop,
				   .sender_loop = loop,
				   .arrived = &arrived,
				   .room = &room,
				   .queue = { .memory_bytes = SIZE_MAX,
					      .when_full = WHEN_FULL_WAIT } };
	struct test_route at;

	open_route(&at, batch_size(), WHEN_FULL_WAIT);
	route_install(&at.route, &plan);
	run_tasks_of(loop);
	assert_int_equal(arrivals, 0);
	at.route.queue.limit_bytes = batch_size();
	route_push(&at.route, finished_batch(0, ROWS));
	run_tasks_of(loop);
	assert_int_equal(arrivals, 1);
	assert_true(route_is_full(&at.route));
	route_install(&at.route, &plan);
	run_tasks_of(loop);
	assert_int_equal(arrivals, 2);
	assert_int_equal(rooms, 1);
	assert_false(route_is_full(&at.route));
	assert_string_equal(at.route.to, "c");
	close_route(&at);
	loop_release(loop);
}

static void what_a_receiver_hands_back_is_the_first_again_and_nothing_is_booked(void **state)
{
	struct sonde_batch *batch;
	struct test_route at;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	route_push(&at.route, finished_batch(1, ROWS));
	batch = route_pop(&at.route);
	route_return(&at.route, batch, false);
	assert_closes(&at.route);
	assert_int_equal(tally_read(&at.route.account->repeated).rows, 0);
	assert_int_equal(tally_read(&at.route.account->out).rows, 0);
	batch = route_pop(&at.route);
	assert_int_equal(first_number(batch), 0);
	route_return(&at.route, batch, true); /* some of it may have arrived */
	assert_closes(&at.route);
	assert_int_equal(tally_read(&at.route.account->repeated).rows, ROWS);
	close_route(&at);
}

static void what_is_dropped_is_lost_by_shutdown_and_the_route_goes_on(void **state)
{
	struct test_route at;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	route_drop(&at.route);
	assert_int_equal(lost(&at, SONDE_LOST_SHUTDOWN), ROWS);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_closes(&at.route);
	assert_false(route_is_idle(&at.route));
	close_route(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			whoever_takes_a_route_over_hears_of_what_is_queued_and_of_who_waits),
		cmocka_unit_test(
			what_a_receiver_hands_back_is_the_first_again_and_nothing_is_booked),
		cmocka_unit_test(what_is_dropped_is_lost_by_shutdown_and_the_route_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

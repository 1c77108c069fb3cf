// SPDX-License-Identifier: Apache-2.0
/* What core/route.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <cmocka.h>

#include "route_bench.h"

/* What the origin of a batch heard. */
struct heard {
	uint32_t count;
	struct sonde_settlement settlement;
};

static void hear(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	struct heard *heard = origin;

	heard->settlement = *settlement;
	count_up(&heard->count);
}

static struct sonde_batch *expected_batch(uint32_t row_count, struct heard *heard)
{
	struct sonde_batch *batch = finished_batch(0, row_count);
	struct receipt *receipt = receipt_create(hear, heard, 1);

	assert_int_equal(receipts_add(batch_receipts(batch), receipt, row_count), 0);
	receipt_release(receipt);
	return batch;
}

static void what_is_pushed_is_booked_in_and_what_is_settled_out(void **state)
{
	struct test_route at;
	struct sonde_batch *batch;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_closes(&at.route);
	batch = route_pop(&at.route);
	assert_closes(&at.route);
	assert_false(route_is_idle(&at.route));
	route_settle(&at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	assert_closes(&at.route);
	assert_true(route_is_idle(&at.route));
	assert_int_equal(tally_read(&at.route.account->in).events, 3 * ROWS);
	assert_int_equal(tally_read(&at.route.account->out).rows, ROWS);
	assert_int_equal(tally_read(&at.route.account->out).events, 3 * ROWS);
	close_route(&at);
}

static void the_oldest_are_displaced_and_settled_as_lost_before_push_returns(void **state)
{
	struct heard heard[3] = { 0 };
	struct test_route at;
	struct sonde_batch *batch;

	open_route(&at, 2 * batch_size(), WHEN_FULL_DROP_OLDEST);
	for (int i = 0; i < 3; i++)
		route_push(&at.route, expected_batch(ROWS, &heard[i]));
	assert_int_equal(heard[0].count, 1);
	assert_int_equal(heard[0].settlement.lost_rows, ROWS);
	assert_int_equal(heard[0].settlement.verdict, SONDE_RETRY);
	assert_string_equal(heard[0].settlement.reason, "queue full");
	assert_int_equal(heard[1].count + heard[2].count, 0);
	assert_int_equal(lost(&at, SONDE_LOST_QUEUE_FULL), ROWS);
	assert_closes(&at.route);
	batch = route_pop(&at.route);
	route_settle(&at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	close_route(&at);
}

static void a_batch_larger_than_the_limit_displaces_all_and_is_taken(void **state)
{
	struct test_route at;
	struct sonde_batch *batch;

	open_route(&at, batch_size(), WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	route_push(&at.route, finished_batch(5000, 100 * ROWS));
	assert_int_equal(lost(&at, SONDE_LOST_QUEUE_FULL), ROWS);
	batch = route_pop(&at.route);
	assert_int_equal(first_number(batch), 5000);
	route_settle(&at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	assert_closes(&at.route);
	close_route(&at);
}

static void the_newest_is_refused_where_the_oldest_are_to_stay(void **state)
{
	struct heard heard[2] = { 0 };
	struct test_route at;

	open_route(&at, batch_size(), WHEN_FULL_DROP_NEWEST);
	route_push(&at.route, expected_batch(ROWS, &heard[0]));
	route_push(&at.route, expected_batch(ROWS, &heard[1]));
	assert_int_equal(heard[0].count, 0);
	assert_int_equal(heard[1].count, 1);
	assert_int_equal(lost(&at, SONDE_LOST_QUEUE_FULL), ROWS);
	assert_closes(&at.route);
	close_route(&at);
	assert_string_equal(heard[0].settlement.reason, "shutdown");
}

static void what_is_left_at_the_end_is_lost_by_shutdown(void **state)
{
	struct test_route at;
	struct tally tally;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	route_clear(&at.route);
	tally = tally_read(&at.route.account->lost[SONDE_LOST_SHUTDOWN]);
	assert_int_equal(tally.rows, ROWS);
	assert_int_equal(tally.events, 3 * ROWS);
	assert_int_equal(account_open(at.route.account).rows, 0);
	ledger_close(at.ledger);
}

static void some_rows_can_be_lost_of_a_batch_that_was_taken(void **state)
{
	struct heard heard = { 0 };
	struct test_route at;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	at.route.final = true;
	route_push(&at.route, expected_batch(ROWS, &heard));
	route_settle(&at.route, route_pop(&at.route), 30, SONDE_LOST_REJECTED, NULL, false);
	assert_int_equal(heard.settlement.delivered_rows, ROWS - 30);
	assert_int_equal(heard.settlement.lost_rows, 30);
	assert_int_equal(heard.settlement.verdict, SONDE_DONE);
	assert_int_equal(tally_read(&at.route.account->out).events, 3 * (ROWS - 30));
	assert_int_equal(tally_read(&at.route.account->lost[SONDE_LOST_REJECTED]).events, 90);
	assert_closes(&at.route);
	close_route(&at);
}

static void no_more_rows_are_lost_than_a_batch_has(void **state)
{
	struct test_route at;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, finished_batch(0, ROWS));
	route_settle(&at.route, route_pop(&at.route), UINT64_MAX, SONDE_LOST_REJECTED, NULL, false);
	assert_int_equal(lost(&at, SONDE_LOST_REJECTED), ROWS);
	assert_closes(&at.route);
	close_route(&at);
}

static void only_the_end_at_an_output_tells_the_origin_of_delivered_rows(void **state)
{
	struct heard heard = { 0 };
	struct test_route at;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, expected_batch(ROWS, &heard));
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.settlement.delivered_rows, 0);
	close_route(&at);
}

static void a_batch_that_keeps_few_of_its_rows_is_compacted_before_it_is_charged(void **state)
{
	struct sonde_batch *whole = made_batch(0, 1000);
	unsigned char bits[125] = { 1 }; /* the first row only */
	struct test_route at;
	struct sonde_batch *batch;

	batch_select(whole, bits);
	batch_finish(whole);
	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	route_push(&at.route, batch_hold(whole));
	batch = route_pop(&at.route);
	assert_int_equal(batch->row_count, 1);
	assert_true(batch_bytes(batch) < batch_bytes(whole) / 4);
	route_settle(&at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	batch_release(whole);
	assert_closes(&at.route);
	close_route(&at);
}

/* ---- waiting ----------------------------------------------------------------------------- */

struct ends {
	struct loop *loop;
	struct loop_task room, arrived, last;
	uint32_t rooms, arrivals;
};

static void count_room(void *data)
{
	count_up(&((struct ends *)data)->rooms);
}

static void count_arrival(void *data)
{
	count_up(&((struct ends *)data)->arrivals);
}

static void end_loop(void *data)
{
	loop_end(((struct ends *)data)->loop);
}

static void give_ends(struct route *route, struct ends *ends)
{
	*ends = (struct ends){ .loop = loop_create("ends") };
	ends->room = (struct loop_task){ .run = count_room, .data = ends };
	ends->arrived = (struct loop_task){ .run = count_arrival, .data = ends };
	ends->last = (struct loop_task){ .run = end_loop, .data = ends };
	route->sender_loop = ends->loop;
	route->room = &ends->room;
	route->receiver_loop = ends->loop;
	route->arrived = &ends->arrived;
}

/* Runs what was posted by now. */
static void run_posted(struct ends *ends)
{
	struct loop *loop = ends->loop;

	loop_post(loop, &ends->last);
	loop_run(loop);
}

static void close_ends(struct test_route *at, struct ends *ends)
{
	close_route(at);
	loop_release(ends->loop);
}

static void the_receiver_is_told_when_an_empty_route_gets_a_batch(void **state)
{
	struct test_route at;
	struct ends ends;

	open_route(&at, SIZE_MAX, WHEN_FULL_DROP_OLDEST);
	give_ends(&at.route, &ends);
	route_push(&at.route, finished_batch(0, ROWS));
	route_push(&at.route, finished_batch(0, ROWS));
	run_posted(&ends);
	assert_int_equal(ends.arrivals, 1);
	assert_int_equal(ends.rooms, 0);
	close_ends(&at, &ends);
}

static void the_receiver_is_told_of_a_batch_that_displaced_all_others(void **state)
{
	struct test_route at;
	struct ends ends;

	open_route(&at, 1, WHEN_FULL_DROP_OLDEST);
	give_ends(&at.route, &ends);
	route_push(&at.route, finished_batch(0, ROWS));
	route_push(&at.route, finished_batch(0, ROWS));
	run_posted(&ends);
	assert_int_equal(ends.arrivals, 1);
	close_ends(&at, &ends);
}

static void a_sender_that_waits_stops_at_the_limit_and_room_comes_at_half_of_it(void **state)
{
	struct test_route at;
	struct ends ends;

	open_route(&at, 4 * batch_size(), WHEN_FULL_WAIT);
	give_ends(&at.route, &ends);
	for (int i = 0; i < 4; i++) {
		assert_false(route_is_full(&at.route));
		route_push(&at.route, finished_batch(0, ROWS));
	}
	assert_true(route_is_full(&at.route));
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	assert_false(route_is_full(&at.route)); /* one more fits, but nobody is woken for it */
	assert_true(at.route.wants_room);
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	assert_false(at.route.wants_room);
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	run_posted(&ends);
	assert_int_equal(ends.rooms, 1);
	close_ends(&at, &ends);
}

static void a_route_that_waits_loses_nothing_of_a_sender_that_went_over_the_limit(void **state)
{
	struct test_route at;

	open_route(&at, batch_size(), WHEN_FULL_WAIT);
	for (int i = 0; i < 10; i++)
		route_push(&at.route, finished_batch(0, ROWS));
	assert_int_equal(at.route.queue.count, 10);
	assert_int_equal(lost(&at, SONDE_LOST_QUEUE_FULL), 0);
	close_route(&at);
}

static void routes_that_drop_never_make_a_sender_wait(void **state)
{
	for (int when = WHEN_FULL_DROP_OLDEST; when <= WHEN_FULL_DROP_NEWEST; when++) {
		struct test_route at;

		open_route(&at, 1, (enum when_full)when);
		route_push(&at.route, finished_batch(0, ROWS));
		assert_false(route_is_full(&at.route));
		close_route(&at);
	}
}

static void what_was_reserved_is_not_refused(void **state)
{
	struct test_route at;
	size_t bytes = batch_size();

	open_route(&at, 2 * bytes, WHEN_FULL_DROP_NEWEST);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_int_equal(route_reserve(&at.route, bytes), 0);
	assert_int_equal(route_reserve(&at.route, bytes), -EAGAIN);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_int_equal(lost(&at, SONDE_LOST_QUEUE_FULL), 0);
	assert_int_equal(at.route.queue.reserved_bytes, 0);
	close_route(&at);
}

static void room_comes_to_whoever_was_refused_when_the_route_empties(void **state)
{
	struct test_route at;
	struct ends ends;
	size_t bytes = batch_size();

	open_route(&at, bytes, WHEN_FULL_DROP_NEWEST);
	give_ends(&at.route, &ends);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_int_equal(route_reserve(&at.route, bytes), -EAGAIN);
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	run_posted(&ends);
	assert_int_equal(ends.rooms, 1);
	close_ends(&at, &ends);
}

static void room_comes_when_a_promise_is_given_back_unused(void **state)
{
	struct test_route at;
	struct ends ends;

	open_route(&at, 1000, WHEN_FULL_DROP_NEWEST);
	give_ends(&at.route, &ends);
	assert_int_equal(route_reserve(&at.route, 800), 0);
	assert_int_equal(route_reserve(&at.route, 800), -EAGAIN);
	route_unreserve(&at.route, 800);
	run_posted(&ends);
	assert_int_equal(ends.rooms, 1);
	close_ends(&at, &ends);
}

static void room_comes_when_a_batch_was_smaller_than_its_promise(void **state)
{
	struct test_route at;
	struct ends ends;
	size_t bytes = batch_size();

	open_route(&at, 10 * bytes, WHEN_FULL_DROP_NEWEST);
	give_ends(&at.route, &ends);
	assert_int_equal(route_reserve(&at.route, 8 * bytes), 0);
	route_push(&at.route, finished_batch(0, ROWS));
	assert_int_equal(route_reserve(&at.route, 3 * bytes), -EAGAIN);
	/* It is popped while the rest is still promised, and then nothing else moves. */
	route_settle(&at.route, route_pop(&at.route), 0, SONDE_LOST_FAILED, NULL, false);
	route_unreserve(&at.route, 7 * bytes);
	run_posted(&ends);
	assert_true(ends.rooms >= 1);
	assert_int_equal(route_reserve(&at.route, 3 * bytes), 0);
	close_ends(&at, &ends);
}

/* ---- under load -------------------------------------------------------------------------- */

struct traffic {
	struct route *route;
	uint32_t batch_count, pushed;
};

static void *push_all(void *data)
{
	struct traffic *traffic = data;

	for (uint32_t i = 0; i < traffic->batch_count; i++) {
		route_push(traffic->route, finished_batch(i, 1 + i % ROWS));
		count_up(&traffic->pushed);
	}
	return NULL;
}

static void *pop_all(void *data)
{
	struct traffic *traffic = data;
	uint32_t done = 0;

	while (done < traffic->batch_count || !route_is_idle(traffic->route)) {
		struct sonde_batch *batch = route_pop(traffic->route);

		done = __atomic_load_n(&traffic->pushed, __ATOMIC_ACQUIRE);
		if (batch)
			route_settle(traffic->route, batch, batch->selected_count % 7,
				     SONDE_LOST_REJECTED, NULL, false);
	}
	return NULL;
}

static void snapshots_close_at_any_moment_while_one_thread_pushes_and_another_pops(void **state)
{
	for (int when = WHEN_FULL_DROP_OLDEST; when <= WHEN_FULL_WAIT; when++) {
		struct test_route at;
		struct traffic traffic = { .route = &at.route, .batch_count = 20000 };
		pthread_t pusher, popper;

		open_route(&at, 10 * batch_size(), (enum when_full)when);
		assert_int_equal(pthread_create(&pusher, NULL, push_all, &traffic), 0);
		assert_int_equal(pthread_create(&popper, NULL, pop_all, &traffic), 0);
		while (__atomic_load_n(&traffic.pushed, __ATOMIC_ACQUIRE) < traffic.batch_count)
			assert_closes(&at.route);
		pthread_join(pusher, NULL);
		pthread_join(popper, NULL);
		assert_closes(&at.route);
		assert_int_equal(account_open(at.route.account).rows, 0);
		close_route(&at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pushed_is_booked_in_and_what_is_settled_out),
		cmocka_unit_test(the_oldest_are_displaced_and_settled_as_lost_before_push_returns),
		cmocka_unit_test(a_batch_larger_than_the_limit_displaces_all_and_is_taken),
		cmocka_unit_test(the_newest_is_refused_where_the_oldest_are_to_stay),
		cmocka_unit_test(what_is_left_at_the_end_is_lost_by_shutdown),
		cmocka_unit_test(some_rows_can_be_lost_of_a_batch_that_was_taken),
		cmocka_unit_test(no_more_rows_are_lost_than_a_batch_has),
		cmocka_unit_test(only_the_end_at_an_output_tells_the_origin_of_delivered_rows),
		cmocka_unit_test(
			a_batch_that_keeps_few_of_its_rows_is_compacted_before_it_is_charged),
		cmocka_unit_test(the_receiver_is_told_when_an_empty_route_gets_a_batch),
		cmocka_unit_test(the_receiver_is_told_of_a_batch_that_displaced_all_others),
		cmocka_unit_test(
			a_sender_that_waits_stops_at_the_limit_and_room_comes_at_half_of_it),
		cmocka_unit_test(
			a_route_that_waits_loses_nothing_of_a_sender_that_went_over_the_limit),
		cmocka_unit_test(routes_that_drop_never_make_a_sender_wait),
		cmocka_unit_test(what_was_reserved_is_not_refused),
		cmocka_unit_test(room_comes_to_whoever_was_refused_when_the_route_empties),
		cmocka_unit_test(room_comes_when_a_promise_is_given_back_unused),
		cmocka_unit_test(room_comes_when_a_batch_was_smaller_than_its_promise),
		cmocka_unit_test(
			snapshots_close_at_any_moment_while_one_thread_pushes_and_another_pops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

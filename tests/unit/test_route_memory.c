// SPDX-License-Identifier: Apache-2.0
/* What core/route.h promises where the daemon is short of memory, and core/pipeline.h of promises.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <cmocka.h>

#include "line.h"
#include "memory.h"
#include "storage.h"

enum { MIB = 1 << 20, MANY = 8000 }; /* batches of 1 MiB, about */

struct test_route {
	struct ledger *ledger;
	struct route route;
};

static void open_route(struct test_route *at, enum when_full when_full)
{
	struct queue_config config = { .memory_bytes = 1u << 30, .when_full = when_full };

	assert_int_equal(ledger_open(NULL, &at->ledger), 0);
	route_init(&at->route, "a", "b", &config,
		   ledger_account(at->ledger, ACCOUNT_ROUTE, "a > b"));
}

static void close_route(struct test_route *at)
{
	route_clear(&at->route);
	ledger_close(at->ledger);
}

static void assert_route_closes(struct test_route *at)
{
	struct tally open = account_open(at->route.account);

	assert_int_equal(open.rows, at->route.queue.rows + at->route.held.rows);
	assert_int_equal(open.events, at->route.queue.events + at->route.held.events);
}

static uint64_t lost_rows(const struct test_route *at, enum sonde_loss loss)
{
	return tally_read(&at->route.account->lost[loss]).rows;
}

static uint64_t shed_rows(void)
{
	struct memory_snapshot now;

	memory_read(&now);
	return now.shed_rows;
}

static int begin(void **state)
{
	storage_flush();
	memory_limit(16 * MIB);
	memory_on_short(relief_make_room);
	return 0;
}

static int end(void **state)
{
	storage_flush();
	memory_on_short(NULL);
	memory_limit(SIZE_MAX);
	return memory_counted_bytes() || memory_reserved_bytes();
}

static void a_dropping_queue_lets_go_of_its_oldest_rows_long_before_its_own_limit(void **state)
{
	uint64_t before = shed_rows(), first = 0;
	struct test_route at;
	struct sonde_batch *batch;

	open_route(&at, WHEN_FULL_DROP_OLDEST);
	for (uint64_t i = 0; i < 40; i++)
		route_push(&at.route, finished_batch(i * MANY, MANY));
	assert_true(lost_rows(&at, SONDE_LOST_MEMORY) >= 24 * MANY);
	assert_int_equal(lost_rows(&at, SONDE_LOST_QUEUE_FULL), 0);
	assert_int_equal(shed_rows() - before, lost_rows(&at, SONDE_LOST_MEMORY));
	assert_true(memory_counted_bytes() <= 16 * MIB);
	assert_route_closes(&at);
	while ((batch = route_pop(&at.route))) { /* what is left are the newest, in order */
		assert_true(first_number(batch) > first);
		first = first_number(batch);
		route_settle(&at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	assert_int_equal(first, 39 * MANY);
	assert_route_closes(&at);
	close_route(&at);
}

static void a_healthy_queue_keeps_its_rows_while_a_dead_one_lets_go_of_its_own(void **state)
{
	struct test_route dead, healthy;

	open_route(&dead, WHEN_FULL_DROP_OLDEST);
	open_route(&healthy, WHEN_FULL_DROP_OLDEST);
	for (uint64_t i = 0; i < 40; i++) {
		struct sonde_batch *batch = finished_batch(i * MANY, MANY);

		route_push(&dead.route, batch_hold(batch));
		route_push(&healthy.route, batch);
		route_settle(&healthy.route, route_pop(&healthy.route), 0, SONDE_LOST_FAILED, NULL,
			     false);
	}
	assert_true(lost_rows(&dead, SONDE_LOST_MEMORY) > 0);
	assert_int_equal(lost_rows(&healthy, SONDE_LOST_MEMORY), 0);
	assert_int_equal(tally_read(&healthy.route.account->out).rows, 40 * MANY);
	assert_route_closes(&dead);
	close_route(&dead);
	close_route(&healthy);
}

static void a_queue_that_drops_the_newest_passes_on_one_batch_at_a_time(void **state)
{
	struct test_route at;
	void *held = memory_allocate(15 * MIB);

	memory_on_short(NULL);
	open_route(&at, WHEN_FULL_DROP_NEWEST);
	for (uint64_t i = 0; i < 3; i++)
		route_push(&at.route, finished_batch(i, 10));
	assert_int_equal(at.route.queue.rows, 10);
	assert_int_equal(lost_rows(&at, SONDE_LOST_MEMORY), 20);
	assert_route_closes(&at);
	memory_free(held, 15 * MIB);
	route_push(&at.route, finished_batch(0, 10));
	assert_int_equal(at.route.queue.rows, 20);
	close_route(&at);
}

static void a_sender_that_waits_stops_with_one_batch_under_way(void **state)
{
	struct test_route at;
	void *held = memory_allocate(15 * MIB);

	open_route(&at, WHEN_FULL_WAIT);
	assert_false(route_is_full(&at.route));
	route_push(&at.route, finished_batch(0, 10));
	assert_true(route_is_full(&at.route));
	assert_true(at.route.wants_room);
	memory_free(held, 15 * MIB);
	assert_false(route_is_full(&at.route));
	close_route(&at);
}

static void a_promise_counts_once_however_many_branches_there_are(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct line line;

	open_line(&line, none, 2);
	line.sinks[0].queue.limit_bytes = line.sinks[1].queue.limit_bytes = 64 * MIB;
	assert_int_equal(fan_reserve(&line.pipeline.fan, 5 * MIB), 0);
	assert_int_equal(memory_reserved_bytes(), 5 * MIB);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 10 * MIB), -EAGAIN);
	assert_int_equal(line.sinks[0].queue.reserved_bytes, 5 * MIB);
	assert_int_equal(line.sinks[1].queue.reserved_bytes, 5 * MIB);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 15 * MIB), -EMSGSIZE);
	fan_unreserve(&line.pipeline.fan, 3 * MIB);
	assert_int_equal(memory_reserved_bytes(), 2 * MIB);
	close_line(&line); /* and gives back the rest */
}

static void what_is_sent_uses_up_the_promise(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct sonde_batch *batch = finished_batch(0, MANY);
	size_t bytes = batch_bytes(batch);
	struct line line;

	open_line(&line, none, 2);
	line.sinks[0].queue.limit_bytes = line.sinks[1].queue.limit_bytes = 64 * MIB;
	assert_int_equal(fan_reserve(&line.pipeline.fan, bytes + 100), 0);
	fan_push(&line.pipeline.fan, batch);
	assert_int_equal(memory_reserved_bytes(), 100);
	fan_unreserve(&line.pipeline.fan, SIZE_MAX);
	assert_int_equal(memory_reserved_bytes(), 0);
	close_line(&line);
}

static void an_input_with_nothing_under_way_gets_its_promise_all_the_same(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	void *held = memory_allocate(15 * MIB);
	struct line line;

	open_line(&line, none, 1);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 100), 0);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 100), -EAGAIN);
	fan_unreserve(&line.pipeline.fan, 100);
	fan_push(&line.pipeline.fan, finished_batch(0, 10));
	line.sinks[0].wants_room = false;
	assert_int_equal(fan_reserve(&line.pipeline.fan, 100), -EAGAIN);
	assert_true(line.sinks[0].wants_room);
	memory_free(held, 15 * MIB);
	close_line(&line);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_dropping_queue_lets_go_of_its_oldest_rows_long_before_its_own_limit),
		CASE(a_healthy_queue_keeps_its_rows_while_a_dead_one_lets_go_of_its_own),
		CASE(a_queue_that_drops_the_newest_passes_on_one_batch_at_a_time),
		CASE(a_sender_that_waits_stops_with_one_batch_under_way),
		CASE(a_promise_counts_once_however_many_branches_there_are),
		CASE(what_is_sent_uses_up_the_promise),
		CASE(an_input_with_nothing_under_way_gets_its_promise_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A route with an account of its own, for tests of it. */
#ifndef SONDE_TEST_ROUTE_BENCH_H
#define SONDE_TEST_ROUTE_BENCH_H

#include "made.h"
#include "route.h"

enum { ROWS = 100 };

/* A route with an account of its own, and no loops at its ends. */
struct test_route {
	struct ledger *ledger;
	struct route route;
};

__attribute__((unused)) static size_t batch_size(void)
{
	struct sonde_batch *batch = finished_batch(0, ROWS);
	size_t bytes = batch_bytes(batch);

	batch_release(batch);
	return bytes;
}

__attribute__((unused)) static void open_route(struct test_route *at, size_t limit_bytes,
					       enum when_full when_full)
{
	struct queue_config config = { .memory_bytes = limit_bytes, .when_full = when_full };

	assert_int_equal(ledger_open(NULL, &at->ledger), 0);
	route_init(&at->route, "a", "b", &config,
		   ledger_account(at->ledger, ACCOUNT_ROUTE, "a > b"));
}

__attribute__((unused)) static void close_route(struct test_route *at)
{
	route_clear(&at->route);
	ledger_close(at->ledger);
}

__attribute__((unused)) static struct tally open_of(const struct route_snapshot *snapshot)
{
	struct account account = { .in = snapshot->in, .out = snapshot->out };

	memcpy(account.reduced, snapshot->reduced, sizeof(account.reduced));
	memcpy(account.lost, snapshot->lost, sizeof(account.lost));
	return account_open(&account);
}

__attribute__((unused)) static void assert_closes(struct route *route)
{
	struct route_snapshot snapshot;
	struct tally open;

	route_snapshot(route, &snapshot);
	open = open_of(&snapshot);
	assert_int_equal(open.rows, snapshot.queued.rows + snapshot.held.rows);
	assert_int_equal(open.events, snapshot.queued.events + snapshot.held.events);
}

__attribute__((unused)) static uint64_t lost(const struct test_route *at, enum sonde_loss loss)
{
	return tally_read(&at->route.account->lost[loss]).rows;
}

#endif

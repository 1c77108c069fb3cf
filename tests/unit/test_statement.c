// SPDX-License-Identifier: Apache-2.0
/* What a sonde's accounts come to, and those of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet.h"
#include "statement.h"

static struct statement_account account(uint32_t kind, const char *name, uint64_t in, uint64_t out)
{
	struct statement_account made = { .kind = kind,
					  .in = { in, in * 2 },
					  .out = { out, out * 2 } };

	(void)strncpy(made.name, name, sizeof(made.name) - 1);
	return made;
}

static struct statement_sum sum_of(struct statement_account *accounts, uint32_t count, bool events)
{
	const struct statement statement = { .accounts = accounts, .count = count };
	struct statement_sum sum = { 0 };

	statement_add(&statement, events, &sum);
	return sum;
}

static void rows_that_go_one_way_are_delivered_as_they_were_produced(void **state)
{
	struct statement_account accounts[] = {
		account(SONDE_ACCOUNT_INPUT, "calls", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "calls > main", 100, 100),
		account(SONDE_ACCOUNT_PROCESSOR, "main / keep", 100, 60),
		account(SONDE_ACCOUNT_ROUTE, "main > out", 60, 50),
	};
	struct statement_sum sum;

	accounts[2].reduced[SONDE_FILTERED] = (struct sonde_amount){ 40, 80 };
	accounts[3].lost[SONDE_LOST_REJECTED] = (struct sonde_amount){ 7, 14 };
	accounts[3].in_flight = (struct sonde_amount){ 3, 6 };
	sum = sum_of(accounts, 4, false);
	assert_int_equal(sum.produced, 100);
	assert_int_equal(sum.copies, 0);
	assert_int_equal(sum.delivered, 50);
	assert_int_equal(statement_reduced(&sum), 40);
	assert_int_equal(statement_lost(&sum), 7);
	assert_int_equal(sum.in_flight, 3);
	assert_int_equal(statement_open(&sum), 0);
	sum = sum_of(accounts, 4, true);
	assert_int_equal(sum.produced, 200);
	assert_int_equal(sum.delivered, 100);
	assert_int_equal(statement_open(&sum), 0);
}

static void rows_that_go_several_ways_count_as_copies(void **state)
{
	struct statement_account accounts[] = {
		account(SONDE_ACCOUNT_INPUT, "calls", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "calls > main", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "calls > audit", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "main > audit", 100,
			100), /* a pipeline of a pipeline */
		account(SONDE_ACCOUNT_ROUTE, "main > one", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "audit > two#1", 200, 200),
	};
	struct statement_sum sum = sum_of(accounts, 6, false);

	assert_int_equal(sum.produced, 100);
	assert_int_equal(sum.delivered, 300);
	assert_int_equal(sum.copies, 200);
	assert_int_equal(statement_open(&sum), 0);
}

static void events_come_from_the_kernel_and_rows_from_the_input(void **state)
{
	struct statement_account accounts[] = {
		account(SONDE_ACCOUNT_KERNEL, "calls", 0, 0),
		account(SONDE_ACCOUNT_INPUT, "calls", 10, 10),
		account(SONDE_ACCOUNT_ROUTE, "calls > main", 10, 10),
		account(SONDE_ACCOUNT_ROUTE, "main > out", 10, 10),
	};
	struct statement_sum sum;

	accounts[0].in = (struct sonde_amount){ 0, 1000 };
	accounts[0].out = (struct sonde_amount){ 0, 20 };
	accounts[0].reduced[SONDE_SAMPLED] = (struct sonde_amount){ 0, 980 };
	sum = sum_of(accounts, 4, true);
	assert_int_equal(sum.produced, 1000);
	assert_int_equal(sum.copies, 0);
	assert_int_equal(sum.delivered, 20);
	assert_int_equal(statement_reduced(&sum), 980);
	assert_int_equal(statement_open(&sum), 0);
	sum = sum_of(accounts, 4, false);
	assert_int_equal(sum.produced, 10);
	assert_int_equal(statement_open(&sum), 0);
}

static void between_tiers_what_one_hands_over_the_other_takes(void **state)
{
	struct statement_account edge[] = {
		account(SONDE_ACCOUNT_INPUT, "calls", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "calls > main", 100, 100),
		account(SONDE_ACCOUNT_ROUTE, "main > region", 100, 90),
	};
	struct statement_account region[] = {
		account(SONDE_ACCOUNT_INPUT, "edges", 90, 90),
		account(SONDE_ACCOUNT_ROUTE, "edges > main", 90, 90),
		account(SONDE_ACCOUNT_ROUTE, "main > out", 90, 90),
	};
	struct statement_sum sum, other;

	edge[2].is_hop = true;
	edge[2].in_flight.rows = 10;
	region[0].is_hop = true;
	sum = sum_of(edge, 3, false);
	assert_int_equal(sum.to_regions, 90);
	assert_int_equal(sum.delivered, 0);
	other = sum_of(region, 3, false);
	assert_int_equal(other.from_edges, 90);
	assert_int_equal(other.produced, 0);
	statement_join(&sum, &other);
	assert_int_equal(sum.produced, 100);
	assert_int_equal(sum.from_edges - sum.to_regions, 0);
	assert_int_equal(sum.produced, sum.delivered + sum.in_flight);
	assert_int_equal(statement_open(&sum), 0);
}

static struct fleet_member member(const char *host, uint64_t epoch, int64_t time_ns, int64_t rows)
{
	struct fleet_member made = { .epoch = epoch, .time_ns = time_ns, .rows.produced = rows };

	(void)strncpy(made.host_id, host, sizeof(made.host_id) - 1);
	return made;
}

static int tell(struct fleet_member told)
{
	return fleet_put(&told, "frame", 5);
}

static void of_each_sonde_the_latest_statement_is_kept(void **state)
{
	struct fleet_member heard;
	struct buffer frame = { 0 };
	uint64_t generation = 0, first;

	assert_int_equal(tell(member("a", 1, 100, 1)), 1);
	assert_int_equal(tell(member("b", 1, 100, 2)), 1);
	assert_int_equal(tell(member("a", 1, 99, 3)), 0); /* an older one came late */
	assert_int_equal(tell(member("a", 2, 50, 4)), 1); /* another run, another clock */
	assert_int_equal(fleet_count(), 2);
	assert_true(fleet_next(&generation, &heard, &frame));
	assert_string_equal(heard.host_id, "b");
	first = generation;
	assert_true(fleet_next(&generation, &heard, NULL));
	assert_string_equal(heard.host_id, "a");
	assert_int_equal(heard.rows.produced, 4);
	assert_false(fleet_next(&generation, &heard, NULL));
	assert_int_equal(tell(member("b", 1, 101, 5)), 1);
	assert_true(first < generation);
	assert_true(fleet_next(&generation, &heard, NULL)); /* what changed since */
	assert_int_equal(heard.rows.produced, 5);
	assert_int_equal(frame.length, 5);
	buffer_release(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_go_one_way_are_delivered_as_they_were_produced),
		cmocka_unit_test(rows_that_go_several_ways_count_as_copies),
		cmocka_unit_test(events_come_from_the_kernel_and_rows_from_the_input),
		cmocka_unit_test(between_tiers_what_one_hands_over_the_other_takes),
		cmocka_unit_test(of_each_sonde_the_latest_statement_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

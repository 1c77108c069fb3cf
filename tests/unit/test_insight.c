// SPDX-License-Identifier: Apache-2.0
/* What plugins may read of the daemon: what core/insight.h and core/health.h promise. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "health.h"
#include "insight.h"
#include "route_bench.h"

static struct sonde_instance reader = { .name = "self" };
static const char host_id[] = "0123456789abcdef0123456789abcdef";

/* ---- accounts ---------------------------------------------------------------------------- */

static struct sonde_account account_at(uint64_t position)
{
	struct sonde_account account = { .size = sizeof(account) };

	assert_int_equal(insight_account(&reader, &position, &account), 0);
	return account;
}

static void a_queue_adds_up_with_what_is_queued_and_held(void **state)
{
	struct test_route at;
	struct route_plan plan = { .from = "a", .to = "b" };
	struct sonde_account account;
	struct sonde_batch *batch;

	open_route(&at, 1 << 20, WHEN_FULL_DROP_OLDEST);
	plan.queue.memory_bytes = 1 << 20;
	route_install(&at.route, &plan);
	insight_open(at.ledger, host_id);
	for (uint64_t i = 0; i < 3; i++)
		route_push(&at.route, finished_batch(i * ROWS, ROWS));
	batch = route_pop(&at.route);
	route_settle(&at.route, batch, 10, SONDE_LOST_REJECTED, NULL, true);
	batch = route_pop(&at.route);
	account = account_at(0);
	assert_string_equal(account.name, "a > b");
	assert_int_equal(account.kind, SONDE_ACCOUNT_ROUTE);
	assert_int_equal(account.in.rows, 3 * ROWS);
	assert_int_equal(account.in.events, 9 * ROWS);
	assert_int_equal(account.out.rows, ROWS - 10);
	assert_int_equal(account.lost[SONDE_LOST_REJECTED].rows, 10);
	assert_int_equal(account.repeated.rows, ROWS);
	assert_int_equal(account.in_flight.rows, 2 * ROWS);
	assert_int_equal(account.in_flight.events, 6 * ROWS);
	assert_int_equal(account.queue_count, 1);
	assert_int_equal(account.queue_rows, ROWS);
	assert_int_equal(account.queue_bytes, batch_size());
	assert_int_equal(account.queue_limit_bytes, 1 << 20);
	assert_int_equal(account.queue_peak_bytes, 3 * batch_size());
	assert_true(account.begun_ns > 0);
	assert_int_equal(account.seen, 1);
	route_settle(&at.route, batch, 0, 0, NULL, false);
	close_route(&at);
	insight_open(NULL, "");
}

static void accounts_come_one_by_one_and_end(void **state)
{
	struct sonde_account account = { .size = sizeof(account) };
	struct ledger *ledger;
	uint64_t cursor = 0;

	assert_int_equal(insight_account(&reader, &cursor, &account), -ENOENT); /* no ledger yet */
	assert_int_equal(ledger_open(NULL, &ledger), 0);
	insight_open(ledger, host_id);
	ledger_account(ledger, ACCOUNT_INPUT, "calls");
	ledger_account(ledger, ACCOUNT_PROCESSOR, "main / who");
	assert_int_equal(insight_account(&reader, &cursor, &account), 0);
	assert_string_equal(account.name, "calls");
	assert_int_equal(account.kind, SONDE_ACCOUNT_INPUT);
	assert_int_equal(insight_account(&reader, &cursor, &account), 0);
	assert_string_equal(account.name, "main / who");
	assert_int_equal(account.queue_count, 0);
	assert_int_equal(insight_account(&reader, &cursor, &account), -ENOENT);
	cursor = UINT64_MAX;
	assert_int_equal(insight_account(&reader, &cursor, &account), -ENOENT);
	insight_open(NULL, "");
	ledger_close(ledger);
}

/* What a processor makes is booked after it went out. */
static void what_went_out_before_it_was_booked_leaves_nothing_in_flight(void **state)
{
	struct ledger *ledger;
	struct account *own;

	assert_int_equal(ledger_open(NULL, &ledger), 0);
	insight_open(ledger, host_id);
	own = ledger_account(ledger, ACCOUNT_PROCESSOR, "main / who");
	tally_add(&own->in, 5, 50);
	tally_add(&own->out, 7, 40);
	assert_int_equal(account_at(0).in_flight.rows, 0);
	assert_int_equal(account_at(0).in_flight.events, 10);
	insight_open(NULL, "");
	ledger_close(ledger);
}

static void a_plugin_that_knows_less_of_a_struct_gets_so_much(void **state)
{
	struct {
		struct sonde_account account;
		uint64_t behind;
	} small = { .account = { .size = offsetof(struct sonde_account, in) }, .behind = 42 };
	struct ledger *ledger;
	struct account *own;
	uint64_t cursor = 0;

	assert_int_equal(ledger_open(NULL, &ledger), 0);
	insight_open(ledger, host_id);
	own = ledger_account(ledger, ACCOUNT_INPUT, "calls");
	tally_add(&own->in, 5, 50);
	small.account.in.rows = 99;
	assert_int_equal(insight_account(&reader, &cursor, &small.account), 0);
	assert_int_equal(small.account.size, offsetof(struct sonde_account, in));
	assert_string_equal(small.account.name, "calls");
	assert_int_equal(small.account.in.rows, 99); /* beyond what it knows: left alone */
	assert_int_equal(small.behind, 42);
	insight_open(NULL, "");
	ledger_close(ledger);
}

static void reasons_have_the_names_that_status_gives_them(void **state)
{
	assert_string_equal(insight_reason_name(true, SONDE_LOST_QUEUE_FULL), "queue full");
	assert_string_equal(insight_reason_name(false, SONDE_SAMPLED), "sampled");
	assert_string_equal(insight_reason_name(true, 1000), "other");
}

/* ---- health ------------------------------------------------------------------------------ */

static const struct sonde_plugin descriptor = { SONDE_PLUGIN_INPUT, .name = "made" };
static const struct plugin plugin = { .descriptor = &descriptor };

static void enter(struct instance *instance, const char *name, enum instance_state state)
{
	*instance = (struct instance){ .base = { .name = name, .replica = 2 }, .plugin = &plugin };
	instance->state = state;
	pthread_mutex_init(&instance->mutex, NULL);
	census_enter(CENSUS_INSTANCES, &instance->census, instance);
}

static void leave(struct instance *instance)
{
	census_leave(&instance->census);
	pthread_mutex_destroy(&instance->mutex);
}

static void degrade(struct instance *instance, enum callback callback, const char *problem)
{
	instance->failed_callback = callback;
	instance->failure_count++;
	snprintf(instance->problem, sizeof(instance->problem), "%s", problem);
}

static void every_instance_says_how_it_fares(void **state)
{
	struct sonde_health health = { .size = sizeof(health) };
	struct instance well, ill, waits, leaves;
	char texts[HEALTH_TEXT_BYTES];
	uint64_t cursor = 0;

	enter(&well, "well", INSTANCE_RUNNING);
	enter(&ill, "ill", INSTANCE_RUNNING);
	enter(&waits, "waits", INSTANCE_WAITING);
	enter(&leaves, "leaves", INSTANCE_RUNNING);
	degrade(&ill, CALLBACK_TIMER, "the disk is full");
	degrade(&waits, CALLBACK_START, "no such file");
	leaves.leaving = true;
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), 0);
	assert_string_equal(health.name, "well");
	assert_string_equal(health.plugin, "made");
	assert_int_equal(health.kind, SONDE_INPUT);
	assert_int_equal(health.replica, 2);
	assert_int_equal(health.state, SONDE_STATE_RUNNING);
	assert_string_equal(health.problem, "");
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), 0);
	assert_int_equal(health.state, SONDE_STATE_DEGRADED);
	assert_string_equal(health.problem, "the disk is full");
	assert_int_equal(health.failure_count, 1);
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), 0);
	assert_int_equal(health.state, SONDE_STATE_WAITING);
	leave(&well); /* what is gone is not counted on */
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), 0);
	assert_int_equal(health.state, SONDE_STATE_LEAVING);
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), -ENOENT);
	leave(&ill);
	leave(&waits);
	leave(&leaves);
}

static void texts_are_cut_to_the_room_that_there_is(void **state)
{
	struct sonde_health health = { .size = sizeof(health) };
	struct instance ill;
	char texts[16] = "";
	uint64_t cursor = 0;

	enter(&ill, "a_name", INSTANCE_RUNNING);
	degrade(&ill, CALLBACK_TIMER, "the disk is full");
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, sizeof(texts)), 0);
	assert_string_equal(health.name, "a_name");
	assert_string_equal(health.plugin, "made");
	assert_string_equal(health.problem, "the");
	cursor = 0;
	assert_int_equal(insight_health(&reader, &cursor, &health, texts, 0), 0);
	assert_string_equal(health.name, "");
	leave(&ill);
}

/* ---- the process ------------------------------------------------------------------------- */

static void the_process_says_who_it_is_and_what_it_takes(void **state)
{
	struct sonde_process process = { .size = sizeof(process) };
	struct ledger *ledger;

	assert_int_equal(ledger_open(NULL, &ledger), 0);
	insight_open(ledger, host_id);
	assert_int_equal(insight_process(&reader, &process), 0);
	assert_string_equal(process.host_id, host_id);
	assert_int_equal(process.epoch, 1);
	assert_int_equal(process.thread_count, 1);
	assert_true(process.started_ns > 0);
	assert_true(process.user_ns + process.system_ns >= 0);
	assert_int_equal(process.limit_bytes, UINT64_MAX); /* nobody has set one */
	insight_open(NULL, "");
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_adds_up_with_what_is_queued_and_held),
		cmocka_unit_test(accounts_come_one_by_one_and_end),
		cmocka_unit_test(what_went_out_before_it_was_booked_leaves_nothing_in_flight),
		cmocka_unit_test(a_plugin_that_knows_less_of_a_struct_gets_so_much),
		cmocka_unit_test(reasons_have_the_names_that_status_gives_them),
		cmocka_unit_test(every_instance_says_how_it_fares),
		cmocka_unit_test(texts_are_cut_to_the_room_that_there_is),
		cmocka_unit_test(the_process_says_who_it_is_and_what_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

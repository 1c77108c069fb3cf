// SPDX-License-Identifier: Apache-2.0
/* What core/output.h promises. The output's loop runs on the test's own thread. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "made.h"
#include "output.h"

enum { ROWS = 100, WRITE_LIMIT = 64, TIMER = 0 };

/* How write() behaves, and what it saw. */
struct tested {
	int result;   /* what write() returns */
	bool settles; /* inside write(), with `outcome` */
	bool start_fails;
	struct sonde_outcome outcome;
	struct sonde_delivery *kept[WRITE_LIMIT];
	uint32_t kept_count;
	struct seen {
		uint64_t sequence, first;
		uint32_t attempt, batch_count;
	} seen[WRITE_LIMIT];
	uint32_t write_count;
	uint64_t rows_read_in_stop;
};

static struct tested tested;

static int tested_start(struct sonde_instance *instance)
{
	return tested.start_fails ? sonde_fail(instance, EIO, "as the test wants") : 0;
}

static int tested_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct seen *seen = &tested.seen[tested.write_count++];

	assert_true(tested.write_count < WRITE_LIMIT);
	*seen = (struct seen){ .sequence = delivery->sequence,
			       .first = first_number(delivery->batches[0]),
			       .attempt = delivery->attempt,
			       .batch_count = delivery->batch_count };
	if (tested.settles)
		sonde_settle(instance, delivery, &tested.outcome);
	else if (tested.result == SONDE_LATER)
		tested.kept[tested.kept_count++] = delivery;
	return tested.result;
}

static void tested_stop(struct sonde_instance *instance)
{
	const struct sonde_outcome done = { .size = sizeof(done) };

	for (uint32_t i = 0; i < tested.kept_count; i++)
		tested.rows_read_in_stop += tested.kept[i]->batches[0]->selected_count;
	if (tested.kept_count) /* the first one made it in the end */
		sonde_settle(instance, tested.kept[0], &done);
	tested.kept_count = 0;
}

/* An output behind two routes. */
struct bench {
	struct ledger *ledger;
	struct loop *loop;
	struct loop_timer end;
	struct route routes[2];
	struct route *sources[2];
	struct sonde_plugin descriptor;
	struct plugin plugin;
	struct instance_config config;
	struct output output;
	struct sonde_settlement heard;
	uint32_t heard_count;
};

static void end_loop(void *data)
{
	loop_end(data);
}

static void open_bench(struct bench *bench, uint32_t in_flight, uint32_t batch_limit)
{
	static const char *const names[] = { "one", "other" };
	struct queue_config queue = { .memory_bytes = SIZE_MAX };

	*bench = (struct bench){ 0 };
	tested = (struct tested){ .outcome = { .size = sizeof(struct sonde_outcome) } };
	assert_int_equal(ledger_open(NULL, &bench->ledger), 0);
	bench->loop = loop_create("output");
	bench->descriptor =
		(struct sonde_plugin){ SONDE_PLUGIN_OUTPUT,    .name = "tested",
				       .in_flight = in_flight, .batch_limit = batch_limit,
				       .start = tested_start,  .stop = tested_stop,
				       .write = tested_write };
	bench->plugin.descriptor = &bench->descriptor;
	bench->config = (struct instance_config){
		.name = "tested",
		.plugin = &bench->plugin,
		.self = bench,
		.retry = { .first_ns = NS_PER_MS, .longest_ns = 8 * NS_PER_MS },
	};
	output_init(&bench->output, instance_create(&bench->config, 0, 1, bench->loop));
	for (int i = 0; i < 2; i++) {
		route_init(&bench->routes[i], names[i], "tested", &queue,
			   ledger_account(bench->ledger, ACCOUNT_ROUTE, names[i]));
		bench->routes[i].final = true;
		bench->routes[i].receiver_loop = bench->loop;
		bench->routes[i].arrived = &bench->output.task;
		bench->sources[i] = &bench->routes[i];
	}
	bench->output.sources = bench->sources;
	bench->output.source_count = 2;
	instance_start(bench->output.instance);
}

/* Runs the loop until nothing is posted any more and `ns` have passed. */
static void run(struct bench *bench, int64_t ns)
{
	bench->end = (struct loop_timer){ .run = end_loop, .data = bench->loop };
	loop_timer_after(bench->loop, &bench->end, ns);
	loop_run(bench->loop);
}

static void close_bench(struct bench *bench)
{
	output_stop(&bench->output);
	for (int i = 0; i < 2; i++)
		route_clear(&bench->routes[i]);
	loop_release(bench->loop);
	instance_release(bench->output.instance);
	for (int i = 0; i < 2; i++)
		assert_int_equal(account_open(bench->routes[i].account).rows, 0);
	ledger_close(bench->ledger);
}

static void hear(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	struct bench *bench = origin;

	bench->heard = *settlement;
	bench->heard_count++;
}

static void push(struct bench *bench, uint64_t first)
{
	struct sonde_batch *batch = finished_batch(first, ROWS);
	struct receipt *receipt = receipt_create(hear, bench, first);

	receipts_add(batch_receipts(batch), receipt, ROWS);
	receipt_release(receipt);
	route_push(&bench->routes[0], batch);
}

static uint64_t delivered(const struct bench *bench)
{
	return tally_read(&bench->routes[0].account->out).rows;
}

static uint64_t lost(const struct bench *bench, enum sonde_loss loss)
{
	return tally_read(&bench->routes[0].account->lost[loss]).rows;
}

static void answer(struct bench *bench, uint32_t kept, int64_t batch, struct sonde_outcome outcome)
{
	outcome.size = sizeof(outcome);
	if (batch < 0)
		sonde_settle(&bench->output.instance->base, tested.kept[kept], &outcome);
	else
		sonde_settle_batch(&bench->output.instance->base, tested.kept[kept],
				   (uint32_t)batch, &outcome);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void what_is_answered_at_once_is_delivered(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 0);
	assert_int_equal(tested.write_count, 2);
	assert_int_equal(tested.seen[1].first, 1000);
	assert_int_equal(tested.seen[1].sequence, tested.seen[0].sequence + 1);
	assert_int_equal(tested.seen[1].attempt, 1);
	assert_int_equal(delivered(&bench), 2 * ROWS);
	assert_int_equal(bench.heard_count, 2);
	close_bench(&bench);
}

static void what_is_answered_later_is_held_until_then(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.result = SONDE_LATER;
	push(&bench, 0);
	run(&bench, 0);
	assert_int_equal(bench.routes[0].held.rows, ROWS);
	assert_int_equal(bench.heard_count, 0);
	answer(&bench, 0, -1, (struct sonde_outcome){ .verdict = SONDE_DONE });
	assert_int_equal(delivered(&bench), ROWS);
	assert_int_equal(bench.heard_count, 1);
	assert_int_equal(bench.output.in_flight_count, 0);
	tested.kept_count = 0;
	close_bench(&bench);
}

static void an_answer_inside_write_counts_whatever_write_returns_then(void **state)
{
	const int results[] = { SONDE_LATER, SONDE_OK, -EIO };

	for (int i = 0; i < 3; i++) {
		struct bench bench;

		open_bench(&bench, 0, 0);
		tested.settles = true;
		tested.result = results[i];
		push(&bench, 0);
		push(&bench, 1000);
		run(&bench, 0);
		assert_int_equal(tested.write_count, 2);
		assert_int_equal(delivered(&bench), 2 * ROWS);
		assert_true(route_is_idle(&bench.routes[0]));
		close_bench(&bench);
	}
}

static void batches_of_a_delivery_are_answered_in_any_order(void **state)
{
	struct bench bench;

	open_bench(&bench, 1, 3);
	tested.result = SONDE_LATER;
	for (uint64_t i = 0; i < 3; i++)
		push(&bench, i * 1000);
	run(&bench, 0);
	assert_int_equal(tested.seen[0].batch_count, 3);
	answer(&bench, 0, 2, (struct sonde_outcome){ .verdict = SONDE_DONE });
	answer(&bench, 0, 0, (struct sonde_outcome){ .verdict = SONDE_REJECTED });
	assert_int_equal(bench.heard_count, 2);
	assert_int_equal(bench.output.in_flight_count, 1);
	answer(&bench, 0, 1, (struct sonde_outcome){ .verdict = SONDE_DONE, .rejected_rows = 7 });
	assert_int_equal(bench.output.in_flight_count, 0);
	assert_int_equal(delivered(&bench), 2 * ROWS - 7);
	assert_int_equal(lost(&bench, SONDE_LOST_REJECTED), ROWS + 7);
	tested.kept_count = 0;
	close_bench(&bench);
}

static void a_second_answer_to_a_batch_is_ignored(void **state)
{
	struct bench bench;

	open_bench(&bench, 1, 2);
	tested.result = SONDE_LATER;
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 0);
	for (int i = 0; i < 3; i++)
		answer(&bench, 0, 0, (struct sonde_outcome){ .verdict = SONDE_DONE });
	answer(&bench, 0, 77, (struct sonde_outcome){ .verdict = SONDE_DONE }); /* no such one */
	assert_int_equal(delivered(&bench), ROWS);
	answer(&bench, 0, -1, (struct sonde_outcome){ .verdict = SONDE_REJECTED });
	assert_int_equal(delivered(&bench), ROWS);
	assert_int_equal(lost(&bench, SONDE_LOST_REJECTED), ROWS);
	tested.kept_count = 0;
	close_bench(&bench);
}

static void rows_that_were_rejected_are_lost_and_the_rest_delivered(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.settles = true;
	tested.result = SONDE_LATER;
	tested.outcome.rejected_rows = 30;
	push(&bench, 0);
	run(&bench, 0);
	assert_int_equal(bench.heard.delivered_rows, ROWS - 30);
	assert_int_equal(bench.heard.lost_rows, 30);
	assert_int_equal(bench.heard.verdict, SONDE_DONE);
	close_bench(&bench);
}

static void a_batch_that_was_rejected_is_not_asked_for_again(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.settles = true;
	tested.result = SONDE_LATER;
	tested.outcome.verdict = SONDE_REJECTED;
	push(&bench, 0);
	run(&bench, 0);
	assert_int_equal(bench.heard.verdict, SONDE_REJECTED);
	assert_int_equal(lost(&bench, SONDE_LOST_REJECTED), ROWS);
	close_bench(&bench);
}

static void an_outcome_of_an_older_plugin_is_read_as_far_as_it_goes(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.settles = true;
	tested.result = SONDE_LATER;
	tested.outcome.size = offsetof(struct sonde_outcome, rejected_rows);
	tested.outcome.rejected_rows = 30;
	push(&bench, 0);
	run(&bench, 0);
	assert_int_equal(delivered(&bench), ROWS);
	close_bench(&bench);
}

/* ---- offering again ---------------------------------------------------------------------- */

static void a_failed_write_is_offered_again_with_the_same_sequence(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.result = -EIO;
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 0);
	assert_int_equal(tested.write_count, 1);
	assert_int_equal(bench.output.instance->failed_callback, CALLBACK_WRITE);
	tested.result = SONDE_OK;
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(tested.write_count, 3);
	assert_int_equal(tested.seen[1].sequence, tested.seen[0].sequence);
	assert_int_equal(tested.seen[1].attempt, 2);
	assert_int_equal(tested.seen[1].first, 0);
	assert_int_equal(tested.seen[2].first, 1000);
	assert_int_equal(delivered(&bench), 2 * ROWS);
	assert_int_equal(bench.output.instance->failed_callback, CALLBACK_NONE);
	close_bench(&bench);
}

static void only_the_batches_that_asked_for_it_are_offered_again(void **state)
{
	struct bench bench;

	open_bench(&bench, 1, 3);
	tested.result = SONDE_LATER;
	for (uint64_t i = 0; i < 3; i++)
		push(&bench, i * 1000);
	run(&bench, 0);
	answer(&bench, 0, 1, (struct sonde_outcome){ .verdict = SONDE_RETRY });
	answer(&bench, 0, -1, (struct sonde_outcome){ .verdict = SONDE_DONE });
	assert_int_equal(delivered(&bench), 2 * ROWS);
	tested.kept_count = 0;
	tested.result = SONDE_OK;
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(tested.seen[1].batch_count, 1);
	assert_int_equal(tested.seen[1].first, 1000);
	assert_int_equal(delivered(&bench), 3 * ROWS);
	close_bench(&bench);
}

static void the_delay_doubles_up_to_the_longest_and_begins_anew_after_a_success(void **state)
{
	struct bench bench;
	int64_t expected = NS_PER_MS;

	open_bench(&bench, 0, 0);
	tested.result = -EIO;
	push(&bench, 0);
	for (uint32_t attempt = 1; attempt <= 6; attempt++) {
		while (tested.write_count < attempt)
			run(&bench, 0);
		assert_int_equal(bench.output.backoff_ns, expected);
		assert_int_equal(bench.output.retry_count, attempt);
		expected = expected < 8 * NS_PER_MS ? 2 * expected : expected;
	}
	tested.result = SONDE_OK;
	run(&bench, 30 * NS_PER_MS);
	assert_int_equal(bench.output.backoff_ns, 0);
	close_bench(&bench);
}

static void a_receiver_that_rejects_is_there_again(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.result = -EIO;
	push(&bench, 0);
	run(&bench, 0);
	assert_true(bench.output.backoff_ns > 0);
	tested.result = SONDE_LATER;
	tested.settles = true;
	tested.outcome.verdict = SONDE_REJECTED;
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(lost(&bench, SONDE_LOST_REJECTED), ROWS);
	assert_int_equal(bench.output.backoff_ns, 0);
	close_bench(&bench);
}

static void nothing_is_offered_before_the_time_that_the_receiver_named(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.settles = true;
	tested.result = SONDE_LATER;
	tested.outcome.verdict = SONDE_RETRY;
	tested.outcome.retry_after_ns = 3600ll * NS_PER_SECOND;
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(tested.write_count, 1);
	assert_true(bench.output.backoff.due_ns - clock_monotonic_ns() > 3000ll * NS_PER_SECOND);
	close_bench(&bench);
}

static void the_longest_time_that_the_receiver_named_counts(void **state)
{
	struct bench bench;

	open_bench(&bench, 2, 1);
	tested.result = SONDE_LATER;
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 0);
	assert_int_equal(tested.kept_count, 2);
	answer(&bench, 0, -1, (struct sonde_outcome){ .verdict = SONDE_RETRY });
	answer(&bench, 1, -1,
	       (struct sonde_outcome){ .verdict = SONDE_RETRY,
				       .retry_after_ns = 3600ll * NS_PER_SECOND });
	tested.kept_count = 0;
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(tested.write_count, 2);
	close_bench(&bench);
}

static void what_is_older_than_the_retries_that_the_config_allows_expires(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	bench.config.retry.give_up_ns = 10 * NS_PER_MS;
	tested.result = -EIO;
	push(&bench, 0);
	run(&bench, 100 * NS_PER_MS);
	assert_int_equal(lost(&bench, SONDE_LOST_EXPIRED), ROWS);
	assert_true(tested.write_count >= 2);
	assert_int_equal(bench.heard.verdict, SONDE_RETRY);
	assert_string_equal(bench.heard.reason, "expired");
	tested.result = SONDE_OK;
	close_bench(&bench);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void no_more_deliveries_are_kept_at_once_than_the_plugin_said(void **state)
{
	struct bench bench;

	open_bench(&bench, 3, 1);
	tested.result = SONDE_LATER;
	for (uint64_t i = 0; i < 10; i++)
		push(&bench, i * 1000);
	run(&bench, 0);
	assert_int_equal(tested.write_count, 3);
	answer(&bench, 1, -1, (struct sonde_outcome){ .verdict = SONDE_DONE });
	run(&bench, 0);
	assert_int_equal(tested.write_count, 4);
	assert_int_equal(tested.seen[3].first, 3000);
	tested.kept_count = 0;
	close_bench(&bench);
}

static void batches_that_wait_are_handed_over_together_up_to_the_limit(void **state)
{
	struct bench bench;

	open_bench(&bench, 1, 4);
	for (uint64_t i = 0; i < 10; i++)
		push(&bench, i * 1000);
	run(&bench, 0);
	assert_int_equal(tested.write_count, 3);
	assert_int_equal(tested.seen[0].batch_count, 4);
	assert_int_equal(tested.seen[1].batch_count, 4);
	assert_int_equal(tested.seen[2].batch_count, 2);
	close_bench(&bench);
}

static void sources_take_turns_in_a_delivery(void **state)
{
	struct bench bench;

	open_bench(&bench, 1, 2);
	for (uint64_t i = 0; i < 3; i++) {
		push(&bench, i);
		route_push(&bench.routes[1], finished_batch(100 + i, ROWS));
	}
	run(&bench, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(tested.seen[i].batch_count, 2);
		assert_int_equal(tested.seen[i].first, i);
	}
	close_bench(&bench);
}

static void an_output_that_could_not_start_gets_nothing_until_it_has(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	output_stop(&bench.output);
	instance_release(bench.output.instance);
	tested.start_fails = true;
	bench.output.instance = instance_create(&bench.config, 0, 1, bench.loop);
	bench.output.instance->on_running = &bench.output.task;
	instance_start(bench.output.instance);
	push(&bench, 0);
	run(&bench, 0);
	assert_int_equal(tested.write_count, 0);
	assert_int_equal(bench.output.instance->state, INSTANCE_WAITING);
	tested.start_fails = false;
	run(&bench, 1500 * (int64_t)NS_PER_MS); /* it is tried again after a second */
	assert_int_equal(tested.write_count, 1);
	assert_int_equal(delivered(&bench), ROWS);
	close_bench(&bench);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void what_a_plugin_keeps_is_readable_and_can_be_answered_until_stop_returns(void **state)
{
	struct bench bench;

	open_bench(&bench, 2, 1);
	tested.result = SONDE_LATER;
	push(&bench, 0);
	push(&bench, 1000);
	run(&bench, 0);
	output_stop(&bench.output);
	assert_int_equal(tested.rows_read_in_stop, 2 * ROWS);
	assert_int_equal(delivered(&bench), ROWS);
	assert_int_equal(lost(&bench, SONDE_LOST_SHUTDOWN), ROWS);
	assert_true(bench.heard.uncertain); /* the receiver may have it */
	assert_int_equal(tested.write_count, 2);
	close_bench(&bench);
}

static void what_waits_to_be_offered_again_is_lost_by_shutdown(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	tested.result = -EIO;
	push(&bench, 0);
	run(&bench, 0);
	output_stop(&bench.output);
	assert_int_equal(lost(&bench, SONDE_LOST_SHUTDOWN), ROWS);
	assert_int_equal(bench.heard.verdict, SONDE_RETRY);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_answered_at_once_is_delivered),
		cmocka_unit_test(what_is_answered_later_is_held_until_then),
		cmocka_unit_test(an_answer_inside_write_counts_whatever_write_returns_then),
		cmocka_unit_test(batches_of_a_delivery_are_answered_in_any_order),
		cmocka_unit_test(a_second_answer_to_a_batch_is_ignored),
		cmocka_unit_test(rows_that_were_rejected_are_lost_and_the_rest_delivered),
		cmocka_unit_test(a_batch_that_was_rejected_is_not_asked_for_again),
		cmocka_unit_test(an_outcome_of_an_older_plugin_is_read_as_far_as_it_goes),
		cmocka_unit_test(a_failed_write_is_offered_again_with_the_same_sequence),
		cmocka_unit_test(only_the_batches_that_asked_for_it_are_offered_again),
		cmocka_unit_test(
			the_delay_doubles_up_to_the_longest_and_begins_anew_after_a_success),
		cmocka_unit_test(a_receiver_that_rejects_is_there_again),
		cmocka_unit_test(nothing_is_offered_before_the_time_that_the_receiver_named),
		cmocka_unit_test(the_longest_time_that_the_receiver_named_counts),
		cmocka_unit_test(what_is_older_than_the_retries_that_the_config_allows_expires),
		cmocka_unit_test(no_more_deliveries_are_kept_at_once_than_the_plugin_said),
		cmocka_unit_test(batches_that_wait_are_handed_over_together_up_to_the_limit),
		cmocka_unit_test(sources_take_turns_in_a_delivery),
		cmocka_unit_test(an_output_that_could_not_start_gets_nothing_until_it_has),
		cmocka_unit_test(
			what_a_plugin_keeps_is_readable_and_can_be_answered_until_stop_returns),
		cmocka_unit_test(what_waits_to_be_offered_again_is_lost_by_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/output.h promises of deliveries and their answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "output_bench.h"

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

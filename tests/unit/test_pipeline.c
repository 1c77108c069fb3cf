// SPDX-License-Identifier: Apache-2.0
/* What core/pipeline.h promises of pipelines and fans. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "line.h"

static int pass_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return SONDE_PASS;
}

static const struct sonde_plugin pass = { SONDE_PLUGIN_PROCESSOR, .name = "pass",
					  .process = pass_process };

static void rows_without_a_processor_go_from_route_to_route(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct line line;

	open_line(&line, none, 1);
	push(&line, 0, ROWS, 0);
	push(&line, 0, ROWS, 1);
	run(&line);
	assert_int_equal(line.heard[0].count, 0);
	assert_int_equal(deliver(&line, 0), 2 * ROWS);
	assert_heard(&line, 0, ROWS, 0, 0, SONDE_DONE);
	assert_heard(&line, 1, ROWS, 0, 0, SONDE_DONE);
	close_line(&line);
}

static void an_origin_hears_once_all_branches_have_let_go(void **state)
{
	const struct sonde_plugin *const through[] = { &pass, NULL };
	struct line line;

	open_line(&line, through, 2);
	push(&line, 0, ROWS, 0);
	run(&line);
	deliver(&line, 0);
	assert_int_equal(line.heard[0].count, 0);
	deliver(&line, 1);
	assert_heard(&line, 0, 2 * ROWS, 0, 0, SONDE_DONE);
	assert_closes(&line);
	close_line(&line);
}

static void a_resend_is_asked_for_only_where_no_branch_took_a_row(void **state)
{
	const struct sonde_plugin *const through[] = { &pass, NULL };
	struct line line;

	open_line(&line, through, 2);
	push(&line, 0, ROWS, 0);
	run(&line);
	deliver(&line, 0);
	refuse(&line, 1, SONDE_LOST_EXPIRED);
	assert_heard(&line, 0, ROWS, 0, ROWS, SONDE_DONE);
	push(&line, 0, ROWS, 1);
	run(&line);
	refuse(&line, 0, SONDE_LOST_REJECTED);
	refuse(&line, 1, SONDE_LOST_EXPIRED);
	assert_heard(&line, 1, 0, 0, 2 * ROWS, SONDE_RETRY);
	push(&line, 0, ROWS, 2);
	run(&line);
	refuse(&line, 0, SONDE_LOST_REJECTED);
	refuse(&line, 1, SONDE_LOST_REJECTED);
	assert_heard(&line, 2, 0, 0, 2 * ROWS, SONDE_REJECTED);
	close_line(&line);
}

/* ---- waiting and fans -------------------------------------------------------------------- */

static void a_pipeline_before_a_full_route_that_waits_takes_no_more(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct sonde_batch *batch = finished_batch(0, ROWS);
	struct line line;

	open_line(&line, none, 1);
	line.sinks[0].queue.limit_bytes = batch_bytes(batch);
	line.sinks[0].when_full = WHEN_FULL_WAIT;
	batch_release(batch);
	push(&line, 0, ROWS, 0);
	push(&line, 0, ROWS, 1);
	line.pipeline.task.run(line.pipeline.task.data);
	assert_int_equal(line.sinks[0].queue.count, 1);
	assert_int_equal(line.source.queue.count, 1);
	assert_true(line.sinks[0].wants_room);
	deliver(&line, 0);
	line.pipeline.task.run(line.pipeline.task.data);
	assert_int_equal(deliver(&line, 0), ROWS);
	close_line(&line);
}

static void a_pipeline_that_ended_leaves_the_rest_where_it_is(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct line line;

	open_line(&line, none, 1);
	push(&line, 0, ROWS, 0);
	line.pipeline.ended = true;
	line.pipeline.task.run(line.pipeline.task.data);
	assert_int_equal(line.source.queue.count, 1);
	close_line(&line);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_RETRY);
}

static void sources_take_turns(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct route second, *sources[2];
	struct sonde_batch *batch;
	struct line line;

	open_line(&line, none, 1);
	init_route(&line, &second, "from another", SIZE_MAX, WHEN_FULL_DROP_NEWEST);
	sources[0] = &line.source;
	sources[1] = &second;
	line.pipeline.sources = (struct sources){ .routes = sources, .count = 2 };
	for (uint64_t i = 0; i < 3; i++) {
		route_push(&line.source, finished_batch(100 + i, 1));
		route_push(&second, finished_batch(200 + i, 1));
	}
	run(&line);
	for (uint64_t i = 0; i < 6; i++) {
		batch = route_pop(&line.sinks[0]);
		assert_int_equal(first_number(batch), (i % 2 ? 200 : 100) + i / 2);
		route_settle(&line.sinks[0], batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	route_clear(&second);
	close_line(&line);
}

static void replicas_of_a_destination_take_turns(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct line line;
	struct fan fan = { 0 };
	struct fan_branch *branch;

	open_line(&line, none, 2);
	branch = fan_add(&fan, 2);
	branch->routes[0] = &line.sinks[0];
	branch->routes[1] = &line.sinks[1];
	for (uint64_t i = 0; i < 5; i++)
		fan_push(&fan, finished_batch(i, 1));
	assert_int_equal(line.sinks[0].queue.count, 3);
	assert_int_equal(line.sinks[1].queue.count, 2);
	fan_clear(&fan);
	close_line(&line);
}

static void a_reservation_holds_in_every_branch_or_in_none(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct line line;

	open_line(&line, none, 2);
	line.sinks[0].queue.limit_bytes = 1000;
	line.sinks[1].queue.limit_bytes = 500;
	assert_int_equal(fan_reserve(&line.pipeline.fan, 800), -EMSGSIZE);
	assert_int_equal(line.sinks[0].queue.reserved_bytes, 0);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 400), 0);
	assert_int_equal(fan_reserve(&line.pipeline.fan, 400), -EAGAIN);
	assert_int_equal(line.sinks[0].queue.reserved_bytes, 400);
	fan_unreserve(&line.pipeline.fan, 400);
	assert_int_equal(line.sinks[0].queue.reserved_bytes, 0);
	assert_int_equal(line.sinks[1].queue.reserved_bytes, 0);
	close_line(&line);
}

static void nothing_stays_reserved_where_replicas_take_turns(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct sonde_batch *batch = finished_batch(0, ROWS);
	size_t bytes = batch_bytes(batch);
	struct line line;
	struct fan fan = { 0 };
	struct fan_branch *branch;

	batch_release(batch);
	open_line(&line, none, 2);
	branch = fan_add(&fan, 2);
	branch->routes[0] = &line.sinks[0];
	branch->routes[1] = &line.sinks[1];
	for (int round = 0; round < 9; round++) {
		/* Room for four batches is asked for, three come. */
		assert_int_equal(fan_reserve(&fan, 4 * bytes), 0);
		for (int i = 0; i < 3; i++)
			fan_push(&fan, finished_batch(0, ROWS));
		fan_unreserve(&fan, bytes);
		assert_int_equal(line.sinks[0].queue.reserved_bytes, 0);
		assert_int_equal(line.sinks[1].queue.reserved_bytes, 0);
	}
	fan_clear(&fan);
	close_line(&line);
}

static void what_was_reserved_is_taken_whichever_replica_has_its_turn(void **state)
{
	const struct sonde_plugin *const none[] = { NULL };
	struct sonde_batch *batch = finished_batch(0, ROWS);
	size_t bytes = batch_bytes(batch);
	struct line line;
	struct fan fan = { 0 };
	struct fan_branch *branch;

	batch_release(batch);
	open_line(&line, none, 2);
	branch = fan_add(&fan, 2);
	for (int i = 0; i < 2; i++) {
		branch->routes[i] = &line.sinks[i];
		line.sinks[i].queue.limit_bytes = 2 * bytes;
	}
	route_push(&line.sinks[1], finished_batch(0, ROWS));
	route_push(&line.sinks[1], finished_batch(0, ROWS)); /* full */
	assert_int_equal(fan_reserve(&fan, 2 * bytes), -EAGAIN);
	route_settle(&line.sinks[1], route_pop(&line.sinks[1]), 0, SONDE_LOST_FAILED, NULL, false);
	route_settle(&line.sinks[1], route_pop(&line.sinks[1]), 0, SONDE_LOST_FAILED, NULL, false);
	assert_int_equal(fan_reserve(&fan, 2 * bytes), 0);
	fan_push(&fan, finished_batch(0, ROWS));
	fan_push(&fan, finished_batch(0, ROWS));
	assert_int_equal(ledger_lost_rows(line.ledger, SONDE_LOST_QUEUE_FULL), 0);
	fan_clear(&fan);
	close_line(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_without_a_processor_go_from_route_to_route),
		cmocka_unit_test(an_origin_hears_once_all_branches_have_let_go),
		cmocka_unit_test(a_resend_is_asked_for_only_where_no_branch_took_a_row),
		cmocka_unit_test(a_pipeline_before_a_full_route_that_waits_takes_no_more),
		cmocka_unit_test(a_pipeline_that_ended_leaves_the_rest_where_it_is),
		cmocka_unit_test(sources_take_turns),
		cmocka_unit_test(replicas_of_a_destination_take_turns),
		cmocka_unit_test(a_reservation_holds_in_every_branch_or_in_none),
		cmocka_unit_test(nothing_stays_reserved_where_replicas_take_turns),
		cmocka_unit_test(what_was_reserved_is_taken_whichever_replica_has_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/processor.h promises: what processors make of rows, what the ledger says of it, and
 * what those hear who wait. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "line.h"

/* ---- processors -------------------------------------------------------------------------- */

static int pass_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return SONDE_PASS;
}

static const struct sonde_plugin pass = { SONDE_PLUGIN_PROCESSOR, .name = "pass",
					  .process = pass_process };

/* Keeps the rows of a batch whose number leaves `rest` modulo `of`. */
static struct sonde_batch *some_rows(struct sonde_instance *instance, struct sonde_batch *batch,
				     uint32_t of, uint32_t rest)
{
	struct sonde_batch *some = sonde_batch_derive(instance, batch);
	unsigned char bits[256] = { 0 };

	for (uint32_t i = 0; i < batch->row_count; i++) {
		if (i % of == rest)
			bits[i >> 3] |= (unsigned char)(1u << (i & 7));
	}
	assert_int_equal(sonde_batch_select(instance, some, bits), 0);
	return some;
}

static int filter_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return sonde_emit_batch(instance, some_rows(instance, batch, 4, 0));
}

static const struct sonde_plugin filter = { SONDE_PLUGIN_PROCESSOR, .name = "filter",
					    .reduces = SONDE_FILTERED, .process = filter_process };

static int drop_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return 0;
}

static const struct sonde_plugin drop = { SONDE_PLUGIN_PROCESSOR, .name = "drop",
					  .reduces = SONDE_SAMPLED, .process = drop_process };

/* Each third of the rows as a batch of its own. */
static int split_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	for (uint32_t rest = 0; rest < 3; rest++)
		sonde_emit_batch(instance, some_rows(instance, batch, 3, rest));
	return 0;
}

static const struct sonde_plugin split = { SONDE_PLUGIN_PROCESSOR, .name = "split",
					   .process = split_process };

static int fail_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return sonde_fail(instance, EIO, "as the test wants");
}

static const struct sonde_plugin broken = { SONDE_PLUGIN_PROCESSOR, .name = "broken",
					    .process = fail_process };

/* Emits a quarter, then fails. */
static int half_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	filter_process(instance, batch);
	return -EIO;
}

static const struct sonde_plugin half = { SONDE_PLUGIN_PROCESSOR, .name = "half",
					  .process = half_process };

/* Says itself what becomes of the rows: a tenth limited, a tenth lost, and the rest goes on. */
static int telling_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sonde_batch *on = sonde_batch_derive(instance, batch);
	unsigned char bits[256];
	uint32_t tenth = batch->row_count / 10;

	memset(bits, 0xff, sizeof(bits));
	for (uint32_t i = 0; i < 2 * tenth; i++)
		bits[i >> 3] &= (unsigned char)~(1u << (i & 7));
	sonde_batch_select(instance, on, bits);
	sonde_reduce(instance, tenth, 3 * tenth, SONDE_LIMITED);
	sonde_lose(instance, tenth, 3 * tenth, SONDE_LOST_MEMORY);
	return sonde_emit_batch(instance, on);
}

static const struct sonde_plugin telling = { SONDE_PLUGIN_PROCESSOR, .name = "telling",
					     .process = telling_process };

static int lose_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	sonde_lose(instance, batch->selected_count, batch->event_count, SONDE_LOST_MEMORY);
	return 0;
}

static const struct sonde_plugin losing = { SONDE_PLUGIN_PROCESSOR, .name = "losing",
					    .process = lose_process };

/* Two rows of its own for every batch. */
static int own_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	for (int i = 0; i < 2; i++) {
		struct made_row *row = sonde_row(instance, 0);

		row->events = 3;
	}
	return sonde_emit(instance);
}

static const struct sonde_plugin own = { SONDE_PLUGIN_PROCESSOR, .name = "own",
					 .schemas = made_schemas, .process = own_process };

/* A window: keeps all rows until it is drained, and then stands in one row for them. */
struct window {
	struct sonde_receipts *receipts;
	struct sonde_batch *last; /* held, where a test wants a row of it to go on */
	uint64_t events;
};

static int window_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct window *window = instance->self;
	struct sonde_receipts *receipts = sonde_keep(instance, batch, window->receipts);

	if (!receipts)
		return -ENOMEM;
	window->receipts = receipts;
	window->events += batch->event_count;
	return 0;
}

static int window_drain(struct sonde_instance *instance)
{
	struct window *window = instance->self;
	struct sonde_receipts *receipts = window->receipts;
	struct sonde_batch *batch = receipts ? made_batch(0, 1) : NULL;

	if (!receipts)
		return 0;
	((struct made_row *)batch_rows(batch))->events = (uint32_t)window->events;
	window->receipts = NULL;
	window->events = 0;
	return sonde_emit_folded(instance, receipts, batch);
}

static const struct sonde_plugin window = { SONDE_PLUGIN_PROCESSOR, .name = "window",
					    .self_size = sizeof(struct window),
					    .process = window_process, .drain = window_drain };

/* A window of which nothing goes on. */
static int void_drain(struct sonde_instance *instance)
{
	struct window *at = instance->self;
	struct sonde_receipts *receipts = at->receipts;

	at->receipts = NULL;
	return receipts ? sonde_emit_folded(instance, receipts, NULL) : 0;
}

static const struct sonde_plugin forgetting = { SONDE_PLUGIN_PROCESSOR, .name = "forgetting",
						.self_size = sizeof(struct window),
						.process = window_process, .drain = void_drain };

/* A window that memory fails when it closes. */
static int failing_drain(struct sonde_instance *instance)
{
	sonde_lose(instance, 40, 120, SONDE_LOST_MEMORY);
	return void_drain(instance);
}

static const struct sonde_plugin losing_window = { SONDE_PLUGIN_PROCESSOR, .name = "losing_window",
						   .self_size = sizeof(struct window),
						   .process = window_process,
						   .drain = failing_drain };

/* Decides later: a quarter goes on at once, the rest is kept and half of it goes on in the end. */
static int tail_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct window *at = instance->self;
	struct sonde_batch *rest = sonde_batch_derive(instance, batch);
	unsigned char bits[256];

	memset(bits, 0xee, sizeof(bits)); /* all but every fourth */
	sonde_batch_select(instance, rest, bits);
	filter_process(instance, batch);
	at->receipts = sonde_keep(instance, rest, at->receipts);
	at->last = rest;
	return 0;
}

static int tail_drain(struct sonde_instance *instance)
{
	struct window *at = instance->self;
	struct sonde_batch *on = sonde_batch_derive(instance, at->last);
	unsigned char bits[256];

	memset(bits, 0x22, sizeof(bits)); /* one of the three */
	sonde_batch_select(instance, on, bits);
	sonde_batch_release(instance, at->last);
	return sonde_emit_folded(instance, at->receipts, on);
}

static const struct sonde_plugin tail = {
	SONDE_PLUGIN_PROCESSOR,   .name = "tail",
	.reduces = SONDE_SAMPLED, .self_size = sizeof(struct window),
	.process = tail_process,  .drain = tail_drain
};

static int never_start(struct sonde_instance *instance)
{
	return sonde_fail(instance, EIO, "as the test wants");
}

static const struct sonde_plugin unstarted = { SONDE_PLUGIN_PROCESSOR, .name = "unstarted",
					       .start = never_start, .process = pass_process };

/* ---- tests ------------------------------------------------------------------------------- */

static void what_a_filter_drops_is_reduced_and_the_origin_hears_so(void **state)
{
	const struct sonde_plugin *const through[] = { &filter, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(deliver(&line, 0), ROWS / 4);
	assert_heard(&line, 0, ROWS / 4, ROWS - ROWS / 4, 0, SONDE_DONE);
	assert_int_equal(reduced(&line, 0, SONDE_FILTERED).rows, ROWS - ROWS / 4);
	assert_int_equal(reduced(&line, 0, SONDE_FILTERED).events, 3 * (ROWS - ROWS / 4));
	assert_closes(&line);
	close_line(&line);
}

static void two_filters_in_a_row_close_for_the_origin(void **state)
{
	const struct sonde_plugin *const through[] = { &filter, &filter, &filter, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	deliver(&line, 0);
	assert_int_equal(line.heard[0].count, 1);
	assert_int_equal(line.heard[0].settlement.delivered_rows +
				 line.heard[0].settlement.reduced_rows,
			 ROWS);
	assert_closes(&line);
	close_line(&line);
}

static void a_batch_of_which_nothing_goes_on_is_settled_at_once(void **state)
{
	const struct sonde_plugin *const through[] = { &drop, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_heard(&line, 0, 0, ROWS, 0, SONDE_DONE);
	assert_int_equal(reduced(&line, 0, SONDE_SAMPLED).rows, ROWS);
	assert_closes(&line);
	close_line(&line);
}

static void a_batch_that_is_split_is_delivered_once_all_parts_are(void **state)
{
	const struct sonde_plugin *const through[] = { &split, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(line.sinks[0].queue.count, 3);
	assert_int_equal(deliver(&line, 0), ROWS);
	assert_heard(&line, 0, ROWS, 0, 0, SONDE_DONE);
	assert_closes(&line);
	close_line(&line);
}

static void a_processor_that_fails_loses_the_batch_and_says_so(void **state)
{
	const struct sonde_plugin *const through[] = { &broken, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_REJECTED);
	assert_string_equal(line.heard[0].settlement.reason, "failed");
	assert_int_equal(lost(&line, 0, SONDE_LOST_FAILED).rows, ROWS);
	assert_int_equal(line.stages[0]->failed_callback, CALLBACK_PROCESS);
	assert_non_null(strstr(line.stages[0]->problem, "as the test wants"));
	assert_closes(&line);
	close_line(&line);
}

static void a_processor_that_fails_halfway_loses_what_it_did_not_pass_on(void **state)
{
	const struct sonde_plugin *const through[] = { &half, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	deliver(&line, 0);
	assert_heard(&line, 0, ROWS / 4, 0, ROWS - ROWS / 4, SONDE_DONE);
	assert_int_equal(lost(&line, 0, SONDE_LOST_FAILED).rows, ROWS - ROWS / 4);
	assert_closes(&line);
	close_line(&line);
}

static void a_processor_that_could_not_start_lets_no_row_past(void **state)
{
	const struct sonde_plugin *const through[] = { &unstarted, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(deliver(&line, 0), 0);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_RETRY); /* it may be well again by then */
	assert_int_equal(lost(&line, 0, SONDE_LOST_FAILED).rows, ROWS);
	assert_closes(&line);
	close_line(&line);
}

static void what_a_processor_tells_of_its_rows_is_booked_and_heard(void **state)
{
	const struct sonde_plugin *const through[] = { &telling, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(deliver(&line, 0), ROWS - ROWS / 5);
	assert_heard(&line, 0, ROWS - ROWS / 5, ROWS / 10, ROWS / 10, SONDE_DONE);
	assert_string_equal(line.heard[0].settlement.reason, "memory");
	assert_int_equal(reduced(&line, 0, SONDE_LIMITED).rows, ROWS / 10);
	assert_int_equal(lost(&line, 0, SONDE_LOST_MEMORY).rows, ROWS / 10);
	assert_closes(&line);
	close_line(&line);
}

static void rows_that_a_processor_lost_are_asked_for_again(void **state)
{
	const struct sonde_plugin *const through[] = { &losing, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_RETRY);
	assert_closes(&line);
	close_line(&line);
}

static void rows_that_a_processor_makes_of_a_batch_carry_its_receipts(void **state)
{
	const struct sonde_plugin *const through[] = { &own, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(line.heard[0].count, 0);
	assert_int_equal(deliver(&line, 0), 2); /* at once: they are part of this batch's account */
	assert_heard(&line, 0, 2, ROWS - 2, 0, SONDE_DONE);
	assert_closes(&line);
	push(&line, 0, 1, 1);
	run(&line);
	assert_int_equal(deliver(&line, 0), 2); /* two of one: one is made */
	assert_heard(&line, 1, 1, 0, 0, SONDE_DONE);
	assert_int_equal(tally_read(&line.stages[0]->account->made).rows, 1);
	assert_closes(&line);
	close_line(&line);
}

static void rows_that_are_kept_are_held_until_what_stands_for_them_is_delivered(void **state)
{
	const struct sonde_plugin *const through[] = { &window, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	push(&line, 0, 2 * ROWS, 1);
	run(&line);
	assert_int_equal(line.stages[0]->held.rows, 3 * ROWS);
	assert_closes(&line);
	instance_drain(line.stages[0]);
	assert_closes(&line);
	assert_int_equal(line.stages[0]->held.rows, 0);
	assert_int_equal(reduced(&line, 0, SONDE_AGGREGATED).rows, 3 * ROWS - 1);
	assert_int_equal(reduced(&line, 0, SONDE_AGGREGATED).events, 0);
	assert_int_equal(line.heard[0].count, 0);
	assert_int_equal(deliver(&line, 0), 1);
	assert_heard(&line, 0, ROWS, 0, 0, SONDE_DONE);
	assert_heard(&line, 1, 2 * ROWS, 0, 0, SONDE_DONE);
	close_line(&line);
}

static void all_origins_of_a_folded_row_hear_that_it_was_lost(void **state)
{
	const struct sonde_plugin *const through[] = { &window, &pass, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	push(&line, 0, 2 * ROWS, 1);
	run(&line);
	instance_drain(line.stages[0]);
	refuse(&line, 0, SONDE_LOST_EXPIRED);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_RETRY);
	assert_heard(&line, 1, 0, 0, 2 * ROWS, SONDE_RETRY);
	assert_closes(&line);
	close_line(&line);
}

static void all_origins_of_a_folded_row_hear_that_a_later_processor_failed(void **state)
{
	const struct sonde_plugin *const through[] = { &window, &broken, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	push(&line, 0, 2 * ROWS, 1);
	run(&line);
	instance_drain(line.stages[0]);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_REJECTED);
	assert_heard(&line, 1, 0, 0, 2 * ROWS, SONDE_REJECTED);
	assert_closes(&line);
	close_line(&line);
}

static void a_window_of_which_nothing_goes_on_is_settled_as_reduced(void **state)
{
	const struct sonde_plugin *const through[] = { &forgetting, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	instance_drain(line.stages[0]);
	assert_heard(&line, 0, 0, ROWS, 0, SONDE_DONE);
	assert_int_equal(reduced(&line, 0, SONDE_AGGREGATED).rows, ROWS);
	assert_closes(&line);
	close_line(&line);
}

static void kept_rows_that_are_lost_later_are_not_booked_twice(void **state)
{
	const struct sonde_plugin *const through[] = { &losing_window, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	instance_drain(line.stages[0]);
	assert_int_equal(lost(&line, 0, SONDE_LOST_MEMORY).rows, 40);
	assert_int_equal(reduced(&line, 0, SONDE_AGGREGATED).rows, ROWS - 40);
	assert_closes(&line);
	close_line(&line);
}

static void rows_decided_later_are_counted_once(void **state)
{
	const struct sonde_plugin *const through[] = { &tail, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_closes(&line);
	assert_int_equal(line.stages[0]->held.rows, ROWS - ROWS / 4);
	instance_drain(line.stages[0]);
	assert_int_equal(deliver(&line, 0), ROWS / 2);
	assert_int_equal(line.heard[0].count, 1);
	assert_int_equal(line.heard[0].settlement.delivered_rows +
				 line.heard[0].settlement.reduced_rows,
			 ROWS);
	assert_closes(&line);
	close_line(&line);
}

static void rows_that_are_never_folded_are_lost_by_shutdown(void **state)
{
	const struct sonde_plugin *const through[] = { &window, NULL };
	struct line line;

	open_line(&line, through, 1);
	push(&line, 0, ROWS, 0);
	run(&line);
	instance_stop(line.stages[0]);
	processor_give_up(line.stages[0]);
	assert_int_equal(lost(&line, 0, SONDE_LOST_SHUTDOWN).rows, ROWS);
	assert_int_equal(lost(&line, 0, SONDE_LOST_SHUTDOWN).events, 3 * ROWS);
	assert_heard(&line, 0, 0, 0, ROWS, SONDE_RETRY);
	assert_closes(&line);
	close_line(&line);
}

static void one_batch_in_two_pipelines_is_accounted_apart(void **state)
{
	const struct sonde_plugin *const one[] = { &filter, NULL };
	const struct sonde_plugin *const other[] = { &pass, NULL };
	struct sonde_batch *batch = finished_batch(0, ROWS);
	struct line lines[2];
	struct receipt *receipt;

	open_line(&lines[0], one, 1);
	open_line(&lines[1], other, 1);
	receipt = receipt_create(hear, &lines[0], 0);
	receipts_add(batch_receipts(batch), receipt, ROWS);
	receipt_release(receipt);
	route_push(&lines[0].source, batch_hold(batch));
	route_push(&lines[1].source, batch);
	for (int i = 0; i < 2; i++)
		run(&lines[i]);
	for (int i = 0; i < 2; i++)
		deliver(&lines[i], 0);
	assert_heard(&lines[0], 0, ROWS / 4 + ROWS, ROWS - ROWS / 4, 0, SONDE_DONE);
	for (int i = 0; i < 2; i++)
		close_line(&lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_filter_drops_is_reduced_and_the_origin_hears_so),
		cmocka_unit_test(two_filters_in_a_row_close_for_the_origin),
		cmocka_unit_test(a_batch_of_which_nothing_goes_on_is_settled_at_once),
		cmocka_unit_test(a_batch_that_is_split_is_delivered_once_all_parts_are),
		cmocka_unit_test(a_processor_that_fails_loses_the_batch_and_says_so),
		cmocka_unit_test(a_processor_that_fails_halfway_loses_what_it_did_not_pass_on),
		cmocka_unit_test(a_processor_that_could_not_start_lets_no_row_past),
		cmocka_unit_test(what_a_processor_tells_of_its_rows_is_booked_and_heard),
		cmocka_unit_test(rows_that_a_processor_lost_are_asked_for_again),
		cmocka_unit_test(rows_that_a_processor_makes_of_a_batch_carry_its_receipts),
		cmocka_unit_test(
			rows_that_are_kept_are_held_until_what_stands_for_them_is_delivered),
		cmocka_unit_test(all_origins_of_a_folded_row_hear_that_it_was_lost),
		cmocka_unit_test(all_origins_of_a_folded_row_hear_that_a_later_processor_failed),
		cmocka_unit_test(a_window_of_which_nothing_goes_on_is_settled_as_reduced),
		cmocka_unit_test(kept_rows_that_are_lost_later_are_not_booked_twice),
		cmocka_unit_test(rows_decided_later_are_counted_once),
		cmocka_unit_test(rows_that_are_never_folded_are_lost_by_shutdown),
		cmocka_unit_test(one_batch_in_two_pipelines_is_accounted_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

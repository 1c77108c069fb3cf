// SPDX-License-Identifier: Apache-2.0
/* What core/gate.h promises of routes with a condition. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "line.h"

/* A line of two routes, the second of which has a condition. */
static void open_gated(struct line *line, const char *where)
{
	static const struct sonde_plugin *const none[] = { NULL };

	open_line(line, none, 2);
	assert_int_equal(gate_create(where, "line", "other", &line->pipeline.fan.branches[1].gate),
			 0);
}

static void assert_route_closes(struct route *route, uint64_t in, uint64_t filtered)
{
	struct route_snapshot at;

	route_snapshot(route, &at);
	assert_int_equal(at.in.rows, in);
	assert_int_equal(at.reduced[SONDE_FILTERED].rows, filtered);
	assert_int_equal(at.reduced[SONDE_FILTERED].events, 3 * filtered);
	assert_int_equal(at.in.rows, at.out.rows + filtered + at.queued.rows + at.held.rows +
					     at.lost[SONDE_LOST_MEMORY].rows);
	assert_int_equal(at.in.events, at.out.events + 3 * filtered + at.queued.events +
					       at.held.events + at.lost[SONDE_LOST_MEMORY].events);
}

static void rows_for_which_it_is_true_go_and_the_rest_is_booked_there(void **state)
{
	struct line line;

	open_gated(&line, "number >= 70");
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_int_equal(deliver(&line, 0), ROWS);
	assert_route_closes(&line.sinks[1], ROWS, 70);
	assert_int_equal(deliver(&line, 1), 30);
	assert_route_closes(&line.sinks[0], ROWS, 0);
	assert_route_closes(&line.sinks[1], ROWS, 70);
	assert_heard(&line, 0, ROWS + 30, 70, 0, SONDE_DONE);
	close_line(&line);
}

static void a_batch_whose_rows_all_go_is_shared(void **state)
{
	struct sonde_batch *plain, *gated;
	struct line line;

	open_gated(&line, "number >= 0");
	push(&line, 0, ROWS, 0);
	run(&line);
	plain = route_pop(&line.sinks[0]);
	gated = route_pop(&line.sinks[1]);
	assert_ptr_equal(plain, gated);
	route_settle(&line.sinks[0], plain, 0, SONDE_LOST_FAILED, NULL, false);
	route_settle(&line.sinks[1], gated, 0, SONDE_LOST_FAILED, NULL, false);
	assert_heard(&line, 0, 2 * ROWS, 0, 0, SONDE_DONE);
	close_line(&line);
}

static void where_nothing_goes_the_origin_hears_all_the_same(void **state)
{
	struct line line;

	open_gated(&line, "nowhere = 1");
	push(&line, 0, ROWS, 0);
	run(&line);
	assert_null(route_pop(&line.sinks[1]));
	deliver(&line, 0);
	assert_heard(&line, 0, ROWS, ROWS, 0, SONDE_DONE);
	assert_route_closes(&line.sinks[1], ROWS, ROWS);
	close_line(&line);
}

static void several_origins_hear_of_all_of_their_rows(void **state)
{
	struct sonde_batch *batch = finished_batch(0, ROWS);
	struct line line;
	uint64_t heard = 0;

	open_gated(&line, "number < 33");
	for (uint64_t token = 0; token < 3; token++) {
		struct receipt *receipt = receipt_create(hear, &line, token);

		receipts_add(batch_receipts(batch), receipt, token == 2 ? 34 : 33);
		receipt_release(receipt);
	}
	route_push(&line.source, batch);
	run(&line);
	deliver(&line, 0);
	deliver(&line, 1);
	for (uint32_t token = 0; token < 3; token++) {
		const struct sonde_settlement *settlement = &line.heard[token].settlement;

		assert_int_equal(line.heard[token].count, 1);
		assert_int_equal(settlement->delivered_rows + settlement->reduced_rows,
				 token == 2 ? 68 : 66);
		heard += settlement->delivered_rows;
	}
	assert_in_range(heard, ROWS + 30, ROWS + 33); /* shares are whole numbers */
	close_line(&line);
}

static void whose_turn_it_is_waits_for_a_row_that_goes(void **state)
{
	static const struct sonde_plugin *const none[] = { NULL };
	struct fan fan = { 0 };
	struct fan_branch *branch;
	struct line line;

	open_line(&line, none, 2);
	branch = fan_add(&fan, 2);
	branch->routes[0] = &line.sinks[0];
	branch->routes[1] = &line.sinks[1];
	assert_int_equal(gate_create("number % 2 = 0", "a", "b", &branch->gate), 0);
	for (uint64_t i = 0; i < 8; i++)
		fan_push(&fan, finished_batch(i, 1));
	assert_int_equal(line.sinks[0].queue.count, 2);
	assert_int_equal(line.sinks[1].queue.count, 2);
	fan_clear(&fan);
	close_line(&line);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	char error[320];
	struct gate *gate = NULL;

	assert_int_equal(gate_check("number > 5 adn true", error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "at 12: an operator or the end is expected, not adn"));
	assert_int_equal(gate_create("number >", "a", "b", &gate), -EINVAL);
	assert_null(gate);
	assert_int_equal(gate_check("number > 5", error, sizeof(error)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_for_which_it_is_true_go_and_the_rest_is_booked_there),
		cmocka_unit_test(a_batch_whose_rows_all_go_is_shared),
		cmocka_unit_test(where_nothing_goes_the_origin_hears_all_the_same),
		cmocka_unit_test(several_origins_hear_of_all_of_their_rows),
		cmocka_unit_test(whose_turn_it_is_waits_for_a_row_that_goes),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

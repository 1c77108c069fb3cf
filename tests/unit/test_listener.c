// SPDX-License-Identifier: Apache-2.0
/* What core/listener.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "listener.h"
#include "made.h"

enum { ROWS = 10 };

static void nothing(void *data)
{
}

/* A listener whose loop does not run: what is posted there stays. */
struct ear {
	struct loop *loop;
	struct loop_task task;
	struct listener listener;
};

static void ear_open(struct ear *ear, struct listening_place *place)
{
	*ear = (struct ear){ .loop = loop_create("ear"), .task = { .run = nothing } };
	ear->listener.loop = ear->loop;
	ear->listener.arrived = &ear->task;
	listener_move(&ear->listener, &place, 1);
	assert_int_equal(listener_add(&ear->listener), 0);
}

static void ear_close(struct ear *ear)
{
	listener_remove(&ear->listener);
	loop_cancel(ear->loop, &ear->task);
	loop_release(ear->loop);
}

static void pass(struct listening_place *place, uint64_t first, uint32_t rows)
{
	struct sonde_batch *batch = finished_batch(first, rows);

	listening_pass(place, batch);
	batch_release(batch);
}

static void assert_counts(struct ear *ear, uint64_t passed, uint64_t missed)
{
	struct listener_counts counts;

	listener_count(&ear->listener, &counts);
	assert_int_equal(counts.passed_rows, passed);
	assert_int_equal(counts.missed_rows, missed);
}

static void assert_takes(struct ear *ear, uint64_t first)
{
	struct sonde_batch *batch = listener_take(&ear->listener);

	assert_non_null(batch);
	assert_int_equal(first_number(batch), first);
	batch_release(batch);
}

static void every_listener_is_given_every_batch_in_order(void **state)
{
	struct listening_place place = { 0 };
	struct ear ears[2];

	ear_open(&ears[0], &place);
	ear_open(&ears[1], &place);
	pass(&place, 0, ROWS);
	pass(&place, 100, ROWS);
	for (int i = 0; i < 2; i++) {
		assert_true(ears[i].task.queued);
		assert_takes(&ears[i], 0);
		assert_takes(&ears[i], 100);
		assert_null(listener_take(&ears[i].listener));
		assert_counts(&ears[i], 2 * ROWS, 0);
		ear_close(&ears[i]);
	}
}

static void what_passes_elsewhere_is_not_heard(void **state)
{
	struct listening_place here = { 0 }, there = { 0 };
	struct ear ears[2];

	ear_open(&ears[0], &here);
	ear_open(&ears[1], &there);
	pass(&there, 7, ROWS);
	assert_null(listener_take(&ears[0].listener));
	assert_counts(&ears[0], 0, 0);
	assert_takes(&ears[1], 7);
	ear_close(&ears[0]);
	ear_close(&ears[1]);
}

static void what_does_not_fit_goes_by_and_is_counted(void **state)
{
	struct listening_place place = { 0 };
	struct ear ear;

	ear_open(&ear, &place);
	for (uint64_t i = 0; i < LISTENER_BATCHES + 5; i++)
		pass(&place, i, ROWS);
	assert_counts(&ear, (LISTENER_BATCHES + 5) * ROWS, 5 * ROWS);
	for (uint64_t i = 0; i < LISTENER_BATCHES; i++)
		assert_takes(&ear, i); /* the oldest stay: the newest go by */
	assert_null(listener_take(&ear.listener));
	ear_close(&ear);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
	enum { MANY = 10000 }; /* of 120 bytes each */
	struct listening_place place = { 0 };
	struct ear ear;

	ear_open(&ear, &place);
	pass(&place, 0, MANY);
	pass(&place, 1, MANY);
	pass(&place, 2, MANY);
	assert_counts(&ear, 3 * MANY, 2 * MANY);
	assert_takes(&ear, 0);
	pass(&place, 3, MANY);
	assert_takes(&ear, 3);
	ear_close(&ear);
}

static void one_that_has_enough_only_counts(void **state)
{
	struct listening_place place = { 0 };
	struct ear ear;

	ear_open(&ear, &place);
	listener_sate(&ear.listener, true);
	pass(&place, 0, ROWS);
	assert_false(ear.task.queued);
	assert_counts(&ear, ROWS, ROWS);
	listener_sate(&ear.listener, false);
	pass(&place, 1, ROWS);
	assert_takes(&ear, 1);
	assert_counts(&ear, 2 * ROWS, ROWS);
	ear_close(&ear);
}

static void rows_that_are_not_selected_do_not_count(void **state)
{
	const unsigned char bits[] = { 0x05, 0x00 };
	struct sonde_batch *batch = made_batch(0, ROWS);
	struct listening_place place = { 0 };
	struct ear ear;

	ear_open(&ear, &place);
	batch_select(batch, bits);
	batch_finish(batch);
	listening_pass(&place, batch);
	batch_release(batch);
	assert_counts(&ear, 2, 0);
	ear_close(&ear);
}

static void one_that_leaves_has_missed_what_it_did_not_take(void **state)
{
	struct listening_place place = { 0 };
	struct ear ear;

	ear_open(&ear, &place);
	pass(&place, 0, ROWS);
	listener_remove(&ear.listener);
	assert_counts(&ear, ROWS, ROWS);
	assert_true(place.listened);
	pass(&place, 1, ROWS); /* by which the place learns that nobody is there */
	assert_false(place.listened);
	assert_counts(&ear, ROWS, ROWS);
	ear_close(&ear);
}

static void one_that_moves_hears_what_passes_there(void **state)
{
	struct listening_place here = { 0 }, there = { 0 }, *places[] = { &there };
	struct ear ear;

	ear_open(&ear, &here);
	listener_move(&ear.listener, places, 1);
	pass(&here, 1, ROWS);
	pass(&there, 2, ROWS);
	assert_takes(&ear, 2);
	assert_counts(&ear, ROWS, 0);
	assert_false(here.listened);
	ear_close(&ear);
}

static void there_are_only_so_many(void **state)
{
	struct listening_place place = { 0 };
	struct ear ears[LISTENER_COUNT_LIMIT];
	struct listener other = { 0 };

	for (int i = 0; i < LISTENER_COUNT_LIMIT; i++)
		ear_open(&ears[i], &place);
	assert_int_equal(listener_add(&other), -EBUSY);
	listener_remove(&other);
	ear_close(&ears[0]);
	ear_open(&ears[0], &place);
	for (int i = 0; i < LISTENER_COUNT_LIMIT; i++)
		ear_close(&ears[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_listener_is_given_every_batch_in_order),
		cmocka_unit_test(what_passes_elsewhere_is_not_heard),
		cmocka_unit_test(what_does_not_fit_goes_by_and_is_counted),
		cmocka_unit_test(what_waits_is_bounded_in_bytes),
		cmocka_unit_test(one_that_has_enough_only_counts),
		cmocka_unit_test(rows_that_are_not_selected_do_not_count),
		cmocka_unit_test(one_that_leaves_has_missed_what_it_did_not_take),
		cmocka_unit_test(one_that_moves_hears_what_passes_there),
		cmocka_unit_test(there_are_only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

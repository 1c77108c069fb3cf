// SPDX-License-Identifier: Apache-2.0
/* What core/spool.h promises of routes whose rows lie on disk. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "frame.h"
#include "route_bench.h"

/* A route on disk, with a loop that waits for the disk. */
struct bench {
	struct test_route at;
	struct loop *disk;
	char directory[64];
};

struct heard {
	uint32_t count;
	struct sonde_settlement settlement;
};

static void hear(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	struct heard *heard = origin;

	heard->settlement = *settlement;
	count_up(&heard->count);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	return remove(path);
}

static void bench_open(struct bench *bench, size_t memory, uint64_t limit, enum when_full when_full,
		       const struct route_plan *plan)
{
	char path[96], error[256];
	struct spool_settings settings = { .path = path, .limit_bytes = limit };
	struct route_plan whole = plan ? *plan : (struct route_plan){ .final = true };

	snprintf(path, sizeof(path), "%s/queue", bench->directory);
	open_route(&bench->at, memory, when_full);
	bench->disk = loop_create("disk");
	assert_non_null(bench->disk);
	assert_int_equal(loop_start(bench->disk), 0);
	settings.disk = bench->disk;
	assert_int_equal(route_open_disk(&bench->at.route, &settings, error, sizeof(error)), 0);
	whole.from = "a";
	whole.to = "b";
	whole.queue = (struct queue_config){ .memory_bytes = memory,
					     .disk_bytes = limit,
					     .when_full = when_full };
	route_install(&bench->at.route, &whole);
}

static void bench_close(struct bench *bench)
{
	assert_int_equal(loop_join(bench->disk, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	loop_release(bench->disk); /* what is posted there lies in the route */
	close_route(&bench->at);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	snprintf(bench->directory, sizeof(bench->directory), "/tmp/sonde-spool-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	nftw(bench->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(bench);
	return 0;
}

static struct sonde_batch *expected_batch(uint64_t first, uint32_t row_count, struct heard *heard)
{
	struct sonde_batch *batch = finished_batch(first, row_count);
	struct receipt *receipt = receipt_create(hear, heard, 1);

	assert_int_equal(receipts_add(batch_receipts(batch), receipt, row_count), 0);
	receipt_release(receipt);
	return batch;
}

static void push(struct bench *bench, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		route_push(&bench->at.route, finished_batch(first + i * ROWS, ROWS));
}

static void pop_and_settle(struct bench *bench, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct sonde_batch *batch = route_pop(&bench->at.route);

		assert_non_null(batch);
		assert_int_equal(first_number(batch), first + i * ROWS);
		assert_int_equal(batch->selected_count, ROWS);
		assert_int_equal(batch->event_count, 3 * ROWS);
		route_settle(&bench->at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
		assert_closes(&bench->at.route);
	}
}

static void rows_come_out_in_order_however_many_fit_into_memory(void **state)
{
	struct bench *bench = *state;

	bench_open(bench, 3 * batch_size(), 64 << 20, WHEN_FULL_DROP_OLDEST, NULL);
	push(bench, 0, 10);
	assert_closes(&bench->at.route);
	pop_and_settle(bench, 0, 5); /* past what was in memory */
	push(bench, 10 * ROWS, 4);
	pop_and_settle(bench, 5 * ROWS, 9);
	assert_null(route_pop(&bench->at.route));
	push(bench, 14 * ROWS, 2); /* in memory again */
	pop_and_settle(bench, 14 * ROWS, 2);
	assert_true(route_is_idle(&bench->at.route));
	bench_close(bench);
}

static void what_was_not_settled_is_there_after_a_restart(void **state)
{
	struct bench *bench = *state;
	struct sonde_batch *held;

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_DROP_OLDEST, NULL);
	push(bench, 0, 6);
	pop_and_settle(bench, 0, 2);
	held = route_pop(&bench->at.route);
	assert_int_equal(first_number(held), 2 * ROWS);
	route_return(&bench->at.route, held, true); /* as an output does that ends */
	bench_close(bench);
	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_DROP_OLDEST, NULL);
	assert_int_equal(bench->at.route.account->kept.rows, 4 * ROWS);
	assert_int_equal(bench->at.route.account->kept.events, 3 * 4 * ROWS);
	tally_add(&bench->at.route.account->in, 4 * ROWS, 3 * 4 * ROWS);
	pop_and_settle(bench, 2 * ROWS, 4);
	bench_close(bench);
}

static void who_waits_hears_once_rows_are_on_the_disk_and_not_when_they_are_delivered(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { 0 };

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_WAIT, NULL);
	route_push(&bench->at.route, expected_batch(0, ROWS, &heard));
	assert_true(wait_for(&heard.count, 1));
	assert_int_equal(heard.settlement.verdict, SONDE_DONE);
	assert_int_equal(heard.settlement.delivered_rows, ROWS);
	assert_true(journal_synced(bench->at.route.spool->journal) >= 1);
	pop_and_settle(bench, 0, 1);
	assert_int_equal(heard.count, 1);
	bench_close(bench);
}

static void a_full_queue_drops_its_oldest_rows_and_books_them(void **state)
{
	struct bench *bench = *state;
	struct sonde_batch *batch;
	uint64_t gone;

	bench_open(bench, SIZE_MAX, 8 << 20, WHEN_FULL_DROP_OLDEST, NULL);
	for (uint64_t i = 0; !lost(&bench->at, SONDE_LOST_QUEUE_FULL); i++) {
		struct made_row *rows;

		assert_true(i < 100000);
		batch = made_batch(i * ROWS, ROWS);
		rows = batch_rows(batch);
		for (uint32_t r = 0; r < ROWS; r++) /* what no codec makes smaller */
			rows[r].number ^= (uint64_t)random() << 32;
		batch_finish(batch);
		route_push(&bench->at.route, batch);
	}
	assert_closes(&bench->at.route);
	gone = lost(&bench->at, SONDE_LOST_QUEUE_FULL);
	assert_int_equal(gone % ROWS, 0);
	batch = route_pop(&bench->at.route);
	assert_int_equal((uint32_t)first_number(batch), gone); /* the first that was not dropped */
	route_settle(&bench->at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	assert_closes(&bench->at.route);
	bench_close(bench);
}

static void an_output_that_takes_frames_gets_records_under_the_journals_own_name(void **state)
{
	const struct route_plan plan = { .final = true, .takes_frames = true };
	struct sonde_frame frames[2] = { { .size = sizeof(frames[0]) },
					 { .size = sizeof(frames[0]) } };
	struct sonde_frame again = { .size = sizeof(again) };
	struct bench *bench = *state;
	struct sonde_batch *batch;
	uint64_t numbers[2];

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_DROP_OLDEST, &plan);
	push(bench, 0, 2);
	for (int i = 0; i < 2; i++) {
		numbers[i] = route_take(&bench->at.route, &frames[i]);
		assert_int_equal(frames[i].sequence, numbers[i]);
		assert_int_equal(frames[i].rows, ROWS);
		assert_memory_equal(frames[i].stream,
				    journal_stream(bench->at.route.spool->journal), 16);
		assert_int_equal(frame_check(&frames[i]), 0);
	}
	assert_int_equal(route_take(&bench->at.route, &again), 0);
	assert_int_equal(frame_read(&frames[1], &batch, 1), 0);
	assert_int_equal(first_number(batch), ROWS);
	batch_release(batch);
	/* Out of order: the second is done, the first is given back and comes again. */
	route_settle_frame(&bench->at.route, numbers[1], &frames[1], 0, SONDE_LOST_FAILED, false);
	route_return_frame(&bench->at.route, numbers[0], &frames[0], true);
	assert_closes(&bench->at.route);
	assert_int_equal(route_take(&bench->at.route, &again), numbers[0]);
	route_settle_frame(&bench->at.route, numbers[0], &again, 0, SONDE_LOST_FAILED, false);
	assert_int_equal(route_take(&bench->at.route, &again), 0);
	assert_int_equal(tally_read(&bench->at.route.account->repeated).rows, ROWS);
	assert_closes(&bench->at.route);
	bench_close(bench);
}

static struct sonde_frame frame_of(uint64_t first, uint64_t sequence)
{
	struct sonde_frame frame = { .size = sizeof(frame),
				     .kind = SONDE_FRAME_ROWS,
				     .sequence = sequence,
				     .origin = "edge-7" };
	struct sonde_batch *batch = finished_batch(first, ROWS);

	memset(frame.stream, 9, sizeof(frame.stream));
	assert_int_equal(frame_write(&batch, 1, &frame), 0);
	batch_release(batch);
	return frame;
}

static const struct sonde_column *column_named(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (!strcmp(sonde_column(batch, i)->name, name))
			return sonde_column(batch, i);
	}
	return NULL;
}

static void a_frame_that_came_before_is_taken_once_also_after_a_restart(void **state)
{
	const struct route_plan plan = { .from_input = true, .to_pipeline = true };
	struct bench *bench = *state;
	struct sonde_batch *batch;
	struct sonde_text edge;

	for (int run = 0; run < 2; run++) {
		struct sonde_frame frame = frame_of(0, 5);
		struct heard heard = { 0 };
		struct receipt *receipt = receipt_create(hear, &heard, 1);

		bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_WAIT, &plan);
		assert_int_equal(spool_push_frame(bench->at.route.spool, &frame, receipt), 0);
		receipt_release(receipt);
		assert_true(wait_for(&heard.count, 1)); /* yes, either way */
		assert_int_equal(heard.settlement.delivered_rows, ROWS);
		assert_int_equal(tally_read(&bench->at.route.account->in).rows, run ? 0 : ROWS);
		if (!run)
			bench_close(bench);
	}
	batch = route_pop(&bench->at.route);
	assert_int_equal(first_number(batch), 0);
	edge = sonde_text_at(column_named(batch, "sonde.edge"), 0);
	assert_int_equal(edge.length, 6);
	assert_memory_equal(edge.data, "edge-7", 6);
	assert_false(batch->done >> BATCH_REPLAYED_BIT);
	route_settle(&bench->at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	assert_null(route_pop(&bench->at.route));
	bench_close(bench);
}

static void a_pipeline_settles_a_record_when_it_has_let_go_of_its_rows(void **state)
{
	const struct route_plan plan = { .from_input = true, .to_pipeline = true };
	struct sonde_batch *first, *second;
	struct bench *bench = *state;
	struct settled *settled;

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_WAIT, &plan);
	settled = &bench->at.route.spool->settled;
	push(bench, 0, 2);
	first = batch_hold(route_pop(&bench->at.route)); /* as a processor that holds rows back */
	route_settle(&bench->at.route, first, 0, SONDE_LOST_FAILED, NULL, false);
	second = route_pop(&bench->at.route);
	route_settle(&bench->at.route, second, 0, SONDE_LOST_FAILED, NULL, false);
	assert_false(settled_has(settled, 1));
	assert_true(settled_has(settled, 2));
	batch_release(first);
	assert_true(settled_has(settled, 1));
	assert_closes(&bench->at.route);
	bench_close(bench);
}

static void after_a_crash_a_pipeline_gets_what_was_not_settled_and_knows_what_it_had(void **state)
{
	const struct route_plan plan = { .from_input = true, .to_pipeline = true };
	struct settled settled = { .below = 2 };
	struct bench *bench = *state;
	struct sonde_batch *batch;

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_WAIT, &plan);
	push(bench, 0, 5);
	bench_close(bench);
	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_WAIT, &plan);
	settled_add(&settled, 3, 3);
	assert_int_equal(spool_recover(bench->at.route.spool, &settled, 4), 0);
	assert_int_equal(spool_kept(bench->at.route.spool).rows, 3 * ROWS);
	for (uint64_t i = 0; i < 3; i++) {
		static const uint64_t numbers[] = { 2, 4, 5 };

		batch = route_pop(&bench->at.route);
		assert_int_equal(first_number(batch), (numbers[i] - 1) * ROWS);
		assert_int_equal(batch->done >> BATCH_REPLAYED_BIT, numbers[i] <= 4);
		route_settle(&bench->at.route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	assert_null(route_pop(&bench->at.route));
	bench_close(bench);
}

static void nothing_is_sent_on_before_it_is_committed_and_the_rest_can_be_taken_back(void **state)
{
	struct loop_task appended = { 0 };
	const struct route_plan plan = { .final = true, .appended = &appended };
	struct bench *bench = *state;

	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_DROP_OLDEST, &plan);
	push(bench, 0, 3);
	assert_null(route_pop(&bench->at.route));
	spool_send(bench->at.route.spool, 2);
	pop_and_settle(bench, 0, 2);
	assert_null(route_pop(&bench->at.route));
	bench_close(bench);
	bench_open(bench, SIZE_MAX, 64 << 20, WHEN_FULL_DROP_OLDEST, &plan);
	assert_int_equal(spool_cut(bench->at.route.spool, 2), 0);
	assert_int_equal(spool_kept(bench->at.route.spool).rows, 0);
	bench_close(bench);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(rows_come_out_in_order_however_many_fit_into_memory),
		CASE(what_was_not_settled_is_there_after_a_restart),
		CASE(who_waits_hears_once_rows_are_on_the_disk_and_not_when_they_are_delivered),
		CASE(a_full_queue_drops_its_oldest_rows_and_books_them),
		CASE(an_output_that_takes_frames_gets_records_under_the_journals_own_name),
		CASE(a_frame_that_came_before_is_taken_once_also_after_a_restart),
		CASE(a_pipeline_settles_a_record_when_it_has_let_go_of_its_rows),
		CASE(after_a_crash_a_pipeline_gets_what_was_not_settled_and_knows_what_it_had),
		CASE(nothing_is_sent_on_before_it_is_committed_and_the_rest_can_be_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

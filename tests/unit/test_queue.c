// SPDX-License-Identifier: Apache-2.0
/* What core/queue.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "made.h"
#include "queue.h"

enum { ROWS = 50 };

/* What a batch of ROWS rows retains. */
static size_t batch_size(void)
{
	struct sonde_batch *batch = finished_batch(0, ROWS);
	size_t bytes = batch_bytes(batch);

	batch_release(batch);
	return bytes;
}

static void batches_come_out_in_the_order_of_going_in(void **state)
{
	struct queue queue = { .limit_bytes = SIZE_MAX };
	uint64_t next_in = 0, next_out = 0;

	/* In and out at different speeds, so that the ring wraps and grows. */
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 5; i++)
			assert_int_equal(queue_push(&queue, finished_batch(next_in++, 1)), 0);
		for (int i = 0; i < 3; i++) {
			struct sonde_batch *batch = queue_pop(&queue);

			assert_int_equal(first_number(batch), next_out++);
			batch_release(batch);
		}
	}
	assert_int_equal(queue.count, next_in - next_out);
	queue_clear(&queue);
}

static void an_empty_queue_has_nothing_to_give(void **state)
{
	struct queue queue = { .limit_bytes = 1 };

	assert_null(queue_pop(&queue));
}

static void rows_events_and_bytes_are_those_of_what_is_queued(void **state)
{
	struct queue queue = { .limit_bytes = SIZE_MAX };
	size_t bytes = batch_size();

	queue_push(&queue, finished_batch(0, ROWS));
	queue_push(&queue, finished_batch(0, ROWS));
	assert_int_equal(queue.rows, 2 * ROWS);
	assert_int_equal(queue.events, 2 * ROWS * 3);
	assert_int_equal(queue.bytes, 2 * bytes);
	batch_release(queue_pop(&queue));
	assert_int_equal(queue.rows, ROWS);
	assert_int_equal(queue.events, ROWS * 3);
	assert_int_equal(queue.bytes, bytes);
	queue_clear(&queue);
	assert_int_equal(queue.rows, 0);
	assert_int_equal(queue.bytes, 0);
}

static void a_full_queue_takes_no_more_and_leaves_the_batch_to_its_owner(void **state)
{
	struct queue queue = { .limit_bytes = 2 * batch_size() };
	struct sonde_batch *third = finished_batch(0, ROWS);

	assert_int_equal(queue_push(&queue, finished_batch(0, ROWS)), 0);
	assert_int_equal(queue_push(&queue, finished_batch(0, ROWS)), 0); /* exactly full */
	assert_int_equal(queue_push(&queue, third), -EAGAIN);
	assert_int_equal(queue.count, 2);
	batch_release(third);
	queue_clear(&queue);
}

static void an_empty_queue_takes_a_batch_that_is_larger_than_its_limit(void **state)
{
	struct queue queue = { .limit_bytes = 1 };
	struct sonde_batch *second = finished_batch(0, ROWS);

	assert_int_equal(queue_push(&queue, finished_batch(0, ROWS)), 0);
	assert_int_equal(queue_push(&queue, second), -EAGAIN);
	batch_release(queue_pop(&queue));
	assert_int_equal(queue_push(&queue, second), 0);
	queue_clear(&queue);
}

static void a_sender_that_stops_by_itself_may_go_over_the_limit(void **state)
{
	struct queue queue = { .limit_bytes = 1 };

	for (int i = 0; i < 100; i++)
		assert_int_equal(queue_push_over(&queue, finished_batch(0, 1)), 0);
	assert_int_equal(queue.count, 100);
	queue_clear(&queue);
}

static void room_that_was_promised_is_not_given_to_others(void **state)
{
	size_t bytes = batch_size();
	struct queue queue = { .limit_bytes = 2 * bytes };
	struct sonde_batch *batch = finished_batch(0, ROWS);

	assert_int_equal(queue_reserve(&queue, 2 * bytes), 0);
	assert_int_equal(queue_reserve(&queue, 1), -EAGAIN);
	assert_int_equal(queue_push(&queue, batch), -EAGAIN);
	queue_unreserve(&queue, bytes);
	assert_int_equal(queue_push(&queue, batch), 0);
	assert_int_equal(queue_reserve(&queue, 1), -EAGAIN);
	queue_clear(&queue);
}

static void room_beside_what_is_queued_can_be_promised(void **state)
{
	size_t bytes = batch_size();
	struct queue queue = { .limit_bytes = 3 * bytes };

	queue_push(&queue, finished_batch(0, ROWS));
	assert_int_equal(queue_reserve(&queue, 2 * bytes + 1), -EAGAIN);
	assert_int_equal(queue_reserve(&queue, 2 * bytes), 0);
	queue_clear(&queue);
}

static void more_than_the_limit_is_never_promised(void **state)
{
	struct queue queue = { .limit_bytes = 100 };

	assert_int_equal(queue_reserve(&queue, 101), -EMSGSIZE);
	assert_int_equal(queue_reserve(&queue, SIZE_MAX), -EMSGSIZE);
	assert_int_equal(queue_reserve(&queue, 100), 0);
	assert_int_equal(queue_reserve(&queue, 101), -EMSGSIZE);
}

static void nothing_is_promised_while_a_sender_went_over_the_limit(void **state)
{
	struct queue queue = { .limit_bytes = 10 };

	queue_push_over(&queue, finished_batch(0, ROWS));
	assert_int_equal(queue_reserve(&queue, 1), -EAGAIN);
	assert_int_equal(queue_reserve(&queue, 10), -EAGAIN);
	queue_clear(&queue);
}

static void what_was_taken_out_and_comes_back_is_the_first_again(void **state)
{
	struct queue queue = { .limit_bytes = SIZE_MAX };
	struct sonde_batch *first, *second;
	uint64_t next = 0;

	for (uint64_t i = 0; i < 8; i++)
		queue_push(&queue, finished_batch(i, 1));
	first = queue_pop(&queue);
	second = queue_pop(&queue);
	for (uint64_t i = 8; i < 10; i++) /* the ring is full again, and grows */
		queue_push(&queue, finished_batch(i, 1));
	assert_int_equal(queue_push_head(&queue, second), 0);
	assert_int_equal(queue_push_head(&queue, first), 0);
	assert_int_equal(queue.rows, 10);
	while ((first = queue_pop(&queue))) {
		assert_int_equal(first_number(first), next++);
		batch_release(first);
	}
	assert_int_equal(next, 10);
	assert_int_equal(queue.bytes, 0);
	queue_clear(&queue);
}

static void no_more_than_was_promised_is_given_back(void **state)
{
	struct queue queue = { .limit_bytes = 100 };

	assert_int_equal(queue_reserve(&queue, 60), 0);
	queue_unreserve(&queue, 1000);
	assert_int_equal(queue.reserved_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_come_out_in_the_order_of_going_in),
		cmocka_unit_test(an_empty_queue_has_nothing_to_give),
		cmocka_unit_test(rows_events_and_bytes_are_those_of_what_is_queued),
		cmocka_unit_test(a_full_queue_takes_no_more_and_leaves_the_batch_to_its_owner),
		cmocka_unit_test(an_empty_queue_takes_a_batch_that_is_larger_than_its_limit),
		cmocka_unit_test(a_sender_that_stops_by_itself_may_go_over_the_limit),
		cmocka_unit_test(room_that_was_promised_is_not_given_to_others),
		cmocka_unit_test(room_beside_what_is_queued_can_be_promised),
		cmocka_unit_test(more_than_the_limit_is_never_promised),
		cmocka_unit_test(nothing_is_promised_while_a_sender_went_over_the_limit),
		cmocka_unit_test(no_more_than_was_promised_is_given_back),
		cmocka_unit_test(what_was_taken_out_and_comes_back_is_the_first_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

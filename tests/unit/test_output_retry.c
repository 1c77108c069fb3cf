// SPDX-License-Identifier: Apache-2.0
/* What core/output.h promises of deliveries that are offered again. Memory is refused through a
 * wrapper of calloc(), which the linker puts in place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <cmocka.h>

#include "output_bench.h"

static bool refusing; /* memory */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return refusing ? NULL : __real_calloc(count, size);
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

static void *push_many(void *data)
{
	struct bench *bench = data;

	for (uint64_t i = 0; i < 20000; i++) {
		route_push(&bench->routes[0], finished_batch(i, 1));
		for (volatile uint64_t spin = 0; spin < i % 2000; spin++) {
		}
	}
	return NULL;
}

static void rows_that_come_while_it_looks_elsewhere_do_not_make_it_back_off(void **state)
{
	struct bench bench;
	pthread_t pusher;

	open_bench(&bench, 0, 0);
	tested.counts_only = true;
	assert_int_equal(pthread_create(&pusher, NULL, push_many, &bench), 0);
	while (delivered(&bench) < 20000)
		run(&bench, NS_PER_MS);
	pthread_join(pusher, NULL);
	assert_int_equal(bench.output.retry_count, 0);
	close_bench(&bench);
}

static void rows_that_memory_is_refused_for_are_delivered_once_there_is_some(void **state)
{
	struct bench bench;

	open_bench(&bench, 0, 0);
	push(&bench, 0);
	refusing = true;
	run(&bench, 0);
	refusing = false;
	assert_int_equal(tested.write_count, 0);
	assert_true(bench.output.backing_off);
	assert_int_equal(bench.routes[0].queue.count, 1);
	run(&bench, 20 * NS_PER_MS);
	assert_int_equal(delivered(&bench), ROWS);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_write_is_offered_again_with_the_same_sequence),
		cmocka_unit_test(only_the_batches_that_asked_for_it_are_offered_again),
		cmocka_unit_test(
			the_delay_doubles_up_to_the_longest_and_begins_anew_after_a_success),
		cmocka_unit_test(a_receiver_that_rejects_is_there_again),
		cmocka_unit_test(nothing_is_offered_before_the_time_that_the_receiver_named),
		cmocka_unit_test(the_longest_time_that_the_receiver_named_counts),
		cmocka_unit_test(what_is_older_than_the_retries_that_the_config_allows_expires),
		cmocka_unit_test(rows_that_come_while_it_looks_elsewhere_do_not_make_it_back_off),
		cmocka_unit_test(rows_that_memory_is_refused_for_are_delivered_once_there_is_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The processor aggregate under the test host: windows, late rows, sources, books, knobs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/bpf/histogram.h>
#include <sonde/test.h>

#include "distribution.h"

/* Times begin with those of the test's clock: 1,000,000,000 s, which ten divides. */
#define SECOND(number_) "10000000" #number_ "000000000"

static const char columns[] = "time:time:time call:text wait:duration:duration";

static struct sonde_test *aggregate_create(const char *const *options)
{
	struct sonde_test *test = sonde_test_create_replica(sonde_plugin, 0, 1, options);

	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

#define CREATE(...) aggregate_create((const char *const[]){ __VA_ARGS__, NULL })

static void assert_closed_books(struct sonde_test *test)
{
	struct sonde_test_account account = sonde_test_account(test);
	uint64_t sum = account.out + account.held;

	for (int i = 0; i < SONDE_REDUCTION_COUNT; i++)
		sum += account.reduced[i];
	for (int i = 0; i < SONDE_LOSS_COUNT; i++)
		sum += account.lost[i];
	assert_int_equal(account.in + account.made, sum);
}

static struct sonde_batch *calls(struct sonde_test *test, const char *row)
{
	return sonde_test_table(test, "calls", columns, row, NULL);
}

/* ---- measures ---------------------------------------------------------------------------- */

static void a_row_a_group_says_what_its_rows_come_to(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count, sum(wait), min(wait), max(wait), mean(wait), "
				  "slow = count where wait > 25, first(call), p100(wait)");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " read 10",
						  SECOND(01) " write 20", SECOND(02) " read 30",
						  SECOND(03) " read -", NULL));
	assert_int_equal(sonde_test_row_count(test), 0);
	assert_true(sonde_test_drain(test));
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_string_equal(sonde_test_schema(test, 0), "aggregate");
	assert_int_equal(sonde_test_integer(test, 0, "start_time"), 1000000000000000000);
	assert_int_equal(sonde_test_integer(test, 0, "time"), 1000000010000000000);
	assert_string_equal(sonde_test_text(test, 0, "call"), "read");
	assert_int_equal(sonde_test_integer(test, 0, "count"), 3);
	assert_int_equal(sonde_test_integer(test, 0, "wait"), 40);
	assert_int_equal(sonde_test_integer(test, 0, "wait.min"), 10);
	assert_int_equal(sonde_test_integer(test, 0, "wait.max"), 30);
	assert_int_equal(sonde_test_number(test, 0, "wait.mean"), 20);
	assert_int_equal(sonde_test_integer(test, 0, "slow"), 1);
	assert_int_equal(sonde_test_integer(test, 1, "slow"), 0);
	assert_string_equal(sonde_test_text(test, 1, "call.first"), "write");
	assert_true(sonde_test_number(test, 0, "wait.p100") >= 30);
	assert_true(sonde_test_number(test, 0, "wait.p100") < 30 * 1.1);
	assert_int_equal(sonde_test_integer(test, 0, "events"), 3);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void without_measures_a_table_keeps_its_own(void **state)
{
	struct sonde_test *test = CREATE("by=host");

	sonde_test_process(test,
			   sonde_test_table(test, "load",
					    "time:time:time host:text calls:u64:sum:delta "
					    "depth:double:gauge",
					    SECOND(00) " a 5 0.5", SECOND(02) " a 6 2.5",
					    SECOND(01) " a 7 1.5", SECOND(01) " b 1 -", NULL));
	sonde_test_drain(test);
	assert_string_equal(sonde_test_print(test),
			    "load time=1000000010000000000 start_time=1000000000000000000 "
			    "host=\"a\" calls=18 depth=2.5 events=3\n"
			    "load time=1000000010000000000 start_time=1000000000000000000 "
			    "host=\"b\" calls=1 events=1\n");
	sonde_test_release(test);
}

static void rows_without_measures_are_counted_with_their_durations(void **state)
{
	struct sonde_test *test = CREATE("by=call");
	struct sonde_exponential wait;

	sonde_test_process(test, calls(test, SECOND(00) " read 1024"));
	sonde_test_drain(test);
	assert_string_equal(sonde_test_schema(test, 0), "calls");
	assert_int_equal(sonde_test_integer(test, 0, "count"), 1);
	memcpy(&wait, sonde_value(sonde_column(sonde_test_batch(test, 0), 4), 0), sizeof(wait));
	assert_int_equal(wait.scale, 3);
	assert_int_equal(wait.positive_offset, 79); /* 2^10 is the end of its bucket */
	sonde_test_release(test);
}

static void weights_multiply_what_is_counted_but_not_the_events(void **state)
{
	struct sonde_test *test = CREATE("measures=count, sum(size), mean(size)");

	sonde_test_process(test, sonde_test_table(test, "calls",
						  "time:time:time size:i64 weight:u32:weight",
						  SECOND(00) " 10 5", SECOND(00) " -4 10", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 15);
	assert_int_equal(sonde_test_integer(test, 0, "size"), 10);
	assert_true(sonde_test_number(test, 0, "size.mean") == 10.0 / 15);
	assert_int_equal(sonde_test_integer(test, 0, "events"), 2);
	sonde_test_release(test);
}

static void weights_that_are_not_whole_are_rounded_without_bias(void **state)
{
	struct sonde_test *test = CREATE("measures=count, histogram(wait)");
	struct sonde_exponential wait;

	for (int row = 0; row < 3000; row++)
		sonde_test_process(test, sonde_test_table(test, "calls",
							  "time:time:time wait:duration "
							  "weight:double:weight",
							  SECOND(00) " 7 3.25", NULL));
	sonde_test_drain(test);
	assert_true(sonde_test_number(test, 0, "count") == 9750);
	memcpy(&wait, sonde_value(sonde_column(sonde_test_batch(test, 0), 3), 0), sizeof(wait));
	assert_in_range(wait.count, 9600, 9900); /* six deviations */
	sonde_test_release(test);
}

static void sums_beyond_64_bits_become_real_numbers(void **state)
{
	struct sonde_test *test = CREATE("measures=sum(size)");

	sonde_test_process(test, sonde_test_table(test, "calls", "time:time:time size:u64",
						  SECOND(00) " 18446744073709551615",
						  SECOND(00) " 18446744073709551615", NULL));
	sonde_test_drain(test);
	assert_true(sonde_test_number(test, 0, "size") == 0x1p65);
	sonde_test_release(test);
}

/* The rule of the bucket is that of the kernel's programs, for every number. */
static void buckets_are_those_of_the_kernel(void **state)
{
	uint64_t number = 1;

	for (int i = 0; i < 200000; i++) {
		uint64_t value = number >> (number & 63);

		number = number * 6364136223846793005ull + 1442695040888963407ull;
		if (!value)
			continue;
		assert_int_equal(bucket_of_whole(value), sonde_histogram_index(value));
	}
	for (int bit = 0; bit < 64; bit++) {
		for (int64_t off = bit > 1 ? -1 : 0; off <= 1; off++)
			assert_int_equal(bucket_of_whole((1ull << bit) + (uint64_t)off),
					 sonde_histogram_index((1ull << bit) + (uint64_t)off));
	}
}

/* What the kernel counted, and the rows that it would have made of the same calls. */
static void what_the_kernel_folded_comes_to_the_same(void **state)
{
	static const char measures[] =
		"measures=syscall.calls = count, syscall.errors = count where error.type is not "
		"null, histogram(syscall.duration)";
	struct sonde_test *rows = CREATE("by=syscall.name", measures, "schema=syscalls");
	struct sonde_test *folded = CREATE("by=syscall.name", measures, "schema=syscalls");
	struct sonde_instance *instance = sonde_test_instance(folded);
	static const struct sonde_field duration = { .name = "syscall.duration",
						     .type = SONDE_EXPONENTIAL,
						     .role = SONDE_ROLE_HISTOGRAM,
						     .temporality = SONDE_DELTA,
						     .unit = "ns" };
	struct sonde_exponential head = {
		.count = 3, .scale = 3, .sum = 4200, .flags = SONDE_HAS_SUM, .positive_length = 20
	};
	struct sonde_batch *batch;
	struct sonde_column *column;
	uint64_t *heap;

	sonde_test_process(
		rows, sonde_test_table(rows, "syscalls.event",
				       "time:time:time syscall.name:text error.type:text "
				       "syscall.duration:duration:duration",
				       SECOND(01) " read - 1000", SECOND(02) " read EIO 1200",
				       SECOND(03) " read - 2000", SECOND(03) " read EIO -", NULL));
	batch = sonde_test_table(folded, "syscalls",
				 "time:time:time start_time:time:start_time syscall.name:text "
				 "syscall.calls:u64:sum:delta syscall.errors:u64:sum:delta "
				 "events:u64:events",
				 SECOND(05) " " SECOND(00) " read 4 2 4", NULL);
	column = sonde_batch_add(instance, batch, &duration, NULL);
	heap = sonde_batch_heap(instance, batch, batch->column_count - 1, 20, &head.positive_start);
	head.positive_offset = sonde_histogram_index(1000);
	heap[0] = 1;
	heap[sonde_histogram_index(1200) - head.positive_offset]++;
	heap[sonde_histogram_index(2000) - head.positive_offset]++;
	memcpy(column->base, &head, sizeof(head));
	sonde_test_process(folded, batch);
	/* The kernel's rows of errors stand for no events: their calls are counted above. */
	sonde_test_process(folded,
			   sonde_test_table(folded, "syscalls.errors",
					    "time:time:time start_time:time:start_time "
					    "syscall.name:text error.type:text "
					    "syscall.failures:u64:sum:delta events:u64:events",
					    SECOND(05) " " SECOND(00) " read EIO 2 0", NULL));
	sonde_test_drain(rows);
	sonde_test_drain(folded);
	assert_int_equal(sonde_test_row_count(rows), 1);
	assert_string_equal(sonde_test_print(rows), sonde_test_print(folded));
	assert_closed_books(folded);
	sonde_test_release(rows);
	sonde_test_release(folded);
}

/* Edge and region with the same measures: as if all had come to the region. */
static void windows_over_windows_of_the_same_measures_are_exact(void **state)
{
	static const char measures[] = "measures=count, slow = count where wait > 25, sum(wait), "
				       "max(wait), spread = histogram(wait)";
	struct sonde_test *edge = CREATE("by=call", measures, "window=1s");
	struct sonde_test *region = CREATE("by=call", measures);
	struct sonde_test *alone = CREATE("by=call", measures);
	static const char *const rows[] = { SECOND(00) " read 10", SECOND(01) " read 70",
					    SECOND(01) " write 26", SECOND(02) " read -",
					    SECOND(09) " read 5" };

	for (int i = 0; i < 5; i++) {
		sonde_test_process(edge, calls(edge, rows[i]));
		sonde_test_process(alone, calls(alone, rows[i]));
	}
	sonde_test_drain(edge);
	assert_int_equal(sonde_test_batch_count(edge), 4);
	for (uint32_t i = 0; i < sonde_test_batch_count(edge); i++)
		sonde_test_process(region, sonde_batch_hold(sonde_test_instance(edge),
							    sonde_test_batch(edge, i)));
	sonde_test_drain(region);
	sonde_test_drain(alone);
	assert_string_equal(sonde_test_print(region), sonde_test_print(alone));
	assert_int_equal(sonde_test_account(region).lost[SONDE_LOST_REJECTED], 0);
	sonde_test_forget(edge, SONDE_DONE, NULL); /* each has what the other waits for */
	sonde_test_forget(region, SONDE_DONE, NULL);
	sonde_test_release(region);
	sonde_test_release(alone);
	sonde_test_release(edge);
}

static void what_cannot_be_added_up_goes_on_as_it_is(void **state)
{
	struct sonde_test *test = CREATE("by=host");

	assert_int_equal(sonde_test_process(test, sonde_test_table(test, "net",
								   "time:time:time host:text "
								   "bytes:u64:sum:cumulative",
								   SECOND(00) " a 5", NULL)),
			 SONDE_PASS);
	assert_string_equal(sonde_test_schema(test, 0), "net");
	assert_true(sonde_test_logged(test, "rows of net cannot be aggregated, and go on as they "
					    "are: bytes is not of delta temporality"));
	assert_int_equal(sonde_test_counter(test, "passed_batches"), 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void columns_that_are_missing_or_do_not_fit_are_counted(void **state)
{
	struct sonde_test *test =
		CREATE("by=call, nowhere", "measures=count, bad = sum(call), max(wait)");

	sonde_test_process(test, calls(test, SECOND(00) " read 1"));
	sonde_test_process(test, calls(test, SECOND(00) " read 2"));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "wait.max"), 2);
	assert_int_equal(sonde_test_counter(test, "missing_batches"), 2);
	assert_int_equal(sonde_test_counter(test, "mismatched_batches"), 2);
	assert_true(sonde_test_logged(test, "warning: rows of calls: bad: call is of a type that "
					    "does not fit here: it has no values"));
	sonde_test_release(test);
}

/* ---- windows ----------------------------------------------------------------------------- */

static void a_window_closes_when_its_source_has_passed_its_end_and_the_lateness(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=2s");

	sonde_test_advance(test, 20 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(03) " read 1"));
	sonde_test_process(test, calls(test, SECOND(11) " read 1"));
	sonde_test_process(test, calls(test, SECOND(09) " read 1")); /* not too late */
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, calls(test, SECOND(12) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 2);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	sonde_test_release(test);
}

static const char hosts[] = "time:time:time host:text";

static struct sonde_batch *from(struct sonde_test *test, const char *row)
{
	return sonde_test_table(test, "calls", hosts, row, NULL);
}

static void a_source_that_is_behind_keeps_its_windows_open(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, from(test, SECOND(01) " a"));
	sonde_test_process(test, from(test, SECOND(02) " b"));
	sonde_test_process(test, from(test, SECOND(15) " a"));
	sonde_test_process(test, from(test, SECOND(25) " a"));
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, from(test, SECOND(08) " b"));
	sonde_test_process(test, from(test, SECOND(10) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 3);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void a_source_that_is_ahead_closes_nobodys_window(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s", "idle=30s");

	for (int second = 0; second < 10; second++) {
		char ahead[64], right[64];

		snprintf(ahead, sizeof(ahead), "%lld a",
			 1000001800000000000ll + second * 1000000000ll);
		snprintf(right, sizeof(right), "%lld b",
			 1000000000000000000ll + second * 1000000000ll);
		sonde_test_process(test, from(test, ahead));
		sonde_test_process(test, from(test, right));
		sonde_test_advance(test, SONDE_TEST_SECOND);
	}
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, from(test, SECOND(10) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 10);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	sonde_test_release(test);
}

static void a_silent_source_is_not_waited_for(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s", "idle=5s");

	sonde_test_process(test, from(test, SECOND(00) " silent"));
	sonde_test_advance(test, 12 * SONDE_TEST_SECOND);
	sonde_test_process(test, from(test, SECOND(12) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_release(test);
}

static void when_no_more_rows_come_windows_close_by_the_clock(void **state)
{
	struct sonde_test *test = CREATE("by=call", "idle=5s");

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_advance(test, 4 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_advance(test, 2 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_account(test).held, 0);
	sonde_test_release(test);
}

static void late_rows_get_a_window_of_their_own(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(20) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_process(test, calls(test, SECOND(02) " read 1"));
	sonde_test_process(test, calls(test, SECOND(03) " read 1"));
	assert_int_equal(sonde_test_counter(test, "late_rows"), 2);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_int_equal(sonde_test_integer(test, 1, "start_time"), 1000000000000000000);
	assert_int_equal(sonde_test_integer(test, 1, "count"), 2);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void late_rows_are_rejected_where_that_is_asked_for(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s", "late=drop");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(20) " read 1"));
	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(02) " read 1",
						  SECOND(22) " read 1", NULL));
	assert_int_equal(sonde_test_counter(test, "late_rows"), 1);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 2);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_REJECTED], 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void rows_far_ahead_are_rejected(void **state)
{
	struct sonde_test *test = CREATE("by=call", "future=1m");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(61) " read 1",
						  SECOND(02) " read 1", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "future_rows"), 1);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_REJECTED], 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void rows_without_a_time_are_taken_as_of_now(void **state)
{
	struct sonde_test *test = CREATE("by=call");

	sonde_test_process(test, calls(test, "- read 1"));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_integer(test, 0, "start_time"), 1000000000000000000);
	assert_int_equal(sonde_test_counter(test, "untimed_rows"), 1);
	sonde_test_release(test);
}

static void windows_slide_and_each_event_goes_with_the_last(void **state)
{
	struct sonde_test *test = CREATE("measures=count", "slide=5s");
	struct sonde_test_account account;

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(06) " read 1"));
	sonde_test_process(test, calls(test, SECOND(07) " read 1"));
	sonde_test_drain(test);
	assert_string_equal(sonde_test_print(test),
			    "aggregate time=1000000005000000000 start_time=999999995000000000 "
			    "count=1 events=0\n"
			    "aggregate time=1000000010000000000 start_time=1000000000000000000 "
			    "count=3 events=1\n"
			    "aggregate time=1000000015000000000 start_time=1000000005000000000 "
			    "count=2 events=2\n");
	account = sonde_test_account(test);
	assert_int_equal(account.held, 0);
	assert_int_equal(account.settled, 0);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 3);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void receipts_wait_for_their_window(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test,
			   sonde_test_table(test, "calls", columns, SECOND(01) " read 1",
					    SECOND(12) " read 1", SECOND(02) " read 1", NULL));
	assert_int_equal(sonde_test_row_count(test), 1); /* of the first window, which has closed */
	assert_int_equal(sonde_test_account(test).held, 1);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 0); /* a row of the batch is held */
	sonde_test_drain(test);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 3);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_AGGREGATED], 1);
	sonde_test_release(test);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void groups_beyond_the_limit_are_one(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count, sum(wait)", "groups=2");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " a 1",
						  SECOND(00) " b 2", SECOND(00) " c 3",
						  SECOND(00) " d 4", SECOND(00) " a 5", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_int_equal(sonde_test_integer(test, 0, "wait"), 6);
	assert_false(sonde_test_has(test, 0, "aggregate.other"));
	assert_false(sonde_test_has(test, 2, "call"));
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	assert_int_equal(sonde_test_integer(test, 2, "wait"), 7);
	assert_int_equal(sonde_test_integer(test, 2, "events"), 2);
	assert_int_equal(sonde_test_counter(test, "other_rows"), 2);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void only_the_top_groups_go_on_by_themselves(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count, max(wait)", "top=2", "top_by=wait.max");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " a 1",
						  SECOND(00) " b 9", SECOND(00) " c 3",
						  SECOND(00) " d 4", SECOND(00) " a 2", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_string_equal(sonde_test_text(test, 0, "call"), "b");
	assert_string_equal(sonde_test_text(test, 1, "call"), "d");
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	assert_int_equal(sonde_test_integer(test, 2, "count"), 3);
	assert_int_equal(sonde_test_integer(test, 2, "wait.max"), 3);
	assert_int_equal(sonde_test_integer(test, 2, "events"), 3);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void others_of_others_stay_others(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count");

	sonde_test_process(test, sonde_test_table(test, "calls",
						  "time:time:time call:text aggregate.other:bool",
						  SECOND(00) " a -", SECOND(00) " - true",
						  SECOND(00) " - -", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_false(sonde_test_has(test, 1, "aggregate.other"));
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	sonde_test_release(test);
}

/* Texts that differ in every row, window after window: what is held stays within the bound. */
static void memory_stays_within_its_bound(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count", "groups=100000", "memory=1MiB", "lateness=0s");
	uint64_t rows = 0;

	for (int second = 0; second < 40; second++) {
		struct sonde_instance *instance = sonde_test_instance(test);
		struct sonde_batch *batch =
			sonde_batch_table(instance, "calls", SONDE_SIGNAL_LOG, 2000);
		static const struct sonde_field time = { .name = "time",
							 .type = SONDE_TIME,
							 .role = SONDE_ROLE_TIME };
		static const struct sonde_field call = { .name = "call", .type = SONDE_TEXT };
		struct sonde_dictionary *texts = sonde_dictionary_create(instance, false);
		int64_t now = sonde_test_now_ns(test);
		struct sonde_column *column;
		char text[64];

		sonde_batch_constant(instance, batch, &time, NULL, &now);
		column = sonde_batch_add(instance, batch, &call, texts);
		for (uint32_t row = 0; row < 2000; row++) {
			int length = snprintf(text, sizeof(text), "a text of its own: %d %u",
					      second, row);
			uint32_t code = sonde_dictionary_add(instance, texts, text, (size_t)length);

			memcpy(column->base + row * column->stride, &code, sizeof(code));
		}
		sonde_dictionary_release(instance, texts);
		sonde_test_process(test, batch);
		sonde_test_advance(test, SONDE_TEST_SECOND);
		assert_true(sonde_test_report_number(test, "windows", "open", "memory") <
			    1.5 * 1024 * 1024);
	}
	sonde_test_drain(test);
	assert_true(sonde_test_counter(test, "other_rows") > 0);
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++)
		rows += (uint64_t)sonde_test_integer(test, row, "count");
	assert_int_equal(rows, 80000);
	assert_true(sonde_test_row_count(test) > 8000); /* texts of old windows have left */
	assert_closed_books(test);
	sonde_test_release(test);
}

static void refused_memory_loses_no_row_unseen(void **state)
{
	uint32_t n = 0;
	bool came;

	do {
		struct sonde_test *test = CREATE("by=call", "slide=5s",
						 "measures=count, last(call), "
						 "histogram(wait)");
		struct sonde_batch *batches[] = { calls(test, SECOND(01) " read 1"),
						  calls(test, SECOND(06) " write 2") };

		sonde_test_refuse_memory(test, ++n);
		for (int i = 0; i < 2; i++)
			sonde_test_process(test, batches[i]);
		sonde_test_drain(test);
		came = sonde_test_refuse_memory(test, 0);
		sonde_test_drain(test); /* what could not be emitted is still held */
		assert_int_equal(sonde_test_account(test).held, 0);
		assert_closed_books(test);
		sonde_test_release(test);
	} while (came);
	assert_true(n > 10);
}

/* ---- options ----------------------------------------------------------------------------- */

static void a_changed_knob_emits_what_is_open_first(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count");

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	assert_true(sonde_test_set(test, "slide", "3s") < 0);
	assert_non_null(strstr(sonde_test_error(), "a whole part of the window"));
	assert_int_equal(sonde_test_row_count(test), 0);
	assert_int_equal(sonde_test_set(test, "by", "wait"), 0);
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_false(sonde_test_has(test, 1, "call"));
	assert_int_equal(sonde_test_integer(test, 1, "wait"), 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void what_is_wrong_is_a_problem_with_its_place(void **state)
{
	static const struct {
		const char *option, *problem;
	} wrong[] = {
		{ "measures=cnt", "\"cnt\": at 1: a function is expected: count, sum" },
		{ "measures=sum(wait", "at 5: a closing bracket is missing" },
		{ "measures=sum", "at 4: a column in brackets is expected" },
		{ "measures=count(wait)", "count takes no column" },
		{ "measures=slow = count where wait >", "at 26: a name or a value is missing" },
		{ "measures=count if wait > 5", "\"where\" and a condition are expected" },
		{ "measures=[\"histogram(wait, 99)\"]",
		  "a scale is a whole number from -10 to 20" },
		{ "measures=sum(wait), histogram(wait)", "two measures are called wait" },
		{ "measures=p101(wait)", "a function is expected" },
		{ "by=a = 5", "the name of a column is expected" },
		{ "top_by=nothing", "" },
		{ "slide=3s", "a whole part of the window" },
	};

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sonde_test *test =
			sonde_test_create(sonde_plugin, wrong[i].option,
					  *wrong[i].problem ? NULL : "measures=count", NULL);

		if (test || !strstr(sonde_test_error(), wrong[i].problem))
			fail_msg("%s: %s", wrong[i].option, sonde_test_error());
		sonde_test_release(test);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_a_group_says_what_its_rows_come_to),
		cmocka_unit_test(without_measures_a_table_keeps_its_own),
		cmocka_unit_test(rows_without_measures_are_counted_with_their_durations),
		cmocka_unit_test(weights_multiply_what_is_counted_but_not_the_events),
		cmocka_unit_test(weights_that_are_not_whole_are_rounded_without_bias),
		cmocka_unit_test(sums_beyond_64_bits_become_real_numbers),
		cmocka_unit_test(buckets_are_those_of_the_kernel),
		cmocka_unit_test(what_the_kernel_folded_comes_to_the_same),
		cmocka_unit_test(windows_over_windows_of_the_same_measures_are_exact),
		cmocka_unit_test(what_cannot_be_added_up_goes_on_as_it_is),
		cmocka_unit_test(columns_that_are_missing_or_do_not_fit_are_counted),
		cmocka_unit_test(
			a_window_closes_when_its_source_has_passed_its_end_and_the_lateness),
		cmocka_unit_test(a_source_that_is_behind_keeps_its_windows_open),
		cmocka_unit_test(a_source_that_is_ahead_closes_nobodys_window),
		cmocka_unit_test(a_silent_source_is_not_waited_for),
		cmocka_unit_test(when_no_more_rows_come_windows_close_by_the_clock),
		cmocka_unit_test(late_rows_get_a_window_of_their_own),
		cmocka_unit_test(late_rows_are_rejected_where_that_is_asked_for),
		cmocka_unit_test(rows_far_ahead_are_rejected),
		cmocka_unit_test(rows_without_a_time_are_taken_as_of_now),
		cmocka_unit_test(windows_slide_and_each_event_goes_with_the_last),
		cmocka_unit_test(receipts_wait_for_their_window),
		cmocka_unit_test(groups_beyond_the_limit_are_one),
		cmocka_unit_test(only_the_top_groups_go_on_by_themselves),
		cmocka_unit_test(others_of_others_stay_others),
		cmocka_unit_test(memory_stays_within_its_bound),
		cmocka_unit_test(refused_memory_loses_no_row_unseen),
		cmocka_unit_test(a_changed_knob_emits_what_is_open_first),
		cmocka_unit_test(what_is_wrong_is_a_problem_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

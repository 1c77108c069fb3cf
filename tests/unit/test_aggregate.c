// SPDX-License-Identifier: Apache-2.0
/* The processor aggregate under the test host: what its rows say. */
#include "aggregate_fixture.h"
#include <sonde/bpf/histogram.h>

#include "distribution.h"

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

/* A batch of one row with a histogram of bounds 10 and `bound`, of counts 1, 2 and 3. */
static struct sonde_batch *bounded(struct sonde_test *test, double bound)
{
	struct sonde_instance *instance = sonde_test_instance(test);
	static const struct sonde_field field = { .name = "size",
						  .type = SONDE_EXPLICIT,
						  .role = SONDE_ROLE_HISTOGRAM,
						  .temporality = SONDE_DELTA };
	struct sonde_batch *batch = sonde_test_table(
		test, "sizes", "time:time:time weight:u32:weight", SECOND(01) " 2", NULL);
	struct sonde_column *column = sonde_batch_add(instance, batch, &field, NULL);
	struct sonde_explicit head = {
		.count = 6, .sum = 100, .flags = SONDE_HAS_SUM, .length = 3
	};
	uint64_t *heap =
		sonde_batch_heap(instance, batch, batch->column_count - 1, 5, &head.counts_start);

	head.bounds_start = head.counts_start + 3;
	memcpy(heap, (uint64_t[]){ 1, 2, 3 }, 3 * sizeof(*heap));
	memcpy(heap + 3, (double[]){ 10, bound }, 2 * sizeof(*heap));
	memcpy(column->base, &head, sizeof(head));
	return batch;
}

static void histograms_of_equal_bounds_are_added_and_others_counted(void **state)
{
	struct sonde_test *test = CREATE("measures=[\"histogram(size)\", \"all = sum(size)\"]");
	const struct sonde_column *column;
	struct sonde_explicit size;

	sonde_test_process(test, bounded(test, 20));
	sonde_test_process(test, bounded(test, 20));
	sonde_test_process(test, bounded(test, 30));
	assert_int_equal(sonde_test_counter(test, "unmerged_values"), 1);
	sonde_test_drain(test);
	column = sonde_column(sonde_test_batch(test, 0), 2);
	memcpy(&size, sonde_value(column, 0), sizeof(size));
	assert_int_equal(size.count, 24); /* each row stands for two */
	assert_true(size.sum == 400);
	assert_int_equal(size.length, 3);
	assert_int_equal(column->heap[size.counts_start], 4);
	assert_int_equal(column->heap[size.counts_start + 2], 12);
	assert_memory_equal(&column->heap[size.bounds_start], ((double[]){ 10, 20 }), 16);
	assert_true(sonde_test_number(test, 0, "all") == 600);
	sonde_test_release(test);
}

static void histograms_reach_as_far_as_numbers_do(void **state)
{
	struct sonde_test *test = CREATE("measures=[\"histogram(x)\", \"p50(x)\"]");
	struct sonde_exponential head;

	sonde_test_process(test, sonde_test_table(test, "numbers", "time:time:time x:double",
						  SECOND(01) " 1e-300", SECOND(01) " -5",
						  SECOND(01) " 0", SECOND(01) " 1e300",
						  SECOND(01) " inf", SECOND(01) " 7", NULL));
	assert_int_equal(sonde_test_counter(test, "unmerged_values"), 2); /* once a measure */
	sonde_test_drain(test);
	memcpy(&head, sonde_value(sonde_column(sonde_test_batch(test, 0), 2), 0), sizeof(head));
	assert_int_equal(head.count, 5);
	assert_int_equal(head.zero_count, 1);
	assert_int_equal(head.negative_length, 1);
	assert_true(head.scale < 0); /* the scale that 640 buckets are enough for */
	assert_true(head.positive_length <= 640);
	sonde_test_release(test);
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

/* ---- what inputs may do ------------------------------------------------------------------ */

static void it_asks_for_tables_of_its_measures(void **state)
{
	struct sonde_test *test = sonde_test_create(
		sonde_plugin, "by=host, `odd name`",
		"measures=calls = count, errors = count where error is not null and wait > 5, "
		"histogram(wait), top = max(wait)",
		"window=10s", "slide=2s", NULL);

	assert_non_null(test);
	assert_string_equal(sonde_test_asks(test),
			    "by host, odd name: calls = count(), errors = count() where error is "
			    "not null and wait > 5, wait = histogram(wait, 3), top = max(wait), "
			    "every 2s\n...\n");
	sonde_test_release(test);
}

static void it_asks_for_nothing_that_there_are_no_words_for(void **state)
{
	static const char *const measures[] = {
		"measures=",
		"measures=mean(wait)",
		"measures=count where a = 1 or b = 2",
		"measures=sum(resource['x'])",
	};

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		struct sonde_test *test = sonde_test_create(sonde_plugin, measures[i], NULL);

		assert_non_null(test);
		assert_string_equal(sonde_test_asks(test), "...\n");
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
		cmocka_unit_test(histograms_of_equal_bounds_are_added_and_others_counted),
		cmocka_unit_test(histograms_reach_as_far_as_numbers_do),
		cmocka_unit_test(windows_over_windows_of_the_same_measures_are_exact),
		cmocka_unit_test(what_cannot_be_added_up_goes_on_as_it_is),
		cmocka_unit_test(columns_that_are_missing_or_do_not_fit_are_counted),
		cmocka_unit_test(it_asks_for_tables_of_its_measures),
		cmocka_unit_test(it_asks_for_nothing_that_there_are_no_words_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

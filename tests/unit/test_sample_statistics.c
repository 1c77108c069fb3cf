// SPDX-License-Identifier: Apache-2.0
/* What the processor sample promises of numbers: estimates that are right on average, choices that
 * are even. All seeds are fixed, so that nothing here is left to chance; the bounds are those that
 * an honest choice meets but once in some millions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "choice.h"
#include "sample_fixture.h"

static const double SIGMAS = 5;

/* The mean and the variance of estimates of a known number. */
struct estimates {
	double sum, squares;
	uint32_t count;
};

static void estimate_add(struct estimates *estimates, double value)
{
	estimates->sum += value;
	estimates->squares += value * value;
	estimates->count++;
}

static double estimate_mean(const struct estimates *estimates)
{
	return estimates->sum / estimates->count;
}

static double estimate_variance(const struct estimates *estimates)
{
	double mean = estimate_mean(estimates);

	return (estimates->squares - mean * mean * estimates->count) / (estimates->count - 1);
}

/* The mean is the truth, as far as so many estimates can tell. */
static void check_unbiased(const struct estimates *estimates, double truth)
{
	double error = sqrt(estimate_variance(estimates) / estimates->count);

	assert_true(error > 0);
	assert_true(fabs(estimate_mean(estimates) - truth) < SIGMAS * error);
}

/* ---- ratios ------------------------------------------------------------------------------ */

static void random_choices_count_right_on_average_and_scatter_as_they_must(void **state)
{
	enum { RUNS = 300, ROWS = 1000 };
	struct sonde_test *test = sample_create("ratio=10%", "seed=1", NULL);
	struct estimates estimates = { 0 };
	double variance = ROWS * 0.9 / 0.1, scatter;

	for (uint32_t run = 0; run < RUNS; run++) {
		sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
		estimate_add(&estimates, sample_weights(test));
		sonde_test_forget(test, SONDE_DONE, NULL);
	}
	check_unbiased(&estimates, ROWS);
	scatter = estimate_variance(&estimates) / variance;
	assert_true(fabs(scatter - 1) < SIGMAS * sqrt(2.0 / RUNS));
	sonde_test_release(test);
}

/* Whether so many keys in order are kept as evenly as by chance: chi-square over groups of them. */
static void check_even(const char *key, const char *seed, uint32_t step)
{
	enum { GROUPS = 100, ROWS = 1000 };
	struct sonde_test *test = sample_create("ratio=20%", key, seed, NULL);
	double expected = ROWS * 0.2, square = 0;

	for (uint32_t group = 0; group < GROUPS; group++) {
		double off;

		sonde_test_process(test,
				   sample_rows(test, (struct sample_shape){ group * ROWS * step,
									    step, ROWS }));
		off = sonde_test_row_count(test) - expected;
		square += off * off / (expected * 0.8);
		sonde_test_forget(test, SONDE_DONE, NULL);
	}
	assert_true(fabs(square - GROUPS) < SIGMAS * sqrt(2.0 * GROUPS));
	sonde_test_release(test);
}

static void keys_in_order_are_kept_as_evenly_as_by_chance(void **state)
{
	check_even("key=process.pid", "seed=0", 1);
	check_even("key=process.pid", "seed=0", 4096);
	check_even("key=process.pid, number", "seed=0", 1);
	check_even("key=process.pid", "seed=1", 1);
	check_even("key=trace_id", "seed=0", 1);
}

static void counts_by_key_are_right_on_average_over_seeds(void **state)
{
	enum { RUNS = 300, ROWS = 1000 };
	struct estimates estimates = { 0 };

	for (uint32_t run = 1; run <= RUNS; run++) {
		struct sonde_test *test;
		char seed[32];

		(void)snprintf(seed, sizeof(seed), "seed=%u", run);
		test = sample_create("ratio=1/3", "key=name", seed, NULL);
		sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
		estimate_add(&estimates, sample_weights(test));
		sonde_test_release(test);
	}
	check_unbiased(&estimates, ROWS);
}

static void samplers_by_key_one_after_the_other_stay_right(void **state)
{
	enum { RUNS = 200, ROWS = 1000 };
	struct estimates estimates = { 0 };
	uint64_t kept = 0;

	for (uint32_t run = 1; run <= RUNS; run++) {
		struct sonde_test *first, *second;
		char seed[32];

		(void)snprintf(seed, sizeof(seed), "seed=%u", run);
		first = sample_create("ratio=50%", "key=process.pid", seed, NULL);
		second = sample_create("ratio=50%", "key=process.pid", seed, NULL);
		sonde_test_process(first, sample_rows(first, (struct sample_shape){ 0, 1, ROWS }));
		sample_pass(first, second);
		estimate_add(&estimates, sample_weights(second));
		kept += sonde_test_row_count(second);
		sonde_test_release(second);
		sonde_test_release(first);
	}
	check_unbiased(&estimates, ROWS);
	assert_in_range(kept, RUNS * ROWS * 0.245, RUNS * ROWS * 0.255);
}

static void rules_count_right_on_average(void **state)
{
	enum { RUNS = 300, ROWS = 1000 };
	struct sonde_test *test =
		sample_create("ratio=5%", "seed=4", "always=number < 50",
			      "rules=( { when = \"number < 300\"; ratio = 0.5; } )", NULL);
	struct estimates estimates = { 0 };

	for (uint32_t run = 0; run < RUNS; run++) {
		sonde_test_process(test,
				   sample_rows(test, (struct sample_shape){ 0, 1, ROWS, 0, 0, 3 }));
		estimate_add(&estimates, sample_weights(test));
		sonde_test_forget(test, SONDE_DONE, NULL);
	}
	check_unbiased(&estimates, 3 * ROWS);
	sonde_test_release(test);
}

/* ---- rates ------------------------------------------------------------------------------- */

enum { LIMIT_KEYS = 3 };

/* Batches of very different sizes and distances, of keys of very different rates. */
struct traffic {
	struct limit limit;
	uint64_t random;
	int64_t now_ns;
	double truth[LIMIT_KEYS], estimate[LIMIT_KEYS];
	uint32_t kept[LIMIT_KEYS], batches;
};

static uint32_t traffic_draw(struct traffic *traffic, uint32_t below)
{
	return (uint32_t)((key_mix(++traffic->random) >> 32) * below >> 32);
}

static void traffic_batch(struct traffic *traffic)
{
	static const uint32_t most[LIMIT_KEYS] = { 3, 40, 900 };
	uint32_t counts[LIMIT_KEYS], indices[LIMIT_KEYS] = { 0 };

	traffic->now_ns += traffic_draw(traffic, 10) ? traffic_draw(traffic, 300000000) : 0;
	limit_begin(&traffic->limit, traffic->now_ns);
	for (uint32_t key = 0; key < LIMIT_KEYS; key++) {
		counts[key] = traffic_draw(traffic, most[key] + 1);
		for (uint32_t row = 0; row < counts[key]; row++)
			indices[key] = limit_count(&traffic->limit, key + 100, traffic->now_ns);
	}
	limit_settle(&traffic->limit, traffic->now_ns, key_mix(++traffic->random));
	for (uint32_t key = 0; key < LIMIT_KEYS; key++) {
		traffic->truth[key] += counts[key];
		for (uint32_t row = 0; row < counts[key]; row++) {
			if (!limit_keep(&traffic->limit, indices[key]))
				continue;
			traffic->kept[key]++;
			traffic->estimate[key] += 1 / traffic->limit.buckets[indices[key]].chance;
		}
	}
	traffic->batches++;
}

static void limited_keys_count_right_on_average(void **state)
{
	enum { RUNS = 2000, BATCHES = 40 };
	struct estimates errors[LIMIT_KEYS] = { 0 };

	for (uint32_t run = 0; run < RUNS; run++) {
		struct traffic traffic = { .random = (uint64_t)run << 32, .now_ns = 1 };

		assert_int_equal(limit_open(&traffic.limit, 20, 10), 0);
		for (uint32_t i = 0; i < BATCHES; i++)
			traffic_batch(&traffic);
		for (uint32_t key = 0; key < LIMIT_KEYS; key++)
			estimate_add(&errors[key], traffic.estimate[key] - traffic.truth[key]);
		limit_close(&traffic.limit);
	}
	for (uint32_t key = 1; key < LIMIT_KEYS; key++)
		check_unbiased(&errors[key], 0);
}

static void a_rate_holds_over_time(void **state)
{
	struct traffic traffic = { .random = 7, .now_ns = 1 };
	double seconds;

	assert_int_equal(limit_open(&traffic.limit, 20, 10), 0);
	for (uint32_t i = 0; i < 5000; i++)
		traffic_batch(&traffic);
	seconds = (double)traffic.now_ns / 1e9;
	assert_true(traffic.kept[2] <= 20 * seconds + 20 + 5 * sqrt(traffic.batches));
	assert_true(traffic.kept[2] >= 20 * seconds * 0.95);
	limit_close(&traffic.limit);
}

static void a_key_at_rest_makes_room_for_another(void **state)
{
	enum { KEYS = 500 };
	struct limit limit;
	uint32_t others = 0;

	assert_int_equal(limit_open(&limit, 5, KEYS), 0);
	for (uint32_t second = 0; second < 10; second++) {
		int64_t now_ns = second * INT64_C(2000000000);

		limit_begin(&limit, now_ns);
		for (uint32_t key = 0; key < KEYS; key++)
			others += !limit_count(&limit, second * 10000 + key, now_ns);
		limit_settle(&limit, now_ns, second);
	}
	assert_int_equal(others, 0);
	limit_begin(&limit, INT64_C(18100000000));
	assert_int_equal(limit_count(&limit, 7, INT64_C(18100000000)), 0); /* all are busy */
	limit_close(&limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_choices_count_right_on_average_and_scatter_as_they_must),
		cmocka_unit_test(keys_in_order_are_kept_as_evenly_as_by_chance),
		cmocka_unit_test(counts_by_key_are_right_on_average_over_seeds),
		cmocka_unit_test(samplers_by_key_one_after_the_other_stay_right),
		cmocka_unit_test(rules_count_right_on_average),
		cmocka_unit_test(limited_keys_count_right_on_average),
		cmocka_unit_test(a_rate_holds_over_time),
		cmocka_unit_test(a_key_at_rest_makes_room_for_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

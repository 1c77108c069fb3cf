// SPDX-License-Identifier: Apache-2.0
/* Exponential histograms as Prometheus has them, against values counted one by one. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../plugins/output/prometheus/buckets.h"

enum { VALUES = 400 };

static uint64_t random_state = 88172645463325252u;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double random_value(int octaves)
{
	double value = ldexp(1 + (double)(random_word() % 4096) / 4096,
			     (int)(random_word() % (uint64_t)octaves) - octaves / 2);

	if (random_word() % 16 == 0)
		return 0;
	return random_word() % 4 ? value : -value;
}

static struct series series_of(struct histogram *histogram)
{
	static const struct series_metric metric = { .kind = SONDE_METRIC_EXPONENTIAL };

	return (struct series){ .metric = &metric, .as.exponential = histogram };
}

/* How many of the values are at most a bound, once both are divided. */
static uint64_t count_up_to(const double *values, double bound, double divisor)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < VALUES; i++)
		count += values[i] / divisor <= bound;
	return count;
}

static void a_classic_bucket_counts_exactly_the_values_up_to_its_bound(void **state)
{
	static const double divisors[] = { 1, 1e3, 1e9 };

	for (int round = 0; round < 300; round++) {
		struct histogram histogram = { .head.scale = (int32_t)(random_word() % 12) - 3,
					       .bucket_limit = 100000 };
		struct series series = series_of(&histogram);
		uint32_t limit = 4 + (uint32_t)random_word() % 80;
		double divisor = divisors[round % 3], values[VALUES];
		struct classic classic = { 0 };

		for (uint32_t i = 0; i < VALUES; i++) {
			values[i] = random_value(round % 2 ? 8 : 60);
			assert_int_equal(histogram_record(&histogram, values[i], 1), 0);
		}
		assert_int_equal(classic_make(&classic, &series, limit, divisor), 0);
		assert_true(classic.count > 0 && classic.count <= 2 * limit + 2);
		assert_int_equal(classic.total, VALUES);
		for (uint32_t i = 0; i < classic.count; i++) {
			assert_true(!i || classic.bounds[i] > classic.bounds[i - 1]);
			assert_int_equal(classic.counts[i],
					 count_up_to(values, classic.bounds[i], divisor));
		}
		assert_int_equal(classic.counts[classic.count - 1], VALUES);
		classic_release(&classic);
		histogram_release(&histogram);
	}
}

static void bounds_of_a_lower_scale_are_among_those_of_a_higher_one(void **state)
{
	struct histogram histogram = { .head.scale = 5, .bucket_limit = 100000 };
	struct series series = series_of(&histogram);
	struct classic fine = { 0 }, coarse = { 0 };

	for (uint32_t i = 0; i < VALUES; i++)
		assert_int_equal(histogram_record(&histogram, fabs(random_value(6)) + 1, 1), 0);
	assert_int_equal(classic_make(&fine, &series, 1024, 1), 0);
	assert_int_equal(classic_make(&coarse, &series, 8, 1), 0);
	for (uint32_t i = 1; i + 1 < coarse.count; i++) {
		uint32_t place = 0;

		while (place < fine.count && fine.bounds[place] != coarse.bounds[i])
			place++;
		assert_true(place < fine.count);
		assert_int_equal(fine.counts[place], coarse.counts[i]);
	}
	classic_release(&fine);
	classic_release(&coarse);
	histogram_release(&histogram);
}

static void nothing_and_explicit_buckets_are_shown_as_they_are(void **state)
{
	static const struct series_metric metric = { .kind = SONDE_METRIC_HISTOGRAM };
	uint64_t counts[] = { 1, 2, 3 };
	double bounds[] = { 5e6, 1e7 };
	struct series_explicit distribution = {
		.length = 3, .counts = counts, .bounds = bounds, .count = 6
	};
	struct series series = { .metric = &metric, .as.distribution = &distribution };
	struct histogram empty = { .head.scale = 3, .bucket_limit = 10 };
	struct series nothing = series_of(&empty);
	struct classic classic = { 0 };

	assert_int_equal(classic_make(&classic, &series, 4, 1e9), 0);
	assert_int_equal(classic.count, 2);
	assert_true(classic.bounds[0] == 0.005 && classic.bounds[1] == 0.01);
	assert_int_equal(classic.counts[0], 1);
	assert_int_equal(classic.counts[1], 3);
	assert_int_equal(classic.total, 6);
	assert_int_equal(classic_make(&classic, &nothing, 4, 1), 0);
	assert_int_equal(classic.count, 0);
	assert_int_equal(classic.total, 0);
	classic_release(&classic);
}

/* How many of the values lie in a bucket of a schema: (base^(index - 1), base^index]. */
static uint64_t count_within(const double *values, int32_t index, int32_t schema, double sign)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < VALUES; i++)
		count += values[i] * sign > 0 &&
			 histogram_index(fabs(values[i]), schema) + 1 == index;
	return count;
}

static void a_native_bucket_has_the_values_that_its_schema_says(void **state)
{
	for (int round = 0; round < 200; round++) {
		struct histogram histogram = { .head.scale = (int32_t)(random_word() % 16) - 3,
					       .bucket_limit = 100000 };
		struct native native;
		double values[VALUES];
		uint64_t seen = 0;

		for (uint32_t i = 0; i < VALUES; i++) {
			values[i] = random_value(round % 2 ? 4 : 60);
			assert_int_equal(histogram_record(&histogram, values[i], 1), 0);
		}
		assert_int_equal(native_make(&native, &histogram, 1), 0);
		assert_in_range(native.schema + 4, 0, NATIVE_SCHEMA_MAXIMUM + 4);
		assert_true(native.schema <= histogram.head.scale);
		for (int sign = 0; sign < 2; sign++) {
			const struct native_side *side = sign ? &native.negative : &native.positive;

			assert_true(side->length <= NATIVE_BUCKETS);
			for (uint32_t i = 0; i < side->length; i++) {
				assert_int_equal(side->counts[i],
						 count_within(values, side->first + (int32_t)i,
							      native.schema, sign ? -1 : 1));
				seen += side->counts[i];
			}
		}
		assert_int_equal(seen + histogram.head.zero_count, VALUES);
		native_release(&native);
		histogram_release(&histogram);
	}
}

static void divided_values_are_less_than_a_bucket_off_and_all_there(void **state)
{
	for (int32_t scale = -3; scale <= 8; scale++) {
		struct histogram histogram = { .head.scale = scale, .bucket_limit = 100000 };
		double value = 1000 * (1 + (double)(random_word() % 1000)), bucket;
		struct native native;

		assert_int_equal(histogram_record(&histogram, value, 7), 0);
		assert_int_equal(native_make(&native, &histogram, 1e9), 0);
		assert_int_equal(native.positive.length, 1);
		assert_int_equal(native.positive.counts[0], 7);
		bucket = log2(value / 1e9) * exp2(native.schema);
		assert_true(fabs(bucket - (native.positive.first - 0.5)) <= 1.0001);
		native_release(&native);
		histogram_release(&histogram);
	}
}

static void a_scale_below_any_schema_has_no_native_buckets(void **state)
{
	struct histogram histogram = { .head.scale = -5, .bucket_limit = 10 };
	struct native native;

	assert_int_equal(histogram_record(&histogram, 3, 1), 0);
	assert_int_equal(native_make(&native, &histogram, 1), -ERANGE);
	histogram_release(&histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_classic_bucket_counts_exactly_the_values_up_to_its_bound),
		cmocka_unit_test(bounds_of_a_lower_scale_are_among_those_of_a_higher_one),
		cmocka_unit_test(nothing_and_explicit_buckets_are_shown_as_they_are),
		cmocka_unit_test(a_native_bucket_has_the_values_that_its_schema_says),
		cmocka_unit_test(divided_values_are_less_than_a_bucket_off_and_all_there),
		cmocka_unit_test(a_scale_below_any_schema_has_no_native_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

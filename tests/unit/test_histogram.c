// SPDX-License-Identifier: Apache-2.0
/* What lib/histogram/histogram.h promises about single buckets, recording and reading. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "histogram.h"

/* At least 112 bits of precision, whatever the processor: bounds of buckets made by another way
 * than the one under test (products of square roots of 2, where the code squares the value). */
#if LDBL_MANT_DIG >= 113
typedef long double wide;
#else
typedef __float128 wide;
#endif

static wide roots[HISTOGRAM_SCALE_MAXIMUM + 1]; /* roots[k] = 2^(1 / 2^k) */

static int make_roots(void **state)
{
	roots[0] = 2;
	for (uint32_t k = 1; k <= HISTOGRAM_SCALE_MAXIMUM; k++) {
		wide root = sqrt((double)roots[k - 1]);

		for (uint32_t i = 0; i < 4; i++)
			root = (root + roots[k - 1] / root) / 2;
		roots[k] = root;
	}
	return 0;
}

/* 2^(part / 2^scale), part < 2^scale */
static wide bound_wide(uint32_t part, int32_t scale)
{
	wide bound = 1;

	for (int32_t k = 1; k <= scale; k++) {
		if (part >> (scale - k) & 1)
			bound *= roots[k];
	}
	return bound;
}

/* The largest double that is not above a wide number of 1 to 2. */
static double round_down(wide number)
{
	double rounded = (double)number;

	return (wide)rounded > number ? nextafter(rounded, 0) : rounded;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void check_bound(uint32_t part, int32_t scale, int32_t exponent)
{
	double last = ldexp(round_down(bound_wide(part, scale)), exponent);
	int32_t index =
		exponent * (1 << scale) + (int32_t)part - 1; /* the bucket that ends there */

	assert_int_equal(histogram_index(last, scale), index);
	assert_int_equal(histogram_index(nextafter(last, INFINITY), scale), index + 1);
	assert_true(histogram_bound(index, scale) == last);
}

static void every_bound_of_the_coarser_scales_divides_neighbouring_doubles(void **state)
{
	for (int32_t scale = 1; scale <= 12; scale++) {
		for (uint32_t part = 0; part < 1u << scale; part++)
			check_bound(part, scale, (int32_t)(part % 5) - 2);
	}
}

static void bounds_of_the_finer_scales_divide_neighbouring_doubles(void **state)
{
	/* The first is the bound that comes nearest to a double: it is 2^-78 of it away. */
	static const uint32_t hard[] = { 308076, 1, (1u << 20) - 1, 1u << 19, 3 };

	for (uint32_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
		check_bound(hard[i], 20, 0);
	for (int32_t scale = 13; scale <= HISTOGRAM_SCALE_MAXIMUM; scale++) {
		for (uint32_t i = 0; i < 20000; i++) {
			uint32_t part = (uint32_t)random_word() & ((1u << scale) - 1);

			check_bound(part, scale, (int32_t)(random_word() % 2000) - 1000);
		}
	}
}

static void a_power_of_two_ends_its_bucket_at_every_scale(void **state)
{
	for (int32_t scale = HISTOGRAM_SCALE_MINIMUM; scale <= HISTOGRAM_SCALE_MAXIMUM; scale++) {
		for (int32_t exponent = -1074; exponent <= 1023; exponent++) {
			double value = ldexp(1, exponent);
			int64_t at_scale_zero = exponent - 1;
			int64_t wanted = scale > 0 ? (int64_t)exponent * (1 << scale) - 1
						   : at_scale_zero >> -scale;

			assert_int_equal(histogram_index(value, scale), wanted);
			if (exponent > -1022)
				assert_int_equal(histogram_index(nextafter(value, INFINITY), scale),
						 scale > 0 ? (int64_t)exponent * (1 << scale)
							   : (int64_t)exponent >> -scale);
		}
	}
}

static void a_lower_scale_has_half_the_index(void **state)
{
	for (uint32_t i = 0; i < 200000; i++) {
		uint64_t bits = random_word() >> 1;
		double value;
		int32_t index;

		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value) || !(value > 0))
			continue;
		index = histogram_index(value, HISTOGRAM_SCALE_MAXIMUM);
		for (int32_t scale = HISTOGRAM_SCALE_MAXIMUM - 1; scale >= HISTOGRAM_SCALE_MINIMUM;
		     scale--) {
			index >>= 1;
			assert_int_equal(histogram_index(value, scale), index);
		}
	}
}

static void bounds_beyond_doubles_are_infinite_or_zero(void **state)
{
	assert_true(isinf(histogram_bound(INT32_MAX, 20)));
	assert_true(isinf(histogram_bound(INT32_MAX, -10)));
	assert_true(isinf(histogram_bound(histogram_index(DBL_MAX, 20), 20)));
	assert_true(histogram_bound(INT32_MIN, 20) == 0);
	assert_true(histogram_bound(INT32_MIN, -10) == 0);
	assert_true(histogram_bound(-1075, 0) == 0x1p-1074);
	assert_true(histogram_bound(-1076, 0) == 0);
	assert_true(histogram_bound(1022, 0) == 0x1p1023);
	assert_true(histogram_bound(histogram_index(0x1.8p-1074, 3) - 1, 3) == 0x1p-1074);
}

/* ---- recording --------------------------------------------------------------------------- */

static uint64_t bucket_sum(const struct histogram *histogram)
{
	uint64_t sum = histogram->head.zero_count;

	for (uint32_t i = 0; i < histogram->head.positive_length; i++)
		sum += histogram->positive[i];
	for (uint32_t i = 0; i < histogram->head.negative_length; i++)
		sum += histogram->negative[i];
	return sum;
}

static uint64_t positive_at(const struct histogram *histogram, int32_t index)
{
	int64_t place = (int64_t)index - histogram->head.positive_offset;

	return place >= 0 && place < histogram->head.positive_length ? histogram->positive[place]
								     : 0;
}

static void values_are_counted_where_they_belong(void **state)
{
	struct histogram histogram = { .head.scale = 3, .bucket_limit = 160 };

	assert_int_equal(histogram_record(&histogram, 100, 2), 0);
	assert_int_equal(histogram_record(&histogram, 900, 1), 0);
	assert_int_equal(histogram_record(&histogram, 7, 5), 0);
	assert_int_equal(histogram_record(&histogram, 0, 3), 0);
	assert_int_equal(histogram_record(&histogram, -100, 4), 0);
	assert_int_equal(histogram_record(&histogram, 1e9, 0), 0);
	assert_int_equal(histogram.head.scale, 3);
	assert_int_equal(histogram.head.count, 15);
	assert_int_equal(histogram.head.zero_count, 3);
	assert_int_equal(positive_at(&histogram, histogram_index(100, 3)), 2);
	assert_int_equal(positive_at(&histogram, histogram_index(900, 3)), 1);
	assert_int_equal(positive_at(&histogram, histogram_index(7, 3)), 5);
	assert_int_equal(histogram.head.negative_length, 1);
	assert_int_equal(histogram.negative[0], 4);
	assert_int_equal(histogram.head.negative_offset, histogram_index(100, 3));
	assert_int_equal(bucket_sum(&histogram), 15);
	assert_true(histogram.head.sum == 200 + 900 + 35 - 400);
	assert_true(histogram.head.minimum == -100 && histogram.head.maximum == 900);
	assert_int_equal(histogram.head.flags,
			 SONDE_HAS_SUM | SONDE_HAS_MINIMUM | SONDE_HAS_MAXIMUM);
	histogram_release(&histogram);
	assert_int_equal(histogram.head.count, 0);
	assert_int_equal(histogram.head.scale, 3);
	assert_int_equal(histogram.bucket_limit, 160);
}

static void values_up_to_the_threshold_count_as_zero(void **state)
{
	struct histogram histogram = { .head = { .scale = 5, .zero_threshold = 0.5 },
				       .bucket_limit = 160 };

	histogram_record(&histogram, 0.5, 1);
	histogram_record(&histogram, -0.5, 1);
	histogram_record(&histogram, nextafter(0.5, 1), 1);
	histogram_record(&histogram, nextafter(-0.5, -1), 1);
	assert_int_equal(histogram.head.zero_count, 2);
	assert_int_equal(histogram.head.positive_length, 1);
	assert_int_equal(histogram.head.negative_length, 1);
	histogram_release(&histogram);
}

static void what_is_no_number_is_refused(void **state)
{
	struct histogram histogram = { .head.scale = 0, .bucket_limit = 160 };

	assert_int_equal(histogram_record(&histogram, NAN, 1), -EINVAL);
	assert_int_equal(histogram_record(&histogram, INFINITY, 1), -EINVAL);
	assert_int_equal(histogram_record(&histogram, -INFINITY, 1), -EINVAL);
	assert_int_equal(histogram.head.count, 0);
	assert_int_equal(histogram_record(&histogram, 1, UINT64_MAX), 0);
	assert_int_equal(histogram_record(&histogram, 1, 1), -EOVERFLOW);
	assert_int_equal(histogram.head.count, UINT64_MAX);
	histogram_release(&histogram);
}

static void the_bucket_limit_lowers_the_scale_and_loses_no_value(void **state)
{
	static const uint32_t limits[] = { 0, 3, 4, 16, 160 };

	for (uint32_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
		struct histogram histogram = { .head.scale = 20, .bucket_limit = limits[l] };
		uint32_t limit = limits[l] < 3 ? 3 : limits[l];

		for (uint32_t i = 0; i < 3000; i++) {
			double value = ldexp(1 + (double)(random_word() % 1000) / 1000,
					     (int)(random_word() % 2000) - 1000);

			assert_int_equal(histogram_record(&histogram, i % 3 ? value : -value, 1),
					 0);
			assert_true(histogram.head.positive_length <= limit);
			assert_true(histogram.head.negative_length <= limit);
			assert_int_equal(bucket_sum(&histogram), i + 1);
		}
		assert_int_equal(histogram_record(&histogram, DBL_MAX, 1), 0);
		assert_int_equal(histogram_record(&histogram, 0x1p-1074, 1), 0);
		assert_int_equal(bucket_sum(&histogram), 3002);
		assert_true(histogram.head.scale >= HISTOGRAM_SCALE_MINIMUM);
		histogram_release(&histogram);
	}
}

static void downscaling_is_as_if_recorded_so(void **state)
{
	for (uint32_t by = 0; by <= 30; by++) {
		struct histogram fine = { .head.scale = 20, .bucket_limit = UINT32_MAX };
		struct histogram coarse = { .head.scale = 20 - (int32_t)by,
					    .bucket_limit = UINT32_MAX };

		for (uint32_t i = 0; i < 300; i++) {
			double value = 1 + (double)(random_word() % 100000) / 1e6;

			value = i % 2 ? value : -1 / value;
			histogram_record(&fine, value, i);
			histogram_record(&coarse, value, i);
		}
		assert_int_equal(histogram_downscale(&fine, by), 0);
		assert_int_equal(fine.head.scale, coarse.head.scale);
		assert_int_equal(fine.head.positive_offset, coarse.head.positive_offset);
		assert_int_equal(fine.head.positive_length, coarse.head.positive_length);
		assert_memory_equal(fine.positive, coarse.positive,
				    coarse.head.positive_length * sizeof(uint64_t));
		assert_int_equal(fine.head.negative_offset, coarse.head.negative_offset);
		assert_int_equal(fine.head.negative_length, coarse.head.negative_length);
		assert_memory_equal(fine.negative, coarse.negative,
				    coarse.head.negative_length * sizeof(uint64_t));
		assert_int_equal(histogram_downscale(&fine, 31 - by), -EINVAL);
		assert_int_equal(histogram_downscale(&fine, UINT32_MAX), -EINVAL);
		assert_int_equal(fine.head.scale, coarse.head.scale);
		histogram_release(&fine);
		histogram_release(&coarse);
	}
}

/* ---- reading ----------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return (one > two) - (one < two);
}

static void a_quantile_is_within_one_bucket_of_the_true_one(void **state)
{
	enum { COUNT = 10000 };
	static const double shares[] = { 0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
	static double values[COUNT];

	for (int32_t scale = -1; scale <= 8; scale++) {
		struct histogram histogram = { .head.scale = scale, .bucket_limit = 1 << 20 };
		double base = exp2(exp2(-scale));

		for (uint32_t i = 0; i < COUNT; i++) {
			values[i] = exp2((double)(random_word() % 1000000) / 1e5 - 3);
			if (i % 4 == 0)
				values[i] = -values[i];
			assert_int_equal(histogram_record(&histogram, values[i], 1), 0);
		}
		qsort(values, COUNT, sizeof(values[0]), compare_doubles);
		for (uint32_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
			uint32_t rank = (uint32_t)ceil(shares[i] * COUNT);
			double true_value = values[rank ? rank - 1 : 0];
			double found = histogram_share(&histogram, shares[i]);

			assert_true(found / true_value <= base * (1 + 1e-12));
			assert_true(true_value / found <= base * (1 + 1e-12));
		}
		histogram_release(&histogram);
	}
}

static void quantiles_rise_and_end_at_minimum_and_maximum(void **state)
{
	struct histogram histogram = { .head.scale = 2, .bucket_limit = 160 };
	double before;

	histogram_record(&histogram, -50, 10);
	histogram_record(&histogram, 0, 10);
	histogram_record(&histogram, 3, 10);
	histogram_record(&histogram, 77, 10);
	before = histogram_share(&histogram, 0);
	assert_true(before == -50);
	for (uint32_t i = 1; i <= 1000; i++) {
		double value = histogram_share(&histogram, i / 1000.0);

		assert_true(value >= before);
		before = value;
	}
	assert_true(before == 77);
	assert_true(histogram_share(&histogram, 0.4) == 0);
	assert_true(histogram_share(&histogram, -3) == -50);
	assert_true(histogram_share(&histogram, 3) == 77);
	histogram_release(&histogram);
}

static void an_empty_histogram_has_no_quantiles(void **state)
{
	struct histogram histogram = { .head.scale = 2, .bucket_limit = 160 };

	assert_true(isnan(histogram_share(&histogram, 0.5)));
	histogram_record(&histogram, 1, 1);
	assert_true(isnan(histogram_share(&histogram, NAN)));
	assert_true(histogram_share(&histogram, 0.5) == 1);
	histogram_release(&histogram);
}

static void a_written_histogram_reads_the_same(void **state)
{
	struct histogram histogram = { .head.scale = 4, .bucket_limit = 160 };
	struct sonde_exponential head;
	uint64_t heap[400];

	for (int32_t i = -40; i < 60; i++)
		histogram_record(&histogram, i * 1.5, 1);
	assert_true(histogram_words(&histogram) <= 390);
	histogram_write(&histogram, heap + 7, 7, &head);
	assert_int_equal(head.positive_start, 7);
	assert_int_equal(head.negative_start, 7 + head.positive_length);
	assert_int_equal(head.count, 100);
	for (uint32_t i = 0; i <= 100; i++)
		assert_true(histogram_quantile(&head, heap, i / 100.0) ==
			    histogram_share(&histogram, i / 100.0));
	histogram_release(&histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bound_of_the_coarser_scales_divides_neighbouring_doubles),
		cmocka_unit_test(bounds_of_the_finer_scales_divide_neighbouring_doubles),
		cmocka_unit_test(a_power_of_two_ends_its_bucket_at_every_scale),
		cmocka_unit_test(a_lower_scale_has_half_the_index),
		cmocka_unit_test(bounds_beyond_doubles_are_infinite_or_zero),
		cmocka_unit_test(values_are_counted_where_they_belong),
		cmocka_unit_test(values_up_to_the_threshold_count_as_zero),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(the_bucket_limit_lowers_the_scale_and_loses_no_value),
		cmocka_unit_test(downscaling_is_as_if_recorded_so),
		cmocka_unit_test(a_quantile_is_within_one_bucket_of_the_true_one),
		cmocka_unit_test(quantiles_rise_and_end_at_minimum_and_maximum),
		cmocka_unit_test(an_empty_histogram_has_no_quantiles),
		cmocka_unit_test(a_written_histogram_reads_the_same),
	};

	return cmocka_run_group_tests(tests, make_roots, NULL);
}

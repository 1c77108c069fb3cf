// SPDX-License-Identifier: Apache-2.0
/* What lib/histogram/histogram.h promises about merging. */
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

static uint64_t random_state = 88172645463325252u;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Values of both signs, zeros, and far apart. */
static double random_value(void)
{
	double value =
		ldexp(1 + (double)(random_word() % 4096) / 4096, (int)(random_word() % 12) - 6);

	if (random_word() % 16 == 0)
		return 0;
	return random_word() % 4 ? value : -value;
}

/* Merges one histogram of ours into another, by way of a heap as columns have it. */
static int merge(struct histogram *into, const struct histogram *from)
{
	uint32_t words = histogram_words(from), start = (uint32_t)random_word() % 8;
	uint64_t *heap = calloc(words + start + 1, sizeof(*heap));
	struct sonde_exponential head;
	int result;

	assert_non_null(heap);
	histogram_write(from, heap + start, start, &head);
	result = histogram_merge(into, &head, heap);
	free(heap);
	return result;
}

static uint64_t count_at(const uint64_t *counts, int32_t offset, uint32_t length, int64_t index)
{
	int64_t place = index - offset;

	return place >= 0 && place < length ? counts[place] : 0;
}

/* Equal but for zero buckets at the ends. */
static void assert_equal(const struct histogram *one, const struct histogram *two)
{
	const struct sonde_exponential *a = &one->head, *b = &two->head;

	assert_int_equal(a->scale, b->scale);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->zero_count, b->zero_count);
	assert_int_equal(a->flags, b->flags);
	assert_true(a->zero_threshold == b->zero_threshold);
	assert_true(a->minimum == b->minimum && a->maximum == b->maximum);
	assert_true(fabs(a->sum - b->sum) <= 1e-9 * (1 + fabs(b->sum)));
	for (int64_t i = -20000; i <= 20000; i++) {
		assert_int_equal(
			count_at(one->positive, a->positive_offset, a->positive_length, i),
			count_at(two->positive, b->positive_offset, b->positive_length, i));
		assert_int_equal(
			count_at(one->negative, a->negative_offset, a->negative_length, i),
			count_at(two->negative, b->negative_offset, b->negative_length, i));
	}
}

static void merged_is_as_if_all_had_been_recorded_in_one(void **state)
{
	for (uint32_t round = 0; round < 200; round++) {
		struct histogram parts[3], all = { .bucket_limit = 1 << 20 };
		int32_t lowest = HISTOGRAM_SCALE_MAXIMUM;

		for (uint32_t p = 0; p < 3; p++) {
			parts[p] = (struct histogram){
				.head.scale = (int32_t)(random_word() % 20) - 10,
				.bucket_limit = 1 << 20,
			};
			if (parts[p].head.scale < lowest)
				lowest = parts[p].head.scale;
		}
		all.head.scale = lowest;
		for (uint32_t i = 0; i < 60; i++) {
			struct histogram *part = &parts[i < 3 ? i : random_word() % 3];
			double value = random_value();
			uint64_t count = random_word() % 5 + 1;

			assert_int_equal(histogram_record(part, value, count), 0);
			assert_int_equal(histogram_record(&all, value, count), 0);
		}
		assert_int_equal(merge(&parts[0], &parts[1]), 0);
		assert_int_equal(merge(&parts[0], &parts[2]), 0);
		assert_equal(&parts[0], &all);
		for (uint32_t p = 0; p < 3; p++)
			histogram_release(&parts[p]);
		histogram_release(&all);
	}
}

static void merging_keeps_the_bucket_limit_as_recording_does(void **state)
{
	for (uint32_t round = 0; round < 200; round++) {
		struct histogram one = { .head.scale = 8, .bucket_limit = 20 };
		struct histogram two = { .head.scale = 6, .bucket_limit = 20 };
		struct histogram all = { .head.scale = 8, .bucket_limit = 20 };

		for (uint32_t i = 0; i < 30; i++) {
			double value = random_value();

			histogram_record(i % 2 ? &one : &two, value, 1);
			histogram_record(&all, value, 1);
		}
		assert_int_equal(merge(&one, &two), 0);
		assert_true(one.head.positive_length <= 20 && one.head.negative_length <= 20);
		if (all.head.scale > one.head.scale)
			histogram_downscale(&all, (uint32_t)(all.head.scale - one.head.scale));
		assert_equal(&one, &all);
		histogram_release(&one);
		histogram_release(&two);
		histogram_release(&all);
	}
}

static void an_empty_histogram_changes_nothing_and_becomes_the_other(void **state)
{
	struct histogram empty = { .head = { .scale = -3, .zero_threshold = 100 },
				   .bucket_limit = 160 };
	struct histogram one = { .head.scale = 5, .bucket_limit = 160 };
	struct histogram fresh = { .head.scale = 20, .bucket_limit = 160 };

	histogram_record(&one, 3, 1);
	histogram_record(&one, -8, 2);
	assert_int_equal(merge(&one, &empty), 0);
	assert_int_equal(one.head.scale, 5);
	assert_true(one.head.zero_threshold == 0);
	assert_int_equal(merge(&fresh, &one), 0);
	assert_equal(&fresh, &one);
	histogram_release(&one);
	histogram_release(&fresh);
}

static void what_one_lacks_is_missing_afterwards(void **state)
{
	static const uint32_t flags[] = { SONDE_HAS_SUM, SONDE_HAS_MINIMUM, SONDE_HAS_MAXIMUM };

	for (uint32_t i = 0; i < 3; i++) {
		struct histogram one = { .head.scale = 0, .bucket_limit = 160 };
		struct histogram two = { .head.scale = 0, .bucket_limit = 160 };

		histogram_record(&one, 4, 1);
		histogram_record(&two, 9, 1);
		two.head.flags &= ~flags[i];
		assert_int_equal(merge(&one, &two), 0);
		assert_int_equal(one.head.flags, 7 & ~flags[i]);
		assert_true(one.head.sum == (i == 0 ? 0 : 13));
		assert_true(one.head.minimum == (i == 1 ? 0 : 4));
		assert_true(one.head.maximum == (i == 2 ? 0 : 9));
		/* Once missing it does not come back. */
		histogram_record(&one, 1, 1);
		assert_int_equal(one.head.flags, 7 & ~flags[i]);
		histogram_release(&one);
		histogram_release(&two);
	}
}

static void the_larger_threshold_swallows_the_buckets_below_it(void **state)
{
	struct histogram fine = { .head.scale = 2, .bucket_limit = 160 };
	struct histogram wide = { .head = { .scale = 2, .zero_threshold = 4 },
				  .bucket_limit = 160 };
	static const double values[] = { 0.5, 4, -3, 0, 5, 100, -70 };

	for (uint32_t i = 0; i < 7; i++)
		histogram_record(&fine, values[i], 1);
	histogram_record(&wide, 3, 10);
	histogram_record(&wide, 50, 20);
	assert_int_equal(merge(&fine, &wide), 0);
	assert_true(fine.head.zero_threshold == 4);
	assert_int_equal(fine.head.zero_count, 4 + 10);
	assert_int_equal(fine.head.count, 37);
	assert_int_equal(count_at(fine.positive, fine.head.positive_offset,
				  fine.head.positive_length, histogram_index(5, 2)),
			 1);
	assert_int_equal(count_at(fine.positive, fine.head.positive_offset,
				  fine.head.positive_length, histogram_index(50, 2)),
			 20);
	assert_int_equal(count_at(fine.positive, fine.head.positive_offset,
				  fine.head.positive_length, histogram_index(4, 2)),
			 0);
	histogram_release(&fine);
	histogram_release(&wide);
}

static void a_threshold_inside_a_bucket_with_values_rises_to_its_end(void **state)
{
	struct histogram coarse = { .head.scale = 0, .bucket_limit = 160 };
	struct histogram wide = { .head = { .scale = 4, .zero_threshold = 5 },
				  .bucket_limit = 160 };

	histogram_record(&coarse, 7, 1); /* in (4, 8], which 5 would divide */
	histogram_record(&wide, 7.9, 1); /* in the other's buckets up to 8 */
	histogram_record(&wide, 8.1, 1);
	assert_int_equal(merge(&coarse, &wide), 0);
	assert_true(coarse.head.zero_threshold == 8);
	assert_int_equal(coarse.head.zero_count, 2);
	assert_int_equal(coarse.head.positive_length, 1);
	assert_int_equal(coarse.head.positive_offset, 3);
	histogram_release(&coarse);
	histogram_release(&wide);
}

static void an_empty_bucket_does_not_raise_the_threshold(void **state)
{
	struct histogram coarse = { .head.scale = 0, .bucket_limit = 160 };
	struct histogram wide = { .head = { .scale = 4, .zero_threshold = 5 },
				  .bucket_limit = 160 };

	histogram_record(&coarse, 3, 1);
	histogram_record(&coarse, 9, 1);
	histogram_record(&wide, 5.1, 1);
	assert_int_equal(merge(&coarse, &wide), 0);
	assert_true(coarse.head.zero_threshold == 5);
	assert_int_equal(coarse.head.zero_count, 1);
	assert_int_equal(coarse.head.positive_length, 2);
	histogram_release(&coarse);
	histogram_release(&wide);
}

/* Of every value it is known afterwards on which side of the threshold it lies. */
static void random_thresholds_divide_no_value_from_its_bucket(void **state)
{
	for (uint32_t round = 0; round < 500; round++) {
		struct histogram parts[2];
		double values[2][20];
		uint64_t below = 0;

		for (uint32_t p = 0; p < 2; p++) {
			parts[p] = (struct histogram){
				.head = { .scale = (int32_t)(random_word() % 8) - 2,
					  .zero_threshold = fabs(random_value()) },
				.bucket_limit = 1 << 20,
			};
			for (uint32_t i = 0; i < 20; i++) {
				values[p][i] = random_value();
				histogram_record(&parts[p], values[p][i], 1);
			}
		}
		assert_int_equal(merge(&parts[0], &parts[1]), 0);
		for (uint32_t i = 0; i < 40; i++)
			below += fabs(values[i / 20][i % 20]) <= parts[0].head.zero_threshold;
		assert_int_equal(parts[0].head.zero_count, below);
		assert_int_equal(parts[0].head.count, 40);
		histogram_release(&parts[0]);
		histogram_release(&parts[1]);
	}
}

static void zero_buckets_at_the_ends_cost_no_scale(void **state)
{
	uint64_t heap[1000] = { [500] = 3 };
	struct sonde_exponential head = {
		.count = 3, .scale = 6, .positive_offset = -500, .positive_length = 1000
	};
	struct histogram histogram = { .head.scale = 6, .bucket_limit = 3 };

	assert_int_equal(histogram_merge(&histogram, &head, heap), 0);
	assert_int_equal(histogram.head.scale, 6);
	assert_int_equal(histogram.head.positive_length, 1);
	assert_int_equal(histogram.head.positive_offset, 0);
	assert_int_equal(histogram.positive[0], 3);
	histogram_release(&histogram);
}

static void a_scale_over_the_maximum_is_lowered_and_one_under_the_minimum_refused(void **state)
{
	uint64_t heap[4] = { 1, 2, 3, 4 };
	struct sonde_exponential head = {
		.count = 10, .scale = 22, .positive_offset = 4, .positive_length = 4
	};
	struct histogram histogram = { .head.scale = 20, .bucket_limit = 160 };

	assert_int_equal(histogram_merge(&histogram, &head, heap), 0);
	assert_int_equal(histogram.head.scale, 20);
	assert_int_equal(histogram.head.positive_offset, 1);
	assert_int_equal(histogram.head.positive_length, 1);
	assert_int_equal(histogram.positive[0], 10);
	head.scale = INT32_MAX;
	assert_int_equal(histogram_merge(&histogram, &head, heap), 0);
	assert_int_equal(histogram.head.count, 20);
	head.scale = -11;
	assert_int_equal(histogram_merge(&histogram, &head, heap), -EINVAL);
	assert_int_equal(histogram.head.count, 20);
	histogram_release(&histogram);
}

static void what_no_double_can_be_is_refused_and_changes_nothing(void **state)
{
	static const double thresholds[] = { NAN, -1, INFINITY };
	uint64_t heap[2] = { 1, 1 };
	struct sonde_exponential head = { .count = 1,
					  .scale = -10,
					  .positive_offset = INT32_MIN,
					  .positive_length = 1,
					  .negative_offset = INT32_MAX,
					  .negative_length = 1,
					  .negative_start = 1 };
	struct histogram histogram = { .head.scale = -10, .bucket_limit = 160 };

	histogram_record(&histogram, 1, 1);
	assert_int_equal(histogram_merge(&histogram, &head, heap), -EINVAL);
	head.positive_length = head.negative_length = 0;
	for (uint32_t i = 0; i < 3; i++) {
		head.zero_threshold = thresholds[i];
		assert_int_equal(histogram_merge(&histogram, &head, heap), -EINVAL);
	}
	assert_int_equal(histogram.head.count, 1);
	assert_int_equal(histogram.head.positive_length, 1);
	assert_int_equal(histogram.head.zero_count, 0);
	histogram_release(&histogram);
}

static void counts_that_overflow_are_refused_or_stop_at_the_top(void **state)
{
	uint64_t heap[1] = { UINT64_MAX };
	struct sonde_exponential head = { .count = 5, .scale = 0, .positive_length = 1 };
	struct histogram histogram = { .head.scale = 0, .bucket_limit = 160 };

	histogram_record(&histogram, 2, 7);
	assert_int_equal(histogram_merge(&histogram, &head, heap), 0);
	assert_int_equal(histogram.head.count, 12);
	assert_int_equal(histogram.positive[0], UINT64_MAX); /* it said 5 and held more */
	head.count = UINT64_MAX;
	assert_int_equal(histogram_merge(&histogram, &head, heap), -EOVERFLOW);
	assert_int_equal(histogram.head.count, 12);
	histogram_release(&histogram);
}

/* ---- the difference ---------------------------------------------------------------------- */

static void what_was_added_is_the_difference_whatever_the_scales(void **state)
{
	for (int round = 0; round < 300; round++) {
		struct histogram before = { .head.scale = (int32_t)(random_word() % 4) + 2,
					    .bucket_limit = 640 };
		struct histogram added = { .head.scale = (int32_t)(random_word() % 4) + 2,
					   .bucket_limit = 640 };
		struct histogram after = { .head.scale = 20, .bucket_limit = 640 };
		struct histogram difference = { 0 }, wanted = { .bucket_limit = 640 };

		for (uint64_t i = random_word() % 50; i > 0; i--)
			assert_int_equal(histogram_record(&before, random_value(), 1), 0);
		for (uint64_t i = random_word() % 50 + 1; i > 0; i--)
			assert_int_equal(histogram_record(&added, random_value(), 1), 0);
		assert_int_equal(merge(&after, &before), 0);
		assert_int_equal(merge(&after, &added), 0);
		assert_int_equal(histogram_subtract(&after, &before, &difference), 0);
		wanted.head.scale = difference.head.scale;
		assert_int_equal(merge(&wanted, &added), 0);
		difference.head.minimum = wanted.head.minimum; /* nobody can say them */
		difference.head.maximum = wanted.head.maximum;
		difference.head.flags = wanted.head.flags;
		assert_true(fabs(difference.head.sum - wanted.head.sum) < 1e-6);
		difference.head.sum = wanted.head.sum;
		assert_equal(&difference, &wanted);
		histogram_release(&before);
		histogram_release(&added);
		histogram_release(&after);
		histogram_release(&difference);
		histogram_release(&wanted);
	}
}

static void a_count_that_fell_has_no_difference(void **state)
{
	struct histogram before = { .head.scale = 3, .bucket_limit = 160 };
	struct histogram after = { .head.scale = 3, .bucket_limit = 160 };
	struct histogram difference = { 0 };

	assert_int_equal(histogram_record(&before, 5, 2), 0);
	assert_int_equal(histogram_record(&after, 5, 1), 0);
	assert_int_equal(histogram_subtract(&after, &before, &difference), -ERANGE);
	assert_int_equal(histogram_record(&after, 7, 9), 0); /* more in all, but not there */
	assert_int_equal(histogram_subtract(&after, &before, &difference), -ERANGE);
	assert_null(difference.positive);
	histogram_release(&before);
	histogram_release(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_is_as_if_all_had_been_recorded_in_one),
		cmocka_unit_test(merging_keeps_the_bucket_limit_as_recording_does),
		cmocka_unit_test(an_empty_histogram_changes_nothing_and_becomes_the_other),
		cmocka_unit_test(what_one_lacks_is_missing_afterwards),
		cmocka_unit_test(the_larger_threshold_swallows_the_buckets_below_it),
		cmocka_unit_test(a_threshold_inside_a_bucket_with_values_rises_to_its_end),
		cmocka_unit_test(an_empty_bucket_does_not_raise_the_threshold),
		cmocka_unit_test(random_thresholds_divide_no_value_from_its_bucket),
		cmocka_unit_test(zero_buckets_at_the_ends_cost_no_scale),
		cmocka_unit_test(
			a_scale_over_the_maximum_is_lowered_and_one_under_the_minimum_refused),
		cmocka_unit_test(what_no_double_can_be_is_refused_and_changes_nothing),
		cmocka_unit_test(counts_that_overflow_are_refused_or_stop_at_the_top),
		cmocka_unit_test(what_was_added_is_the_difference_whatever_the_scales),
		cmocka_unit_test(a_count_that_fell_has_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

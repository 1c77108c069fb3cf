// SPDX-License-Identifier: Apache-2.0
/* What lib/reading/reading.h promises, against plain ways to the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "histogram.h"
#include "reading.h"

enum { FIRST = 24, BUCKETS = 360, ROUNDS = 200 };

static uint64_t random_state = 88172645463325252u;

static uint32_t chance(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state % below);
}

static void buckets_random(uint64_t counts[BUCKETS])
{
	memset(counts, 0, BUCKETS * sizeof(*counts));
	for (uint32_t i = chance(40); i; i--)
		counts[chance(BUCKETS)] = chance(1000);
}

/* lib/histogram lowers a scale exactly, which its own test proves. */
static void histograms_get_coarser_as_their_library_makes_them(void **state)
{
	uint64_t counts[BUCKETS], words[BUCKETS], halved[BUCKETS];

	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct histogram histogram = { .head.scale = 3, .bucket_limit = BUCKETS };
		uint32_t halvings = round % 4;
		struct sonde_exponential all = { .scale = 3,
						 .positive_offset = FIRST,
						 .positive_length = BUCKETS };
		struct reading_span span;

		buckets_random(counts);
		for (uint32_t i = 0; i < BUCKETS; i++)
			all.count += counts[i];
		span = reading_span(counts, BUCKETS, FIRST, halvings);
		assert_int_equal(span.length != 0, all.count != 0);
		if (!span.length)
			continue;
		reading_fill(counts, BUCKETS, FIRST, halvings, span, words);
		assert_true(words[0] && words[span.length - 1]);
		assert_int_equal(histogram_merge(&histogram, &all, counts), 0);
		assert_int_equal(histogram_downscale(&histogram, halvings), 0);
		memset(halved, 0, sizeof(halved));
		for (uint32_t i = 0; i < histogram.head.positive_length; i++) {
			int32_t index = histogram.head.positive_offset + (int32_t)i - span.offset;

			if (histogram.positive[i])
				halved[index] = histogram.positive[i];
		}
		assert_memory_equal(words, halved, span.length * sizeof(*words));
		histogram_release(&histogram);
	}
}

static void buckets_below_one_are_halved_downwards(void **state)
{
	const uint64_t counts[] = { 1, 2, 4, 8, 16 }; /* indexes -3 to 1 */
	struct reading_span span = reading_span(counts, 5, -3, 1);
	uint64_t words[3];

	assert_int_equal(span.offset, -2);
	assert_int_equal(span.length, 3);
	reading_fill(counts, 5, -3, 1, span, words);
	assert_int_equal(words[0], 1);
	assert_int_equal(words[1], 2 + 4);
	assert_int_equal(words[2], 8 + 16);
}

static int compare_counts(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left < right) - (left > right);
}

static void the_chosen_are_the_largest(void **state)
{
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t counts[64], sorted[64], chosen_sum = 0, sum = 0;
		uint32_t count = 1 + chance(64), top = chance(70), expected;
		bool chosen[64];

		for (uint32_t i = 0; i < count; i++)
			sorted[i] = counts[i] = chance(20);
		qsort(sorted, count, sizeof(*sorted), compare_counts);
		expected = top < count ? top : count;
		while (expected && !sorted[expected - 1])
			expected--;
		for (uint32_t i = 0; i < expected; i++)
			sum += sorted[i];
		assert_int_equal(reading_choose(counts, count, top, chosen), expected);
		for (uint32_t i = 0; i < count; i++) {
			expected -= chosen[i];
			chosen_sum += chosen[i] ? counts[i] : 0;
		}
		assert_int_equal(expected, 0);
		assert_int_equal(chosen_sum, sum);
	}
}

static void of_equal_counts_the_first_are_chosen(void **state)
{
	const uint64_t counts[] = { 5, 7, 5, 5, 0 };
	bool chosen[5];

	assert_int_equal(reading_choose(counts, 5, 3, chosen), 3);
	assert_true(chosen[0] && chosen[1] && chosen[2] && !chosen[3] && !chosen[4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(histograms_get_coarser_as_their_library_makes_them),
		cmocka_unit_test(buckets_below_one_are_halved_downwards),
		cmocka_unit_test(the_chosen_are_the_largest),
		cmocka_unit_test(of_equal_counts_the_first_are_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

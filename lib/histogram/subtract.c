// SPDX-License-Identifier: Apache-2.0
/* What came to a histogram since it was looked at before: the difference of two that only grow. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "histogram.h"

/* A copy at a scale and threshold, or at what these must become for it. */
static int copy_at(const struct histogram *histogram, int32_t scale, double threshold,
		   struct histogram *copy)
{
	const struct sonde_exponential *head = &histogram->head;
	uint32_t words = histogram_words(histogram);
	uint64_t *heap = malloc((words ? words : 1) * sizeof(*heap));
	struct sonde_exponential other;
	int result;

	if (!heap)
		return -ENOMEM;
	*copy = (struct histogram){ .head = { .scale = scale, .zero_threshold = threshold },
				    .bucket_limit = UINT32_MAX };
	if (head->scale < scale)
		copy->head.scale = head->scale;
	histogram_write(histogram, heap, 0, &other);
	result = histogram_merge(copy, &other, heap);
	free(heap);
	return result;
}

/* Takes the counts of `other` off. -ERANGE: there are fewer. */
static int buckets_subtract(uint64_t *counts, int32_t offset, uint32_t length,
			    const uint64_t *other, int32_t other_offset, uint32_t other_length)
{
	for (uint32_t i = 0; i < other_length; i++) {
		int64_t place = (int64_t)other_offset + i - offset;

		if (!other[i])
			continue;
		if (place < 0 || place >= length || counts[place] < other[i])
			return -ERANGE;
		counts[place] -= other[i];
	}
	return 0;
}

static int subtract(struct histogram *after, const struct histogram *before)
{
	struct sonde_exponential *head = &after->head;
	const struct sonde_exponential *other = &before->head;
	int result;

	if (head->scale != other->scale || head->zero_threshold != other->zero_threshold ||
	    head->count < other->count || head->zero_count < other->zero_count)
		return -ERANGE;
	result = buckets_subtract(after->positive, head->positive_offset, head->positive_length,
				  before->positive, other->positive_offset, other->positive_length);
	if (!result)
		result = buckets_subtract(after->negative, head->negative_offset,
					  head->negative_length, before->negative,
					  other->negative_offset, other->negative_length);
	if (result)
		return result;
	head->count -= other->count;
	head->zero_count -= other->zero_count;
	head->flags &= other->count ? other->flags & SONDE_HAS_SUM : UINT32_MAX;
	head->sum = head->flags & SONDE_HAS_SUM ? head->sum - other->sum : 0;
	return 0;
}

int histogram_subtract(const struct histogram *after, const struct histogram *before,
		       struct histogram *ret_difference)
{
	struct histogram old = { 0 }, new = { 0 };
	int result;

	result = copy_at(before, after->head.scale, after->head.zero_threshold, &old);
	if (!result)
		result = copy_at(after, old.head.scale, old.head.zero_threshold, &new);
	if (!result)
		result = subtract(&new, &old);
	histogram_release(&old);
	if (result) {
		histogram_release(&new);
		return result;
	}
	new.bucket_limit = after->bucket_limit;
	*ret_difference = new;
	return 0;
}

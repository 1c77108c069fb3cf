// SPDX-License-Identifier: Apache-2.0
/* Exponential histograms: values recorded, scales lowered, quantiles read. */
#include "histogram.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16 };

void histogram_release(struct histogram *histogram)
{
	struct sonde_exponential head = { .scale = histogram->head.scale,
					  .zero_threshold = histogram->head.zero_threshold };
	uint32_t bucket_limit = histogram->bucket_limit;

	free(histogram->positive);
	free(histogram->negative);
	*histogram = (struct histogram){ .head = head, .bucket_limit = bucket_limit };
}

static void buckets_halve(uint64_t *counts, int32_t *offset, uint32_t *length, uint32_t by)
{
	int32_t first = *offset;
	uint32_t last = 0;

	if (!*length)
		return;
	*offset = first >> by;
	for (uint32_t i = 0; i < *length; i++) {
		uint64_t count = counts[i];
		uint32_t place = (uint32_t)(((int64_t)first + i) >> by) - (uint32_t)*offset;

		counts[i] = 0;
		counts[place] = count_add(counts[place], count);
		last = place;
	}
	*length = last + 1;
}

int histogram_downscale(struct histogram *histogram, uint32_t by)
{
	struct sonde_exponential *head = &histogram->head;

	if (by > (uint32_t)(HISTOGRAM_SCALE_MAXIMUM - HISTOGRAM_SCALE_MINIMUM) ||
	    head->scale - (int32_t)by < HISTOGRAM_SCALE_MINIMUM)
		return -EINVAL;
	buckets_halve(histogram->positive, &head->positive_offset, &head->positive_length, by);
	buckets_halve(histogram->negative, &head->negative_offset, &head->negative_length, by);
	head->scale -= (int32_t)by;
	return 0;
}

/* Makes buckets reach from first to last. */
static int buckets_reach(uint64_t **counts, uint32_t *capacity, int32_t *offset, uint32_t *length,
			 int32_t first, int32_t last, uint32_t limit)
{
	uint32_t wanted = (uint32_t)(last - first) + 1, before = (uint32_t)(*offset - first);

	if (wanted > *capacity) {
		uint32_t room = wanted < CAPACITY_FIRST ? CAPACITY_FIRST : wanted * 2;
		uint64_t *grown;

		if (room > limit)
			room = limit;
		grown = realloc(*counts, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*counts = grown;
		*capacity = room;
	}
	if (*length && before)
		memmove(*counts + before, *counts, *length * sizeof(**counts));
	if (!*length)
		before = 0;
	memset(*counts, 0, before * sizeof(**counts));
	memset(*counts + before + *length, 0, (wanted - before - *length) * sizeof(**counts));
	*offset = first;
	*length = wanted;
	return 0;
}

/* The place of a bucket, which it makes, at the current scale or a lower one. */
static int bucket_place(struct histogram *histogram, double value, uint64_t **ret_count)
{
	struct sonde_exponential *head = &histogram->head;
	bool negative = value < 0;
	uint64_t **counts = negative ? &histogram->negative : &histogram->positive;
	uint32_t *capacity =
		negative ? &histogram->negative_capacity : &histogram->positive_capacity;
	int32_t *offset = negative ? &head->negative_offset : &head->positive_offset;
	uint32_t *length = negative ? &head->negative_length : &head->positive_length;
	int32_t index = histogram_index(fabs(value), head->scale), first, last;
	int result = 0;

	for (;;) {
		first = *length && *offset < index ? *offset : index;
		last = *length && *offset + (int32_t)*length - 1 > index
			       ? *offset + (int32_t)*length - 1
			       : index;
		if ((int64_t)last - first < histogram_limit(histogram))
			break;
		result = histogram_downscale(histogram, 1);
		if (result)
			return result;
		index >>= 1;
	}
	if (!*length || first < *offset || (uint32_t)(last - first) >= *length)
		result = buckets_reach(counts, capacity, offset, length, first, last,
				       histogram_limit(histogram));
	if (!result)
		*ret_count = *counts + (index - *offset);
	return result;
}

int histogram_record(struct histogram *histogram, double value, uint64_t count)
{
	struct sonde_exponential *head = &histogram->head;
	uint64_t *bucket = &head->zero_count, all;
	int result;

	if (!isfinite(value))
		return -EINVAL;
	if (__builtin_add_overflow(head->count, count, &all))
		return -EOVERFLOW;
	if (!count)
		return 0;
	if (value != 0 && fabs(value) > head->zero_threshold) {
		result = bucket_place(histogram, value, &bucket);
		if (result)
			return result;
	}
	if (!head->count) {
		head->flags = SONDE_HAS_SUM | SONDE_HAS_MINIMUM | SONDE_HAS_MAXIMUM;
		head->sum = 0;
		head->minimum = value;
		head->maximum = value;
	}
	*bucket = count_add(*bucket, count);
	head->count = all;
	head->sum += value * (double)count;
	if (value < head->minimum)
		head->minimum = value;
	if (value > head->maximum)
		head->maximum = value;
	return 0;
}

uint32_t histogram_words(const struct histogram *histogram)
{
	return histogram->head.positive_length + histogram->head.negative_length;
}

void histogram_write(const struct histogram *histogram, uint64_t *words, uint32_t start,
		     struct sonde_exponential *ret_head)
{
	const struct sonde_exponential *head = &histogram->head;

	if (head->positive_length)
		memcpy(words, histogram->positive, head->positive_length * sizeof(*words));
	if (head->negative_length)
		memcpy(words + head->positive_length, histogram->negative,
		       head->negative_length * sizeof(*words));
	*ret_head = *head;
	ret_head->positive_start = start;
	ret_head->negative_start = start + head->positive_length;
}

/* The value at which a share of the buckets ends, on the logarithmic axis, or NaN if it lies beyond
 * them. `*seen` values came before. Negative buckets are walked down, so that values rise. */
static double buckets_value(const uint64_t *counts, int32_t offset, uint32_t length, int32_t scale,
			    bool negative, double target, double *seen)
{
	for (uint32_t i = 0; i < length; i++) {
		uint32_t place = negative ? length - 1 - i : i;
		double count = (double)counts[place], within, magnitude;

		if (count > 0 && *seen + count >= target) {
			within = (target - *seen) / count;
			within = (double)offset + place + (negative ? 1 - within : within);
			magnitude = exp2(ldexp(within, -scale));
			magnitude = magnitude > DBL_MAX ? DBL_MAX : magnitude;
			return negative ? -magnitude : magnitude;
		}
		*seen += count;
	}
	return NAN;
}

/* The value at which `target` values are passed; NaN: there are fewer, *ret_all. */
static double value_at(const struct sonde_exponential *head, const uint64_t *positive,
		       const uint64_t *negative, double target, double *ret_all)
{
	double seen = 0, value;

	value = buckets_value(negative, head->negative_offset, head->negative_length, head->scale,
			      true, target, &seen);
	if (!isnan(value))
		return value;
	seen += (double)head->zero_count;
	if (head->zero_count && seen >= target)
		return 0;
	value = buckets_value(positive, head->positive_offset, head->positive_length, head->scale,
			      false, target, &seen);
	*ret_all = seen;
	return value;
}

static double quantile(const struct sonde_exponential *head, const uint64_t *positive,
		       const uint64_t *negative, double share)
{
	double all = 0, value;

	value_at(head, positive, negative, INFINITY, &all);
	if (!(all > 0) || isnan(share))
		return NAN;
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	value = value_at(head, positive, negative, share * all, &all);
	if (head->flags & SONDE_HAS_MINIMUM && value < head->minimum)
		value = head->minimum;
	if (head->flags & SONDE_HAS_MAXIMUM && value > head->maximum)
		value = head->maximum;
	return value;
}

double histogram_quantile(const struct sonde_exponential *head, const uint64_t *heap, double share)
{
	return quantile(head, heap ? heap + head->positive_start : NULL,
			heap ? heap + head->negative_start : NULL, share);
}

double histogram_share(const struct histogram *histogram, double share)
{
	return quantile(&histogram->head, histogram->positive, histogram->negative, share);
}

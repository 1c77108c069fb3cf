// SPDX-License-Identifier: Apache-2.0
/* Merging of exponential histograms: a common threshold, a common scale, then sums of counts. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "histogram.h"

enum { SIGNS = 2 };

/* Consecutive buckets whose first and last are not 0. */
struct span {
	const uint64_t *counts;
	int64_t first;
	uint32_t length;
};

/* A histogram that is merged: positive and negative buckets. */
struct side {
	struct span spans[SIGNS];
	int32_t scale;
	double threshold;
	uint64_t swallowed; /* values of buckets that went below the threshold */
};

/* Where the buckets of one sign of the result lie. */
struct target {
	int64_t first, last; /* first > last: there are none */
	uint64_t *counts;    /* new; NULL: added where they are */
};

/* Takes a bucket off the front. */
static void span_shift(struct span *span)
{
	span->counts++;
	span->first++;
	span->length--;
}

static void span_trim(struct span *span)
{
	while (span->length && !span->counts[0])
		span_shift(span);
	while (span->length && !span->counts[span->length - 1])
		span->length--;
}

static struct span span_of(const uint64_t *counts, int32_t offset, uint32_t length)
{
	struct span span = { .counts = counts, .first = offset, .length = length };

	span_trim(&span);
	return span;
}

static struct side side_of(const struct sonde_exponential *head, const uint64_t *positive,
			   const uint64_t *negative)
{
	return (struct side){
		.spans = { span_of(positive, head->positive_offset, head->positive_length),
			   span_of(negative, head->negative_offset, head->negative_length) },
		.scale = head->scale,
		.threshold = head->zero_threshold,
	};
}

/* Thresholds are compared at a scale that indices are exact for. A histogram of a larger scale is
 * taken as if it were lowered to that. */
static int32_t exact_scale(const struct side *side)
{
	return side->scale < HISTOGRAM_SCALE_MAXIMUM ? side->scale : HISTOGRAM_SCALE_MAXIMUM;
}

static int64_t index_at(const struct span *span, uint32_t i, int32_t from, int32_t to)
{
	int32_t by = from - to;

	return (span->first + i) >> (by < 63 ? by : 63);
}

static bool has_values(const struct side *side, int64_t index)
{
	for (uint32_t sign = 0; sign < SIGNS; sign++) {
		const struct span *span = &side->spans[sign];

		for (uint32_t i = 0; i < span->length; i++) {
			if (span->counts[i] &&
			    index_at(span, i, side->scale, exact_scale(side)) == index)
				return true;
		}
	}
	return false;
}

/* The threshold, or the end of the bucket with values that it would divide. */
static double threshold_raise(const struct side *side, double threshold)
{
	int32_t scale = exact_scale(side), index;
	double bound;

	if (threshold <= side->threshold)
		return threshold;
	index = histogram_index(threshold, scale);
	bound = histogram_bound(index, scale);
	if (bound > DBL_MAX)
		bound = DBL_MAX;
	return threshold < bound && has_values(side, index) ? bound : threshold;
}

/* Takes the buckets off that lie below the threshold. */
static void side_swallow(struct side *side, double threshold)
{
	int32_t scale = exact_scale(side), index;

	if (threshold <= side->threshold)
		return;
	index = histogram_index(threshold, scale);
	for (uint32_t sign = 0; sign < SIGNS; sign++) {
		struct span *span = &side->spans[sign];

		/* A bucket that the threshold lies in has no values, unless it ends there. */
		while (span->length && index_at(span, 0, side->scale, scale) <= index) {
			side->swallowed = count_add(side->swallowed, span->counts[0]);
			span_shift(span);
		}
		span_trim(span);
	}
}

/* The common threshold, with both sides cut to it. */
static double sides_level(struct side *mine, struct side *other)
{
	double threshold = mine->threshold > other->threshold ? mine->threshold : other->threshold;
	double before;

	do {
		before = threshold;
		threshold = threshold_raise(mine, threshold);
		threshold = threshold_raise(other, threshold);
	} while (threshold > before);
	side_swallow(mine, threshold);
	side_swallow(other, threshold);
	return threshold;
}

static void target_cover(struct target *target, const struct side *side, uint32_t sign,
			 int32_t scale)
{
	const struct span *span = &side->spans[sign];
	int64_t first, last;

	if (!span->length)
		return;
	first = index_at(span, 0, side->scale, scale);
	last = index_at(span, span->length - 1, side->scale, scale);
	if (first < target->first)
		target->first = first;
	if (last > target->last)
		target->last = last;
}

/* The largest scale at which both sides fit into the limit. */
static int targets_find(const struct side *mine, const struct side *other, uint32_t limit,
			struct target targets[SIGNS], int32_t *ret_scale)
{
	int32_t scale = mine->scale < other->scale ? mine->scale : other->scale;
	bool fits;

	if (scale > HISTOGRAM_SCALE_MAXIMUM)
		scale = HISTOGRAM_SCALE_MAXIMUM;
	for (; scale >= HISTOGRAM_SCALE_MINIMUM; scale--) {
		fits = true;
		for (uint32_t sign = 0; sign < SIGNS; sign++) {
			struct target *target = &targets[sign];

			*target = (struct target){ .first = INT64_MAX, .last = INT64_MIN };
			target_cover(target, mine, sign, scale);
			target_cover(target, other, sign, scale);
			if (target->first <= target->last &&
			    (target->first < INT32_MIN || target->last > INT32_MAX ||
			     target->last - target->first >= limit))
				fits = false;
		}
		if (fits) {
			*ret_scale = scale;
			return 0;
		}
	}
	return -EINVAL;
}

static void side_add(const struct side *side, uint32_t sign, int32_t scale,
		     const struct target *target)
{
	const struct span *span = &side->spans[sign];

	for (uint32_t i = 0; i < span->length; i++) {
		uint64_t *count =
			&target->counts[index_at(span, i, side->scale, scale) - target->first];

		*count = count_add(*count, span->counts[i]);
	}
}

/* New buckets for both signs; what is merged is only read. */
static int targets_fill(const struct side *mine, const struct side *other,
			struct target targets[SIGNS], int32_t scale)
{
	for (uint32_t sign = 0; sign < SIGNS; sign++) {
		struct target *target = &targets[sign];

		if (target->first > target->last)
			continue;
		target->counts =
			calloc((size_t)(target->last - target->first) + 1, sizeof(*target->counts));
		if (!target->counts) {
			free(targets[0].counts);
			targets[0].counts = NULL;
			return -ENOMEM;
		}
		side_add(mine, sign, scale, target);
		side_add(other, sign, scale, target);
	}
	return 0;
}

/* Puts new buckets in the place of the old ones. */
static void targets_take(struct histogram *histogram, const struct target targets[SIGNS])
{
	struct sonde_exponential *head = &histogram->head;
	uint32_t lengths[SIGNS];

	for (uint32_t sign = 0; sign < SIGNS; sign++)
		lengths[sign] = targets[sign].counts
					? (uint32_t)(targets[sign].last - targets[sign].first + 1)
					: 0;
	free(histogram->positive);
	free(histogram->negative);
	histogram->positive = targets[0].counts;
	histogram->negative = targets[1].counts;
	histogram->positive_capacity = head->positive_length = lengths[0];
	histogram->negative_capacity = head->negative_length = lengths[1];
	head->positive_offset = lengths[0] ? (int32_t)targets[0].first : 0;
	head->negative_offset = lengths[1] ? (int32_t)targets[1].first : 0;
}

/* Whether the other's buckets all exist already, which is usual: series of one kind are alike. */
static bool add_in_place(struct histogram *histogram, const struct side *other)
{
	struct sonde_exponential *head = &histogram->head;
	struct target targets[SIGNS] = {
		{ head->positive_offset, (int64_t)head->positive_offset + head->positive_length - 1,
		  histogram->positive },
		{ head->negative_offset, (int64_t)head->negative_offset + head->negative_length - 1,
		  histogram->negative },
	};

	if (other->scale < head->scale || other->threshold != head->zero_threshold)
		return false;
	for (uint32_t sign = 0; sign < SIGNS; sign++) {
		struct target reach = targets[sign];

		target_cover(&reach, other, sign, head->scale);
		if (reach.first != targets[sign].first || reach.last != targets[sign].last)
			return false;
	}
	side_add(other, 0, head->scale, &targets[0]);
	side_add(other, 1, head->scale, &targets[1]);
	return true;
}

static void numbers_merge(struct sonde_exponential *head, const struct sonde_exponential *other)
{
	bool empty = !head->count;

	head->flags = empty ? other->flags : head->flags & other->flags;
	head->sum = empty ? other->sum : head->sum + other->sum;
	if (empty || other->minimum < head->minimum)
		head->minimum = other->minimum;
	if (empty || other->maximum > head->maximum)
		head->maximum = other->maximum;
	if (!(head->flags & SONDE_HAS_SUM))
		head->sum = 0;
	if (!(head->flags & SONDE_HAS_MINIMUM))
		head->minimum = 0;
	if (!(head->flags & SONDE_HAS_MAXIMUM))
		head->maximum = 0;
	head->count += other->count;
	head->zero_count = count_add(head->zero_count, other->zero_count);
}

int histogram_merge(struct histogram *histogram, const struct sonde_exponential *other_head,
		    const uint64_t *heap)
{
	struct sonde_exponential *head = &histogram->head;
	struct side mine, other;
	struct target targets[SIGNS];
	uint64_t count;
	int32_t scale;
	double threshold;
	int result;

	if (other_head->scale < HISTOGRAM_SCALE_MINIMUM || !isfinite(other_head->zero_threshold) ||
	    other_head->zero_threshold < 0)
		return -EINVAL;
	if (!other_head->count)
		return 0;
	if (__builtin_add_overflow(head->count, other_head->count, &count))
		return -EOVERFLOW;
	other = side_of(other_head, heap ? heap + other_head->positive_start : NULL,
			heap ? heap + other_head->negative_start : NULL);
	if (!add_in_place(histogram, &other)) {
		mine = side_of(head, histogram->positive, histogram->negative);
		threshold = sides_level(&mine, &other);
		result = targets_find(&mine, &other, histogram_limit(histogram), targets, &scale);
		if (!result)
			result = targets_fill(&mine, &other, targets, scale);
		if (result)
			return result;
		targets_take(histogram, targets);
		head->scale = scale;
		head->zero_threshold = threshold;
		head->zero_count =
			count_add(head->zero_count, count_add(mine.swallowed, other.swallowed));
	}
	numbers_merge(head, other_head);
	return 0;
}

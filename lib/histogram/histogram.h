/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential histograms: exact indices, exact merging and downscaling, quantiles. */
#ifndef SONDE_HISTOGRAM_H
#define SONDE_HISTOGRAM_H

#include <sonde/plugin.h>

enum {
	HISTOGRAM_SCALE_MINIMUM = -10,
	HISTOGRAM_SCALE_MAXIMUM = 20,
	HISTOGRAM_BUCKETS_MINIMUM = 3, /* what all doubles of one sign need at the smallest scale */
};

/* A histogram that grows: buckets of its own. Zero it, set scale and bucket_limit, and it is empty.
 */
struct histogram {
	struct sonde_exponential head; /* the starts are 0: the counts lie in the arrays below */
	uint64_t *positive, *negative; /* owned */
	uint32_t positive_capacity, negative_capacity;
	uint32_t bucket_limit; /* per sign, at least HISTOGRAM_BUCKETS_MINIMUM; beyond it the
				* scale is lowered */
};

/* Counts stop at 2^64 - 1. */
static inline uint64_t count_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint32_t histogram_limit(const struct histogram *histogram)
{
	return histogram->bucket_limit > HISTOGRAM_BUCKETS_MINIMUM ? histogram->bucket_limit
								   : HISTOGRAM_BUCKETS_MINIMUM;
}

/* Frees the buckets and makes it empty, with the scale, threshold and limit that it has. */
void histogram_release(struct histogram *histogram);

/* The bucket of a finite value > 0 at a scale: base^i < value <= base^(i+1), exactly. */
int32_t histogram_index(double value, int32_t scale);

/* The largest double in a bucket, which is its upper bound rounded down; infinity or 0 beyond what
 * a double holds. */
double histogram_bound(int32_t index, int32_t scale);

/* Adds `count` times a value. NaN and infinities: -EINVAL. -EOVERFLOW: there are 2^64 values. In
 * these cases and with -ENOMEM the histogram is as it was, but maybe for its scale. */
int histogram_record(struct histogram *histogram, double value, uint64_t count);

/* Adds a column's value, whose counts lie in the heap as it says. The scale becomes the smaller of
 * both, by exact halving, or lower where bucket_limit demands it. An empty one adds nothing. A sum,
 * minimum or maximum that either lacks is missing afterwards.
 *
 * The larger zero threshold holds for both: buckets of the other that lie below it move into
 * zero_count. If it falls inside a bucket that has values, it is raised to the upper bound of that
 * bucket, so that no bucket is ever divided.
 *
 * -EINVAL: a scale below the minimum, or a threshold that is no number ≥ 0. -EOVERFLOW: over 2^64
 * values. With these and -ENOMEM the histogram is as it was. Buckets that add up to more than their
 * histogram's count stop at 2^64 - 1. */
int histogram_merge(struct histogram *histogram, const struct sonde_exponential *head,
		    const uint64_t *heap);

/* Lowers the scale in place: two buckets become one, `by` times. -EINVAL: below the minimum. */
int histogram_downscale(struct histogram *histogram, uint32_t by);

/* What was added to `before` until it was `after`, at the smaller scale and larger threshold of
 * both; nobody can say its minimum and maximum. The result's buckets are to be released. -ERANGE:
 * some count is smaller than before, so it did not only grow; or -ENOMEM. */
int histogram_subtract(const struct histogram *after, const struct histogram *before,
		       struct histogram *ret_difference);

/* How many words its counts need in a heap; and copies them there, as a column's value whose
 * counts begin at `start` of that heap. */
uint32_t histogram_words(const struct histogram *histogram);
void histogram_write(const struct histogram *histogram, uint64_t *words, uint32_t start,
		     struct sonde_exponential *ret_head);

/* The value below which a share of all values lies, interpolated within its bucket on the
 * logarithmic axis: the relative error is at most base - 1, for values above the zero threshold.
 * share is taken as 0 to 1. NaN: empty, or share is NaN. */
double histogram_quantile(const struct sonde_exponential *head, const uint64_t *heap, double share);
double histogram_share(const struct histogram *histogram, double share);

#endif

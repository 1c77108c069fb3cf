/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential histograms: exact indices, exact merging and downscaling, quantiles. */
#ifndef SONDE_HISTOGRAM_H
#define SONDE_HISTOGRAM_H

#include <sonde/plugin.h>

enum { HISTOGRAM_SCALE_MINIMUM = -10, HISTOGRAM_SCALE_MAXIMUM = 20 };

/* A histogram that grows: buckets of its own. Zero it, set scale and bucket_limit, and it is empty. */
struct histogram {
	struct sonde_exponential head;       /* starts and lengths are about the arrays below */
	uint64_t *positive, *negative;       /* owned */
	uint32_t positive_capacity, negative_capacity;
	uint32_t bucket_limit;               /* per sign, at least 2; beyond it the scale is halved */
};

void histogram_release(struct histogram *histogram);

/* The bucket of a finite value > 0 at a scale: base^i < value <= base^(i+1), exactly. */
int32_t histogram_index(double value, int32_t scale);

/* Upper bound of a bucket; infinity or 0 beyond what a double holds. */
double histogram_bound(int32_t index, int32_t scale);

/* Adds `count` times a value. NaN and infinities: -EINVAL. */
int histogram_record(struct histogram *histogram, double value, uint64_t count);

/* Adds a column's value. The scale becomes the smaller of both, by exact halving. -ENOMEM leaves
 * the histogram as it was. */
int histogram_merge(struct histogram *histogram, const struct sonde_exponential *head,
		    const uint64_t *heap);

/* Lowers the scale in place: two buckets become one, `by` times. */
int histogram_downscale(struct histogram *histogram, uint32_t by);

/* The value below which a share of all values lies, interpolated within its bucket on the
 * logarithmic axis: the relative error is at most base - 1. NaN: empty. */
double histogram_quantile(const struct sonde_exponential *head, const uint64_t *heap, double share);

#endif

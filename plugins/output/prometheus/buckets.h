/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms as Prometheus has them: classic ones of cumulated buckets, and native ones. */
#ifndef SONDE_PROMETHEUS_BUCKETS_H
#define SONDE_PROMETHEUS_BUCKETS_H

#include "series.h"

/* Buckets up to a bound each; that of all values, +Inf, is not among them. Zeroed, it is empty. */
struct classic {
	double *bounds;   /* rising: the largest value that the bucket counts */
	uint64_t *counts; /* of all values up to the bound */
	uint32_t count, capacity;
	uint64_t total; /* of all values */
};

/* Explicit buckets as they are, exponential ones at their own exact bounds, of the largest scale
 * that gives no more than `limit` between the first and the last of either sign that counts
 * anything. Bounds are divided by the divisor. -ENOMEM. */
int classic_make(struct classic *classic, const struct series *series, uint32_t limit,
		 double divisor);
void classic_release(struct classic *classic);

enum {
	NATIVE_SCHEMA_MINIMUM = -4,
	NATIVE_SCHEMA_MAXIMUM = 8,
	NATIVE_BUCKETS = 160, /* of a sign */
};

/* One sign of a native histogram: consecutive buckets, of which those with a count are shown. */
struct native_side {
	uint64_t *counts; /* owned */
	int32_t first;    /* index of the first one, as Prometheus numbers them: up to base^index */
	uint32_t length;
};

struct native {
	int32_t schema;
	double zero_threshold;
	struct native_side positive, negative;
};

/* Lowers the scale as far as schemas go, and to NATIVE_BUCKETS. Values that are divided are moved
 * by a whole number of buckets at the scale that the histogram has, to where the divisor is
 * nearest: half a bucket off at most. -ERANGE: the scale is too low for any schema. */
int native_make(struct native *native, const struct histogram *histogram, double divisor);
void native_release(struct native *native);

#endif

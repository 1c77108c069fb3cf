// SPDX-License-Identifier: Apache-2.0
/* Histograms as Prometheus has them: classic ones of cumulated buckets, and native ones. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "buckets.h"

/* ---- the buckets of one sign ------------------------------------------------------------- */

struct side {
	const uint64_t *counts;
	int64_t first, last; /* that count anything; first > last: none does */
	int64_t offset;      /* index of counts[0] */
};

static struct side side_of(const uint64_t *counts, int32_t offset, uint32_t length)
{
	struct side side = { .counts = counts, .offset = offset, .first = 0, .last = -1 };
	uint32_t begin = 0;

	while (length && !counts[length - 1])
		length--;
	while (begin < length && !counts[begin])
		begin++;
	if (begin < length) {
		side.first = (int64_t)offset + begin;
		side.last = (int64_t)offset + length - 1;
	}
	return side;
}

static uint64_t width_at(const struct side *side, uint32_t by)
{
	return side->first > side->last ? 0
					: (uint64_t)((side->last >> by) - (side->first >> by) + 1);
}

/* By how much the scale is to be lowered so that each sign has no more than `limit` buckets. */
static uint32_t lowering(const struct side *one, const struct side *two, uint32_t limit)
{
	uint32_t by = 0;

	while (by < 62 && (width_at(one, by) > limit || width_at(two, by) > limit))
		by++;
	return by;
}

/* ---- classic ----------------------------------------------------------------------------- */

static int classic_add(struct classic *classic, double bound, uint64_t count)
{
	if (isinf(bound))
		return 0;
	if (classic->count && bound <= classic->bounds[classic->count - 1]) {
		/* divided, two bounds may have become one number */
		classic->counts[classic->count - 1] = count;
		return 0;
	}
	if (classic->count == classic->capacity) {
		uint32_t capacity = classic->capacity ? classic->capacity * 2 : 64;
		double *bounds = reallocarray(classic->bounds, capacity, sizeof(*bounds));
		uint64_t *counts;

		if (!bounds)
			return -ENOMEM;
		classic->bounds = bounds;
		counts = reallocarray(classic->counts, capacity, sizeof(*counts));
		if (!counts)
			return -ENOMEM;
		classic->counts = counts;
		classic->capacity = capacity;
	}
	classic->bounds[classic->count] = bound;
	classic->counts[classic->count++] = count;
	return 0;
}

/* Negative buckets from the largest magnitude down. The largest value of one is next to where the
 * bucket of the smaller magnitudes begins. */
static int add_negative(struct classic *classic, const struct side *side, int32_t scale,
			uint32_t by, double divisor)
{
	int result = 0;

	for (int64_t index = side->last; index >= side->first && !result;) {
		int64_t bucket = index >> by;
		double bound = histogram_bound((int32_t)bucket - 1, scale - (int32_t)by);

		for (; index >= side->first && index >> by == bucket; index--)
			classic->total =
				count_add(classic->total, side->counts[index - side->offset]);
		bound = -nextafter(bound, INFINITY);
		result = classic_add(classic, bound / divisor, classic->total);
	}
	return result;
}

static int add_positive(struct classic *classic, const struct side *side, int32_t scale,
			uint32_t by, double divisor)
{
	int result = 0;

	/* where the first one begins: nothing lies between that and zero */
	if (side->first <= side->last)
		result = classic_add(
			classic,
			histogram_bound((int32_t)(side->first >> by) - 1, scale - (int32_t)by) /
				divisor,
			classic->total);
	for (int64_t index = side->first; index <= side->last && !result;) {
		int64_t bucket = index >> by;

		for (; index <= side->last && index >> by == bucket; index++)
			classic->total =
				count_add(classic->total, side->counts[index - side->offset]);
		result = classic_add(
			classic, histogram_bound((int32_t)bucket, scale - (int32_t)by) / divisor,
			classic->total);
	}
	return result;
}

static int add_exponential(struct classic *classic, const struct histogram *histogram,
			   uint32_t limit, double divisor)
{
	const struct sonde_exponential *head = &histogram->head;
	struct side positive =
		side_of(histogram->positive, head->positive_offset, head->positive_length);
	struct side negative =
		side_of(histogram->negative, head->negative_offset, head->negative_length);
	uint32_t by = lowering(&positive, &negative, limit), lowest;
	int result;

	lowest = (uint32_t)(head->scale - HISTOGRAM_SCALE_MINIMUM);
	by = by < lowest ? by : lowest;
	result = add_negative(classic, &negative, head->scale, by, divisor);
	if (!result && head->zero_count) {
		classic->total = count_add(classic->total, head->zero_count);
		result = classic_add(classic, head->zero_threshold / divisor, classic->total);
	}
	if (!result)
		result = add_positive(classic, &positive, head->scale, by, divisor);
	if (head->count > classic->total)
		classic->total = head->count;
	return result;
}

static int add_explicit(struct classic *classic, const struct series_explicit *distribution,
			double divisor)
{
	int result = 0;

	for (uint32_t i = 0; i < distribution->length && !result; i++) {
		classic->total = count_add(classic->total, distribution->counts[i]);
		if (i + 1 < distribution->length)
			result = classic_add(classic, distribution->bounds[i] / divisor,
					     classic->total);
	}
	if (distribution->count > classic->total)
		classic->total = distribution->count;
	return result;
}

int classic_make(struct classic *classic, const struct series *series, uint32_t limit,
		 double divisor)
{
	classic->count = 0;
	classic->total = 0;
	if (series->metric->kind == SONDE_METRIC_EXPONENTIAL)
		return add_exponential(classic, series->as.exponential, limit, divisor);
	return add_explicit(classic, series->as.distribution, divisor);
}

void classic_release(struct classic *classic)
{
	free(classic->bounds);
	free(classic->counts);
	memset(classic, 0, sizeof(*classic));
}

/* ---- native ------------------------------------------------------------------------------ */

static int native_side(struct native_side *side, const struct side *from, int64_t shift,
		       uint32_t by)
{
	int64_t first = (from->first - shift) >> by, last = (from->last - shift) >> by;

	if (from->first > from->last)
		return 0;
	side->length = (uint32_t)(last - first + 1);
	side->first = (int32_t)(first + 1); /* numbered by their ends */
	side->counts = calloc(side->length, sizeof(*side->counts));
	if (!side->counts)
		return -ENOMEM;
	for (int64_t index = from->first; index <= from->last; index++) {
		uint64_t *count = &side->counts[((index - shift) >> by) - first];

		*count = count_add(*count, from->counts[index - from->offset]);
	}
	return 0;
}

int native_make(struct native *native, const struct histogram *histogram, double divisor)
{
	const struct sonde_exponential *head = &histogram->head;
	struct side positive =
		side_of(histogram->positive, head->positive_offset, head->positive_length);
	struct side negative =
		side_of(histogram->negative, head->negative_offset, head->negative_length);
	int64_t shift = llround(ldexp(log2(divisor), head->scale));
	uint32_t by;
	int result;

	/* one bucket more than before may be needed, as the shift moves where pairs begin */
	by = lowering(&positive, &negative, NATIVE_BUCKETS - 1);
	if (head->scale - (int32_t)by > NATIVE_SCHEMA_MAXIMUM)
		by = (uint32_t)(head->scale - NATIVE_SCHEMA_MAXIMUM);
	if (head->scale - (int32_t)by < NATIVE_SCHEMA_MINIMUM)
		return -ERANGE;
	*native = (struct native){ .schema = head->scale - (int32_t)by,
				   .zero_threshold = head->zero_threshold / divisor };
	result = native_side(&native->positive, &positive, shift, by);
	if (!result)
		result = native_side(&native->negative, &negative, shift, by);
	if (result)
		native_release(native);
	return result;
}

void native_release(struct native *native)
{
	free(native->positive.counts);
	free(native->negative.counts);
	memset(native, 0, sizeof(*native));
}

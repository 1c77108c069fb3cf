// SPDX-License-Identifier: Apache-2.0
/* Histograms of groups that are recorded into value by value: small, and exact as lib/histogram. */
#include <errno.h>
#include <math.h>

#include "distribution.h"

enum { FRACTION_BITS = 52, EXPONENT_BIAS = 1023, EXPONENT_END = 2047 };

/* ---- the rest ---------------------------------------------------------------------------- */

static size_t rest_bytes(const struct histogram *rest)
{
	return sizeof(*rest) +
	       ((size_t)rest->positive_capacity + rest->negative_capacity) * sizeof(uint64_t);
}

/* To be called around each change of the rest, whose buckets lib/histogram allocates. */
static void rest_charge(const struct distribution *distribution, struct pool *pool, bool add)
{
	uint64_t bytes = distribution->rest ? rest_bytes(distribution->rest) : 0;

	pool->budget->used_bytes += add ? bytes : -bytes;
}

static bool rest_make(struct distribution *distribution)
{
	if (distribution->rest)
		return true;
	distribution->rest = calloc(1, sizeof(*distribution->rest));
	if (!distribution->rest)
		return false;
	distribution->rest->bucket_limit = DISTRIBUTION_BUCKETS;
	distribution->rest->head.scale = distribution->scale;
	return true;
}

/* The recorded values as a column's value; empty buckets at both ends left out. */
static struct sonde_exponential recorded(const struct distribution *distribution)
{
	uint32_t first = 0, end = distribution->length;

	while (first < end && !distribution->counts[first])
		first++;
	while (end > first && !distribution->counts[end - 1])
		end--;
	return (struct sonde_exponential){
		.count = count_add(distribution->count, distribution->zero_count),
		.zero_count = distribution->zero_count,
		.sum = distribution->sum,
		.scale = distribution->scale,
		.flags = SONDE_HAS_SUM,
		.positive_offset = first < end ? distribution->offset + (int32_t)first : 0,
		.positive_start = first,
		.positive_length = end - first,
	};
}

/* Room that it had stays the pool's until that is cleared. */
static void recorded_clear(struct distribution *distribution)
{
	distribution->counts = NULL;
	distribution->length = 0;
	distribution->count = distribution->zero_count = 0;
	distribution->sum = 0;
}

/* The counts as words. NULL: no memory. */
static uint64_t *widened(const struct distribution *distribution)
{
	uint64_t *words = malloc((distribution->length + 1u) * sizeof(*words));

	for (uint32_t i = 0; words && i < distribution->length; i++)
		words[i] = distribution->counts[i];
	return words;
}

/* Moves what is recorded into the rest, which may lower the scale of both. */
static int spill(struct distribution *distribution, struct pool *pool)
{
	struct sonde_exponential head = recorded(distribution);
	uint64_t *words = widened(distribution);
	int result;

	rest_charge(distribution, pool, false);
	result = words && rest_make(distribution) ? 0 : -ENOMEM;
	if (!result)
		result = histogram_merge(distribution->rest, &head, words);
	free(words);
	if (!result && distribution->rest->head.scale < distribution->scale)
		distribution->scale = (int8_t)distribution->rest->head.scale;
	rest_charge(distribution, pool, true);
	if (!result)
		recorded_clear(distribution);
	return result;
}

static int rest_record(struct distribution *distribution, double value, uint64_t weight,
		       struct pool *pool)
{
	int result;

	rest_charge(distribution, pool, false);
	result = rest_make(distribution) ? 0 : -ENOMEM;
	if (!result)
		result = histogram_record(distribution->rest, value, weight);
	if (!result) { /* as of what is recorded: nobody can say for histograms of the kernel */
		distribution->rest->head.flags &= SONDE_HAS_SUM;
		distribution->rest->head.minimum = distribution->rest->head.maximum = 0;
	}
	rest_charge(distribution, pool, true);
	return result;
}

/* ---- recording --------------------------------------------------------------------------- */

/* Makes the buckets reach to an index: at first over an octave or two, then by as much again, so
 * that few moves are needed. -ERANGE: too many. */
static int reach(struct distribution *distribution, int32_t index, struct pool *pool)
{
	int64_t first = index & ~7, end = first + 16, before = distribution->length;
	uint32_t *counts;

	if (before && first < distribution->offset) {
		end = (int64_t)distribution->offset + before;
		first = first < distribution->offset - before ? first
							      : distribution->offset - before;
	} else if (before) {
		first = distribution->offset;
		end = (index & ~7) + 8ll;
		end = end > first + 2 * before ? end : first + 2 * before;
	}
	if (end - first > DISTRIBUTION_BUCKETS) { /* without room to spare */
		first = before && distribution->offset < (index & ~7) ? distribution->offset
								      : index & ~7;
		end = first + DISTRIBUTION_BUCKETS;
		if (index >= end || (before && distribution->offset + before > end))
			return -ERANGE;
	}
	counts = pool_take(pool, (size_t)(end - first) * sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	memset(counts, 0, (size_t)(end - first) * sizeof(*counts));
	if (before)
		memcpy(counts + (distribution->offset - first), distribution->counts,
		       (size_t)before * sizeof(*counts));
	distribution->counts = counts;
	distribution->offset = (int32_t)first;
	distribution->length = (uint16_t)(end - first);
	return 0;
}

/* index: at the scale that the distribution has. */
static int count_at(struct distribution *distribution, int32_t index, double value, uint64_t weight,
		    struct pool *pool)
{
	uint32_t place = (uint32_t)(index - distribution->offset), count;
	int result;

	if (weight > UINT32_MAX)
		return rest_record(distribution, value, weight, pool);
	if (place >= distribution->length) {
		result = reach(distribution, index, pool);
		if (result == -ERANGE) {
			result = spill(distribution, pool);
			return result ? result : rest_record(distribution, value, weight, pool);
		}
		if (result < 0)
			return result;
		place = (uint32_t)(index - distribution->offset);
	}
	if (__builtin_add_overflow(distribution->counts[place], (uint32_t)weight, &count)) {
		result = spill(distribution, pool);
		return result ? result : rest_record(distribution, value, weight, pool);
	}
	distribution->counts[place] = count;
	distribution->count = count_add(distribution->count, weight);
	distribution->sum += value * (double)weight;
	return 0;
}

int distribution_record_whole(struct distribution *distribution, uint64_t magnitude, bool negative,
			      uint64_t weight, struct pool *pool)
{
	double value = (double)magnitude;
	int32_t index;

	if (!magnitude) {
		distribution->zero_count = count_add(distribution->zero_count, weight);
		return 0;
	}
	if (negative)
		return rest_record(distribution, -value, weight, pool);
	index = distribution->scale <= MEASURE_SCALE
			? bucket_of_whole(magnitude) >> (MEASURE_SCALE - distribution->scale)
			: histogram_index(value, distribution->scale);
	return count_at(distribution, index, value, weight, pool);
}

int distribution_record_real(struct distribution *distribution, double value, uint64_t weight,
			     struct pool *pool)
{
	uint64_t bits, exponent, mantissa;
	int32_t index;

	memcpy(&bits, &value, sizeof(bits));
	exponent = bits >> FRACTION_BITS; /* the sign is its top bit */
	if (value == 0) {
		distribution->zero_count = count_add(distribution->zero_count, weight);
		return 0;
	}
	if (!exponent || exponent >= EXPONENT_END) /* small, negative, no number */
		return rest_record(distribution, value, weight, pool);
	if (distribution->scale > MEASURE_SCALE) {
		index = histogram_index(value, distribution->scale);
	} else {
		mantissa = 1ull << 63 | bits << (63 - FRACTION_BITS);
		index = 8 * ((int32_t)exponent - EXPONENT_BIAS) - 1 + octave_place(mantissa);
		index >>= MEASURE_SCALE - distribution->scale;
	}
	return count_at(distribution, index, value, weight, pool);
}

/* ---- merging ----------------------------------------------------------------------------- */

static int weigh(const struct sonde_exponential *head, const uint64_t *heap, uint64_t weight,
		 struct sonde_exponential *ret_head, uint64_t **ret_words)
{
	uint32_t length = head->positive_length + head->negative_length;
	uint64_t *words = malloc((length + 1u) * sizeof(*words));

	if (!words)
		return -ENOMEM;
	*ret_head = *head;
	ret_head->positive_start = 0;
	ret_head->negative_start = head->positive_length;
	if (__builtin_mul_overflow(head->count, weight, &ret_head->count) ||
	    __builtin_mul_overflow(head->zero_count, weight, &ret_head->zero_count)) {
		free(words);
		return -EOVERFLOW;
	}
	ret_head->sum *= (double)weight;
	for (uint32_t i = 0; i < length; i++) {
		uint64_t count = i < head->positive_length
					 ? heap[head->positive_start + i]
					 : heap[head->negative_start + i - head->positive_length];

		if (__builtin_mul_overflow(count, weight, &words[i]))
			words[i] = UINT64_MAX;
	}
	*ret_words = words;
	return 0;
}

int distribution_merge(struct distribution *distribution, const struct sonde_exponential *head,
		       const uint64_t *heap, uint64_t weight, struct pool *pool)
{
	struct sonde_exponential weighted;
	uint64_t *words = NULL;
	int result = 0;

	if (!head->count || !weight)
		return 0;
	if (weight != 1) {
		result = weigh(head, heap, weight, &weighted, &words);
		head = &weighted;
		heap = words;
	}
	if (result < 0)
		return result;
	rest_charge(distribution, pool, false);
	result =
		rest_make(distribution) ? histogram_merge(distribution->rest, head, heap) : -ENOMEM;
	rest_charge(distribution, pool, true);
	free(words);
	return result;
}

/* The other's recorded values where both are of one scale and every bucket has room: the usual
 * case.
 */
static bool join_recorded(struct distribution *into, const struct distribution *other,
			  struct pool *pool)
{
	struct sonde_exponential head = recorded(other);
	const uint32_t *from = other->counts;
	int32_t first = head.positive_offset, last = first + (int32_t)head.positive_length - 1;
	uint32_t *counts;

	if (into->scale != other->scale)
		return false;
	if (head.positive_length) {
		if ((uint32_t)(first - into->offset) >= into->length &&
		    reach(into, first, pool) < 0)
			return false;
		if ((uint32_t)(last - into->offset) >= into->length && reach(into, last, pool) < 0)
			return false;
		counts = into->counts + (first - into->offset);
		from += head.positive_start;
		for (uint32_t i = 0; i < head.positive_length; i++) {
			if (counts[i] > UINT32_MAX - from[i])
				return false;
		}
		for (uint32_t i = 0; i < head.positive_length; i++)
			counts[i] += from[i];
	}
	into->count = count_add(into->count, other->count);
	into->zero_count = count_add(into->zero_count, other->zero_count);
	into->sum += other->sum;
	return true;
}

int distribution_join(struct distribution *distribution, const struct distribution *other,
		      struct pool *pool)
{
	struct sonde_exponential head = recorded(other);
	const struct histogram *rest = other->rest;
	struct sonde_exponential parts;
	uint64_t *words;
	int result = 0;

	if (!join_recorded(distribution, other, pool)) {
		words = widened(other);
		result = words ? distribution_merge(distribution, &head, words, 1, pool) : -ENOMEM;
		free(words);
	}
	if (result < 0 || !rest || !rest->head.count)
		return result;
	words = malloc((histogram_words(rest) + 1u) * sizeof(*words));
	if (!words)
		return -ENOMEM;
	histogram_write(rest, words, 0, &parts);
	result = distribution_merge(distribution, &parts, words, 1, pool);
	free(words);
	return result;
}

int distribution_finish(struct distribution *distribution, struct sonde_exponential *ret_head,
			struct pool *pool)
{
	int result = 0;

	if (distribution->rest && (distribution->count || distribution->zero_count))
		result = spill(distribution, pool);
	if (result < 0)
		return result;
	if (!distribution->rest) {
		*ret_head = recorded(distribution);
		return 0;
	}
	*ret_head = distribution->rest->head;
	ret_head->positive_start = 0;
	ret_head->negative_start = ret_head->positive_length;
	return 0;
}

uint32_t distribution_words(const struct sonde_exponential *head)
{
	return head->positive_length + head->negative_length;
}

void distribution_copy(const struct distribution *distribution,
		       const struct sonde_exponential *head, uint64_t *words)
{
	struct sonde_exponential same;

	if (distribution->rest) {
		histogram_write(distribution->rest, words, 0, &same);
		return;
	}
	for (uint32_t i = 0; i < head->positive_length; i++)
		words[i] = distribution->counts[head->positive_start + i];
}

double distribution_share(struct distribution *distribution, double share, struct pool *pool)
{
	struct sonde_exponential head;
	uint64_t *words;
	double value;

	if (distribution_finish(distribution, &head, pool) < 0 || !head.count)
		return NAN;
	if (distribution->rest)
		return histogram_share(distribution->rest, share);
	words = widened(distribution);
	value = words ? histogram_quantile(&head, words, share) : NAN;
	free(words);
	return value;
}

void distribution_clear(struct distribution *distribution, struct pool *pool)
{
	recorded_clear(distribution);
	rest_charge(distribution, pool, false);
	if (distribution->rest)
		histogram_release(distribution->rest);
	free(distribution->rest);
	distribution->rest = NULL;
}

/* ---- histograms of explicit bounds ------------------------------------------------------- */

static size_t explicit_bytes(uint32_t length)
{
	return length ? (2 * (size_t)length - 1) * sizeof(uint64_t) : 0;
}

static int explicit_take(struct explicit_sum *sum, const struct sonde_explicit *head,
			 const uint64_t *bounds, struct pool *pool)
{
	if (head->length) {
		sum->counts = pool_take(pool, explicit_bytes(head->length));
		if (!sum->counts)
			return -ENOMEM;
		memset(sum->counts, 0, head->length * sizeof(*sum->counts));
		memcpy(sum->counts + head->length, bounds,
		       (head->length - 1u) * sizeof(*sum->counts));
	}
	sum->head = (struct sonde_explicit){ .flags = head->flags,
					     .minimum = head->minimum,
					     .maximum = head->maximum,
					     .bounds_start = head->length,
					     .length = head->length };
	return 0;
}

int explicit_merge(struct explicit_sum *sum, const struct sonde_explicit *head,
		   const uint64_t *counts, const uint64_t *bounds, uint64_t weight,
		   struct pool *pool)
{
	struct sonde_explicit *mine = &sum->head;
	uint64_t count;
	int result = 0;

	if (!head->count || !weight)
		return 0;
	if (!mine->count)
		result = explicit_take(sum, head, bounds, pool);
	if (result < 0)
		return result;
	if (mine->length != head->length ||
	    (mine->length && memcmp(sum->counts + mine->length, bounds,
				    (mine->length - 1u) * sizeof(*bounds)) != 0))
		return -EINVAL;
	for (uint32_t i = 0; i < mine->length; i++) {
		if (__builtin_mul_overflow(counts[i], weight, &count))
			count = UINT64_MAX;
		sum->counts[i] = count_add(sum->counts[i], count);
	}
	if (__builtin_mul_overflow(head->count, weight, &count))
		count = UINT64_MAX;
	mine->count = count_add(mine->count, count);
	mine->flags &= head->flags;
	mine->sum += head->sum * (double)weight;
	mine->minimum = head->minimum < mine->minimum ? head->minimum : mine->minimum;
	mine->maximum = head->maximum > mine->maximum ? head->maximum : mine->maximum;
	return 0;
}

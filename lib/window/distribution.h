/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms of groups that are recorded into value by value: small, and exact as lib/histogram. */
#ifndef SONDE_DISTRIBUTION_H
#define SONDE_DISTRIBUTION_H

#include "histogram.h"
#include "measure.h"
#include "pool.h"

enum { DISTRIBUTION_BUCKETS = 640 }; /* per sign: at scale 3 whole numbers need 512 */

/* The positive values, where a value's bucket is mostly found with two cache lines; what else there
 * is lies in a histogram that is made when it comes. Zeros, with the scale set, are an empty one.
 */
struct distribution {
	uint32_t *counts; /* length of them, from bucket `offset` on; of the pool */
	double sum;       /* of these and of zeros */
	uint64_t count;   /* of these */
	uint64_t zero_count;
	struct histogram *rest; /* negative values, and histograms that were merged; NULL: none */
	int32_t offset;
	uint16_t length;
	int8_t scale;
};

/* Where the mantissa of a number, its top bit set, lies among the bounds of 8 buckets an octave.
 * The same rule as in the kernel (sonde/bpf/histogram.h): the bounds are floor(2^(63+k/8)). */
static inline int32_t octave_place(uint64_t mantissa)
{
	uint64_t place = (0x8000000000000000ull - mantissa) >> 63;

	place += (0x8b95c1e3ea8bd6e6ull - mantissa) >> 63;
	place += (0x9837f0518db8a96full - mantissa) >> 63;
	place += (0xa5fed6a9b15138eaull - mantissa) >> 63;
	place += (0xb504f333f9de6484ull - mantissa) >> 63;
	place += (0xc5672a115506daddull - mantissa) >> 63;
	place += (0xd744fccad69d6af4ull - mantissa) >> 63;
	place += (0xeac0c6e7dd24392eull - mantissa) >> 63;
	return (int32_t)place;
}

/* The bucket of a whole number > 0 at scale 3. */
static inline int32_t bucket_of_whole(uint64_t value)
{
	int32_t shift = __builtin_clzll(value);

	return 8 * (63 - shift) - 1 + octave_place(value << shift);
}

/* Adds `weight` times a value. -EINVAL: it is not finite; -ENOMEM; -EOVERFLOW. */
int distribution_record_whole(struct distribution *distribution, uint64_t magnitude, bool negative,
			      uint64_t weight, struct pool *pool);
int distribution_record_real(struct distribution *distribution, double value, uint64_t weight,
			     struct pool *pool);

/* Adds `weight` times a column's value. -EINVAL, -ENOMEM, -EOVERFLOW as histogram_merge(). */
int distribution_merge(struct distribution *distribution, const struct sonde_exponential *head,
		       const uint64_t *heap, uint64_t weight, struct pool *pool);

/* Adds another, which stays. */
int distribution_join(struct distribution *distribution, const struct distribution *other,
		      struct pool *pool);

/* All of it as a column's value. -ENOMEM. */
int distribution_finish(struct distribution *distribution, struct sonde_exponential *ret_head,
			struct pool *pool);

/* How many words that has in a heap; and these, by the head that it has given. */
uint32_t distribution_words(const struct sonde_exponential *head);
void distribution_copy(const struct distribution *distribution,
		       const struct sonde_exponential *head, uint64_t *words);

/* The value that a share of all lies below; NaN: there are none. */
double distribution_share(struct distribution *distribution, double share, struct pool *pool);

/* Gives back what is not the pool's. */
void distribution_clear(struct distribution *distribution, struct pool *pool);

/* ---- histograms of explicit bounds ------------------------------------------------------- */

/* The sum of those of equal bounds. */
struct explicit_sum {
	uint64_t *counts;           /* owned: length of them, and length - 1 bounds behind */
	struct sonde_explicit head; /* its starts are 0 */
};

/* Adds `weight` times a column's value. -EINVAL: other bounds; -ENOMEM. */
int explicit_merge(struct explicit_sum *sum, const struct sonde_explicit *head,
		   const uint64_t *counts, const uint64_t *bounds, uint64_t weight,
		   struct pool *pool);

#endif

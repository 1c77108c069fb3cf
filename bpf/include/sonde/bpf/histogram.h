/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The exact bucket index of an exponential histogram at scale 3, from integers only. */
#ifndef SONDE_BPF_HISTOGRAM_H
#define SONDE_BPF_HISTOGRAM_H

#include <linux/types.h>

/* Bucket i holds the values in (2^(i/8), 2^((i+1)/8)]; the relative error of a quantile that is
 * read from it is at most 2^(1/16) - 1, 4.4 percent, when the bucket's geometric middle stands for
 * it. */
#define SONDE_HISTOGRAM_SCALE 3

/* floor(log2(value)); value is not 0. Without branches but for the one that is hardly ever taken:
 * each would double the ways that the verifier has to follow through all that comes behind. */
static inline __attribute__((always_inline)) __u32 sonde_log2_u64(__u64 value)
{
	__u64 result = 0, more;

	if (__builtin_expect(value >> 32 != 0, 0)) {
		value >>= 32;
		result = 32;
		asm volatile("" : "+r"(value), "+r"(result));
	}
	more = (0xffff - value) >> 63 << 4;
	value >>= more;
	result += more;
	more = (0xff - value) >> 63 << 3;
	value >>= more;
	result += more;
	more = (0xf - value) >> 63 << 2;
	value >>= more;
	result += more;
	/* Two bits an entry: floor(log2(n)) for n from 0 to 15. */
	return result + ((0xffffaa50u >> (value << 1)) & 3);
}

/* 1 if `mantissa` lies above `bound`, else 0, without a branch; both have their top bit set. */
static inline __attribute__((always_inline)) __u32 sonde_histogram_above(__u64 mantissa,
									 __u64 bound)
{
	return (bound - mantissa) >> 63;
}

/* The index of the bucket that holds `value`. 0 is no member of any bucket: it gives -1 (so does 1,
 * the upper bound of bucket -1). No value of 64 bits is off by one: the bounds are
 * floor(2^(63+k/8)), irrational but for k = 0, so that an integer above the floor is above the
 * bound. */
static inline __attribute__((always_inline)) __s32 sonde_histogram_index(__u64 value)
{
	__u32 exponent;
	__u64 mantissa;
	__s32 index;

	if (value <= 1)
		return -1;
	exponent = sonde_log2_u64(value);
	mantissa = value << (63 - exponent);
	index = 8 * exponent - 1;
	index += sonde_histogram_above(mantissa, 0x8000000000000000ull);
	index += sonde_histogram_above(mantissa, 0x8b95c1e3ea8bd6e6ull);
	index += sonde_histogram_above(mantissa, 0x9837f0518db8a96full);
	index += sonde_histogram_above(mantissa, 0xa5fed6a9b15138eaull);
	index += sonde_histogram_above(mantissa, 0xb504f333f9de6484ull);
	index += sonde_histogram_above(mantissa, 0xc5672a115506daddull);
	index += sonde_histogram_above(mantissa, 0xd744fccad69d6af4ull);
	index += sonde_histogram_above(mantissa, 0xeac0c6e7dd24392eull);
	return index;
}

#endif

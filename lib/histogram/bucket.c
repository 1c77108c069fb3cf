// SPDX-License-Identifier: Apache-2.0
/* Buckets of exponential histograms: which one a double falls into, and where it ends, exactly. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "histogram.h"

enum {
	FRACTION_BITS = 52, /* of a double */
	EXPONENT_BIAS = 1023,
	EXPONENT_MAXIMUM = 1023,
	EXPONENT_MINIMUM = -1074, /* of the smallest subnormal */
};

/* A positive double as 1.fraction × 2^exponent. */
static int32_t double_split(double value, uint64_t *ret_fraction)
{
	const uint64_t mask = (1ull << FRACTION_BITS) - 1;
	uint64_t bits, fraction;
	int32_t exponent, shift;

	memcpy(&bits, &value, sizeof(bits));
	fraction = bits & mask;
	exponent = (int32_t)(bits >> FRACTION_BITS);
	if (!exponent) { /* subnormal */
		shift = __builtin_clzll(fraction) - (63 - FRACTION_BITS);
		fraction = fraction << shift & mask;
		exponent = 1 - shift;
	}
	*ret_fraction = fraction;
	return exponent - EXPONENT_BIAS;
}

/* The first `count` binary digits of log2(1.fraction), by squaring. Each square is rounded down by
 * less than 2^-124 of itself, so a digit would be wrong only for a number that lies closer than
 * 2^-122 above 2^(i/2^20). Only 1 does: of all other doubles the nearest is 2^-78 above (that was
 * computed for every i). */
static uint32_t logarithm_digits(uint64_t fraction, uint32_t count)
{
	const __uint128_t one = (__uint128_t)1 << 127;
	__uint128_t number = one | (__uint128_t)fraction << (127 - FRACTION_BITS);
	uint32_t digits = 0;

	while (count--) {
		uint64_t high = (uint64_t)(number >> 64), low = (uint64_t)number;

		number = (__uint128_t)high * high + ((__uint128_t)high * low >> 63);
		digits <<= 1;
		if (number >= one) /* the square is 2 or more; it stands here halved */
			digits |= 1;
		else
			number <<= 1;
	}
	return digits;
}

/* floor(log2(1.fraction) × 2^scale), for a fraction that is not 0. */
static int32_t fraction_index(uint64_t fraction, int32_t scale)
{
	uint64_t bits = (uint64_t)EXPONENT_BIAS << FRACTION_BITS | fraction;
	double number, estimate;

	memcpy(&number, &bits, sizeof(number));
	estimate = ldexp(log2(number), scale);
	/* log2() errs by an ulp or so: 2^-32 here at most. Close to a bound that may matter. */
	if (fabs(estimate - nearbyint(estimate)) > 0x1p-28)
		return (int32_t)estimate;
	return (int32_t)logarithm_digits(fraction, (uint32_t)scale);
}

int32_t histogram_index(double value, int32_t scale)
{
	uint64_t fraction;
	int32_t exponent;

	assert(value > 0 && isfinite(value));
	assert(scale >= HISTOGRAM_SCALE_MINIMUM && scale <= HISTOGRAM_SCALE_MAXIMUM);
	exponent = double_split(value, &fraction);
	if (scale > 0)
		return exponent * (1 << scale) + (fraction ? fraction_index(fraction, scale) : -1);
	return (exponent - !fraction) >> -scale;
}

/* 2^(mantissa / 2^scale), times 2^exponent. */
static double power(int64_t exponent, uint32_t mantissa, int32_t scale)
{
	if (exponent > EXPONENT_MAXIMUM)
		return INFINITY;
	if (exponent < EXPONENT_MINIMUM - 1)
		return 0;
	return ldexp(exp2(ldexp(mantissa, -scale)), (int)exponent);
}

double histogram_bound(int32_t index, int32_t scale)
{
	int64_t after = (int64_t)index + 1;
	double bound;

	assert(scale >= HISTOGRAM_SCALE_MINIMUM && scale <= HISTOGRAM_SCALE_MAXIMUM);
	if (scale <= 0)
		return power(after * (1 << -scale), 0, 0);
	bound = power(after >> scale, (uint32_t)(after & ((1 << scale) - 1)), scale);
	if (isinf(bound))
		return bound;
	/* exp2() and a subnormal result are rounded; the index is exact. */
	while (bound > 0 && histogram_index(bound, scale) > index)
		bound = nextafter(bound, 0);
	while (bound < __DBL_MAX__ && histogram_index(nextafter(bound, INFINITY), scale) <= index)
		bound = nextafter(bound, INFINITY);
	return bound;
}

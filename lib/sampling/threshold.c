// SPDX-License-Identifier: Apache-2.0
/* Rejection thresholds: as digits, as ratios and as weights. */
#include <endian.h>
#include <math.h>
#include <string.h>
#include "sampling.h"

/* Thresholds and weights that differ by less than one part in so many mean the same: a weight, a
 * double that others may have multiplied, has 53 bits at most. */
static const double SAME = 1e12;

/* Weights that are whole but for one part in so many are meant to be whole. */
static const double ROUND = 1e14;

static bool digits_read(struct sonde_text digits, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (uint32_t place = 0; place < THRESHOLD_SIZE; place++) {
		char digit = place < digits.length ? digits.data[place] : '0';

		if (digit >= '0' && digit <= '9')
			value = value << 4 | (uint64_t)(digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			value = value << 4 | (uint64_t)((digit | 0x20) - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

bool threshold_read(struct sonde_text digits, uint64_t *ret_threshold)
{
	return digits.length && digits.length <= THRESHOLD_SIZE &&
	       digits_read(digits, ret_threshold);
}

bool randomness_read(struct sonde_text digits, uint64_t *ret_randomness)
{
	return digits.length == THRESHOLD_SIZE && digits_read(digits, ret_randomness);
}

uint32_t threshold_write(uint64_t threshold, char *at)
{
	uint32_t length = THRESHOLD_SIZE;

	for (uint32_t place = 0; place < THRESHOLD_SIZE; place++)
		at[place] =
			"0123456789abcdef"[threshold >> (4 * (THRESHOLD_SIZE - 1 - place)) & 15];
	while (length > 1 && at[length - 1] == '0')
		length--;
	return length;
}

uint64_t threshold_of_ratio(double ratio)
{
	uint64_t kept;

	if (!(ratio > 0))
		return THRESHOLD_ALL;
	if (ratio >= 1)
		return 0;
	kept = (uint64_t)llround(ratio * (double)THRESHOLD_ALL);
	return THRESHOLD_ALL - (kept ? kept : 1);
}

double threshold_weight(uint64_t threshold)
{
	double weight = (double)THRESHOLD_ALL / (double)(THRESHOLD_ALL - threshold);
	double whole = round(weight);

	/* No threshold is 1% to the last bit, and 99.99999999999994 is meant for 100. */
	return fabs(weight - whole) * ROUND < whole ? whole : weight;
}

uint64_t threshold_of_weight(double weight, uint64_t before)
{
	if (!(weight > threshold_weight(before) * (1 + 1 / SAME)))
		return before;
	return isinf(weight) ? THRESHOLD_ALL - 1 : threshold_of_ratio(1 / weight);
}

uint64_t trace_randomness(const void *trace_id)
{
	uint64_t right;

	memcpy(&right, (const char *)trace_id + 8, sizeof(right));
	return be64toh(right) & (THRESHOLD_ALL - 1);
}

// SPDX-License-Identifier: Apache-2.0
/* Fuzzes durations, sizes and ratios: what is read is printed, and reads back as the same; any
 * number that is printed reads back. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printed(uint64_t number)
{
	int64_t duration_ns = (int64_t)(number >> 1), duration_again_ns = -1;
	uint64_t bytes_again = 0;
	double real, again = 0;
	char buffer[32];

	assert(strlen(duration_print(duration_ns, buffer)) < sizeof(buffer));
	assert(!duration_parse(buffer, &duration_again_ns) && duration_again_ns == duration_ns);
	assert(strlen(size_print(number, buffer)) < sizeof(buffer));
	assert(!size_parse(buffer, &bytes_again) && bytes_again == number);
	real = (double)number / 18446744073709551616.0;
	assert(strlen(ratio_print(real, buffer)) < sizeof(buffer));
	assert(!ratio_parse(buffer, &again) && again == real);
	memcpy(&real, &number, sizeof(real));
	if (isfinite(real)) {
		assert(strlen(double_print(real, buffer)) < sizeof(buffer));
		assert(strtod(buffer, NULL) == real);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), buffer[32];
	int64_t duration_ns = -1, duration_again_ns = -1;
	uint64_t bytes = 0, bytes_again = 0, number;
	double ratio = -1, ratio_again = -1;

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (!duration_parse(text, &duration_ns)) {
		assert(duration_ns >= 0);
		assert(!duration_parse(duration_print(duration_ns, buffer), &duration_again_ns));
		assert(duration_again_ns == duration_ns && !number_is_bare(text));
	} else {
		assert(duration_ns == -1);
	}
	if (!size_parse(text, &bytes)) {
		assert(!size_parse(size_print(bytes, buffer), &bytes_again));
		assert(bytes_again == bytes && !number_is_bare(text));
	}
	if (!ratio_parse(text, &ratio)) {
		assert(ratio >= 0 && ratio <= 1);
		assert(!ratio_parse(ratio_print(ratio, buffer), &ratio_again));
		assert(ratio_again == ratio);
	} else {
		assert(ratio == -1);
	}
	free(text);
	if (size >= sizeof(number)) {
		memcpy(&number, data, sizeof(number));
		check_printed(number);
	}
	return 0;
}

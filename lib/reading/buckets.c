// SPDX-License-Identifier: Apache-2.0
/* Buckets of exponential histograms, made coarser without error while they are read. */
#include "reading.h"

#include <string.h>

struct reading_span reading_span(const uint64_t *counts, uint32_t count, int32_t first,
				 uint32_t halvings)
{
	uint32_t begin = 0, end = count;
	struct reading_span span = { 0, 0 };

	while (begin < end && !counts[begin])
		begin++;
	while (end > begin && !counts[end - 1])
		end--;
	if (begin == end)
		return span;
	span.offset = (first + (int32_t)begin) >> halvings;
	span.length = (uint32_t)(((first + (int32_t)end - 1) >> halvings) - span.offset) + 1;
	return span;
}

void reading_fill(const uint64_t *counts, uint32_t count, int32_t first, uint32_t halvings,
		  struct reading_span span, uint64_t *ret_words)
{
	memset(ret_words, 0, span.length * sizeof(*ret_words));
	for (uint32_t i = 0; i < count; i++) {
		if (counts[i])
			ret_words[((first + (int32_t)i) >> halvings) - span.offset] += counts[i];
	}
}

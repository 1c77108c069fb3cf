/* SPDX-License-Identifier: Apache-2.0 */
/* What inputs make of counts that the kernel shares, as their knobs ask when they are read: coarser
 * histograms, and the largest groups with all others as one. */
#ifndef SONDE_READING_H
#define SONDE_READING_H

#include <stdbool.h>
#include <stdint.h>

/* ---- histograms -------------------------------------------------------------------------- */

/* Consecutive buckets of an exponential histogram without the empty ones at both ends: the index of
 * the first, at the coarser scale, and how many they are; length 0: all are empty. */
struct reading_span {
	int32_t offset;
	uint32_t length;
};

/* Which buckets there are once two become one, `halvings` times (at most 31). counts[0] is the
 * bucket `first`. */
struct reading_span reading_span(const uint64_t *counts, uint32_t count, int32_t first,
				 uint32_t halvings);

/* Adds them up into span.length words; exact, as bounds of a coarser scale are bounds of the finer.
 */
void reading_fill(const uint64_t *counts, uint32_t count, int32_t first, uint32_t halvings,
		  struct reading_span span, uint64_t *ret_words);

/* ---- the largest ------------------------------------------------------------------------- */

/* Marks the `top` largest of the counts, and none that is 0; of equal ones the first. Returns how
 * many those are. -ENOMEM: none is marked. */
int64_t reading_choose(const uint64_t *counts, uint32_t count, uint32_t top, bool *ret_chosen);

#endif

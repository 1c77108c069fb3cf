/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the spans of a batch are shown: each below its parent. */
#ifndef SONDE_BRANCH_H
#define SONDE_BRANCH_H

#include <sonde/plugin.h>

struct branch {
	uint32_t row;
	uint32_t depth; /* 0: its parent is not in the batch */
};

/* The selected rows, roots by start time, children below their parents by start time; to be freed.
 * Spans that are each other's parents come last, as roots. NULL: no memory. */
struct branch *tree_order(const struct sonde_batch *batch, uint32_t *ret_count);

#endif

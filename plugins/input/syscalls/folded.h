/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of what the kernel counted: a group's calls of one kind, and those of them that failed. */
#ifndef SYSCALLS_FOLDED_H
#define SYSCALLS_FOLDED_H

#include "aggregate.h"
#include "events.h"

enum { FOLDED_SCALE = 3 }; /* of the histograms as the kernel counts them */

/* One reading. */
struct folded {
	struct sonde_instance *instance;
	const struct events *events; /* whose dictionaries have the names */
	int64_t start_time_ns, time_ns;
	uint32_t halvings; /* of histograms: their scale is so much smaller */
	bool error_rows;   /* a row for each error too */
};

/* An aggregate_callback: fills the rows of a delta; context is a struct folded. */
void folded_fill(void *context, const struct aggregate_group *group, uint32_t call_index,
		 const struct aggregate_delta *delta);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A table of groups as a batch: a row a group. */
#ifndef SONDE_WINDOW_ROWS_H
#define SONDE_WINDOW_ROWS_H

#include "table.h"

struct rows_request {
	struct sonde_instance *instance;
	struct intern *intern;
	int64_t start_ns, end_ns;
	uint32_t top;        /* not 0: more groups than these are added to the others */
	int32_t top_measure; /* index; -1: named, or the first */
	const char *top_by;  /* name; NULL: the first */
};

/* Whether there are more groups than go on by themselves. */
static inline bool rows_are_cut(const struct table *table, uint32_t top)
{
	return top && table->count - 1 > top;
}

/* NULL: no memory. Groups that do not go on by themselves are added to the others of the table, so
 * it is not to be asked again then. */
struct sonde_batch *rows_make(struct table *table, const struct rows_request *request);

#endif

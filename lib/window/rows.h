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

/* NULL: no memory, the table is as it was, but that groups may have been added to the others. */
struct sonde_batch *rows_make(struct table *table, const struct rows_request *request);

#endif

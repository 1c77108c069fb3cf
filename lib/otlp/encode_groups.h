/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a batch by what they have in common: resource, within it scope, within it metric. */
#ifndef SONDE_ENCODE_GROUPS_H
#define SONDE_ENCODE_GROUPS_H

#include <sonde/plugin.h>

enum group_level { GROUP_RESOURCE, GROUP_SCOPE, GROUP_METRIC, GROUP_LEVEL_COUNT };

/* Rows that have all in common. */
struct group_run {
	uint32_t first, count; /* places in `rows` */
	uint32_t opens;        /* enum group_level: the outermost that begins with it */
};

/* Zeroed, it is empty; its memory is used again. */
struct groups {
	uint32_t *rows; /* the selected ones, group after group, in their order within a group */
	uint32_t row_count;
	struct group_run *runs;
	uint32_t run_count;
	/* private */
	const struct sonde_batch *batch;
	uint32_t *ids[GROUP_LEVEL_COUNT]; /* by place before sorting */
	uint32_t *order, *sorted, *starts;
	uint32_t *slots; /* hash table of places + 1 */
	uint32_t slot_count;
	uint32_t row_capacity, slot_capacity, run_capacity;
	const struct sonde_column **columns;
	uint32_t column_count, column_capacity;
};

/* Groups the selected rows of [first_row, end_row): by the columns of scope RESOURCE, then by those
 * of scope SCOPE, then by the column of role METRIC of scope ROW. Values are compared, not codes.
 * -ENOMEM. */
int groups_make(struct groups *groups, const struct sonde_batch *batch, uint32_t first_row,
		uint32_t end_row, bool by_metric);
void groups_release(struct groups *groups);

#endif

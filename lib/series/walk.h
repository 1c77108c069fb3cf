/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a batch, one after the other, each taken into its series. */
#ifndef SONDE_SERIES_WALK_H
#define SONDE_SERIES_WALK_H

#include "table.h"

struct walk_step {
	uint32_t row;
	uint32_t measure; /* index into the plan's */
	struct series *series;
	bool is_absent;           /* the row says that there is no value */
	int result;               /* of point_take() */
	struct series difference; /* if asked for; to be released here */
};

struct walk {
	struct series_table *table;
	struct sonde_instance *instance;
	const struct sonde_batch *batch;
	struct series_moment now;
	uint64_t refused_rows;

	/* Whether to work out differences, and what to do with each step (NULL: nothing); a
	 * negative return ends the walk. */
	bool differs;
	int (*visit)(struct walk *walk, struct walk_step *step);
	/* Which measures of wide rows, or metrics of long ones, are to be walked; NULL: all. */
	bool (*wants)(uint32_t kind, uint32_t temporality, bool monotonic);
};

/* Makes the plan of the table, and walks. 0, or what visit() returned, or -ENOMEM without a plan.
 */
int walk_batch(struct walk *walk);

#endif

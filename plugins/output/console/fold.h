/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a table that look the same in the columns that are shown, added up and sorted. */
#ifndef SONDE_CONSOLE_FOLD_H
#define SONDE_CONSOLE_FOLD_H

#include "layout.h"

/* What one column holds, of one row or of several added up. */
struct measure {
	double number;  /* a sum's own, or the sum of gauges */
	double rate;    /* a second; rows whose time is not known add none */
	uint32_t count; /* of values; 0: there is none */
	uint32_t rates; /* of rates */
	struct histogram *histogram;
	bool owned; /* the histogram is ours */
};

struct folded {
	const struct row *row;    /* any of its rows, for the attributes */
	struct measure *measures; /* by view */
	double rank;              /* what it is sorted by, descending */
};

struct fold {
	struct arena *arena;
	struct folded *rows;
	uint32_t count;
	uint64_t row_count; /* rows before folding */
	uint32_t view_count;
};

/* What to sort by. */
struct order {
	uint32_t view; /* PICTURE_VIEWS: by the texts */
	enum slot_kind kind;
};

/* The column of that name or heading; without one the first sum, histogram or gauge. */
struct order order_of(const struct layout *layout, const struct table *table, const char *name);

/* -ENOMEM leaves an empty fold. */
int fold_make(struct fold *fold, const struct table *table, const struct layout *layout,
	      struct order order);

/* How many rows there would be. */
uint32_t fold_count(const struct table *table, const struct layout *layout);

/* Adds up rows first to last - 1; to be released before the fold, also after -ENOMEM. */
int fold_sum(struct fold *fold, uint32_t first, uint32_t last, struct folded *ret_sum);
void folded_release(struct folded *folded, uint32_t view_count);

void fold_release(struct fold *fold);

#endif

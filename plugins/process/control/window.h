/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of one key come to, over a window that slides with their own time, and what earlier
 * windows came to.
 *
 * A window is WINDOW_SLICES slices, the newest of which is being filled: it covers between 4/5 and
 * all of its width. Time is that of the rows; where they stop coming it goes on with the clock. */
#ifndef CONTROL_WINDOW_H
#define CONTROL_WINDOW_H

#include <histogram.h>

#include "column.h"
#include "formula.h"

enum { WINDOW_SLICES = 5, WINDOW_BASELINE_LIMIT = 100 };

/* Of one measure, in a slice. */
struct tally {
	double sum, weight; /* of values, and how many they are */
	double minimum, maximum;
	struct histogram histogram; /* for a quantile */
};

struct slice {
	int64_t at; /* number of the slice since the epoch; -1: it is empty */
	double events;
	struct tally tallies[2];
};

/* A whole window that has passed, aligned to the epoch. */
struct past {
	int64_t at; /* number of the window; -1: none */
	double value;
};

/* How all windows of a rule are. */
struct window_shape {
	const struct formula *formula;
	int64_t slice_ns;
	uint32_t baseline; /* past windows that are kept; 0: none are needed */
	double minimum;    /* events that a window must have to say anything */
};

struct window {
	int64_t newest_ns, arrival_ns; /* time of the newest row, and when it came */
	int64_t first_ns;              /* of the first */
	int64_t current;               /* number of the newest slice that rows came for */
	int64_t now;                   /* and of the slice that it is by the clock */
	struct slice slices[WINDOW_SLICES];
	uint32_t past_next;
	struct past past[]; /* shape->baseline + 1 */
};

/* NULL: no memory. */
struct window *window_create(const struct window_shape *shape, int64_t time_ns);
void window_release(struct window *window); /* NULL is fine */

/* The measures of a batch: which columns they are. */
struct window_columns {
	const struct sonde_column *columns[2][COLUMN_LIMIT];
	uint32_t counts[2];
	const struct sonde_column *time, *weight, *events;
	bool nanoseconds; /* the first is measured in them */
};

/* -ENOENT: a column is missing; -EINVAL: one cannot be measured so, and *ret_name says which. */
int window_bind(const struct formula *formula, const struct sonde_batch *batch,
		struct window_columns *ret_columns, const char **ret_name);

/* The time of a row: its own, unless that lies ahead of now_ns; now_ns where it has none. */
int64_t window_time(const struct window_columns *columns, uint32_t row, int64_t now_ns);

/* Adds a row. -ERANGE: it is older than the window, and left out; -ENOMEM: likewise. */
int window_add(struct window *window, const struct window_shape *shape,
	       const struct window_columns *columns, uint32_t row, int64_t time_ns, int64_t now_ns);

/* Whether a row of that time would move the window on. */
bool window_moves(const struct window *window, const struct window_shape *shape, int64_t time_ns);

/* From now on values are as of now_ns: as long ago as the newest row came, so much has passed since
 * its time. No row is late by that: a slow way to here moves nothing. */
void window_advance(struct window *window, const struct window_shape *shape, int64_t now_ns);

/* What the window comes to, as of the last window_advance(); NAN: nothing, or too little. */
double window_value(const struct window *window, const struct window_shape *shape);

/* The mean of the windows before it; NAN: fewer than a quarter of them are known. */
double window_baseline(const struct window *window, const struct window_shape *shape);

/* Whether rows have come for at least one window. */
bool window_is_full(const struct window *window, const struct window_shape *shape);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms of every kind as one kind, and drawn as bars over a logarithmic axis. */
#ifndef SONDE_DISTRIBUTION_H
#define SONDE_DISTRIBUTION_H

#include <sonde/plugin.h>
#include "draw.h"
#include "histogram.h"

/* Zeroed, and empty. NULL: no memory. */
struct histogram *distribution_create(void);
void distribution_release(struct histogram *histogram); /* NULL is fine */

/* Adds the value of a histogram column. Explicit buckets and quantiles are spread evenly on the
 * logarithmic axis. -ENOMEM, or -EINVAL for buckets that do not lie in the heap. */
int distribution_add(struct histogram *histogram, const struct sonde_column *column, uint32_t row);

int distribution_merge(struct histogram *histogram, const struct histogram *other);

/* The largest value, or the upper bound of the last bucket. NaN: empty. */
double distribution_maximum(const struct histogram *histogram);

/* Powers of ten from..to that the bars of a table share, in the units that are shown. */
struct axis {
	double factor; /* from a value to what is shown */
	struct unit unit;
	int from, to; /* from == to: nothing to draw */
};

/* Makes the axis hold the histogram too. */
void axis_include(struct axis *axis, const struct histogram *histogram);

/* The labels of the axis over `width` columns. */
void axis_draw(const struct axis *axis, struct draw *draw, uint32_t width);

void distribution_draw(const struct histogram *histogram, const struct axis *axis,
		       struct draw *draw, uint32_t width);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One point and the series that it belongs to: what the sum, histogram or gauge is afterwards. */
#ifndef SONDE_SERIES_POINT_H
#define SONDE_SERIES_POINT_H

#include "series.h"

struct point {
	const struct sonde_column *column; /* of its value */
	uint32_t row;
	uint32_t temporality;
	int64_t start_ns; /* 0: not said */
	int64_t time_ns;
	double weight;
	bool is_absent; /* there is no value now */
};

enum { POINT_TAKEN = 0, POINT_LATE = 1 };

/* Whether a column's values can be of a metric of this kind. */
bool point_fits(const struct sonde_column *column, uint32_t kind);

/* Whether it is added to others, rather than put in their place. */
static inline bool point_adds(uint32_t kind, uint32_t temporality)
{
	return temporality == SONDE_DELTA && kind != SONDE_METRIC_GAUGE &&
	       kind != SONDE_METRIC_SUMMARY;
}

/* Takes the point into the series: POINT_TAKEN or POINT_LATE. difference: NULL, or a zeroed series
 * that gets what a cumulative point has added, if anybody can say (has_value); its value is to be
 * released by point_drop(). -EINVAL: buckets that do not lie in the heap, or numbers that none can
 * have; -EOVERFLOW: over 2^64 values; -ENOMEM: the series is as it was. */
int point_take(struct series_table *table, struct series *series, const struct point *point,
	       struct series *difference);

/* Frees the value of a series that has the metric's kind. */
void point_drop(struct series *series);

/* The same of a series of the table, with its exemplars. */
void point_release(struct series_table *table, struct series *series);

/* Keeps an exemplar; without memory it is not kept. */
void point_exemplar(struct series_table *table, struct series *series,
		    const struct series_exemplar *exemplar);

#endif

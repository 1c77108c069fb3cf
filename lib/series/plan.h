/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a batch by what they say about series, found once for all of its rows. */
#ifndef SONDE_SERIES_PLAN_H
#define SONDE_SERIES_PLAN_H

#include "labels.h"

struct series_metric;

struct plan_column {
	const struct sonde_column *column;
	uint64_t key_hash;
	uint32_t key_length;
	uint32_t role; /* enum series_label_role */
	char hex[32];  /* of an id, in the row looked at */
};

/* What belongs to rows, to their scopes, or to their resources. */
struct plan_scope {
	struct plan_column *columns; /* in the order of labels */
	uint32_t count, capacity;
	const struct sonde_column *map; /* attributes without a column; NULL: none */
	bool is_constant;               /* the same in all rows */
	struct series_list list;        /* of the row looked at */
};

/* A measure of a wide row, or a column of values of long ones. */
struct plan_measure {
	const struct sonde_column *column;
	uint32_t index;               /* of the column */
	struct series_metric *metric; /* of the row looked at last; NULL: none yet */
};

enum { PLAN_METRICS = 64 };

/* Zeroed, it is empty; it may be made again and again. */
struct plan {
	struct plan_scope scopes[3]; /* by enum sonde_scope */
	struct plan_measure *measures;
	uint32_t measure_count, measure_capacity;
	const struct sonde_column *time, *start, *flags, *weight;
	const struct sonde_column *metric; /* of long rows; NULL: they are wide */

	/* Metrics of long rows by their codes, for one resource and scope; the array is searched by
	 * the lowest bits. */
	const struct series_labels *resource, *scope;
	struct {
		uint32_t code;
		bool is_known;
		struct series_metric *metric; /* NULL: it is not to be walked */
	} metrics[PLAN_METRICS];

	struct sonde_any *items; /* scratch: decoded values */
	uint32_t item_capacity;
	unsigned char *bytes; /* scratch: encoded ones */
	size_t byte_capacity;
};

/* -ENOMEM. The plan is good while the batch is. */
int plan_make(struct plan *plan, const struct sonde_batch *batch, uint64_t seed);
void plan_release(struct plan *plan);

/* Makes the list of a scope that of a row; it points into the batch and into the plan. -ENOMEM;
 * -EBADMSG: a value that cannot be decoded. */
int plan_list(struct plan *plan, struct sonde_instance *instance, uint32_t scope, uint32_t row,
	      uint64_t seed);

/* The value of a column of integers, times or bools; unsigned ones beyond 2^63 - 1 stop there. */
int64_t plan_integer(const struct sonde_column *column, uint32_t row);

#endif

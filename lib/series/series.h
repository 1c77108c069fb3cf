/* SPDX-License-Identifier: Apache-2.0 */
/* Time series as rows of metrics tell them: who each point belongs to, and what its sums and
 * histograms have come to. It makes cumulative points of delta ones and the reverse, and is what an
 * exposition reads. One thread at a time.
 *
 * A series is a metric (of a resource and scope: name, unit, kind, temporality, monotonic or not)
 * and a set of attributes, compared by value, whatever their order and whether they lie in columns
 * of their own or in the map of the others.
 *
 * The rules of points:
 * - A delta point is added, whatever its time: neither order nor a gap changes a sum, and two equal
 *   ones may be two replicas'. The series starts where its first one does; if that does not say,
 *   when the table last began to count all that comes (it was created, or forgot a series).
 * - Explicit histograms are added if their bounds are equal; else the series starts anew.
 * - A cumulative point is newer than the last one, or it is late and left out; so is one that
 *   starts before the last one did. It is a reset if it starts later, or if what only grows has
 *   fallen (then it starts where the last point was).
 * - A gauge or summary is what its newest point says.
 * - Weights multiply delta sums and counts.
 *
 * Beyond series_limit or memory_bytes a new delta series is added to its metric's overflow series,
 * whose one attribute is otel.metric.overflow = true, so that sums stay right. Points of other
 * kinds cannot be added up, and are refused. A series without a point for expiry_ns is forgotten.
 */
#ifndef SONDE_SERIES_H
#define SONDE_SERIES_H

#include <sonde/plugin.h>
#include "histogram.h"
#include "labels.h"

struct series_table;

struct series_options {
	uint32_t series_limit; /* besides one overflow series of each metric; also of metrics */
	uint32_t bucket_limit; /* of exponential histograms, per sign; 0: 320 */
	size_t memory_bytes;   /* of the table, beyond which no new series begins; 0: any */
	int64_t expiry_ns;     /* 0: never */
	bool exemplars;        /* keep some */
};

struct series_moment {
	int64_t wall_ns;   /* sonde_now_ns() */
	int64_t steady_ns; /* of a clock that is never stepped */
};

struct series_moment series_now(struct sonde_instance *instance);

/* Since the table was created. */
struct series_counts {
	uint64_t points;     /* taken into a series */
	uint64_t late;       /* cumulative points and gauges that were not newer than the last */
	uint64_t resets;     /* series that began anew */
	uint64_t overflowed; /* points added to overflow series */
	uint64_t refused;    /* points: over the limit, malformed, or no memory */
	uint64_t expired;    /* series */
	uint32_t series, metrics;
	size_t memory_bytes;
};

struct series_explicit {
	uint32_t length;  /* of counts; 0: neither counts nor bounds */
	uint64_t *counts; /* not cumulated */
	double *bounds;   /* length - 1 */
	uint64_t count;
	double sum, minimum, maximum;
	uint32_t flags; /* SONDE_HAS_... */
};

struct series_quantiles {
	uint32_t length;
	double *pairs; /* quantile, value */
	uint64_t count;
	double sum;
};

enum { SERIES_EXEMPLARS = 8 };

struct series_exemplar {
	double value;
	int64_t time_ns; /* 0: not said */
	bool has_trace, has_span;
	unsigned char trace_id[16], span_id[8];
};

/* The newest ones, in a ring. */
struct series_exemplars {
	uint32_t count, next;
	struct series_exemplar items[SERIES_EXEMPLARS];
};

struct series {
	const struct series_metric *metric;
	const struct series_labels *attributes;
	struct series *next; /* of the metric */
	int64_t start_ns;    /* of what it adds up; 0: not known */
	int64_t time_ns;     /* of the newest point; 0: not known */
	bool is_overflow;
	bool is_absent; /* its source says that there is no value now */
	bool is_double; /* of a number: which member */
	bool has_value; /* some point was taken */
	union {
		int64_t integer; /* stops at the ends of its range */
		double number;
		struct histogram *exponential;
		struct series_explicit *distribution;
		struct series_quantiles *quantiles;
	} as;                               /* by the metric's kind */
	struct series_exemplars *exemplars; /* NULL: none */

	/* private */
	int64_t touched_ns; /* steady clock */
	int64_t said_ns;    /* the start that its source says; not after start_ns */
	uint64_t pass;      /* the batch that it was in last */
	uint32_t pass_row;
};

struct series_metric {
	const struct series_labels *resource, *scope;
	const char *name, *unit, *help;
	uint32_t kind;        /* enum sonde_metric_kind */
	uint32_t temporality; /* as it came; sums of delta points are added up here */
	bool monotonic;
	struct series *first; /* its overflow series included */
	struct series *overflow;
	uint64_t hash; /* private */
};

/* -ENOMEM. The options are copied. */
int series_table_create(const struct series_options *options, struct series_moment now,
			struct series_table **ret_table);
void series_table_release(struct series_table *table); /* NULL is fine */

/* New limits; those of series hold for new ones. */
void series_table_set(struct series_table *table, const struct series_options *options);

/* Adds the points of the selected rows of a batch of metrics. Returns 0; rows with a point that was
 * refused are counted in ret_refused. instance: whose services decode values. */
int series_fold(struct series_table *table, struct sonde_instance *instance,
		const struct sonde_batch *batch, struct series_moment now, uint64_t *ret_refused);

/* Forgets what had no point for long. Cheap when called often. */
void series_expire(struct series_table *table, struct series_moment now);

void series_table_counts(const struct series_table *table, struct series_counts *ret_counts);

/* The metrics, in the order in which they came; walk series by `first` and `next`. Valid until the
 * table changes. */
uint32_t series_metric_count(const struct series_table *table);
const struct series_metric *series_metric_at(const struct series_table *table, uint32_t index);

/* Adds what a series has come to, to a sum, which is a series of its own that has no attributes and
 * is made if *sum is NULL. Only of sums and histograms. -EINVAL: they are of
 * different kinds; -ERANGE: explicit histograms whose bounds differ; -ENOMEM. */
int series_sum(struct series **sum, const struct series *series);
void series_sum_release(struct series *sum); /* NULL is fine */

/* What a batch is sent as: the batch itself, held, if nothing had to change; else what had to, what
 * of long rows had not, and the points of overflow series, as far as there are any. They do not
 * change any more. Their receipts are the batch's: release them all before it is settled. */
struct series_converted {
	struct sonde_batch *batches[3];
	uint32_t count;
	uint64_t refused_rows; /* rows of which a point was refused, and is in none */
};

/* A batch with its sums and histograms of the temporality `to`, and their START_TIME. Where a
 * series has several rows the last one tells the sum, and the others are null or not selected. To
 * SONDE_DELTA only monotonic sums and histograms are converted; the first point of a series that
 * began before the table, or nobody knows when, has no difference and is left out. The batch's
 * points are in the table afterwards: convert a delivery once, and keep what came of it for
 * repeats. -ENOMEM: nothing was made, but points may have been taken. */
int series_convert(struct series_table *table, struct sonde_instance *instance,
		   struct sonde_batch *batch, enum sonde_temporality to, struct series_moment now,
		   struct series_converted *ret_converted);

void series_converted_release(struct sonde_instance *instance, struct series_converted *converted);

#endif

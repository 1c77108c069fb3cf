/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside a table of series: who finds, makes and forgets them. */
#ifndef SONDE_SERIES_TABLE_H
#define SONDE_SERIES_TABLE_H

#include "plan.h"
#include "series.h"

struct series_table {
	struct series_options options;
	struct series_counts counts; /* but for what is counted when asked */
	uint64_t seed;
	int64_t since_ns;   /* wall clock: since then nothing was forgotten */
	int64_t swept_ns;   /* steady clock */
	uint64_t pass;      /* number of the batch that is looked at */
	size_t value_bytes; /* of series, values and metrics */

	struct series_sets sets;
	struct series_metric **metrics; /* in the order in which they came */
	uint32_t metric_count, metric_capacity;
	struct series_metric **metric_slots;
	uint32_t metric_mask;
	struct series **slots;
	uint32_t mask;         /* 0: there are no slots */
	uint32_t series_count; /* in the slots: overflow series are not */

	struct plan plan;
	struct histogram scratch; /* a point while it is worked on */
};

/* What a metric is known by. */
struct metric_key {
	struct sonde_text name, unit, help;
	uint32_t kind, temporality;
	bool monotonic;
};

/* The metric of the resource and scope whose lists the plan holds; made if it is new. -ENOMEM;
 * -ENOSPC: there are too many. */
int table_metric(struct series_table *table, const struct series_labels *resource,
		 const struct series_labels *scope, const struct metric_key *key,
		 struct series_metric **ret_metric);

/* The series of a metric and a list of attributes. A new one where there is room, else the metric's
 * overflow series if `adds`; *labels saves looking for the set again, NULL at first. -ENOMEM;
 * -ENOSPC. */
int table_series(struct series_table *table, struct series_metric *metric,
		 const struct series_list *list, struct series_labels **labels, bool adds,
		 struct series **ret_series);

size_t table_bytes(const struct series_table *table);

/* Whether `bytes` more stay within the bound of memory. */
static inline bool table_has_room(const struct series_table *table, size_t bytes)
{
	return !table->options.memory_bytes ||
	       table_bytes(table) + bytes <= table->options.memory_bytes;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of series, and rows that are folded into them: shorthands of test_series.c and
 * test_series_bounds.c. */
#ifndef SONDE_SERIES_FIXTURE_H
#define SONDE_SERIES_FIXTURE_H

#include "otlp_table.h"
#include "series.h"

#define FIELD(name_, type_, role_)                                                                 \
	(&(const struct sonde_field){ .name = (name_), .type = (type_), .role = (role_) })

enum { TIMES_UNKNOWN = -1 };

static const struct sonde_field calls = { .name = "calls",
					  .type = SONDE_U64,
					  .role = SONDE_ROLE_SUM,
					  .temporality = SONDE_DELTA,
					  .monotonic = true,
					  .unit = "{call}" };
static const struct sonde_field total = { .name = "total",
					  .type = SONDE_I64,
					  .role = SONDE_ROLE_SUM,
					  .temporality = SONDE_CUMULATIVE,
					  .monotonic = true };
static const struct sonde_field spread = { .name = "spread",
					   .type = SONDE_EXPONENTIAL,
					   .role = SONDE_ROLE_HISTOGRAM,
					   .temporality = SONDE_DELTA };
static const struct sonde_field buckets = { .name = "buckets",
					    .type = SONDE_EXPLICIT,
					    .role = SONDE_ROLE_HISTOGRAM,
					    .temporality = SONDE_DELTA };
static const struct sonde_field level = { .name = "level",
					  .type = SONDE_DOUBLE,
					  .role = SONDE_ROLE_GAUGE };

static struct series_moment moment = { .wall_ns = 1000, .steady_ns = 1000 };

static inline struct series_table *make_table(uint32_t limit)
{
	const struct series_options options = { .series_limit = limit,
						.expiry_ns = 1000,
						.exemplars = true };
	struct series_table *table;

	assert_int_equal(series_table_create(&options, moment, &table), 0);
	return table;
}

/* A batch of rows with times; start TIMES_UNKNOWN: without a column of starts. */
static inline struct sonde_batch *make_rows(uint32_t row_count, int64_t start_ns, int64_t time_ns)
{
	struct sonde_batch *batch =
		sonde_batch_table(&instance, "rows", SONDE_SIGNAL_METRIC, row_count);

	table_constant(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME), &time_ns);
	if (start_ns != TIMES_UNKNOWN)
		table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME), &start_ns);
	return batch;
}

static inline void add_text(struct sonde_batch *batch, const char *name, const char *value)
{
	table_constant(batch, FIELD(name, SONDE_TEXT, SONDE_ROLE_ATTRIBUTE),
		       VALUE(uint32_t, code_of(value)));
}

/* Folds the batch, which is gone then; how many rows were refused. */
static inline uint64_t fold(struct series_table *table, struct sonde_batch *batch)
{
	uint64_t refused = UINT64_MAX;

	(void)sonde_batch_bytes(&instance, batch);
	assert_int_equal(series_fold(table, &instance, batch, moment, &refused), 0);
	sonde_batch_release(&instance, batch);
	return refused;
}

/* One row with one value. */
static inline uint64_t fold_one(struct series_table *table, const struct sonde_field *field,
				int64_t start_ns, int64_t time_ns, const void *value)
{
	struct sonde_batch *batch = make_rows(1, start_ns, time_ns);

	table_constant(batch, field, value);
	return fold(table, batch);
}

static inline struct series_counts counts_of(const struct series_table *table)
{
	struct series_counts counts;

	series_table_counts(table, &counts);
	return counts;
}

/* The only series of the table. */
static inline const struct series *only(const struct series_table *table)
{
	const struct series *series;

	assert_int_equal(series_metric_count(table), 1);
	series = series_metric_at(table, 0)->first;
	assert_non_null(series);
	assert_null(series->next);
	return series;
}

/* A histogram of a column, with buckets that begin at an index. */
static inline void set_exponential(struct sonde_batch *batch, uint32_t column, uint32_t row,
				   int32_t scale, int32_t offset, const uint64_t *counts,
				   uint32_t length)
{
	struct sonde_exponential head = { .scale = scale,
					  .positive_offset = offset,
					  .positive_length = length,
					  .flags = SONDE_HAS_SUM,
					  .sum = 1 };
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, length, &head.positive_start);

	assert_non_null(heap);
	for (uint32_t i = 0; i < length; i++) {
		heap[i] = counts[i];
		head.count += counts[i];
	}
	table_set(batch, column, row, &head);
}

static inline void fold_exponential(struct series_table *table, const struct sonde_field *field,
				    int64_t time_ns, int32_t scale, int32_t offset,
				    const uint64_t *counts, uint32_t length)
{
	struct sonde_batch *batch = make_rows(1, 500, time_ns);

	set_exponential(batch, table_add(batch, field), 0, scale, offset, counts, length);
	assert_int_equal(fold(table, batch), 0);
}

static inline void fold_explicit(struct series_table *table, int64_t start_ns, int64_t time_ns,
				 double bound, uint64_t below, uint64_t above)
{
	struct sonde_batch *batch = make_rows(1, start_ns, time_ns);
	uint32_t column = table_add(batch, &buckets), start;
	uint64_t *heap = sonde_batch_heap(&instance, batch, column, 3, &start);
	struct sonde_explicit head = { .count = below + above,
				       .sum = 10,
				       .flags = SONDE_HAS_SUM,
				       .counts_start = start,
				       .bounds_start = start + 2,
				       .length = 2 };

	heap[0] = below;
	heap[1] = above;
	memcpy(&heap[2], &bound, sizeof(bound));
	table_set(batch, column, 0, &head);
	assert_int_equal(fold(table, batch), 0);
}

#endif

// SPDX-License-Identifier: Apache-2.0
/* Parts of an aggregate that a pipeline asks for: tables of its own columns, made of what the
 * kernel counted. */
#include "partial.h"

#include <stdlib.h>
#include <string.h>

#include "folded.h"
#include "reading.h"

struct partial_row {
	uint64_t cgroup_id;
	uint32_t tgid, call_index;
	uint64_t calls, errors, duration_ns, timed;
	struct reading_span span;
	uint32_t words_start; /* of its buckets */
};

struct partial {
	struct partial_row *rows;
	uint64_t *words;
	uint32_t row_count, row_capacity, word_count, word_capacity;
	uint64_t refused_calls; /* that there was no memory for */
};

struct partial *partial_create(void)
{
	return calloc(1, sizeof(struct partial));
}

void partial_release(struct partial *partial)
{
	if (!partial)
		return;
	free(partial->rows);
	free(partial->words);
	free(partial);
}

static bool room_make(void **items, uint32_t *capacity, uint32_t needed, size_t size)
{
	uint32_t more = *capacity ? *capacity : 64;
	void *grown;

	if (needed <= *capacity)
		return true;
	while (more < needed)
		more *= 2;
	grown = realloc(*items, more * size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = more;
	return true;
}

void partial_add(void *context, const struct aggregate_group *group, uint32_t call_index,
		 const struct aggregate_delta *delta)
{
	struct partial *partial = context;
	struct reading_span span =
		reading_span(delta->buckets, SONDE_SYSCALL_BUCKETS, SONDE_SYSCALL_FIRST_BUCKET, 0);

	if (!room_make((void **)&partial->rows, &partial->row_capacity, partial->row_count + 1,
		       sizeof(*partial->rows)) ||
	    !room_make((void **)&partial->words, &partial->word_capacity,
		       partial->word_count + span.length, sizeof(*partial->words))) {
		partial->refused_calls += delta->calls;
		return;
	}
	partial->rows[partial->row_count++] =
		(struct partial_row){ .cgroup_id = group->cgroup_id,
				      .tgid = group->tgid,
				      .call_index = call_index,
				      .calls = delta->calls,
				      .errors = delta->error_count,
				      .duration_ns = delta->duration_ns,
				      .timed = delta->timed,
				      .span = span,
				      .words_start = partial->word_count };
	reading_fill(delta->buckets, SONDE_SYSCALL_BUCKETS, SONDE_SYSCALL_FIRST_BUCKET, 0, span,
		     partial->words + partial->word_count);
	partial->word_count += span.length;
}

/* ---- columns ----------------------------------------------------------------------------- */

struct table {
	const struct partial *partial;
	struct sonde_instance *instance;
	const struct events *events;
	struct sonde_batch *batch;
};

static void *value_at(const struct sonde_column *column, uint32_t row)
{
	return column->base + (size_t)row * column->stride;
}

static bool time_add(struct table *table, const char *name, uint32_t role, int64_t time_ns)
{
	struct sonde_field field = { .name = name, .type = SONDE_TIME, .role = (uint16_t)role };

	return sonde_batch_constant(table->instance, table->batch, &field, NULL, &time_ns);
}

static struct sonde_column *column_add(struct table *table, const struct sonde_field *field,
				       struct sonde_dictionary *dictionary)
{
	return sonde_batch_add(table->instance, table->batch, field, dictionary);
}

/* The columns of events by the same names; those of the group "other" have none. */
static bool by_add(struct table *table, uint32_t by, struct sonde_dictionary *calls)
{
	static const struct sonde_field cgroup = { .name = "cgroup.id",
						   .type = SONDE_U64,
						   .zero_is_null = true };
	static const struct sonde_field process = { .name = "process.pid",
						    .type = SONDE_U32,
						    .zero_is_null = true };
	static const struct sonde_field name = { .name = "syscall.name", .type = SONDE_TEXT };
	static const struct sonde_field compat = { .name = "syscall.compat", .type = SONDE_BOOL };
	const struct sonde_field *field = by == PUSH_BY_CGROUP    ? &cgroup
					  : by == PUSH_BY_PROCESS ? &process
					  : by == PUSH_BY_NAME    ? &name
								  : &compat;
	struct sonde_column *column = column_add(table, field, by == PUSH_BY_NAME ? calls : NULL);

	for (uint32_t i = 0; column && i < table->partial->row_count; i++) {
		const struct partial_row *row = &table->partial->rows[i];

		if (by == PUSH_BY_CGROUP)
			*(uint64_t *)value_at(column, i) = row->cgroup_id;
		else if (by == PUSH_BY_PROCESS)
			*(uint32_t *)value_at(column, i) = row->tgid;
		else if (by == PUSH_BY_NAME)
			*(uint32_t *)value_at(column, i) =
				events_call_code(table->events, row->call_index);
		else
			*(bool *)value_at(column, i) = row->call_index >= SONDE_SYSCALL_NUMBERS &&
						       row->call_index != SONDE_SYSCALL_OTHER;
	}
	return column;
}

static bool histogram_add(struct table *table, const char *name)
{
	struct sonde_field field = { .name = name,
				     .type = SONDE_EXPONENTIAL,
				     .role = SONDE_ROLE_HISTOGRAM,
				     .temporality = SONDE_DELTA,
				     .unit = "ns" };
	struct sonde_column *column = column_add(table, &field, NULL);
	uint32_t index = table->batch->column_count - 1;
	unsigned char *valid =
		column ? sonde_batch_valid(table->instance, table->batch, index) : NULL;

	if (!valid)
		return false;
	for (uint32_t i = 0; i < table->partial->row_count; i++) {
		const struct partial_row *row = &table->partial->rows[i];
		struct sonde_exponential value = { .count = row->timed,
						   .sum = (double)row->duration_ns,
						   .scale = FOLDED_SCALE,
						   .flags = SONDE_HAS_SUM };
		uint64_t *heap;

		if (!row->timed) /* as in a table of events without durations */
			valid[i / 8] &= (unsigned char)~(1u << i % 8);
		if (row->span.length) {
			heap = sonde_batch_heap(table->instance, table->batch, index,
						row->span.length, &value.positive_start);
			if (!heap)
				return false;
			memcpy(heap, table->partial->words + row->words_start,
			       row->span.length * sizeof(*heap));
			value.positive_offset = row->span.offset;
			value.positive_length = row->span.length;
		}
		memcpy(value_at(column, i), &value, sizeof(value));
	}
	return true;
}

static bool sum_add(struct table *table, const char *name, uint32_t role, uint32_t what)
{
	struct sonde_field field = { .name = name,
				     .type = SONDE_U64,
				     .role = (uint16_t)role,
				     .temporality = role == SONDE_ROLE_SUM ? SONDE_DELTA : 0,
				     .monotonic = role == SONDE_ROLE_SUM };
	struct sonde_column *column = column_add(table, &field, NULL);

	for (uint32_t i = 0; column && i < table->partial->row_count; i++) {
		const struct partial_row *row = &table->partial->rows[i];

		*(uint64_t *)value_at(column, i) = what == PUSH_ERRORS         ? row->errors
						   : what == PUSH_DURATION_SUM ? row->duration_ns
									       : row->calls;
	}
	return column;
}

static bool columns_add(struct table *table, const struct push_fold *fold,
			struct sonde_dictionary *calls)
{
	bool done = sum_add(table, "events", SONDE_ROLE_EVENTS, PUSH_CALLS);

	for (uint32_t by = PUSH_BY_CGROUP; done && by <= PUSH_BY_COMPAT; by <<= 1)
		if (fold->by & by)
			done = by_add(table, by, calls);
	for (uint32_t i = 0; done && i < fold->measure_count; i++) {
		const struct push_measure *measure = &fold->measures[i];

		done = measure->what == PUSH_DURATION
			       ? histogram_add(table, measure->name)
			       : sum_add(table, measure->name, SONDE_ROLE_SUM, measure->what);
	}
	return done;
}

uint64_t partial_emit(struct partial *partial, struct sonde_instance *instance,
		      const struct push_fold *fold, struct sonde_dictionary *calls,
		      const struct events *events, int64_t start_time_ns, int64_t time_ns)
{
	struct table table = { .partial = partial, .instance = instance, .events = events };
	uint64_t lost = partial->refused_calls;

	if (partial->row_count)
		table.batch = sonde_batch_table(instance, "syscalls.partial", SONDE_SIGNAL_METRIC,
						partial->row_count);
	if (table.batch && time_add(&table, "start_time", SONDE_ROLE_START_TIME, start_time_ns) &&
	    time_add(&table, "time", SONDE_ROLE_TIME, time_ns) &&
	    columns_add(&table, fold, calls)) {
		sonde_batch_done(instance, table.batch, SONDE_ASK_AGGREGATE);
		sonde_emit_batch(instance, table.batch);
	} else {
		for (uint32_t i = 0; i < partial->row_count; i++)
			lost += partial->rows[i].calls;
		if (table.batch)
			sonde_batch_release(instance, table.batch);
	}
	if (lost)
		sonde_lose(instance, 0, lost, SONDE_LOST_MEMORY);
	partial->row_count = partial->word_count = 0;
	partial->refused_calls = 0;
	return lost;
}

// SPDX-License-Identifier: Apache-2.0
/* Rows of what the kernel counted: a group's calls of one kind, and those of them that failed. */
#include "folded.h"

#include <string.h>

#include "reading.h"
#include "rows.h"

static void duration_fill(const struct folded *folded, struct sonde_exponential *duration,
			  const struct aggregate_delta *delta)
{
	struct reading_span span = reading_span(delta->buckets, SONDE_SYSCALL_BUCKETS,
						SONDE_SYSCALL_FIRST_BUCKET, folded->halvings);
	uint64_t *heap;

	duration->scale = FOLDED_SCALE - (int32_t)folded->halvings;
	if (!span.length)
		return;
	heap = sonde_heap(folded->instance, SCHEMA_CALLS, CALLS_DURATION, span.length,
			  &duration->positive_start);
	if (!heap)
		return;
	reading_fill(delta->buckets, SONDE_SYSCALL_BUCKETS, SONDE_SYSCALL_FIRST_BUCKET,
		     folded->halvings, span, heap);
	duration->positive_offset = span.offset;
	duration->positive_length = span.length;
	duration->count = delta->timed;
	duration->sum = (double)delta->duration_ns;
	duration->flags = SONDE_HAS_SUM;
}

static void errors_fill(const struct folded *folded, const struct aggregate_group *group,
			uint32_t call, bool compat, const struct aggregate_delta *delta)
{
	struct sonde_instance *instance = folded->instance;
	struct errors_row *row;

	for (uint32_t error = 0; error < SONDE_SYSCALL_ERRORS; error++) {
		if (!delta->errors[error])
			continue;
		row = sonde_row(instance, SCHEMA_ERRORS);
		row->time_ns = folded->time_ns;
		row->start_time_ns = folded->start_time_ns;
		row->cgroup_id = group->cgroup_id;
		row->process = group->tgid;
		row->call = call;
		row->compat = compat;
		row->error = folded->events->error_codes[error];
		row->call_count = delta->errors[error];
		if (group->path)
			row->cgroup = sonde_text(instance, group->path, strlen(group->path));
		else
			sonde_null(instance, SCHEMA_ERRORS, ERRORS_CGROUP);
		if (group->tgid)
			row->command = sonde_text(instance, group->comm, strnlen(group->comm, 16));
		else
			sonde_null(instance, SCHEMA_ERRORS, ERRORS_COMMAND);
	}
}

void folded_fill(void *context, const struct aggregate_group *group, uint32_t call_index,
		 const struct aggregate_delta *delta)
{
	const struct folded *folded = context;
	struct sonde_instance *instance = folded->instance;
	struct calls_row *row = sonde_row(instance, SCHEMA_CALLS);

	row->time_ns = folded->time_ns;
	row->start_time_ns = folded->start_time_ns;
	row->cgroup_id = group->cgroup_id;
	row->process = group->tgid;
	row->call = events_call_code(folded->events, call_index);
	row->compat = call_index >= SONDE_SYSCALL_NUMBERS && call_index != SONDE_SYSCALL_OTHER;
	row->call_count = delta->calls;
	row->error_count = delta->error_count;
	if (group->path)
		row->cgroup = sonde_text(instance, group->path, strlen(group->path));
	else
		sonde_null(instance, SCHEMA_CALLS, CALLS_CGROUP);
	if (group->tgid)
		row->command = sonde_text(instance, group->comm, strnlen(group->comm, 16));
	else
		sonde_null(instance, SCHEMA_CALLS, CALLS_COMMAND);
	duration_fill(folded, &row->duration, delta);
	if (folded->error_rows && delta->error_count)
		errors_fill(folded, group, row->call, row->compat, delta);
}

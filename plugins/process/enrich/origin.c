// SPDX-License-Identifier: Apache-2.0
/* A number such as a pid means something on its own host only. Inputs that read this host's kernel
 * write pids as u32 and cgroups as u64 of the row; what arrives over OTLP has 64-bit integers, of
 * another host's or of a namespace's making, and is left alone. So is what says itself that it is
 * another host's, and what was stamped by another clock. */
#include "origin.h"

#include <stdlib.h>
#include <string.h>

#define STEP_NS  50000000ll  /* a clock that moves more than this at once was stepped */
#define ALIKE_NS 100000000ll /* stamped by a clock of ours, slewed since */

void origin_look_at_clock(struct origin *origin, int64_t offset_ns)
{
	if (!origin->offset_count || llabs(origin->offsets_ns[0] - offset_ns) > STEP_NS) {
		if (origin->offset_count < ORIGIN_OFFSETS)
			origin->offset_count++;
		memmove(origin->offsets_ns + 1, origin->offsets_ns,
			(origin->offset_count - 1) * sizeof(*origin->offsets_ns));
	}
	origin->offsets_ns[0] = offset_ns;
}

static bool offset_is_ours(const struct origin *origin, const struct sonde_column *offset)
{
	int64_t value;

	memcpy(&value, offset->base, sizeof(value));
	for (uint32_t i = 0; i < origin->offset_count; i++)
		if (llabs(origin->offsets_ns[i] - value) <= ALIKE_NS)
			return true;
	return false;
}

static bool is_name(const struct sonde_column *column)
{
	return column->scope == SONDE_SCOPE_RESOURCE && column->role == SONDE_ROLE_ATTRIBUTE &&
	       column->type == SONDE_TEXT &&
	       (!strcmp(column->name, "host.name") || !strcmp(column->name, "host.id"));
}

static bool name_is_ours(const struct origin *origin, struct sonde_text text)
{
	for (uint32_t i = 0; i < origin->name_count; i++)
		if (strlen(origin->names[i]) == text.length &&
		    !memcmp(origin->names[i], text.data, text.length))
			return true;
	return !text.length;
}

/* Whether the rows say that they are another host's; rows of several hosts are. */
static bool says_otherwise(const struct origin *origin, const struct sonde_column *column,
			   uint32_t row_count, struct sonde_text *ret_text)
{
	uint32_t rows = column->stride ? row_count : row_count > 0;

	for (uint32_t row = 0; row < rows; row++) {
		struct sonde_text text = sonde_text_at(column, row);

		if (name_is_ours(origin, text))
			continue;
		*ret_text = text;
		return true;
	}
	return false;
}

static bool is_foreign(struct origin *origin, struct sonde_instance *instance,
		       const struct sonde_batch *batch)
{
	struct sonde_text text;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!is_name(column) || !says_otherwise(origin, column, batch->row_count, &text))
			continue;
		if (!origin->foreign_said)
			sonde_log(instance, SONDE_WARNING,
				  "rows of %s say that their %s is \"%.*s\", which is not this "
				  "host: their pids, users and cgroups are not looked up (if it is "
				  "this host, name it in host_names)",
				  batch->schema, column->name, (int)text.length, text.data);
		origin->foreign_said = true;
		return true;
	}
	return false;
}

static void column_note(const struct sonde_column *column, struct origin_columns *columns)
{
	if (column->role == SONDE_ROLE_TIME && column->type == SONDE_TIME)
		columns->time = column;
	if (column->role == SONDE_ROLE_CLOCK_OFFSET && column->type == SONDE_DURATION &&
	    !column->valid)
		columns->offset = column;
	if (column->role != SONDE_ROLE_ATTRIBUTE || column->scope != SONDE_SCOPE_ROW)
		return;
	if (column->type == SONDE_U32 && !strcmp(column->name, "process.pid"))
		columns->pid = column;
	if (column->type == SONDE_TIME && !strcmp(column->name, "process.start_time"))
		columns->start = column;
	if (column->type == SONDE_U64 && !strcmp(column->name, "cgroup.id"))
		columns->cgroup = column;
}

void origin_read(struct origin *origin, struct sonde_instance *instance,
		 const struct sonde_batch *batch, struct origin_columns *ret_columns)
{
	struct origin_columns columns = { 0 };

	for (uint32_t i = 0; i < batch->column_count; i++)
		column_note(sonde_column(batch, i), &columns);
	columns.is_here = (!columns.offset || offset_is_ours(origin, columns.offset)) &&
			  !is_foreign(origin, instance, batch);
	if (!columns.is_here)
		columns.pid = columns.start = columns.cgroup = NULL;
	*ret_columns = columns;
}

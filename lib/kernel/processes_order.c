// SPDX-License-Identifier: Apache-2.0
/* Merges what the CPUs tell, each in its own order, into one order of time. */
#include "processes_table.h"

#include <stddef.h>

static size_t record_bytes(const struct sonde_process_record *record)
{
	const struct sonde_process_exec *exec = (const void *)record;

	if (record->header.type == SONDE_EVENT_PROCESS_FORK)
		return sizeof(struct sonde_process_fork);
	if (record->header.type == SONDE_EVENT_PROCESS_EXIT)
		return sizeof(struct sonde_process_exit);
	return (sizeof(*exec) + exec->path_bytes + exec->arguments_bytes + 7) & ~(size_t)7;
}

/* Records that are not whole were written by no program of ours. */
static bool is_whole(const struct sonde_process_record *record, size_t bytes)
{
	const struct sonde_process_exec *exec = (const void *)record;

	switch (bytes < sizeof(*record) ? 0 : record->header.type) {
	case SONDE_EVENT_PROCESS_FORK:
		return bytes >= sizeof(struct sonde_process_fork);
	case SONDE_EVENT_PROCESS_EXIT:
		return bytes >= sizeof(struct sonde_process_exit);
	case SONDE_EVENT_PROCESS_EXEC:
	case SONDE_EVENT_PROCESS_FOUND:
		return bytes >= sizeof(*exec) && exec->path_bytes <= SONDE_PROCESS_PATH_BYTES &&
		       exec->arguments_bytes <= SONDE_PROCESS_ARGUMENT_BYTES &&
		       bytes >= sizeof(*exec) + exec->path_bytes + exec->arguments_bytes;
	}
	return false;
}

/* Looks at the next record of a source without giving its room back. */
static const struct sonde_process_record *source_head(struct source *source)
{
	uint32_t bytes = 0;

	if (source->head)
		return source->head;
	if (source->ring) {
		do
			source->head = sonde_ring_next(source->ring, &bytes);
		while (source->head && !is_whole(source->head, bytes));
		if (!source->head)
			sonde_ring_release(source->ring);
	} else if (source->bytes && source->bytes < source->end) {
		source->head = (const void *)source->bytes;
		if (!is_whole(source->head, (size_t)(source->end - source->bytes))) {
			source->head = NULL;
			source->bytes = source->end;
		}
	}
	return source->head;
}

static void source_step(struct source *source)
{
	if (!source->ring)
		source->bytes += record_bytes(source->head);
	source->head = NULL;
}

void sources_apply(struct source *sources, uint32_t count, uint64_t until_ns, struct table *table)
{
	const struct sonde_process_record *head;
	struct source *first;

	for (;;) {
		first = NULL;
		for (uint32_t i = 0; i < count; i++) {
			head = source_head(&sources[i]);
			if (!head || head->header.time_ns > until_ns)
				continue;
			if (!first || head->header.time_ns < first->head->header.time_ns)
				first = &sources[i];
		}
		if (!first)
			return;
		table_apply(table, first->head);
		source_step(first);
	}
}

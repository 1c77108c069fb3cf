// SPDX-License-Identifier: Apache-2.0
/* Reads the rings of all CPUs into rows. */
#include "events.h"

#include <string.h>

#include "rows.h"

#define BATCH_ROWS 1024

static uint32_t comm_code(struct sonde_instance *instance, const char *comm)
{
	return sonde_text(instance, comm, strnlen(comm, 16));
}

static void row_fill(struct sonde_instance *instance, uint32_t schema, int64_t clock_offset_ns,
		     const struct sonde_scheduler_event *event)
{
	struct event_row *row = sonde_row(instance, schema);

	row->time_ns = (int64_t)event->header.time_ns + clock_offset_ns;
	row->start_time_ns = (int64_t)event->header.start_time_ns + clock_offset_ns;
	row->cgroup_id = event->header.cgroup_id;
	row->tgid = event->header.tgid;
	row->tid = event->header.tid;
	row->name = comm_code(instance, event->comm);
	row->previous_cgroup_id =
		event->previous_cgroup_id == SONDE_SCHEDULER_UNTOLD ? 0 : event->previous_cgroup_id;
	row->previous_tgid = event->previous_tgid;
	row->previous_tid = event->previous_tid;
	if (event->previous_tid)
		row->previous_name = comm_code(instance, event->previous_comm);
	else
		sonde_null(instance, schema, EVENT_PREVIOUS_NAME);
	row->cpu = event->cpu;
	row->preempted = (event->header.flags & SONDE_EVENT_PREEMPTED) != 0;
	row->throttled = (event->header.flags & SONDE_EVENT_THROTTLED) != 0;
	row->delay_ns = event->delay_ns;
	row->weight = event->weight;
}

uint64_t events_read(struct sonde_instance *instance, struct sonde_kernel *kernel, uint32_t schema,
		     uint64_t limit)
{
	int64_t clock_offset_ns = sonde_kernel_clock_offset_ns();
	const struct sonde_scheduler_event *event;
	struct sonde_ring *ring;
	uint64_t total = 0, left;
	uint32_t bytes;

	for (uint32_t cpu = 0; (ring = sonde_kernel_ring(kernel, cpu)); cpu++) {
		for (left = limit; left && (event = sonde_ring_next(ring, &bytes)); left--) {
			row_fill(instance, schema, clock_offset_ns, event);
			if (++total % BATCH_ROWS == 0)
				(void)sonde_emit(instance);
		}
		sonde_ring_release(ring);
	}
	if (total % BATCH_ROWS)
		(void)sonde_emit(instance);
	return total;
}

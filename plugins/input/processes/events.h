/* SPDX-License-Identifier: Apache-2.0 */
/* From events of the process table to rows, one each. */
#ifndef PROCESSES_EVENTS_H
#define PROCESSES_EVENTS_H

#include <sonde/plugin.h>
#include <sonde/processes.h>

#include "names.h"

struct events_room; /* where arguments are put together */

struct events {
	struct sonde_instance *instance;
	struct names *names;
	int64_t clock_offset_ns; /* wall clock less boottime, as of this reading */
	uint64_t now_ns;         /* monotonic, likewise */
	bool with_arguments;
	uint32_t weight;
	struct events_room *room;
};

/* -ENOMEM. events_close may follow in any case. */
int events_open(struct events *events, struct sonde_instance *instance, struct names *names);
void events_close(struct events *events);

/* Makes a row, which the caller emits. */
void events_add(struct events *events, const struct sonde_process_event *event);

#endif

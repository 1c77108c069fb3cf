/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/kernel: events of the process table that wait for readers. Nothing here locks. */
#ifndef PROCESSES_WATCH_H
#define PROCESSES_WATCH_H

#include "processes_table.h"

struct watches {
	struct sonde_processes_watch *first;
};

/* Hands an event to every watch; the caller holds the table. */
void watches_tell(struct watches *watches, const struct sonde_process_event *event,
		  struct image *image);

struct sonde_processes_watch *watch_create(struct watches *watches, uint32_t limit);
void watch_free(struct watches *watches, struct sonde_processes_watch *watch);

/* Takes the next event out, the image with it. False: there is none. */
bool watch_take(struct sonde_processes_watch *watch, struct sonde_process_event *ret_event);

struct sonde_processes_watch {
	struct sonde_processes_watch *next;
	struct sonde_processes *processes;
	struct sonde_process_event *events; /* capacity of them, used in a circle */
	uint32_t capacity, limit;
	uint32_t first, count;
	uint64_t event_count, lost_count;
	uint64_t ring_lost_before;
	struct sonde_process_event current; /* what the reader has; image NULL: nothing */
};

#endif

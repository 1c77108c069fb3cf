// SPDX-License-Identifier: Apache-2.0
/* Events of the process table that wait for readers, a bounded queue for each. */
#include "processes_watch.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64

/* Twice the room, up to the limit. */
static bool watch_grow(struct sonde_processes_watch *watch)
{
	uint32_t capacity = watch->capacity ? 2 * watch->capacity : CAPACITY_FIRST;
	struct sonde_process_event *events;
	uint32_t behind;

	if (capacity > watch->limit)
		capacity = watch->limit;
	if (capacity <= watch->capacity)
		return false;
	events = calloc(capacity, sizeof(*events));
	if (!events)
		return false;
	behind = watch->capacity - watch->first; /* up to the end of the circle */
	if (behind > watch->count)
		behind = watch->count;
	if (watch->count) {
		memcpy(events, watch->events + watch->first, behind * sizeof(*events));
		memcpy(events + behind, watch->events, (watch->count - behind) * sizeof(*events));
	}
	free(watch->events);
	watch->events = events;
	watch->capacity = capacity;
	watch->first = 0;
	return true;
}

void watches_tell(struct watches *watches, const struct sonde_process_event *event,
		  struct image *image)
{
	struct sonde_processes_watch *watch;

	for (watch = watches->first; watch; watch = watch->next) {
		watch->event_count++;
		if (watch->count == watch->capacity && !watch_grow(watch)) {
			watch->lost_count++;
			continue;
		}
		atomic_fetch_add_explicit(&image->references, 1, memory_order_relaxed);
		watch->events[(watch->first + watch->count++) % watch->capacity] = *event;
	}
}

bool watch_take(struct sonde_processes_watch *watch, struct sonde_process_event *ret_event)
{
	if (!watch->count)
		return false;
	*ret_event = watch->events[watch->first];
	watch->first = (watch->first + 1) % watch->capacity;
	watch->count--;
	return true;
}

struct sonde_processes_watch *watch_create(struct watches *watches, uint32_t limit)
{
	struct sonde_processes_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->limit = limit ? limit : 1;
	watch->next = watches->first;
	watches->first = watch;
	return watch;
}

void watch_free(struct watches *watches, struct sonde_processes_watch *watch)
{
	struct sonde_processes_watch **place = &watches->first;
	struct sonde_process_event event;

	while (*place != watch)
		place = &(*place)->next;
	*place = watch->next;
	while (watch_take(watch, &event))
		sonde_process_image_release(event.image);
	if (watch->current.image)
		sonde_process_image_release(watch->current.image);
	free(watch->events);
	free(watch);
}

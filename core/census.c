/* SPDX-License-Identifier: Apache-2.0 */
/* The census: the instances and the routes at work, for whoever looks at them from a thread that is
 * not theirs. */
#include <pthread.h>
#include <stddef.h>

#include "census.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last_id;
static struct census_entry *entries[CENSUS_KINDS]; /* by rising ids */
static struct census_entry **ends[CENSUS_KINDS] = { &entries[CENSUS_INSTANCES],
						    &entries[CENSUS_ROUTES] };

void census_enter(enum census_kind kind, struct census_entry *entry, void *subject)
{
	pthread_mutex_lock(&mutex);
	if (!entry->id) {
		*entry = (struct census_entry){ .id = ++last_id,
						.subject = subject,
						.link = ends[kind] };
		*ends[kind] = entry;
		ends[kind] = &entry->next;
	}
	pthread_mutex_unlock(&mutex);
}

void census_leave(struct census_entry *entry)
{
	pthread_mutex_lock(&mutex);
	if (entry->id) {
		*entry->link = entry->next;
		if (entry->next)
			entry->next->link = entry->link;
		for (uint32_t kind = 0; kind < CENSUS_KINDS; kind++) {
			if (ends[kind] == &entry->next)
				ends[kind] = entry->link;
		}
		entry->id = 0;
	}
	pthread_mutex_unlock(&mutex);
}

int census_visit(enum census_kind kind, int (*visit)(void *subject, uint64_t id, void *data),
		 void *data)
{
	int result = 0;

	pthread_mutex_lock(&mutex);
	for (struct census_entry *entry = entries[kind]; entry && !result; entry = entry->next)
		result = visit(entry->subject, entry->id, data);
	pthread_mutex_unlock(&mutex);
	return result;
}

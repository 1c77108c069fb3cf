// SPDX-License-Identifier: Apache-2.0
/* Statements by sonde, in a list that the newest stands at the end of, and a table by host. */
#include "fleet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rendezvous.h"

enum { FLEET_SLOTS = 4096 };

struct place {
	struct fleet_member member;
	struct hop_buffer *buffer;
	struct place *slot_next, *older, *newer;
};

static struct {
	pthread_mutex_t mutex;
	struct place *slots[FLEET_SLOTS];
	struct place *oldest, *newest;
	uint64_t generation;
	uint32_t count;
} fleet = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static struct place **slot_of(const char *host_id)
{
	return &fleet.slots[rendezvous_hash(0, host_id, strlen(host_id)) % FLEET_SLOTS];
}

static void list_leave(struct place *place)
{
	*(place->older ? &place->older->newer : &fleet.oldest) = place->newer;
	*(place->newer ? &place->newer->older : &fleet.newest) = place->older;
}

static void list_enter(struct place *place)
{
	place->newer = NULL;
	place->older = fleet.newest;
	*(place->older ? &place->older->newer : &fleet.oldest) = place;
	fleet.newest = place;
}

static void forget(struct place *place)
{
	struct place **link = slot_of(place->member.host_id);

	while (*link != place)
		link = &(*link)->slot_next;
	*link = place->slot_next;
	list_leave(place);
	hop_buffer_release(place->buffer);
	free(place);
	fleet.count--;
}

/* NULL: no memory. */
static struct place *find_or_make(const char *host_id)
{
	struct place **slot = slot_of(host_id), *place = *slot;

	while (place && strcmp(place->member.host_id, host_id))
		place = place->slot_next;
	if (place)
		return place;
	if (fleet.count >= FLEET_MEMBERS)
		forget(fleet.oldest);
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->slot_next = *slot;
	*slot = place;
	fleet.count++;
	list_enter(place);
	return place;
}

static bool is_older(const struct fleet_member *member, const struct statement *statement)
{
	if (statement->epoch != member->epoch)
		return statement->epoch < member->epoch;
	return statement->time_ns < member->time_ns;
}

static int put(const char *via, const struct statement *statement, struct hop_buffer *buffer)
{
	struct place *place = find_or_make(statement->host_id);

	if (!place)
		return -ENOMEM;
	if (place->buffer && is_older(&place->member, statement))
		return 0;
	list_leave(place);
	list_enter(place);
	hop_buffer_release(place->buffer);
	place->buffer = hop_buffer_acquire(buffer);
	place->member = (struct fleet_member){ .epoch = statement->epoch,
					       .time_ns = statement->time_ns,
					       .generation = ++fleet.generation };
	memcpy(place->member.host_id, statement->host_id, sizeof(place->member.host_id));
	memcpy(place->member.name, statement->name, sizeof(place->member.name));
	strncat(place->member.via, via, sizeof(place->member.via) - 1);
	statement_add(statement, false, &place->member.rows);
	statement_add(statement, true, &place->member.events);
	return 1;
}

int fleet_put(const char *via, const struct statement *statement, struct hop_buffer *buffer)
{
	int result;

	pthread_mutex_lock(&fleet.mutex);
	result = put(via, statement, buffer);
	pthread_mutex_unlock(&fleet.mutex);
	return result;
}

bool fleet_next(uint64_t *generation, struct fleet_member *ret_member,
		struct hop_buffer **ret_buffer)
{
	struct place *place;

	pthread_mutex_lock(&fleet.mutex);
	place = fleet.oldest;
	while (place && place->member.generation <= *generation)
		place = place->newer;
	if (place) {
		*generation = place->member.generation;
		*ret_member = place->member;
		if (ret_buffer)
			*ret_buffer = hop_buffer_acquire(place->buffer);
	}
	pthread_mutex_unlock(&fleet.mutex);
	return place != NULL;
}

uint32_t fleet_count(void)
{
	uint32_t count;

	pthread_mutex_lock(&fleet.mutex);
	count = fleet.count;
	pthread_mutex_unlock(&fleet.mutex);
	return count;
}

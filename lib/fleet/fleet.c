// SPDX-License-Identifier: Apache-2.0
/* Statements by sonde, in a list that the newest stands at the end of, and a table by host. */
#include "fleet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FLEET_SLOTS = 4096 };

struct place {
	struct fleet_member member;
	struct buffer frame;
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
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *host_id; host_id++)
		hash = (hash ^ (unsigned char)*host_id) * 0x100000001b3u;
	return &fleet.slots[(hash ^ hash >> 32) % FLEET_SLOTS];
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
	buffer_release(&place->frame);
	free(place);
	fleet.count--;
}

/* NULL: it is not there. */
static struct place *find(const char *host_id)
{
	struct place *place = *slot_of(host_id);

	while (place && strcmp(place->member.host_id, host_id))
		place = place->slot_next;
	return place;
}

/* At the end of the list. NULL: no memory. */
static struct place *make(const struct fleet_member *member)
{
	struct place **slot = slot_of(member->host_id), *place;

	if (fleet.count >= FLEET_MEMBERS)
		forget(fleet.oldest);
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->member = *member;
	place->slot_next = *slot;
	*slot = place;
	fleet.count++;
	list_enter(place);
	return place;
}

static bool is_older(const struct fleet_member *one, const struct fleet_member *other)
{
	if (one->epoch != other->epoch)
		return one->epoch < other->epoch;
	return one->time_ns < other->time_ns;
}

static int put(const struct fleet_member *member, const void *frame, size_t length)
{
	struct place *place = find(member->host_id);

	if (place && is_older(member, &place->member))
		return 0;
	if (!place)
		place = make(member);
	if (!place || buffer_reserve(&place->frame, length))
		return -ENOMEM;
	memcpy(place->frame.data, frame, length);
	place->frame.length = length;
	place->member = *member;
	place->member.generation = ++fleet.generation;
	list_leave(place);
	list_enter(place);
	return 1;
}

int fleet_put(const struct fleet_member *member, const void *frame, size_t length)
{
	int result;

	pthread_mutex_lock(&fleet.mutex);
	result = put(member, frame, length);
	pthread_mutex_unlock(&fleet.mutex);
	return result;
}

static void copy_frame(const struct buffer *frame, struct buffer *ret_frame)
{
	ret_frame->length = 0;
	if (buffer_reserve(ret_frame, frame->length))
		return;
	memcpy(ret_frame->data, frame->data, frame->length);
	ret_frame->length = frame->length;
}

bool fleet_next(uint64_t *generation, struct fleet_member *ret_member, struct buffer *ret_frame)
{
	struct place *place;

	pthread_mutex_lock(&fleet.mutex);
	place = fleet.oldest;
	while (place && place->member.generation <= *generation)
		place = place->newer;
	if (place) {
		*generation = place->member.generation;
		*ret_member = place->member;
		if (ret_frame)
			copy_frame(&place->frame, ret_frame);
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

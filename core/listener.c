/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: who looks at batches that pass a place, without holding up whoever sends them. */
#include <errno.h>
#include <pthread.h>

#include "batch.h"
#include "listener.h"
#include "relief.h"

/* Over all listeners: it is held for as long as it takes to put a pointer into a queue. */
static pthread_mutex_t listener_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct listener *listeners[LISTENER_COUNT_LIMIT];
static uint32_t listener_total;

int listener_add(struct listener *listener)
{
	int result = 0;

	pthread_mutex_lock(&listener_mutex);
	if (listener_total == LISTENER_COUNT_LIMIT) {
		result = -EBUSY;
	} else {
		listener->queue.limit_bytes = LISTENER_BYTES;
		listener->added = true;
		listeners[listener_total++] = listener;
	}
	pthread_mutex_unlock(&listener_mutex);
	return result;
}

void listener_remove(struct listener *listener)
{
	struct sonde_batch *batch;

	pthread_mutex_lock(&listener_mutex);
	for (uint32_t i = 0; listener->added && i < listener_total; i++) {
		if (listeners[i] != listener)
			continue;
		listeners[i] = listeners[--listener_total];
		break;
	}
	listener->added = false;
	pthread_mutex_unlock(&listener_mutex);
	while ((batch = queue_pop(&listener->queue))) {
		listener->missed_rows += batch->selected_count;
		batch_release(batch);
	}
	queue_clear(&listener->queue);
}

void listener_move(struct listener *listener, struct listening_place *const *places,
		   uint32_t place_count)
{
	pthread_mutex_lock(&listener_mutex);
	listener->place_count = 0;
	for (uint32_t i = 0; i < place_count && i < LISTENER_PLACE_LIMIT; i++) {
		listener->places[listener->place_count++] = places[i];
		__atomic_store_n(&places[i]->listened, true, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&listener_mutex);
}

void listener_sate(struct listener *listener, bool sated)
{
	pthread_mutex_lock(&listener_mutex);
	listener->sated = sated;
	pthread_mutex_unlock(&listener_mutex);
}

struct sonde_batch *listener_take(struct listener *listener)
{
	struct sonde_batch *batch;

	pthread_mutex_lock(&listener_mutex);
	batch = queue_pop(&listener->queue);
	pthread_mutex_unlock(&listener_mutex);
	return batch;
}

void listener_count(struct listener *listener, struct listener_counts *ret_counts)
{
	pthread_mutex_lock(&listener_mutex);
	*ret_counts = (struct listener_counts){ .passed_rows = listener->passed_rows,
						.missed_rows = listener->missed_rows };
	pthread_mutex_unlock(&listener_mutex);
}

static bool listener_hears(const struct listener *listener, const struct listening_place *place)
{
	for (uint32_t i = 0; i < listener->place_count; i++)
		if (listener->places[i] == place)
			return true;
	return false;
}

/* Where the daemon is short of memory, nobody keeps rows from being freed just to look at them. */
static void listener_give(struct listener *listener, struct sonde_batch *batch)
{
	listener->passed_rows += batch->selected_count;
	if (listener->sated || listener->queue.count >= LISTENER_BATCHES || relief_is_due() ||
	    queue_push(&listener->queue, batch)) {
		listener->missed_rows += batch->selected_count;
		return;
	}
	batch_hold(batch);
	if (listener->queue.count == 1)
		loop_post(listener->loop, listener->arrived);
}

/* A place that no listener knows any more is forgotten here, by its own sender. */
void listener_tell(struct listening_place *place, struct sonde_batch *batch)
{
	bool heard = false;

	pthread_mutex_lock(&listener_mutex);
	for (uint32_t i = 0; i < listener_total; i++) {
		if (!listener_hears(listeners[i], place))
			continue;
		heard = true;
		if (batch->selected_count)
			listener_give(listeners[i], batch);
	}
	if (!heard)
		__atomic_store_n(&place->listened, false, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&listener_mutex);
}

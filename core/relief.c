/* SPDX-License-Identifier: Apache-2.0 */
/* Relief when memory is short: idle blocks are freed, then the largest queue that may drops its
 * oldest rows, again and again, until there is room. */
#include "relief.h"

#include <errno.h>
#include <pthread.h>

#include "memory.h"
#include "storage.h"

enum { LARGE_SHARE = 4 }; /* for more than this part of the room nothing is let go of */

/* Over the list, and held while rows are let go: one at a time does it. */
static pthread_mutex_t relief_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct relief *reliefs;

void relief_add(struct relief *relief)
{
	pthread_mutex_lock(&relief_mutex);
	relief->next = reliefs;
	relief->link = &reliefs;
	if (relief->next)
		relief->next->link = &relief->next;
	reliefs = relief;
	pthread_mutex_unlock(&relief_mutex);
}

void relief_remove(struct relief *relief)
{
	if (!relief->link)
		return;
	pthread_mutex_lock(&relief_mutex);
	*relief->link = relief->next;
	if (relief->next)
		relief->next->link = relief->link;
	relief->link = NULL;
	pthread_mutex_unlock(&relief_mutex);
}

/* What rows hold; idle blocks can be had at any time. */
static size_t used_bytes(void)
{
	size_t counted = memory_counted_bytes(), idle = storage_idle_bytes();

	return counted > idle ? counted - idle : 0;
}

static bool is_over(size_t used, size_t mark, size_t wanted)
{
	return used > mark || wanted > mark - used;
}

bool relief_is_due(void)
{
	size_t soft = memory_soft_bytes(), counted = memory_counted_bytes(), reserved;

	/* What everybody asks for every batch should not look at what others write: promises alone
	 * make nobody let go of rows. */
	if (counted <= soft / 2)
		return false;
	reserved = memory_reserved_bytes();
	return is_over(counted, soft, reserved) && is_over(used_bytes(), soft, reserved);
}

static struct relief *largest(void)
{
	struct relief *found = NULL;
	size_t most = 0;

	for (struct relief *at = reliefs; at; at = at->next) {
		size_t bytes = at->bytes(at->data);

		if (bytes > most) {
			most = bytes;
			found = at;
		}
	}
	return found;
}

/* Batches lie in several queues at once: the last queue to let go of one frees it. Taking from the
 * largest each time brings queues of the same rows down together. */
static bool shed_until(size_t mark, size_t wanted)
{
	struct relief *at;
	bool over;

	pthread_mutex_lock(&relief_mutex);
	while ((over = is_over(used_bytes(), mark, wanted)) && (at = largest()))
		at->shed(at->data);
	pthread_mutex_unlock(&relief_mutex);
	return over;
}

bool relief_run(void)
{
	return shed_until(memory_soft_bytes(), memory_reserved_bytes());
}

void relief_make_room(size_t bytes)
{
	size_t room = memory_room_bytes();

	/* A batch is worth older rows; a dictionary that doubles once more is not worth them all.
	 */
	if (bytes <= room / LARGE_SHARE)
		shed_until(room, bytes);
	storage_flush();
}

int relief_reserve(size_t bytes, bool alone)
{
	size_t soft = memory_soft_bytes(), reserved;
	int result = memory_reserve(bytes, memory_counted_bytes());

	if (result == -EAGAIN) /* idle blocks may be all there is */
		result = memory_reserve(bytes, used_bytes());
	if (result != -EAGAIN)
		return result;
	reserved = memory_reserved_bytes();
	if (bytes <= soft && reserved <= soft - bytes) {
		shed_until(soft, reserved + bytes);
		result = memory_reserve(bytes, used_bytes());
	}
	if (result != -EAGAIN || !alone)
		return result;
	memory_reserve_over(bytes);
	return 0;
}

void relief_tell_room(void)
{
	pthread_mutex_lock(&relief_mutex);
	for (struct relief *at = reliefs; at; at = at->next)
		at->room(at->data);
	pthread_mutex_unlock(&relief_mutex);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: who looks at batches that pass a place, without holding up whoever sends them.
 *
 * A place that nobody listens at costs its sender the look at a flag; one with listeners, a
 * reference put into a short queue for each. What finds no room there is counted, nothing else. */
#ifndef SONDE_LISTENER_H
#define SONDE_LISTENER_H

#include <stdbool.h>

#include "loop.h"
#include "queue.h"

enum {
	LISTENER_BATCHES = 64,      /* that wait for a listener at most */
	LISTENER_BYTES = 2 << 20,   /* that these retain; one batch may be larger */
	LISTENER_COUNT_LIMIT = 8,   /* listeners at a time */
	LISTENER_PLACE_LIMIT = 256, /* places of one: replicas */
};

/* A place that batches pass. Part of whoever sends them; zero: nobody listens. */
struct listening_place {
	bool listened; /* atomic */
};

/* Zero it, and set loop and arrived. */
struct listener {
	struct loop *loop;         /* runs `arrived` when the queue was empty */
	struct loop_task *arrived; /* posted by the senders */

	/* what follows is private */
	struct queue queue;
	const struct listening_place *places[LISTENER_PLACE_LIMIT]; /* only compared */
	uint32_t place_count;
	bool added, sated;
	uint64_t passed_rows, missed_rows;
};

/* Rows that passed its places since it was added, and those of them that it was not given. */
struct listener_counts {
	uint64_t passed_rows, missed_rows;
};

/* From now on it is told. -EBUSY: there are LISTENER_COUNT_LIMIT already. Any thread, as all. */
int listener_add(struct listener *listener);

/* No sender comes to it any more; what it has not taken counts as missed. One that was not added
 * is fine. */
void listener_remove(struct listener *listener);

/* Where it listens from now on, in the place of where it did. The places must be there while their
 * senders send; they may go without a word. */
void listener_move(struct listener *listener, struct listening_place *const *places,
		   uint32_t place_count);

/* Whether it wants nothing for now: then rows are only counted, as missed. */
void listener_sate(struct listener *listener, bool sated);

/* The oldest batch that waits, whose reference is the caller's; NULL: none. */
struct sonde_batch *listener_take(struct listener *listener);

void listener_count(struct listener *listener, struct listener_counts *ret_counts);

/* Tells whoever listens; the batch is finished, and stays the sender's. */
void listener_tell(struct listening_place *place, struct sonde_batch *batch);

static inline bool listening_is_on(const struct listening_place *place)
{
	return __atomic_load_n(&place->listened, __ATOMIC_RELAXED);
}

static inline void listening_pass(struct listening_place *place, struct sonde_batch *batch)
{
	if (__atomic_load_n(&place->listened, __ATOMIC_RELAXED))
		listener_tell(place, batch);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind spool.h share. "Locked": with the lock of the route held. */
#ifndef SONDE_SPOOL_PARTS_H
#define SONDE_SPOOL_PARTS_H

#include "route.h"
#include "spool.h"

/* For the log. */
static inline const char *spool_subject(const struct spool *spool)
{
	return journal_name(spool->journal);
}

static inline void tally_move(struct tally *tally, int64_t rows, int64_t events)
{
	tally->rows += (uint64_t)rows;
	tally->events += (uint64_t)events;
}

/* Locked: into the queue, with its number beside it. Takes over the reference; -ENOMEM: it does
 * not. */
int spool_enter(struct spool *spool, struct sonde_batch *batch, uint64_t number, bool last);
/* Locked: the oldest out of the queue; there is one. */
struct sonde_batch *spool_leave(struct spool *spool);
/* Locked: the same back at the head. Takes over the reference. */
void spool_put_back(struct spool *spool, struct sonde_batch *batch, struct spool_entry entry);
/* Locked: nothing is in memory any more; records from that number on are read again. */
void spool_rewind(struct spool *spool, uint64_t number);

/* Locked: room for one more in `held`. -ENOMEM. */
int spool_hold_reserve(struct spool *spool);

/* Locked: records that need not be popped again. */
void spool_settle(struct spool *spool, uint64_t first, uint64_t last);

/* Locked: tells whoever waits for room, if any was made since. */
void spool_give_room(struct spool *spool);

/* Has the receiver look again after a while. */
void spool_try_later(struct spool *spool);

#endif

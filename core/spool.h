/* SPDX-License-Identifier: Apache-2.0 */
/* The disk side of a route: what is pushed goes into a journal as frames, and comes out of it in
 * the order in which it went in, also after the daemon has died.
 *
 * Batches whose turn is near stay in the route's queue besides, within its limit of memory; the
 * others are read back. A batch that somebody waits for does not: it would keep him waiting. Who
 * waits hears when the journal is synced: the rows are the route's from then on.
 *
 * A record is settled when its receiver has let go of all of it. An output says so batch by batch;
 * a pipeline hears of it by a receipt, since it may hold rows back, and has it written down by its
 * commit (commit.h). */
#ifndef SONDE_SPOOL_H
#define SONDE_SPOOL_H

#include "journal.h"
#include "ledger.h"
#include "loop.h"
#include "origin.h"
#include "queue.h"
#include "receipt.h"
#include "settled.h"
#include "waiting.h"

struct route;

/* Of a batch in the route's queue, or one that was popped. */
struct spool_entry {
	uint64_t number; /* of its record */
	bool last;       /* of that record's batches */
};

/* Popped and not settled. */
struct spool_held {
	struct sonde_batch *batch; /* NULL: a frame */
	void *data;                /* of a frame: owned */
	uint64_t number, rows, events;
	bool doubtful; /* it may have been handed over before the daemon died */
};

struct spool {
	struct route *route;
	struct journal *journal;
	struct journal_reading *reading; /* the receiver's */
	struct loop *disk;               /* where it waits for the disk */
	bool commits;       /* its receiver is a pipeline, which writes down what is settled */
	bool is_committed;  /* its sender is one: `sendable` rises with its commits */
	bool takes_frames;  /* its receiver is an output that wants them */
	bool takes_origins; /* its sender is an input: rows read back are dressed as it would have
			     */
	uint64_t limit_bytes;
	const struct resource *resource; /* of that input: what its rows are said to come from */
	struct origin origin;

	/* under the route's lock */
	struct spool_entry *entries; /* of the queue's batches, in their order: a ring */
	uint32_t entry_head, entry_count, entry_capacity;
	uint64_t next;        /* number behind those in the queue: to be read from the journal */
	uint64_t sendable;    /* records beyond this may not be popped yet */
	uint64_t taken;       /* records up to this were popped, or are in parts */
	uint64_t replayed;    /* records up to this had been popped when the daemon died */
	struct tally unread;  /* in the journal, and not popped */
	struct queue pending; /* which the journal did not take yet, for want of room */
	struct settled settled;
	struct spool_held *held;
	uint32_t held_count, held_capacity;
	uint64_t whole;          /* of records up to this all batches were popped */
	uint32_t doubtful_count; /* so many that are popped next may have been under way before */
	struct receipt *receipt; /* of the record that is being popped, for a pipeline */
	struct waiting_list waiting; /* until they are synced */
	uint64_t full_bytes;         /* that its files took when there was no room */
	bool is_installed;           /* its route has had its ends */
	bool syncing;                /* a sync is posted */
	bool is_dirty;               /* a look at what is not synced is posted */
	bool is_reading;             /* the record at `next` is on its way from the disk */
	bool is_hungry;              /* its receiver found nothing */
	bool is_short;               /* the disk was full: room is asked for again after a while */
	bool is_late;                /* the receiver could not read: it looks again after a while */

	struct loop_task sync, look;
	struct loop_timer retry;
	/* Posted to the sender's loop when it has to commit, to the receiver's when something is
	 * settled. */
	struct loop_task *appended_task, *settled_task;
};

struct spool_settings {
	const char *path; /* of the journal's directory */
	uint64_t limit_bytes;
	struct loop *disk;
};

/* Opens the journal of a route that has none. What it holds is unread. A negative errno and a
 * message that names the mend. */
int spool_open(struct route *route, const struct spool_settings *settings, char *error,
	       size_t error_size);
/* Its receiver is not told any more. */
void spool_retire(struct spool *spool);
/* That its files take. Any thread. */
uint64_t spool_bytes(struct spool *spool);
/* Once neither end runs: what is in the journal stays there. NULL is fine. */
void spool_close(struct spool *spool);

/* After a start: records up to `taken` were popped before, those in `settled` (taken over) need not
 * be popped again, and their rows do not count as unread. */
int spool_recover(struct spool *spool, struct settled *settled, uint64_t taken);

/* Takes back the records above that number, after a start. -errno: some may be there still. */
int spool_cut(struct spool *spool, uint64_t above);

/* Records below that number are not needed any more, as a commit says. On the disk's thread. */
void spool_released(struct spool *spool, uint64_t below);

/* Records up to that number may be popped from now on, as a commit says. */
void spool_send(struct spool *spool, uint64_t number);

/* On the sender's thread: writes what is pending. -EAGAIN: there is no room for it yet. */
int spool_flush(struct spool *spool);

/* As their namesakes of route.h. */
void spool_push(struct spool *spool, struct sonde_batch *batch);
struct sonde_batch *spool_pop(struct spool *spool);
bool spool_is_full(struct spool *spool);
int spool_reserve(struct spool *spool, size_t bytes);
void spool_unreserve(struct spool *spool, size_t bytes);

/* Appends a frame as it is, for whom `receipt` waits (NULL: nobody). 0; -EAGAIN: there is no room
 * now; -errno: it is not taken. */
int spool_push_frame(struct spool *spool, const struct sonde_frame *frame, struct receipt *receipt);

/* The oldest record as a frame, its bytes the caller's until it is settled; 0: there is none. */
uint64_t spool_take(struct spool *spool, struct sonde_frame *ret_frame);

/* Locked: a popped batch, or the frame of that number, is done with, or given back. Whether it may
 * have been handed over before the daemon died. */
bool spool_done(struct spool *spool, const struct sonde_batch *batch, uint64_t number);
void spool_returned(struct spool *spool, const struct sonde_batch *batch, uint64_t number);

/* Locked: lets go of the newest batch in memory. Whether there was one. */
bool spool_forget(struct spool *spool);

/* Whether records are still to be popped that had been when the daemon died. */
bool spool_is_replaying(struct spool *spool);

/* Rows and events that are its own: unread and not settled. */
struct tally spool_kept(struct spool *spool);

#endif

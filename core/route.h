/* SPDX-License-Identifier: Apache-2.0 */
/* A route: the queue between two loops, its account in the ledger, and who is told when it moves.
 *
 * A sender's loop pushes, a receiver's loop pops and settles; both may look at it at any time. Rows
 * are accounted under the route's lock, so a snapshot closes even under load:
 * in = out + reduced + lost + queued + held. */
#ifndef SONDE_ROUTE_H
#define SONDE_ROUTE_H

#include <pthread.h>

#include "census.h"
#include "config.h"
#include "ledger.h"
#include "loop.h"
#include "queue.h"
#include "relief.h"
#include "spool.h"

/* Whose rows a route takes to whom. */
struct route_plan {
	const char *from, *to; /* names; owned by the config */
	uint32_t to_replica;
	struct queue_config queue;
	bool final, from_input;
	struct loop *sender_loop, *receiver_loop;
	struct loop_task *room, *arrived;
	bool to_pipeline;
	struct loop_task
		*appended;   /* of a sender that commits what it appends; NULL: it does not */
	bool is_beside_disk; /* such a sender, and this route is in memory while others are not */
	bool takes_frames;   /* its receiver wants what lies on disk as it is */
	uint32_t in_flight_count;        /* batches that its receiver may hold at once */
	struct loop_task *settled;       /* of a pipeline that reads from disk: to be told */
	const struct resource *resource; /* of an input that sends there */
};

struct route {
	const char *from, *to; /* names; owned by the config */
	uint32_t to_replica;
	pthread_mutex_t mutex; /* over everything below */
	struct queue queue;
	struct tally held; /* popped and not settled */
	struct account *account;
	enum when_full when_full;
	bool final;          /* ends at an output: settling tells the receipts */
	bool from_input;     /* the sender asks for room before it sends */
	bool is_beside_disk; /* its sender is done with rows once others of its routes have them */
	bool wants_room;     /* the sender stopped and waits */
	struct loop *sender_loop; /* runs `room` when there is room again; may be NULL */
	struct loop_task *room;
	struct loop *receiver_loop; /* runs `arrived` when it was empty */
	struct loop_task *arrived;
	uint64_t high_bytes;        /* most that was ever queued, for status */
	struct relief relief;       /* lets go of rows when the daemon is short of memory */
	struct spool *spool;        /* what of it lies on disk; NULL: it is in memory only */
	struct census_entry census; /* once it has its ends */
};

/* Numbers of a route at one moment. */
struct route_snapshot {
	struct tally in, out, queued, held;
	struct tally reduced[SONDE_REDUCTION_COUNT], lost[SONDE_LOSS_COUNT];
	uint64_t bytes, limit_bytes, high_bytes;
	uint64_t disk_bytes, disk_limit_bytes;
	uint32_t batch_count;
};

void route_init(struct route *route, const char *from, const char *to,
		const struct queue_config *config, struct account *account);
/* Gives a route its ends, or others; what is queued stays. Whoever must know of that is told by
 * route_begin(), which has their loops go on: so of routes that belong together all are set before.
 * route_install() is both. */
void route_set(struct route *route, const struct route_plan *plan);
void route_begin(struct route *route);
void route_install(struct route *route, const struct route_plan *plan);

/* Lets a route that is not installed keep its rows on disk. As spool_open(). */
int route_open_disk(struct route *route, const struct spool_settings *settings, char *error,
		    size_t error_size);

/* Nobody sends there any more, nor is told that there is room. */
void route_forget_sender(struct route *route);

/* The same, and nobody looks at it any more who is not the receiver: before loops go. */
void route_retire(struct route *route);

/* What is queued is booked as lost by shutdown. route_clear() is the end of the route too. */
void route_drop(struct route *route);
void route_clear(struct route *route);

/* Takes over the reference to a finished batch. Whatever happens to it is booked: it never fails
 * for the caller. A batch that keeps few of its rows is compacted first. */
void route_push(struct route *route, struct sonde_batch *batch);

/* The same rows, for which nobody waits: written as a frame and read again. NULL: no memory. */
struct sonde_batch *route_unawaited(struct sonde_batch *batch);

/* Books rows of a finished batch that a condition keeps from going over the route: all of it, but
 * for `rest`, derived from it, which is about to be pushed and hears of what it holds from now on.
 * NULL: nothing goes. */
void route_filter(struct route *route, struct sonde_batch *batch, struct sonde_batch *rest);
/* Books all of it as lost, since there is no memory to look at it. Takes over no reference. */
void route_refuse(struct route *route, struct sonde_batch *batch);

/* The same of a frame that could not be taken. */
void route_refuse_frame(struct route *route, const struct sonde_frame *frame);

/* Whether a sender that waits must stop; if so, `room` will run. Always false for routes that drop.
 */
bool route_is_full(struct route *route);

int route_reserve(struct route *route, size_t bytes);
void route_unreserve(struct route *route, size_t bytes);

/* Takes back a promise, since the daemon has no memory for it: `room` runs when what is queued
 * goes, and not because of this. Whether anything is queued. */
bool route_take_back(struct route *route, size_t bytes);

/* The oldest batch, held until it is settled; NULL: empty. */
struct sonde_batch *route_pop(struct route *route);

/* Whether its rows are to be taken as frames. */
bool route_gives_frames(const struct route *route);

/* The same of a route on disk whose receiver takes frames: the frame of a record, whose number is
 * returned; 0: empty. */
uint64_t route_take(struct route *route, struct sonde_frame *ret_frame);

/* What became of a popped batch: rows that were handed over; lost rows with the reason. Together
 * they are the batch's selected rows, and the reference goes. `reason` is a constant text. */
void route_settle(struct route *route, struct sonde_batch *batch, uint64_t lost_rows,
		  enum sonde_loss loss, const char *reason, bool uncertain);

void route_settle_frame(struct route *route, uint64_t number, const struct sonde_frame *frame,
			uint64_t lost_rows, enum sonde_loss loss, bool uncertain);

/* Takes a popped batch back to the head, for another receiver; uncertain: rows may have been handed
 * over. */
void route_return(struct route *route, struct sonde_batch *batch, bool uncertain);
void route_return_frame(struct route *route, uint64_t number, const struct sonde_frame *frame,
			bool uncertain);

void route_snapshot(struct route *route, struct route_snapshot *ret_snapshot);
bool route_is_idle(struct route *route); /* nothing queued, nothing held */

/* Before the process ends: what lies on disk is not lost. */
void route_keep(struct route *route);

#endif

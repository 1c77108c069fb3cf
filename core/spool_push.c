/* SPDX-License-Identifier: Apache-2.0 */
/* The disk side of a route: batches into the journal, as frames. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "clock.h"
#include "frame.h"
#include "log.h"
#include "resource.h"
#include "spool_parts.h"

/* Makes room by dropping what is oldest, and books it. */
static int spool_drop(struct spool *spool)
{
	struct route *route = spool->route;
	struct journal_loss loss;
	int result = journal_drop_oldest(spool->journal, &loss);

	if (result)
		return result;
	pthread_mutex_lock(&route->mutex);
	tally_move(&spool->unread, -(int64_t)loss.rows, -(int64_t)loss.events);
	tally_add(&route->account->lost[SONDE_LOST_QUEUE_FULL], loss.rows, loss.events);
	pthread_mutex_unlock(&route->mutex);
	return 0;
}

/* -EAGAIN: there is no room, and the sender can wait. */
static int spool_append(struct spool *spool, struct journal_record *record)
{
	for (;;) {
		int result = journal_append(spool->journal, record);

		if (result != -EDQUOT && result != -ENOSPC)
			return result;
		if (spool->route->when_full == WHEN_FULL_DROP_OLDEST && !spool_drop(spool))
			continue;
		if (spool->route->when_full != WHEN_FULL_WAIT)
			return -ENOSPC;
		pthread_mutex_lock(&spool->route->mutex);
		spool->is_short = result == -ENOSPC;
		spool->full_bytes = result == -ENOSPC ? UINT64_MAX : spool_bytes(spool);
		pthread_mutex_unlock(&spool->route->mutex);
		if (result == -ENOSPC)
			loop_post(spool->disk, &spool->look);
		return -EAGAIN;
	}
}

static int spool_append_batch(struct spool *spool, struct sonde_batch *batch, uint64_t *ret_number)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
	struct journal_record record = { .rows = batch->selected_count,
					 .events = batch->event_count };
	int result = frame_write(&batch, 1, &frame);

	if (result)
		return result;
	record.data = frame.data;
	record.length = frame.length;
	result = spool_append(spool, &record);
	if (result)
		return result;
	*ret_number = record.number;
	/* Before the receiver can have it: what a killed daemon had given on is to be there. */
	if (journal_flush(spool->journal))
		loop_post(spool->disk, &spool->sync); /* which says why */
	return 0;
}

/* Locked: there is something new in the journal. */
static void spool_tell_arrived(struct spool *spool)
{
	struct route *route = spool->route;

	if (route->receiver_loop && spool->is_hungry)
		loop_post(route->receiver_loop, route->arrived);
	spool->is_hungry = false;
}

/* Locked: a record was appended, for whom somebody waits or nobody. */
static void spool_appended(struct spool *spool, struct waiting *waiting)
{
	if (waiting)
		waiting_add(&spool->waiting, waiting);
	if (spool->syncing) {
		/* it is under way */
	} else if (waiting) {
		spool->syncing = true;
		loop_post(spool->disk, &spool->sync);
	} else if (!spool->is_committed && !spool->is_dirty) {
		spool->is_dirty = true;
		loop_post(spool->disk, &spool->look);
	}
	if (!spool->is_committed)
		spool_tell_arrived(spool);
	else if (spool->route->sender_loop)
		loop_post(spool->route->sender_loop, spool->appended_task);
}

/* Locked: keeps a batch in memory if its turn comes right behind those that are there. */
static bool spool_keep(struct spool *spool, struct sonde_batch *batch, uint64_t before,
		       uint64_t number)
{
	struct route *route = spool->route;

	if (spool->takes_frames || spool->is_reading || batch_is_awaited(batch) ||
	    spool->next <= before || !queue_fits(&route->queue, batch_bytes(batch)))
		return false;
	if (number > spool->next && settled_add(&spool->settled, spool->next, number - 1))
		return false;
	if (spool_enter(spool, batch, number, true))
		return false;
	spool->next = number + 1;
	return true;
}

static enum sonde_loss loss_of(int error)
{
	switch (error) {
	case -ENOMEM:
		return SONDE_LOST_MEMORY;
	case -ENOSPC:
		return SONDE_LOST_QUEUE_FULL;
	default:
		return SONDE_LOST_FAILED;
	}
}

/* The batch at the head of those that are pending goes into the journal, or is lost. -EAGAIN: it
 * stays. */
static int spool_flush_one(struct spool *spool, struct sonde_batch *batch)
{
	uint64_t before = journal_last(spool->journal), number = 0;
	struct route *route = spool->route;
	struct waiting *waiting;
	int result = waiting_create(batch, &waiting);
	bool kept = false;

	if (!result)
		result = spool_append_batch(spool, batch, &number);
	if (result == -EAGAIN) {
		waiting_free(waiting);
		return result;
	}
	pthread_mutex_lock(&route->mutex);
	queue_pop(&spool->pending);
	if (result) {
		tally_move(&spool->unread, -(int64_t)batch->selected_count,
			   -(int64_t)batch->event_count);
		tally_add(&route->account->lost[loss_of(result)], batch->selected_count,
			  batch->event_count);
	} else {
		kept = spool_keep(spool, batch, before, number);
		if (waiting)
			waiting->number = number;
		spool_appended(spool, spool->is_committed ? NULL : waiting);
	}
	pthread_mutex_unlock(&route->mutex);
	if (result && result != -ENOSPC && result != -ENOMEM)
		log_write(SONDE_ERROR, spool_subject(spool),
			  "cannot write to the queue on disk: %s", strerror(-result));
	if (result)
		waiting_lose(waiting, loss_name(loss_of(result)));
	else if (spool->is_committed)
		waiting_accept(waiting); /* the commit ties it to what they hear */
	if (!kept)
		batch_release(batch);
	return 0;
}

int spool_flush(struct spool *spool)
{
	int result = 0;

	while (!result) {
		struct sonde_batch *batch = NULL;

		pthread_mutex_lock(&spool->route->mutex);
		if (spool->pending.count)
			batch = spool->pending.batches[spool->pending.head];
		pthread_mutex_unlock(&spool->route->mutex);
		if (!batch)
			return 0;
		result = spool_flush_one(spool, batch);
	}
	return result;
}

void spool_push(struct spool *spool, struct sonde_batch *batch)
{
	struct route *route = spool->route;
	bool refused;

	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, batch_bytes(batch));
	tally_add(&route->account->in, batch->selected_count, batch->event_count);
	refused = queue_push_over(&spool->pending, batch) != 0;
	if (refused)
		tally_add(&route->account->lost[SONDE_LOST_MEMORY], batch->selected_count,
			  batch->event_count);
	else
		tally_move(&spool->unread, (int64_t)batch->selected_count,
			   (int64_t)batch->event_count);
	pthread_mutex_unlock(&route->mutex);
	if (refused) {
		struct waiting *waiting;

		if (!waiting_create(batch, &waiting))
			waiting_lose(waiting, loss_name(SONDE_LOST_MEMORY));
		batch_release(batch);
		return;
	}
	spool_flush(spool);
}

int spool_push_frame(struct spool *spool, const struct sonde_frame *frame, struct receipt *receipt)
{
	struct journal_record record = { .rows = frame->rows,
					 .events = frame->events,
					 .sequence = frame->sequence,
					 .origin = frame->origin,
					 .data = frame->data,
					 .length = frame->length };
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	struct route *route = spool->route;
	int result = waiting ? 0 : -ENOMEM;

	memcpy(record.stream, frame->stream, sizeof(record.stream));
	if (!result && receipt)
		result = receipts_add(&waiting->list, receipt, frame->rows);
	if (!result)
		result = spool_append(spool, &record);
	/* Not booked before it is out of our hands: its sender would send it again, and it would be
	 * lost in our books alone. */
	if (!result && journal_flush(spool->journal))
		loop_post(spool->disk, &spool->sync); /* which says why */
	if (result && result != -EEXIST) {
		waiting_free(waiting);
		return result;
	}
	pthread_mutex_lock(&route->mutex);
	/* One that was taken before may not be synced yet. */
	waiting->number = result ? journal_last(spool->journal) : record.number;
	if (!result) {
		tally_add(&route->account->in, frame->rows, frame->events);
		tally_move(&spool->unread, (int64_t)frame->rows, (int64_t)frame->events);
	}
	spool_appended(spool, waiting);
	pthread_mutex_unlock(&route->mutex);
	return 0;
}

bool spool_is_full(struct spool *spool)
{
	struct route *route = spool->route;
	bool full;

	if (spool->pending.count && spool_flush(spool) == 0)
		return false;
	pthread_mutex_lock(&route->mutex);
	full = spool->pending.count > 0;
	route->wants_room = full;
	spool_give_room(spool); /* it may have been made before we asked */
	pthread_mutex_unlock(&route->mutex);
	return full;
}

/* By what batches take in memory, which is more than they will on disk. */
int spool_reserve(struct spool *spool, size_t bytes)
{
	struct queue *queue = &spool->route->queue;
	uint64_t used;
	int result = 0;

	pthread_mutex_lock(&spool->route->mutex);
	used = spool_bytes(spool) + queue->reserved_bytes;
	if (bytes > spool->limit_bytes)
		result = -EMSGSIZE;
	else if (spool->is_short || used > spool->limit_bytes - bytes)
		result = -EAGAIN;
	if (result == -EAGAIN) {
		spool->route->wants_room = true;
		spool->full_bytes = spool_bytes(spool);
	} else if (!result) {
		queue->reserved_bytes += bytes;
	}
	pthread_mutex_unlock(&spool->route->mutex);
	return result;
}

void spool_unreserve(struct spool *spool, size_t bytes)
{
	struct route *route = spool->route;

	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, bytes);
	if (route->wants_room && !spool->is_short && route->sender_loop) {
		route->wants_room = false;
		loop_post(route->sender_loop, route->room);
	}
	pthread_mutex_unlock(&route->mutex);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The disk side of a route: batches and frames out of the journal again. */
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

/* Attributes of who sent a frame, and of this sonde, as if the rows had just come. */
static int batch_dress(struct spool *spool, struct sonde_batch *batch, const char *origin)
{
	int result = origin ? origin_add(&spool->origin, origin, batch) : 0;

	return result ? result : resource_add(spool->resource, batch);
}

/* Of a frame that was read: all are finished, or none is left. */
static int batches_ready(struct spool *spool, struct sonde_batch **batches, uint32_t count,
			 const struct journal_record *record)
{
	int result = 0;

	for (uint32_t i = 0; i < count && !result; i++) {
		if (spool->takes_origins)
			result = batch_dress(spool, batches[i], record->origin);
		if (record->number <= spool->replayed)
			batch_mark_replayed(batches[i]);
		batch_finish(batches[i]);
	}
	for (uint32_t i = 0; i < count && result; i++)
		batch_release(batches[i]);
	return result;
}

static int record_read(struct spool *spool, const struct journal_record *record,
		       struct sonde_batch ***ret_batches, uint32_t *ret_count)
{
	struct sonde_frame frame = { .size = sizeof(frame) };
	int result = frame_look(record->data, record->length, &frame);
	struct sonde_batch **batches;

	if (result || frame.length != record->length)
		return result ? result : -EBADMSG;
	batches = calloc(frame.batch_count + 1, sizeof(struct sonde_batch *));
	if (!batches)
		return -ENOMEM;
	result = frame_read(&frame, batches, frame.batch_count);
	if (!result)
		result = batches_ready(spool, batches, frame.batch_count, record);
	if (result) {
		free(batches);
		return result;
	}
	*ret_batches = batches;
	*ret_count = frame.batch_count;
	return 0;
}

/* Locked: rows that were in the journal and cannot be had any more. */
static void spool_lose(struct spool *spool, uint64_t rows, uint64_t events)
{
	tally_move(&spool->unread, -(int64_t)rows, -(int64_t)events);
	tally_add(&spool->route->account->lost[SONDE_LOST_FAILED], rows, events);
}

/* The next record that may be popped, from the disk. -ENOENT: there is none now. What is gone of
 * those before it is booked. */
static int spool_next(struct spool *spool, struct journal_record *ret_record)
{
	struct route *route = spool->route;
	struct journal_loss skipped = { 0 };
	struct journal_record record;
	uint64_t number, last, sendable;
	int result;

	pthread_mutex_lock(&route->mutex);
	number = settled_next(&spool->settled, spool->next);
	sendable = spool->sendable;
	last = journal_last(spool->journal);
	spool->is_hungry = number > last || number > sendable;
	spool->is_reading = !spool->is_hungry;
	pthread_mutex_unlock(&route->mutex);
	if (number > last || number > sendable)
		return -ENOENT;
	result = journal_read(spool->reading, number, &record, &skipped);
	if (result)
		return result;
	pthread_mutex_lock(&route->mutex);
	if (record.number > number)
		spool_settle(spool, number, record.number - 1);
	spool_lose(spool, skipped.rows, skipped.events);
	spool->next = record.number;
	spool->is_hungry = record.number > sendable;
	pthread_mutex_unlock(&route->mutex);
	if (skipped.records)
		log_write(SONDE_ERROR, spool_subject(spool),
			  "%llu damaged records with %llu rows are skipped in the queue on disk",
			  (unsigned long long)skipped.records, (unsigned long long)skipped.rows);
	*ret_record = record;
	return record.number > sendable ? -ENOENT : 0;
}

/* A record whose bytes are whole and that no frame can be made of. */
static void spool_refuse(struct spool *spool, const struct journal_record *record, int error)
{
	log_write(SONDE_ERROR, spool_subject(spool),
		  "record %llu of the queue on disk cannot be read (%s): %llu rows are lost",
		  (unsigned long long)record->number, strerror(-error),
		  (unsigned long long)record->rows);
	pthread_mutex_lock(&spool->route->mutex);
	spool_lose(spool, record->rows, record->events);
	spool_settle(spool, record->number, record->number);
	spool->next = record->number + 1;
	pthread_mutex_unlock(&spool->route->mutex);
}

static int spool_load(struct spool *spool, const struct journal_record *record,
		      struct sonde_batch **batches, uint32_t count)
{
	int result = 0;

	pthread_mutex_lock(&spool->route->mutex);
	for (uint32_t i = 0; i < count; i++) {
		result = result ? result
				: spool_enter(spool, batches[i], record->number, i + 1 == count);
		if (result)
			batch_release(batches[i]);
	}
	spool->next = record->number + 1;
	spool->is_reading = false;
	if (result)
		spool_rewind(spool, record->number);
	pthread_mutex_unlock(&spool->route->mutex);
	return result;
}

/* Nothing is on its way from the disk any more. */
static void spool_end_reading(struct spool *spool)
{
	pthread_mutex_lock(&spool->route->mutex);
	spool->is_reading = false;
	pthread_mutex_unlock(&spool->route->mutex);
}

/* Reads the next record into the queue. Whether there is something in it now. */
static bool spool_fill(struct spool *spool)
{
	struct sonde_batch **batches;
	struct journal_record record;
	uint32_t count;
	int result;

	for (;;) {
		result = spool_next(spool, &record);
		if (result)
			break;
		result = record_read(spool, &record, &batches, &count);
		if (result == -ENOMEM)
			break;
		if (result) {
			spool_refuse(spool, &record, result);
			continue;
		}
		result = spool_load(spool, &record, batches, count);
		free(batches);
		if (result)
			break;
		return true;
	}
	spool_end_reading(spool);
	if (result != -ENOENT) {
		log_write(SONDE_WARNING, spool_subject(spool), "cannot read the queue on disk: %s",
			  strerror(-result));
		spool_try_later(spool);
	}
	return false;
}

/* The receipt of a record, for which a pipeline was waited for. */
static void spool_hear(void *origin, uint64_t number, const struct sonde_settlement *settlement)
{
	struct spool *spool = origin;
	struct route *route = spool->route;

	pthread_mutex_lock(&route->mutex);
	spool_settle(spool, number, number);
	if (route->receiver_loop && spool->settled_task)
		loop_post(route->receiver_loop, spool->settled_task);
	pthread_mutex_unlock(&route->mutex);
}

/* Locked: the batch at the head with a receipt of its record, for a pipeline. NULL: no memory. */
static struct sonde_batch *spool_attach(struct spool *spool, struct sonde_batch *batch,
					uint64_t number)
{
	struct sonde_batch *alone;

	if (!spool->receipt)
		spool->receipt = receipt_create(spool_hear, spool, number);
	if (!spool->receipt)
		return NULL;
	alone = batch_alone(batch);
	if (!alone)
		return NULL;
	if (receipts_add(batch_receipts(alone), spool->receipt, alone->selected_count)) {
		if (alone != batch)
			batch_release(alone);
		return NULL;
	}
	if (alone != batch)
		batch_release(batch);
	return alone;
}

/* Locked: whether what is popped now may have been under way when the daemon died. A frame has a
 * name by which its receiver knows it. */
static bool is_doubtful(struct spool *spool)
{
	if (!spool->doubtful_count)
		return false;
	spool->doubtful_count--;
	return true;
}

/* Locked: the oldest batch in memory leaves the queue. false: there is none, or no memory. */
static bool spool_pop_near(struct spool *spool, struct sonde_batch **ret_batch,
			   struct receipt **ret_whole)
{
	struct route *route = spool->route;
	struct sonde_batch *batch, *attached;
	struct spool_entry entry;

	if (!spool->entry_count)
		return false;
	entry = spool->entries[spool->entry_head];
	if (entry.number > spool->sendable)
		return false;
	if (entry.number > spool->taken && !journal_protect(spool->journal, entry.number)) {
		batch_release(spool_leave(spool)); /* dropped meanwhile, and booked */
		*ret_batch = NULL;
		return true;
	}
	if (spool_hold_reserve(spool))
		return false;
	batch = spool_leave(spool);
	attached = spool->commits ? spool_attach(spool, batch, entry.number) : batch;
	if (!attached) {
		spool_put_back(spool, batch, entry);
		return false;
	}
	spool->taken = entry.number;
	if (!spool->commits)
		spool->held[spool->held_count++] =
			(struct spool_held){ .batch = attached,
					     .doubtful = is_doubtful(spool),
					     .number = entry.number,
					     .rows = attached->selected_count,
					     .events = attached->event_count };
	if (entry.last) {
		spool->whole = entry.number;
		*ret_whole = spool->receipt;
		spool->receipt = NULL;
	}
	tally_move(&spool->unread, -(int64_t)attached->selected_count,
		   -(int64_t)attached->event_count);
	tally_move(&route->held, (int64_t)attached->selected_count, (int64_t)attached->event_count);
	*ret_batch = attached;
	return true;
}

struct sonde_batch *spool_pop(struct spool *spool)
{
	struct sonde_batch *batch = NULL;

	while (!batch) {
		struct receipt *whole = NULL;
		bool popped, waits;

		pthread_mutex_lock(&spool->route->mutex);
		popped = spool_pop_near(spool, &batch, &whole);
		waits = spool->entry_count > 0; /* for a commit, or for memory */
		pthread_mutex_unlock(&spool->route->mutex);
		receipt_release(whole);
		if (!popped && (waits || !spool_fill(spool)))
			return NULL;
	}
	return batch;
}

/* The bytes of a frame for as long as it is held, called as the journal calls it. */
static int frame_keep(struct spool *spool, const struct journal_record *record,
		      struct sonde_frame *frame)
{
	void *data = malloc(record->length ? record->length : 1);
	int result;

	if (!data)
		return -ENOMEM;
	memcpy(data, record->data, record->length);
	result = frame_rename(data, record->length, journal_stream(spool->journal), record->number);
	if (!result)
		result = frame_look(data, record->length, frame);
	if (result)
		free(data);
	return result;
}

uint64_t spool_take(struct spool *spool, struct sonde_frame *ret_frame)
{
	struct sonde_frame frame = { .size = sizeof(frame) };
	struct route *route = spool->route;
	struct journal_record record;
	int result;

	while (!(result = spool_next(spool, &record))) {
		result = frame_keep(spool, &record, &frame);
		if (!result || result == -ENOMEM)
			break;
		spool_refuse(spool, &record, result);
	}
	spool_end_reading(spool); /* whoever takes frames keeps nothing in memory */
	if (result) {
		if (result != -ENOENT)
			spool_try_later(spool);
		return 0;
	}
	pthread_mutex_lock(&route->mutex);
	if (spool_hold_reserve(spool)) {
		pthread_mutex_unlock(&route->mutex);
		free((void *)frame.data);
		spool_try_later(spool);
		return 0;
	}
	spool->held[spool->held_count++] = (struct spool_held){ .data = (void *)frame.data,
								.number = record.number,
								.rows = record.rows,
								.events = record.events };
	spool->taken = spool->whole = record.number;
	spool->next = record.number + 1;
	tally_move(&spool->unread, -(int64_t)record.rows, -(int64_t)record.events);
	tally_move(&route->held, (int64_t)record.rows, (int64_t)record.events);
	pthread_mutex_unlock(&route->mutex);
	frame.rows = record.rows;
	frame.events = record.events;
	*ret_frame = frame;
	return record.number;
}

bool spool_is_replaying(struct spool *spool)
{
	struct route *route = spool->route;
	uint64_t number;

	pthread_mutex_lock(&route->mutex);
	number = spool->entry_count ? spool->entries[spool->entry_head].number
				    : settled_next(&spool->settled, spool->next);
	pthread_mutex_unlock(&route->mutex);
	return number <= spool->replayed && number <= journal_last(spool->journal);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The disk side of a route: its records, what waits for the disk, begin and end. */
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

/* What nobody waits for is synced so late. */
static const int64_t sync_after_ns = NS_PER_SECOND;
/* A disk that is full, and memory that is refused, are tried again after so long. */
static const int64_t retry_after_ns = NS_PER_SECOND;

/* ---- entries of the queue ---------------------------------------------------------------- */

static int entries_grow(struct spool *spool)
{
	uint32_t capacity = spool->entry_capacity ? spool->entry_capacity * 2 : 16;
	struct spool_entry *entries = calloc(capacity, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < spool->entry_count; i++)
		entries[i] = spool->entries[(spool->entry_head + i) & (spool->entry_capacity - 1)];
	free(spool->entries);
	spool->entries = entries;
	spool->entry_capacity = capacity;
	spool->entry_head = 0;
	return 0;
}

/* Into the queue and the list beside it. Takes over the reference. */
int spool_enter(struct spool *spool, struct sonde_batch *batch, uint64_t number, bool last)
{
	int result = spool->entry_count == spool->entry_capacity ? entries_grow(spool) : 0;

	if (!result)
		result = queue_push_over(&spool->route->queue, batch);
	if (result)
		return result;
	spool->entries[(spool->entry_head + spool->entry_count++) & (spool->entry_capacity - 1)] =
		(struct spool_entry){ .number = number, .last = last };
	return 0;
}

struct sonde_batch *spool_leave(struct spool *spool)
{
	spool->entry_head = (spool->entry_head + 1) & (spool->entry_capacity - 1);
	spool->entry_count--;
	return queue_pop(&spool->route->queue);
}

bool spool_forget(struct spool *spool)
{
	struct sonde_batch *batch;
	uint64_t number;

	if (!spool->entry_count)
		return false;
	number = spool->entries[(spool->entry_head + spool->entry_count - 1) &
				(spool->entry_capacity - 1)]
			 .number;
	if (number <= spool->taken)
		return false; /* of a record that is popped in parts */
	while (spool->entry_count && spool->entries[(spool->entry_head + spool->entry_count - 1) &
						    (spool->entry_capacity - 1)]
						     .number == number) {
		spool->entry_count--;
		batch = queue_pop_tail(&spool->route->queue);
		batch_release(batch);
	}
	spool->next = number;
	return true;
}

/* All that is in memory is read back from the journal. */
void spool_rewind(struct spool *spool, uint64_t number)
{
	while (spool->entry_count)
		batch_release(spool_leave(spool));
	if (number < spool->next)
		spool->next = number;
}

/* ---- what is popped ---------------------------------------------------------------------- */

int spool_hold_reserve(struct spool *spool)
{
	uint32_t capacity = spool->held_capacity ? spool->held_capacity * 2 : 16;
	struct spool_held *grown;

	if (spool->held_count < spool->held_capacity)
		return 0;
	grown = reallocarray(spool->held, capacity, sizeof(*spool->held));
	if (!grown)
		return -ENOMEM;
	spool->held = grown;
	spool->held_capacity = capacity;
	return 0;
}

void spool_put_back(struct spool *spool, struct sonde_batch *batch, struct spool_entry entry)
{
	if (queue_push_head(&spool->route->queue, batch)) {
		batch_release(batch); /* it is in the journal */
		spool_rewind(spool, entry.number);
		return;
	}
	spool->entry_head = (spool->entry_head - 1) & (spool->entry_capacity - 1);
	spool->entries[spool->entry_head] = entry;
	spool->entry_count++;
}

/* Takes it out of the list; whether it was there. */
static bool held_remove(struct spool *spool, const struct sonde_batch *batch, uint64_t number,
			struct spool_held *ret_held)
{
	for (uint32_t i = 0; i < spool->held_count; i++) {
		if (batch ? spool->held[i].batch != batch : spool->held[i].number != number)
			continue;
		*ret_held = spool->held[i];
		spool->held[i] = spool->held[--spool->held_count];
		return true;
	}
	return false;
}

static bool held_has(const struct spool *spool, uint64_t number)
{
	for (uint32_t i = 0; i < spool->held_count; i++) {
		if (spool->held[i].number == number)
			return true;
	}
	return false;
}

/* Locked. Numbers for which there is no memory stay open: their rows come again after a start. */
void spool_settle(struct spool *spool, uint64_t first, uint64_t last)
{
	if (settled_add(&spool->settled, first, last))
		log_write(SONDE_WARNING, spool_subject(spool),
			  "memory is refused: rows may be handed over again after a restart");
}

bool spool_done(struct spool *spool, const struct sonde_batch *batch, uint64_t number)
{
	struct spool_held held;

	if (spool->commits || !held_remove(spool, batch, number, &held))
		return false;
	free(held.data);
	if (held.number > spool->whole || held_has(spool, held.number))
		return held.doubtful;
	spool_settle(spool, held.number, held.number);
	loop_post(spool->disk, &spool->look);
	return held.doubtful;
}

void spool_returned(struct spool *spool, const struct sonde_batch *batch, uint64_t number)
{
	struct spool_held held;

	if (!held_remove(spool, batch, number, &held))
		return;
	free(held.data);
	tally_move(&spool->unread, (int64_t)held.rows, (int64_t)held.events);
	spool_rewind(spool, held.number);
	if (spool->whole >= held.number)
		spool->whole = held.number - 1;
}

/* ---- the disk's thread ------------------------------------------------------------------- */

static void spool_run_sync(void *data)
{
	struct spool *spool = data;
	struct journal_uncertain uncertain = { 0 };
	struct waiting *heard;
	int result;

	loop_timer_end(spool->disk, &spool->retry);
	pthread_mutex_lock(&spool->route->mutex);
	spool->syncing = false; /* what comes from now on wants another */
	pthread_mutex_unlock(&spool->route->mutex);
	result = journal_sync(spool->journal, &uncertain);
	if (result && uncertain.from)
		log_write(SONDE_ERROR, spool_subject(spool),
			  "the disk did not take records %llu to %llu: %s; they are gone if the "
			  "machine loses its power",
			  (unsigned long long)uncertain.from, (unsigned long long)uncertain.to,
			  strerror(-result));
	else if (result)
		log_write(SONDE_ERROR, spool_subject(spool),
			  "cannot write to the queue on disk: %s", strerror(-result));
	pthread_mutex_lock(&spool->route->mutex);
	heard = waiting_take(&spool->waiting, journal_synced(spool->journal));
	if (spool->waiting.first && result && !spool->syncing)
		loop_timer_after(spool->disk, &spool->retry, retry_after_ns);
	pthread_mutex_unlock(&spool->route->mutex);
	waiting_accept(heard);
}

uint64_t spool_bytes(struct spool *spool)
{
	struct journal_usage usage;

	journal_usage(spool->journal, &usage);
	return usage.bytes;
}

/* Locked: tells whoever waits for room, if any was made since. */
void spool_give_room(struct spool *spool)
{
	struct route *route = spool->route;

	if (!route->wants_room || spool->is_short || spool_bytes(spool) >= spool->full_bytes)
		return;
	route->wants_room = false;
	if (route->sender_loop)
		loop_post(route->sender_loop, route->room);
}

/* Posted when something came that nobody waits for, or went, or could not be read. */
static void spool_run_look(void *data)
{
	struct spool *spool = data;
	uint64_t below;
	bool is_short;

	pthread_mutex_lock(&spool->route->mutex);
	below = spool->commits ? 0 : spool->settled.below;
	is_short = spool->is_short || spool->is_late;
	spool->is_dirty = false;
	pthread_mutex_unlock(&spool->route->mutex);
	if (below)
		journal_release(spool->journal, below);
	pthread_mutex_lock(&spool->route->mutex);
	spool_give_room(spool);
	pthread_mutex_unlock(&spool->route->mutex);
	if (is_short || journal_synced(spool->journal) < journal_last(spool->journal))
		loop_timer_after(spool->disk, &spool->retry,
				 is_short ? retry_after_ns : sync_after_ns);
}

static void spool_run_retry(void *data)
{
	struct spool *spool = data;
	struct route *route = spool->route;

	pthread_mutex_lock(&route->mutex);
	spool->is_short = false;
	if (spool->is_late && route->receiver_loop)
		loop_post(route->receiver_loop, route->arrived);
	spool->is_late = false;
	spool_give_room(spool);
	pthread_mutex_unlock(&spool->route->mutex);
	spool_run_sync(spool);
}

void spool_try_later(struct spool *spool)
{
	pthread_mutex_lock(&spool->route->mutex);
	spool->is_late = true;
	pthread_mutex_unlock(&spool->route->mutex);
	loop_post(spool->disk, &spool->look);
}

void spool_send(struct spool *spool, uint64_t number)
{
	struct route *route = spool->route;

	pthread_mutex_lock(&route->mutex);
	if (spool->is_committed && number > spool->sendable) {
		spool->sendable = number;
		if (route->receiver_loop)
			loop_post(route->receiver_loop, route->arrived);
	}
	pthread_mutex_unlock(&route->mutex);
}

void spool_released(struct spool *spool, uint64_t below)
{
	journal_release(spool->journal, below);
	pthread_mutex_lock(&spool->route->mutex);
	spool_give_room(spool);
	pthread_mutex_unlock(&spool->route->mutex);
}

/* ---- begin and end ----------------------------------------------------------------------- */

/* What records of these numbers hold is settled already. */
static int spool_subtract(struct spool *spool, const struct settled_range *range)
{
	struct journal_record record = { .number = range->first - 1 };
	int result = 0;

	while (record.number < range->last && !result) {
		result = journal_read(spool->reading, record.number + 1, &record, NULL);
		if (!result && record.number <= range->last)
			tally_move(&spool->unread, -(int64_t)record.rows, -(int64_t)record.events);
	}
	return result == -ENOENT ? 0 : result;
}

static void spool_count(struct spool *spool)
{
	struct journal_usage usage;

	journal_usage(spool->journal, &usage);
	spool->unread = (struct tally){ .rows = usage.rows, .events = usage.events };
	spool->settled.below = journal_released(spool->journal);
	if (!spool->settled.below)
		spool->settled.below = 1;
	spool->next = spool->settled.below;
}

int spool_recover(struct spool *spool, struct settled *settled, uint64_t taken)
{
	int result = 0;

	if (settled->below > spool->settled.below)
		journal_release(spool->journal, settled->below);
	spool_count(spool);
	for (uint32_t i = 0; i < settled->count && !result; i++)
		result = spool_subtract(spool, &settled->ranges[i]);
	spool->settled = *settled;
	*settled = (struct settled){ 0 };
	spool->next = spool->settled.below;
	spool->replayed = taken;
	return result;
}

int spool_cut(struct spool *spool, uint64_t above)
{
	int result = journal_last(spool->journal) > above ? journal_cut(spool->journal, above) : 0;

	spool_count(spool);
	return result;
}

int spool_open(struct route *route, const struct spool_settings *settings, char *error,
	       size_t error_size)
{
	const struct journal_settings wanted = { .path = settings->path,
						 .name = route->account->name,
						 .limit_bytes = settings->limit_bytes };
	struct spool *spool = calloc(1, sizeof(*spool));
	struct journal_recovery recovery;
	int result = spool ? 0 : -ENOMEM;

	if (!result)
		result = journal_open(&wanted, &spool->journal, error, error_size);
	if (!result && !(spool->reading = journal_reading_new(spool->journal))) {
		journal_close(spool->journal, false);
		result = -ENOMEM;
	}
	if (result) {
		if (result == -ENOMEM)
			snprintf(error, error_size, "no memory");
		free(spool);
		return result;
	}
	spool->route = route;
	spool->disk = settings->disk;
	spool->limit_bytes = settings->limit_bytes;
	spool->sendable = UINT64_MAX;
	spool->pending.limit_bytes = SIZE_MAX;
	spool->sync = (struct loop_task){ .run = spool_run_sync, .data = spool };
	spool->look = (struct loop_task){ .run = spool_run_look, .data = spool };
	spool->is_hungry = true;
	spool->retry = (struct loop_timer){ .run = spool_run_retry, .data = spool };
	spool_count(spool);
	journal_recovered(spool->journal, &recovery);
	if (*recovery.note)
		log_write(SONDE_WARNING, wanted.name, "the queue on disk: %s", recovery.note);
	route->spool = spool;
	return 0;
}

void spool_retire(struct spool *spool)
{
	pthread_mutex_lock(&spool->route->mutex);
	spool->settled_task = NULL;
	pthread_mutex_unlock(&spool->route->mutex);
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	if (!spool->commits) /* what was not written down yet */
		journal_release(spool->journal, spool->settled.below);
	receipt_release(spool->receipt);
	waiting_free(spool->waiting.first);
	queue_clear(&spool->pending);
	for (uint32_t i = 0; i < spool->held_count; i++)
		free(spool->held[i].data);
	free(spool->held);
	free(spool->entries);
	origin_clear(&spool->origin);
	settled_clear(&spool->settled);
	journal_reading_free(spool->reading);
	journal_close(spool->journal, false);
	free(spool);
}

struct tally spool_kept(struct spool *spool)
{
	struct tally kept = spool->unread;

	for (uint32_t i = 0; i < spool->held_count; i++)
		tally_move(&kept, (int64_t)spool->held[i].rows, (int64_t)spool->held[i].events);
	return kept;
}

// SPDX-License-Identifier: Apache-2.0
/* The front of a journal: what is released, dropped or taken back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "journal_own.h"

/* ---- releasing --------------------------------------------------------------------------- */

/* Streams are known by the snapshot of the newest segment, which therefore stays, and the one
 * before it until the newest is on the disk. Under lock. */
static uint32_t segments_needed(const struct journal *journal)
{
	const struct segment *newest;

	if (!journal->segment_count)
		return 0;
	newest = journal->segments[journal->segment_count - 1];
	return newest->synced || !journal->stream_count ? 1 : 2;
}

/* Takes away one segment that nobody needs; NULL: all are needed. */
static struct segment *released_take(struct journal *journal)
{
	struct segment *segment = NULL;

	pthread_mutex_lock(&journal->lock);
	if (journal->segment_count > segments_needed(journal) &&
	    journal->segments[0]->last < journal->released)
		segment = segments_take(journal, 0);
	pthread_mutex_unlock(&journal->lock);
	return segment;
}

void front_close(struct journal *journal)
{
	if (journal->front.fd >= 0)
		close(journal->front.fd);
	journal->front.fd = -1;
	pthread_mutex_lock(&journal->lock);
	journal->front_segment = 0;
	journal->front_usage = (struct journal_usage){ 0 };
	pthread_mutex_unlock(&journal->lock);
}

/* Begins at the start of that segment, unless it stands in it already. */
static int front_open(struct journal *journal, const struct segment *segment)
{
	struct journal_place place = { .first = segment->first, .offset = segment->start };
	int file;

	if (journal->front_segment == segment->first)
		return 0;
	front_close(journal);
	file = segment_open(journal->directory, segment->first, O_RDONLY);
	if (file < 0)
		return file;
	memcpy(place.id, journal->head.id, sizeof(place.id));
	walk_begin(&journal->front, file, &place, segment->written);
	pthread_mutex_lock(&journal->lock);
	journal->front_segment = segment->first;
	pthread_mutex_unlock(&journal->lock);
	return 0;
}

/* Counts released records up to the first that is not, or as far as they are written. */
static struct journal_usage front_walk(struct journal *journal, uint64_t released)
{
	struct journal_usage counted = journal->front_usage;
	struct journal_record_head head;

	while (journal->front.number + 1 < released && !walk_next(&journal->front, &head)) {
		if (head.number >= released) { /* to be found again, when it is released */
			journal->front.next = journal->front.place.offset;
			journal->front.number = head.number - 1;
			break;
		}
		counted.records++;
		counted.rows += head.rows;
		counted.events += head.events;
	}
	return counted;
}

/* The segment that is released in part, or as a whole and stays. Under front_lock. */
static bool front_choose(struct journal *journal, struct segment *ret_segment,
			 uint64_t *ret_released)
{
	bool found = false;

	pthread_mutex_lock(&journal->lock);
	*ret_released = journal->released;
	for (uint32_t i = 0; i < journal->segment_count && !found; i++) {
		const struct segment *segment = journal->segments[i];

		found = segment->last >= journal->released || i + 1 == journal->segment_count;
		if (found)
			*ret_segment = *segment;
	}
	pthread_mutex_unlock(&journal->lock);
	return found && ret_segment->first < *ret_released;
}

static void front_count(struct journal *journal)
{
	struct journal_usage counted;
	struct segment segment;
	uint64_t released;

	if (!front_choose(journal, &segment, &released)) {
		front_close(journal);
		return;
	}
	if (front_open(journal, &segment))
		return; /* what it holds is counted until it goes */
	journal->front.limit = segment.written;
	journal->front.highest = segment.last;
	if (segment.last < released) {
		journal->front.next = segment.end;
		journal->front.number = segment.last;
		counted = (struct journal_usage){ .records = segment.records,
						  .rows = segment.rows,
						  .events = segment.events };
	} else {
		counted = front_walk(journal, released);
	}
	pthread_mutex_lock(&journal->lock);
	journal->front_usage = counted;
	pthread_mutex_unlock(&journal->lock);
}

void front_follow(struct journal *journal)
{
	struct segment *gone;

	while ((gone = released_take(journal))) {
		(void)segment_remove(journal, gone); /* at the next opening once more */
		free(gone);
	}
	front_count(journal);
}

int journal_release(struct journal *journal, uint64_t below)
{
	bool rises;
	int result = 0;

	pthread_mutex_lock(&journal->front_lock);
	pthread_mutex_lock(&journal->lock);
	if (below > journal->last + 1)
		below = journal->last + 1;
	rises = below > journal->released;
	if (rises)
		journal->released = below;
	if (journal->protected < journal->released)
		journal->protected = journal->released;
	pthread_mutex_unlock(&journal->lock);
	if (rises) {
		result = mark_put(journal);
		front_follow(journal);
	}
	pthread_mutex_unlock(&journal->front_lock);
	return result;
}

uint64_t journal_released(struct journal *journal)
{
	uint64_t released;

	pthread_mutex_lock(&journal->lock);
	released = journal->released;
	pthread_mutex_unlock(&journal->lock);
	return released;
}

bool journal_protect(struct journal *journal, uint64_t number)
{
	uint32_t at;
	bool there;

	pthread_mutex_lock(&journal->lock);
	at = segments_find(journal, number);
	there = at < journal->segment_count && journal->segments[at]->first <= number;
	if (number >= journal->protected)
		journal->protected = number + 1;
	pthread_mutex_unlock(&journal->lock);
	return there;
}

/* ---- dropping ---------------------------------------------------------------------------- */

/* The oldest that may be dropped; segment_count: none. Under lock. */
static uint32_t droppable_find(const struct journal *journal)
{
	uint32_t at = 0;

	while (at < journal->segment_count && (journal->segments[at]->first < journal->protected ||
					       !journal->segments[at]->records))
		at++;
	return at;
}

static struct segment *droppable_take(struct journal *journal, bool *ret_newest)
{
	struct segment *segment = NULL;
	uint32_t at;

	pthread_mutex_lock(&journal->lock);
	at = droppable_find(journal);
	*ret_newest = at + 1 == journal->segment_count;
	if (at < journal->segment_count && journal->segments[at] != journal->active)
		segment = segments_take(journal, at);
	pthread_mutex_unlock(&journal->lock);
	return segment;
}

static int drop_locked(struct journal *journal, struct journal_loss *ret_loss)
{
	bool newest = false;
	struct segment *segment = droppable_take(journal, &newest);
	int result = 0;

	if (!segment && newest) {
		result = write_seal(journal);
		if (result)
			return result;
		segment = droppable_take(journal, &newest); /* unless it was read meanwhile */
	}
	if (!segment)
		return -ENOENT;
	if (newest) /* what it knew of streams is needed, in one that comes behind it */
		result = write_roll(journal, 0);
	if (result) {
		pthread_mutex_lock(&journal->lock);
		segments_add(journal, segment);
		segments_sum(journal);
		pthread_mutex_unlock(&journal->lock);
		return result;
	}
	*ret_loss = (struct journal_loss){ .records = segment->records,
					   .rows = segment->rows,
					   .events = segment->events,
					   .bytes = segment->bytes };
	(void)segment_remove(journal, segment);
	free(segment);
	return 0;
}

int journal_drop_oldest(struct journal *journal, struct journal_loss *ret_loss)
{
	int result;

	pthread_mutex_lock(&journal->write_lock);
	result = drop_locked(journal, ret_loss);
	pthread_mutex_unlock(&journal->write_lock);
	return result;
}

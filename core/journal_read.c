// SPDX-License-Identifier: Apache-2.0
/* Records of a journal read on from a number, over whatever is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "journal_own.h"

struct journal_reading {
	struct journal *journal;
	struct journal_walk walk;
	struct segment segment; /* that it stands in, as it was last */
	bool inside;
	int file;
	uint64_t expected;           /* number of the record that comes next */
	struct journal_loss seen;    /* records of the segment whose head was whole */
	bool complete;               /* none was missing before the first that was wanted */
	uint64_t asked, at;          /* the number, and how far the search for it came */
	struct journal_loss skipped; /* on the way there */
	char origin[JOURNAL_ORIGIN_LIMIT + 1];
};

struct journal_reading *journal_reading_new(struct journal *journal)
{
	struct journal_reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return NULL;
	reading->journal = journal;
	reading->file = reading->walk.fd = -1;
	return reading;
}

static void reading_leave(struct journal_reading *reading)
{
	if (reading->file >= 0)
		close(reading->file);
	reading->file = -1;
	reading->inside = false;
}

void journal_reading_free(struct journal_reading *reading)
{
	if (!reading)
		return;
	reading_leave(reading);
	walk_release(&reading->walk);
	free(reading);
}

/* ---- the segment ------------------------------------------------------------------------- */

/* Chooses where that number or the next is, and keeps it from being dropped. -ENOENT: nowhere;
 * -EAGAIN: in the buffer. */
static int segment_choose(struct journal *journal, uint64_t number, struct segment *ret_segment)
{
	struct segment segment;
	int result = 0;
	uint32_t at;

	pthread_mutex_lock(&journal->lock);
	at = segments_find(journal, number);
	if (at == journal->segment_count) {
		result = -ENOENT;
	} else {
		segment = *journal->segments[at];
		if (journal->protected <= segment.first)
			journal->protected = segment.first + 1;
		if (segment.written < segment.end) { /* it is read up to there, and is more */
			result = number > journal->flushed ? -EAGAIN : 0;
			segment.last = journal->flushed;
			segment.records = 0;
		}
	}
	pthread_mutex_unlock(&journal->lock);
	if (!result)
		*ret_segment = segment;
	return result;
}

/* The same, with the record in the kernel's hands. */
static int segment_choose_written(struct journal *journal, uint64_t number,
				  struct segment *ret_segment)
{
	int result = segment_choose(journal, number, ret_segment);

	if (result != -EAGAIN)
		return result;
	result = journal_flush(journal);
	return result ? result : segment_choose(journal, number, ret_segment);
}

static int segment_enter(struct journal_reading *reading, const struct segment *segment)
{
	struct journal_place place = { .first = segment->first, .offset = segment->start };

	reading_leave(reading);
	reading->file = segment_open(reading->journal->directory, segment->first, O_RDONLY);
	if (reading->file < 0)
		return reading->file;
	(void)posix_fadvise(reading->file, 0, 0, POSIX_FADV_SEQUENTIAL);
	memcpy(place.id, reading->journal->head.id, sizeof(place.id));
	walk_begin(&reading->walk, reading->file, &place, segment->written);
	reading->inside = true;
	reading->expected = segment->first;
	reading->seen = (struct journal_loss){ 0 };
	reading->complete = true;
	return 0;
}

/* ---- what is damaged --------------------------------------------------------------------- */

/* Records between the one that was expected and the next that is there. */
static void missing_count(struct journal_reading *reading, uint64_t wanted, uint64_t next)
{
	uint64_t from = reading->expected > wanted ? reading->expected : wanted;

	if (next > from)
		reading->skipped.records += next - from;
	if (reading->expected < wanted && next > reading->expected)
		reading->complete = false;
}

/* A record whose head is whole and whose data are not. */
static void damaged_count(struct journal_reading *reading, const struct journal_record_head *head)
{
	const struct journal_walk *walk = &reading->walk;

	reading->skipped.records++;
	reading->skipped.rows += head->rows;
	reading->skipped.events += head->events;
	reading->skipped.bytes += minimum(walk->next, walk->limit) - walk->place.offset;
}

/* At the end of a segment it is known how many rows the records had that were not found. */
static void segment_leave(struct journal_reading *reading, uint64_t wanted)
{
	const struct segment *segment = &reading->segment;

	missing_count(reading, wanted, segment->last + 1);
	if (reading->complete && reading->seen.records < segment->records) {
		reading->skipped.rows += segment->rows - reading->seen.rows;
		reading->skipped.events += segment->events - reading->seen.events;
	}
	reading_leave(reading);
}

/* ---- reading ----------------------------------------------------------------------------- */

static void record_set(struct journal_reading *reading, const struct journal_record_head *head,
		       const char *origin, const void *data, struct journal_record *ret_record)
{
	memcpy(reading->origin, origin, head->origin_length);
	reading->origin[head->origin_length] = '\0';
	*ret_record =
		(struct journal_record){ .number = head->number,
					 .rows = head->rows,
					 .events = head->events,
					 .sequence = head->sequence,
					 .origin = head->origin_length ? reading->origin : NULL,
					 .data = data,
					 .length = head->length };
	memcpy(ret_record->stream, head->stream, sizeof(head->stream));
}

/* The next record of the segment from that number on. -ENOENT: it has none. */
static int segment_read(struct journal_reading *reading, uint64_t number,
			struct journal_record *ret_record)
{
	struct journal_record_head head;
	const char *origin;
	const void *data;
	int result;

	while (!(result = walk_next(&reading->walk, &head))) {
		if (head.number >= number)
			reading->skipped.bytes += reading->walk.skipped_bytes;
		missing_count(reading, number, head.number);
		reading->expected = head.number + 1;
		reading->seen.records++;
		reading->seen.rows += head.rows;
		reading->seen.events += head.events;
		if (head.number < number)
			continue;
		result = walk_data(&reading->walk, &head, &origin, &data);
		if (!result)
			record_set(reading, &head, origin, data, ret_record);
		if (result != -EBADMSG)
			return result;
		damaged_count(reading, &head);
	}
	return result;
}

/* The file is not there: it was released right now, or somebody removed it, and what it held is
 * lost. */
static void segment_miss(struct journal_reading *reading, const struct segment *segment)
{
	struct segment again;
	uint64_t from = reading->at > segment->first ? reading->at : segment->first;

	if (segment_choose(reading->journal, reading->at, &again) || again.first != segment->first)
		return;
	reading->skipped.records += segment->last + 1 - from;
	reading->skipped.bytes += segment->bytes;
	if (from == segment->first) {
		reading->skipped.rows += segment->rows;
		reading->skipped.events += segment->events;
	}
	reading->at = segment->last + 1;
}

/* Goes to where that number may be: on from here, or anew. */
static int reading_seek(struct journal_reading *reading)
{
	for (;;) {
		struct segment segment;
		int result = segment_choose_written(reading->journal, reading->at, &segment);

		if (result)
			return result;
		if (reading->inside && reading->segment.first != segment.first &&
		    reading->expected == reading->segment.last + 1)
			segment_leave(reading, reading->at);
		if (!reading->inside || reading->segment.first != segment.first ||
		    reading->at < reading->expected)
			result = segment_enter(reading, &segment);
		if (result == -ENOENT) {
			segment_miss(reading, &segment);
			continue;
		}
		reading->segment = segment;
		reading->walk.limit = segment.written;
		reading->walk.highest = segment.last;
		return result;
	}
}

int journal_read(struct journal_reading *reading, uint64_t number,
		 struct journal_record *ret_record, struct journal_loss *ret_skipped)
{
	int result;

	if (number != reading->asked || !number) {
		reading->skipped = (struct journal_loss){ 0 };
		reading->asked = reading->at = number ? number : 1;
	}
	while (!(result = reading_seek(reading))) {
		uint64_t wanted = reading->at;

		result = segment_read(reading, wanted, ret_record);
		if (result != -ENOENT)
			break;
		reading->at = reading->segment.last + 1;
		reading->skipped.bytes += reading->walk.skipped_bytes;
		segment_leave(reading, wanted);
	}
	if (result)
		return result;
	(void)journal_protect(reading->journal, ret_record->number);
	if (ret_skipped)
		*ret_skipped = reading->skipped;
	reading->asked = 0;
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Journals: records of bytes in segments on disk. Here what is appended and synced. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "journal_own.h"

/* ---- segments ---------------------------------------------------------------------------- */

uint32_t segments_find(const struct journal *journal, uint64_t number)
{
	uint32_t low = 0, high = journal->segment_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (journal->segments[middle]->last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int segments_reserve(struct journal *journal)
{
	uint32_t capacity = journal->segment_capacity ? journal->segment_capacity * 2 : 16;
	struct segment **segments;

	if (journal->segment_count < journal->segment_capacity)
		return 0;
	if (journal->segment_count >= JOURNAL_SEGMENTS_LIMIT)
		return -EDQUOT;
	segments = reallocarray(journal->segments, capacity, sizeof(struct segment *));
	if (!segments)
		return -ENOMEM;
	journal->segments = segments;
	journal->segment_capacity = capacity;
	return 0;
}

void segments_add(struct journal *journal, struct segment *segment)
{
	uint32_t at = journal->segment_count;

	journal->directory_dirty = true;
	while (at && journal->segments[at - 1]->first > segment->first)
		at--;
	if (at && journal->segments[at - 1]->first == segment->first) {
		free(journal->segments[at - 1]);
		journal->segments[at - 1] = segment;
		return;
	}
	assert(journal->segment_count < journal->segment_capacity);
	memmove(&journal->segments[at + 1], &journal->segments[at],
		(journal->segment_count - at) * sizeof(struct segment *));
	journal->segments[at] = segment;
	journal->segment_count++;
}

struct segment *segments_take(struct journal *journal, uint32_t at)
{
	struct segment *segment = journal->segments[at];

	journal->segment_count--;
	memmove(&journal->segments[at], &journal->segments[at + 1],
		(journal->segment_count - at) * sizeof(struct segment *));
	journal->directory_dirty = true;
	segments_sum(journal);
	return segment;
}

int segment_remove(struct journal *journal, const struct segment *segment)
{
	char name[JOURNAL_SEGMENT_NAME_BYTES];

	journal_segment_name(segment->first, name);
	return unlinkat(journal->directory, name, 0) && errno != ENOENT ? -errno : 0;
}

/* ---- room -------------------------------------------------------------------------------- */

/* What a segment has besides records. Under write_lock. */
static uint64_t segment_overhead(const struct journal *journal)
{
	return segment_start(journal->head.name, journal->positions.count) + JOURNAL_FOOT_BYTES;
}

static uint64_t segment_used(const struct segment *segment)
{
	return segment->has_foot ? segment->bytes : segment->end + JOURNAL_FOOT_BYTES;
}

void segments_sum(struct journal *journal)
{
	journal->sealed_bytes = JOURNAL_FILE_BYTES;
	for (uint32_t i = 0; i < journal->segment_count; i++) {
		if (journal->segments[i] != journal->active)
			journal->sealed_bytes += segment_used(journal->segments[i]);
	}
}

/* Bytes in use, if no more room were made ahead. Under lock, as is what follows. */
static uint64_t bytes_used(const struct journal *journal)
{
	return journal->sealed_bytes + (journal->active ? segment_used(journal->active) : 0);
}

/* That of segments which go as soon as another is begun. */
static uint64_t bytes_spare(const struct journal *journal)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < journal->segment_count; i++) {
		if (journal->segments[i]->last < journal->released)
			bytes += segment_used(journal->segments[i]);
	}
	return bytes;
}

static uint64_t bytes_reserved(size_t data_bytes)
{
	return journal_record_bytes(JOURNAL_ORIGIN_LIMIT, data_bytes);
}

/* 0; -EDQUOT; -EMSGSIZE: there will never be room. Under lock. */
static int room_check(const struct journal *journal, uint64_t record_bytes, bool begins_segment)
{
	uint64_t overhead = journal->overhead_bytes;
	uint64_t used = bytes_used(journal), needed = record_bytes + journal->reserved_bytes;

	if (JOURNAL_FILE_BYTES + overhead + record_bytes > journal->limit_bytes)
		return -EMSGSIZE;
	if (begins_segment) {
		used -= bytes_spare(journal);
		needed += overhead;
	}
	if (journal->reserved_bytes) /* these may need other segments */
		needed += overhead * (1 + journal->reserved_bytes / journal->segment_bytes);
	return used + needed > journal->limit_bytes ? -EDQUOT : 0;
}

static bool fits_active(const struct journal *journal, uint64_t record_bytes)
{
	const struct segment *active = journal->active;

	return active && !active->failed &&
	       active->end + record_bytes + JOURNAL_FOOT_BYTES <= active->bytes;
}

int journal_reserve(struct journal *journal, size_t data_bytes)
{
	uint64_t bytes = bytes_reserved(data_bytes);
	int result;

	if (data_bytes > JOURNAL_DATA_LIMIT)
		return -EMSGSIZE;
	pthread_mutex_lock(&journal->lock);
	result = room_check(journal, bytes, true);
	if (!result)
		journal->reserved_bytes += bytes;
	pthread_mutex_unlock(&journal->lock);
	return result;
}

void journal_unreserve(struct journal *journal, size_t data_bytes)
{
	pthread_mutex_lock(&journal->lock);
	journal->reserved_bytes -= minimum(journal->reserved_bytes, bytes_reserved(data_bytes));
	pthread_mutex_unlock(&journal->lock);
}

/* ---- the file that is written ------------------------------------------------------------ */

static size_t buffered(const struct journal *journal)
{
	return journal->active ? (size_t)(journal->active->end - journal->active->written) : 0;
}

static void written_set(struct journal *journal, uint64_t written)
{
	pthread_mutex_lock(&journal->lock);
	journal->active->written = written;
	journal->active->dirty = true;
	journal->flushed = journal->active->last;
	pthread_mutex_unlock(&journal->lock);
}

int write_flush(struct journal *journal)
{
	size_t length = buffered(journal);
	int result;

	if (!length)
		return 0;
	result = file_write_at(journal->active_file, journal->buffer, length,
			       journal->active->written);
	if (!result)
		written_set(journal, journal->active->end);
	return result;
}

int write_seal(struct journal *journal)
{
	struct segment *active = journal->active;
	struct segment sealed;
	int result;

	if (!active)
		return 0;
	result = write_flush(journal);
	if (result)
		return result;
	pthread_mutex_lock(&journal->lock);
	sealed = *active;
	pthread_mutex_unlock(&journal->lock);
	(void)segment_seal(journal->active_file, journal->head.id, &sealed);
	pthread_mutex_lock(&journal->lock);
	active->bytes = sealed.bytes;
	active->has_foot = sealed.has_foot;
	active->dirty = true;
	close(journal->active_file);
	journal->active_file = -1;
	journal->active = NULL;
	segments_sum(journal);
	pthread_mutex_unlock(&journal->lock);
	return 0;
}

/* Of the next segment: as much as is due, of what the limit leaves. Under write_lock. */
static uint64_t segment_room(struct journal *journal, uint64_t record_bytes)
{
	uint64_t room = journal->segment_bytes, snapshot = segment_overhead(journal);
	uint64_t used;

	if (room < 4 * snapshot) /* else snapshots would take the most of it */
		room = 4 * snapshot;
	pthread_mutex_lock(&journal->lock);
	used = bytes_used(journal) - bytes_spare(journal) + snapshot;
	pthread_mutex_unlock(&journal->lock);
	if (used + room > journal->limit_bytes)
		room = journal->limit_bytes > used ? journal->limit_bytes - used : 0;
	return room > record_bytes ? room : record_bytes;
}

/* The head of the segment that comes next. */
static void head_begin(struct journal *journal)
{
	struct journal_head *head = &journal->head;
	const struct segment *before = NULL;

	pthread_mutex_lock(&journal->lock);
	if (journal->segment_count)
		before = journal->segments[journal->segment_count - 1];
	head->first = journal->last + 1;
	head->made_ns = clock_wall_ns();
	head->before_first = before ? before->first : 0;
	head->before = (struct journal_tally){ 0 };
	if (before)
		head->before = (struct journal_tally){ before->last, before->records, before->rows,
						       before->events };
	pthread_mutex_unlock(&journal->lock);
}

int write_resume(struct journal *journal, struct segment *segment)
{
	int file = segment_open(journal->directory, segment->first, O_RDWR);
	uint64_t bytes = segment->start + journal->segment_bytes;

	if (file < 0)
		return file;
	/* What stands behind the last record, a foot or what is left of a record, goes; then there
	 * is as much room as the limit leaves. */
	if (ftruncate(file, (off_t)segment->end)) {
		close(file);
		return -errno;
	}
	pthread_mutex_lock(&journal->lock);
	segment->has_foot = false;
	segment->written = segment->end;
	journal->active = segment;
	journal->active_file = file;
	segments_sum(journal);
	if (bytes_used(journal) - segment_used(segment) + bytes > journal->limit_bytes ||
	    fallocate(file, 0, 0, (off_t)bytes))
		bytes = segment->end + JOURNAL_FOOT_BYTES;
	segment->bytes = bytes;
	pthread_mutex_unlock(&journal->lock);
	return 0;
}

int write_roll(struct journal *journal, uint64_t record_bytes)
{
	struct segment *segment;
	int file, result;

	/* What is in the buffer belongs to the segment before: it stays there until it is written.
	 */
	result = write_flush(journal);
	if (result)
		return result;
	write_seal(journal);
	segment = malloc(sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	head_begin(journal);
	result = segment_make(journal->directory, &journal->head, &journal->positions, record_bytes,
			      segment_room(journal, record_bytes), segment, &file);
	if (!result) {
		pthread_mutex_lock(&journal->lock);
		result = segments_reserve(journal);
		if (!result)
			segments_add(journal, segment);
		pthread_mutex_unlock(&journal->lock);
		if (result) {
			segment_remove(journal, segment);
			close(file);
		}
	}
	if (result) {
		free(segment);
		return result;
	}
	pthread_mutex_lock(&journal->lock);
	journal->active = segment;
	journal->active_file = file;
	segments_sum(journal);
	pthread_mutex_unlock(&journal->lock);
	pthread_mutex_lock(&journal->front_lock);
	(void)mark_put(journal); /* the file itself says so too */
	front_follow(journal);
	pthread_mutex_unlock(&journal->front_lock);
	return 0;
}

/* ---- appending --------------------------------------------------------------------------- */

/* Where a record that is being written stands. */
struct cursor {
	uint64_t written; /* up to there the kernel has it */
	size_t buffered;  /* bytes behind that, in the buffer */
};

/* The kernel gets pieces that end where a multiple of JOURNAL_BUFFER_BYTES lies in the file: whole
 * pages cost it half of what others do. What is longer goes there without being copied. */
static int bytes_put(struct journal *journal, struct cursor *cursor, const void *data,
		     size_t length)
{
	const unsigned char *from = data;

	while (length) {
		size_t room = JOURNAL_BUFFER_BYTES -
			      (cursor->written + cursor->buffered) % JOURNAL_BUFFER_BYTES;
		size_t bytes = room < length ? room : length;
		bool is_direct = !cursor->buffered && length >= room;
		int result = 0;

		if (is_direct) {
			bytes += (length - room) / JOURNAL_BUFFER_BYTES * JOURNAL_BUFFER_BYTES;
			result = file_write_at(journal->active_file, from, bytes, cursor->written);
			cursor->written += result ? 0 : bytes;
		} else {
			memcpy(journal->buffer + cursor->buffered, from, bytes);
			cursor->buffered += bytes;
		}
		if (!is_direct && bytes == room) {
			result = file_write_at(journal->active_file, journal->buffer,
					       cursor->buffered, cursor->written);
			cursor->written += result ? 0 : cursor->buffered;
			cursor->buffered = result ? cursor->buffered : 0;
		}
		if (result)
			return result;
		from += bytes;
		length -= bytes;
	}
	return 0;
}

/* Nothing of the record that could not be written stays: the rest of it would be taken for damage.
 */
static void record_undo(struct journal *journal, const struct cursor *cursor)
{
	struct segment *active = journal->active;

	pthread_mutex_lock(&journal->lock);
	if (cursor->written > active->written) { /* all that was before it has been written */
		active->written = active->end;
		journal->flushed = active->last;
	}
	if (ftruncate(journal->active_file, (off_t)active->written))
		active->failed = true; /* nothing more is added to it */
	active->dirty = true;
	pthread_mutex_unlock(&journal->lock);
}

static int write_record(struct journal *journal, struct journal_record *record,
			uint64_t record_bytes)
{
	static const char zeros[JOURNAL_ALIGNMENT];
	unsigned char head[JOURNAL_RECORD_HEAD_LIMIT];
	struct segment *active = journal->active;
	struct journal_place place = { .first = active->first, .offset = active->end };
	struct journal_record numbered = *record;
	struct cursor cursor = { active->written, buffered(journal) };
	size_t head_bytes;
	int result;

	memcpy(place.id, journal->head.id, sizeof(place.id));
	numbered.number = journal->last + 1;
	head_bytes = journal_record_head_write(&place, &numbered, head);
	result = bytes_put(journal, &cursor, head, head_bytes);
	if (!result)
		result = bytes_put(journal, &cursor, record->data, record->length);
	if (!result)
		result = bytes_put(journal, &cursor, zeros,
				   record_bytes - head_bytes - record->length);
	if (result) {
		record_undo(journal, &cursor);
		return result;
	}
	pthread_mutex_lock(&journal->lock);
	if (cursor.written > active->written)
		journal->flushed = cursor.buffered ? active->last : numbered.number;
	active->written = cursor.written;
	active->end += record_bytes;
	active->dirty = true;
	active->last = journal->last = numbered.number;
	active->records++;
	active->rows += record->rows;
	active->events += record->events;
	pthread_mutex_unlock(&journal->lock);
	record->number = numbered.number;
	return 0;
}

void write_positions(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal->stream_count = journal->positions.count;
	journal->overhead_bytes = segment_overhead(journal);
	pthread_mutex_unlock(&journal->lock);
}

static int append_locked(struct journal *journal, struct journal_record *record)
{
	uint64_t bytes =
		journal_record_bytes(record->origin ? strlen(record->origin) : 0, record->length);
	bool begins;
	int result;

	if (record->sequence) {
		if (positions_get(&journal->positions, record->stream) >= record->sequence)
			return -EEXIST;
		result = positions_reserve(&journal->positions);
		if (result)
			return result;
	}
	pthread_mutex_lock(&journal->lock);
	begins = !fits_active(journal, bytes);
	result = room_check(journal, bytes, begins);
	pthread_mutex_unlock(&journal->lock);
	if (!result && begins)
		result = write_roll(journal, bytes);
	if (!result)
		result = write_record(journal, record, bytes);
	if (!result && record->sequence) {
		positions_set(&journal->positions, record->stream, record->sequence);
		write_positions(journal);
	}
	return result;
}

int journal_append(struct journal *journal, struct journal_record *record)
{
	int result;

	if (record->length > JOURNAL_DATA_LIMIT)
		return -EMSGSIZE;
	if (record->origin && strlen(record->origin) > JOURNAL_ORIGIN_LIMIT)
		return -EINVAL;
	pthread_mutex_lock(&journal->write_lock);
	result = append_locked(journal, record);
	pthread_mutex_unlock(&journal->write_lock);
	return result;
}

int journal_flush(struct journal *journal)
{
	int result;

	pthread_mutex_lock(&journal->write_lock);
	result = write_flush(journal);
	pthread_mutex_unlock(&journal->write_lock);
	return result;
}

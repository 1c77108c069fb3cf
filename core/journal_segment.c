// SPDX-License-Identifier: Apache-2.0
/* One segment of a journal: how it is made, read as a whole and sealed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "journal_segment.h"

int segment_open(int directory, uint64_t first, int flags)
{
	char name[JOURNAL_SEGMENT_NAME_BYTES];
	int file;

	journal_segment_name(first, name);
	file = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	return file < 0 ? -errno : file;
}

int file_write_at(int file, const void *data, size_t length, uint64_t offset)
{
	const char *at = data;

	while (length) {
		ssize_t count = pwrite(file, at, length, (off_t)offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? -errno : -EIO;
		at += count;
		offset += (uint64_t)count;
		length -= (size_t)count;
	}
	return 0;
}

/* How many bytes were there, or -errno. */
static int64_t read_at(int file, void *data, size_t length, uint64_t offset)
{
	size_t got = 0;

	while (got < length) {
		ssize_t count =
			pread(file, (char *)data + got, length - got, (off_t)(offset + got));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			break;
		got += (size_t)count;
	}
	return (int64_t)got;
}

/* ---- looking ----------------------------------------------------------------------------- */

static int head_look(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment,
		     struct journal_head *ret_head)
{
	CLEANUP(text_free) char *bytes = malloc(JOURNAL_HEAD_LIMIT);
	int64_t length = bytes ? read_at(file, bytes, JOURNAL_HEAD_LIMIT, 0) : -ENOMEM;
	int result;

	if (length == -EIO) /* a place that the disk has lost is damaged, no more */
		return 0;
	if (length < 0)
		return (int)length;
	result = journal_head_read(JOURNAL_HEAD_OF_SEGMENT, bytes, (size_t)length, ret_head);
	if (result == -EPROTONOSUPPORT)
		return result;
	segment->has_head = !result && ret_head->first == segment->first &&
			    (!id || !memcmp(ret_head->id, id, JOURNAL_ID_BYTES));
	return 0;
}

void segment_tally(struct segment *segment, const struct journal_tally *tally)
{
	segment->records = tally->records;
	segment->rows = tally->rows;
	segment->events = tally->events;
	segment->last = tally->records ? tally->last : segment->first - 1;
}

/* Where it must lie if it was sealed: at the end of the file. */
static int foot_look(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment)
{
	unsigned char bytes[JOURNAL_FOOT_BYTES];
	struct journal_place place = { .first = segment->first };
	struct journal_foot foot;
	int64_t length;

	if (segment->bytes < JOURNAL_HEAD_BYTES + sizeof(bytes))
		return 0;
	place.offset = segment->bytes - sizeof(bytes);
	memcpy(place.id, id, sizeof(place.id));
	length = read_at(file, bytes, sizeof(bytes), place.offset);
	if (length == -EIO)
		return 0;
	if (length < 0)
		return (int)length;
	if ((size_t)length < sizeof(bytes) || !journal_foot_read(&place, bytes, &foot))
		return 0;
	segment->has_foot = true;
	segment->start = foot.start;
	segment->end = segment->written = foot.end;
	segment_tally(segment, &foot.tally);
	return 0;
}

int segment_look(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment,
		 struct journal_head *ret_head)
{
	struct stat status;
	int result;

	if (fstat(file, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EBADMSG;
	segment->bytes = (uint64_t)status.st_size;
	segment->last = segment->first - 1;
	segment->end = segment->written = segment->bytes;
	result = head_look(file, id, segment, ret_head);
	if (!result && segment->has_head)
		segment->start = ret_head->length +
				 (uint64_t)ret_head->stream_count * JOURNAL_STREAM_ENTRY_BYTES;
	if (!result && id)
		result = foot_look(file, id, segment);
	return result;
}

/* ---- reading as a whole ------------------------------------------------------------------ */

static void segment_count(struct segment *segment, const struct journal_record_head *head,
			  uint64_t end)
{
	segment->records++;
	segment->rows += head->rows;
	segment->events += head->events;
	segment->last = head->number;
	segment->end = end;
}

void loss_add(struct journal_loss *loss, const struct journal_loss *other)
{
	loss->records += other->records;
	loss->rows += other->rows;
	loss->events += other->events;
	loss->bytes += other->bytes;
}

/* A record whose head is whole and whose data are not. */
static void loss_count(struct journal_loss *loss, const struct journal_record_head *head,
		       const struct journal_walk *walk)
{
	const struct journal_loss one = {
		.records = 1,
		.rows = head->rows,
		.events = head->events,
		.bytes = (walk->next < walk->limit ? walk->next : walk->limit) - walk->place.offset
	};

	loss_add(loss, &one);
}

static int scan_record(struct journal_walk *walk, const struct journal_record_head *head,
		       struct segment *segment, struct journal_positions *positions,
		       struct segment_damage *damage, struct journal_loss *pending)
{
	const char *origin;
	const void *data;
	int result = walk_data(walk, head, &origin, &data);

	if (result == -EBADMSG) {
		loss_count(pending, head, walk);
		return 0;
	}
	if (result)
		return result;
	loss_add(&damage->damaged, pending);
	*pending = (struct journal_loss){ 0 };
	segment_count(segment, head, walk->next);
	if (!positions || !head->sequence)
		return 0;
	result = positions_reserve(positions);
	if (!result)
		positions_set(positions, head->stream, head->sequence);
	return result;
}

int segment_scan(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment,
		 uint64_t up_to, struct journal_positions *positions, struct segment_damage *damage)
{
	CLEANUP(walk_release) struct journal_walk walk = { .fd = -1 };
	struct journal_place place = { .first = segment->first, .offset = segment->start };
	struct journal_record_head head;
	struct journal_loss pending = { 0 }; /* behind the last record that is whole */
	uint64_t seen = segment->first - 1;  /* number of the last whose head was whole */
	int result;

	memcpy(place.id, id, sizeof(place.id));
	walk_begin(&walk, file, &place, segment->bytes);
	segment->records = segment->rows = segment->events = 0;
	segment->last = segment->first - 1;
	segment->end = segment->start;
	while (!(result = walk_next(&walk, &head)) && head.number <= up_to) {
		pending.bytes += walk.skipped_bytes;
		pending.records += head.number - seen - 1; /* which rise by one */
		seen = head.number;
		result = scan_record(&walk, &head, segment, positions, damage, &pending);
		if (result)
			return result;
	}
	if (result && result != -ENOENT)
		return result;
	if (result)
		pending.bytes += walk.skipped_bytes;
	if (result && walk.has_foot && walk.foot.tally.last > seen)
		pending.records += walk.foot.tally.last - seen;
	loss_add(segment->has_foot || walk.has_foot ? &damage->damaged : &damage->torn, &pending);
	segment->written = segment->end;
	return 0;
}

int segment_positions(int file, const struct journal_head *head,
		      struct journal_positions *positions)
{
	size_t length = (size_t)head->stream_count * JOURNAL_STREAM_ENTRY_BYTES;
	CLEANUP(text_free) char *bytes = malloc(length ? length : 1);
	int64_t got = bytes ? read_at(file, bytes, length, head->length) : -ENOMEM;

	if (got < 0 && got != -EIO)
		return (int)got;
	if (got < (int64_t)length || journal_checksum(0, bytes, length) != head->streams_check)
		return -EBADMSG;
	return positions_read(positions, bytes, head->stream_count);
}

/* ---- making and sealing ------------------------------------------------------------------ */

uint64_t segment_start(const char *name, uint32_t stream_count)
{
	return JOURNAL_HEAD_BYTES + journal_aligned(strlen(name)) +
	       (uint64_t)stream_count * JOURNAL_STREAM_ENTRY_BYTES;
}

/* A disk without room for all may have it for the record that is at hand. A file system that knows
 * no such thing tells at writing. */
static int room_make(int file, uint64_t least, uint64_t *bytes)
{
	for (;;) {
		if (!fallocate(file, 0, 0, (off_t)*bytes))
			return 0;
		if (errno == EINTR)
			continue;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return 0;
		if (errno != ENOSPC && errno != EDQUOT)
			return -errno;
		if (*bytes <= least)
			return -ENOSPC;
		*bytes = *bytes / 2 > least ? *bytes / 2 : least;
	}
}

static int head_put(int file, struct journal_head *head, const struct journal_positions *positions)
{
	size_t length = (size_t)positions->count * JOURNAL_STREAM_ENTRY_BYTES;
	CLEANUP(text_free)
	char *bytes = malloc(JOURNAL_HEAD_BYTES + JOURNAL_NAME_LIMIT + 1 + length);
	CLEANUP(text_free) char *streams = malloc(length ? length : 1);

	if (!bytes || !streams)
		return -ENOMEM;
	positions_write(positions, streams);
	head->stream_count = positions->count;
	head->streams_check = journal_checksum(0, streams, length);
	journal_head_write(JOURNAL_HEAD_OF_SEGMENT, head, bytes);
	memcpy(bytes + head->length, streams, length);
	return file_write_at(file, bytes, head->length + length, 0);
}

int segment_make(int directory, struct journal_head *head,
		 const struct journal_positions *positions, uint64_t least, uint64_t bytes,
		 struct segment *ret_segment, int *ret_file)
{
	char name[JOURNAL_SEGMENT_NAME_BYTES];
	uint64_t start = segment_start(head->name, positions->count);
	int file = openat(directory, JOURNAL_SEGMENT_NEW,
			  O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	int result;

	if (file < 0)
		return -errno;
	least += start + JOURNAL_FOOT_BYTES;
	bytes += start + JOURNAL_FOOT_BYTES;
	result = room_make(file, least, &bytes);
	if (!result)
		result = head_put(file, head, positions);
	journal_segment_name(head->first, name);
	if (!result && renameat(directory, JOURNAL_SEGMENT_NEW, directory, name))
		result = -errno;
	if (result) {
		unlinkat(directory, JOURNAL_SEGMENT_NEW, 0);
		close(file);
		return result;
	}
	*ret_segment = (struct segment){ .first = head->first,
					 .last = head->first - 1,
					 .start = start,
					 .end = start,
					 .written = start,
					 .bytes = bytes,
					 .dirty = true,
					 .has_head = true };
	*ret_file = file;
	return 0;
}

int segment_seal(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment)
{
	struct journal_place place = { .first = segment->first, .offset = segment->end };
	struct journal_foot foot = { .start = segment->start,
				     .end = segment->end,
				     .tally = { segment->last, segment->records, segment->rows,
						segment->events } };
	unsigned char bytes[JOURNAL_FOOT_BYTES];
	int result;

	memcpy(place.id, id, sizeof(place.id));
	journal_foot_write(&place, &foot, bytes);
	result = file_write_at(file, bytes, sizeof(bytes), segment->end);
	if (!result && ftruncate(file, (off_t)(segment->end + sizeof(bytes))))
		result = -errno;
	if (result)
		return result;
	segment->has_foot = true;
	segment->bytes = segment->end + sizeof(bytes);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Goes through the records of a segment from one to the next, over whatever is damaged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal_walk.h"

enum {
	CHUNK_BYTES = 256 << 10, /* read at once: what then still lies in the cache of the CPU */
	BLOCK_BYTES = 4096,      /* of a disk that fails: what is given up at once */
	KEPT_BYTES = 1 << 20,    /* more is given back when another segment is begun */
};

void walk_release(struct journal_walk *walk)
{
	free(walk->buffer);
	*walk = (struct journal_walk){ .fd = -1 };
}

void walk_begin(struct journal_walk *walk, int fd, const struct journal_place *start,
		uint64_t limit)
{
	if (walk->capacity > KEPT_BYTES)
		walk_release(walk);
	walk->fd = fd;
	walk->place = *start;
	walk->next = start->offset;
	walk->limit = limit;
	walk->number = 0;
	walk->highest = JOURNAL_NUMBER_LIMIT;
	walk->skipped_bytes = 0;
	walk->has_foot = false;
	walk->length = 0;
	walk->base = 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int buffer_grow(struct journal_walk *walk, size_t bytes)
{
	size_t capacity = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	unsigned char *larger;

	if (capacity <= walk->capacity)
		return 0;
	larger = realloc(walk->buffer, capacity);
	if (!larger)
		return -ENOMEM;
	walk->buffer = larger;
	walk->capacity = capacity;
	return 0;
}

/* What is in the buffer begins at offset. */
static void buffer_move(struct journal_walk *walk, uint64_t offset)
{
	size_t passed = walk->length;

	if (offset >= walk->base && offset - walk->base < walk->length)
		passed = (size_t)(offset - walk->base);
	walk->length -= passed;
	if (walk->length)
		memmove(walk->buffer, walk->buffer + passed, walk->length);
	walk->base = offset;
}

/* What the disk has lost of a file is read as bytes that no record consists of. */
static ssize_t block_read(int fd, unsigned char *buffer, size_t length, uint64_t offset)
{
	size_t left = BLOCK_BYTES - offset % BLOCK_BYTES;
	ssize_t count = pread(fd, buffer, length, (off_t)offset);

	if (count >= 0 || errno != EIO)
		return count;
	if (length > left) {
		length = left;
		count = pread(fd, buffer, length, (off_t)offset);
		if (count >= 0 || errno != EIO)
			return count;
	}
	memset(buffer, 0xff, length);
	return (ssize_t)length;
}

/* Reads on until `bytes` are there, and as much more as there is room for. */
static int buffer_fill(struct journal_walk *walk, size_t bytes)
{
	while (walk->length < bytes && walk->base + walk->length < walk->limit) {
		uint64_t left = walk->limit - walk->base - walk->length;
		size_t room = walk->capacity - walk->length;
		ssize_t count =
			block_read(walk->fd, walk->buffer + walk->length,
				   room < left ? room : (size_t)left, walk->base + walk->length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count) /* somebody made the file shorter */
			walk->limit = walk->base + walk->length;
		walk->length += (size_t)count;
	}
	return 0;
}

/* How many bytes from the offset on are there: `bytes`, or fewer at the limit; or -errno. */
static int64_t walk_fill(struct journal_walk *walk, uint64_t offset, size_t bytes,
			 unsigned char **ret_at)
{
	bool there = offset >= walk->base && offset + bytes <= walk->base + walk->length;

	if (!there) {
		int result;

		buffer_move(walk, offset);
		result = buffer_grow(walk, bytes);
		if (!result)
			result = buffer_fill(walk, bytes);
		if (result)
			return result;
	}
	*ret_at = walk->buffer + (offset - walk->base);
	if (offset + bytes <= walk->base + walk->length)
		return (int64_t)bytes;
	return (int64_t)(walk->base + walk->length - offset);
}

/* ---- finding ----------------------------------------------------------------------------- */

static bool is_record(struct journal_walk *walk, const unsigned char *at, int64_t there,
		      struct journal_record_head *ret_head)
{
	return journal_record_head_read(&walk->place, at, (size_t)there, ret_head) &&
	       ret_head->number > walk->number && ret_head->number <= walk->highest;
}

static bool is_foot(struct journal_walk *walk, const unsigned char *at, int64_t there)
{
	return there >= JOURNAL_FOOT_BYTES && journal_foot_read(&walk->place, at, &walk->foot);
}

/* Passes over what no record begins with, to where one may, or to the end of what is there.
 * Returns how far; *damaged_to is where the last byte that is not zero ends. */
static size_t pass_over(const unsigned char *at, size_t there, uint64_t offset,
			uint64_t *damaged_to)
{
	static const unsigned char zeros[JOURNAL_ALIGNMENT];
	size_t passed = 0;

	if (there > JOURNAL_ALIGNMENT) /* what reading cut off comes again */
		there -= there % JOURNAL_ALIGNMENT;
	do {
		size_t step =
			there - passed < JOURNAL_ALIGNMENT ? there - passed : JOURNAL_ALIGNMENT;

		if (memcmp(at + passed, zeros, step) != 0)
			*damaged_to = offset + passed + step;
		passed += step;
	} while (passed + JOURNAL_ALIGNMENT <= there && !journal_begins(at + passed));
	return passed;
}

int walk_next(struct journal_walk *walk, struct journal_record_head *ret_head)
{
	uint64_t begin = walk->next, damaged_to = begin;

	walk->place.offset = begin;
	walk->has_foot = false;
	while (walk->place.offset < walk->limit) {
		unsigned char *at;
		int64_t there = walk_fill(walk, walk->place.offset, JOURNAL_RECORD_HEAD_LIMIT, &at);
		struct journal_record_head head;

		if (there < 0)
			return (int)there;
		if (is_record(walk, at, there, &head)) {
			walk->skipped_bytes = walk->place.offset - begin;
			walk->next = walk->place.offset +
				     journal_record_bytes(head.origin_length, head.length);
			walk->number = head.number;
			*ret_head = head;
			return 0;
		}
		walk->has_foot = is_foot(walk, at, there);
		if (walk->has_foot)
			break;
		there = (int64_t)(walk->base + walk->length - walk->place.offset);
		if (!there)
			break;
		walk->place.offset += pass_over(at, (size_t)there, walk->place.offset, &damaged_to);
	}
	walk->skipped_bytes = walk->has_foot ? walk->place.offset - begin : damaged_to - begin;
	walk->next = begin; /* what follows may be there later */
	return -ENOENT;
}

int walk_data(struct journal_walk *walk, const struct journal_record_head *head,
	      const char **ret_origin, const void **ret_data)
{
	size_t bytes = (size_t)(walk->next - walk->place.offset);
	unsigned char *at, *data;
	int64_t there;

	if (walk->next > walk->limit)
		return -EBADMSG;
	there = walk_fill(walk, walk->place.offset, bytes, &at);
	if (there < 0)
		return (int)there;
	data = at + JOURNAL_RECORD_HEAD_BYTES + journal_aligned(head->origin_length);
	if ((size_t)there < bytes || journal_checksum(0, data, head->length) != head->data_check)
		return -EBADMSG;
	*ret_origin = (const char *)at + JOURNAL_RECORD_HEAD_BYTES;
	*ret_data = data;
	return 0;
}

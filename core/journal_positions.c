// SPDX-License-Identifier: Apache-2.0
/* How far each stream was taken: what tells a record that is sent again. */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "journal_positions.h"

enum { FIRST_CAPACITY = 64 };

struct journal_position {
	unsigned char stream[JOURNAL_STREAM_BYTES];
	uint64_t sequence;
	uint32_t older, newer; /* entry + 1, in the order of hearing */
	uint32_t next;         /* entry + 1, in its bucket */
};

void positions_init(struct journal_positions *positions, uint32_t limit)
{
	*positions = (struct journal_positions){ .limit = limit };
	if (getrandom(&positions->seed, sizeof(positions->seed), 0) < 0)
		positions->seed = (uintptr_t)positions;
}

void positions_release(struct journal_positions *positions)
{
	uint32_t limit = positions->limit;

	free(positions->entries);
	free(positions->buckets);
	positions_init(positions, limit);
}

void positions_clear(struct journal_positions *positions)
{
	positions->count = 0;
	positions->oldest = positions->newest = 0;
	if (positions->buckets)
		memset(positions->buckets, 0, positions->bucket_count * sizeof(uint32_t));
}

/* ---- finding ----------------------------------------------------------------------------- */

/* Streams are drawn at random by those who mean well; others do not know the seed. */
static uint32_t *bucket_of(const struct journal_positions *positions, const unsigned char *stream)
{
	uint64_t low, high;

	memcpy(&low, stream, sizeof(low));
	memcpy(&high, stream + sizeof(low), sizeof(high));
	low = (low ^ positions->seed) * UINT64_C(0x9e3779b97f4a7c15);
	low = ((low ^ low >> 32) ^ high) * UINT64_C(0xd6e8feb86659fd93);
	return &positions->buckets[(low >> 32) & (positions->bucket_count - 1)];
}

static struct journal_position *position_find(const struct journal_positions *positions,
					      const unsigned char *stream)
{
	uint32_t at = positions->count ? *bucket_of(positions, stream) : 0;

	while (at && memcmp(positions->entries[at - 1].stream, stream, JOURNAL_STREAM_BYTES) != 0)
		at = positions->entries[at - 1].next;
	return at ? &positions->entries[at - 1] : NULL;
}

uint64_t positions_get(const struct journal_positions *positions,
		       const unsigned char stream[JOURNAL_STREAM_BYTES])
{
	const struct journal_position *position = position_find(positions, stream);

	return position ? position->sequence : 0;
}

/* ---- the order of hearing ---------------------------------------------------------------- */

static uint32_t *newer_of(struct journal_positions *positions, uint32_t at)
{
	return at ? &positions->entries[at - 1].newer : &positions->oldest;
}

static uint32_t *older_of(struct journal_positions *positions, uint32_t at)
{
	return at ? &positions->entries[at - 1].older : &positions->newest;
}

static void position_unchain(struct journal_positions *positions, struct journal_position *position)
{
	*newer_of(positions, position->older) = position->newer;
	*older_of(positions, position->newer) = position->older;
}

static void position_chain(struct journal_positions *positions, struct journal_position *position)
{
	uint32_t at = (uint32_t)(position - positions->entries) + 1;

	position->older = positions->newest;
	position->newer = 0;
	*newer_of(positions, positions->newest) = at;
	positions->newest = at;
}

/* ---- adding ------------------------------------------------------------------------------ */

static void position_enter(struct journal_positions *positions, struct journal_position *position)
{
	uint32_t *bucket = bucket_of(positions, position->stream);

	position->next = *bucket;
	*bucket = (uint32_t)(position - positions->entries) + 1;
}

static void position_leave(struct journal_positions *positions, struct journal_position *position)
{
	uint32_t at = (uint32_t)(position - positions->entries) + 1;
	uint32_t *link = bucket_of(positions, position->stream);

	while (*link != at)
		link = &positions->entries[*link - 1].next;
	*link = position->next;
}

/* Places stay, so the chains hold; buckets are made anew. */
static int positions_grow(struct journal_positions *positions)
{
	uint32_t capacity = positions->capacity ? positions->capacity * 2 : FIRST_CAPACITY;
	struct journal_position *entries;
	uint32_t *buckets;

	if (capacity > positions->limit)
		capacity = positions->limit;
	buckets = calloc((size_t)capacity * 2, sizeof(*buckets));
	entries = buckets ? realloc(positions->entries, capacity * sizeof(*entries)) : NULL;
	if (!entries) {
		free(buckets);
		return -ENOMEM;
	}
	free(positions->buckets);
	positions->entries = entries;
	positions->buckets = buckets;
	positions->capacity = capacity;
	for (positions->bucket_count = 1; positions->bucket_count * 2 <= capacity * 2;)
		positions->bucket_count *= 2;
	for (uint32_t i = 0; i < positions->count; i++)
		position_enter(positions, &entries[i]);
	return 0;
}

int positions_reserve(struct journal_positions *positions)
{
	if (positions->count < positions->capacity || positions->count == positions->limit)
		return 0;
	return positions_grow(positions);
}

static struct journal_position *position_add(struct journal_positions *positions,
					     const unsigned char *stream)
{
	struct journal_position *position;

	if (positions->count < positions->limit) {
		assert(positions->count < positions->capacity);
		position = &positions->entries[positions->count++];
	} else {
		position = &positions->entries[positions->oldest - 1];
		position_unchain(positions, position);
		position_leave(positions, position);
	}
	memcpy(position->stream, stream, JOURNAL_STREAM_BYTES);
	position->sequence = 0;
	position_enter(positions, position);
	return position;
}

void positions_set(struct journal_positions *positions,
		   const unsigned char stream[JOURNAL_STREAM_BYTES], uint64_t sequence)
{
	struct journal_position *position = position_find(positions, stream);

	if (position)
		position_unchain(positions, position);
	else
		position = position_add(positions, stream);
	if (sequence > position->sequence)
		position->sequence = sequence;
	position_chain(positions, position);
}

/* ---- snapshots --------------------------------------------------------------------------- */

void positions_write(const struct journal_positions *positions, void *bytes)
{
	unsigned char *to = bytes;

	for (uint32_t at = positions->oldest; at; at = positions->entries[at - 1].newer) {
		const struct journal_position *position = &positions->entries[at - 1];
		uint64_t sequence = htole64(position->sequence);

		memcpy(to, position->stream, JOURNAL_STREAM_BYTES);
		memcpy(to + JOURNAL_STREAM_BYTES, &sequence, sizeof(sequence));
		to += JOURNAL_STREAM_ENTRY_BYTES;
	}
}

int positions_read(struct journal_positions *positions, const void *bytes, uint32_t count)
{
	const unsigned char *from = bytes;

	positions_clear(positions);
	for (uint32_t i = 0; i < count; i++, from += JOURNAL_STREAM_ENTRY_BYTES) {
		uint64_t sequence;

		if (positions_reserve(positions)) {
			positions_clear(positions);
			return -ENOMEM;
		}
		memcpy(&sequence, from + JOURNAL_STREAM_BYTES, sizeof(sequence));
		positions_set(positions, from, le64toh(sequence));
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* What was taken of each stream: a hash table of streams, in the order of their last use, each with
 * a number up to which all is taken and a short list of what lies ahead of it. */
#include "streams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum entry_state { ENTRY_OPEN, ENTRY_TAKEN, ENTRY_AGAIN };

struct streams {
	struct stream **slots;
	uint32_t slot_mask;
	uint32_t count, limit;
	struct stream *newest, *oldest;
};

struct streams *streams_create(uint32_t limit)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	uint32_t slots = 64;

	if (!streams)
		return NULL;
	while (slots < limit && slots < 1u << 20)
		slots *= 2;
	streams->slots = calloc(slots, sizeof(struct stream *));
	streams->slot_mask = slots - 1;
	streams->limit = limit;
	if (!streams->slots) {
		free(streams);
		return NULL;
	}
	return streams;
}

static void stream_free(struct stream *stream)
{
	free(stream->entries);
	free(stream);
}

void streams_release(struct streams *streams)
{
	if (!streams)
		return;
	while (streams->newest) {
		struct stream *older = streams->newest->older;

		stream_free(streams->newest);
		streams->newest = older;
	}
	free(streams->slots);
	free(streams);
}

uint32_t streams_count(const struct streams *streams)
{
	return streams->count;
}

/* ---- finding and forgetting -------------------------------------------------------------- */

/* Streams are drawn at random, or are hashes: their bytes are as good as any mix of them. */
static struct stream **slot_of(const struct streams *streams,
			       const unsigned char id[STREAM_ID_BYTES])
{
	uint64_t halves[2];

	memcpy(halves, id, sizeof(halves));
	return &streams->slots[(halves[0] ^ halves[1] * 0x9e3779b97f4a7c15u) & streams->slot_mask];
}

struct stream *streams_find(const struct streams *streams, const unsigned char id[STREAM_ID_BYTES])
{
	struct stream *stream = *slot_of(streams, id);

	while (stream && memcmp(stream->id, id, STREAM_ID_BYTES))
		stream = stream->hash_next;
	return stream;
}

static void list_leave(struct streams *streams, struct stream *stream)
{
	*(stream->newer ? &stream->newer->older : &streams->newest) = stream->older;
	*(stream->older ? &stream->older->newer : &streams->oldest) = stream->newer;
}

static void list_enter(struct streams *streams, struct stream *stream)
{
	stream->newer = NULL;
	stream->older = streams->newest;
	*(stream->older ? &stream->older->newer : &streams->oldest) = stream;
	streams->newest = stream;
}

static void forget(struct streams *streams, struct stream *stream)
{
	struct stream **link = slot_of(streams, stream->id);

	while (*link != stream)
		link = &(*link)->hash_next;
	*link = stream->hash_next;
	list_leave(streams, stream);
	streams->count--;
	stream_free(stream);
}

/* Makes room for one more, if any may go; open ones are bounded by those who send them. */
static void forget_oldest(struct streams *streams)
{
	for (struct stream *at = streams->oldest; at; at = at->newer) {
		if (!at->open_count && !at->is_due) {
			forget(streams, at);
			return;
		}
	}
}

struct stream *streams_get(struct streams *streams, const unsigned char id[STREAM_ID_BYTES])
{
	struct stream *stream = streams_find(streams, id), **slot;

	if (stream) {
		list_leave(streams, stream);
		list_enter(streams, stream);
		return stream;
	}
	if (streams->count >= streams->limit)
		forget_oldest(streams);
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	memcpy(stream->id, id, STREAM_ID_BYTES);
	slot = slot_of(streams, id);
	stream->hash_next = *slot;
	*slot = stream;
	list_enter(streams, stream);
	streams->count++;
	return stream;
}

/* ---- frames of a stream ------------------------------------------------------------------ */

/* Where a sequence is, or would be. */
static uint32_t entry_place(const struct stream *stream, uint64_t sequence)
{
	uint32_t at = stream->entry_count;

	while (at && stream->entries[at - 1].sequence >= sequence)
		at--;
	return at;
}

static struct stream_entry *entry_find(const struct stream *stream, uint64_t sequence)
{
	uint32_t at = entry_place(stream, sequence);

	return at < stream->entry_count && stream->entries[at].sequence == sequence
		       ? &stream->entries[at]
		       : NULL;
}

static void entries_drop(struct stream *stream, uint32_t count)
{
	if (!count)
		return;
	stream->entry_count -= count;
	memmove(stream->entries, stream->entries + count,
		stream->entry_count * sizeof(*stream->entries));
}

/* Moves on over what is taken, and over what the sender will not send again. */
static bool stream_advance(struct stream *stream, uint64_t floor)
{
	uint64_t before = stream->taken;
	uint32_t count = 0;

	while (count < stream->entry_count) {
		const struct stream_entry *entry = &stream->entries[count];

		if (entry->state == ENTRY_OPEN ||
		    (entry->state == ENTRY_AGAIN && entry->sequence >= floor))
			break;
		stream->taken = entry->sequence;
		count++;
	}
	entries_drop(stream, count);
	return stream->taken > before;
}

enum stream_verdict stream_look(struct stream *stream, uint64_t sequence, uint64_t floor)
{
	const struct stream_entry *entry;

	(void)stream_advance(stream, floor < sequence ? floor : sequence);
	if (sequence <= stream->taken)
		return STREAM_TAKEN;
	entry = entry_find(stream, sequence);
	if (!entry || entry->state == ENTRY_AGAIN)
		return STREAM_NEW;
	return entry->state == ENTRY_OPEN ? STREAM_UNDER_WAY : STREAM_TAKEN;
}

static int entries_reserve(struct stream *stream)
{
	uint32_t capacity = stream->entry_capacity ? stream->entry_capacity * 2 : 8;
	struct stream_entry *entries;

	if (stream->entry_count < stream->entry_capacity)
		return 0;
	if (stream->entry_count >= STREAM_AHEAD_LIMIT)
		return -ENOSPC;
	entries = reallocarray(stream->entries, capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	stream->entries = entries;
	stream->entry_capacity = capacity;
	return 0;
}

int stream_begin(struct stream *stream, uint64_t sequence, uint32_t owner)
{
	struct stream_entry *entry = entry_find(stream, sequence);
	uint32_t at;
	int result;

	assert(sequence > stream->taken && (!entry || entry->state == ENTRY_AGAIN));
	if (!entry) {
		result = entries_reserve(stream);
		if (result)
			return result;
		at = entry_place(stream, sequence);
		entry = &stream->entries[at];
		memmove(entry + 1, entry, (stream->entry_count - at) * sizeof(*entry));
		stream->entry_count++;
	}
	*entry = (struct stream_entry){ .sequence = sequence, .state = ENTRY_OPEN, .owner = owner };
	stream->open_count++;
	return 0;
}

bool stream_end(struct stream *stream, uint64_t sequence, bool again)
{
	struct stream_entry *entry = entry_find(stream, sequence);

	assert(entry && entry->state == ENTRY_OPEN);
	entry->state = again ? ENTRY_AGAIN : ENTRY_TAKEN;
	stream->open_count--;
	return stream_advance(stream, 0);
}

void streams_forsake(struct streams *streams, uint32_t owner)
{
	for (struct stream *at = streams->newest; at; at = at->older) {
		for (uint32_t i = 0; i < at->entry_count && at->open_count; i++) {
			struct stream_entry *entry = &at->entries[i];

			if (entry->state != ENTRY_OPEN || entry->owner != owner)
				continue;
			entry->state = ENTRY_AGAIN;
			at->open_count--;
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How far each stream was taken: what tells a record that is sent again. Bounded: of more streams
 * than are kept, the one that was not heard of for longest goes. */
#ifndef SONDE_JOURNAL_POSITIONS_H
#define SONDE_JOURNAL_POSITIONS_H

#include "journal_format.h"

struct journal_position;

struct journal_positions {
	struct journal_position *entries;
	uint32_t *buckets; /* entry + 1; 0: none */
	uint64_t seed;     /* of the buckets */
	uint32_t count, capacity, bucket_count, limit;
	uint32_t oldest, newest; /* entry + 1, of the chain in the order of hearing */
};

/* limit: of streams, at most JOURNAL_STREAMS_LIMIT. */
void positions_init(struct journal_positions *positions, uint32_t limit);
void positions_release(struct journal_positions *positions);
void positions_clear(struct journal_positions *positions);

/* Makes room for one stream more, so that positions_set() cannot fail. -ENOMEM. */
int positions_reserve(struct journal_positions *positions);

/* 0: the stream is not known. */
uint64_t positions_get(const struct journal_positions *positions,
		       const unsigned char stream[JOURNAL_STREAM_BYTES]);

/* The stream was heard of now, and is where it was or at `sequence`, what is more. */
void positions_set(struct journal_positions *positions,
		   const unsigned char stream[JOURNAL_STREAM_BYTES], uint64_t sequence);

/* All of them, the longest unheard of first: positions->count times JOURNAL_STREAM_ENTRY_BYTES. */
void positions_write(const struct journal_positions *positions, void *bytes);

/* In the place of what was known. -ENOMEM: nothing is known then. */
int positions_read(struct journal_positions *positions, const void *bytes, uint32_t count);

#endif

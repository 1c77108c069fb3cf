/* SPDX-License-Identifier: Apache-2.0 */
/* What a region has taken of each stream: how it knows a frame that is sent again. Bounded: of many
 * streams those that were used least of late are forgotten.
 *
 * In a stream sequences rise, with gaps; frames may be settled in any order. All functions are
 * called under the owner's lock. */
#ifndef SONDE_HOP_STREAMS_H
#define SONDE_HOP_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STREAM_ID_BYTES = 16,
	STREAM_AHEAD_LIMIT = 4096, /* frames of a stream behind the first that is not settled */
};

struct streams;

/* A frame that is behind the first unsettled one, or is it. */
struct stream_entry {
	uint64_t sequence;
	uint32_t state; /* private */
	uint32_t owner; /* who takes it, see streams_begin() */
};

struct stream {
	unsigned char id[STREAM_ID_BYTES];
	uint64_t taken; /* all up to this were taken, or given up by the sender; 0: none */

	/* of the owner */
	uint64_t user;         /* whom acknowledgements go to */
	uint32_t user_replica; /* where that is */
	bool is_due;           /* in a list of acknowledgements to be sent */
	struct stream *due_next;

	/* private */
	struct stream_entry *entries; /* rising */
	uint32_t entry_count, entry_capacity, open_count;
	struct stream *hash_next, *newer, *older;
};

/* At most so many streams. NULL: no memory. */
struct streams *streams_create(uint32_t limit);
void streams_release(struct streams *streams); /* NULL is fine */

/* The stream, made if there is none. NULL: no memory. It stays as long as a frame of it is open, or
 * `is_due`; else until the next call. */
struct stream *streams_get(struct streams *streams, const unsigned char id[STREAM_ID_BYTES]);

/* The same, never made. */
struct stream *streams_find(const struct streams *streams, const unsigned char id[STREAM_ID_BYTES]);

uint32_t streams_count(const struct streams *streams);

enum stream_verdict {
	STREAM_NEW,       /* to be taken */
	STREAM_TAKEN,     /* it was taken: to be acknowledged again, once all before it are */
	STREAM_UNDER_WAY, /* it was taken and is not settled */
};

/* What is to be done with a frame. `floor`: the sender has nothing any more of what is below it. */
enum stream_verdict stream_look(struct stream *stream, uint64_t sequence, uint64_t floor);

/* Takes a new one, to be settled by stream_end(). `owner` is a number for stream_forsake().
 * -ENOMEM; -ENOSPC: too many are not settled. */
int stream_begin(struct stream *stream, uint64_t sequence, uint32_t owner);

/* It is settled: taken, or to be sent again. True: `taken` has grown. */
bool stream_end(struct stream *stream, uint64_t sequence, bool again);

/* What this owner has not settled nobody will: it is taken again when it is sent again. */
void streams_forsake(struct streams *streams, uint32_t owner);

#endif

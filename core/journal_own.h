/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a journal share. */
#ifndef SONDE_JOURNAL_OWN_H
#define SONDE_JOURNAL_OWN_H

#include <limits.h>
#include <pthread.h>

#include "journal_segment.h"

enum { JOURNAL_BUFFER_BYTES = 256 << 10 };

/* Locks are taken in the order in which they stand here. */
struct journal {
	char path[PATH_MAX];
	int directory;
	int head_file; /* locked as long as the journal is open */
	struct journal_head head;
	uint64_t limit_bytes;
	size_t segment_bytes;
	struct journal_recovery recovery;

	pthread_mutex_t sync_lock; /* one sync at a time */

	pthread_mutex_t write_lock; /* what is appended, and the file that it goes to */
	/* NULL: the next record begins a segment. It changes under lock as well. */
	struct segment *active;
	int active_file;
	unsigned char *buffer; /* its bytes from written to end */
	struct journal_positions positions;

	pthread_mutex_t front_lock; /* what is released, and written down of it */
	struct journal_walk front;  /* up to where records of the first segment were counted */
	struct journal_mark mark;

	pthread_mutex_t lock;      /* all that follows, for a moment */
	struct segment **segments; /* by their numbers */
	uint32_t segment_count, segment_capacity;
	uint64_t last;      /* number that was given, or skipped, last */
	uint64_t flushed;   /* of the last record that the kernel has */
	uint64_t synced;    /* as journal_synced() says */
	uint64_t released;  /* below it */
	uint64_t protected; /* below it too */
	uint64_t reserved_bytes;
	uint64_t sealed_bytes;            /* of all files but the one that is written */
	uint64_t overhead_bytes;          /* of a segment besides its records */
	struct journal_usage front_usage; /* what was released of that segment: */
	uint64_t front_segment;           /* its first number; 0: none */
	uint32_t stream_count;            /* of positions */
	bool directory_dirty;             /* files came or went since it was synced */
};

static inline uint64_t minimum(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* ---- segments, under lock ---------------------------------------------------------------- */

/* The first that holds that number or a later one; segment_count: none. */
uint32_t segments_find(const struct journal *journal, uint64_t number);
int segments_reserve(struct journal *journal);
/* In its place; there is room. One of the same first number goes. */
void segments_add(struct journal *journal, struct segment *segment);
/* Returns it, no longer part of the journal. */
struct segment *segments_take(struct journal *journal, uint32_t at);

/* Adds up sealed_bytes anew. */
void segments_sum(struct journal *journal);

/* Removes the file. 0, or -errno: it is there still, and is found again at the next opening. */
int segment_remove(struct journal *journal, const struct segment *segment);

/* ---- the writing end, under write_lock --------------------------------------------------- */

int write_flush(struct journal *journal);
/* Begins a segment with room for a record of so many bytes. */
int write_roll(struct journal *journal, uint64_t record_bytes);
/* What the positions come to, where others look. */
void write_positions(struct journal *journal);
/* Ends the one that is written. -errno: what is in its buffer cannot be flushed, it is as it was.
 */
int write_seal(struct journal *journal);

/* Goes on in a segment that has room. 0 or -errno: it is as it was. */
int write_resume(struct journal *journal, struct segment *segment);

/* ---- the front, under front_lock --------------------------------------------------------- */

/* Counts what was released of the first segment, and removes segments that nobody needs. */
void front_follow(struct journal *journal);
/* Writes down up to where it is released, and what numbers were given. */
int mark_put(struct journal *journal);
/* A segment was taken away by other means. */
void front_close(struct journal *journal);
void boot_read(unsigned char boot[16]);

/* ---- the head file ----------------------------------------------------------------------- */

/* Opens and locks it, or makes it. *ret_new: nothing lay there; what it says of name and id is then
 * what `head` said before. *ret_damaged: the same, but something did. */
int head_open(int directory, bool make, struct journal_head *head, int *ret_file, bool *ret_new,
	      bool *ret_damaged);
int head_put_file(int file, struct journal_head *head);
/* The mark that was written last. */
bool mark_get(int file, struct journal_mark *ret_mark);

#endif

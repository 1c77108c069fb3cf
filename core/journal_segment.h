/* SPDX-License-Identifier: Apache-2.0 */
/* One segment of a journal: what is known of it without reading it, and how it is made, read as a
 * whole and sealed. */
#ifndef SONDE_JOURNAL_SEGMENT_H
#define SONDE_JOURNAL_SEGMENT_H

#include "journal_positions.h"
#include "journal_walk.h"

struct segment {
	uint64_t first; /* no record has a lower number; the name of the file */
	uint64_t last;  /* of the last record; first - 1: there is none */
	uint64_t records, rows, events;
	uint64_t start;   /* offset of the first record */
	uint64_t end;     /* offset behind the last record, what is in the buffer included */
	uint64_t written; /* offset behind what the kernel has */
	uint64_t bytes;   /* that the file takes */
	bool dirty;       /* not synced */
	bool synced;      /* its head was, at least */
	bool failed;      /* the disk did not take some of it: nothing is added to it */
	bool damaged;     /* found so at the start */
	bool has_head, has_foot;
};

/* Fills in what head (given back if segment->has_head) and foot of a segment say; without a foot
 * start, bytes, and all of its file as `end`. id NULL: it is not known yet, nor is the foot.
 * -EPROTONOSUPPORT: of a later version; or what reading returned. */
int segment_look(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment,
		 struct journal_head *ret_head);

/* What it comes to, as its foot or the head of the next say. */
void segment_tally(struct segment *segment, const struct journal_tally *tally);

struct segment_damage {
	struct journal_loss damaged; /* before a record that is whole, or before the foot */
	struct journal_loss torn;    /* behind the last one of a segment that was not sealed */
};

/* Goes through all of it and makes what it holds up anew, with `end` behind the last record that
 * is whole. positions NULL: not wanted. damage is added to. 0, or what reading returned. */
int segment_scan(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment,
		 uint64_t up_to, struct journal_positions *positions,
		 struct segment_damage *damage);

void loss_add(struct journal_loss *loss, const struct journal_loss *other);

/* What the segment knew of streams when it was begun. -EBADMSG: damaged; -ENOMEM; or what reading
 * returned. */
int segment_positions(int file, const struct journal_head *head,
		      struct journal_positions *positions);

/* Makes a file of `bytes`, or of as many as the disk has room for, but at least `least`, behind
 * head and snapshot, in the place of any that has its name. */
int segment_make(int directory, struct journal_head *head,
		 const struct journal_positions *positions, uint64_t least, uint64_t bytes,
		 struct segment *ret_segment, int *ret_file);

/* Bytes before the first record. */
uint64_t segment_start(const char *name, uint32_t stream_count);

/* Writes the foot at its end, which is all written, and gives back the room behind it. -errno: it
 * has none then, and is read as a whole at the next opening. */
int segment_seal(int file, const unsigned char id[JOURNAL_ID_BYTES], struct segment *segment);

int segment_open(int directory, uint64_t first, int flags);
int file_write_at(int file, const void *data, size_t length, uint64_t offset);

#endif

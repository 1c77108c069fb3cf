/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the files of a journal, byte for byte; docs/journal.md describes it. Numbers are
 * little-endian in the files, and as this machine has them on both sides of these functions. */
#ifndef SONDE_JOURNAL_FORMAT_H
#define SONDE_JOURNAL_FORMAT_H

#include "journal.h"

#define JOURNAL_HEAD_FILE      "journal"
#define JOURNAL_SEGMENT_SUFFIX ".segment"
#define JOURNAL_SEGMENT_NEW    "new.segment" /* one that is being made */

enum {
	JOURNAL_ID_BYTES = JOURNAL_STREAM_BYTES,
	JOURNAL_ALIGNMENT = 8,         /* of what lies in a segment */
	JOURNAL_FILE_BYTES = 8192,     /* the head file */
	JOURNAL_MARK_OFFSET = 4096,    /* in it, of the first mark */
	JOURNAL_MARK_DISTANCE = 512,   /* to the second */
	JOURNAL_HEAD_BYTES = 104,      /* of either file, without the name */
	JOURNAL_HEAD_LIMIT = 64 << 10, /* with it, in any version */
	JOURNAL_STREAM_ENTRY_BYTES = 24,
	JOURNAL_RECORD_HEAD_BYTES = 72, /* without the origin */
	JOURNAL_RECORD_HEAD_LIMIT = 72 + 256,
	JOURNAL_FOOT_BYTES = 56,
	JOURNAL_SEGMENT_NAME_BYTES = 32,
};

/* Higher ones are taken for damage: numbers do not come so far. */
#define JOURNAL_NUMBER_LIMIT (UINT64_C(1) << 62)

enum journal_head_kind { JOURNAL_HEAD_OF_JOURNAL, JOURNAL_HEAD_OF_SEGMENT };

/* What a segment came to. */
struct journal_tally {
	uint64_t last; /* number of its last record */
	uint64_t records, rows, events;
};

/* What both files begin with. */
struct journal_head {
	uint32_t version;
	uint32_t length; /* with the name, rounded up: what follows begins there */
	unsigned char id[JOURNAL_ID_BYTES];
	int64_t made_ns;             /* since the epoch */
	uint64_t first;              /* of a segment: no record of it has a lower number */
	uint64_t before_first;       /* that of the segment before it; 0: there was none */
	struct journal_tally before; /* what that came to */
	uint32_t stream_count;       /* of a segment: entries of the snapshot that follows */
	uint32_t streams_check;      /* checksum of these */
	char name[JOURNAL_NAME_LIMIT + 1];
};

/* What the head file says besides, twice, written in turn: the one with the higher counter holds.
 */
struct journal_mark {
	uint64_t counter;
	uint64_t released;      /* all records below it are not needed any more */
	uint64_t given;         /* the last number that the kernel had a record of then */
	unsigned char boot[16]; /* the kernel's id of the run in which it was written */
};

struct journal_foot {
	uint64_t start, end; /* of the records, offsets in the file */
	struct journal_tally tally;
};

struct journal_record_head {
	uint32_t data_check;
	uint32_t length;
	uint16_t origin_length;
	uint64_t number, rows, events, sequence;
	unsigned char stream[JOURNAL_STREAM_BYTES];
};

/* Where something lies: part of its checksum, so that bytes of another journal, another segment or
 * another place, or inside the data of a record, are never taken for it. */
struct journal_place {
	unsigned char id[JOURNAL_ID_BYTES];
	uint64_t first;  /* of the segment */
	uint64_t offset; /* in its file */
};

/* CRC-32 as zlib has it. */
uint32_t journal_checksum(uint32_t check, const void *data, size_t length);

static inline uint64_t journal_aligned(uint64_t bytes)
{
	return (bytes + JOURNAL_ALIGNMENT - 1) / JOURNAL_ALIGNMENT * JOURNAL_ALIGNMENT;
}

/* Of a record in the file, what it is rounded up by included. */
static inline uint64_t journal_record_bytes(size_t origin_length, size_t length)
{
	return JOURNAL_RECORD_HEAD_BYTES + journal_aligned(origin_length) + journal_aligned(length);
}

void journal_segment_name(uint64_t first, char name[JOURNAL_SEGMENT_NAME_BYTES]);
bool journal_segment_parse(const char *name, uint64_t *ret_first);

/* Writes head->length bytes, which it sets, of JOURNAL_HEAD_LIMIT. */
void journal_head_write(enum journal_head_kind kind, struct journal_head *head, void *bytes);

/* 0; -EBADMSG: none, or damaged; -EPROTONOSUPPORT: of a later version, in which no more than
 * version, length and checksum are where they were. */
int journal_head_read(enum journal_head_kind kind, const void *bytes, size_t length,
		      struct journal_head *ret_head);

enum { JOURNAL_MARK_BYTES = 48 };
void journal_mark_write(const struct journal_mark *mark, void *bytes);
bool journal_mark_read(const void *bytes, struct journal_mark *ret_mark);

void journal_foot_write(const struct journal_place *place, const struct journal_foot *foot,
			void *bytes);
bool journal_foot_read(const struct journal_place *place, const void *bytes,
		       struct journal_foot *ret_foot);

/* Returns how many bytes it wrote, of JOURNAL_RECORD_HEAD_LIMIT: the data come behind them. */
size_t journal_record_head_write(const struct journal_place *place,
				 const struct journal_record *record, void *bytes);

/* Whether a head begins here that is not longer than `length`, and is whole. */
bool journal_record_head_read(const struct journal_place *place, const void *bytes, size_t length,
			      struct journal_record_head *ret_head);

/* Whether a record or a foot may begin with these four bytes: then it is worth a closer look. */
bool journal_begins(const void *bytes);

#endif

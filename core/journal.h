/* SPDX-License-Identifier: Apache-2.0 */
/* Journals: records of bytes in segments on disk, appended at the end, read on from a number,
 * released from the front. docs/journal.md specifies the files.
 *
 * What survives what: a killed process loses what was appended and not flushed, which is what still
 * lies in a buffer of 256 KiB; a machine that loses its power loses what was not synced.
 *
 * Threads: one at a time appends (append, flush, drop, cut), one at a time reads with a `reading`
 * (several may, each with its own), one at a time syncs, one at a time releases; usage, last,
 * synced, protect, reserve and unreserve are for any. All of them at the same time: what they share
 * is locked for a moment, never over a sync. */
#ifndef SONDE_JOURNAL_H
#define SONDE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_STREAM_BYTES = 16,
	JOURNAL_ORIGIN_LIMIT = 255,     /* bytes */
	JOURNAL_NAME_LIMIT = 1023,      /* bytes */
	JOURNAL_DATA_LIMIT = 64 << 20,  /* bytes of a record */
	JOURNAL_STREAMS_LIMIT = 65536,  /* whose position is known; the longest unheard of go */
	JOURNAL_SEGMENTS_LIMIT = 65536, /* of a journal */
};

/* By so much numbers rise at once when it cannot be known which were given out before: after a
 * start of the machine, since what was not synced may be gone, and after damage at the end. Else
 * they rise by one. What was sent under a number is thus never mistaken for something else. */
#define JOURNAL_GAP (UINT64_C(1) << 32)

struct journal;
struct journal_reading;

struct journal_record {
	uint64_t number;                            /* in this journal; 1 is the first */
	uint64_t rows, events;                      /* that it stands for */
	unsigned char stream[JOURNAL_STREAM_BYTES]; /* whose sequence it is */
	uint64_t sequence;  /* of who sent it; 0: none, and nothing of it is a duplicate */
	const char *origin; /* at most JOURNAL_ORIGIN_LIMIT bytes; NULL: none */
	const void *data;
	size_t length; /* at most JOURNAL_DATA_LIMIT */
};

struct journal_settings {
	const char *path;     /* of its directory, made if it is missing; the one above too */
	const char *name;     /* text kept in it: the account it belongs to. NULL: any */
	uint64_t limit_bytes; /* that its files may take */
	size_t segment_bytes; /* of records in a segment; 0: chosen from the limit, 1 to 64 MiB */
};

/* What was lost, as far as it is known: of a record whose head is damaged, rows are not. */
struct journal_loss {
	uint64_t records, rows, events;
	uint64_t bytes; /* of the files, zeros at their end apart */
};

struct journal_recovery {
	uint64_t records, rows, events; /* that are there and not released */
	/* The end, behind the last record that is whole: it was being written when the process or
	 * the machine came to its end, and was promised to nobody unless it was synced. */
	struct journal_loss torn;
	struct journal_loss damaged; /* before that; reading tells of other segments */
	char note[512]; /* what was skipped or made anew and why, for the log; "": nothing */
};

struct journal_usage {
	uint64_t bytes; /* that its files take, with room made ahead; less than limit_bytes */
	uint64_t records, rows, events; /* not released, dropped or found damaged at the start */
	uint32_t segments;
};

/* Opens the journal in a directory or makes one. On failure a negative errno and a message that
 * names the mend, and everything is as it was: -EPROTONOSUPPORT: files of a later version;
 * -EBUSY: it is open already; -EEXIST: it has another name; -EBADMSG: other files lie there.
 * Damage is no failure: see journal_recovered(). */
int journal_open(const struct journal_settings *settings, struct journal **ret_journal, char *error,
		 size_t error_size);

/* Syncs what was appended (call journal_sync() before, to hear what cannot be), and gives back the
 * room made ahead. remove_if_empty: one whose records were all released goes away as a whole, its
 * directory too. Nobody else uses it any more. NULL: nothing. */
void journal_close(struct journal *journal, bool remove_if_empty);

/* What journal_open() found. */
void journal_recovered(const struct journal *journal, struct journal_recovery *ret_recovery);

/* Its own id, JOURNAL_STREAM_BYTES drawn when it was made, and kept in it: with the number of a
 * record, no other on earth is called the same. */
const unsigned char *journal_stream(const struct journal *journal);

const char *journal_name(const struct journal *journal);

/* ---- appending --------------------------------------------------------------------------- */

/* Appends a record and sets its number. It lies in a buffer until that is full or flushed. On
 * failure nothing of it stays, and later ones may succeed: -EDQUOT: limit_bytes are used, or
 * reserved; -ENOSPC: the disk is full; -EEXIST: the sequence, or a later one of its stream, was
 * taken before; -EMSGSIZE: longer than a record may be, or than the limit has room for at all;
 * -EINVAL: its origin is too long; -EIO or what else writing returned. */
int journal_append(struct journal *journal, struct journal_record *record);

/* Hands what is in the buffer to the kernel. On failure it stays in the buffer. */
int journal_flush(struct journal *journal);

/* Promises room for a record of so much data: 0, -EDQUOT or -EMSGSIZE. It is given back, in the
 * same piece, right before the record is appended or when it will not come. The disk may be full
 * all the same. */
int journal_reserve(struct journal *journal, size_t data_bytes);
void journal_unreserve(struct journal *journal, size_t data_bytes);

/* Of the last record; 0: none yet. */
uint64_t journal_last(struct journal *journal);

/* Of the last that was synced, or told as uncertain by journal_sync(). */
uint64_t journal_synced(struct journal *journal);

struct journal_uncertain {
	uint64_t from, to; /* numbers of records that may be gone after a power cut */
};

/* Flushes, and returns when all records that were appended before are on the disk, as is that they
 * are there; appends go on meanwhile. -EIO or another: the disk did not take some, which a second
 * try would not tell: *ret_uncertain says which (from 0: none, the flush failed and may be tried
 * again); they stay, and may be read as long as the kernel remembers them, but their segment is not
 * appended to any more. */
int journal_sync(struct journal *journal, struct journal_uncertain *ret_uncertain);

/* Of the last that was taken of a stream; 0: none is known. */
uint64_t journal_position(struct journal *journal,
			  const unsigned char stream[JOURNAL_STREAM_BYTES]);

/* ---- reading ----------------------------------------------------------------------------- */

/* NULL: no memory. */
struct journal_reading *journal_reading_new(struct journal *journal);
void journal_reading_free(struct journal_reading *reading); /* before the journal is closed */

/* The record of that number or the next that is there, whole, from the disk; it is protected from
 * then on, and all before it. What it points to is valid until the next call with this reading.
 * Damaged records before it are skipped and told in ret_skipped (set by each success; NULL: not
 * wanted). -ENOENT: there is none yet; -EIO or what else reading returned; -ENOMEM. */
int journal_read(struct journal_reading *reading, uint64_t number,
		 struct journal_record *ret_record, struct journal_loss *ret_skipped);

/* Records up to that number are in use: journal_drop_oldest() leaves them, until they are released.
 * False: that one is not there any more. */
bool journal_protect(struct journal *journal, uint64_t number);

/* ---- the front --------------------------------------------------------------------------- */

/* Records below that number are not needed any more: segments that hold no others go. That stays so
 * when the process is killed; after a power cut some may be back. 0, or a negative errno when that
 * could not be written down: released they are all the same. */
int journal_release(struct journal *journal, uint64_t below);

/* All records below it were released. */
uint64_t journal_released(struct journal *journal);

/* Drops the oldest segment in which all records are neither protected nor released, to make room:
 * what it held is told. -ENOENT: there is none. */
int journal_drop_oldest(struct journal *journal, struct journal_loss *ret_loss);

/* Takes back the records above that number, and what was noted of their streams; the next is given
 * the number after it, or a later one. Released records are not taken back. Nobody reads or syncs
 * meanwhile. On failure some may be gone already: call it again. */
int journal_cut(struct journal *journal, uint64_t above);

/* ---- looking ----------------------------------------------------------------------------- */

void journal_usage(struct journal *journal, struct journal_usage *ret_usage);

struct journal_listed {
	const char *path, *name;
	bool open; /* by a process, this or another */
	struct journal_usage usage;
};

/* Calls `listed` for every journal right under a directory, without changing anything. 0, what
 * `listed` returned if that is not 0, or a negative errno; a directory that is not there: 0. What
 * is no journal of this version is passed over. */
int journal_scan(const char *directory,
		 int (*listed)(void *context, const struct journal_listed *journal), void *context);

#endif

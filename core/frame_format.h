/* SPDX-License-Identifier: Apache-2.0 */
/* What frames are made of, as docs/frame.md specifies it: for frame*.c alone. */
#ifndef SONDE_FRAME_FORMAT_H
#define SONDE_FRAME_FORMAT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sonde/plugin.h>

#if __BYTE_ORDER != __LITTLE_ENDIAN
#error "frames are little-endian, and values are copied into them as they are"
#endif

enum {
	FRAME_HEAD_BYTES = SONDE_FRAME_HEAD_BYTES, /* written; longer ones are read */
	FRAME_HEAD_LIMIT = 4096,
	FRAME_CHECKED_FROM = 8,          /* where the bytes begin that the checksum is of */
	FRAME_ROWS_LIMIT = 1 << 24,      /* over all tables of a frame, children included */
	FRAME_MEMORY_LIMIT = 256 << 20,  /* that the batches of a frame may take */
	FRAME_DEPTH_LIMIT = 4,           /* of children of children */
	FRAME_DICTIONARIES_LIMIT = 4096, /* of a frame */
	FRAME_PALETTE_LIMIT = 256,       /* values that a byte tells apart */
};

/* How the memory of batches is reckoned, besides what values, bits and texts take. */
enum {
	FRAME_BATCH_BYTES = 512,
	FRAME_COLUMN_BYTES = 256,
	FRAME_DICTIONARY_BYTES = 1024,
	FRAME_ENTRY_BYTES = sizeof(struct sonde_text),
};

static const unsigned char frame_magic[4] = { 0xf5, 'S', 'N', 'D' }; /* 0xf5: no text has it */

/* As it lies at the begin of a frame. */
struct frame_head {
	unsigned char magic[4];
	uint32_t checksum; /* CRC-32 of all that follows, to the end of the frame */
	uint16_t version;
	uint16_t head_bytes;
	uint16_t kind;  /* enum sonde_frame_kind */
	uint16_t codec; /* enum frame_codec */
	unsigned char stream[16];
	uint64_t sequence;
	uint64_t rows, events;
	uint64_t memory_bytes;
	uint64_t raw_bytes;     /* of the payload when it is expanded */
	uint64_t payload_bytes; /* behind the head */
	uint64_t packed_bytes;  /* of the payload: one stream of zstd; the rest lies as it is */
	uint32_t batch_count;
	uint32_t reserved; /* zero when written, not looked at when read */
};

_Static_assert(sizeof(struct frame_head) == SONDE_FRAME_HEAD_BYTES, "the head has no holes");

enum frame_codec { FRAME_AS_IT_IS = 0, FRAME_ZSTD = 1 };

/* The payload is the lengths of these parts, and the parts. Bytes lie together with those that are
 * like them, since a block of zstd has one code for all that is in it; what nothing can be said of
 * is not given to it at all. */
enum frame_part {
	FRAME_TEXTS,  /* dictionaries */
	FRAME_TABLES, /* what there is: batches, columns, and how their values lie in the rest */
	FRAME_FEW,    /* bytes of few different values */
	FRAME_SOME,
	FRAME_IDS,   /* values of which nothing is known but that some may be equal */
	FRAME_NOISE, /* bytes that nothing can be said of */
	FRAME_PARTS,
	FRAME_PARTS_PACKED = FRAME_NOISE, /* the parts before it go through zstd */
};

/* Instead of a part in front of bytes: they are those of an array before, so many arrays back. */
enum { FRAME_AGAIN = 0x80, FRAME_RECENT = 16 };

/* How an array of numbers lies in the parts. */
enum frame_encoding {
	FRAME_PLAIN = 0, /* value by value */
	FRAME_CONSTANT,  /* one value for all */
	FRAME_PLANES,    /* above the lowest: all first bytes, all second bytes */
	FRAME_DELTA,     /* the first, and from each to the next, in planes */
	FRAME_PALETTE,   /* the different values, and a byte for each that says which */
	FRAME_BITS,      /* zeros and ones */
	FRAME_ENCODINGS,
};

/* Beside the number of planes. */
enum {
	FRAME_PLANES_SIGNED = 0x80, /* the highest bit of the last is a sign */
	FRAME_PLANES_PATCHED =
		0x40, /* some words are larger: their places and they themselves follow */
	FRAME_PLANES_MASK = 0x0f,
};

/* Of a column, in its table. */
enum { FRAME_MONOTONIC = 1, FRAME_NULLS = 2, FRAME_SHARED = 4 };

/* A member of a histogram of which each row has a value. */
struct frame_member {
	uint32_t offset;
	uint32_t width;
};

/* Words of a heap that belong to a row: `each` for one of its length, one `less` if there are any.
 */
struct frame_run {
	uint32_t length_offset, start_offset;
	uint32_t each, less;
};

/* A kind of histogram: which arrays it is written as, one a member and then one a run. */
struct frame_histogram {
	uint32_t type;
	uint32_t member_count, run_count;
	struct frame_member members[12];
	struct frame_run runs[2];
};

/* NULL: columns of the type hold no histograms. */
const struct frame_histogram *frame_histogram(uint32_t type);

/* Whether rows of a child name rows of its parent, in order, as readers rely on. */
bool frame_is_child(const struct sonde_batch *child, uint32_t parent_rows);

static inline uint64_t frame_run_words(const struct frame_run *run, uint32_t length)
{
	return (uint64_t)length * run->each - (length ? run->less : 0);
}

static inline bool frame_has_dictionary(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
}

#endif

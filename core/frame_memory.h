/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread needs to write and read frames, kept from one to the next: for frame*.c alone. */
#ifndef SONDE_FRAME_MEMORY_H
#define SONDE_FRAME_MEMORY_H

#include <zstd.h>

#include "buffer.h"
#include "frame_format.h"

struct frame_memory {
	ZSTD_CCtx *compressor; /* NULL: none yet */
	ZSTD_DCtx *expander;
	struct buffer frame;              /* the last one written */
	struct buffer raw;                /* a payload, expanded */
	struct buffer parts[FRAME_PARTS]; /* being written */
	struct buffer values;             /* of a column: words, or what becomes of them */
	struct buffer rest;               /* the same again */
	struct buffer patches;            /* words that are set apart */
	struct buffer places;       /* of entries in dictionaries that are written: uint64_t */
	struct buffer entries;      /* which entries those are: uint32_t */
	struct buffer dictionaries; /* that are written or read */
	uint32_t stamp;             /* of places that are of this frame, in their upper half */
};

/* That of this thread, for the next frame; what it keeps is cut down to a bound, but not, to read,
 * the frame that was written. NULL: no memory. */
struct frame_memory *frame_memory(bool writes);

/* Room for so many bytes, not kept from before; like buffer_reserve(). */
int frame_scratch(struct buffer *buffer, size_t bytes);

#endif

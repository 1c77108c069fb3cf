/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: batches as bytes and back, without I/O. docs/frame.md specifies the format. */
#ifndef SONDE_FRAME_H
#define SONDE_FRAME_H

#include <sonde/plugin.h>

enum {
	FRAME_VERSION = 1,             /* written; it and the one before it are read */
	FRAME_LENGTH_LIMIT = 64 << 20, /* of a frame, its header included, and of what it holds */
	FRAME_BATCHES_LIMIT = 1024,
};

/* See sonde_frame_write(): the batches are finished. The result lies in memory of the thread until
 * it writes its next. */
int frame_write(struct sonde_batch *const *batches, uint32_t count, struct sonde_frame *frame);

/* See sonde_frame_look(). */
int frame_look(const void *data, uint64_t length, struct sonde_frame *ret_frame);

/* Whether all bytes are as they were written, without reading them as batches. -EBADMSG. */
int frame_check(const struct sonde_frame *frame);

/* Gives a whole frame in memory another stream and sequence. -EBADMSG. */
int frame_rename(void *data, uint64_t length, const unsigned char stream[16], uint64_t sequence);

/* See sonde_frame_read(): ret_batches are not finished, children are. */
int frame_read(const struct sonde_frame *frame, struct sonde_batch **ret_batches,
	       uint32_t capacity);

#endif

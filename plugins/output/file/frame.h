/* SPDX-License-Identifier: Apache-2.0 */
/* Files of zstd frames: what is written at once is a frame, whole in itself, so that a file can be
 * read up to its last one whenever its writer died. */
#ifndef SONDE_FILE_FRAME_H
#define SONDE_FILE_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include "json.h"

enum { FRAME_BYTES = 1 << 20 }; /* that are gathered, at most, before they become a frame */

struct frames; /* memory for compressing */

struct frames *frames_create(void); /* NULL: no memory */
void frames_release(struct frames *frames);

/* Appends a frame of `data` to `out`, with a checksum. -ENOMEM: `out` is as it was. */
int frames_write(struct frames *frames, int level, const char *data, size_t length,
		 struct json *out);

/* The end of the last whole frame of an open file; a frame that is cut short may follow it, or
 * zeros. -EBADMSG: something else does, and *ret_end is where it begins; or another errno. */
int frames_end(int fd, int64_t size, int64_t *ret_end);

/* What the file begins with, uncompressed: as much as there is room for in `out`, or as there is.
 * Returns the length, or a negative errno. */
int64_t frames_head(int fd, char *out, size_t capacity);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of messages made small and large again: gzip and zstd, whole bodies at a time. What comes
 * from others never expands beyond a bound, in memory or in work. */
#ifndef SONDE_COMPRESS_H
#define SONDE_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum compress_coding {
	COMPRESS_NONE, /* "identity" */
	COMPRESS_GZIP,
	COMPRESS_ZSTD,
};

/* As HTTP's Content-Encoding and gRPC's grpc-encoding call it. */
const char *compress_name(enum compress_coding coding);

/* By that name, in any case; "" is "identity". -ENOENT: none of ours. */
int compress_find(const char *name, enum compress_coding *ret_coding);

/* The highest level of a coding; the lowest is 1. */
uint32_t compress_level_limit(enum compress_coding coding);

/* What one thread compresses with; made for GZIP or ZSTD. NULL: no memory. */
struct compressor;
struct compressor *compressor_create(enum compress_coding coding, uint32_t level);
void compressor_release(struct compressor *compressor); /* NULL is fine */

/* Puts the compressed body in the place of what the buffer held. -ENOMEM. */
int compressor_run(struct compressor *compressor, const void *data, size_t length,
		   struct buffer *buffer);

/* What one thread expands with: contexts that are made when first needed. NULL: no memory. */
struct expander;
struct expander *expander_create(void);
void expander_release(struct expander *expander); /* NULL is fine */

/* Puts the expanded body in the place of what the buffer held; several gzip members or zstd frames
 * are one body. -EMSGSIZE: it is larger than limit_bytes, or wants a window of more than 8 MiB;
 * -EBADMSG: not such data, or cut off; -ENOMEM. */
int expander_run(struct expander *expander, enum compress_coding coding, const void *data,
		 size_t length, size_t limit_bytes, struct buffer *buffer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers as the library sees them: what is in front of their bytes, and what they take. */
#ifndef SONDE_HOP_POOL_H
#define SONDE_HOP_POOL_H

#include <stdatomic.h>

#include "hop.h"

struct hop_pooled {
	struct hop_buffer buffer; /* first */
	atomic_uint references;
	int size_class;              /* negative: not of the pool */
	struct hop_pooled *next;     /* in the pool, or in an inbox */
	struct hop_header header;    /* of the message that it is the payload of */
	size_t memory_bytes;         /* all that it takes */
	void (*release)(void *data); /* of wrapped bytes */
	void *data;
};

/* What a buffer of so many bytes will take. */
size_t hop_pool_memory(size_t length);

/* The most bytes of a buffer that takes no more than so much. */
size_t hop_pool_fitting(size_t memory_bytes);

/* Gives back to malloc what was not needed for a while. */
void hop_pool_trim(int64_t now_ns);

static inline struct hop_pooled *hop_pooled(struct hop_buffer *buffer)
{
	return (struct hop_pooled *)buffer;
}

#endif

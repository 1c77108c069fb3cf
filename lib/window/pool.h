/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces of memory that are given back together. */
#ifndef SONDE_WINDOW_POOL_H
#define SONDE_WINDOW_POOL_H

#include "budget.h"

struct pool_chunk;

struct pool {
	struct budget *budget;
	struct pool_chunk *chunks; /* the first has room */
	size_t used_bytes;         /* of that one */
};

/* Aligned for words of 8 bytes; not zeroed. NULL: no memory. */
void *pool_take(struct pool *pool, size_t size);
void pool_clear(struct pool *pool);

#endif

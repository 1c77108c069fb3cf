// SPDX-License-Identifier: Apache-2.0
/* Small pieces of memory that are given back together. */
#include "pool.h"

enum { CHUNK_BYTES = 64 * 1024 }; /* small enough that they stay in the heap for the next one */

struct pool_chunk {
	struct pool_chunk *next;
	size_t size; /* of the bytes behind */
	uint64_t words[];
};

void *pool_take(struct pool *pool, size_t size)
{
	struct pool_chunk *chunk = pool->chunks;
	void *piece;

	size = (size + 7) & ~(size_t)7;
	if (!chunk || chunk->size - pool->used_bytes < size) {
		size_t wanted = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + wanted);
		if (!chunk)
			return NULL;
		*chunk = (struct pool_chunk){ .next = pool->chunks, .size = wanted };
		pool->chunks = chunk;
		pool->used_bytes = 0;
		pool->budget->used_bytes += sizeof(*chunk) + wanted;
	}
	piece = (char *)chunk->words + pool->used_bytes;
	pool->used_bytes += size;
	return piece;
}

void pool_clear(struct pool *pool)
{
	while (pool->chunks) {
		struct pool_chunk *next = pool->chunks->next;

		pool->budget->used_bytes -= sizeof(*pool->chunks) + pool->chunks->size;
		free(pool->chunks);
		pool->chunks = next;
	}
	pool->used_bytes = 0;
}

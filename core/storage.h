/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of memory for rows and columns, recycled: the next batch finds its pages already mapped.
 */
#ifndef SONDE_STORAGE_H
#define SONDE_STORAGE_H

#include <stddef.h>

/* A block of at least `size` bytes, aligned to a cache line, not zeroed. *ret_size is what it
 * really has, to be given back with it. NULL: no memory. Any thread. */
void *storage_take(size_t size, size_t *ret_size);

/* Gives a block back, from any thread. NULL is fine. */
void storage_give(void *block, size_t size);

/* Frees the blocks that nobody needed since the last call. To be called now and then. */
void storage_trim(void);

/* Frees all idle blocks, since memory is short. Any thread. */
void storage_flush(void);

/* What waits to be used again, at most STORAGE_IDLE_LIMIT, and a part of the room for rows. */
enum { STORAGE_IDLE_LIMIT = 32 << 20 };
size_t storage_idle_bytes(void);

#endif

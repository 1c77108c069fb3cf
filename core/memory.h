/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's memory: what rows and their texts hold, what else the process holds, and the bound
 * on both together.
 *
 * Blocks of storage and dictionaries are counted as they are allocated; everything else (plugins'
 * own memory, stacks, what the allocator keeps) is measured now and then. The rows may have what
 * the rest leaves of the limit, and never less than a quarter of it. */
#ifndef SONDE_MEMORY_H
#define SONDE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_LIMIT_LEAST = 8 << 20 };

struct memory_snapshot {
	size_t limit_bytes;     /* of all private memory of the process; SIZE_MAX: none */
	size_t room_bytes;      /* of it, what rows may have */
	size_t counted_bytes;   /* that rows and dictionaries have, idle blocks included */
	size_t peak_bytes;      /* most that counted_bytes ever was */
	size_t other_bytes;     /* all else, as last measured */
	size_t resident_bytes;  /* of the whole process, shared pages included, then too */
	size_t reserved_bytes;  /* promised to inputs that have not read yet */
	uint64_t shed_rows;     /* let go from queues for want of memory */
	uint64_t refused_count; /* allocations that the bound refused */
	uint64_t failed_count;  /* allocations that the system refused */
};

/* Has the allocator keep what buffers of a size that comes again and again need, for each thread:
 * by itself it gives that back to the system every time, and page faults bring it back. Before
 * there are threads. */
void memory_begin(void);

/* Bounds the process from now on. SIZE_MAX, as at first: no bound. */
void memory_limit(size_t limit_bytes);

/* Called when the bound or the system refuses `bytes`, before it is tried once more; from any
 * thread that allocates. NULL: nobody. */
void memory_on_short(void (*relieve)(size_t bytes));

/* A counted block: as malloc(), calloc() and aligned_alloc() make it. NULL: refused. Any thread. */
void *memory_allocate(size_t size);
void *memory_allocate_zeroed(size_t size);
void *memory_allocate_aligned(size_t alignment, size_t size);
void memory_free(void *block, size_t size); /* of the size that it was allocated with */

/* Measures what is not counted, and sets the room anew. Where the allocator holds much that is
 * free, that goes back to the system first. One thread. */
void memory_measure(void);

/* What is counted, and the marks that it is held against. Cheap; any thread. */
size_t memory_counted_bytes(void);
size_t memory_room_bytes(void); /* allocations beyond it are refused */
size_t memory_soft_bytes(void); /* beyond it queues let go of rows */

/* Promises to inputs: -EAGAIN where `used` bytes and all promises leave no room; -EMSGSIZE: more
 * than the limit will ever allow. */
int memory_reserve(size_t bytes, size_t used_bytes);
/* One that is given whatever there is, so that something moves. */
void memory_reserve_over(size_t bytes);
void memory_unreserve(size_t bytes);
size_t memory_reserved_bytes(void);

void memory_count_shed(uint64_t rows);
void memory_count_failure(void); /* an allocation elsewhere that the system refused */

void memory_read(struct memory_snapshot *ret_snapshot);

#endif

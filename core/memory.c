/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's memory: what rows and their texts hold, what else the process holds, and the bound
 * on both together. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ROOM_LEAST_SHARE = 4,    /* rows may have this part of the limit whatever else there is */
	SOFT_SHARE = 8,          /* the soft mark lies this part of the room below it */
	MAPPED_LEAST = 32 << 20, /* the most there is: smaller blocks come from heaps, */
	KEPT_MOST = 4 << 20,     /* each of which may keep so much that is free at its end */
};

/* Written when blocks come and go, which recycled ones do not. */
static struct {
	size_t counted, peak;
	uint64_t shed_rows, refused_count, failed_count;
	/* By inputs that ask, batch by batch: apart from what all look at. */
	_Alignas(64) size_t reserved;
} account;

/* Read by all, written by memory_limit() and memory_measure(). */
static _Alignas(64) struct {
	size_t limit, room, soft;
	size_t other, resident;
	void (*relieve)(size_t bytes);
} bound = { .limit = SIZE_MAX, .room = SIZE_MAX, .soft = SIZE_MAX };

static size_t read_size(const size_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void write_size(size_t *at, size_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static void count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

/* ---- the bound --------------------------------------------------------------------------- */

static void room_set(size_t other_bytes)
{
	size_t limit = read_size(&bound.limit);
	size_t room = limit > other_bytes ? limit - other_bytes : 0;

	if (limit == SIZE_MAX)
		room = SIZE_MAX;
	else if (room < limit / ROOM_LEAST_SHARE)
		room = limit / ROOM_LEAST_SHARE;
	write_size(&bound.other, other_bytes);
	write_size(&bound.room, room);
	write_size(&bound.soft, room == SIZE_MAX ? room : room - room / SOFT_SHARE);
}

void memory_begin(void)
{
#if defined(M_MMAP_THRESHOLD) && defined(M_TRIM_THRESHOLD)
	mallopt(M_MMAP_THRESHOLD, MAPPED_LEAST);
	mallopt(M_TRIM_THRESHOLD, KEPT_MOST);
#endif
}

void memory_limit(size_t limit_bytes)
{
	write_size(&bound.limit, limit_bytes);
	room_set(limit_bytes == SIZE_MAX ? 0 : read_size(&bound.other));
}

void memory_on_short(void (*relieve)(size_t bytes))
{
	__atomic_store_n(&bound.relieve, relieve, __ATOMIC_RELEASE);
}

static void relieve(size_t bytes)
{
	void (*call)(size_t) = __atomic_load_n(&bound.relieve, __ATOMIC_ACQUIRE);

	if (call)
		call(bytes);
}

size_t memory_counted_bytes(void)
{
	return read_size(&account.counted);
}

size_t memory_room_bytes(void)
{
	return read_size(&bound.room);
}

size_t memory_soft_bytes(void)
{
	return read_size(&bound.soft);
}

/* ---- measuring --------------------------------------------------------------------------- */

/* Private memory of the process. The file stays open, since descriptors may run out. */
static int private_bytes(size_t *ret_bytes)
{
	static int fd = -1;
	unsigned long resident, shared;
	char text[128];
	ssize_t length;

	if (fd < 0)
		fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = pread(fd, text, sizeof(text) - 1, 0);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2 || shared > resident)
		return -EPROTO;
	write_size(&bound.resident, resident * (size_t)sysconf(_SC_PAGESIZE));
	*ret_bytes = (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
	return 0;
}

/* What is not counted. Blocks may come and go meanwhile: the doubt is the rest's. */
static int other_bytes(size_t *ret_bytes)
{
	size_t before = memory_counted_bytes(), after, all = 0;
	int result = private_bytes(&all);

	if (result)
		return result;
	after = memory_counted_bytes();
	if (after < before)
		after = before;
	*ret_bytes = all > after ? all - after : 0;
	return 0;
}

void memory_measure(void)
{
	size_t limit = read_size(&bound.limit), other;

	if (other_bytes(&other))
		return; /* what was measured last still holds */
	if (limit != SIZE_MAX && memory_counted_bytes() + other > limit - limit / SOFT_SHARE) {
		malloc_trim(0);
		if (other_bytes(&other))
			return;
	}
	room_set(other);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool take(size_t bytes)
{
	size_t before = memory_counted_bytes(), room = memory_room_bytes(), peak;

	do {
		if (before > room || bytes > room - before)
			return false;
	} while (!__atomic_compare_exchange_n(&account.counted, &before, before + bytes, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	peak = read_size(&account.peak);
	while (before + bytes > peak &&
	       !__atomic_compare_exchange_n(&account.peak, &peak, before + bytes, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return true;
}

static void give(size_t bytes)
{
	__atomic_fetch_sub(&account.counted, bytes, __ATOMIC_RELAXED);
}

enum { PLAIN = 0, ZEROED = 1 }; /* instead of an alignment */

static void *block_new(size_t alignment, size_t size)
{
	if (alignment == PLAIN)
		return malloc(size);
	return alignment == ZEROED ? calloc(1, size) : aligned_alloc(alignment, size);
}

static void *block_make(size_t alignment, size_t size)
{
	void *block;

	if (!take(size)) {
		relieve(size);
		if (!take(size)) {
			count(&account.refused_count, 1);
			return NULL;
		}
	}
	block = block_new(alignment, size);
	if (!block) {
		relieve(size);
		block = block_new(alignment, size);
	}
	if (!block) {
		count(&account.failed_count, 1);
		give(size);
	}
	return block;
}

void *memory_allocate(size_t size)
{
	return block_make(PLAIN, size);
}

void *memory_allocate_zeroed(size_t size)
{
	return block_make(ZEROED, size);
}

void *memory_allocate_aligned(size_t alignment, size_t size)
{
	return block_make(alignment, size);
}

void memory_free(void *block, size_t size)
{
	if (!block)
		return;
	free(block);
	give(size);
}

/* ---- promises ---------------------------------------------------------------------------- */

int memory_reserve(size_t bytes, size_t used_bytes)
{
	size_t limit = read_size(&bound.limit), soft = memory_soft_bytes();
	size_t before = read_size(&account.reserved);

	if (limit != SIZE_MAX && bytes > limit - limit / SOFT_SHARE)
		return -EMSGSIZE;
	do {
		if (used_bytes > soft || before > soft - used_bytes ||
		    bytes > soft - used_bytes - before)
			return -EAGAIN;
	} while (!__atomic_compare_exchange_n(&account.reserved, &before, before + bytes, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

void memory_reserve_over(size_t bytes)
{
	__atomic_fetch_add(&account.reserved, bytes, __ATOMIC_RELAXED);
}

void memory_unreserve(size_t bytes)
{
	__atomic_fetch_sub(&account.reserved, bytes, __ATOMIC_RELAXED);
}

size_t memory_reserved_bytes(void)
{
	return read_size(&account.reserved);
}

/* ---- counters ---------------------------------------------------------------------------- */

void memory_count_shed(uint64_t rows)
{
	count(&account.shed_rows, rows);
}

void memory_count_failure(void)
{
	count(&account.failed_count, 1);
}

void memory_read(struct memory_snapshot *ret_snapshot)
{
	*ret_snapshot = (struct memory_snapshot){
		.limit_bytes = read_size(&bound.limit),
		.room_bytes = memory_room_bytes(),
		.counted_bytes = memory_counted_bytes(),
		.peak_bytes = read_size(&account.peak),
		.other_bytes = read_size(&bound.other),
		.resident_bytes = read_size(&bound.resident),
		.reserved_bytes = memory_reserved_bytes(),
		.shed_rows = __atomic_load_n(&account.shed_rows, __ATOMIC_RELAXED),
		.refused_count = __atomic_load_n(&account.refused_count, __ATOMIC_RELAXED),
		.failed_count = __atomic_load_n(&account.failed_count, __ATOMIC_RELAXED),
	};
}

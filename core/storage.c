// SPDX-License-Identifier: Apache-2.0
/* Storage: lists of free blocks by size. A batch is made on one thread and let go on another, so
 * the lists are shared, last in first out; eight sizes to a doubling waste at most an eighth. */
#include "storage.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

enum {
	ALIGNMENT = 64,
	SMALLEST_SHIFT = 10, /* 1 KiB */
	LARGEST_SHIFT = 20,  /* 1 MiB; larger blocks are not kept */
	STEPS_SHIFT = 3,
	SIZE_COUNT = ((LARGEST_SHIFT - SMALLEST_SHIFT) << STEPS_SHIFT) + 1,
	IDLE_SHARE = 8, /* idle blocks take no more than this part of the room for rows */
};

struct idle {
	struct idle *next;
};

/* Free blocks of one size. */
struct shelf {
	struct idle *first;
	uint32_t count;
	uint32_t count_minimum; /* since the last trim: so many were not needed */
};

static struct {
	pthread_mutex_t mutex;
	size_t bytes;
	struct shelf shelves[SIZE_COUNT];
} idle = { .mutex = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP };

/* Under a sanitizer that looks for stale pointers every block is new and really freed. */
#if defined(__SANITIZE_ADDRESS__)
static const bool recycling = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool recycling = false;
#else
static const bool recycling = true;
#endif
#else
static const bool recycling = true;
#endif

/* Locked; others read it without the lock. */
static void idle_count(size_t bytes)
{
	__atomic_store_n(&idle.bytes, idle.bytes + bytes, __ATOMIC_RELAXED);
}

/* The shelf of the smallest size that holds `size`, and that size; SIZE_COUNT: too large. */
static uint32_t shelf_of(size_t size, size_t *ret_size)
{
	uint32_t shift, step;

	if (size <= (size_t)1 << SMALLEST_SHIFT) {
		*ret_size = (size_t)1 << SMALLEST_SHIFT;
		return 0;
	}
	if (size > (size_t)1 << LARGEST_SHIFT) {
		*ret_size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
		return SIZE_COUNT;
	}
	shift = 63u - (uint32_t)__builtin_clzll(size - 1); /* 2^shift < size <= 2^(shift + 1) */
	step = (uint32_t)((size - 1) >> (shift - STEPS_SHIFT)) - (1u << STEPS_SHIFT) + 1;
	*ret_size = ((size_t)(1u << STEPS_SHIFT) + step) << (shift - STEPS_SHIFT);
	return ((shift - SMALLEST_SHIFT) << STEPS_SHIFT) + step;
}

void *storage_take(size_t size, size_t *ret_size)
{
	size_t rounded;
	uint32_t index;
	struct idle *block = NULL;

	if (size > SIZE_MAX / 2)
		return NULL;
	index = shelf_of(size, &rounded);
	if (index < SIZE_COUNT && recycling) {
		struct shelf *shelf = &idle.shelves[index];

		pthread_mutex_lock(&idle.mutex);
		block = shelf->first;
		if (block) {
			shelf->first = block->next;
			shelf->count--;
			if (shelf->count < shelf->count_minimum)
				shelf->count_minimum = shelf->count;
			idle_count(-rounded);
		}
		pthread_mutex_unlock(&idle.mutex);
	}
	if (!block)
		block = memory_allocate_aligned(ALIGNMENT, rounded);
	if (block)
		*ret_size = rounded;
	return block;
}

/* Not much of what rows may have at all. */
static size_t idle_limit(void)
{
	size_t share = memory_room_bytes() / IDLE_SHARE;

	return share < STORAGE_IDLE_LIMIT ? share : STORAGE_IDLE_LIMIT;
}

void storage_give(void *block, size_t size)
{
	struct idle *item = block;
	size_t rounded;
	uint32_t index;

	if (!block)
		return;
	index = shelf_of(size, &rounded);
	if (index < SIZE_COUNT && recycling) {
		struct shelf *shelf = &idle.shelves[index];

		pthread_mutex_lock(&idle.mutex);
		if (idle.bytes + size <= idle_limit()) {
			item->next = shelf->first;
			shelf->first = item;
			shelf->count++;
			idle_count(size);
			item = NULL;
		}
		pthread_mutex_unlock(&idle.mutex);
	}
	memory_free(item, size);
}

/* The bytes of a block on a shelf. */
static size_t shelf_bytes(uint32_t index)
{
	uint32_t step = index & ((1u << STEPS_SHIFT) - 1);
	uint32_t shift = SMALLEST_SHIFT + (index >> STEPS_SHIFT) - STEPS_SHIFT;

	return (size_t)((1u << STEPS_SHIFT) + step) << shift;
}

/* Takes blocks off a shelf, and puts them in the list of those to be freed. */
static void shelf_clear(struct shelf *shelf, uint32_t count, struct idle **freed)
{
	for (; count; count--) {
		struct idle *block = shelf->first;

		shelf->first = block->next;
		shelf->count--;
		block->next = *freed;
		*freed = block;
	}
	shelf->count_minimum = shelf->count;
}

/* Frees blocks of each size: all, or those that were idle all the time since the last trim. Size by
 * size, so that nobody waits for long. */
static void shelves_clear(bool all)
{
	for (uint32_t index = 0; index < SIZE_COUNT; index++) {
		struct shelf *shelf = &idle.shelves[index];
		struct idle *freed = NULL;
		uint32_t count;

		pthread_mutex_lock(&idle.mutex);
		count = all ? shelf->count : shelf->count_minimum;
		shelf_clear(shelf, count, &freed);
		idle_count(-(count * shelf_bytes(index)));
		pthread_mutex_unlock(&idle.mutex);
		while (freed) {
			struct idle *next = freed->next;

			memory_free(freed, shelf_bytes(index));
			freed = next;
		}
	}
}

void storage_trim(void)
{
	shelves_clear(false);
}

void storage_flush(void)
{
	shelves_clear(true);
}

size_t storage_idle_bytes(void)
{
	return __atomic_load_n(&idle.bytes, __ATOMIC_RELAXED);
}

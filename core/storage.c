// SPDX-License-Identifier: Apache-2.0
/* Storage: lists of free blocks by size. A batch is made on one thread and let go on another, so
 * the lists are shared, last in first out; eight sizes to a doubling waste at most an eighth. */
#include "storage.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	ALIGNMENT = 64,
	SMALLEST_SHIFT = 10, /* 1 KiB */
	LARGEST_SHIFT = 20,  /* 1 MiB; larger blocks are not kept */
	STEPS_SHIFT = 3,
	SIZE_COUNT = ((LARGEST_SHIFT - SMALLEST_SHIFT) << STEPS_SHIFT) + 1,
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
			idle.bytes -= rounded;
		}
		pthread_mutex_unlock(&idle.mutex);
	}
	if (!block)
		block = aligned_alloc(ALIGNMENT, rounded);
	if (block)
		*ret_size = rounded;
	return block;
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
		if (idle.bytes + size <= STORAGE_IDLE_LIMIT) {
			item->next = shelf->first;
			shelf->first = item;
			shelf->count++;
			idle.bytes += size;
			item = NULL;
		}
		pthread_mutex_unlock(&idle.mutex);
	}
	free(item);
}

/* Takes the blocks off a shelf that were idle all the time since the last call. */
static struct idle *shelf_trim(struct shelf *shelf, struct idle *trimmed, uint32_t *ret_count)
{
	uint32_t count = shelf->count_minimum;

	*ret_count = count;
	for (; count; count--) {
		struct idle *block = shelf->first;

		shelf->first = block->next;
		shelf->count--;
		block->next = trimmed;
		trimmed = block;
	}
	shelf->count_minimum = shelf->count;
	return trimmed;
}

void storage_trim(void)
{
	struct idle *trimmed = NULL;

	pthread_mutex_lock(&idle.mutex);
	for (uint32_t index = 0; index < SIZE_COUNT; index++) {
		uint32_t step = index & ((1u << STEPS_SHIFT) - 1), count;
		uint32_t shift = SMALLEST_SHIFT + (index >> STEPS_SHIFT) - STEPS_SHIFT;

		trimmed = shelf_trim(&idle.shelves[index], trimmed, &count);
		idle.bytes -= (size_t)count * ((size_t)((1u << STEPS_SHIFT) + step) << shift);
	}
	pthread_mutex_unlock(&idle.mutex);
	while (trimmed) {
		struct idle *next = trimmed->next;

		free(trimmed);
		trimmed = next;
	}
}

size_t storage_idle_bytes(void)
{
	size_t bytes;

	pthread_mutex_lock(&idle.mutex);
	bytes = idle.bytes;
	pthread_mutex_unlock(&idle.mutex);
	return bytes;
}

// SPDX-License-Identifier: Apache-2.0
/* The largest of many counts: a heap of those found so far, the smallest of them on top. */
#include "reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct heap {
	const uint64_t *counts;
	uint32_t *items; /* indexes of counts */
	uint32_t length;
};

/* Whether a goes before b: it is the smaller, or as large and comes later. */
static bool goes_first(const struct heap *heap, uint32_t a, uint32_t b)
{
	uint64_t left = heap->counts[a], right = heap->counts[b];

	return left < right || (left == right && a > b);
}

static void swap(struct heap *heap, uint32_t a, uint32_t b)
{
	uint32_t item = heap->items[a];

	heap->items[a] = heap->items[b];
	heap->items[b] = item;
}

static void heap_add(struct heap *heap, uint32_t item)
{
	uint32_t at = heap->length++;

	heap->items[at] = item;
	while (at && goes_first(heap, heap->items[at], heap->items[(at - 1) / 2])) {
		swap(heap, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

/* Puts an item in the place of the first one. */
static void heap_replace(struct heap *heap, uint32_t item)
{
	uint32_t at = 0, next;

	heap->items[0] = item;
	while ((next = 2 * at + 1) < heap->length) {
		if (next + 1 < heap->length &&
		    goes_first(heap, heap->items[next + 1], heap->items[next]))
			next++;
		if (!goes_first(heap, heap->items[next], heap->items[at]))
			return;
		swap(heap, at, next);
		at = next;
	}
}

int64_t reading_choose(const uint64_t *counts, uint32_t count, uint32_t top, bool *ret_chosen)
{
	struct heap heap = { .counts = counts };
	uint32_t capacity = top < count ? top : count;

	memset(ret_chosen, 0, count * sizeof(*ret_chosen));
	if (!capacity)
		return 0;
	heap.items = malloc(capacity * sizeof(*heap.items));
	if (!heap.items)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (counts[i] && heap.length < capacity)
			heap_add(&heap, i);
		else if (counts[i] && goes_first(&heap, heap.items[0], i))
			heap_replace(&heap, i);
	}
	for (uint32_t i = 0; i < heap.length; i++)
		ret_chosen[heap.items[i]] = true;
	free(heap.items);
	return heap.length;
}

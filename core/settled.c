/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are done, in whatever order: all below one, and ranges ahead of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settled.h"

/* The first range that ends at or after the number; count: none does. */
static uint32_t settled_find(const struct settled *settled, uint64_t number)
{
	uint32_t low = 0, high = settled->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (settled->ranges[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int settled_reserve(struct settled *settled, uint32_t count)
{
	uint32_t capacity = settled->capacity ? settled->capacity : 16;
	struct settled_range *ranges;

	while (capacity < count)
		capacity *= 2;
	if (capacity == settled->capacity)
		return 0;
	ranges = reallocarray(settled->ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	settled->ranges = ranges;
	settled->capacity = capacity;
	return 0;
}

/* Puts one range in the place of `count` of them. */
static void ranges_replace(struct settled *settled, uint32_t at, uint32_t count,
			   struct settled_range range)
{
	memmove(settled->ranges + at + 1, settled->ranges + at + count,
		(settled->count - at - count) * sizeof(*settled->ranges));
	settled->ranges[at] = range;
	settled->count = settled->count + 1 - count;
}

/* What was ahead and is not any more. */
static void settled_advance(struct settled *settled, uint64_t below)
{
	uint32_t gone = 0;

	settled->below = below;
	while (gone < settled->count && settled->ranges[gone].first <= settled->below) {
		if (settled->ranges[gone].last >= settled->below)
			settled->below = settled->ranges[gone].last + 1;
		gone++;
	}
	if (!gone)
		return;
	settled->count -= gone;
	memmove(settled->ranges, settled->ranges + gone, settled->count * sizeof(*settled->ranges));
}

int settled_add(struct settled *settled, uint64_t first, uint64_t last)
{
	struct settled_range range = { .first = first, .last = last };
	uint32_t at, count = 0;

	if (first <= settled->below) {
		if (last >= settled->below)
			settled_advance(settled, last + 1);
		return 0;
	}
	if (settled_reserve(settled, settled->count + 1))
		return -ENOMEM;
	at = settled_find(settled, first - 1);
	while (at + count < settled->count && settled->ranges[at + count].first <= last + 1) {
		const struct settled_range *met = &settled->ranges[at + count++];

		range.first = met->first < range.first ? met->first : range.first;
		range.last = met->last > range.last ? met->last : range.last;
	}
	ranges_replace(settled, at, count, range);
	return 0;
}

int settled_copy(struct settled *ret_copy, const struct settled *settled)
{
	struct settled copy = { .below = settled->below };

	if (settled_reserve(&copy, settled->count))
		return -ENOMEM;
	copy.count = settled->count;
	if (copy.count)
		memcpy(copy.ranges, settled->ranges, copy.count * sizeof(*copy.ranges));
	*ret_copy = copy;
	return 0;
}

bool settled_has(const struct settled *settled, uint64_t number)
{
	uint32_t at;

	if (number < settled->below)
		return true;
	at = settled_find(settled, number);
	return at < settled->count && settled->ranges[at].first <= number;
}

uint64_t settled_next(const struct settled *settled, uint64_t number)
{
	uint32_t at;

	if (number < settled->below)
		number = settled->below;
	at = settled_find(settled, number);
	return at < settled->count && settled->ranges[at].first <= number
		       ? settled->ranges[at].last + 1
		       : number;
}

void settled_clear(struct settled *settled)
{
	free(settled->ranges);
	*settled = (struct settled){ 0 };
}

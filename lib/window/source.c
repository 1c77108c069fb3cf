// SPDX-License-Identifier: Apache-2.0
/* How far the clocks of those have come that rows are from. */
#include "source.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 8 };

static void slots_fill(struct sources *sources)
{
	memset(sources->slots, 0, ((size_t)sources->slot_mask + 1) * sizeof(*sources->slots));
	for (uint32_t i = 0; i < sources->count; i++) {
		uint32_t slot = (uint32_t)sources->items[i].key & sources->slot_mask;

		while (sources->slots[slot])
			slot = (slot + 1) & sources->slot_mask;
		sources->slots[slot] = i + 1;
	}
}

static bool grow(struct sources *sources)
{
	uint32_t capacity = sources->capacity ? 2 * sources->capacity : CAPACITY_FIRST;
	struct source *items = realloc(sources->items, capacity * sizeof(*items));
	uint32_t *slots;

	if (!items)
		return false;
	sources->items = items;
	slots = malloc(2 * (size_t)capacity * sizeof(*slots));
	if (!slots)
		return false;
	free(sources->slots);
	sources->slots = slots;
	sources->slot_mask = 2 * capacity - 1;
	sources->capacity = capacity;
	slots_fill(sources);
	return true;
}

static struct source *find(struct sources *sources, uint64_t key)
{
	uint32_t slot = (uint32_t)key & sources->slot_mask, index;

	while (sources->slots && (index = sources->slots[slot]) != 0) {
		if (sources->items[index - 1].key == key)
			return &sources->items[index - 1];
		slot = (slot + 1) & sources->slot_mask;
	}
	if (sources->count >= sources->limit ||
	    (sources->count == sources->capacity && !grow(sources)))
		return sources->count ? &sources->items[sources->count - 1] : NULL;
	for (slot = (uint32_t)key & sources->slot_mask; sources->slots[slot];)
		slot = (slot + 1) & sources->slot_mask;
	sources->items[sources->count] = (struct source){ .key = key, .latest_ns = INT64_MIN };
	sources->slots[slot] = ++sources->count;
	return &sources->items[sources->count - 1];
}

void sources_see(struct sources *sources, uint64_t key, int64_t time_ns, int64_t seen_ns)
{
	struct source *source = find(sources, key);

	if (!source)
		return;
	if (time_ns > source->latest_ns)
		source->latest_ns = time_ns;
	source->seen_ns = seen_ns;
}

int64_t sources_passed(const struct sources *sources, int64_t since_ns, int64_t now_ns)
{
	int64_t passed = INT64_MAX;

	for (uint32_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->items[i];

		if (source->seen_ns < since_ns)
			continue;
		if (source->latest_ns < passed)
			passed = source->latest_ns;
		if (now_ns < passed)
			passed = now_ns;
	}
	return passed;
}

void sources_forget(struct sources *sources, int64_t since_ns)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sources->count; i++) {
		if (sources->items[i].seen_ns >= since_ns)
			sources->items[count++] = sources->items[i];
	}
	if (count == sources->count)
		return;
	sources->count = count;
	slots_fill(sources);
}

void sources_clear(struct sources *sources)
{
	free(sources->items);
	free(sources->slots);
	*sources = (struct sources){ .limit = sources->limit };
}

// SPDX-License-Identifier: Apache-2.0
/* Links in the order of their programs, to be looked up. */
#include "links.h"

#include <errno.h>
#include <stdlib.h>

int links_take(struct links *links, const struct sonde_inventory_link *link)
{
	uint32_t capacity = links->capacity ? 2 * links->capacity : 64;
	struct sonde_inventory_link *items;

	if (links->count == links->capacity) {
		items = realloc(links->items, capacity * sizeof(*items));
		if (!items)
			return -ENOMEM;
		links->items = items;
		links->capacity = capacity;
	}
	links->items[links->count++] = *link;
	return 0;
}

static int link_compare(const void *left, const void *right)
{
	const struct sonde_inventory_link *a = left, *b = right;

	if (a->program_id != b->program_id)
		return a->program_id < b->program_id ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

void links_sort(struct links *links)
{
	if (links->count)
		qsort(links->items, links->count, sizeof(*links->items), link_compare);
}

uint32_t links_of(const struct links *links, uint32_t program_id,
		  const struct sonde_inventory_link **ret_first)
{
	uint32_t first = 0, end = links->count, middle, count = 0;

	while (first < end) {
		middle = first + (end - first) / 2;
		if (links->items[middle].program_id < program_id)
			first = middle + 1;
		else
			end = middle;
	}
	while (first + count < links->count && links->items[first + count].program_id == program_id)
		count++;
	*ret_first = count ? &links->items[first] : NULL;
	return count;
}

void links_free(struct links *links)
{
	free(links->items);
	*links = (struct links){ 0 };
}

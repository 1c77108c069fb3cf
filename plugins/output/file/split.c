// SPDX-License-Identifier: Apache-2.0
/* The rows of a batch by the file that they go to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "split.h"

void split_release(struct split *split)
{
	json_release(&split->paths);
	free(split->groups);
	free(split->next);
	free(split->slots);
	memset(split, 0, sizeof(*split));
}

const char *split_path(const struct split *split, const struct group *group)
{
	return split->paths.data + group->path;
}

static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t at = 0; at < length; at++)
		hash = (hash ^ (unsigned char)text[at]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

/* The slot of a path: of its group, or a free one. */
static uint32_t *find_slot(const struct split *split, uint64_t hash, const char *path,
			   size_t length)
{
	for (uint64_t at = hash;; at++) {
		uint32_t *slot = &split->slots[at & (split->slot_count - 1)];
		const struct group *group = &split->groups[*slot - 1];

		if (!*slot || (group->hash == hash && group->path_length == length &&
			       memcmp(split_path(split, group), path, length) == 0))
			return slot;
	}
}

/* At most half of the slots are taken. */
static int grow_slots(struct split *split)
{
	uint32_t count = split->slot_count ? split->slot_count * 2 : 64;
	uint32_t *slots;

	if (split->group_count * 2 < split->slot_count)
		return 0;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(split->slots);
	split->slots = slots;
	split->slot_count = count;
	for (uint32_t index = 0; index < split->group_count; index++) {
		const struct group *group = &split->groups[index];

		*find_slot(split, group->hash, split_path(split, group), group->path_length) =
			index + 1;
	}
	return 0;
}

static int group_add(struct split *split, uint64_t hash, const char *path, size_t length)
{
	char *at;

	if (split->group_count == split->group_capacity) {
		uint32_t capacity = split->group_capacity ? split->group_capacity * 2 : 32;
		struct group *groups = reallocarray(split->groups, capacity, sizeof(*groups));

		if (!groups)
			return -ENOMEM;
		split->groups = groups;
		split->group_capacity = capacity;
	}
	at = json_room(&split->paths, length + 1);
	if (!at)
		return -ENOMEM;
	memcpy(at, path, length + 1);
	split->groups[split->group_count++] = (struct group){ .hash = hash,
							      .path = (uint32_t)split->paths.length,
							      .path_length = (uint32_t)length,
							      .first = UINT32_MAX };
	split->paths.length += length + 1;
	return 0;
}

/* Adds the row to the group of its path, and returns which that is. */
static int64_t add_row(struct split *split, struct template *template, uint32_t row)
{
	char path[TEMPLATE_PATH_BYTES];
	size_t length = template_expand(template, row, path);
	uint64_t hash = hash_of(path, length);
	uint32_t *slot;

	if (grow_slots(split) < 0)
		return -ENOMEM;
	slot = find_slot(split, hash, path, length);
	if (!*slot) {
		if (group_add(split, hash, path, length) < 0)
			return -ENOMEM;
		*slot = split->group_count;
	}
	return (int64_t)*slot - 1;
}

static void append(struct split *split, int64_t index, uint32_t row)
{
	struct group *group = &split->groups[index];

	if (group->first == UINT32_MAX)
		group->first = row;
	else
		split->next[group->last] = row;
	group->last = row;
	split->next[row] = UINT32_MAX;
}

static int prepare(struct split *split, uint32_t row_count)
{
	uint32_t *next;

	json_clear(&split->paths);
	split->group_count = 0;
	if (split->slot_count)
		memset(split->slots, 0, split->slot_count * sizeof(*split->slots));
	if (row_count <= split->row_capacity)
		return 0;
	next = reallocarray(split->next, row_count, sizeof(*next));
	if (!next)
		return -ENOMEM;
	split->next = next;
	split->row_capacity = row_count;
	return 0;
}

int split_batch(struct split *split, struct template *template, const struct sonde_batch *batch)
{
	uint32_t before = UINT32_MAX;
	int64_t group = -1;

	if (prepare(split, batch->row_count) < 0)
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_selected(batch, row))
			continue;
		if (before == UINT32_MAX ||
		    (template->varies && !template_same(template, row, before)))
			group = add_row(split, template, row);
		if (group < 0)
			return (int)group;
		append(split, group, row);
		before = row;
	}
	return 0;
}

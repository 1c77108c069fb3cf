// SPDX-License-Identifier: Apache-2.0
/* Gives the room of silent groups back, and knows the names of those that there are. */
#include <sonde/kernel.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

#define SILENT_READINGS     60 /* a group for which nothing was counted so long is given up */
#define SILENT_WHEN_CROWDED 2  /* the same when there is little room */

#define GRACE_NS 50000000ull /* in which every run that was under way has ended */

enum group_state { GROUP_FREE, GROUP_LIVE, GROUP_LEAVING };

struct group {
	enum group_state state;
	uint32_t silent_readings;
	bool path_known[2];
	char *paths[2];
};

struct sonde_kernel_groups {
	struct sonde_kernel_groups_plan plan;
	unsigned char *entries; /* shared with the kernel */
	size_t entry_bytes;
	uint32_t count;
	int ids_fd, free_fd;
	bool leaving;     /* some groups wait to be emptied */
	uint64_t left_ns; /* since then */
	struct group groups[];
};

static void *entry_of(const struct sonde_kernel_groups *groups, uint32_t index)
{
	return groups->entries + index * groups->entry_bytes;
}

int sonde_kernel_groups_create(struct sonde_kernel *kernel,
			       const struct sonde_kernel_groups_plan *plan,
			       struct sonde_kernel_groups **ret_groups)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(kernel->object, plan->entries);
	struct sonde_kernel_groups *groups;
	uint32_t count = map ? bpf_map__max_entries(map) : 0;
	unsigned char *entries = sonde_kernel_memory(kernel, plan->entries);

	if (!entries || sonde_kernel_map(kernel, plan->ids) < 0 ||
	    sonde_kernel_map(kernel, plan->free) < 0)
		return -ENOENT;
	groups = calloc(1, sizeof(*groups) + count * sizeof(groups->groups[0]));
	if (!groups)
		return -ENOMEM;
	groups->plan = *plan;
	groups->entries = entries;
	groups->entry_bytes = ((size_t)bpf_map__value_size(map) + 7) / 8 * 8;
	groups->count = count;
	groups->ids_fd = sonde_kernel_map(kernel, plan->ids);
	groups->free_fd = sonde_kernel_map(kernel, plan->free);
	*ret_groups = groups;
	return 0;
}

static void group_clear(struct group *group)
{
	free(group->paths[0]);
	free(group->paths[1]);
	memset(group, 0, sizeof(*group));
}

void sonde_kernel_groups_free(struct sonde_kernel_groups *groups)
{
	if (!groups)
		return;
	for (uint32_t index = 0; index < groups->count; index++)
		group_clear(&groups->groups[index]);
	free(groups);
}

uint32_t sonde_kernel_groups_begin(struct sonde_kernel_groups *groups)
{
	uint32_t used = 1;

	for (uint32_t index = 1; index < groups->count; index++) {
		struct group *group = &groups->groups[index];
		bool taken = *(const volatile uint64_t *)entry_of(groups, index) != 0;

		/* A program that lost a race for the same key gives its entry back at once. */
		if (group->state != GROUP_LEAVING)
			group->state = taken ? GROUP_LIVE : GROUP_FREE;
		used += group->state != GROUP_FREE;
	}
	return used;
}

void sonde_kernel_groups_touch(struct sonde_kernel_groups *groups, uint32_t index)
{
	if (index < groups->count)
		groups->groups[index].silent_readings = 0;
}

const char *sonde_kernel_groups_path(struct sonde_kernel_groups *groups, uint32_t index,
				     uint32_t word)
{
	struct group *group = &groups->groups[index];
	char path[PATH_MAX];
	uint64_t cgroup_id;
	int error;

	if (!index || index >= groups->count || word > 1)
		return NULL;
	if (!group->path_known[word]) {
		cgroup_id = ((const volatile uint64_t *)entry_of(groups, index))[word];
		error = sonde_kernel_cgroup_path(cgroup_id, path, sizeof(path));
		group->path_known[word] = error != -EAGAIN;
		if (!error)
			group->paths[word] = strdup(path);
	}
	return group->paths[word];
}

/* Groups that were taken out of the table one reading ago have no user left: every task has looked
 * its group up anew since, or will before it is counted next. */
static bool groups_empty(struct sonde_kernel_groups *groups)
{
	bool emptied = false, left = false;

	if (!groups->leaving || sonde_kernel_monotonic_ns() - groups->left_ns < GRACE_NS)
		return false;
	for (uint32_t index = 1; index < groups->count; index++) {
		if (groups->groups[index].state != GROUP_LEAVING)
			continue;
		if (!groups->plan.empty(groups->plan.context, index)) {
			left = true;
			continue;
		}
		memset(entry_of(groups, index), 0, groups->entry_bytes);
		group_clear(&groups->groups[index]);
		bpf_map_update_elem(groups->free_fd, NULL, &index, BPF_ANY);
		emptied = true;
	}
	groups->leaving = left;
	return emptied;
}

static void groups_retire(struct sonde_kernel_groups *groups, bool crowded)
{
	uint32_t limit = crowded ? SILENT_WHEN_CROWDED : SILENT_READINGS;

	for (uint32_t index = 1; index < groups->count; index++) {
		struct group *group = &groups->groups[index];

		if (group->state != GROUP_LIVE || ++group->silent_readings <= limit)
			continue;
		bpf_map_delete_elem(groups->ids_fd, entry_of(groups, index));
		group->state = GROUP_LEAVING;
		groups->leaving = true;
		groups->left_ns = sonde_kernel_monotonic_ns();
	}
}

bool sonde_kernel_groups_end(struct sonde_kernel_groups *groups, bool crowded)
{
	bool emptied = groups_empty(groups);

	groups_retire(groups, crowded);
	return emptied;
}

int sonde_kernel_queue_fill(struct sonde_kernel *kernel, const char *map, uint32_t count)
{
	int fd = sonde_kernel_map(kernel, map);

	for (uint32_t index = 1; index < count; index++)
		if (bpf_map_update_elem(fd, NULL, &index, BPF_ANY))
			return -errno;
	return 0;
}

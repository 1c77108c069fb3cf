// SPDX-License-Identifier: Apache-2.0
/* Adds events up by cgroup, in bounded room. */
#include "counts.h"

#include <errno.h>
#include <sonde/bpf/histogram.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

int counts_open(struct counts *counts, uint32_t limit)
{
	uint32_t place_count = 4;

	while (place_count < 2 * limit)
		place_count *= 2;
	*counts = (struct counts){ .limit = limit, .used = 1, .place_count = place_count };
	counts->groups = calloc(limit, sizeof(*counts->groups));
	counts->places = calloc(place_count, sizeof(*counts->places));
	return counts->groups && counts->places ? 0 : -ENOMEM;
}

void counts_close(struct counts *counts)
{
	free(counts->groups);
	free(counts->places);
	*counts = (struct counts){ 0 };
}

static struct counts_group *group_find(struct counts *counts, uint64_t cgroup_id)
{
	uint32_t mask = counts->place_count - 1;
	uint32_t place = (uint32_t)((cgroup_id * 0x9e3779b97f4a7c15ull) >> 32) & mask;
	struct counts_group *group;

	for (; counts->places[place]; place = (place + 1) & mask) {
		group = &counts->groups[counts->places[place]];
		if (group->cgroup_id == cgroup_id)
			return group;
	}
	if (counts->used == counts->limit)
		return &counts->groups[0];
	counts->places[place] = counts->used;
	group = &counts->groups[counts->used++];
	group->cgroup_id = cgroup_id;
	return group;
}

static void exit_add(struct counts_group *group, const struct sonde_process_event *event)
{
	uint64_t lifetime_ns = event->time_ns - event->image->start_ns;

	group->exits++;
	group->failures += event->status != 0;
	group->signals += WIFSIGNALED(event->status);
	group->lifetime_ns += lifetime_ns;
	group->user_ns += event->usage.user_ns;
	group->system_ns += event->usage.system_ns;
	group->buckets[sonde_histogram_index(lifetime_ns) - COUNTS_FIRST_BUCKET]++;
}

void counts_add(struct counts *counts, const struct sonde_process_event *event)
{
	struct counts_group *group = group_find(counts, event->cgroup_id);

	group->events++;
	if (event->change == SONDE_PROCESS_FORKED)
		group->forks++;
	else if (event->change == SONDE_PROCESS_EXECED)
		group->execs++;
	else
		exit_add(group, event);
}

void counts_clear(struct counts *counts)
{
	memset(counts->groups, 0, counts->used * sizeof(*counts->groups));
	memset(counts->places, 0, counts->place_count * sizeof(*counts->places));
	counts->used = 1;
}

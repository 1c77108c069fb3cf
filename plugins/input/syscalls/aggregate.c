// SPDX-License-Identifier: Apache-2.0
/* Reads the slots that the kernel shares, and gives the room of silent groups back. */
#include "aggregate.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

#define SILENT_READINGS     60 /* a group without calls for so long is given up */
#define SILENT_WHEN_CROWDED 2  /* the same when three quarters of groups or slots are in use */

#define GRACE_NS 50000000ull /* in which every run that was under way has ended */

/* What a slot held when it was read last, over all CPUs. */
struct seen {
	uint64_t calls, duration_ns;
	uint32_t errors[SONDE_SYSCALL_ERRORS];
	uint32_t buckets[SONDE_SYSCALL_BUCKETS];
};

enum group_state { GROUP_FREE, GROUP_LIVE, GROUP_LEAVING };

struct group {
	enum group_state state;
	uint32_t silent_readings;
	bool path_known;
	char *path;
};

struct aggregate {
	struct probe *probe;
	struct seen *seen;    /* slot_count */
	struct group *groups; /* group_count */
	uint32_t slot_end;    /* slots from here on were never used */
	uint32_t groups_used, slots_used;
	bool leaving;     /* some groups wait to be emptied */
	uint64_t left_ns; /* since then */
	struct aggregate_delta delta;
	uint64_t *ranks;               /* with a top: of each slot, calls since the last reading */
	bool *chosen;                  /* likewise: it is one of those with most */
	bool choosing;                 /* in this reading */
	struct aggregate_delta others; /* of all slots that are not chosen */
};

struct aggregate *aggregate_create(struct probe *probe)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));

	if (!aggregate)
		return NULL;
	aggregate->probe = probe;
	aggregate->slot_end = 1;
	aggregate->seen = calloc(probe->slot_count, sizeof(*aggregate->seen));
	aggregate->groups = calloc(probe->group_count, sizeof(*aggregate->groups));
	if (aggregate->seen && aggregate->groups)
		return aggregate;
	aggregate_free(aggregate);
	return NULL;
}

void aggregate_free(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	for (uint32_t i = 0; aggregate->groups && i < aggregate->probe->group_count; i++)
		free(aggregate->groups[i].path);
	free(aggregate->groups);
	free(aggregate->seen);
	free(aggregate->ranks);
	free(aggregate->chosen);
	free(aggregate);
}

void aggregate_fill(const struct aggregate *aggregate, uint32_t *ret_groups, uint32_t *ret_slots)
{
	*ret_groups = aggregate->groups_used;
	*ret_slots = aggregate->slots_used;
}

static volatile struct sonde_syscall_slot *slot_of(const struct probe *probe, uint32_t cpu,
						   uint32_t slot)
{
	return &probe->slots[(size_t)cpu * probe->slot_count + slot];
}

/* Buckets and errors are read before the calls, which the kernel counts first: there is never a
 * duration or an error without its call. */
static bool slot_read(struct aggregate *aggregate, uint32_t slot)
{
	struct aggregate_delta *delta = &aggregate->delta;
	const struct probe *probe = aggregate->probe;
	struct seen *seen = &aggregate->seen[slot], now;
	uint64_t calls = 0;

	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
		calls += slot_of(probe, cpu, slot)->calls;
	if (calls == seen->calls)
		return false;
	memset(&now, 0, sizeof(now));
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) {
		volatile struct sonde_syscall_slot *from = slot_of(probe, cpu, slot);

		for (int i = 0; i < SONDE_SYSCALL_BUCKETS; i++)
			now.buckets[i] += from->buckets[i];
		for (int i = 0; i < SONDE_SYSCALL_ERRORS; i++)
			now.errors[i] += from->errors[i];
		now.duration_ns += from->duration_ns;
		now.calls += from->calls;
	}
	delta->calls = now.calls - seen->calls;
	delta->duration_ns = now.duration_ns - seen->duration_ns;
	delta->timed = 0;
	delta->error_count = 0;
	for (int i = 0; i < SONDE_SYSCALL_BUCKETS; i++) /* 32 bits that may have wrapped */
		delta->timed += delta->buckets[i] = (uint32_t)(now.buckets[i] - seen->buckets[i]);
	for (int i = 0; i < SONDE_SYSCALL_ERRORS; i++)
		delta->error_count += delta->errors[i] =
			(uint32_t)(now.errors[i] - seen->errors[i]);
	*seen = now;
	return true;
}

static void group_describe(struct aggregate *aggregate, uint32_t index,
			   struct aggregate_group *ret_group)
{
	const struct sonde_syscall_group *from = &aggregate->probe->groups[index];
	struct group *group = &aggregate->groups[index];
	char path[PATH_MAX];
	int error;

	if (!group->path_known && index) {
		error = sonde_kernel_cgroup_path(from->key.cgroup_id, path, sizeof(path));
		group->path_known = error != -EAGAIN;
		if (!error)
			group->path = strdup(path);
	}
	ret_group->cgroup_id = from->key.cgroup_id;
	ret_group->tgid = from->key.tgid;
	ret_group->comm = from->comm;
	ret_group->path = group->path;
}

/* Empties what a group leaves, on all CPUs, and puts it back into the queues of free room. */
static void group_empty(struct aggregate *aggregate, uint32_t index)
{
	const struct probe *probe = aggregate->probe;
	struct sonde_syscall_group *group = &probe->groups[index];
	int free_slots = sonde_kernel_map(probe->kernel, "free_slots");
	int free_groups = sonde_kernel_map(probe->kernel, "free_groups");

	for (uint32_t call = 0; call < SONDE_SYSCALL_INDEXES; call++) {
		uint32_t slot = group->slots[call];

		if (!slot || slot >= probe->slot_count)
			continue;
		for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
			memset((void *)(uintptr_t)slot_of(probe, cpu, slot), 0,
			       sizeof(struct sonde_syscall_slot));
		memset(&aggregate->seen[slot], 0, sizeof(aggregate->seen[slot]));
		bpf_map_update_elem(free_slots, NULL, &slot, BPF_ANY);
	}
	memset(group, 0, sizeof(*group));
	free(aggregate->groups[index].path);
	memset(&aggregate->groups[index], 0, sizeof(aggregate->groups[index]));
	bpf_map_update_elem(free_groups, NULL, &index, BPF_ANY);
}

/* Calls that found the slots used up may try again. */
static void slots_reopen(const struct probe *probe)
{
	for (uint32_t group = 0; group < probe->group_count; group++)
		for (uint32_t call = 0; call < SONDE_SYSCALL_INDEXES; call++)
			if (probe->groups[group].slots[call] == SONDE_SYSCALL_SLOT_NONE)
				probe->groups[group].slots[call] = 0;
}

/* Groups that were taken out of the table one reading ago have no user left: every task has looked
 * its group up anew since, or will before its next call. */
static void groups_empty(struct aggregate *aggregate)
{
	if (!aggregate->leaving || sonde_kernel_monotonic_ns() - aggregate->left_ns < GRACE_NS)
		return;
	for (uint32_t index = 1; index < aggregate->probe->group_count; index++)
		if (aggregate->groups[index].state == GROUP_LEAVING)
			group_empty(aggregate, index);
	slots_reopen(aggregate->probe);
	aggregate->leaving = false;
}

static void groups_retire(struct aggregate *aggregate)
{
	struct probe *probe = aggregate->probe;
	int ids = sonde_kernel_map(probe->kernel, "group_ids");
	bool crowded = aggregate->groups_used > probe->group_count / 4 * 3 ||
		       aggregate->slots_used > probe->slot_count / 4 * 3;
	uint32_t limit = crowded ? SILENT_WHEN_CROWDED : SILENT_READINGS;

	for (uint32_t index = 1; index < probe->group_count; index++) {
		struct group *group = &aggregate->groups[index];

		if (group->state != GROUP_LIVE || ++group->silent_readings <= limit)
			continue;
		bpf_map_delete_elem(ids, &probe->groups[index].key);
		group->state = GROUP_LEAVING;
		aggregate->leaving = true;
		aggregate->left_ns = sonde_kernel_monotonic_ns();
	}
}

/* ---- the largest ------------------------------------------------------------------------- */

static bool slot_is_read(const struct aggregate *aggregate, uint32_t slot)
{
	return !slot || aggregate->probe->slots[slot].used;
}

/* Slots are handed out in turn at first: behind a run of unused ones there is none. */
static bool slot_may_be(const struct aggregate *aggregate, uint32_t slot, uint32_t slot_end)
{
	return slot < aggregate->probe->slot_count && slot < slot_end + 64;
}

static bool ranks_make(struct aggregate *aggregate)
{
	uint32_t count = aggregate->probe->slot_count;

	if (!aggregate->ranks)
		aggregate->ranks = calloc(count, sizeof(*aggregate->ranks));
	if (!aggregate->chosen)
		aggregate->chosen = calloc(count, sizeof(*aggregate->chosen));
	return aggregate->ranks && aggregate->chosen;
}

/* Looks which slots have most calls since the last reading. What comes while they are read counts
 * where the slot does: nothing is lost by a choice that is a moment old. Where memory is refused
 * all are told apart. */
static void slots_choose(struct aggregate *aggregate, uint32_t top)
{
	const struct probe *probe = aggregate->probe;
	uint32_t slot = 1, slot_end = aggregate->slot_end;

	aggregate->choosing = top && ranks_make(aggregate);
	if (!aggregate->choosing)
		return;
	aggregate->ranks[0] = 0; /* holds what is not told apart already */
	for (; slot_may_be(aggregate, slot, slot_end); slot++) {
		aggregate->ranks[slot] = 0;
		if (!slot_is_read(aggregate, slot))
			continue;
		if (slot >= slot_end)
			slot_end = slot + 1;
		for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
			aggregate->ranks[slot] += slot_of(probe, cpu, slot)->calls;
		aggregate->ranks[slot] -= aggregate->seen[slot].calls;
	}
	memset(aggregate->chosen + slot, 0, (probe->slot_count - slot) * sizeof(bool));
	aggregate->choosing = reading_choose(aggregate->ranks, slot, top, aggregate->chosen) >= 0;
}

static void others_add(struct aggregate *aggregate)
{
	const struct aggregate_delta *delta = &aggregate->delta;
	struct aggregate_delta *others = &aggregate->others;

	others->calls += delta->calls;
	others->timed += delta->timed;
	others->duration_ns += delta->duration_ns;
	others->error_count += delta->error_count;
	for (int i = 0; i < SONDE_SYSCALL_ERRORS; i++)
		others->errors[i] += delta->errors[i];
	for (int i = 0; i < SONDE_SYSCALL_BUCKETS; i++)
		others->buckets[i] += delta->buckets[i];
}

static void others_visit(struct aggregate *aggregate, aggregate_callback *callback, void *context)
{
	const struct aggregate_group group = { .comm = "" };

	if (aggregate->others.calls)
		callback(context, &group, SONDE_SYSCALL_OTHER, &aggregate->others);
	memset(&aggregate->others, 0, sizeof(aggregate->others));
}

/* ---- reading ----------------------------------------------------------------------------- */

static uint64_t slot_visit(struct aggregate *aggregate, uint32_t slot, aggregate_callback *callback,
			   void *context)
{
	const struct probe *probe = aggregate->probe;
	uint32_t index = slot ? probe->slots[slot].group : 0;
	uint32_t call = slot ? probe->slots[slot].index : SONDE_SYSCALL_OTHER;
	struct aggregate_group group;

	if (index >= probe->group_count || !slot_read(aggregate, slot))
		return 0;
	aggregate->groups[index].silent_readings = 0;
	if (aggregate->choosing && !aggregate->chosen[slot]) {
		others_add(aggregate);
		return aggregate->delta.calls;
	}
	group_describe(aggregate, index, &group);
	callback(context, &group, call, &aggregate->delta);
	return aggregate->delta.calls;
}

uint64_t aggregate_read(struct aggregate *aggregate, uint32_t top, aggregate_callback *callback,
			void *context)
{
	const struct probe *probe = aggregate->probe;
	uint32_t slot_end = aggregate->slot_end;
	uint64_t calls = 0;

	aggregate->slots_used = aggregate->groups_used = 1;
	for (uint32_t index = 1; index < probe->group_count; index++) {
		if (probe->groups[index].key.cgroup_id &&
		    aggregate->groups[index].state == GROUP_FREE)
			aggregate->groups[index].state = GROUP_LIVE;
		aggregate->groups_used += aggregate->groups[index].state != GROUP_FREE;
	}
	slots_choose(aggregate, top);
	for (uint32_t slot = 0; slot_may_be(aggregate, slot, slot_end); slot++) {
		if (!slot_is_read(aggregate, slot))
			continue;
		if (slot >= slot_end)
			slot_end = slot + 1;
		aggregate->slots_used += slot != 0;
		calls += slot_visit(aggregate, slot, callback, context);
	}
	aggregate->slot_end = slot_end;
	others_visit(aggregate, callback, context);
	groups_empty(aggregate); /* what they counted last was visited above */
	groups_retire(aggregate);
	probe_renew(aggregate->probe);
	return calls;
}

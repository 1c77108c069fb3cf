// SPDX-License-Identifier: Apache-2.0
/* Reads the slots that the kernel shares, and gives the room of silent groups back. */
#include "aggregate.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

/* What a slot held when it was read last, over all CPUs. */
struct seen {
	uint64_t calls, duration_ns;
	uint32_t errors[SONDE_SYSCALL_ERRORS];
	uint32_t buckets[SONDE_SYSCALL_BUCKETS];
};

struct aggregate {
	struct probe *probe;
	struct seen *seen; /* slot_count */
	struct sonde_kernel_groups *groups;
	uint32_t slot_end; /* slots from here on were never used */
	uint32_t groups_used, slots_used;
	struct aggregate_delta delta;
	uint64_t *ranks;               /* with a top: of each slot, calls since the last reading */
	bool *chosen;                  /* likewise: it is one of those with most */
	bool choosing;                 /* in this reading */
	struct aggregate_delta others; /* of all slots that are not chosen */
};

static volatile struct sonde_syscall_slot *slot_of(const struct probe *probe, uint32_t cpu,
						   uint32_t slot)
{
	return &probe->slots[(size_t)cpu * probe->slot_count + slot];
}

/* Empties what a group leaves, on all CPUs, and puts its slots back into the queue of free ones. */
static bool group_empty(void *context, uint32_t index)
{
	struct aggregate *aggregate = context;
	const struct probe *probe = aggregate->probe;
	int free_slots = sonde_kernel_map(probe->kernel, "free_slots");

	for (uint32_t call = 0; call < SONDE_SYSCALL_INDEXES; call++) {
		uint32_t slot = probe->groups[index].slots[call];

		if (!slot || slot >= probe->slot_count)
			continue;
		for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
			memset((void *)(uintptr_t)slot_of(probe, cpu, slot), 0,
			       sizeof(struct sonde_syscall_slot));
		memset(&aggregate->seen[slot], 0, sizeof(aggregate->seen[slot]));
		bpf_map_update_elem(free_slots, NULL, &slot, BPF_ANY);
	}
	return true;
}

struct aggregate *aggregate_create(struct probe *probe)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));
	struct sonde_kernel_groups_plan plan = { .size = sizeof(plan),
						 .entries = "groups",
						 .ids = "group_ids",
						 .free = "free_groups",
						 .empty = group_empty,
						 .context = aggregate };

	if (!aggregate)
		return NULL;
	aggregate->probe = probe;
	aggregate->slot_end = 1;
	aggregate->seen = calloc(probe->slot_count, sizeof(*aggregate->seen));
	if (aggregate->seen &&
	    !sonde_kernel_groups_create(probe->kernel, &plan, &aggregate->groups))
		return aggregate;
	aggregate_free(aggregate);
	return NULL;
}

void aggregate_free(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	sonde_kernel_groups_free(aggregate->groups);
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

static void group_describe(const struct aggregate *aggregate, uint32_t index,
			   struct aggregate_group *ret_group)
{
	const struct sonde_group *from = &aggregate->probe->groups[index].who;

	ret_group->cgroup_id = from->key.cgroup_id;
	ret_group->tgid = from->key.tgid;
	ret_group->comm = from->comm;
	ret_group->path = sonde_kernel_groups_path(aggregate->groups, index, 0);
}

/* Calls that found the slots used up may try again. */
static void slots_reopen(const struct probe *probe)
{
	for (uint32_t group = 0; group < probe->group_count; group++)
		for (uint32_t call = 0; call < SONDE_SYSCALL_INDEXES; call++)
			if (probe->groups[group].slots[call] == SONDE_SYSCALL_SLOT_NONE)
				probe->groups[group].slots[call] = 0;
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
	sonde_kernel_groups_touch(aggregate->groups, index);
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
	bool crowded;

	aggregate->slots_used = 1;
	aggregate->groups_used = sonde_kernel_groups_begin(aggregate->groups);
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
	crowded = aggregate->groups_used > probe->group_count / 4 * 3 ||
		  aggregate->slots_used > probe->slot_count / 4 * 3;
	if (sonde_kernel_groups_end(aggregate->groups, crowded)) /* emptied of what was visited */
		slots_reopen(probe);
	probe_renew(aggregate->probe);
	return calls;
}

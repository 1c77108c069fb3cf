// SPDX-License-Identifier: Apache-2.0
/* Reads the slots and pairs that the kernel shares, and gives the room of silent ones back. */
#include "aggregate.h"
#include "reading.h"

#include <stdlib.h>
#include <string.h>

/* What a slot held when it was read last, over all CPUs. */
struct seen {
	uint64_t waits, delay_ns, ns[SONDE_SCHEDULER_STATES], voluntary, forced;
	struct sonde_scheduler_wait by[SONDE_SCHEDULER_CULPRITS];
	uint32_t buckets[SONDE_SCHEDULER_BUCKETS];
};

struct aggregate {
	struct probe *probe;
	struct seen *seen;                      /* group_count */
	struct sonde_scheduler_wait *pair_seen; /* pair_count */
	struct sonde_kernel_groups *groups, *pairs;
	uint32_t groups_used, pairs_used;
	struct aggregate_delta delta;
	struct sonde_scheduler_wait by[SONDE_SCHEDULER_CULPRITS]; /* of the group that is read */

	bool choosing;                 /* not all groups are told apart */
	uint64_t *ranks;               /* of each group: delay since the last reading */
	bool *chosen;                  /* those that are */
	struct aggregate_delta others; /* what all the rest did */
	struct sonde_scheduler_wait others_by[SONDE_SCHEDULER_CULPRITS]; /* whom it waited for */
};

static volatile struct sonde_scheduler_slot *slot_of(const struct probe *probe, uint32_t cpu,
						     uint32_t group)
{
	return &probe->slots[(size_t)cpu * probe->group_count + group];
}

static volatile struct sonde_scheduler_wait *pair_wait_of(const struct probe *probe, uint32_t cpu,
							  uint32_t pair)
{
	return &probe->pair_waits[(size_t)cpu * probe->pair_count + pair];
}

/* Who has the CPU now; false: it went on while it was read. */
static bool turn_read(const struct probe *probe, uint32_t cpu,
		      struct sonde_scheduler_turn *ret_turn)
{
	const volatile struct sonde_scheduler_cpu *from = &probe->cpus[cpu];
	uint64_t count = from->turn;
	const volatile struct sonde_scheduler_turn *turn =
		&from->turns[count & (SONDE_SCHEDULER_TURNS - 1)];

	ret_turn->last_ns = turn->last_ns;
	ret_turn->group = turn->group;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return from->turn == count;
}

/* Whether a task runs whose time will be booked for the group when it leaves its CPU. */
static bool group_runs(const struct probe *probe, uint32_t group)
{
	struct sonde_scheduler_turn turn;

	if (!probe->control->turns) /* nor is time booked, then */
		return false;
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
		if (!turn_read(probe, cpu, &turn) || turn.group == group)
			return true;
	return false;
}

static bool group_empty(void *context, uint32_t index)
{
	struct aggregate *aggregate = context;
	const struct probe *probe = aggregate->probe;

	if (group_runs(probe, index))
		return false;
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
		memset((void *)(uintptr_t)slot_of(probe, cpu, index), 0,
		       sizeof(struct sonde_scheduler_slot));
	memset(&aggregate->seen[index], 0, sizeof(aggregate->seen[index]));
	return true;
}

static bool pair_empty(void *context, uint32_t index)
{
	struct aggregate *aggregate = context;

	for (uint32_t cpu = 0; cpu < aggregate->probe->cpu_count; cpu++)
		memset((void *)(uintptr_t)pair_wait_of(aggregate->probe, cpu, index), 0,
		       sizeof(struct sonde_scheduler_wait));
	memset(&aggregate->pair_seen[index], 0, sizeof(aggregate->pair_seen[index]));
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
	struct sonde_kernel_groups_plan pairs = { .size = sizeof(pairs),
						  .entries = "pairs",
						  .ids = "pair_ids",
						  .free = "free_pairs",
						  .empty = pair_empty,
						  .context = aggregate };

	if (!aggregate)
		return NULL;
	aggregate->probe = probe;
	aggregate->seen = calloc(probe->group_count, sizeof(*aggregate->seen));
	aggregate->pair_seen = calloc(probe->pair_count, sizeof(*aggregate->pair_seen));
	if (aggregate->seen && aggregate->pair_seen &&
	    !sonde_kernel_groups_create(probe->kernel, &plan, &aggregate->groups) &&
	    !sonde_kernel_groups_create(probe->kernel, &pairs, &aggregate->pairs))
		return aggregate;
	aggregate_free(aggregate);
	return NULL;
}

void aggregate_free(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	sonde_kernel_groups_free(aggregate->groups);
	sonde_kernel_groups_free(aggregate->pairs);
	free(aggregate->seen);
	free(aggregate->pair_seen);
	free(aggregate->ranks);
	free(aggregate->chosen);
	free(aggregate);
}

void aggregate_fill(const struct aggregate *aggregate, uint32_t *ret_groups, uint32_t *ret_pairs)
{
	*ret_groups = aggregate->groups_used;
	*ret_pairs = aggregate->pairs_used;
}

/* ---- groups ------------------------------------------------------------------------------ */

/* The time of those that run now, which the kernel books when they leave. It is read after what was
 * booked: a task that leaves meanwhile is missed rather than counted twice, until the next time. */
static uint64_t running_ns(const struct probe *probe, uint32_t group)
{
	struct sonde_scheduler_turn turn;
	uint64_t total_ns = 0, now_ns = sonde_kernel_monotonic_ns();

	for (uint32_t cpu = 0; group && probe->control->times && cpu < probe->cpu_count; cpu++)
		if (turn_read(probe, cpu, &turn) && turn.group == group &&
		    turn.last_ns >= probe->control->turns_ns && turn.last_ns < now_ns)
			total_ns += now_ns - turn.last_ns;
	return total_ns;
}

static void slot_sum(const struct probe *probe, uint32_t group, struct seen *ret_sum)
{
	memset(ret_sum, 0, sizeof(*ret_sum));
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) {
		const volatile struct sonde_scheduler_slot *from = slot_of(probe, cpu, group);

		for (int i = 0; i < SONDE_SCHEDULER_CULPRITS; i++) {
			ret_sum->by[i].turns += from->by[i].turns;
			ret_sum->by[i].preemptions += from->by[i].preemptions;
			ret_sum->by[i].ns += from->by[i].ns;
		}
		for (int i = 0; i < SONDE_SCHEDULER_BUCKETS; i++)
			ret_sum->buckets[i] += from->buckets[i];
		for (int i = 0; i < SONDE_SCHEDULER_STATES; i++)
			ret_sum->ns[i] += from->ns[i];
		ret_sum->voluntary += from->left[0];
		ret_sum->forced += from->left[1];
		ret_sum->delay_ns += from->delay_ns;
		ret_sum->waits += from->waits;
	}
	ret_sum->ns[SONDE_SCHEDULER_RUNNING] += running_ns(probe, group);
}

static struct sonde_scheduler_wait wait_delta(const struct sonde_scheduler_wait *now,
					      struct sonde_scheduler_wait *seen)
{
	struct sonde_scheduler_wait delta = { .turns = now->turns - seen->turns,
					      .preemptions = now->preemptions - seen->preemptions,
					      .ns = now->ns - seen->ns };

	if (!delta.turns) /* the turn that its time belongs to is not counted yet */
		return (struct sonde_scheduler_wait){ 0 };
	*seen = *now;
	return delta;
}

/* False: nothing happened. */
static bool slot_read(struct aggregate *aggregate, uint32_t group)
{
	struct aggregate_delta *delta = &aggregate->delta;
	struct seen *seen = &aggregate->seen[group], now;

	slot_sum(aggregate->probe, group, &now);
	/* What was missed of those who run now would be less than what was told of them. */
	if (now.ns[SONDE_SCHEDULER_RUNNING] < seen->ns[SONDE_SCHEDULER_RUNNING])
		now.ns[SONDE_SCHEDULER_RUNNING] = seen->ns[SONDE_SCHEDULER_RUNNING];
	if (!memcmp(&now, seen, sizeof(now)))
		return false;
	delta->waits = now.waits - seen->waits;
	delta->delay_ns = now.delay_ns - seen->delay_ns;
	delta->voluntary = now.voluntary - seen->voluntary;
	delta->forced = now.forced - seen->forced;
	delta->timed = 0;
	for (int i = 0; i < SONDE_SCHEDULER_STATES; i++)
		delta->ns[i] = now.ns[i] - seen->ns[i];
	for (int i = 0; i < SONDE_SCHEDULER_BUCKETS; i++) /* 32 bits that may have wrapped */
		delta->timed += delta->buckets[i] = now.buckets[i] - seen->buckets[i];
	if (!delta->timed) { /* the wait that the delay belongs to is not counted yet */
		delta->delay_ns = 0;
		now.delay_ns = seen->delay_ns;
	}
	for (int i = 0; i < SONDE_SCHEDULER_CULPRITS; i++) {
		aggregate->by[i] = wait_delta(&now.by[i], &seen->by[i]);
		now.by[i] = seen->by[i];
	}
	*seen = now;
	return true;
}

static struct aggregate_who group_who(const struct aggregate *aggregate, uint32_t index)
{
	const struct sonde_group *group = &aggregate->probe->groups[index];

	return (struct aggregate_who){
		.cgroup_id = group->key.cgroup_id,
		.tgid = group->key.tgid,
		.comm = group->key.tgid && group->comm[0] ? group->comm : NULL,
		.path = sonde_kernel_groups_path(aggregate->groups, index, 0),
	};
}

/* ---- the largest ------------------------------------------------------------------------- */

static bool ranks_make(struct aggregate *aggregate)
{
	uint32_t count = aggregate->probe->group_count;

	if (!aggregate->ranks)
		aggregate->ranks = calloc(count, sizeof(*aggregate->ranks));
	if (!aggregate->chosen)
		aggregate->chosen = calloc(count, sizeof(*aggregate->chosen));
	return aggregate->ranks && aggregate->chosen;
}

/* Looks which groups waited longest since the last reading. What comes while they are read counts
 * where its group does. Where memory is refused all are told apart. */
static void groups_choose(struct aggregate *aggregate, uint32_t top)
{
	const struct probe *probe = aggregate->probe;

	aggregate->choosing = top && ranks_make(aggregate);
	if (!aggregate->choosing)
		return;
	for (uint32_t group = 0; group < probe->group_count; group++) {
		aggregate->ranks[group] = 0;
		if (!group || !probe->groups[group].key.cgroup_id)
			continue; /* the first holds what is not told apart already */
		for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++)
			aggregate->ranks[group] += slot_of(probe, cpu, group)->delay_ns;
		aggregate->ranks[group] -= aggregate->seen[group].delay_ns;
	}
	aggregate->choosing =
		reading_choose(aggregate->ranks, probe->group_count, top, aggregate->chosen) >= 0;
}

static void wait_add(struct sonde_scheduler_wait *to, const struct sonde_scheduler_wait *wait)
{
	to->turns += wait->turns;
	to->preemptions += wait->preemptions;
	to->ns += wait->ns;
}

static void others_add(struct aggregate *aggregate)
{
	const struct aggregate_delta *delta = &aggregate->delta;
	struct aggregate_delta *others = &aggregate->others;

	others->waits += delta->waits;
	others->timed += delta->timed;
	others->delay_ns += delta->delay_ns;
	others->voluntary += delta->voluntary;
	others->forced += delta->forced;
	for (int i = 0; i < SONDE_SCHEDULER_STATES; i++)
		others->ns[i] += delta->ns[i];
	for (int i = 0; i < SONDE_SCHEDULER_BUCKETS; i++)
		others->buckets[i] += delta->buckets[i];
	for (int i = 0; i < SONDE_SCHEDULER_CULPRITS; i++)
		wait_add(&aggregate->others_by[i], &aggregate->by[i]);
}

/* Whether the group that waits in a pair is told apart: there are few that are. */
static bool pair_is_chosen(const struct aggregate *aggregate,
			   const struct sonde_scheduler_pair *pair)
{
	const struct probe *probe = aggregate->probe;

	for (uint32_t group = 1; group < probe->group_count; group++)
		if (aggregate->chosen[group] &&
		    probe->groups[group].key.cgroup_id == pair->key.cgroup_id &&
		    probe->groups[group].key.tgid == pair->key.tgid)
			return true;
	return false;
}

static void waits_tell(const struct aggregate_callbacks *callbacks, const struct aggregate_who *who,
		       const struct sonde_scheduler_wait by[SONDE_SCHEDULER_CULPRITS])
{
	for (int kind = 0; kind < SONDE_SCHEDULER_CULPRITS; kind++) {
		struct aggregate_wait wait = { .kind = (enum sonde_scheduler_culprit)kind,
					       .delta = by[kind] };

		if (kind == SONDE_SCHEDULER_OWN)
			wait.culprit = *who;
		if (wait.delta.turns)
			callbacks->wait(callbacks->context, who, &wait);
	}
}

static void others_visit(struct aggregate *aggregate, const struct aggregate_callbacks *callbacks)
{
	const struct aggregate_who nobody = { 0 };

	if (!aggregate->choosing)
		return;
	callbacks->group(callbacks->context, &nobody, &aggregate->others);
	waits_tell(callbacks, &nobody, aggregate->others_by);
	memset(&aggregate->others, 0, sizeof(aggregate->others));
	memset(aggregate->others_by, 0, sizeof(aggregate->others_by));
}

/* ---- reading groups ---------------------------------------------------------------------- */

static uint64_t group_visit(struct aggregate *aggregate, uint32_t index,
			    const struct aggregate_callbacks *callbacks)
{
	struct aggregate_who who;

	if (!slot_read(aggregate, index))
		return 0;
	sonde_kernel_groups_touch(aggregate->groups, index);
	if (aggregate->choosing && !aggregate->chosen[index]) {
		others_add(aggregate);
		return aggregate->delta.waits;
	}
	who = group_who(aggregate, index);
	callbacks->group(callbacks->context, &who, &aggregate->delta);
	waits_tell(callbacks, &who, aggregate->by);
	return aggregate->delta.waits;
}

/* ---- pairs ------------------------------------------------------------------------------- */

/* The command of a process that has a group, if it has. */
static const char *comm_find(const struct probe *probe, uint64_t cgroup_id, uint32_t tgid)
{
	for (uint32_t index = 1; tgid && index < probe->group_count; index++)
		if (probe->groups[index].key.tgid == tgid &&
		    probe->groups[index].key.cgroup_id == cgroup_id && probe->groups[index].comm[0])
			return probe->groups[index].comm;
	return NULL;
}

static void pair_visit(struct aggregate *aggregate, uint32_t index,
		       const struct aggregate_callbacks *callbacks)
{
	const struct probe *probe = aggregate->probe;
	const struct sonde_scheduler_pair *pair = &probe->pairs[index];
	struct sonde_scheduler_wait now = { 0 };
	struct aggregate_wait wait = { .kind = SONDE_SCHEDULER_CULPRITS };
	struct aggregate_who who;

	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) {
		const volatile struct sonde_scheduler_wait *from = pair_wait_of(probe, cpu, index);

		now.turns += from->turns;
		now.preemptions += from->preemptions;
		now.ns += from->ns;
	}
	wait.delta = wait_delta(&now, &aggregate->pair_seen[index]);
	if (!wait.delta.turns)
		return;
	sonde_kernel_groups_touch(aggregate->pairs, index);
	if (aggregate->choosing && !pair_is_chosen(aggregate, pair)) {
		wait_add(&aggregate->others_by[SONDE_SCHEDULER_OTHER], &wait.delta);
		return;
	}
	who = (struct aggregate_who){ .cgroup_id = pair->key.cgroup_id,
				      .tgid = pair->key.tgid,
				      .path = sonde_kernel_groups_path(aggregate->pairs, index,
								       0) };
	who.comm = comm_find(probe, who.cgroup_id, who.tgid);
	wait.culprit = (struct aggregate_who){
		.cgroup_id = pair->key.culprit_cgroup_id,
		.tgid = pair->key.culprit_tgid,
		.path = sonde_kernel_groups_path(aggregate->pairs, index, 1),
		.comm = pair->culprit_comm[0] ? pair->culprit_comm : NULL,
	};
	if (!wait.culprit.comm)
		wait.culprit.comm = comm_find(probe, wait.culprit.cgroup_id, wait.culprit.tgid);
	callbacks->wait(callbacks->context, &who, &wait);
}

uint64_t aggregate_read(struct aggregate *aggregate, uint32_t top,
			const struct aggregate_callbacks *callbacks)
{
	const struct probe *probe = aggregate->probe;
	uint64_t waits = 0;

	aggregate->groups_used = sonde_kernel_groups_begin(aggregate->groups);
	aggregate->pairs_used = sonde_kernel_groups_begin(aggregate->pairs);
	groups_choose(aggregate, top);
	for (uint32_t index = 0; index < probe->group_count; index++)
		if (!index || probe->groups[index].key.cgroup_id)
			waits += group_visit(aggregate, index, callbacks);
	for (uint32_t index = 1; index < probe->pair_count; index++)
		if (probe->pairs[index].key.cgroup_id)
			pair_visit(aggregate, index, callbacks);
	others_visit(aggregate, callbacks);
	(void)sonde_kernel_groups_end(aggregate->groups,
				      aggregate->groups_used > probe->group_count / 4 * 3);
	(void)sonde_kernel_groups_end(aggregate->pairs,
				      aggregate->pairs_used > probe->pair_count / 4 * 3);
	scheduler_probe_renew(aggregate->probe);
	return waits;
}

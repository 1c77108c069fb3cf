/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of scheduler.bpf.c: its maps, and what is known of a task. */
#ifndef SCHEDULER_STATE_H
#define SCHEDULER_STATE_H

#include <sonde/bpf/program.h>
#include <sonde/bpf/group.h>
#include <sonde/bpf/histogram.h>
#include <sonde/bpf/hub.h>
#include <sonde/bpf/ring.h>
#include <sonde/bpf/scheduler.h>

/* Shape, fixed at load. */
const volatile __u32 group_count = 2;        /* group 0 included */
const volatile __u32 pair_count = 2;         /* pair 0, which is none, included */
const volatile bool has_task_storage = true; /* 5.11 and later, BTF tracepoints; else a table */
const volatile bool has_prev_state = true;   /* 5.18 and later: sched_switch tells it */

volatile struct sonde_scheduler_control control SEC(".data.control");

/* Stands for a group that was not asked for yet: only who waits for what is counted takes one. */
#define GROUP_UNKNOWN 0xffffffffu

/* What the scheduler's hooks need of a task beside the usual. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cfs_rq {
	int throttle_count; /* of it and those above it, how many have used up their quota */
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* of the task's cgroup on its CPU */
};

struct task_struct___scheduler {
	unsigned int __state; /* 5.14 and later */
	unsigned int in_iowait : 1;
	int wake_cpu; /* where it was queued last */
	struct sched_entity se;
	bool throttled; /* 6.18 and later: quotas hold tasks back one by one */
};

struct task_struct___before_5_14 {
	long state;
};

/* Records of classic tracepoints. */
struct trace_event_raw_sched_switch {
	int prev_pid;
	long prev_state;
	char next_comm[16];
	int next_pid;
};

struct trace_event_raw_sched_wakeup_template {
	int pid;
	int target_cpu;
};

#pragma clang attribute pop

/* Reads a member: a task that is known to the verifier directly, another through a helper. */
#define FIELD(known_, pointer_, field_)                                                            \
	((known_) ? (pointer_)->field_ : BPF_CORE_READ(pointer_, field_))

/* What is known of a task: what it does since when, and what the filters and the grouping made of
 * it. */
struct task_state {
	__u64 since_ns; /* monotonic, in the state `now` */
	__u64 slept_ns; /* how long it was in the state `slept` before it was woken */
	__u64 place;    /* the task's css_set that the rest was worked out for; 0: not yet */
	__u64 cgroup_id;
	__u64 start_time_ns;
	__u32 tgid;
	__u32 generation; /* of the control block, likewise; 0: not worked out yet */
	__u32 group;      /* GROUP_UNKNOWN too while it is rejected */
	__u32 cpu;        /* where it was queued */
	__u8 now;         /* enum sonde_scheduler_state */
	__u8 slept;       /* likewise; SONDE_SCHEDULER_UNSEEN: not known */
	__u8 rejection;   /* enum sonde_scheduler_rejection */
	__u8 throttled;   /* PREEMPTED by the quota of its CPU cgroup */
	__u8 reserved[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct task_state);
} tasks_by_id SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs */
	__type(key, __u32);
	__type(value, struct sonde_scheduler_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs * group_count, one CPU's slots after the other's */
	__type(key, __u32);
	__type(value, struct sonde_scheduler_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* group_count */
	__type(key, __u32);
	__type(value, struct sonde_group);
} groups SEC(".maps");

/* Who waited while who ran: made like groups, counted for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* pair_count */
	__type(key, __u32);
	__type(value, struct sonde_scheduler_pair);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs * pair_count */
	__type(key, __u32);
	__type(value, struct sonde_scheduler_wait);
} pair_waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2); /* pair_count */
	__type(key, struct sonde_scheduler_pair_key);
	__type(value, __u32);
} pair_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u32);
} free_pairs SEC(".maps");

SONDE_RINGS(rings);
SONDE_HUB(sched_switch);
SONDE_HUB(sched_wakeup);
SONDE_HUB(sched_wakeup_new);

/* One CPU goes from a task to another. What a hook does not tell is NULL. */
struct change {
	struct sonde_scheduler_cpu *cpu;
	__u32 cpu_index;
	__u32 left; /* what the previous task does now: enum sonde_scheduler_state */
	bool known; /* the verifier knows the tasks */
	bool dead;  /* the previous task will not run again */
	__u32 previous_id, next_id;
	struct task_struct *previous, *next;
	const char *next_comm;
	__u64 now_ns;
};

/* ---- tasks ------------------------------------------------------------------------------- */

/* A storage is the task's own; entries by id are of whoever had the id last. */
static __always_inline struct task_state *state_of_task(struct task_struct *task, __u32 id,
							bool known, bool create)
{
	struct task_state *state;

	if (known && has_task_storage)
		return bpf_task_storage_get(&tasks, task, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	state = bpf_map_lookup_elem(&tasks_by_id, &id);
	if (!state && create) {
		struct task_state none = {}; /* here: it takes its time to be zeroed */

		bpf_map_update_elem(&tasks_by_id, &id, &none, BPF_NOEXIST);
		state = bpf_map_lookup_elem(&tasks_by_id, &id);
	}
	return state;
}

static __always_inline __u64 cgroup_of_task(struct task_struct *task, bool known)
{
	return known ? sonde_task_cgroup(task) : BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* Works out what the filters make of a task whose cgroup and process are known. */
static __always_inline __u8 state_judge(const struct task_state *state)
{
	__u64 cgroup_id = state->cgroup_id;
	__u32 tgid = state->tgid;

	if (!control.mode)
		return SONDE_SCHEDULER_OFF;
	if (tgid == control.collector_tgid)
		return SONDE_SCHEDULER_COLLECTOR;
	if (control.filter_cgroups && !bpf_map_lookup_elem(&wanted_cgroups, &cgroup_id))
		return SONDE_SCHEDULER_CGROUP;
	if (control.filter_processes && !bpf_map_lookup_elem(&wanted_processes, &tgid))
		return SONDE_SCHEDULER_PROCESS;
	return SONDE_SCHEDULER_NONE;
}

/* Works out what the filters and the grouping make of a task; where it is not told (NULL), of what
 * was known of it last. */
static __always_inline void state_renew(struct task_struct *task, bool known,
					struct task_state *state)
{
	if (task) {
		state->place = (__u64)FIELD(known, task, cgroups);
		state->cgroup_id = cgroup_of_task(task, known);
		state->tgid = FIELD(known, task, tgid);
		state->start_time_ns = known ? task->group_leader->start_boottime
					     : BPF_CORE_READ(task, group_leader, start_boottime);
	}
	state->generation = control.generation;
	state->group = GROUP_UNKNOWN;
	state->rejection = state_judge(state);
}

/* A css_set may be freed and another come to lie in its place, while the task sleeps: user space
 * makes a new generation with each reading, which bounds for how long such a mistake can hold. */
static __always_inline bool state_is_current(struct task_struct *task, bool known,
					     const struct task_state *state)
{
	if (task && state->place != (__u64)FIELD(known, task, cgroups))
		return false;
	return state->generation == control.generation;
}

/* The index of the task's group; 0 where there is no room, or where its cgroup is not known. */
static __always_inline __u32 group_of_state(struct task_struct *task, bool known,
					    struct task_state *state)
{
	struct sonde_group_key key = { .cgroup_id = state->cgroup_id };
	struct task_struct *leader = NULL;

	if (likely(state->group != GROUP_UNKNOWN))
		return state->group;
	if (!key.cgroup_id)
		return 0;
	if (control.per_process) {
		key.tgid = state->tgid;
		if (task)
			leader = FIELD(known, task, group_leader);
	}
	state->group = sonde_group_find(&groups, &key, state->start_time_ns, leader);
	return state->group;
}

static __always_inline struct sonde_scheduler_slot *slot_of_group(__u32 cpu_index, __u32 group)
{
	__u32 key;

	if (unlikely(group >= group_count))
		group = 0;
	key = cpu_index * group_count + group;
	return bpf_map_lookup_elem(&slots, &key);
}

#endif

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
#include <sonde/bpf/task.h>

/* Shape, fixed at load. */
const volatile __u32 group_count = 2;      /* group 0 included */
const volatile __u32 pair_count = 2;       /* pair 0, which is none, included */
const volatile bool has_prev_state = true; /* 5.18 and later: sched_switch tells it */

volatile struct sonde_scheduler_control control SEC(".data.control");

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

/* What is known of a task: what it does since when. All but the last member is in the cache line
 * that its storage begins in. */
struct task_state {
	__u64 since_ns; /* monotonic, in the state `now` */
	__u64 slept_ns; /* how long it was in the state `slept` before it was woken */
	__u32 cpu;      /* where it was queued */
	__u8 now;       /* enum sonde_scheduler_state */
	__u8 slept;     /* likewise; SONDE_SCHEDULER_UNSEEN: not known */
	__u8 throttled; /* PREEMPTED by the quota of its CPU cgroup */
	__u8 reserved;
	struct sonde_task task;
};

SONDE_TASKS(task_state);
SONDE_MEMORY(cpus, struct sonde_scheduler_cpu, 1);
SONDE_MEMORY(slots, struct sonde_scheduler_slot, 1); /* CPUs * group_count, one CPU's together */
SONDE_MEMORY(groups, struct sonde_group, 2);         /* group_count */

/* Who waited while who ran: made like groups, counted for each CPU. */
SONDE_MEMORY(pairs, struct sonde_scheduler_pair, 2);      /* pair_count */
SONDE_MEMORY(pair_waits, struct sonde_scheduler_wait, 1); /* CPUs * pair_count */

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

/* Storage of a task is for programs that are given the task by type: where that cannot be had,
 * entries by id are of whoever had the id last. */
static __always_inline struct task_state *state_of_task(struct task_struct *task, __u32 id,
							bool known, bool create)
{
	return task_find(task, id, known, create);
}

static __always_inline __u64 cgroup_of_task(struct task_struct *task, bool known)
{
	return known ? sonde_task_cgroup(task) : BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* Works out what the filters and the grouping make of a task; where it is not told (NULL), of what
 * was known of it last. */
static __always_inline void state_renew(struct task_struct *task, bool known,
					struct task_state *state)
{
	if (task)
		sonde_task_look(&state->task, task, known, cgroup_of_task(task, known));
	sonde_task_judge(&state->task, &control.rules);
	if (!control.mode)
		state->task.rejection = SONDE_TASK_OFF;
}

static __always_inline bool state_is_current(struct task_struct *task, bool known,
					     const struct task_state *state)
{
	return sonde_task_holds(&state->task, task, known, &control.rules);
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

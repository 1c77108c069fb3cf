/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of syscalls.bpf.c: its maps, and what is known of the task that makes a call. */
#ifndef SYSCALLS_STATE_H
#define SYSCALLS_STATE_H

#include <sonde/bpf/program.h>
#include <sonde/bpf/group.h>
#include <sonde/bpf/histogram.h>
#include <sonde/bpf/hub.h>
#include <sonde/bpf/ring.h>
#include <sonde/bpf/syscalls.h>

/* Shape, fixed at load. */
const volatile __u32 slot_count = 64;        /* per CPU, slot 0 included */
const volatile __u32 group_count = 2;        /* group 0 included */
const volatile bool has_task_storage = true; /* 5.11 and later; else a table by thread id */

volatile struct sonde_syscalls_control control SEC(".data.control");

/* Stands for a group that was not asked for yet: only who makes calls that are counted takes one.
 */
#define GROUP_UNKNOWN 0xffffffffu

/* What is known of a task: when its call began, and what the filters and the grouping made of it.
 */
struct task_state {
	__u64 start_ns; /* of the timed call that it is in; 0: none */
	__u64 place;    /* the task's css_set that the rest was worked out for */
	__u64 cgroup_id;
	__u64 start_time_ns;
	__u32 generation; /* of the control block, likewise; 0: not worked out yet */
	__u32 group;
	__u32 rejection; /* enum sonde_syscalls_rejection */
	__u32 reserved;
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
	__type(value, struct sonde_syscalls_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs * slot_count, one CPU's slots after the other's */
	__type(key, __u32);
	__type(value, struct sonde_syscall_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* group_count */
	__type(key, __u32);
	__type(value, struct sonde_syscall_group);
} groups SEC(".maps");

/* Slots that are in no use; user space fills them and takes care that they are zeroed. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u32);
} free_slots SEC(".maps");

/* Where a text is put together before it is handed over. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_syscall_detail);
} scratch SEC(".maps");

SONDE_RINGS(rings);
SONDE_HUB(sys_enter);
SONDE_HUB(sys_exit);

/* A call on its way out. */
struct call {
	struct sonde_syscalls_cpu *cpu;
	struct task_struct *task;  /* once who_runs has asked for it */
	struct pt_regs *registers; /* NULL: the hook does not tell */
	__u32 cpu_index;
	__u32 status; /* of the task's thread */
	__u32 index;
	__u32 trait;
	__u32 error; /* positive errno; 0: it succeeded */
	__s64 return_value;
	__u64 start_ns; /* monotonic; 0: not timed */
	__u64 end_ns;   /* likewise; 0: not read yet */
	__u64 duration_ns;
	bool timed;
};

#define TS_COMPAT 2 /* in thread_info.status on x86 */

static __always_inline __u32 index_of_call(__u32 status, long number)
{
	__u32 index = number;

	if (index > SONDE_SYSCALL_NUMBERS - 1)
		index = SONDE_SYSCALL_NUMBERS - 1;
	if (unlikely(status & TS_COMPAT))
		index += SONDE_SYSCALL_NUMBERS;
	return index;
}

static __always_inline struct task_state *state_of_task(struct task_struct *task, bool create)
{
	struct task_state *state;
	__u32 id;

	if (has_task_storage)
		return bpf_task_storage_get(&tasks, task, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	id = bpf_get_current_pid_tgid();
	state = bpf_map_lookup_elem(&tasks_by_id, &id);
	if (!state && create) {
		struct task_state none = {}; /* here: it takes its time to be zeroed */

		bpf_map_update_elem(&tasks_by_id, &id, &none, BPF_NOEXIST);
		state = bpf_map_lookup_elem(&tasks_by_id, &id);
	}
	return state;
}

/* Finds or makes the group of the current task; 0 where there is no room. */
static __always_inline __u32 group_find(struct task_struct *task, __u64 cgroup_id)
{
	struct sonde_group_key key = { .cgroup_id = cgroup_id };

	if (control.per_process)
		key.tgid = task->tgid;
	return sonde_group_find(&groups, &key, task->group_leader->start_boottime,
				task->group_leader);
}

/* Works out what the filters and the grouping make of the current task. */
static __always_inline void state_renew(struct task_struct *task, struct task_state *state)
{
	__u64 cgroup_id = sonde_hub_cgroup(task);
	__u32 tgid = task->tgid;

	if (state->rejection) /* what it was in was not timed: that start is an older call's */
		state->start_ns = 0;
	state->place = (__u64)task->cgroups;
	state->start_time_ns = task->group_leader->start_boottime;
	state->cgroup_id = cgroup_id;
	state->generation = control.generation;
	state->group = GROUP_UNKNOWN;
	if (tgid == control.collector_tgid)
		state->rejection = SONDE_SYSCALLS_COLLECTOR;
	else if (control.filter_cgroups && !bpf_map_lookup_elem(&wanted_cgroups, &cgroup_id))
		state->rejection = SONDE_SYSCALLS_CGROUP;
	else if (control.filter_processes && !bpf_map_lookup_elem(&wanted_processes, &tgid))
		state->rejection = SONDE_SYSCALLS_PROCESS;
	else
		state->rejection = SONDE_SYSCALLS_NONE;
}

/* A css_set may be freed and another come to lie in its place, while the task sleeps: user space
 * makes a new generation with each reading, which bounds for how long such a mistake can hold. */
static __always_inline bool state_is_current(struct task_struct *task, struct task_state *state)
{
	return state->place == (__u64)task->cgroups && state->generation == control.generation;
}

static __always_inline __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

/* Whether the current task is the one that this CPU's block tells of, and was neither switched out
 * nor moved to another cgroup since. Address and switches alone do not tell a task from one that
 * lay in its place before; its thread id does. Sets the thread's status. */
static __always_inline bool who_runs(struct call *call)
{
	struct sonde_syscalls_who *who = &call->cpu->who;
	struct task_struct *task = bpf_get_current_task_btf();

	call->task = task;
	call->status = task->thread_info.status;
	return (__u64)task == who->task && switches_of(task) == who->switches &&
	       (__u64)task->cgroups == who->place && (__u32)task->pid == who->tid;
}

/* Whether all that the block says of it still holds: then its storage need not be asked. */
static __always_inline bool who_holds(struct call *call)
{
	return who_runs(call) && call->cpu->who.generation == control.generation;
}

/* Whether its calls can go the short way is known with its group. */
static __always_inline void who_join(struct sonde_syscalls_who *who, __u32 group)
{
	who->group = group;
	who->plain = group && group != GROUP_UNKNOWN && !who->rejection ? who->generation : 0;
}

/* Finds out who runs, from what is stored with the task. False: there is no memory to store it. */
static __always_inline bool who_find(struct call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sonde_syscalls_who *who = &call->cpu->who;
	struct task_state *state = state_of_task(task, false);
	__u64 id = bpf_get_current_pid_tgid();

	call->status = task->thread_info.status;
	if (unlikely(!state)) {
		state = state_of_task(task, true);
		if (!state)
			return false;
	}
	if (unlikely(!state_is_current(task, state)))
		state_renew(task, state);
	call->start_ns = state->start_ns;
	state->start_ns = 0;
	who->task = (__u64)task;
	who->switches = switches_of(task);
	who->place = state->place;
	who->start_ns = 0;
	who->cgroup_id = state->cgroup_id;
	who->start_time_ns = state->start_time_ns;
	who->tid = id;
	who->tgid = id >> 32;
	who->generation = state->generation;
	who->rejection = state->rejection;
	who_join(who, state->group);
	return true;
}

/* The start of a call that this CPU's block has is stored with the task too. Where each call is
 * timed the next one writes over it; else it must go, lest a call that is not timed takes it for
 * its own. */
static __always_inline void start_forget(struct call *call)
{
	struct task_state *state;

	if (likely(control.time_one_in == 1))
		return;
	state = state_of_task(call->task, false);
	if (state)
		state->start_ns = 0;
}

/* Finds out who made the call: the block's `who`, and the call's start. */
static __always_inline bool call_begin(struct call *call)
{
	struct sonde_syscalls_who *who = &call->cpu->who;

	if (unlikely(!who_holds(call)))
		return who_find(call);
	call->start_ns = who->start_ns;
	if (call->start_ns) {
		who->start_ns = 0;
		start_forget(call);
	}
	return true;
}

#endif

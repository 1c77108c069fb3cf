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
#include <sonde/bpf/task.h>

/* Shape, fixed at load. */
const volatile __u32 slot_count = 64;        /* per CPU, slot 0 included */
const volatile __u32 group_count = 2;        /* group 0 included */
const volatile bool has_task_storage = true; /* 5.11 and later; else a table by thread id */

volatile struct sonde_syscalls_control control SEC(".data.control");

/* What is known of a task. */
struct task_state {
	__u64 start_ns; /* of the timed call that it is in; 0: none */
	struct sonde_task task;
};

SONDE_TASKS(task_state);
SONDE_MEMORY(cpus, struct sonde_syscalls_cpu, 1);
SONDE_MEMORY(slots, struct sonde_syscall_slot, 1);   /* CPUs * slot_count, one CPU's together */
SONDE_MEMORY(groups, struct sonde_syscall_group, 2); /* group_count */

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
	bool stored = has_task_storage;

	return task_find(task, stored ? 0 : (__u32)bpf_get_current_pid_tgid(), stored, create);
}

/* Works out what the filters and the grouping make of the current task. */
static __always_inline void state_renew(struct task_struct *task, struct task_state *state)
{
	if (state->task.rejection) /* what it was in was not timed: that start is an older call's */
		state->start_ns = 0;
	sonde_task_look(&state->task, task, true, sonde_hub_cgroup(task));
	sonde_task_judge(&state->task, &control.rules);
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
	return who_runs(call) && call->cpu->who.generation == control.rules.generation;
}

/* Whether its calls can go the short way is known with its group. */
static __always_inline void who_join(struct sonde_syscalls_who *who, __u32 group)
{
	who->group = group;
	who->plain = group && group != SONDE_GROUP_UNKNOWN && !who->rejection ? who->generation : 0;
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
	if (unlikely(!sonde_task_holds(&state->task, task, true, &control.rules)))
		state_renew(task, state);
	call->start_ns = state->start_ns;
	state->start_ns = 0;
	who->task = (__u64)task;
	who->switches = switches_of(task);
	who->place = state->task.place;
	who->start_ns = 0;
	who->cgroup_id = state->task.cgroup_id;
	who->start_time_ns = state->task.start_time_ns;
	who->tid = id;
	who->tgid = id >> 32;
	who->generation = state->task.generation;
	who->rejection = state->task.rejection;
	who_join(who, state->task.group);
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

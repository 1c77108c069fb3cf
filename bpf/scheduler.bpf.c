// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Who waits for a CPU, for how long and for whom, and what tasks do with their time: counted and
 * folded in the kernel, or handed over one by one. */
#include "scheduler_book.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- states ------------------------------------------------------------------------------ */

/* As the kernel keeps them (include/linux/sched.h). */
#define TASK_INTERRUPTIBLE   0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_RTLOCK_WAIT     0x1000
#define TASK_NOLOAD          0x400 /* a kernel thread that has nothing to do */
#define TASK_DEAD            0x80

/* As records of the classic tracepoint tell them. */
#define RECORD_UNINTERRUPTIBLE 0x2
#define RECORD_DEAD            0x30
#define RECORD_PREEMPTED       0x100

static __always_inline __u32 waits_for_device(struct task_struct *task, bool known)
{
	struct task_struct___scheduler *more = (void *)task;

	return known ? BPF_CORE_READ_BITFIELD(more, in_iowait)
		     : BPF_CORE_READ_BITFIELD_PROBED(more, in_iowait);
}

/* Whether the task that could go on is kept from it by a CPU quota: it is on no queue then. */
static __always_inline bool is_throttled(struct task_struct *task, bool known)
{
	struct task_struct___scheduler *more = (void *)task;

	if (bpf_core_field_exists(more->throttled))
		return SONDE_FIELD(known, more, throttled);
	if (!bpf_core_field_exists(struct cfs_rq, throttle_count) ||
	    !bpf_core_field_exists(more->se.cfs_rq))
		return false;
	return BPF_CORE_READ(more, se.cfs_rq, throttle_count) > 0;
}

/* What the task that leaves the CPU does from now on. */
static __always_inline void change_judge(struct change *change, bool preempted, __u64 state)
{
	if (unlikely(preempted || !state)) {
		change->left = SONDE_SCHEDULER_PREEMPTED;
		return;
	}
	change->left = SONDE_SCHEDULER_SLEEPING;
	change->dead = state & TASK_DEAD;
	if (unlikely(state & (TASK_UNINTERRUPTIBLE | TASK_RTLOCK_WAIT)) && !(state & TASK_NOLOAD))
		change->left = waits_for_device(change->previous, change->known)
				       ? SONDE_SCHEDULER_DISK
				       : SONDE_SCHEDULER_BLOCKED;
}

static __always_inline void change_judge_record(struct change *change, __u64 state)
{
	if (!state || (state & RECORD_PREEMPTED)) {
		change->left = SONDE_SCHEDULER_PREEMPTED;
		return;
	}
	change->left = SONDE_SCHEDULER_SLEEPING;
	change->dead = state & RECORD_DEAD;
	if (state & RECORD_UNINTERRUPTIBLE)
		change->left = waits_for_device(change->previous, change->known)
				       ? SONDE_SCHEDULER_DISK
				       : SONDE_SCHEDULER_BLOCKED;
}

/* ---- wake-ups ---------------------------------------------------------------------------- */

/* A task that could not run can. One that runs is not made to wait by it, nor does one that waits
 * already begin anew. */
static __always_inline void task_woken(struct sonde_scheduler_cpu *cpu, struct task_struct *task,
				       __u32 id, bool known, __u32 queued_cpu)
{
	__u32 one_in = control.time_one_in;
	struct task_state *state;
	__u64 now_ns;

	if (unlikely(one_in != 1) && (!one_in || !sonde_choose(&cpu->timed, one_in)))
		return;
	state = state_of_task(task, id, known, true);
	if (unlikely(!state) ||
	    (unlikely(state->task.rejection) && state_is_current(task, known, state)))
		return;
	if (unlikely(state->now == SONDE_SCHEDULER_RUNNING ||
		     state->now == SONDE_SCHEDULER_PREEMPTED) &&
	    state->since_ns >= control.attached_ns)
		return;
	now_ns = sonde_hub_time();
	state->slept = SONDE_SCHEDULER_UNSEEN;
	/* Of one that was woken already nobody told that it ran meanwhile, nor when it slept. */
	if (likely(state->now) && likely(state->now != SONDE_SCHEDULER_WOKEN) &&
	    likely(state->since_ns >= control.attached_ns)) {
		state->slept = state->now;
		state->slept_ns = now_ns - state->since_ns;
	}
	state->now = SONDE_SCHEDULER_WOKEN;
	state->since_ns = now_ns;
	state->cpu = queued_cpu;
}

/* A task that runs for the first time. What is not told of it (a classic tracepoint has its id
 * only) is taken from its parent, which is the one that runs here. */
static __always_inline void task_made(struct sonde_scheduler_cpu *cpu, struct task_struct *task,
				      __u32 id, bool known, __u32 queued_cpu)
{
	struct task_state none = {}, *state;

	if (!known) {
		bpf_map_update_elem(&tasks_by_id, &id, &none, BPF_ANY);
		state = state_of_task(task, id, known, false);
		if (state && !task)
			state_renew(bpf_get_current_task_btf(), true, state);
	}
	task_woken(cpu, task, id, known, queued_cpu);
}

/* ---- switches ---------------------------------------------------------------------------- */

/* A task leaves that was not seen to come: whoever the turn was noted for, it was this one's, since
 * nobody knows when. Some kernels of virtual machines switch tasks now and then without telling the
 * hook. Without times it is not known who came. */
static __always_inline void turn_doubt(struct change *change)
{
	struct sonde_scheduler_cpu *cpu = change->cpu;
	struct sonde_scheduler_turn *turn = &cpu->turns[cpu->turn & (SONDE_SCHEDULER_TURNS - 1)];

	if (!control.follow)
		return;
	turn->cgroup_id = SONDE_SCHEDULER_UNTOLD;
	turn->group = 0;
}

/* Where a hook does not tell who comes, each is got to know as it leaves. */
static __always_inline void task_learn(struct change *change, struct task_state *state)
{
	struct sonde_scheduler_cpu *cpu = change->cpu;
	struct sonde_scheduler_turn *turn = &cpu->turns[cpu->turn & (SONDE_SCHEDULER_TURNS - 1)];

	if (!state_is_current(change->previous, change->known, state))
		state_renew(change->previous, change->known, state);
	if (turn->cgroup_id == SONDE_SCHEDULER_UNTOLD) {
		turn->cgroup_id = state->task.cgroup_id;
		turn->tgid = state->task.tgid;
	}
}

static __always_inline void time_book(struct change *change, const struct task_state *state)
{
	struct sonde_scheduler_slot *slot;

	if (unlikely(state->now != SONDE_SCHEDULER_RUNNING) ||
	    unlikely(state->since_ns < control.attached_ns) ||
	    unlikely(state->task.group == SONDE_GROUP_UNKNOWN))
		return;
	slot = slot_of_group(change->cpu_index, state->task.group);
	if (!slot)
		return;
	slot->ns[SONDE_SCHEDULER_RUNNING] += change->now_ns - state->since_ns;
	slot->left[change->left == SONDE_SCHEDULER_PREEMPTED]++;
}

static __always_inline void task_leaves(struct change *change)
{
	struct task_state *state;
	__u32 id =
		change->previous_id; /* of its own: an address keeps the whole struct in memory */

	/* Without times a task that goes to sleep need not be touched, as its next wake-up begins
	 * its wait anew; but where only some waits are timed, one that is not chosen must not find
	 * an older begin. */
	if (unlikely(!control.follow) && change->left != SONDE_SCHEDULER_PREEMPTED && change->next)
		return;
	state = state_of_task(change->previous, id, change->known, !change->dead);
	if (unlikely(!state))
		return;
	if (likely(control.times))
		time_book(change, state);
	if (unlikely(state->now != SONDE_SCHEDULER_RUNNING))
		turn_doubt(change);
	if (unlikely(change->dead) && !change->known) {
		bpf_map_delete_elem(&tasks_by_id, &id);
		return;
	}
	if (unlikely(change->left == SONDE_SCHEDULER_PREEMPTED))
		state->throttled = is_throttled(change->previous, change->known);
	state->now = change->left;
	state->since_ns = change->now_ns;
	state->cpu = change->cpu_index;
	if (!change->next)
		task_learn(change, state);
}

/* Notes who has the CPU now. */
static __always_inline void turn_begin(struct change *change, const struct task_state *state,
				       __u64 cgroup_id)
{
	struct sonde_scheduler_cpu *cpu = change->cpu;
	__u64 count = cpu->turn;
	struct sonde_scheduler_turn *turn = &cpu->turns[count & (SONDE_SCHEDULER_TURNS - 1)];
	__u32 tgid;
	bool goes_on;

	if (unlikely(!control.turns))
		return;
	tgid = state ? state->task.tgid : 0;
	goes_on = turn->cgroup_id == cgroup_id &&
		  (!control.rules.per_process || turn->tgid == tgid) &&
		  turn->since_ns >= control.turns_ns;
	if (!goes_on) {
		turn = &cpu->turns[++count & (SONDE_SCHEDULER_TURNS - 1)];
		turn->since_ns = change->now_ns;
		turn->cgroup_id = cgroup_id;
	}
	turn->tgid = tgid;
	turn->group = state && state->task.group != SONDE_GROUP_UNKNOWN ? state->task.group : 0;
	turn->last_ns = change->now_ns;
	barrier();
	cpu->turn = count;
}

/* Counts why the task is not looked at, if it is not. */
static __always_inline bool task_is_wanted(struct change *change, const struct task_state *state)
{
	__u32 rejection = state->task.rejection;

	asm volatile("" : "+r"(rejection));
	if (likely(!rejection))
		return true;
	if (rejection < SONDE_TASK_REJECTIONS)
		change->cpu->rejected[rejection]++;
	return false;
}

/* A wait that began by a wake-up was chosen to be timed there, another is chosen here. */
static __always_inline void wait_time(struct change *change, struct wait *wait)
{
	const struct task_state *state = wait->state;
	__u32 one_in = control.time_one_in;

	wait->forced = state->now == SONDE_SCHEDULER_PREEMPTED;
	if (unlikely(state->now != SONDE_SCHEDULER_WOKEN && !wait->forced) ||
	    unlikely(state->since_ns < control.attached_ns))
		return;
	wait->throttled = wait->forced && state->throttled;
	if (unlikely(one_in != 1) && wait->forced &&
	    (!one_in || !sonde_choose(&change->cpu->timed, one_in)))
		return;
	wait->timed = true;
	wait->delay_ns = change->now_ns - state->since_ns;
	if (unlikely((__s64)wait->delay_ns < 0)) /* another CPU's clock may be ahead by a few ns */
		wait->delay_ns = 0;
}

static __always_inline void task_enters(struct change *change)
{
	struct task_state *state =
		state_of_task(change->next, change->next_id, change->known, true);
	struct wait wait = { .state = state };

	if (unlikely(!state)) {
		change->cpu->lost[SONDE_KERNEL_LOSS_MAP_FULL]++;
		turn_begin(change, NULL, SONDE_SCHEDULER_UNTOLD);
		return;
	}
	if (unlikely(!state_is_current(change->next, change->known, state)))
		state_renew(change->next, change->known, state);
	if (likely(task_is_wanted(change, state))) {
		wait_time(change, &wait);
		wait_book(change, &wait);
	}
	state->now = likely(control.follow) ? SONDE_SCHEDULER_RUNNING : SONDE_SCHEDULER_UNSEEN;
	state->since_ns = change->now_ns;
	state->slept = SONDE_SCHEDULER_UNSEEN;
	turn_begin(change, state,
		   likely(state->task.cgroup_id) ? state->task.cgroup_id : SONDE_SCHEDULER_UNTOLD);
}

static __always_inline void task_switched(struct change *change)
{
	change->now_ns = sonde_hub_time();
	if (change->previous_id)
		task_leaves(change);
	if (change->next_id) {
		task_enters(change);
	} else {
		change->cpu->idle++;
		turn_begin(change, NULL, 0);
	}
}

/* ---- programs ---------------------------------------------------------------------------- */

/* The state that the task went to sleep in. Before the hook told it, it could be changed by who
 * wakes the task, while it is being read. */
static __always_inline __u64 previous_state(__u64 *ctx, struct task_struct *task, bool known)
{
	struct task_struct___scheduler *more = (void *)task;
	struct task_struct___before_5_14 *old = (void *)task;

	if (has_prev_state)
		return (__u32)ctx[3];
	if (bpf_core_field_exists(more->__state))
		return SONDE_FIELD(known, more, __state);
	return SONDE_FIELD(known, old, state);
}

static __always_inline __u32 queued_cpu_of(struct task_struct *task, bool known)
{
	struct task_struct___scheduler *more = (void *)task;

	return SONDE_FIELD(known, more, wake_cpu);
}

#define SWITCH(variant_, section_, call_)                                                          \
	SONDE_HUB_PROGRAM(switch__##variant_, section_ "sched_switch", sched_switch,               \
			  sonde_scheduler_cpu, SONDE_SCHEDULER_SWITCH, call_)
#define WAKEUP(variant_, section_, call_)                                                          \
	SONDE_HUB_PROGRAM(wakeup__##variant_, section_ "sched_wakeup", sched_wakeup,               \
			  sonde_scheduler_cpu, SONDE_SCHEDULER_WAKEUP, call_)
#define WAKEUP_NEW(variant_, section_, call_)                                                      \
	SONDE_HUB_PROGRAM(wakeup_new__##variant_, section_ "sched_wakeup_new", sched_wakeup_new,   \
			  sonde_scheduler_cpu, SONDE_SCHEDULER_WAKEUP_NEW, call_)

static __always_inline void on_switch(__u64 *ctx, struct sonde_scheduler_cpu *cpu, __u32 cpu_index,
				      bool known)
{
	struct task_struct *previous = (void *)ctx[1], *next = (void *)ctx[2];
	struct change change = { .cpu = cpu,
				 .cpu_index = cpu_index,
				 .known = known,
				 .previous = previous,
				 .next = next,
				 .next_comm = next->comm };

	change.previous_id = SONDE_FIELD(known, previous, pid);
	change.next_id = SONDE_FIELD(known, next, pid);
	change_judge(&change, ctx[0] & 0xff, previous_state(ctx, previous, known));
	task_switched(&change);
}

#define TASK ((struct task_struct *)ctx[0])

/* tp_btf: tasks are known to the verifier. */
SWITCH(tp_btf, "tp_btf/", on_switch(ctx, cpu, cpu_index, true))
WAKEUP(tp_btf, "tp_btf/", task_woken(cpu, TASK, TASK->pid, true, queued_cpu_of(TASK, true)))
WAKEUP_NEW(tp_btf, "tp_btf/", task_made(cpu, TASK, TASK->pid, true, queued_cpu_of(TASK, true)))

/* raw_tp: they are read through a helper, and what is known of them lies in a table. */
#define ID BPF_CORE_READ(TASK, pid)

SWITCH(raw_tp, "raw_tp/", on_switch(ctx, cpu, cpu_index, false))
WAKEUP(raw_tp, "raw_tp/", task_woken(cpu, TASK, ID, false, queued_cpu_of(TASK, false)))
WAKEUP_NEW(raw_tp, "raw_tp/", task_made(cpu, TASK, ID, false, queued_cpu_of(TASK, false)))

/* Classic tracepoints: the records tell ids; the task that leaves is the one that runs here. */
static __always_inline void on_switch_record(struct trace_event_raw_sched_switch *record,
					     struct sonde_scheduler_cpu *cpu, __u32 cpu_index)
{
	struct change change = { .cpu = cpu,
				 .cpu_index = cpu_index,
				 .previous = bpf_get_current_task_btf(),
				 .previous_id = record->prev_pid,
				 .next_id = record->next_pid,
				 .next_comm = record->next_comm };

	change_judge_record(&change, record->prev_state);
	task_switched(&change);
}

#define WOKEN ((struct trace_event_raw_sched_wakeup_template *)ctx)

SWITCH(tracepoint, "tracepoint/sched/", on_switch_record((void *)ctx, cpu, cpu_index))
WAKEUP(tracepoint, "tracepoint/sched/", task_woken(cpu, NULL, WOKEN->pid, false, WOKEN->target_cpu))
WAKEUP_NEW(tracepoint, "tracepoint/sched/",
	   task_made(cpu, NULL, WOKEN->pid, false, WOKEN->target_cpu))

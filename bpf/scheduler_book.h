/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of scheduler.bpf.c: a wait that ended is folded into counts, laid to who had the CPU
 * meanwhile, or handed over as an event. */
#ifndef SCHEDULER_BOOK_H
#define SCHEDULER_BOOK_H

#include "scheduler_state.h"

/* A task's wait for a CPU that ended just now. */
struct wait {
	struct task_state *state; /* of the task */
	struct sonde_scheduler_slot *slot;
	__u64 delay_ns;
	__u32 group;
	bool timed;
	bool forced;    /* it had been made to leave a CPU */
	bool throttled; /* by a quota */
};

/* ---- who had the CPU --------------------------------------------------------------------- */

/* Says what the culprit's process is called, where it is the one that leaves the CPU. */
static __always_inline void pair_name(const struct change *change,
				      struct sonde_scheduler_pair *pair, __u32 culprit_tgid)
{
	struct task_struct *previous = change->previous, *leader;

	if (!culprit_tgid || culprit_tgid != (__u32)SONDE_FIELD(change->known, previous, tgid))
		return;
	leader = SONDE_FIELD(change->known, previous, group_leader);
	bpf_probe_read_kernel(pair->culprit_comm, sizeof(pair->culprit_comm), leader->comm);
}

/* Makes a pair, if there is room, unless another CPU is first. */
static __always_inline void pair_make(struct sonde_scheduler_pair_known *known)
{
	struct sonde_scheduler_pair *pair;

	if (bpf_map_pop_elem(&free_pairs, &known->index))
		return;
	pair = bpf_map_lookup_elem(&pairs, &known->index);
	if (!pair)
		return;
	pair->key = known->key;
	if (!bpf_map_update_elem(&pair_ids, &known->key, &known->index, BPF_NOEXIST))
		return;
	pair->key.cgroup_id = 0; /* another CPU was first */
	bpf_map_push_elem(&free_pairs, &known->index, 0);
}

/* Finds or makes the pair. */
static __always_inline void pair_find(const struct change *change,
				      struct sonde_scheduler_pair_known *known)
{
	__u32 *found = bpf_map_lookup_elem(&pair_ids, &known->key);
	struct sonde_scheduler_pair *pair;

	known->place = SONDE_SCHEDULER_NO_PAIR;
	if (!found) {
		pair_make(known);
		found = bpf_map_lookup_elem(&pair_ids, &known->key);
		if (!found)
			return;
	}
	known->place = change->cpu_index * pair_count + *found;
	pair = bpf_map_lookup_elem(&pairs, found);
	if (pair && !pair->culprit_comm[0])
		pair_name(change, pair, known->key.culprit_tgid);
}

/* The same, remembered for the next time: most often it is the pair that it was before. */
static __always_inline struct sonde_scheduler_wait *
pair_of_wait(const struct change *change, const struct wait *wait,
	     const struct sonde_scheduler_turn *turn)
{
	struct sonde_scheduler_pair_known *known = &change->cpu->pair;
	__u64 cgroup_id = wait->state->task.cgroup_id;
	__u32 tgid = 0, culprit_tgid = 0;

	if (control.rules.per_process) {
		tgid = wait->state->task.tgid;
		culprit_tgid = turn->tgid;
	}
	if (unlikely(known->generation != control.rules.generation ||
		     known->key.cgroup_id != cgroup_id ||
		     known->key.culprit_cgroup_id != turn->cgroup_id || known->key.tgid != tgid ||
		     known->key.culprit_tgid != culprit_tgid)) {
		known->key.cgroup_id = cgroup_id;
		known->key.culprit_cgroup_id = turn->cgroup_id;
		known->key.tgid = tgid;
		known->key.culprit_tgid = culprit_tgid;
		known->generation = control.rules.generation;
		pair_find(change, known);
	}
	return bpf_map_lookup_elem(&pair_waits, &known->place);
}

/* Where a part of the wait is booked, in which another had the CPU. */
static __always_inline struct sonde_scheduler_wait *
culprit_of_turn(const struct change *change, const struct wait *wait,
		const struct sonde_scheduler_turn *turn)
{
	struct sonde_scheduler_wait *by = NULL;

	if (!turn->cgroup_id)
		return &wait->slot->by[SONDE_SCHEDULER_IDLE];
	if (unlikely(turn->cgroup_id == SONDE_SCHEDULER_UNTOLD))
		return &wait->slot->by[SONDE_SCHEDULER_UNKNOWN];
	if (turn->cgroup_id == wait->state->task.cgroup_id &&
	    (!control.rules.per_process || turn->tgid == wait->state->task.tgid))
		return &wait->slot->by[SONDE_SCHEDULER_OWN];
	if (wait->state->task.group)
		by = pair_of_wait(change, wait, turn);
	return by ? by : &wait->slot->by[SONDE_SCHEDULER_OTHER];
}

/* The turn is counted last: who reads it finds its time booked. */
static __always_inline void wait_lay(struct sonde_scheduler_wait *by, __u64 ns, bool preempted)
{
	by->ns += ns;
	by->preemptions += preempted;
	barrier();
	by->turns++;
}

/* Lays the wait to those who had the CPU on whose queue it began, each with their part. Turns are
 * written by that CPU, which may be another one: what could have been overwritten is not used. */
static __always_inline void wait_explain(const struct change *change, const struct wait *wait)
{
	__u64 queued_ns = change->now_ns - wait->delay_ns, end_ns = change->now_ns, begin_ns, turns;
	__u32 cpu_index = wait->state->cpu;
	struct sonde_scheduler_wait *by;
	struct sonde_scheduler_turn turn;
	struct sonde_scheduler_cpu *cpu;

	if (unlikely(wait->throttled)) { /* whoever had the CPU meanwhile took nothing from it */
		wait_lay(&wait->slot->by[SONDE_SCHEDULER_QUOTA], wait->delay_ns, true);
		return;
	}
	cpu = bpf_map_lookup_elem(&cpus, &cpu_index);
	if (!cpu)
		cpu = change->cpu;
	turns = *(volatile __u64 *)&cpu->turn;
	for (__u32 back = 0; back < SONDE_SCHEDULER_TURNS - 1; back++) {
		turn = cpu->turns[(turns - back) & (SONDE_SCHEDULER_TURNS - 1)];
		if (unlikely(turn.since_ns < control.turns_ns) ||
		    unlikely(*(volatile __u64 *)&cpu->turn - turns + back >=
			     SONDE_SCHEDULER_TURNS - 1))
			break;
		begin_ns = turn.since_ns > queued_ns ? turn.since_ns : queued_ns;
		if (likely(begin_ns < end_ns)) {
			by = culprit_of_turn(change, wait, &turn);
			if (by)
				wait_lay(by, end_ns - begin_ns,
					 wait->state->now == SONDE_SCHEDULER_PREEMPTED &&
						 turn.since_ns <= queued_ns);
			end_ns = begin_ns;
		}
		if (likely(turn.since_ns <= queued_ns))
			return;
	}
	wait_lay(&wait->slot->by[SONDE_SCHEDULER_UNKNOWN], end_ns - queued_ns, false);
}

/* ---- counts ------------------------------------------------------------------------------ */

static __always_inline void slot_add_delay(struct sonde_scheduler_slot *slot, __u64 delay_ns)
{
	__u32 bucket = 0;

	slot->delay_ns += delay_ns;
	if (likely(delay_ns > 1ull << (SONDE_SCHEDULER_FIRST_BUCKET / 8)))
		bucket = sonde_histogram_index(delay_ns) - SONDE_SCHEDULER_FIRST_BUCKET;
	asm volatile("" : "+r"(bucket));
	if (bucket > SONDE_SCHEDULER_BUCKETS - 1)
		bucket = SONDE_SCHEDULER_BUCKETS - 1;
	slot->buckets[bucket]++;
}

static __always_inline void wait_fold(const struct change *change, struct wait *wait)
{
	struct task_state *state = wait->state;
	struct sonde_scheduler_slot *slot;

	wait->group = sonde_task_group(&state->task, change->next, change->known, &groups,
				       &control.rules);
	slot = slot_of_group(change->cpu_index, wait->group);
	if (unlikely(!slot))
		return;
	wait->slot = slot;
	slot->waits++;
	if (likely(wait->group))
		change->cpu->folded++;
	else
		change->cpu->folded_other++;
	if (likely(control.times) && likely(state->slept))
		slot->ns[state->slept & 7] += state->slept_ns;
	if (likely(wait->timed)) {
		if (likely(control.times))
			slot->ns[state->now & 7] += wait->delay_ns;
		slot_add_delay(slot, wait->delay_ns);
		if (likely(control.culprits))
			wait_explain(change, wait);
	}
}

/* ---- events ------------------------------------------------------------------------------ */

static __always_inline void event_fill(struct sonde_scheduler_event *event,
				       const struct change *change, const struct wait *wait)
{
	const struct sonde_scheduler_cpu *cpu = change->cpu;
	const struct sonde_scheduler_turn *turn =
		&cpu->turns[cpu->turn & (SONDE_SCHEDULER_TURNS - 1)];
	const struct task_state *state = wait->state;

	event->header.time_ns = change->now_ns + control.boottime_offset_ns;
	event->header.start_time_ns = state->task.start_time_ns;
	event->header.cgroup_id = state->task.cgroup_id;
	event->header.tgid = state->task.tgid;
	event->header.tid = change->next_id;
	event->header.type = SONDE_EVENT_WAIT;
	event->header.version = SONDE_EVENT_VERSION;
	event->header.flags = (wait->forced ? SONDE_EVENT_PREEMPTED : 0) |
			      (wait->throttled ? SONDE_EVENT_THROTTLED : 0);
	event->delay_ns = wait->delay_ns;
	event->previous_cgroup_id = change->previous_id ? turn->cgroup_id : 0;
	event->previous_tgid = change->previous_id ? turn->tgid : 0;
	event->previous_tid = change->previous_id;
	event->weight = control.sample_one_in > 1 ? control.sample_one_in : 1;
	event->cpu = change->cpu_index;
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), change->next_comm);
	if (change->previous_id)
		bpf_get_current_comm(event->previous_comm, sizeof(event->previous_comm));
	else
		event->previous_comm[0] = 0;
}

/* Makes an event of the wait, if it is long enough, chosen, and there is room. */
static __always_inline void wait_report(const struct change *change, const struct wait *wait)
{
	struct sonde_scheduler_cpu *cpu = change->cpu;
	__u32 key = change->cpu_index, one_in = control.sample_one_in;
	struct sonde_scheduler_event *event;
	void *ring;

	if (!wait->timed || wait->delay_ns < control.minimum_delay_ns) {
		cpu->event_filtered++;
		return;
	}
	if (one_in > 1 && !sonde_choose(&cpu->sampled, one_in)) {
		cpu->sampled_out++;
		return;
	}
	if (unlikely(!sonde_ring_allows(&cpu->ring, change->now_ns, control.events_per_second))) {
		cpu->lost[SONDE_KERNEL_LOSS_RATE_LIMITED]++;
		return;
	}
	ring = bpf_map_lookup_elem(&rings, &key);
	if (!ring)
		return;
	event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
	if (unlikely(!event)) {
		cpu->lost[SONDE_KERNEL_LOSS_RING_FULL]++;
		return;
	}
	event_fill(event, change, wait);
	bpf_ringbuf_submit(
		event, sonde_ring_flags(ring, &cpu->ring, sizeof(*event), control.watermark_bytes));
}

/* Books a wait in all that the mode asks for. */
static __always_inline void wait_book(const struct change *change, struct wait *wait)
{
	__u32 mode = control.mode;

	if (unlikely(mode & SONDE_SCHEDULER_EVENTS)) {
		wait_report(change, wait);
		if (!(mode & SONDE_SCHEDULER_AGGREGATE))
			return;
		change->cpu->twice++;
	}
	wait_fold(change, wait);
}

#endif

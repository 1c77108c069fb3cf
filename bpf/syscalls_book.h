/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of syscalls.bpf.c: a call is folded into counts, or handed over as an event. */
#ifndef SYSCALLS_BOOK_H
#define SYSCALLS_BOOK_H

#include "syscalls_state.h"

/* Gives a call of a group a slot of its own, if there is one left. */
static __always_inline __u32 slot_make(struct sonde_syscall_group *group, __u32 group_index,
				       __u32 index)
{
	__u32 slot = 0, first;
	struct sonde_syscall_slot *value;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		group->slots[index] = SONDE_SYSCALL_SLOT_NONE;
		return 0;
	}
	value = bpf_map_lookup_elem(&slots, &slot); /* the first CPU's */
	if (value) {
		value->group = group_index;
		value->index = index;
		value->used = 1;
	}
	first = __sync_val_compare_and_swap(&group->slots[index], 0, slot);
	if (!first)
		return slot;
	if (value) /* another CPU was first */
		value->used = 0;
	bpf_map_push_elem(&free_slots, &slot, 0);
	return first == SONDE_SYSCALL_SLOT_NONE ? 0 : first;
}

static __always_inline __u32 error_index(__u32 error)
{
	if (error <= SONDE_SYSCALL_ERRNO_LAST)
		return error;
	if (error - SONDE_SYSCALL_RESTART_FIRST <=
	    SONDE_SYSCALL_RESTART_LAST - SONDE_SYSCALL_RESTART_FIRST)
		return error - SONDE_SYSCALL_RESTART_FIRST + SONDE_SYSCALL_ERRNO_LAST + 1;
	return 0;
}

static __always_inline void slot_add_duration(struct sonde_syscall_slot *slot, __u64 duration_ns)
{
	__u64 bucket = 0;

	slot->duration_ns += duration_ns;
	if (likely(duration_ns > 1ull << (SONDE_SYSCALL_FIRST_BUCKET / 8)))
		bucket = sonde_histogram_index(duration_ns) - SONDE_SYSCALL_FIRST_BUCKET;
	asm volatile("" : "+r"(bucket));
	if (bucket > SONDE_SYSCALL_BUCKETS - 1)
		bucket = SONDE_SYSCALL_BUCKETS - 1;
	slot->buckets[bucket]++;
}

static __always_inline void slot_add(struct sonde_syscall_slot *slot, struct call *call)
{
	__u64 error; /* as all that is bounded: older verifiers lose track of halves of registers */

	slot->calls++;
	if (call->error) {
		error = error_index(call->error);
		asm volatile("" : "+r"(error));
		if (error < SONDE_SYSCALL_ERRORS)
			slot->errors[error]++;
	}
	if (call->timed)
		slot_add_duration(slot, call->duration_ns);
}

/* Finds the group of the current task and keeps it with the task. */
static __always_inline __u32 group_of_task(struct sonde_syscalls_who *who)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = state_of_task(task, false);
	__u32 group = 0;

	if (state)
		group = sonde_task_group(&state->task, task, true, &groups, &control.rules);
	who_join(who, group);
	return group;
}

/* Folds the call into its group's counts. */
static __always_inline void call_fold(struct call *call)
{
	__u32 group_index = call->cpu->who.group, slot_index, key;
	struct sonde_syscall_group *group;
	struct sonde_syscall_slot *slot;

	group = bpf_map_lookup_elem(&groups, &group_index);
	if (unlikely(!group)) {
		group_index = group_of_task(&call->cpu->who);
		group = bpf_map_lookup_elem(&groups, &group_index);
		if (!group)
			return;
	}
	slot_index = group->slots[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (unlikely(!slot_index))
		slot_index =
			slot_make(group, group_index, call->index & (SONDE_SYSCALL_INDEXES - 1));
	if (unlikely(slot_index >= slot_count))
		slot_index = 0;
	key = call->cpu_index * slot_count + slot_index;
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return;
	slot_add(slot, call);
	if (likely(group_index && slot_index))
		call->cpu->folded++;
	else
		call->cpu->folded_other++;
}

/* Where a call of an ordinary number is counted that was a native call, did not fail, and that its
 * group counted before. NULL: it is none such. */
static __always_inline struct sonde_syscall_slot *slot_of_ordinary(struct call *call, __u32 number,
								   long value)
{
	__u32 key = call->cpu->who.group;
	struct sonde_syscall_group *group;

	if ((call->status & TS_COMPAT) || (__u64)value >= (__u64)-4095)
		return NULL;
	group = bpf_map_lookup_elem(&groups, &key);
	if (!group)
		return NULL;
	key = group->slots[number & (SONDE_SYSCALL_NUMBERS - 1)];
	if (key - 1 >= slot_count - 1)
		return NULL;
	key += call->cpu_index * slot_count;
	return bpf_map_lookup_elem(&slots, &key);
}

/* The short way of most calls: an ordinary one of a known task, to be folded and nothing else.
 * False, with nothing done: it must go the long way, which does the same and more. It is worth its
 * lines: short code keeps all that it needs in registers, and reads less. */
static __always_inline bool call_fold_plain(struct call *call, long number, long value)
{
	struct sonde_syscalls_who *who = &call->cpu->who;
	struct sonde_syscall_slot *slot;
	__u64 start_ns = who->start_ns;

	if (who->plain != control.plain || !who_runs(call))
		return false;
	slot = slot_of_ordinary(call, number, value);
	if (!slot)
		return false;
	slot->calls++;
	call->cpu->folded++;
	if (!start_ns)
		return true;
	who->start_ns = 0;
	start_forget(call);
	if (start_ns >= control.attached_ns)
		slot_add_duration(slot, sonde_hub_time() - start_ns);
	return true;
}

static __always_inline void event_fill(struct sonde_syscall_event *event, struct call *call,
				       __u32 flags)
{
	struct sonde_syscalls_who *who = &call->cpu->who;

	event->header.time_ns = call->end_ns + control.boottime_offset_ns;
	event->header.start_time_ns = who->start_time_ns;
	event->header.cgroup_id = who->cgroup_id;
	event->header.tgid = who->tgid;
	event->header.tid = who->tid;
	event->header.type = SONDE_EVENT_SYSCALL;
	event->header.version = SONDE_EVENT_VERSION;
	event->header.flags = flags;
	event->return_value = call->return_value;
	event->duration_ns = call->duration_ns;
	event->weight = control.sample_one_in > 1 ? control.sample_one_in : 1;
	event->index = call->index;
}

/* Reads the six arguments that the call was made with. */
static __always_inline void arguments_read(struct pt_regs *registers, bool compat, __u64 *arguments)
{
	if (unlikely(compat)) {
		arguments[0] = (__u32)BPF_CORE_READ(registers, bx);
		arguments[1] = (__u32)BPF_CORE_READ(registers, cx);
		arguments[2] = (__u32)BPF_CORE_READ(registers, dx);
		arguments[3] = (__u32)BPF_CORE_READ(registers, si);
		arguments[4] = (__u32)BPF_CORE_READ(registers, di);
		arguments[5] = (__u32)BPF_CORE_READ(registers, bp);
		return;
	}
	arguments[0] = BPF_CORE_READ(registers, di);
	arguments[1] = BPF_CORE_READ(registers, si);
	arguments[2] = BPF_CORE_READ(registers, dx);
	arguments[3] = BPF_CORE_READ(registers, r10);
	arguments[4] = BPF_CORE_READ(registers, r8);
	arguments[5] = BPF_CORE_READ(registers, r9);
}

/* Reads the argument that is a text, if the call has one; returns flags for the header. What bounds
 * an access stands right before it: older verifiers forget it of a copy. */
static __always_inline __u32 text_read(struct sonde_syscall_detail *detail, struct call *call)
{
	__u64 argument = (call->trait >> SONDE_SYSCALL_TEXT_SHIFT) - 1, address, limit;
	long length;

	detail->text_bytes = 0;
	if (control.detail != SONDE_SYSCALLS_DECODED)
		return 0;
	asm volatile("" : "+r"(argument));
	if (argument > 5)
		return 0;
	address = detail->arguments[argument];
	asm volatile("" : "+r"(address));
	if ((call->trait & SONDE_SYSCALL_REPLACES) && !call->error)
		return SONDE_EVENT_TEXT_FAULT;
	limit = control.text_limit_bytes;
	asm volatile("" : "+r"(limit));
	if (limit > SONDE_SYSCALL_TEXT_BYTES)
		limit = SONDE_SYSCALL_TEXT_BYTES;
	length = bpf_probe_read_user_str(detail->text, limit, (void *)address);
	if (length <= 0)
		return SONDE_EVENT_TEXT_FAULT;
	detail->text_bytes = length - 1;
	return SONDE_EVENT_TEXT |
	       ((__u64)length == control.text_limit_bytes ? SONDE_EVENT_TRUNCATED : 0);
}

static __always_inline bool detail_emit(void *ring, struct call *call, __u32 flags)
{
	struct sonde_syscall_detail *detail;
	__u64 bytes, wake;
	__u32 key = 0;

	detail = bpf_map_lookup_elem(&scratch, &key);
	if (!detail)
		return false;
	arguments_read(call->registers, call->index >= SONDE_SYSCALL_NUMBERS, detail->arguments);
	flags |= SONDE_EVENT_ARGUMENTS | text_read(detail, call);
	event_fill(&detail->event, call, flags);
	bytes = detail->text_bytes;
	asm volatile("" : "+r"(bytes));
	if (bytes > SONDE_SYSCALL_TEXT_BYTES - 1)
		bytes = SONDE_SYSCALL_TEXT_BYTES - 1;
	bytes += __builtin_offsetof(struct sonde_syscall_detail, text);
	wake = sonde_ring_flags(ring, &call->cpu->ring, bytes, control.watermark_bytes);
	if (!bpf_ringbuf_output(ring, detail, bytes, wake))
		return true;
	sonde_ring_withdraw(&call->cpu->ring, bytes);
	return false;
}

static __always_inline bool event_emit(void *ring, struct call *call, __u32 flags)
{
	struct sonde_syscall_event *event;

	event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
	if (!event)
		return false;
	event_fill(event, call, flags);
	bpf_ringbuf_submit(event, sonde_ring_flags(ring, &call->cpu->ring, sizeof(*event),
						   control.watermark_bytes));
	return true;
}

/* Whether the filters that ask for the call's outcome let it through. */
static __always_inline bool outcome_is_wanted(struct call *call)
{
	if (control.errors_only && !call->error)
		return false;
	return call->duration_ns >= control.minimum_duration_ns;
}

/* Whether the call is one of the sample. Calls that never return are not timed, and drawn here. */
static __always_inline bool call_is_chosen(struct call *call)
{
	__u32 one_in = control.sample_one_in;

	if (one_in <= 1 || (control.timed_only && call->timed))
		return true;
	return sonde_choose(&call->cpu->sampled, one_in);
}

/* Makes an event of the call, if it is chosen and there is room. */
static __always_inline void call_report(struct call *call)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u32 key = call->cpu_index, flags = 0;
	void *ring;
	bool done;

	if (!call_is_chosen(call)) {
		cpu->sampled_out++;
		return;
	}
	if (!call->end_ns)
		call->end_ns = sonde_hub_time();
	if (unlikely(!sonde_ring_allows(&cpu->ring, call->end_ns, control.events_per_second))) {
		cpu->lost[SONDE_KERNEL_LOSS_RATE_LIMITED]++;
		return;
	}
	ring = bpf_map_lookup_elem(&rings, &key);
	if (!ring)
		return;
	if (!call->timed)
		flags |= SONDE_EVENT_UNTIMED;
	if (call->index >= SONDE_SYSCALL_NUMBERS)
		flags |= SONDE_EVENT_COMPAT;
	if (call->trait & SONDE_SYSCALL_ENDS)
		flags |= SONDE_EVENT_NO_RETURN;
	if (unlikely(control.detail && call->registers))
		done = detail_emit(ring, call, flags);
	else
		done = event_emit(ring, call, flags);
	if (unlikely(!done))
		cpu->lost[SONDE_KERNEL_LOSS_RING_FULL]++;
}

/* Books a call whose outcome is known in all that the mode asks for. It is folded last, and in one
 * place: the verifier follows every way through it once more for every way that leads there. */
static __always_inline void call_book(struct call *call)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u32 mode = control.mode;
	bool wanted = outcome_is_wanted(call);

	if (mode & SONDE_SYSCALLS_EVENTS) {
		if (likely(wanted))
			call_report(call);
		else
			cpu->event_filtered++;
		if (!(mode & SONDE_SYSCALLS_AGGREGATE))
			return;
		cpu->twice++;
	} else if (unlikely(!wanted)) {
		cpu->fold_filtered++;
		return;
	}
	call_fold(call);
}

#endif

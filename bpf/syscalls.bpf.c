// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Every system call of the host: counted, timed and folded in the kernel, or handed over one by one. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/histogram.h>
#include <sonde/bpf/hub.h>
#include <sonde/bpf/ring.h>
#include <sonde/bpf/syscalls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Shape, fixed at load. */
const volatile __u32 slot_count = 64;         /* per CPU, slot 0 included */
const volatile __u32 group_count = 2;         /* group 0 included */
const volatile bool has_task_storage = true;  /* 5.11 and later; else a table by thread id */
const volatile bool has_cast = true;          /* 6.2 and later; else a helper says who runs */

/* Lets an address be read as a kernel struct, with checks at run time. */
extern void *bpf_rdonly_cast(void *address, __u32 btf_id) __ksym __weak;

volatile struct sonde_syscalls_control control SEC(".data.control");

/* What is known of a task: when its call began, and what the filters and the grouping made of it. */
struct task_state {
	__u64 start_ns;     /* of the timed call that it is in; 0: none */
	__u64 place;        /* the task's css_set that the rest was worked out for */
	__u64 cgroup_id;
	__u64 start_time_ns;
	__u32 generation;   /* of the control block, likewise; 0: not worked out yet */
	__u32 group;
	__u32 rejection;    /* enum sonde_syscalls_rejection */
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
	__uint(max_entries, 1);   /* CPUs */
	__type(key, __u32);
	__type(value, struct sonde_syscalls_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);   /* CPUs * slot_count, one CPU's slots after the other's */
	__type(key, __u32);
	__type(value, struct sonde_syscall_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);   /* group_count */
	__type(key, __u32);
	__type(value, struct sonde_syscall_group);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);   /* group_count */
	__type(key, struct sonde_syscall_group_key);
	__type(value, __u32);
} group_ids SEC(".maps");

/* Groups and slots that are in no use; user space fills them and takes care that they are zeroed. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u32);
} free_groups SEC(".maps"), free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} wanted_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} wanted_processes SEC(".maps");

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
	__u32 cpu_index;
	__u32 status;         /* of the task's thread */
	__u32 index;
	__u32 trait;
	__u32 error;          /* positive errno; 0: it succeeded */
	__s64 return_value;
	__u64 start_ns;       /* monotonic; 0: not timed */
	__u64 end_ns;         /* likewise; 0: not read yet */
	__u64 duration_ns;
	bool timed;
};

#define TS_COMPAT 2   /* in thread_info.status on x86 */

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
	struct task_state none = {}, *state;
	__u32 id;

	if (has_task_storage)
		return bpf_task_storage_get(&tasks, task, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	id = bpf_get_current_pid_tgid();
	state = bpf_map_lookup_elem(&tasks_by_id, &id);
	if (state || !create)
		return state;
	bpf_map_update_elem(&tasks_by_id, &id, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&tasks_by_id, &id);
}

/* Finds or makes the group of the current task; 0 where there is no room. */
static __always_inline __u32 group_find(struct task_struct *task, __u64 cgroup_id)
{
	struct sonde_syscall_group_key key = { .cgroup_id = cgroup_id };
	struct sonde_syscall_group *group;
	__u32 *found, index = 0;

	if (control.per_process)
		key.tgid = task->tgid;
	found = bpf_map_lookup_elem(&group_ids, &key);
	if (found)
		return *found;
	if (bpf_map_pop_elem(&free_groups, &index))
		return 0;
	group = bpf_map_lookup_elem(&groups, &index);
	if (!group)
		return 0;
	group->key = key;
	if (key.tgid) {
		group->start_time_ns = task->group_leader->start_boottime;
		bpf_probe_read_kernel(group->comm, sizeof(group->comm), task->group_leader->comm);
	}
	if (!bpf_map_update_elem(&group_ids, &key, &index, BPF_NOEXIST))
		return index;
	bpf_map_push_elem(&free_groups, &index, 0);   /* another CPU was first */
	found = bpf_map_lookup_elem(&group_ids, &key);
	return found ? *found : 0;
}

/* Works out what the filters and the grouping make of the current task. */
static __always_inline void state_renew(struct task_struct *task, struct task_state *state)
{
	__u64 cgroup_id = sonde_hub_cgroup(task);
	__u32 tgid = task->tgid;

	if (state->rejection)   /* what it was in was not timed: that start is an older call's */
		state->start_ns = 0;
	state->place = (__u64)task->cgroups;
	state->start_time_ns = task->group_leader->start_boottime;
	state->cgroup_id = cgroup_id;
	state->generation = control.generation;
	state->group = 0;
	if (tgid == control.collector_tgid)
		state->rejection = SONDE_SYSCALLS_COLLECTOR;
	else if (control.filter_cgroups && !bpf_map_lookup_elem(&wanted_cgroups, &cgroup_id))
		state->rejection = SONDE_SYSCALLS_CGROUP;
	else if (control.filter_processes && !bpf_map_lookup_elem(&wanted_processes, &tgid))
		state->rejection = SONDE_SYSCALLS_PROCESS;
	else
		state->rejection = SONDE_SYSCALLS_NONE;
	if (!state->rejection && (control.mode & SONDE_SYSCALLS_AGGREGATE))
		state->group = group_find(task, cgroup_id);
}

/* A css_set may be freed and another come to lie in its place, while the task sleeps: user space makes a new
 * generation with each reading, which bounds for how long such a mistake can hold. */
static __always_inline bool state_is_current(struct task_struct *task, struct task_state *state)
{
	return state->place == (__u64)task->cgroups && state->generation == control.generation;
}

/* Gives a call of a group a slot of its own, if there is one left. */
static __always_inline __u32 slot_make(struct sonde_syscall_group *group, __u32 group_index, __u32 index)
{
	__u32 slot = 0, first;
	struct sonde_syscall_slot *value;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		group->slots[index] = SONDE_SYSCALL_SLOT_NONE;
		return 0;
	}
	value = bpf_map_lookup_elem(&slots, &slot);   /* the first CPU's */
	if (value) {
		value->group = group_index;
		value->index = index;
		value->used = 1;
	}
	first = __sync_val_compare_and_swap(&group->slots[index], 0, slot);
	if (!first)
		return slot;
	if (value)   /* another CPU was first */
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

static __always_inline void slot_add(struct sonde_syscall_slot *slot, struct call *call)
{
	__u32 error, bucket;

	slot->calls++;
	if (call->error) {
		error = error_index(call->error);
		if (error < SONDE_SYSCALL_ERRORS)
			slot->errors[error]++;
	}
	if (!call->timed)
		return;
	slot->duration_ns += call->duration_ns;
	bucket = 0;
	if (likely(call->duration_ns > 1ull << (SONDE_SYSCALL_FIRST_BUCKET / 8)))
		bucket = sonde_histogram_index(call->duration_ns) - SONDE_SYSCALL_FIRST_BUCKET;
	asm volatile("" : "+r"(bucket));
	if (bucket > SONDE_SYSCALL_BUCKETS - 1)
		bucket = SONDE_SYSCALL_BUCKETS - 1;
	slot->buckets[bucket]++;
}

/* Folds the call into its group's counts. */
static __always_inline void call_fold(struct call *call)
{
	__u32 group_index = call->cpu->who.group, slot_index, key;
	struct sonde_syscall_group *group;
	struct sonde_syscall_slot *slot;

	group = bpf_map_lookup_elem(&groups, &group_index);
	if (!group)
		return;
	slot_index = group->slots[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (unlikely(!slot_index))
		slot_index = slot_make(group, group_index, call->index & (SONDE_SYSCALL_INDEXES - 1));
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

static __always_inline void event_fill(struct sonde_syscall_event *event, struct call *call, __u32 flags)
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

/* Reads the argument that is a text, if the call has one; returns flags for the header. */
static __always_inline __u32 text_read(struct sonde_syscall_detail *detail, struct call *call)
{
	__u32 argument = (call->trait >> SONDE_SYSCALL_TEXT_SHIFT) - 1, limit = control.text_limit_bytes;
	long length;

	detail->text_bytes = 0;
	if (control.detail != SONDE_SYSCALLS_DECODED || argument > 5)
		return 0;
	if ((call->trait & SONDE_SYSCALL_REPLACES) && !call->error)
		return SONDE_EVENT_TEXT_FAULT;
	asm volatile("" : "+r"(limit));
	if (limit > SONDE_SYSCALL_TEXT_BYTES)
		limit = SONDE_SYSCALL_TEXT_BYTES;
	length = bpf_probe_read_user_str(detail->text, limit, (void *)detail->arguments[argument]);
	if (length <= 0)
		return SONDE_EVENT_TEXT_FAULT;
	detail->text_bytes = length - 1;
	return SONDE_EVENT_TEXT | (length == limit ? SONDE_EVENT_TRUNCATED : 0);
}

static __always_inline bool detail_emit(void *ring, struct call *call, struct pt_regs *registers, __u32 flags)
{
	struct sonde_syscall_detail *detail;
	__u32 key = 0, bytes;
	__u64 wake;

	detail = bpf_map_lookup_elem(&scratch, &key);
	if (!detail)
		return false;
	arguments_read(registers, call->index >= SONDE_SYSCALL_NUMBERS, detail->arguments);
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

/* Makes an event of the call, if it is chosen and there is room. */
static __always_inline void call_report(struct call *call, struct pt_regs *registers)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u32 key = call->cpu_index, one_in = control.sample_one_in, flags = 0;
	void *ring;
	bool done;

	if (one_in > 1 && !sonde_choose(&cpu->sample_left, one_in)) {
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
	if (unlikely(control.detail && registers))
		done = detail_emit(ring, call, registers, flags);
	else
		done = event_emit(ring, call, flags);
	if (unlikely(!done))
		cpu->lost[SONDE_KERNEL_LOSS_RING_FULL]++;
}

/* Books a call whose outcome is known in all that the mode asks for. */
static __always_inline void call_book(struct call *call, struct pt_regs *registers)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u32 mode = control.mode;

	if (mode == SONDE_SYSCALLS_AGGREGATE) {
		if (likely(outcome_is_wanted(call)))
			call_fold(call);
		else
			cpu->fold_filtered++;
		return;
	}
	if (mode & SONDE_SYSCALLS_AGGREGATE) {
		call_fold(call);
		cpu->twice++;
	}
	if (likely(outcome_is_wanted(call)))
		call_report(call, registers);
	else
		cpu->event_filtered++;
}

static __always_inline __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

/* Whether the task that this CPU's block tells of still runs here, and what is known of it still holds: then
 * no helper need be asked. Sets the thread's status. A task that was freed meanwhile was switched out before. */
static __always_inline bool who_holds(struct call *call)
{
	struct sonde_syscalls_who *who = &call->cpu->who;
	struct task_struct *task;

	if (has_cast)
		task = bpf_rdonly_cast((void *)who->task, bpf_core_type_id_kernel(struct task_struct));
	else
		task = bpf_get_current_task_btf();
	call->status = task->thread_info.status;
	return switches_of(task) == who->switches && (__u64)task->cgroups == who->place &&
	       who->generation == control.generation && (has_cast || (__u64)task == who->task);
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
	who->group = state->group;
	who->rejection = state->rejection;
	return true;
}

/* The start of a call that this CPU's block has is stored with the task too. Where each call is timed the next
 * one writes over it; else it must go, lest a call that is not timed takes it for its own. */
static __always_inline void start_forget(void)
{
	struct task_state *state;

	if (likely(control.time_one_in == 1))
		return;
	state = state_of_task(bpf_get_current_task_btf(), false);
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
		start_forget();
	}
	return true;
}

/* Counts why the call is not looked at, if it is not. */
static __always_inline bool call_is_wanted(struct call *call)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u32 rejection = cpu->who.rejection;

	if (unlikely(!control.mode))
		rejection = SONDE_SYSCALLS_OFF;
	else if (unlikely(call->trait & SONDE_SYSCALL_UNWANTED))
		rejection = SONDE_SYSCALLS_CALL;
	if (likely(!rejection))
		return true;
	if (rejection < SONDE_SYSCALLS_REJECTIONS)
		cpu->rejected[rejection]++;
	return false;
}

/* A call that ends its task is booked here, as no exit will be seen. */
static __always_inline void call_ended(struct call *call, struct pt_regs *registers, long number)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;

	if (!call_begin(call)) {
		cpu->ended++;
		cpu->lost[SONDE_KERNEL_LOSS_MAP_FULL]++;
		return;
	}
	call->index = index_of_call(call->status, number);
	call->trait = control.traits[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (!(call->trait & SONDE_SYSCALL_ENDS))
		return;
	cpu->ended++;
	if (call_is_wanted(call))
		call_book(call, registers);
}

static __always_inline void call_entered(struct sonde_syscalls_cpu *cpu, __u32 cpu_index,
					 struct pt_regs *registers, long number)
{
	struct call call = { .cpu = cpu, .cpu_index = cpu_index };
	__u32 one_in = control.time_one_in, index;
	struct task_struct *task;
	struct task_state *state;
	__u64 now_ns;

	if (unlikely((__u64)number < SONDE_SYSCALL_NUMBERS && control.may_end[number])) {
		call_ended(&call, registers, number);
		if (call.trait & SONDE_SYSCALL_ENDS)
			return;
	}
	if (one_in != 1 && (!one_in || !sonde_choose(&cpu->time_left, one_in)))
		return;
	task = bpf_get_current_task_btf();
	index = index_of_call(task->thread_info.status, number);
	if (unlikely(control.traits[index & (SONDE_SYSCALL_INDEXES - 1)] & SONDE_SYSCALL_UNWANTED))
		return;
	state = state_of_task(task, true);
	if (!state || (unlikely(state->rejection) && state->generation == control.generation))
		return;
	now_ns = sonde_hub_time();
	state->start_ns = now_ns;
	if (likely(cpu->who.task == (__u64)task && cpu->who.switches == switches_of(task)))
		cpu->who.start_ns = now_ns;
}

/* What the registers say of a return: the number as it was called, and an error if it is one. False if it
 * is none of a call, but a new task's first step. */
static __always_inline bool call_outcome(struct call *call, long number, long value)
{
	if (unlikely(number == -1)) {
		/* rt_sigreturn puts the registers of the interrupted code back: its value is no result. */
		call->index = index_of_call(call->status, SONDE_SYSCALL_NUMBERS - 1);
		if (value != -38) {
			call->index = call->index >= SONDE_SYSCALL_NUMBERS ? control.sigreturn_compat :
									     control.sigreturn;
			value = 0;
		}
	} else {
		call->index = index_of_call(call->status, number);
	}
	call->trait = control.traits[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (unlikely(call->index >= SONDE_SYSCALL_NUMBERS))
		value = (__s32)value;
	call->return_value = value;
	call->error = (__u64)value >= (__u64)-4095 ? -value : 0;
	return likely(!(call->trait & SONDE_SYSCALL_FORKS)) || value;
}

/* A program that was put in place may have another thread's id now, and its process another leader. */
static __always_inline void task_replaced(struct call *call)
{
	struct task_state *state = state_of_task(bpf_get_current_task_btf(), false);

	call->cpu->who.generation = 0;
	if (state)
		state->generation = 0;
}

static __always_inline void call_exited(struct sonde_syscalls_cpu *cpu, __u32 cpu_index,
					struct pt_regs *registers, long number, long value)
{
	struct call call = { .cpu = cpu, .cpu_index = cpu_index };

	if (unlikely(!call_begin(&call))) {
		cpu->lost[SONDE_KERNEL_LOSS_MAP_FULL]++;
		return;
	}
	if (unlikely(!call_outcome(&call, number, value))) {
		cpu->no_call++;
		return;
	}
	if (unlikely((call.trait & SONDE_SYSCALL_REPLACES) && !call.error)) {
		__u64 start_ns = call.start_ns;

		task_replaced(&call);
		who_find(&call);
		call.start_ns = start_ns;
	}
	if (!call_is_wanted(&call))
		return;
	if (call.start_ns && likely(call.start_ns >= control.attached_ns)) {
		call.end_ns = sonde_hub_time();
		call.duration_ns = call.end_ns - call.start_ns;
		call.timed = true;
	}
	call_book(&call, registers);
}

/* The frame of every program: this CPU's block, the meter, and whoever comes behind on the hook. */
#define PROGRAM(name_, section_, hook_, meter_, call_)                                             \
	SEC(section_) int name_(__u64 *ctx)                                                        \
	{                                                                                          \
		__u32 cpu_index = bpf_get_smp_processor_id();                                      \
		struct sonde_syscalls_cpu *cpu = bpf_map_lookup_elem(&cpus, &cpu_index);           \
		__u64 started_ns;                                                                  \
                                                                                                   \
		if (cpu) {                                                                         \
			started_ns = sonde_meter_begin(&cpu->meters[meter_]);                      \
			call_;                                                                     \
			sonde_meter_end(&cpu->meters[meter_], started_ns);                         \
		}                                                                                  \
		return sonde_hub_next(ctx, hook_);                                                 \
	}

#define REGISTERS(ctx_) ((struct pt_regs *)(ctx_)[0])

/* tp_btf: the registers are read directly. */
PROGRAM(enter__tp_btf, "tp_btf/sys_enter", sys_enter, SONDE_SYSCALLS_ENTER,
	call_entered(cpu, cpu_index, REGISTERS(ctx), ctx[1]))
PROGRAM(exit__tp_btf, "tp_btf/sys_exit", sys_exit, SONDE_SYSCALLS_EXIT,
	call_exited(cpu, cpu_index, REGISTERS(ctx), REGISTERS(ctx)->orig_ax, ctx[1]))

/* raw_tp: through a helper. */
PROGRAM(enter__raw_tp, "raw_tp/sys_enter", sys_enter, SONDE_SYSCALLS_ENTER,
	call_entered(cpu, cpu_index, REGISTERS(ctx), ctx[1]))
PROGRAM(exit__raw_tp, "raw_tp/sys_exit", sys_exit, SONDE_SYSCALLS_EXIT,
	call_exited(cpu, cpu_index, REGISTERS(ctx), BPF_CORE_READ(REGISTERS(ctx), orig_ax), ctx[1]))

/* Classic tracepoints: the record holds {common fields, number, value}, and no registers. */
PROGRAM(enter__tracepoint, "tracepoint/raw_syscalls/sys_enter", sys_enter, SONDE_SYSCALLS_ENTER,
	call_entered(cpu, cpu_index, NULL, ctx[1]))
PROGRAM(exit__tracepoint, "tracepoint/raw_syscalls/sys_exit", sys_exit, SONDE_SYSCALLS_EXIT,
	call_exited(cpu, cpu_index, NULL, ctx[1], ctx[2]))

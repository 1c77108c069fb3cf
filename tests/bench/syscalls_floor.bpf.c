// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The least that the same content can cost: fixed, without filters, control, losses or bounds. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/histogram.h>
#include <sonde/bpf/syscalls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 boottime_offset_ns = 12345; /* a variable, as the host may sleep */

struct floor_state {
	__u64 start_ns;
	struct css_set *place; /* that `cgroup` was looked up for */
	__u32 cgroup;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct floor_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

#define CGROUPS 8

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CGROUPS *SONDE_SYSCALL_NUMBERS);
	__type(key, __u32);
	__type(value, struct sonde_syscall_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counter SEC(".maps");

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring_map);
} rings SEC(".maps");

SEC("tp_btf/sys_enter") int empty_enter(__u64 *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit") int empty_exit(__u64 *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit") int count_exit(__u64 *ctx)
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(&counter, &key);

	if (count)
		++*count;
	return 0;
}

SEC("tp_btf/sys_enter") int timed_enter(__u64 *ctx)
{
	struct floor_state *state = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL,
							 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (state)
		state->start_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline __u32 cgroup_index(struct floor_state *state, struct task_struct *task)
{
	__u64 id;
	__u32 *found;

	if (likely(state->place == task->cgroups))
		return state->cgroup;
	id = task->cgroups->dfl_cgrp->kn->id;
	found = bpf_map_lookup_elem(&cgroups, &id);
	state->cgroup = found ? *found : 0;
	state->place = task->cgroups;
	return state->cgroup;
}

SEC("tp_btf/sys_exit") int aggregate_exit(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct floor_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct sonde_syscall_slot *slot;
	__s64 value = ctx[1];
	__u64 duration_ns;
	__u32 key, index;

	if (!state || !state->start_ns)
		return 0;
	duration_ns = bpf_ktime_get_ns() - state->start_ns;
	state->start_ns = 0;
	key = cgroup_index(state, task) * SONDE_SYSCALL_NUMBERS +
	      (((struct pt_regs *)ctx[0])->orig_ax & (SONDE_SYSCALL_NUMBERS - 1));
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	slot->calls++;
	slot->duration_ns += duration_ns;
	index = sonde_histogram_index(duration_ns) - SONDE_SYSCALL_FIRST_BUCKET;
	if (index < SONDE_SYSCALL_BUCKETS)
		slot->buckets[index]++;
	if (value < 0 && value > -SONDE_SYSCALL_ERRORS)
		slot->errors[-value]++;
	return 0;
}

SEC("tp_btf/sys_exit") int event_exit(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct floor_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct sonde_syscall_event *event;
	__u64 id = bpf_get_current_pid_tgid(), now_ns;
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring;

	if (!state || !state->start_ns)
		return 0;
	now_ns = bpf_ktime_get_ns();
	ring = bpf_map_lookup_elem(&rings, &cpu);
	if (!ring)
		return 0;
	event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
	if (!event)
		return 0;
	event->header.time_ns = now_ns + boottime_offset_ns;
	event->header.start_time_ns = task->group_leader->start_boottime;
	event->header.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	event->header.tgid = id >> 32;
	event->header.tid = id;
	event->header.type = SONDE_EVENT_SYSCALL;
	event->header.version = SONDE_EVENT_VERSION;
	event->header.flags = 0;
	event->return_value = ctx[1];
	event->duration_ns = now_ns - state->start_ns;
	event->weight = 1;
	event->index = ((struct pt_regs *)ctx[0])->orig_ax;
	state->start_ns = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

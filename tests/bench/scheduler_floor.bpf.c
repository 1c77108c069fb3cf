// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The least that run-queue latency by cgroup can cost: fixed, without filters, control or bounds.
 */
#include <sonde/bpf/program.h>
#include <sonde/bpf/histogram.h>
#include <sonde/bpf/hub.h>
#include <sonde/bpf/scheduler.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} queued SEC(".maps");

/* Storage of cgroups (6.2 and later), which the headers of Debian 12 do not know. */
#define CGRP_STORAGE_TYPE 32
static void *(*const cgrp_storage_get)(void *map, struct cgroup *cgroup, void *value,
				       __u64 flags) = (void *)210;

struct distribution {
	__u64 delay_ns;
	__u32 buckets[SONDE_SCHEDULER_BUCKETS];
};

struct {
	__uint(type, CGRP_STORAGE_TYPE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct distribution);
} distributions SEC(".maps");

static __always_inline void task_queued(struct task_struct *task, __u64 now_ns)
{
	__u64 *since = bpf_task_storage_get(&queued, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (since)
		*since = now_ns;
}

SEC("tp_btf/sched_wakeup") int latency_wakeup(__u64 *ctx)
{
	task_queued((struct task_struct *)ctx[0], bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_wakeup_new") int latency_wakeup_new(__u64 *ctx)
{
	task_queued((struct task_struct *)ctx[0], bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_switch") int latency_switch(__u64 *ctx)
{
	struct task_struct *previous = (void *)ctx[1], *next = (void *)ctx[2];
	__u64 now_ns = bpf_ktime_get_ns(), *since, delay_ns;
	struct distribution *distribution;
	__u32 index;

	if (!ctx[3] && previous->pid)
		task_queued(previous, now_ns);
	if (!next->pid)
		return 0;
	since = bpf_task_storage_get(&queued, next, NULL, 0);
	if (!since || !*since)
		return 0;
	delay_ns = now_ns - *since;
	*since = 0;
	distribution = cgrp_storage_get(&distributions, next->cgroups->dfl_cgrp, NULL,
					BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!distribution)
		return 0;
	index = sonde_histogram_index(delay_ns) - SONDE_SCHEDULER_FIRST_BUCKET;
	if (index >= SONDE_SCHEDULER_BUCKETS)
		index = 0;
	__sync_fetch_and_add(&distribution->delay_ns, delay_ns);
	__sync_fetch_and_add(&distribution->buckets[index], 1);
	return 0;
}

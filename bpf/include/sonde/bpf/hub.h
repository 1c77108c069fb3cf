/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The hook hub: members of one hot hook run one after the other behind one attached program.
 *
 * A member is a BPF program on a hub hook. Its object names the hook with SONDE_HUB(hook), and each
 * way out of the program is `return sonde_hub_next(ctx, hook)`, which jumps to the member behind
 * it, or returns 0 where there is none. The loader sets the member's place before the load, so that
 * the jump is a direct one that costs next to nothing when no one is behind; the same program works
 * attached alone and anywhere in the chain. A tail call never comes back: nothing may follow it. */
#ifndef SONDE_BPF_HUB_H
#define SONDE_BPF_HUB_H

#include <linux/types.h>

#define SONDE_HUB_MEMBERS 32 /* the kernel follows 33 tail calls in a row */

/* What the first member that asks reads, and the members behind it find; zeroed for each run. */
struct sonde_hub_context {
	__u64 time_ns;   /* monotonic clock; 0: not asked for yet */
	__u64 cgroup_id; /* of the current task; 0: not asked for yet */
};

#ifdef __bpf__

/* Not 0 while the object's members run in a chain, whose context is theirs to share. */
volatile __u32 hub_shared SEC(".data.hub");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_hub_context);
} hub_context SEC(".maps");

/* Declares the program array of a hook, and the place behind this object's member in it. */
#define SONDE_HUB(hook_)                                                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, SONDE_HUB_MEMBERS + 1);                                        \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} hub_##hook_ SEC(".maps");                                                                \
	const volatile __u32 hub_##hook_##_next = SONDE_HUB_MEMBERS

#define sonde_hub_next(ctx_, hook_)                                                                \
	({                                                                                         \
		bpf_tail_call((ctx_), &hub_##hook_, hub_##hook_##_next);                           \
		0;                                                                                 \
	})

/* The frame of a member: this CPU's block, which the map `cpus` has and call_ finds as `cpu`, the
 * block's meter, and whoever comes behind on the hook. */
#define SONDE_HUB_PROGRAM(name_, section_, hook_, block_, meter_, call_)                           \
	SEC(section_) int name_(__u64 *ctx)                                                        \
	{                                                                                          \
		__u32 cpu_index = bpf_get_smp_processor_id();                                      \
		struct block_ *cpu = bpf_map_lookup_elem(&cpus, &cpu_index);                       \
		__u64 started_ns;                                                                  \
                                                                                                   \
		if (cpu) {                                                                         \
			started_ns = sonde_meter_begin(&cpu->meters[meter_]);                      \
			call_;                                                                     \
			sonde_meter_end(&cpu->meters[meter_], started_ns);                         \
		}                                                                                  \
		return sonde_hub_next(ctx, hook_);                                                 \
	}

/* The time of this run by the monotonic clock, ns, read once for all members. Boottime is a third
 * dearer to read: what needs it adds the difference, which user space keeps in its control block.
 */
static __always_inline __u64 sonde_hub_time(void)
{
	struct sonde_hub_context *context;
	__u32 key = 0;

	if (__builtin_expect(!hub_shared, 1))
		return bpf_ktime_get_ns();
	context = bpf_map_lookup_elem(&hub_context, &key);
	if (!context)
		return bpf_ktime_get_ns();
	if (!context->time_ns)
		context->time_ns = bpf_ktime_get_ns();
	return context->time_ns;
}

/* The id of a task's v2 cgroup. The barrier keeps the compiler from sharing the last load with
 * another one through a different kind of pointer, which the verifier refuses. */
static __always_inline __u64 sonde_task_cgroup(struct task_struct *task)
{
	__u64 id = task->cgroups->dfl_cgrp->kn->id;

	asm volatile("" : "+r"(id));
	return id;
}

/* The id of the current task's v2 cgroup, likewise read once for all members. */
static __always_inline __u64 sonde_hub_cgroup(struct task_struct *task)
{
	struct sonde_hub_context *context;
	__u32 key = 0;

	if (__builtin_expect(!hub_shared, 1))
		return sonde_task_cgroup(task);
	context = bpf_map_lookup_elem(&hub_context, &key);
	if (!context)
		return sonde_task_cgroup(task);
	if (!context->cgroup_id)
		context->cgroup_id = sonde_task_cgroup(task);
	return context->cgroup_id;
}

#endif
#endif

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The head of a hot hook's chain of members, and the filler for a place that a member has left. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/hub.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Each object that is loaded serves one hook, in one variant: the array takes programs of one kind.
 */
SONDE_HUB(members);

/* head: attached to the hook; starts the chain anew. skip: stands where no member is. */
#define HOOK(hook_, variant_, section_)                                                            \
	SEC(section_) int head_##hook_##__##variant_(__u64 *ctx)                                   \
	{                                                                                          \
		__u32 key = 0;                                                                     \
		struct sonde_hub_context *context = bpf_map_lookup_elem(&hub_context, &key);       \
                                                                                                   \
		if (context) {                                                                     \
			context->time_ns = 0;                                                      \
			context->cgroup_id = 0;                                                    \
		}                                                                                  \
		bpf_tail_call(ctx, &hub_members, 0);                                               \
		return 0;                                                                          \
	}                                                                                          \
	SEC(section_) int skip_##hook_##__##variant_(__u64 *ctx)                                   \
	{                                                                                          \
		return sonde_hub_next(ctx, members);                                               \
	}

#define HOOK_VARIANTS(hook_, group_)                                                               \
	HOOK(hook_, tp_btf, "tp_btf/" #hook_)                                                      \
	HOOK(hook_, raw_tp, "raw_tp/" #hook_)                                                      \
	HOOK(hook_, tracepoint, "tracepoint/" #group_ "/" #hook_)

HOOK_VARIANTS(sys_enter, raw_syscalls)
HOOK_VARIANTS(sys_exit, raw_syscalls)
HOOK_VARIANTS(sched_switch, sched)
HOOK_VARIANTS(sched_wakeup, sched)
HOOK_VARIANTS(sched_wakeup_new, sched)

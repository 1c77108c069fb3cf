// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* A third user of the hot hooks: counts runs on each, and notes when the last one was. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/hub.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct third_cpu {
	struct sonde_meter meters[5];
	__u64 last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct third_cpu);
} cpus SEC(".maps");

SONDE_HUB(sys_enter);
SONDE_HUB(sys_exit);
SONDE_HUB(sched_switch);
SONDE_HUB(sched_wakeup);
SONDE_HUB(sched_wakeup_new);

#define THIRD(hook_, index_)                                                                       \
	SEC("tp_btf/" #hook_) int third_##hook_##__tp_btf(__u64 *ctx)                              \
	{                                                                                          \
		__u32 key = bpf_get_smp_processor_id();                                            \
		struct third_cpu *cpu = bpf_map_lookup_elem(&cpus, &key);                          \
                                                                                                   \
		if (cpu) {                                                                         \
			cpu->meters[index_].runs++;                                                \
			cpu->last_ns = sonde_hub_time();                                           \
		}                                                                                  \
		return sonde_hub_next(ctx, hook_);                                                 \
	}

THIRD(sys_enter, 0)
THIRD(sys_exit, 1)
THIRD(sched_switch, 2)
THIRD(sched_wakeup, 3)
THIRD(sched_wakeup_new, 4)

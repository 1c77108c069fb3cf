// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Counts the programs that are started, by CPU. */
#include <sonde/bpf/program.h>
#include "execs.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The loader gives it as many entries as there can be CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct execs_cpu);
} cpus SEC(".maps");

static __always_inline int exec_count(void)
{
	__u32 key = bpf_get_smp_processor_id();
	struct execs_cpu *cpu = bpf_map_lookup_elem(&cpus, &key);
	__u64 started_ns;

	if (!cpu)
		return 0;
	started_ns = sonde_meter_begin(&cpu->exec);
	cpu->exec_count++;
	sonde_meter_end(&cpu->exec, started_ns);
	return 0;
}

/* One program for each variant of the hook: PROGRAM__VARIANT. */
SEC("tp_btf/sched_process_exec") int exec__tp_btf(void *ctx)
{
	return exec_count();
}

SEC("tracepoint/sched/sched_process_exec") int exec__tracepoint(void *ctx)
{
	return exec_count();
}

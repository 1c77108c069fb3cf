// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Counts the programs that are started and the system calls that are made, by CPU. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/hub.h>
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

/* sys_enter is a hot hook that other inputs count on too: this is a member of its chain. */
SONDE_HUB(sys_enter);

static __always_inline void call_count(void)
{
	__u32 key = bpf_get_smp_processor_id();
	struct execs_cpu *cpu = bpf_map_lookup_elem(&cpus, &key);
	__u64 started_ns;

	if (!cpu)
		return;
	started_ns = sonde_meter_begin(&cpu->call);
	cpu->call_count++;
	sonde_meter_end(&cpu->call, started_ns);
}

/* Every way out of a member leads to the next one. */
SEC("tp_btf/sys_enter") int call__tp_btf(void *ctx)
{
	call_count();
	return sonde_hub_next(ctx, sys_enter);
}

SEC("tracepoint/raw_syscalls/sys_enter") int call__tracepoint(void *ctx)
{
	call_count();
	return sonde_hub_next(ctx, sys_enter);
}

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Programs that do nothing: what they cost is the price of the hook itself. */
#include <sonde/bpf/program.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EMPTY(hook_, variant_, section_)                                                           \
	SEC(section_) int hook_##__##variant_(void *ctx)                                           \
	{                                                                                          \
		return 0;                                                                          \
	}

EMPTY(sys_enter, tp_btf, "tp_btf/sys_enter")
EMPTY(sys_enter, raw_tp, "raw_tp/sys_enter")
EMPTY(sys_enter, tracepoint, "tracepoint/raw_syscalls/sys_enter")
EMPTY(sys_exit, tp_btf, "tp_btf/sys_exit")
EMPTY(sys_exit, raw_tp, "raw_tp/sys_exit")
EMPTY(sys_exit, tracepoint, "tracepoint/raw_syscalls/sys_exit")
EMPTY(sched_switch, tp_btf, "tp_btf/sched_switch")
EMPTY(sched_switch, raw_tp, "raw_tp/sched_switch")
EMPTY(sched_switch, tracepoint, "tracepoint/sched/sched_switch")
EMPTY(sched_wakeup, tp_btf, "tp_btf/sched_wakeup")
EMPTY(sched_wakeup, raw_tp, "raw_tp/sched_wakeup")
EMPTY(sched_wakeup, tracepoint, "tracepoint/sched/sched_wakeup")

__u64 clock_ns; /* of `CLOCK_READS` readings of the clock */

#define CLOCK_READS 64

SEC("raw_tp") int clock_price(void *ctx)
{
	__u64 began_ns = bpf_ktime_get_ns();

	for (int i = 0; i < CLOCK_READS; i++)
		asm volatile("" : : "r"(bpf_ktime_get_ns()));
	clock_ns = bpf_ktime_get_ns() - began_ns;
	return 0;
}

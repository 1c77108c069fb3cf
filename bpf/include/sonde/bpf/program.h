/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What every BPF program of sonde starts from: types, helpers, the meter, the way to choose one in
 * N. */
#ifndef SONDE_BPF_PROGRAM_H
#define SONDE_BPF_PROGRAM_H

#include <sonde/bpf/kernel_types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <sonde/bpf/cpu.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Declares an array that user space maps; the loader gives it as many entries as it asks for. */
#define SONDE_MEMORY(name_, value_, entries_)                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, entries_);                                                     \
		__type(key, __u32);                                                                \
		__type(value, value_);                                                             \
	} name_ SEC(".maps")

/* Counts a run; not 0 (a time in ns) when this run is to be clocked by sonde_meter_end. */
static __always_inline __u64 sonde_meter_begin(struct sonde_meter *meter)
{
	__u64 runs = meter->runs + 1;

	meter->runs = runs;
	return unlikely(!(runs & (SONDE_METER_EVERY - 1))) ? bpf_ktime_get_ns() : 0;
}

static __always_inline void sonde_meter_end(struct sonde_meter *meter, __u64 started_ns)
{
	if (likely(!started_ns))
		return;
	meter->clocked_ns += bpf_ktime_get_ns() - started_ns;
	meter->clocked_runs++;
}

/* Chooses one in `one_in` on the average; the gaps are drawn evenly from 1 to 2 one_in - 1, so that
 * no rhythm of the watched program can fall in step. The numbers come from a linear congruential
 * generator (Knuth and Lewis, modulo 2^32), whose upper bits are used: each call of a helper would
 * cost more than all the rest. */
static __always_inline bool sonde_choose(struct sonde_choice *choice, __u32 one_in)
{
	__u32 now = choice->left - 1;

	if (likely(now - 1 < 2 * one_in)) {
		choice->left = now;
		return false;
	}
	choice->random = choice->random * 1664525 + 1013904223;
	choice->left = 1 + ((__u64)choice->random * (2 * one_in - 1) >> 32);
	return true;
}

#endif

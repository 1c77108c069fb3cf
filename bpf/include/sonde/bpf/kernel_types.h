/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The few kernel types that sonde's programs read, by name only: CO-RE finds the real offsets. */
#ifndef SONDE_BPF_KERNEL_TYPES_H
#define SONDE_BPF_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};
#else
#error "this architecture's registers are not described yet"
#endif

struct thread_info {
	__u32 status; /* x86: TS_COMPAT while the task is inside a 32-bit call */
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* the task's place in the v2 hierarchy */
};

struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	unsigned long nvcsw; /* switched out by itself, and by force */
	unsigned long nivcsw;
	__u64 start_boottime; /* ns; 5.5 and later */
	struct task_struct *group_leader;
	struct css_set *cgroups;
	char comm[16];
};

#pragma clang attribute pop

#endif

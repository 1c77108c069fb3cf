/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of processes.bpf.c: what of the kernel's types a process consists of, by name only. */
#ifndef PROCESSES_TYPES_H
#define PROCESSES_TYPES_H

#include <sonde/bpf/kernel_types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct list_head {
	struct list_head *next, *prev;
};

/* ---- files ------------------------------------------------------------------------------- */

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct linux_binprm {
	const char *filename;
};

/* ---- tasks ------------------------------------------------------------------------------- */

struct mm_struct {
	unsigned long arg_start, arg_end;
	struct file *exe_file;
};

struct user_id { /* kuid_t and kgid_t: CO-RE takes any struct for another */
	__u32 val;
};

struct cred {
	struct user_id uid, gid;
};

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1];
};

struct task_io_accounting {
	__u64 read_bytes, write_bytes, cancelled_write_bytes;
};

struct rq {
	__u64 clock;
	__u64 clock_task; /* less what interrupts and the hypervisor took */
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	__u64 exec_start;
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct counter32 { /* atomic_t */
	int counter;
};

struct signal_struct {
	struct counter32 live; /* threads that have not begun to exit */
	struct list_head thread_head;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
	__u64 utime, stime;
	unsigned long nvcsw, nivcsw;
	unsigned long min_flt, maj_flt;
	unsigned long maxrss;
	struct task_io_accounting ioac;
	unsigned long long sum_sched_runtime;
};

/* A flavour of task_struct, beside the few members that all programs read. */
struct task_struct___whole {
	struct sched_entity se;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct___whole *real_parent;
	struct task_struct___whole *group_leader;
	struct list_head thread_node;
	__u64 utime, stime;
	unsigned long nvcsw, nivcsw;
	__u64 start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred;
	struct signal_struct *signal;
	__u64 self_exec_id;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
	char comm[16];
};

#pragma clang attribute pop

#endif

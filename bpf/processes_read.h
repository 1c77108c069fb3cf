/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of processes.bpf.c: reads from a task what the records hold of it. */
#ifndef PROCESSES_READ_H
#define PROCESSES_READ_H

#include <sonde/bpf/program.h>
#include <sonde/bpf/processes.h>
#include <sonde/bpf/ring.h>

#include "processes_types.h"

/* A record with its tail; the room behind is what the verifier must see, not what is used. */
struct long_record {
	struct sonde_process_exec exec;
	char tail[SONDE_PROCESS_PATH_BYTES + SONDE_PROCESS_ARGUMENT_BYTES + 8];
};

#define PID_SESSION 3 /* enum pid_type */

/* The run queue of a task's CPU, on kernels with groups of tasks. */
static __always_inline struct rq *queue_of(struct task_struct___whole *task)
{
	struct cfs_rq *inner = NULL;

	if (!bpf_core_field_exists(task->se.cfs_rq) || !bpf_core_field_exists(inner->rq))
		return NULL;
	return BPF_CORE_READ(task, se.cfs_rq, rq);
}

static __always_inline __u64 clock_of(struct task_struct___whole *task)
{
	struct rq *queue = queue_of(task);

	return queue ? BPF_CORE_READ(queue, clock) : 0;
}

static __always_inline void record_fill(struct sonde_process_record *record,
					struct task_struct___whole *task, __u32 type)
{
	struct task_struct___whole *parent = BPF_CORE_READ(task, real_parent);
	const struct cred *cred = BPF_CORE_READ(task, real_cred);

	record->header.time_ns = bpf_ktime_get_boot_ns();
	record->header.start_time_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	record->header.cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	record->header.tgid = BPF_CORE_READ(task, tgid);
	record->header.tid = BPF_CORE_READ(task, pid);
	record->header.type = type;
	record->header.version = SONDE_EVENT_VERSION;
	record->header.flags = 0;
	record->clock_ns = 0;
	record->exec_id = BPF_CORE_READ(task, self_exec_id);
	record->parent_tgid = BPF_CORE_READ(parent, tgid);
	record->parent_start_ns = BPF_CORE_READ(parent, group_leader, start_boottime);
	record->user_id = BPF_CORE_READ(cred, uid.val);
	record->group_id = BPF_CORE_READ(cred, gid.val);
	record->session_id = BPF_CORE_READ(task, signal, pids[PID_SESSION], numbers[0].nr);
	BPF_CORE_READ_INTO(&record->command, task, comm);
}

/* ---- what it runs ------------------------------------------------------------------------ */

static __always_inline __u32 bounded(__u32 value, __u32 limit)
{
	asm volatile("" : "+r"(value));
	return value > limit ? limit : value;
}

/* Reads one name behind those that are there. False: there is no room, or it cannot be read. */
static __always_inline bool name_read(struct long_record *record, struct dentry *dentry)
{
	__u32 at = record->exec.path_bytes;
	long length;

	asm volatile("" : "+r"(at));
	if (at > SONDE_PROCESS_PATH_BYTES - SONDE_PROCESS_NAME_BYTES)
		return false;
	length = bpf_probe_read_kernel_str(record->tail + at, SONDE_PROCESS_NAME_BYTES,
					   BPF_CORE_READ(dentry, d_name.name));
	if (length <= 0)
		return false;
	record->exec.path_bytes = at + length;
	return true;
}

static __always_inline struct mount *mount_of(struct vfsmount *inner)
{
	return (void *)inner - bpf_core_field_offset(struct mount, mnt);
}

/* Walks from the file up to the root of the mounts that it lies in. What cannot be walked to its
 * end leaves nothing. */
static __always_inline void path_read(struct long_record *record, struct task_struct___whole *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry), *above;
	struct mount *mount = mount_of(BPF_CORE_READ(file, f_path.mnt)), *outer;

	record->exec.path_bytes = 0;
	if (!file || !dentry)
		return;
	if (!BPF_CORE_READ(dentry, d_hash.pprev))
		record->exec.record.header.flags |= SONDE_PROCESS_PATH_DELETED;
	for (int i = 0; i < SONDE_PROCESS_DEPTH; i++) {
		above = BPF_CORE_READ(dentry, d_parent);
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			outer = BPF_CORE_READ(mount, mnt_parent);
			if (outer == mount)
				return;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = outer;
			continue;
		}
		if (!name_read(record, dentry))
			break;
		if (above == dentry) /* a file that lies nowhere, such as one in memory */
			return;
		dentry = above;
	}
	record->exec.path_bytes = 0;
}

/* Takes the path that exec was called with instead. */
static __always_inline void path_take(struct long_record *record, struct linux_binprm *program)
{
	long length = bpf_probe_read_kernel_str(record->tail, SONDE_PROCESS_PATH_BYTES,
						BPF_CORE_READ(program, filename));

	if (length <= 0)
		return;
	record->exec.path_bytes = length;
	record->exec.record.header.flags |= SONDE_PROCESS_PATH_GIVEN;
}

/* Of the current task: its own memory is read. */
static __always_inline void arguments_read(struct long_record *record,
					   struct task_struct___whole *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	__u32 at = bounded(record->exec.path_bytes, SONDE_PROCESS_PATH_BYTES), bytes;

	record->exec.arguments_bytes = 0;
	if (end <= start)
		return;
	if (end - start > SONDE_PROCESS_ARGUMENT_BYTES) {
		record->exec.record.header.flags |= SONDE_EVENT_TRUNCATED;
		end = start + SONDE_PROCESS_ARGUMENT_BYTES;
	}
	bytes = bounded(end - start, SONDE_PROCESS_ARGUMENT_BYTES);
	if (bpf_probe_read_user(record->tail + at, bytes, (void *)start))
		record->exec.record.header.flags |= SONDE_EVENT_TEXT_FAULT;
	else
		record->exec.arguments_bytes = bytes;
}

/* With its tail, rounded up to whole words. */
static __always_inline __u32 long_record_bytes(const struct long_record *record)
{
	__u32 bytes = record->exec.path_bytes + record->exec.arguments_bytes;

	bytes = bounded(bytes, SONDE_PROCESS_PATH_BYTES + SONDE_PROCESS_ARGUMENT_BYTES);
	return (sizeof(record->exec) + bytes + 7) & ~7u;
}

/* ---- how it ended ------------------------------------------------------------------------ */

#define SIGNAL_GROUP_EXIT 0x00000004

static __always_inline int status_of(struct task_struct___whole *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

/* Of either a task or the threads that a process had before: their members have the same names. */
#define USAGE_ADD(exit_, from_)                                                                    \
	do {                                                                                       \
		(exit_)->user_ns += BPF_CORE_READ(from_, utime);                                   \
		(exit_)->system_ns += BPF_CORE_READ(from_, stime);                                 \
		(exit_)->minor_faults += BPF_CORE_READ(from_, min_flt);                            \
		(exit_)->major_faults += BPF_CORE_READ(from_, maj_flt);                            \
		(exit_)->voluntary_switches += BPF_CORE_READ(from_, nvcsw);                        \
		(exit_)->involuntary_switches += BPF_CORE_READ(from_, nivcsw);                     \
		if (bpf_core_field_exists((from_)->ioac.read_bytes)) {                             \
			(exit_)->read_bytes += BPF_CORE_READ(from_, ioac.read_bytes);              \
			(exit_)->written_bytes += BPF_CORE_READ(from_, ioac.write_bytes);          \
			(exit_)->written_bytes -=                                                  \
				BPF_CORE_READ(from_, ioac.cancelled_write_bytes);                  \
		}                                                                                  \
	} while (0)

/* What the last thread runs for now is accounted when it leaves the CPU, which is too late: since
 * when it does is told instead. */
static __always_inline void slice_read(struct sonde_process_exit *exit,
				       struct task_struct___whole *task)
{
	struct rq *queue = queue_of(task);

	exit->slice_ns = 0;
	if (queue)
		exit->slice_ns = BPF_CORE_READ(task, se.exec_start) + BPF_CORE_READ(queue, clock) -
				 BPF_CORE_READ(queue, clock_task);
}

/* What the threads used that are gone is kept with the signals; the rest each has itself, until it
 * is waited for. */
static __always_inline void usage_read(struct sonde_process_exit *exit,
				       struct task_struct___whole *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head =
		(void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);
	struct task_struct___whole *thread;

	exit->user_ns = exit->system_ns = exit->run_ns = 0;
	exit->minor_faults = exit->major_faults = 0;
	exit->voluntary_switches = exit->involuntary_switches = 0;
	exit->read_bytes = exit->written_bytes =
		bpf_core_field_exists(signal->ioac.read_bytes) ? 0 : -1ull;
	exit->threads = 0;
	exit->resident_pages = BPF_CORE_READ(signal, maxrss);
	exit->run_ns = BPF_CORE_READ(signal, sum_sched_runtime);
	USAGE_ADD(exit, signal);
	for (int i = 0; i < SONDE_PROCESS_THREADS && node && node != head; i++) {
		thread = (void *)node -
			 bpf_core_field_offset(struct task_struct___whole, thread_node);
		exit->run_ns += BPF_CORE_READ(thread, se.sum_exec_runtime);
		USAGE_ADD(exit, thread);
		exit->threads++;
		node = BPF_CORE_READ(node, next);
	}
	if (node != head)
		exit->record.header.flags |= SONDE_PROCESS_USAGE_CUT;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the programs of the process table and user space agree on: records and each CPU's ledger. */
#ifndef SONDE_BPF_PROCESSES_H
#define SONDE_BPF_PROCESSES_H

#include <sonde/bpf/cpu.h>
#include <sonde/bpf/event.h>

#define SONDE_PROCESS_PATH_BYTES     1024 /* of an executable's path, all its names together */
#define SONDE_PROCESS_NAME_BYTES     256  /* of one name in it, with its ending zero */
#define SONDE_PROCESS_ARGUMENT_BYTES 4096
#define SONDE_PROCESS_DEPTH          48  /* names and mounts that a path may have */
#define SONDE_PROCESS_THREADS        256 /* whose usage is added up at the end of a process */

/* Flags of these records only, beside those of all events. */
enum sonde_process_flag {
	SONDE_PROCESS_PATH_GIVEN = 1 << 16,   /* the path is what exec was called with */
	SONDE_PROCESS_PATH_DELETED = 1 << 17, /* the file has no name any more */
	SONDE_PROCESS_USAGE_CUT = 1 << 18,    /* there were more threads than were added up */
};

/* What opens every record, of the process that was made, that runs a new program or that ended. */
struct sonde_process_record {
	struct sonde_event header;
	__u64 exec_id;         /* grows by one with each exec; a new process has its maker's */
	__u64 parent_start_ns; /* boottime */
	__u64 clock_ns;        /* the scheduler's, when this CPU read it last; 0: not known */
	__u32 parent_tgid;
	__u32 user_id, group_id; /* real ones, as the first user namespace numbers them */
	__u32 session_id;        /* pid of the session's leader */
	char command[16];
};

struct sonde_process_fork {
	struct sonde_process_record record;
	__u64 maker_start_ns; /* of the process that called fork, which need not be the parent */
	__u32 maker_tgid;
	__u32 reserved;
};

/* Behind it lie path_bytes and then arguments_bytes. The path is its names, each with its ending
 * zero, the file's own first; the arguments as the process has them. Of what runs already when it
 * is looked at (SONDE_EVENT_PROCESS_FOUND) there are no arguments. */
struct sonde_process_exec {
	struct sonde_process_record record;
	__u32 path_bytes, arguments_bytes;
};

struct sonde_process_exit {
	struct sonde_process_record record;
	__u64 user_ns, system_ns; /* as ticks tell them apart */
	__u64 run_ns;             /* CPU time, as far as it was accounted */
	__u64 slice_ns; /* when that was, for the last thread, by the scheduler's clock; 0: not
			   known */
	__u64 resident_pages; /* at most */
	__u64 minor_faults, major_faults;
	__u64 voluntary_switches, involuntary_switches;
	__u64 read_bytes, written_bytes; /* from and to storage; UINT64_MAX: not accounted */
	__s32 status;                    /* as wait(2) tells it */
	__u32 threads;                   /* that were added up */
};

enum {
	SONDE_PROCESSES_FORK,
	SONDE_PROCESSES_EXEC,
	SONDE_PROCESSES_EXIT,
	SONDE_PROCESSES_FOUND, /* the iterator */
	SONDE_PROCESSES_PROGRAMS
};

/* The ledger of one CPU. `entered` grows before the time of a record is read, `left` when it can be
 * seen: with both equal, no record with an earlier time is still to come from this CPU. */
struct sonde_processes_cpu {
	struct sonde_meter meters[SONDE_PROCESSES_PROGRAMS];
	struct sonde_ring_state ring;
	__u64 entered, left;
	__u64 seen[SONDE_PROCESSES_FOUND]; /* forks, execs, exits, those that are lost included */
	__u64 lost;                        /* records that found no room in the ring */
	__u64 reserved[2];
};

_Static_assert(sizeof(struct sonde_processes_cpu) % 64 == 0, "CPUs share no cache line");

#endif

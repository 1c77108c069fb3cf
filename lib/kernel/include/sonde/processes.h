/* SPDX-License-Identifier: Apache-2.0 */
/* The process table: which process stood behind a pid at a moment, whether it still lives or not.
 *
 * It is filled by programs on exec, fork and exit, and with what runs already when it is opened. A
 * process is known by its pid and the time at which it started, so that a pid that is given again
 * names nobody wrongly. Between two execs it has one image: the program that it runs, and what
 * belongs to that. Images are kept for a while after their process has ended.
 *
 * One table serves the whole sonde. It has no thread of its own: whoever took it calls
 * sonde_processes_read() now and then. All functions may be called from any thread. Times are
 * boottime, as events carry them. */
#ifndef SONDE_PROCESSES_H
#define SONDE_PROCESSES_H

#include <sonde/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sonde_processes; /* the table */

/* What a process ran from one exec to the next. Does not change, but for until_ns. */
struct sonde_process_image {
	uint32_t size;            /* of this struct, which may grow at its end */
	uint32_t tgid;            /* as the first pid namespace numbers it */
	uint64_t start_ns;        /* when the process started: with tgid, its identity */
	uint64_t since_ns;        /* when the image began: at the start, or with an exec */
	uint64_t until_ns;        /* when it ended; UINT64_MAX: it has not, as far as is known */
	uint32_t parent_tgid;     /* 0: the kernel */
	uint32_t user_id;         /* real user, as the first user namespace numbers it */
	uint32_t group_id;        /* likewise */
	uint32_t session_id;      /* pid of the session's leader; 0: not known */
	uint64_t parent_start_ns; /* 0: not known */
	uint64_t cgroup_id;       /* v2, when the image began */
	const char *command;      /* "bash", at most 15 bytes */
	const char *executable; /* its file as its own mounts lie; "": not known (kernel threads) */
	const char *arguments;  /* one after the other, each with a zero byte behind it */
	uint32_t arguments_bytes; /* 0: not known */
	uint32_t truncated;       /* not 0: the arguments were longer */
};

/* Opens the table, or the one that is open already, and counts the user. Needs CAP_BPF and
 * CAP_PERFMON; what ran before has arguments only if /proc shows it. `message` says what was
 * refused. */
SONDE_KERNEL_API int sonde_processes_take(struct sonde_processes **ret_processes, char *message,
					  size_t message_bytes);
SONDE_KERNEL_API void sonde_processes_release(struct sonde_processes *processes); /* NULL is fine */

/* Takes over what happened until now, and forgets what ended long ago. Cheap where nothing did. */
SONDE_KERNEL_API void sonde_processes_read(struct sonde_processes *processes);

/* The image that a process had at a time: for start_ns 0 that of whichever process had the pid
 * then, and which had not ended. Reads first where that time lies behind the last reading. An exec
 * counts from when its program is in place. NULL: it is not known, as of what was before the table
 * was opened, or in a time of which something was lost. The image stays valid until it is released.
 */
SONDE_KERNEL_API const struct sonde_process_image *
sonde_processes_find(struct sonde_processes *processes, uint32_t tgid, uint64_t start_ns,
		     uint64_t time_ns);
SONDE_KERNEL_API void sonde_process_image_release(const struct sonde_process_image *image);

/* An fd that becomes readable when a ring fills, so that nothing is lost between two readings: who
 * takes the table may watch it and then call sonde_processes_read(). It stays the table's, and is
 * the same for all: a loop that others share watches a dup(2) of it. */
SONDE_KERNEL_API int sonde_processes_fd(const struct sonde_processes *processes);

/* ---- what happens ------------------------------------------------------------------------- */

enum sonde_process_change {
	SONDE_PROCESS_FORKED, /* made by another, whose program it runs */
	SONDE_PROCESS_EXECED, /* runs a new program */
	SONDE_PROCESS_EXITED, /* its last thread has ended */
};

/* What a process used that has ended, all its threads together, those that it waited for not. */
struct sonde_process_usage {
	uint64_t user_ns, system_ns;   /* CPU time */
	uint64_t resident_bytes;       /* at most */
	uint64_t minor_faults;         /* served without reading from storage */
	uint64_t major_faults;         /* that had to wait for storage */
	uint64_t voluntary_switches;   /* gave the CPU up */
	uint64_t involuntary_switches; /* had it taken away */
	uint64_t read_bytes;           /* from storage; UINT64_MAX: not accounted by this kernel */
	uint64_t written_bytes;        /* to storage, likewise */
};

struct sonde_process_event {
	uint32_t size;   /* of this struct, which may grow at its end */
	uint32_t change; /* enum sonde_process_change */
	uint64_t time_ns;
	const struct sonde_process_image *image; /* that begins, or that ended with its process */
	uint64_t parent_start_ns;                /* of its parent now, which may be another */
	uint32_t parent_tgid;
	uint32_t user_id;                 /* at this time */
	uint64_t cgroup_id;               /* likewise */
	int32_t status;                   /* of an exit, as wait(2) tells it */
	uint32_t usage_cut;               /* not 0: it had more threads than were added up */
	struct sonde_process_usage usage; /* of an exit */
};

struct sonde_processes_watch; /* events that wait for one reader */

/* Keeps what happens from now on for sonde_processes_next, at most `limit` events at a time. One
 * watch is used by one thread at a time. */
SONDE_KERNEL_API int sonde_processes_watch(struct sonde_processes *processes, uint32_t limit,
					   struct sonde_processes_watch **ret_watch);
SONDE_KERNEL_API void sonde_processes_unwatch(struct sonde_processes_watch *watch); /* NULL: fine */

/* The next event, in the order of time; valid with its image until the next call for this watch.
 * NULL: there is none. It does not read the rings: sonde_processes_read does. */
SONDE_KERNEL_API const struct sonde_process_event *
sonde_processes_next(struct sonde_processes_watch *watch);

/* Since the watch began: how many events there were, and of these, lost for want of room here. What
 * was lost in the rings since then is in neither: `ret_ring_lost`. */
SONDE_KERNEL_API void sonde_processes_watched(struct sonde_processes_watch *watch,
					      uint64_t *ret_events, uint64_t *ret_lost,
					      uint64_t *ret_ring_lost);

/* What the programs cost, by index from 0; -ERANGE: there is none of that index. */
SONDE_KERNEL_API int sonde_processes_cost(struct sonde_processes *processes, uint32_t index,
					  struct sonde_kernel_cost *ret_cost);
SONDE_KERNEL_API const char *sonde_processes_variant(const struct sonde_processes *processes);

/* ---- how it fares ------------------------------------------------------------------------- */

/* Since it was opened. */
struct sonde_processes_counts {
	uint32_t size;                    /* sizeof(struct sonde_processes_counts), by the caller */
	uint32_t live_count, ended_count; /* images kept, of processes that run, that ended */
	uint64_t execs, forks, exits;     /* seen */
	uint64_t lost;                    /* of these, for want of room in a ring */
	uint64_t found, missed;           /* questions answered, and not */
	uint64_t forgotten;               /* images given up early, for want of room */
	uint64_t memory_bytes;
};
SONDE_KERNEL_API void sonde_processes_counts(struct sonde_processes *processes,
					     struct sonde_processes_counts *ret_counts);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A program as it is met from outside: when it says that it is ready, what memory and CPU it takes.
 */
#ifndef BENCH_DAEMON_PROCESS_H
#define BENCH_DAEMON_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct program {
	const char *name;
	const char *const *arguments; /* the path first; ended by NULL */
	const char *ready;            /* a part of what it prints when it is ready */
};

struct process {
	pid_t pid;
	int output;     /* what it prints, on both */
	double ready_s; /* from before it was forked until that was read */
};

/* Starts it and waits until it is ready, at most 60 s. 0, or -1 and what it printed on stderr. */
int process_start(const struct program *program, struct process *ret_process);

/* Ends it by SIGTERM, after 10 s by SIGKILL. */
void process_stop(struct process *process);

/* Resident memory, and its share of it where pages are shared with other programs, bytes. */
int process_memory(const struct process *process, double *ret_rss_bytes, double *ret_pss_bytes);

/* CPU time of all its threads so far, seconds; to the nanosecond, which /proc/PID/stat is not. */
double process_cpu_s(const struct process *process);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A process of its own that makes system calls on one CPU and says what each took. */
#ifndef BENCH_SYSCALLS_MEASURE_H
#define BENCH_SYSCALLS_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

struct caller {
	pid_t pid;
	int to, from; /* pipes */
};

/* Starts a process on the CPU. It ends with caller_stop or with its parent. Exits on failure. */
struct caller caller_start(int cpu);
void caller_stop(struct caller *caller);

/* Makes `calls` times getppid, after a warm-up, in 20 parts; returns the CPU time of a call, ns, in
 * the part that is quicker than three quarters of them: others on the machine disturb in one
 * direction only. */
double caller_measure(struct caller *caller, uint32_t calls);

/* The two halves of it, for callers that work at the same time. */
void caller_begin(struct caller *caller, uint32_t calls);
double caller_end(struct caller *caller);

uint64_t now_ns(void);
uint64_t own_cpu_ns(void); /* CPU time of this thread */
void pin(int cpu);

#endif

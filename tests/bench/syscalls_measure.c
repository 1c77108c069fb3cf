// SPDX-License-Identifier: Apache-2.0
/* Makes system calls in a process of its own and measures what each took. */
#include "syscalls_measure.h"

#include "middle.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARTS         20
#define WARM_UP_CALLS 2000

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t own_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
}

static double calls_measure(uint32_t calls)
{
	double parts[PARTS];
	uint64_t began_ns;

	for (int i = 0; i < WARM_UP_CALLS; i++)
		syscall(SYS_getppid);
	for (int part = 0; part < PARTS; part++) {
		began_ns = own_cpu_ns();
		for (uint32_t i = 0; i < calls / PARTS; i++)
			syscall(SYS_getppid);
		parts[part] = (double)(own_cpu_ns() - began_ns) / (double)(calls / PARTS);
	}
	middle(parts, PARTS);
	return parts[PARTS / 4];
}

static void caller_serve(int from, int to)
{
	uint32_t calls;
	double ns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(from, &calls, sizeof(calls)) == sizeof(calls)) {
		ns = calls_measure(calls);
		if (write(to, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	_exit(0);
}

struct caller caller_start(int cpu)
{
	struct caller caller;
	int to[2], from[2];

	if (pipe(to) || pipe(from) || (caller.pid = fork()) < 0) {
		perror("caller");
		exit(1);
	}
	if (!caller.pid) {
		pin(cpu);
		close(to[1]);
		close(from[0]);
		caller_serve(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	caller.to = to[1];
	caller.from = from[0];
	return caller;
}

void caller_stop(struct caller *caller)
{
	close(caller->to);
	close(caller->from);
	kill(caller->pid, SIGKILL); /* a later caller may hold the pipe open */
	waitpid(caller->pid, NULL, 0);
}

void caller_begin(struct caller *caller, uint32_t calls)
{
	if (write(caller->to, &calls, sizeof(calls)) != sizeof(calls)) {
		perror("caller");
		exit(1);
	}
}

double caller_end(struct caller *caller)
{
	double ns;

	if (read(caller->from, &ns, sizeof(ns)) != sizeof(ns)) {
		perror("caller");
		exit(1);
	}
	return ns;
}

double caller_measure(struct caller *caller, uint32_t calls)
{
	caller_begin(caller, calls);
	return caller_end(caller);
}

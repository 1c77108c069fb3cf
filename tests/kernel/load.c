// SPDX-License-Identifier: Apache-2.0
/* Makes system calls whose numbers, results and order are known, inside a cgroup of its own.
 *
 * load CGROUP_PROCS KIND COUNT: joins the cgroup by writing to the file, makes the calls, and says
 * on standard output, as a JSON object, how many of each it made: {"NAME": {"calls": N, "ERROR": N
 * ..}}. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Calls that neither the C library nor the start of a process makes. */
enum { GETPPID, GETPGID, GETSID, DUP, LSEEK, MKDIR, CALLS };

static const char *const names[CALLS] = { "getppid", "getpgid", "getsid", "dup", "lseek", "mkdir" };
static const char *const errors[CALLS] = { NULL, "ESRCH", NULL, "EBADF", "ESPIPE", "EEXIST" };

struct worker {
	pthread_t thread;
	int cpu;
	long count;
	int pipe_fd;
	long made[CALLS], failed[CALLS];
};

static void call_make(struct worker *worker, int call)
{
	long result = 0;

	switch (call) {
	case GETPPID:
		result = syscall(SYS_getppid);
		break;
	case GETPGID:
		result = syscall(SYS_getpgid, 0x3fffffff);
		break;
	case GETSID:
		result = syscall(SYS_getsid, 0);
		break;
	case DUP:
		result = syscall(SYS_dup, -1);
		break;
	case LSEEK:
		result = syscall(SYS_lseek, worker->pipe_fd, 0, SEEK_CUR);
		break;
	case MKDIR:
		result = syscall(SYS_mkdir, "/", 0700);
		break;
	}
	worker->made[call]++;
	worker->failed[call] += result < 0;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	uint32_t random = 12345 + (uint32_t)worker->cpu;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (long i = 0; i < worker->count; i++) {
		random = random * 1664525 + 1013904223;
		call_make(worker,
			  (random >> 16) % 16 < 11 ? GETPPID : (int)((random >> 24) % CALLS));
	}
	return NULL;
}

static void many(long count)
{
	struct worker workers[2] = { { .cpu = 0, .count = count / 2 },
				     { .cpu = 1, .count = count - count / 2 } };
	int pipes[2];

	if (pipe(pipes))
		exit(1);
	for (int i = 0; i < 2; i++) {
		workers[i].pipe_fd = pipes[0];
		pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i].thread, NULL);
	printf("{");
	for (int call = 0; call < CALLS; call++) {
		long failed = workers[0].failed[call] + workers[1].failed[call];

		printf("%s\"%s\": {\"calls\": %ld", call ? ", " : "", names[call],
		       workers[0].made[call] + workers[1].made[call]);
		if (failed)
			printf(", \"%s\": %ld", errors[call] ? errors[call] : "?", failed);
		printf("}");
	}
	printf("}\n");
}

/* Calls of very different lengths: 1 us to 20 ms, evenly in the logarithm. */
static void slow(long count)
{
	uint32_t random = 99;

	for (long i = 0; i < count; i++) {
		struct timespec wait = { 0, 0 };

		random = random * 1664525 + 1013904223;
		wait.tv_nsec = 1000l << ((random >> 20) % 15);
		nanosleep(&wait, NULL);
		syscall(SYS_getppid);
	}
	printf("{\"getppid\": {\"calls\": %ld}, \"clock_nanosleep\": {\"calls\": %ld}}\n", count,
	       count);
}

/* A rhythm of 16 calls, eight kinds twice, that a sampler of one in 16 must not fall in step with.
 */
static void rhythm(long count)
{
	struct worker worker = { .cpu = 0 };
	int pipes[2];

	if (pipe(pipes))
		exit(1);
	worker.pipe_fd = pipes[0];
	for (long i = 0; i < count; i++)
		call_make(&worker, i % 16 == 0 ? GETSID : GETPPID);
	printf("{\"getppid\": {\"calls\": %ld}, \"getsid\": {\"calls\": %ld}}\n",
	       worker.made[GETPPID], worker.made[GETSID]);
}

#if defined(__x86_64__)
/* 32-bit calls from 64-bit code: 64 is getppid there, 6 is close. */
static long compat_call(long number, long first)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(first)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void compat(long count)
{
	for (long i = 0; i < count; i++) {
		compat_call(64, 0);
		compat_call(41, -1);
		syscall(SYS_getppid);
	}
	printf("{\"getppid\": {\"calls\": %ld}, \"32 getppid\": {\"calls\": %ld}, "
	       "\"32 dup\": {\"calls\": %ld, \"EBADF\": %ld}}\n",
	       count, count, count, count);
}
#endif

static void nothing(int number)
{
}

/* Processes that are made, replaced and ended, and a signal handler that returns. */
static void processes(long count)
{
	char *arguments[] = { "/bin/true", NULL }, *environment[] = { NULL };

	signal(SIGUSR1, nothing);
	for (long i = 0; i < count; i++) {
		pid_t child = (pid_t)syscall(SYS_fork);

		if (!child) {
			execve("/does/not/exist", arguments, environment);
			execve("/bin/true", arguments, environment);
			_exit(1);
		}
		waitpid(child, NULL, 0);
		syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	}
	printf("{\"fork\": {\"calls\": %ld}, \"execve\": {\"calls\": %ld, \"ENOENT\": %ld}, "
	       "\"wait4\": {\"calls\": %ld}, "
	       "\"rt_sigreturn\": {\"calls\": %ld}, \"tgkill\": {\"calls\": %ld}}\n",
	       count, 2 * count, count, count, count, count);
}

/* Children that are never switched out: a short life, on whichever CPU is free, in memory that the
 * one before left. */
static void children(long count)
{
	for (long i = 0; i < count; i++) {
		pid_t child = (pid_t)syscall(SYS_fork);

		if (!child) {
			syscall(SYS_getppid);
			_exit(0);
		}
		if (i % 8 == 7)
			while (waitpid(-1, NULL, 0) > 0)
				;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	printf("{\"getppid\": {\"calls\": %ld}}\n", count);
}

/* Many kinds of calls, for tables that are too small. */
static void kinds(long count)
{
	static const long numbers[] = {
		SYS_getppid,   SYS_getsid,  SYS_getpgid,     SYS_dup,       SYS_lseek,
		SYS_mkdir,     SYS_rmdir,   SYS_getuid,      SYS_geteuid,   SYS_getgid,
		SYS_getegid,   SYS_getpgrp, SYS_sched_yield, SYS_umask,     SYS_alarm,
		SYS_chmod,     SYS_rename,  SYS_link,        SYS_symlink,   SYS_sync_file_range,
		SYS_readahead, SYS_flock,   SYS_fsync,       SYS_fdatasync, SYS_truncate,
		SYS_fchmod,    SYS_fchown,  SYS_sysinfo,     SYS_times,     SYS_getpriority,
	};
	long kinds_count = (long)(sizeof(numbers) / sizeof(numbers[0]));

	for (long i = 0; i < count; i++)
		syscall(numbers[i % kinds_count], -1, 0, 0, 0, 0, 0);
	printf("{\"all\": {\"calls\": %ld}}\n", count);
}

/* A file is looked for and not found. */
static void paths(long count)
{
	for (long i = 0; i < count; i++)
		syscall(SYS_openat, AT_FDCWD, "/no/such/place/at/all", O_RDONLY);
	printf("{\"openat\": {\"calls\": %ld, \"ENOENT\": %ld}}\n", count, count);
}

static const struct {
	const char *name;
	void (*run)(long count);
} loads[] = {
	{ "many", many },     { "slow", slow },           { "rhythm", rhythm },
	{ "compat", compat }, { "processes", processes }, { "children", children },
	{ "kinds", kinds },   { "paths", paths },
};

int main(int count, char **arguments)
{
	int fd;

	if (count != 4)
		return 2;
	fd = open(arguments[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(arguments[1]);
		return 1;
	}
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(loads[i].name, arguments[2]))
			continue;
		loads[i].run(atol(arguments[3]));
		return 0;
	}
	return 2;
}

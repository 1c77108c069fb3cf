// SPDX-License-Identifier: Apache-2.0
/* Makes processes that live shortly, in a cgroup of its own, and keeps a list of what they were.
 *
 * spawn CGROUP_PROCS short COUNT: each runs this program anew and ends with a code, or by a signal.
 * spawn CGROUP_PROCS again COUNT: likewise, all with the same pid, one after the other.
 * spawn CGROUP_PROCS shapes 0: one of each kind of process that is not like most.
 * spawn CGROUP_PROCS work 0: one that uses CPU, memory and storage.
 *
 * The list goes to standard output, a JSON object a line and process: pid, the arguments of its
 * last program, its status, and what it used as wait4(2) tells it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *own_path;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(3);
}

static void tell(pid_t pid, const char *kind, const char *number, int status,
		 const struct rusage *usage)
{
	printf("{\"pid\": %d, \"kind\": \"%s\", \"number\": \"%s\", \"status\": %d, "
	       "\"user_ns\": %lld, \"system_ns\": %lld, \"resident\": %ld, \"minor\": %ld, "
	       "\"major\": %ld, \"voluntary\": %ld, \"involuntary\": %ld, \"written\": %ld}\n",
	       (int)pid, kind, number, status,
	       usage->ru_utime.tv_sec * 1000000000ll + usage->ru_utime.tv_usec * 1000ll,
	       usage->ru_stime.tv_sec * 1000000000ll + usage->ru_stime.tv_usec * 1000ll,
	       usage->ru_maxrss * 1024, usage->ru_minflt, usage->ru_majflt, usage->ru_nvcsw,
	       usage->ru_nivcsw, usage->ru_oublock * 512);
}

static void await(pid_t pid, const char *kind, const char *number)
{
	struct rusage usage;
	int status;

	if (wait4(pid, &status, 0, &usage) != pid)
		fail("wait4");
	tell(pid, kind, number, status, &usage);
}

/* A child with a pid of its own choice; 0: any. */
static pid_t make(pid_t wanted)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };

	if (wanted) {
		arguments.set_tid = (uintptr_t)&wanted;
		arguments.set_tid_size = 1;
	}
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static _Noreturn void become(const char *kind, const char *number)
{
	execl(own_path, "spawn", "child", kind, number, (char *)NULL);
	_exit(127);
}

static void spawn_all(const char *kind, int count, pid_t wanted)
{
	char number[16];
	pid_t pid;

	for (int i = 0; i < count; i++) {
		snprintf(number, sizeof(number), "%d", i);
		pid = make(wanted);
		if (pid < 0)
			fail("clone3");
		if (!pid)
			become(kind, number);
		await(pid, kind, number);
	}
}

/* ---- what a child does ------------------------------------------------------------------- */

static _Noreturn void *end_all(void *kind)
{
	if (!strcmp(kind, "threads")) {
		usleep(20000); /* the leader ends meanwhile */
		syscall(SYS_exit, 4);
	}
	become("replaced", "0"); /* not the leader, which ends by that */
}

static void work_off(void)
{
	struct timespec now, until;
	char name[] = "spawn-work-XXXXXX";
	size_t bytes = 32u << 20;
	char *memory = malloc(bytes);
	int fd = mkstemp(name);

	unlink(name);
	memset(memory, 1, bytes);
	if (fd < 0 || write(fd, memory, 8u << 20) < 0)
		fail("write");
	for (int i = 0; i < 20; i++)
		usleep(1000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &until);
	for (now = until;
	     (now.tv_sec - until.tv_sec) * 1000 + (now.tv_nsec - until.tv_nsec) / 1000000 < 200;)
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	free(memory);
}

static int child(const char *kind, const char *number)
{
	pthread_t thread;

	if (!strcmp(kind, "threads") || !strcmp(kind, "replacing")) {
		pthread_create(&thread, NULL, end_all, (void *)(uintptr_t)kind);
		if (!strcmp(kind, "replacing"))
			pause();
		syscall(SYS_exit, 5);
	}
	if (!strcmp(kind, "work"))
		work_off();
	if (atoi(number) % 10 == 9)
		raise(SIGKILL);
	return atoi(number) % 10;
}

/* ---- processes unlike most --------------------------------------------------------------- */

/* Its parent ends first, so that another takes its place. */
static void orphan(void)
{
	siginfo_t info = { 0 };
	pid_t parent, pid;
	int pipe_fds[2];

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe(pipe_fds))
		fail("prctl");
	parent = make(0);
	if (!parent) {
		pid = make(0);
		if (!pid) {
			char byte;

			close(pipe_fds[1]);
			if (read(pipe_fds[0], &byte, 1) != 0)
				_exit(1);
			become("orphan", "0");
		}
		_exit(4);
	}
	close(pipe_fds[0]);
	await(parent, "none", "");
	close(pipe_fds[1]);
	if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT))
		fail("waitid");
	await(info.si_pid, "orphan", "0");
}

static void shapes(void)
{
	static const char *const kinds[] = { "threads", "replacing" };
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		pid = make(0);
		if (!pid)
			become(kinds[i], "0");
		await(pid, i ? "replaced" : kinds[i], "0");
	}
	pid = vfork();
	if (!pid)
		become("vforked", "0");
	await(pid, "vforked", "0");
	pid = make(0);
	if (!pid)
		_exit(6); /* without a program of its own */
	await(pid, "none", "");
	orphan();
}

int main(int argc, char **argv)
{
	int fd;

	own_path = argv[0];
	if (argc == 4 && !strcmp(argv[1], "child")) {
		own_path = "/proc/self/exe";
		return child(argv[2], argv[3]);
	}
	if (argc != 4)
		return 2;
	fd = open(argv[1], O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail(argv[1]);
	close(fd);
	if (!strcmp(argv[2], "short") || !strcmp(argv[2], "work"))
		spawn_all(argv[2], strcmp(argv[2], "work") ? atoi(argv[3]) : 1, 0);
	else if (!strcmp(argv[2], "again"))
		spawn_all("again", atoi(argv[3]), 30000 + getpid() % 1000);
	else
		shapes();
	return 0;
}

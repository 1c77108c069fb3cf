// SPDX-License-Identifier: Apache-2.0
/* Asks the process table for processes that this one makes, as soon as they can be known, while
 * others are made on all CPUs. Ends with 77 where the table cannot be opened. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sonde/processes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 300, NOISE = 3, FLOOD = 8000 };

static struct sonde_processes *table;
static pid_t wanted; /* the pid that all get; 0: it may not be chosen */

static int is_named(pid_t pid, uint64_t start_ns, uint64_t time_ns, const char *last,
		    uint64_t *ret_start_ns)
{
	const struct sonde_process_image *image =
		sonde_processes_find(table, (uint32_t)pid, start_ns, time_ns);
	const char *found = image && image->arguments_bytes ? image->arguments : "";
	const char *end = image ? image->arguments + image->arguments_bytes : "";
	int good;

	for (const char *next = found; image && next < end; next += strlen(next) + 1)
		found = next;
	good = !strcmp(found, last);
	if (!good)
		fprintf(stderr, "%d at %llu is \"%s\", not \"%s\"\n", (int)pid,
			(unsigned long long)time_ns, image ? found : "unknown", last);
	if (image)
		*ret_start_ns = image->start_ns;
	sonde_process_image_release(image);
	return good;
}

static pid_t make(void)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };

	if (wanted) {
		arguments.set_tid = (uintptr_t)&wanted;
		arguments.set_tid_size = 1;
	}
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* A pid that is free and may be asked for. */
static pid_t wanted_find(void)
{
	pid_t pid;

	wanted = 30000 + getpid() % 1000;
	pid = make();
	if (!pid)
		_exit(0);
	if (pid < 0)
		return 0;
	waitpid(pid, NULL, 0);
	return wanted;
}

/* Others fork and end all the time. */
static pid_t noise_make(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid = fork();
		if (!pid)
			execl("/bin/true", "true", (char *)NULL);
		waitpid(pid, NULL, 0);
	}
}

/* Runs a program that says so on standard output, and waits for its input to end. */
static _Noreturn void become(int input, int output, const char *mark)
{
	dup2(input, 0);
	dup2(output, 1);
	execl("/bin/sh", "sh", "-c", "echo; read line", mark, (char *)NULL);
	_exit(127);
}

/* A process is asked for as soon as its program runs, and once it is gone. */
static int round_pass(int number)
{
	int hold[2], ready[2], good;
	uint64_t forked_ns, execed_ns, start_ns = 0, other_ns = 0;
	char mark[16], byte;
	pid_t pid;

	snprintf(mark, sizeof(mark), "%d", number);
	if (pipe2(hold, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		return 0;
	pid = make();
	if (!pid)
		become(hold[0], ready[1], mark);
	if (pid < 0)
		return 0;
	forked_ns = sonde_kernel_boottime_ns();
	close(hold[0]);
	close(ready[1]);
	good = read(ready[0], &byte, 1) == 1;
	execed_ns = sonde_kernel_boottime_ns();
	good = good && is_named(pid, 0, execed_ns, mark, &start_ns);
	close(hold[1]);
	close(ready[0]);
	waitpid(pid, NULL, 0);
	good = good && is_named(pid, start_ns, execed_ns, mark, &other_ns);
	good = good && is_named(pid, start_ns, sonde_kernel_boottime_ns(), mark, &other_ns);
	return good && start_ns <= forked_ns && start_ns == other_ns;
}

/* ---- losses ------------------------------------------------------------------------------ */

/* A child of this program that runs another when it is told to, or ends. */
struct waiting {
	pid_t pid;
	int tell_fd, begun_fd;
};

static int waiting_make(struct waiting *waiting, const char *mark)
{
	int tell[2], begun[2];
	char byte;

	if (pipe2(tell, O_CLOEXEC) || pipe2(begun, O_CLOEXEC))
		return -1;
	waiting->pid = fork();
	if (!waiting->pid) {
		close(tell[1]);
		close(begun[0]);
		if (read(tell[0], &byte, 1) == 1)
			become(tell[0], begun[1], mark);
		_exit(0);
	}
	close(tell[0]);
	close(begun[1]);
	waiting->tell_fd = tell[1];
	waiting->begun_fd = begun[0];
	return waiting->pid < 0 ? -1 : 0;
}

/* More ends than the rings hold, while nobody reads. */
static void flood(void)
{
	for (int i = 0; i < FLOOD; i++) {
		pid_t pid = vfork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* One process's exec and another's end are lost: the first has its new name, the second none. */
static int losses_pass(void)
{
	struct sonde_processes_counts counts = { .size = sizeof(counts) };
	struct waiting execs, ends;
	uint64_t before_ns, start_ns;
	const struct sonde_process_image *image;
	char byte = 0;
	int good;

	if (waiting_make(&execs, "0.1") || waiting_make(&ends, ""))
		return 0;
	before_ns = sonde_kernel_boottime_ns();
	good = is_named(execs.pid, 0, before_ns, "own", &start_ns);
	flood();
	close(ends.tell_fd);
	waitpid(ends.pid, NULL, 0);
	good = write(execs.tell_fd, &byte, 1) == 1 && good;
	good = read(execs.begun_fd, &byte, 1) == 1 && good;
	sonde_processes_read(table); /* from now on it is known again what it runs */
	good = is_named(execs.pid, 0, sonde_kernel_boottime_ns(), "0.1", &start_ns) && good;
	good = is_named(execs.pid, start_ns, before_ns, "own", &start_ns) && good;
	image = sonde_processes_find(table, (uint32_t)ends.pid, 0, sonde_kernel_boottime_ns());
	good = !image && good;
	sonde_process_image_release(image);
	kill(execs.pid, SIGKILL);
	waitpid(execs.pid, NULL, 0);
	sonde_processes_counts(table, &counts);
	printf("losses: %s, %llu lost\n", good ? "passed" : "failed",
	       (unsigned long long)counts.lost);
	return good && counts.lost;
}

int main(void)
{
	struct sonde_processes_counts counts = { .size = sizeof(counts) };
	pid_t noise[NOISE];
	char message[512];
	int failed = 0;

	if (sonde_processes_take(&table, message, sizeof(message))) {
		printf("the table cannot be opened: %s", message);
		return 77;
	}
	for (int i = 0; i < NOISE; i++)
		noise[i] = noise_make();
	wanted = wanted_find();
	for (int i = 0; i < ROUNDS; i++)
		failed += !round_pass(i);
	for (int i = 0; i < NOISE; i++) {
		kill(noise[i], SIGKILL);
		waitpid(noise[i], NULL, 0);
	}
	failed += !losses_pass();
	sonde_processes_counts(table, &counts);
	printf("%d of %d failed; %llu lost of %llu\n", failed, ROUNDS,
	       (unsigned long long)counts.lost, (unsigned long long)counts.execs);
	sonde_processes_release(table);
	return failed ? 1 : 0;
}

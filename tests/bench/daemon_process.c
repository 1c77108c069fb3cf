// SPDX-License-Identifier: Apache-2.0
/* A program as it is met from outside: when it says that it is ready, what memory and CPU it takes.
 */
#include "daemon_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "syscalls_measure.h"

enum { PATIENCE_MS = 60 * 1000, STOP_MS = 10 * 1000, OUTPUT_BYTES = 16 * 1024 };

static void run(const struct program *program, int output)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execv(program->arguments[0], (char *const *)program->arguments);
	fprintf(stderr, "%s: %s\n", program->arguments[0], strerror(errno));
	_exit(127);
}

/* Reads until the word was there. */
static int wait_ready(const struct program *program, struct process *process, uint64_t began_ns)
{
	char output[OUTPUT_BYTES] = "";
	size_t length = 0;
	struct pollfd readable = { .fd = process->output, .events = POLLIN };

	while (length < sizeof(output) - 1 && poll(&readable, 1, PATIENCE_MS) > 0) {
		ssize_t count = read(process->output, output + length, sizeof(output) - 1 - length);

		if (count <= 0)
			break;
		length += (size_t)count;
		output[length] = '\0';
		if (strstr(output, program->ready)) {
			process->ready_s = (double)(now_ns() - began_ns) / 1e9;
			return 0;
		}
	}
	fprintf(stderr, "%s did not say \"%s\" but: %s\n", program->name, program->ready, output);
	return -1;
}

int process_start(const struct program *program, struct process *ret_process)
{
	struct process process = { 0 };
	uint64_t began_ns;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC)) {
		perror("pipe2");
		return -1;
	}
	began_ns = now_ns();
	process.pid = vfork();
	if (!process.pid)
		run(program, ends[1]);
	close(ends[1]);
	process.output = ends[0];
	if (process.pid < 0) {
		perror("vfork");
		close(ends[0]);
		return -1;
	}
	if (wait_ready(program, &process, began_ns)) {
		process_stop(&process);
		return -1;
	}
	/* Nobody reads what it says from here on, and it must not wait for that. */
	fcntl(process.output, F_SETPIPE_SZ, 1 << 20);
	*ret_process = process;
	return 0;
}

void process_stop(struct process *process)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	kill(process->pid, SIGTERM);
	for (int waited_ms = 0; waited_ms < STOP_MS; waited_ms += 10) {
		if (waitpid(process->pid, NULL, WNOHANG) == process->pid) {
			process->pid = 0;
			break;
		}
		nanosleep(&moment, NULL);
	}
	if (process->pid) {
		kill(process->pid, SIGKILL);
		waitpid(process->pid, NULL, 0);
	}
	close(process->output);
}

int process_memory(const struct process *process, double *ret_rss_bytes, double *ret_pss_bytes)
{
	unsigned long rss_kib = 0, pss_kib = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)process->pid);
	file = fopen(path, "re");
	if (!file) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Rss: %lu", &rss_kib) != 1)
			sscanf(line, "Pss: %lu", &pss_kib);
	}
	fclose(file);
	*ret_rss_bytes = (double)rss_kib * 1024;
	*ret_pss_bytes = (double)pss_kib * 1024;
	return rss_kib && pss_kib ? 0 : -1;
}

double process_cpu_s(const struct process *process)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(process->pid, &clock) || clock_gettime(clock, &time)) {
		perror("the CPU time of a process");
		return -1;
	}
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

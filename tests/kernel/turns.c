// SPDX-License-Identifier: Apache-2.0
/* Takes turns on a CPU inside a cgroup, and says what the kernel itself recorded of it.
 *
 * turns CGROUP_PROCS CPU KIND COUNT: joins the cgroup by writing to the file, stays on the CPU,
 * does what the kind says, and writes a JSON object on standard output: how often it got the CPU
 * and waited how long for it (/proc/self/schedstat), how often it left it (getrusage), how long it
 * ran, and how long its own calls took that sleep. CGROUP_PROCS may be several, with commas. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct record {
	unsigned long long ran_ns, delay_ns, waits;
	long voluntary, forced;
};

static uint64_t slept_ns, blocked_ns; /* as the clock has it around the calls */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct record record_read(void)
{
	struct record record = { 0 };
	struct rusage usage;
	FILE *file = fopen("/proc/self/schedstat", "re");

	if (!file ||
	    fscanf(file, "%llu %llu %llu", &record.ran_ns, &record.delay_ns, &record.waits) != 3)
		exit(2);
	fclose(file);
	getrusage(RUSAGE_SELF, &usage);
	record.voluntary = usage.ru_nvcsw;
	record.forced = usage.ru_nivcsw;
	return record;
}

static void join(char *files)
{
	for (char *file = strtok(files, ","); file; file = strtok(NULL, ",")) {
		int fd = open(file, O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "0", 1) != 1) {
			perror(file);
			exit(2);
		}
		close(fd);
	}
}

static void nap(long ns)
{
	struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);

	nanosleep(&time, NULL);
	slept_ns += clock_ns(CLOCK_MONOTONIC) - began_ns;
}

static void burn(uint64_t ns)
{
	uint64_t until_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until_ns)
		;
}

/* Naps of 0.2 ms with some work between them. */
static void naps(long count)
{
	for (long i = 0; i < count; i++) {
		nap(200000);
		burn(50000);
	}
}

/* The parent of a vfork waits where no signal would wake it. */
static void block(void)
{
	static const struct timespec time = { .tv_nsec = 20000000 };
	pid_t child = vfork();

	if (!child) {
		nanosleep(&time, NULL);
		_exit(0);
	}
	waitpid(child, NULL, WNOHANG);
}

static void blocks(long count)
{
	for (long i = 0; i < count; i++) {
		uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);

		block();
		blocked_ns += clock_ns(CLOCK_MONOTONIC) - began_ns;
	}
}

/* Until it is told to stop. */
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

int main(int argc, char **argv)
{
	struct record before, after;
	cpu_set_t set;
	long count;

	if (argc != 5)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, stop);
	count = atol(argv[4]);
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[2]), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return 2;
	join(argv[1]);
	before = record_read();
	if (!strcmp(argv[3], "naps"))
		naps(count);
	else if (!strcmp(argv[3], "burns"))
		burn((uint64_t)count * 1000000);
	else if (!strcmp(argv[3], "blocks"))
		blocks(count);
	else if (!strcmp(argv[3], "hog"))
		while (!stopped)
			burn(1000000);
	else
		return 2;
	after = record_read();
	printf("{\"pid\": %d, \"waits\": %llu, \"delay_ns\": %llu, \"ran_ns\": %llu, "
	       "\"voluntary\": %ld, \"forced\": %ld, \"slept_ns\": %llu, \"blocked_ns\": %llu}\n",
	       getpid(), after.waits - before.waits, after.delay_ns - before.delay_ns,
	       after.ran_ns - before.ran_ns, after.voluntary - before.voluntary,
	       after.forced - before.forced, (unsigned long long)slept_ns,
	       (unsigned long long)blocked_ns);
	return 0;
}

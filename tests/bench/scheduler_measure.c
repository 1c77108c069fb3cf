// SPDX-License-Identifier: Apache-2.0
/* Sends a byte to and fro between two processes and measures what a round trip took. */
#include "scheduler_measure.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "middle.h"
#include "syscalls_measure.h"

#define PARTS         20
#define WARM_UP_TRIPS 500

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double cpu_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void trips_make(int to, int from, uint32_t trips)
{
	char byte = 0;

	for (uint32_t i = 0; i < trips; i++)
		if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
			_exit(1);
}

/* The time of both on their CPU: what others run there in between is not theirs. */
static double trips_measure(int to, int from, pid_t partner, uint32_t trips)
{
	double parts[PARTS], began_ns;
	clockid_t other;

	if (clock_getcpuclockid(partner, &other))
		_exit(1);
	trips_make(to, from, WARM_UP_TRIPS);
	for (int part = 0; part < PARTS; part++) {
		began_ns = (double)own_cpu_ns() + cpu_ns(other);
		trips_make(to, from, trips / PARTS);
		parts[part] = ((double)own_cpu_ns() + cpu_ns(other) - began_ns) / (trips / PARTS);
	}
	middle(parts, PARTS);
	return parts[PARTS / 4];
}

static void partner_serve(int from, int to)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

static void driver_serve(int from, int to, int cpu)
{
	int there[2], back[2];
	uint32_t trips;
	pid_t partner;
	double ns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	if (pipe(there) || pipe(back) || (partner = fork()) < 0)
		fail("partner");
	if (!partner) {
		close(there[1]);
		close(back[0]);
		partner_serve(there[0], back[1]);
	}
	while (read(from, &trips, sizeof(trips)) == sizeof(trips)) {
		ns = trips_measure(there[1], back[0], partner, trips);
		if (write(to, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	_exit(0);
}

struct pair pair_start(int cpu)
{
	struct pair pair = { 0 };
	int to[2], from[2];

	if (pipe(to) || pipe(from) || (pair.driver = fork()) < 0)
		fail("driver");
	if (!pair.driver) {
		close(to[1]);
		close(from[0]);
		driver_serve(to[0], from[1], cpu);
	}
	close(to[0]);
	close(from[1]);
	pair.to = to[1];
	pair.from = from[0];
	return pair;
}

void pair_stop(struct pair *pair)
{
	close(pair->to);
	close(pair->from);
	kill(pair->driver, SIGKILL);
	waitpid(pair->driver, NULL, 0);
}

double pair_measure(struct pair *pair, uint32_t trips)
{
	double ns;

	if (write(pair->to, &trips, sizeof(trips)) != sizeof(trips) ||
	    read(pair->from, &ns, sizeof(ns)) != sizeof(ns))
		fail("driver");
	return ns;
}

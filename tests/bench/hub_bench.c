// SPDX-License-Identifier: Apache-2.0
/* What three users of the same hooks cost as members of the hub, and with the third attached apart.
 *
 * The inputs `syscalls` and `scheduler` and a third, which is on all their hooks, add to a round
 * trip between two processes on one CPU: four system calls, two wake-ups, two switches. Apart means
 * two programs on each hook, attached each by itself; in the hub there is one, and the chain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../plugins/input/syscalls/probe.h"
#include "embedded_hub_third.h"
#include "hub_scheduler.h"
#include "rounds.h"

#define NAME "hub.shared"

enum { SHARED, APART };
enum { THIRD_HOOKS = 5 };

static struct probe probe; /* of syscalls */
static struct sonde_kernel *thirds[2];

static bool third_open(bool shared, struct sonde_kernel **ret_kernel)
{
	static const char *const variants[] = { "tp_btf", NULL };
	const struct sonde_kernel_hook hooks[] = {
		{ .name = "sys_enter", .program = "third_sys_enter", .shared = shared },
		{ .name = "sys_exit", .program = "third_sys_exit", .shared = shared },
		{ .name = "sched_switch", .program = "third_sched_switch", .shared = shared },
		{ .name = "sched_wakeup", .program = "third_sched_wakeup", .shared = shared },
		{ .name = "sched_wakeup_new",
		  .program = "third_sched_wakeup_new",
		  .shared = shared },
		{ 0 },
	};
	const struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "third",
		.object = embedded_hub_third,
		.object_bytes = embedded_hub_third_bytes,
		.variants = variants,
		.hooks = hooks,
		.cpu_map = "cpus",
	};
	char message[512];

	if (!sonde_kernel_load(&plan, ret_kernel, message, sizeof(message)))
		return true;
	fprintf(stderr, "third: %s\n", message);
	return false;
}

static bool subjects_open(void)
{
	struct probe_shape shape = { .memory_bytes = 4u << 20,
				     .ring_bytes = 1u << 20,
				     .group_count = 512 };
	char message[512];

	if (probe_open(&probe, &shape, message, sizeof(message))) {
		fprintf(stderr, "syscalls: %s\n", message);
		return false;
	}
	return hub_scheduler_open() && third_open(true, &thirds[SHARED]) &&
	       third_open(false, &thirds[APART]);
}

static void syscalls_set(bool on)
{
	struct probe_settings settings = { .mode = on ? SONDE_SYSCALLS_AGGREGATE : 0,
					   .time_one_in = 1,
					   .sample_one_in = 1 };
	int error = probe_apply(&probe, &settings);

	if (error) {
		fprintf(stderr, "syscalls: %s\n", strerror(-error));
		exit(1);
	}
}

static bool subject_begin(const void *context)
{
	struct sonde_kernel *const *third = context;
	int error = 0;

	syscalls_set(true);
	hub_scheduler_set(true);
	for (uint32_t hook = 0; hook < THIRD_HOOKS && !error; hook++)
		error = sonde_kernel_attach(*third, hook);
	if (!error)
		return true;
	fprintf(stderr, "third: %s\n", strerror(-error));
	exit(1);
}

static void subject_end(const void *context)
{
	struct sonde_kernel *const *third = context;

	for (uint32_t hook = 0; hook < THIRD_HOOKS; hook++)
		sonde_kernel_detach(*third, hook);
	hub_scheduler_set(false);
	syscalls_set(false);
}

static void bench_run(void)
{
	const struct rounds_subject subjects[] = {
		[SHARED] = { subject_begin, subject_end, &thirds[SHARED] },
		[APART] = { subject_begin, subject_end, &thirds[APART] },
	};
	struct pair pair = pair_start((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	struct rounds_result result;

	if (rounds_measure(&pair, subjects, 2, &result))
		printf("{\"name\":\"%s\",\"unit\":\"ns\",\"sonde\":%.1f,\"floor\":null,\"peer\":%."
		       "1f,"
		       "\"peer_name\":\"two programs a hook\",\"vs_floor\":null,\"vs_peer\":%.3f,"
		       "\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n",
		       NAME, result.ns[SHARED], result.ns[APART],
		       result.ns[SHARED] / result.ns[APART], result.spread, result.runs);
	else
		printf("{\"name\":\"%s\",\"skipped\":\"the machine is too restless\"}\n", NAME);
	pair_stop(&pair);
}

int main(int count, char **arguments)
{
	if (count == 2 && !strcmp(arguments[1], "--list")) {
		puts(NAME);
		return 0;
	}
	if (subjects_open())
		bench_run();
	else
		printf("{\"name\":\"%s\",\"skipped\":\"the programs cannot be loaded\"}\n", NAME);
	sonde_kernel_free(thirds[SHARED]);
	sonde_kernel_free(thirds[APART]);
	hub_scheduler_close();
	probe_close(&probe);
	return 0;
}

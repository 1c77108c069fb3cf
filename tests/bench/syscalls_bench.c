// SPDX-License-Identifier: Apache-2.0
/* What the input `syscalls` adds to a call, beside the floor and a peer, all in turn in one run.
 *
 * The calls are made by a process of its own on the last CPU. A round measures everything once,
 * each time after a bare run, in an order that is drawn anew; figures are medians over rounds of
 * what was added to the bare call of the same round, and ratios are medians of the rounds' ratios:
 * a machine that is shared changes its pace within seconds, and a round sees one pace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../plugins/input/syscalls/names.h"
#include "syscalls_consume.h"
#include "middle.h"
#include "syscalls_measure.h"
#include "syscalls_subjects.h"

#define CALLS    20000 /* of a measurement: short, so that a round sees one state of the machine */
#define ROUNDS   101
#define SUBJECTS 3 /* sonde, floor, peer */

enum subject { SONDE, FLOOR, PEER };

struct bench {
	const char *name;
	struct probe_settings settings;
	const char *floor_enter, *floor_exit;
	bool has_peer; /* syscount -L */
};

static uint32_t unused_call; /* index of a call that nobody makes: only it is wanted */
static const uint32_t unused_tgid = INT32_MAX;

static const struct bench benches[] = {
	{ .name = "syscalls.aggregate",
	  .floor_enter = "timed_enter",
	  .floor_exit = "aggregate_exit",
	  .settings = { .mode = SONDE_SYSCALLS_AGGREGATE, .time_one_in = 1, .sample_one_in = 1 },
	  .has_peer = true },
	{ .name = "syscalls.rejected",
	  .floor_exit = "count_exit",
	  .settings = { .mode = SONDE_SYSCALLS_AGGREGATE,
			.calls = &unused_call,
			.call_count = 1 } },
	{ .name = "syscalls.rejected_process",
	  .floor_exit = "count_exit",
	  .settings = { .mode = SONDE_SYSCALLS_AGGREGATE,
			.tgids = &unused_tgid,
			.tgid_count = 1 } },
	{ .name = "syscalls.rejected_sample",
	  .floor_exit = "count_exit",
	  .settings = { .mode = SONDE_SYSCALLS_EVENTS, .sample_one_in = 1000 } },
	{ .name = "syscalls.count",
	  .floor_exit = "count_exit",
	  .settings = { .mode = SONDE_SYSCALLS_AGGREGATE } },
	{ .name = "syscalls.one_in_16",
	  .floor_enter = "empty_enter",
	  .floor_exit = "empty_exit",
	  .settings = { .mode = SONDE_SYSCALLS_AGGREGATE, .time_one_in = 16 } },
	{ .name = "syscalls.events",
	  .floor_enter = "timed_enter",
	  .floor_exit = "event_exit",
	  .settings = { .mode = SONDE_SYSCALLS_EVENTS, .time_one_in = 1, .sample_one_in = 1 } },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

/* The middle of what sonde is to another subject in the same round. */
static double ratio_to(double added[SUBJECTS][ROUNDS], enum subject other)
{
	double ratios[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		ratios[round] = added[SONDE][round] / added[other][round];
	return middle(ratios, ROUNDS);
}

/* `added` has the rounds of each subject. */
static void result_print(const struct bench *bench, double added[SUBJECTS][ROUNDS], bool with_peer)
{
	double vs_floor = ratio_to(added, FLOOR), vs_peer = with_peer ? ratio_to(added, PEER) : 0;
	double spread = 0, own;

	for (int subject = SONDE; subject < (with_peer ? SUBJECTS : PEER); subject++) {
		own = middle_spread(added[subject], ROUNDS);
		spread = own > spread ? own : spread;
	}
	printf("{\"name\":\"%s\",\"unit\":\"ns\",\"sonde\":%.1f,\"floor\":%.1f,", bench->name,
	       middle(added[SONDE], ROUNDS), middle(added[FLOOR], ROUNDS));
	if (with_peer)
		printf("\"peer\":%.1f,\"peer_name\":\"syscount -L\",", middle(added[PEER], ROUNDS));
	else
		printf("\"peer\":null,\"peer_name\":null,");
	printf("\"vs_floor\":%.3f,", vs_floor);
	if (with_peer)
		printf("\"vs_peer\":%.3f,", vs_peer);
	else
		printf("\"vs_peer\":null,");
	printf("\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n", spread, ROUNDS);
	fflush(stdout);
}

static void rings_empty(void)
{
	for (uint32_t cpu = 0; cpu < sonde_kernel_cpu_count(); cpu++) {
		struct sonde_ring *rings[2] = { sonde_kernel_ring(sonde_probe()->kernel, cpu),
						floor_ring(cpu) };

		for (int i = 0; i < 2; i++) {
			rings[i]->end = __atomic_load_n(rings[i]->producer, __ATOMIC_ACQUIRE);
			rings[i]->position = rings[i]->end;
			sonde_ring_release(rings[i]);
		}
	}
}

static double subject_measure(const struct bench *bench, enum subject subject,
			      struct caller *caller)
{
	double bare = caller_measure(caller, CALLS), with;

	if (subject == SONDE)
		sonde_attach(&bench->settings);
	else if (subject == FLOOR)
		floor_attach(bench->floor_enter, bench->floor_exit);
	else if (!peer_attach())
		return 0;
	with = caller_measure(caller, CALLS);
	if (subject == SONDE)
		sonde_detach();
	else if (subject == FLOOR)
		floor_detach();
	else
		peer_detach();
	rings_empty();
	return with - bare;
}

static void bench_run(const struct bench *bench, struct caller *caller)
{
	double added[SUBJECTS][ROUNDS];
	bool with_peer = bench->has_peer && peer_exists();
	int subjects = with_peer ? 3 : 2;

	for (int round = 0; round < ROUNDS; round++) {
		int first = rand() % subjects;

		for (int i = 0; i < subjects; i++) {
			enum subject subject = (enum subject)((first + i) % subjects);

			added[subject][round] = subject_measure(bench, subject, caller);
		}
	}
	result_print(bench, added, with_peer);
}

static bool is_named(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return !count;
}

int main(int count, char **arguments)
{
	struct caller caller;
	uint32_t indexes[2];
	bool open;

	if (count == 2 && !strcmp(arguments[1], "--list")) {
		for (size_t i = 0; i < BENCHES; i++)
			puts(benches[i].name);
		puts("syscalls.consume");
		return 0;
	}
	names_find("uselib", indexes);
	unused_call = indexes[0];
	caller = caller_start((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	open = subjects_open();
	for (size_t i = 0; i < BENCHES; i++) {
		if (!is_named(benches[i].name, count - 1, arguments + 1))
			continue;
		if (open)
			bench_run(&benches[i], &caller);
		else
			printf("{\"name\":\"%s\",\"skipped\":\"the programs cannot be loaded\"}\n",
			       benches[i].name);
	}
	if (is_named("syscalls.consume", count - 1, arguments + 1)) {
		if (open)
			consume_run();
		else
			printf("{\"name\":\"syscalls.consume\",\"skipped\":\"the programs cannot "
			       "be loaded\"}\n");
	}
	caller_stop(&caller);
	if (open)
		subjects_close();
	return 0;
}

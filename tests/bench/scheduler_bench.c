// SPDX-License-Identifier: Apache-2.0
/* What the input `scheduler` adds to a round trip between two processes on one CPU, beside the
 * floor and a peer, all in turn in one run. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rounds.h"
#include "scheduler_subjects.h"

struct bench {
	const char *name;
	struct probe_settings settings;
	bool has_peer;
};

static const struct bench benches[] = {
	{ .name = "scheduler.aggregate", /* what the floor and the peer do: waits and their delay */
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE, .time_one_in = 1 },
	  .has_peer = true },
	{ .name = "scheduler.all", /* what there is: times and culprits too */
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE,
			.time_one_in = 1,
			.times = true,
			.culprits = true },
	  .has_peer = true },
	{ .name = "scheduler.one_in_16",
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE,
			.time_one_in = 16,
			.times = true,
			.culprits = true } },
	{ .name = "scheduler.events", /* none is long enough */
	  .settings = { .mode = SONDE_SCHEDULER_EVENTS,
			.time_one_in = 1,
			.minimum_delay_ns = 1000000000 } },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

enum { SONDE, FLOOR, PEER };

static bool sonde_begin(const void *context)
{
	const struct bench *bench = context;

	sonde_attach(&bench->settings);
	return true;
}

static void sonde_end(const void *context)
{
	sonde_detach();
}

static bool floor_begin(const void *context)
{
	floor_attach();
	return true;
}

static void floor_end(const void *context)
{
	floor_detach();
}

static bool peer_begin(const void *context)
{
	return peer_attach();
}

static void peer_end(const void *context)
{
	peer_detach();
}

static void bench_run(const struct bench *bench, struct pair *pair)
{
	const struct rounds_subject subjects[] = {
		[SONDE] = { sonde_begin, sonde_end, bench },
		[FLOOR] = { floor_begin, floor_end, NULL },
		[PEER] = { peer_begin, peer_end, NULL },
	};
	bool with_peer = bench->has_peer && peer_exists();
	struct rounds_result result;

	if (!rounds_measure(pair, subjects, with_peer ? 3 : 2, &result)) {
		printf("{\"name\":\"%s\",\"skipped\":\"the machine is too restless\"}\n",
		       bench->name);
		return;
	}
	printf("{\"name\":\"%s\",\"unit\":\"ns\",\"sonde\":%.1f,\"floor\":%.1f,", bench->name,
	       result.ns[SONDE], result.ns[FLOOR]);
	if (with_peer)
		printf("\"peer\":%.1f,\"peer_name\":\"runqlat\",\"vs_peer\":%.3f,", result.ns[PEER],
		       result.ns[SONDE] / result.ns[PEER]);
	else
		printf("\"peer\":null,\"peer_name\":null,\"vs_peer\":null,");
	printf("\"vs_floor\":%.3f,\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n",
	       result.ns[SONDE] / result.ns[FLOOR], result.spread, result.runs);
	fflush(stdout);
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
	struct pair pair;
	bool open;

	if (count == 2 && !strcmp(arguments[1], "--list")) {
		for (size_t i = 0; i < BENCHES; i++)
			puts(benches[i].name);
		return 0;
	}
	pair = pair_start((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	open = subjects_open();
	for (size_t i = 0; i < BENCHES; i++) {
		if (!is_named(benches[i].name, count - 1, arguments + 1))
			continue;
		if (open)
			bench_run(&benches[i], &pair);
		else
			printf("{\"name\":\"%s\",\"skipped\":\"the programs cannot be loaded\"}\n",
			       benches[i].name);
	}
	pair_stop(&pair);
	if (open)
		subjects_close();
	return 0;
}

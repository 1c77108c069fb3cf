// SPDX-License-Identifier: Apache-2.0
/* What the input `scheduler` adds to a round trip between two processes on one CPU, beside the
 * floor and a peer, all in turn in one run.
 *
 * A virtual machine changes its pace by a fifth from one second to the next, which is as much as is
 * measured here. So each subject is measured between two bare runs, and counts only if these two
 * agree; what it adds is taken as a share of their middle, as all is slower together. A round
 * measures each subject once, in an order that is drawn anew. Figures are medians over rounds, as
 * ns of the median bare round trip; ratios are ratios of these. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "middle.h"
#include "scheduler_measure.h"
#include "scheduler_subjects.h"

#define TRIPS     6000 /* of a measurement: short, so that it sees one pace of the machine */
#define ROUNDS    81
#define SUBJECTS  3
#define AGREEMENT 0.03 /* of two bare runs */

enum subject { SONDE, FLOOR, PEER };

struct bench {
	const char *name;
	struct probe_settings settings;
	bool has_peer;
};

static const struct bench benches[] = {
	{ .name = "scheduler.aggregate",
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE,
			.time_one_in = 1,
			.times = true,
			.culprits = true },
	  .has_peer = true },
	{ .name = "scheduler.delay",
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE, .time_one_in = 1 },
	  .has_peer = true },
	{ .name = "scheduler.one_in_16",
	  .settings = { .mode = SONDE_SCHEDULER_AGGREGATE,
			.time_one_in = 16,
			.times = true,
			.culprits = true } },
	{ .name = "scheduler.events",
	  .settings = { .mode = SONDE_SCHEDULER_EVENTS,
			.time_one_in = 1,
			.minimum_delay_ns = 1000000000 } },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

/* What is known of one benchmark so far. */
struct results {
	double added[SUBJECTS][ROUNDS]; /* as shares of the bare round trip */
	int counts[SUBJECTS];
	double bare[SUBJECTS * ROUNDS];
	int bare_count;
};

static void result_print(const struct bench *bench, struct results *results, bool with_peer)
{
	double bare_ns = middle(results->bare, results->bare_count), ns[SUBJECTS], spread = 0, own;
	int fewest = ROUNDS;

	for (int subject = SONDE; subject < (with_peer ? SUBJECTS : PEER); subject++) {
		int count = results->counts[subject];

		own = middle_spread(results->added[subject], count);
		spread = own > spread ? own : spread;
		ns[subject] = middle(results->added[subject], count) * bare_ns;
		fewest = count < fewest ? count : fewest;
	}
	if (fewest < ROUNDS / 4) {
		printf("{\"name\":\"%s\",\"skipped\":\"the machine is too restless: %d rounds of "
		       "%d could be used\"}\n",
		       bench->name, fewest, ROUNDS);
		return;
	}
	printf("{\"name\":\"%s\",\"unit\":\"ns\",\"sonde\":%.1f,\"floor\":%.1f,", bench->name,
	       ns[SONDE], ns[FLOOR]);
	if (with_peer)
		printf("\"peer\":%.1f,\"peer_name\":\"runqlat\",\"vs_floor\":%.3f,\"vs_peer\":%."
		       "3f,",
		       ns[PEER], ns[SONDE] / ns[FLOOR], ns[SONDE] / ns[PEER]);
	else
		printf("\"peer\":null,\"peer_name\":null,\"vs_floor\":%.3f,\"vs_peer\":null,",
		       ns[SONDE] / ns[FLOOR]);
	printf("\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n", spread, fewest);
	fflush(stdout);
}

static bool subject_attach(const struct bench *bench, enum subject subject)
{
	if (subject == SONDE)
		sonde_attach(&bench->settings);
	else if (subject == FLOOR)
		floor_attach();
	else
		return peer_attach();
	return true;
}

static void subject_detach(enum subject subject)
{
	if (subject == SONDE)
		sonde_detach();
	else if (subject == FLOOR)
		floor_detach();
	else
		peer_detach();
}

/* `before` is the last bare run; returns the one that was made afterwards. */
static double subject_measure(const struct bench *bench, enum subject subject, struct pair *pair,
			      double before, struct results *results)
{
	double with, after, bare;

	if (!subject_attach(bench, subject))
		return before;
	with = pair_measure(pair, TRIPS);
	subject_detach(subject);
	after = pair_measure(pair, TRIPS);
	bare = (before + after) / 2;
	results->bare[results->bare_count++] = bare;
	if (after / before < 1 + AGREEMENT && before / after < 1 + AGREEMENT)
		results->added[subject][results->counts[subject]++] = with / bare - 1;
	return after;
}

static void bench_run(const struct bench *bench, struct pair *pair)
{
	static struct results results;
	bool with_peer = bench->has_peer && peer_exists();
	int subjects = with_peer ? 3 : 2;
	double bare;

	memset(&results, 0, sizeof(results));
	bare = pair_measure(pair, TRIPS);
	for (int round = 0; round < ROUNDS; round++) {
		int first = rand() % subjects;

		for (int i = 0; i < subjects; i++)
			bare = subject_measure(bench, (enum subject)((first + i) % subjects), pair,
					       bare, &results);
	}
	result_print(bench, &results, with_peer);
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

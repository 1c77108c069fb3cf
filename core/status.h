/* SPDX-License-Identifier: Apache-2.0 */
/* Status: what runs, how it fares, and whether the ledger closes; gathered, then printed. */
#ifndef SONDE_STATUS_H
#define SONDE_STATUS_H

#include <stdio.h>

#include "descriptors.h"
#include "graph.h"
#include "knob.h"
#include "log.h"
#include "memory.h"
#include "pressure.h"
#include "privilege.h"
#include "report.h"
#include "watch.h"

/* What status is gathered from. */
struct status_sources {
	struct graph *graph; /* and the older ones that leave */
	struct ledger *ledger;
	const struct watch *watch;
	const struct knobs *knobs;
	const struct pressure *pressure; /* NULL: nothing is turned down */
	const char *state_path, *host_id;
	const struct privilege *privilege; /* NULL: not told */
	int64_t started_ns;                /* monotonic */
};

struct status_call;

struct status_instance {
	const struct instance *instance;
	const char *section;  /* "input", "processor", "output" */
	const char *state;    /* "running", "degraded", "waiting", "stopped", "busy", "leaving" */
	const char *problem;  /* NULL: none */
	const char *callback; /* that it is in for long; NULL: none */
	double busy_s;
	uint64_t failure_count, retry_count;
	struct sonde_report report;
	bool leaving;               /* a reload took it out; it gives out what it holds */
	bool silent;                /* its thread did not answer: report and held are missing */
	struct status_call *answer; /* owns what report shows; NULL: silent */
	struct tally held;
};

struct status_account {
	const struct account *account;
	struct account numbers;    /* at one moment */
	struct tally queued, held; /* of routes, and of processors that keep rows */
	bool known;                /* it belongs to something that runs now */
	bool silent;               /* its thread did not answer: whether it closes is not known */
	bool closes;
	bool leaving; /* of a route: as of an instance */
	uint64_t bytes, limit_bytes, high_bytes;
	uint64_t disk_bytes, disk_limit_bytes; /* of its queue on disk; 0: there is none */
	struct watch_rate rate;
};

struct status {
	struct arena *arena;
	const struct status_sources *sources;
	int64_t now_wall_ns;
	double uptime_s, cpu_s;
	uint64_t rss_bytes;
	size_t idle_bytes; /* of memory.counted_bytes: blocks that wait to be used again */
	struct memory_snapshot memory;
	struct descriptors_snapshot descriptors;
	uint32_t thread_count;
	struct log_counts log;
	uint32_t instance_count, account_count;
	struct status_instance *instances;
	struct status_account *accounts;
	bool closes; /* every account of this run does */
};

/* On the main loop's thread; asks every loop, each for at most 200 ms. NULL: no memory. */
struct status *status_gather(const struct status_sources *sources);
void status_release(struct status *status);

/* For programs: one JSON object, described in docs/status.md. -ENOMEM: nothing is printed. */
int status_print_json(const struct status *status, FILE *file);

/* For shells that complete words: a line a knob, with its value, choices and help between tabs;
 * described in docs/control.md. */
void status_print_knobs(const struct status *status, FILE *file);
void status_print_leaving(const struct status *status, FILE *file);
void status_print_places(const struct status *status, FILE *file);
void status_print_processors(const struct status *status, FILE *file);

/* For people, within `width` columns. */
void status_print_text(const struct status *status, FILE *file, uint32_t width, bool colour);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a config at work: instances, pipelines, outputs, the routes between them, their
 * loops. */
#ifndef SONDE_GRAPH_H
#define SONDE_GRAPH_H

#include "instance.h"
#include "output.h"
#include "pipeline.h"

/* An instance of the config with its replicas. */
struct graph_node {
	const struct instance_config *config;
	uint32_t count;
	struct instance *
		*instances;     /* inputs and outputs: one a replica; processors: one a stage */
	struct fan *fans;       /* inputs: one a replica */
	struct output *outputs; /* outputs: one a replica */
};

struct graph_pipeline {
	const struct pipeline_config *config;
	uint32_t count;
	struct pipeline *replicas;
};

/* The start of one instance, posted to its loop. */
struct graph_start {
	struct loop_task task;
	struct graph *graph;
	struct instance *instance;
};

struct graph {
	const struct config *config;
	struct ledger *ledger;
	struct loop **loops; /* [0]: shared by inputs without threads of their own */
	uint32_t loop_count, started_count;
	struct graph_node *nodes; /* as the config's instances; unrouted ones have no replica */
	struct graph_pipeline *pipelines;
	struct route **routes;
	uint32_t route_count;
	struct graph_start *starts;
	uint32_t start_count;
	uint32_t starting_count; /* atomic: starts that have not returned */
	struct loop *ready_loop;
	struct loop_task *ready;
};

/* Builds all of it, nothing started. The config and ledger must outlive it. -ENOMEM, -ENOSPC (the
 * ledger is full) or what a loop needed and did not get. */
int graph_create(const struct config *config, struct ledger *ledger, struct graph **ret_graph);

/* Starts loops, then outputs, processors and inputs, each on its own thread, without waiting for
 * them: `ready` is posted to `ready_loop` when every start() has returned. An instance that cannot
 * start is tried again later; only threads and memory can fail this. */
int graph_start(struct graph *graph, struct loop *ready_loop, struct loop_task *ready);

/* Drains and ends everything by the deadline (monotonic). What is left is booked as lost by
 * shutdown. -ETIMEDOUT: a callback did not return; then nothing may be released. */
int graph_stop(struct graph *graph, int64_t deadline_ns);

/* After a graph_stop() that did not succeed: no route moves any more, for good, so that the ledger
 * can be booked before the process ends. */
void graph_freeze(struct graph *graph);

void graph_release(struct graph *graph);

/* The capabilities that its instances have declared so far to need while they run. */
uint64_t graph_needs(const struct graph *graph);

/* The node of that name; NULL: none, or it is not routed. */
struct graph_node *graph_node(struct graph *graph, const char *name);

#endif

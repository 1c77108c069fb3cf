/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a config at work: instances, pipelines, outputs, the routes between them, their
 * loops. */
#ifndef SONDE_GRAPH_H
#define SONDE_GRAPH_H

#include "instance.h"
#include "output.h"
#include "pipeline.h"

/* What one replica sends over and takes from, as planned: it holds once it is installed. */
struct graph_links {
	struct fan fan;         /* of what sends */
	struct sources sources; /* of what receives */
};

/* An instance of the config with its replicas. */
struct graph_node {
	const struct instance_config *config;
	bool adopted; /* its replicas are a former graph's until graph_adopt() */
	bool late;    /* an input or output, and one of its name has to end first */
	uint32_t count;
	struct graph_links *links;   /* inputs and outputs: one a replica */
	struct instance **instances; /* one a replica; of processors one a stage */
	struct fan *fans;            /* inputs: one a replica */
	struct output *outputs;      /* outputs: one a replica */
};

struct graph_pipeline {
	const struct pipeline_config *config;
	bool adopted; /* likewise */
	uint32_t count;
	struct graph_links *links; /* one a replica */
	struct pipeline *replicas;
	struct commit **commits; /* planned, one a replica; NULL entries: none */
};

/* The start of one instance, posted to its loop. */
struct graph_start {
	struct loop_task task;
	struct graph *graph;
	struct instance *instance;
	bool late;
};

struct graph_loop {
	struct loop *loop;
	bool started;
	bool adopted;
};

struct graph_route {
	struct route *route;
	struct route_plan plan;
	bool adopted;
};

struct graph {
	struct config *config;
	struct config **configs; /* held: of it and of those that adopted instances came from */
	uint32_t config_count;
	struct ledger *ledger;
	struct graph_loop *loops; /* [0]: shared by inputs without threads of their own */
	uint32_t loop_count;
	struct loop *disk;         /* one of the loops; NULL: nothing lies on disk */
	struct resource *resource; /* of what its inputs send; NULL: nothing is said */
	struct graph_node *nodes;  /* as the config's instances; unrouted ones have no replica */
	struct graph_pipeline *pipelines;
	struct graph_route *routes;
	uint32_t route_count;
	struct graph_route
		*inherited; /* of senders that leave, to receivers of this graph; theirs */
	uint32_t inherited_count;
	struct graph *former; /* while it is built: the one that runs */
	struct graph *older;  /* the one before it that has not left yet, and so on */
	struct leave *leave;  /* of one that leaves; see leave.h */
	struct graph_start *starts;
	uint32_t start_count;
	uint32_t starting_count; /* atomic: starts that have not returned */
	struct loop *ready_loop;
	struct loop_task *ready;
};

/* Builds all of it, nothing started. The graph holds the config; the ledger must outlive it. With a
 * former graph, which runs on untouched, what did not change is planned to be adopted from it, and
 * the queues of what did. -ENOMEM, -ENOSPC (the ledger is full) or what a loop needed and did not
 * get. */
int graph_create(struct config *config, struct ledger *ledger, struct graph *former,
		 struct graph **ret_graph);

/* Starts the threads and posts the starts of instances, outputs first, without waiting for them:
 * `ready` (or NULL) is posted to `ready_loop` when every start() has returned. An instance that
 * cannot start is tried again later. An input or output whose name is still in use waits for
 * graph_start_late(); a processor does not: its pipeline takes no rows before. -errno. */
int graph_start(struct graph *graph, struct loop *ready_loop, struct loop_task *ready);
void graph_start_late(struct graph *graph);

/* Whether some start() has not returned; one of those instances. */
bool graph_is_starting(const struct graph *graph);
struct instance *graph_starting(const struct graph *graph);

/* An instance that this graph started and that could not; NULL: none. */
struct instance *graph_unstarted(const struct graph *graph);

/* Drains and ends everything by the deadline (monotonic). What is left is booked as lost by
 * shutdown. -ETIMEDOUT: a callback did not return; then nothing may be released. */
int graph_stop(struct graph *graph, int64_t deadline_ns);

/* After a graph_stop() that did not succeed: no route moves any more, for good, so that the ledger
 * can be booked before the process ends. */
void graph_freeze(struct graph *graph);

/* Books what is queued as lost by shutdown; whoever waits for it hears so. For several graphs that
 * end together: all of them first, then each is released. */
void graph_clear(struct graph *graph);
void graph_release(struct graph *graph);

/* The capabilities that its instances have declared so far to need while they run. */
uint64_t graph_needs(const struct graph *graph);

/* Replicas of all instances. */
uint32_t graph_instance_count(const struct graph *graph);

/* Whether it is one of the graph's own, or planned to be. */
bool graph_has_route(const struct graph *graph, const struct route *route);

/* The node of that name; NULL: none, or it is not routed. */
struct graph_node *graph_node(struct graph *graph, const char *name);

#endif

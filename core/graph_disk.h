/* SPDX-License-Identifier: Apache-2.0 */
/* What of a graph lies on disk: the queues of its routes, and the commits of its pipelines. */
#ifndef SONDE_GRAPH_DISK_H
#define SONDE_GRAPH_DISK_H

#include "graph.h"

/* Opens the queue on disk of a route that is being built, if `config` wants one. A negative errno,
 * said in the log with the mend. */
int graph_open_disk(struct graph *graph, struct route *route, const struct queue_config *config);

/* Once all routes are built: pipelines that take rows from disk will commit, and say so to their
 * routes; where the graph is the first of the daemon, all of it is put where the last commits have
 * it. As above. */
int graph_plan_commits(struct graph *graph);

/* When routes come to hold: pipelines have their commits, and a first one is written. Before any
 * route is installed. */
void graph_start_commits(struct graph *graph);

/* Pipelines that a graph has left for good write down how things stand. No loop of it runs. */
void graph_end_commits(struct graph *graph);

/* The same while it runs, each on its own loop, by the deadline (monotonic). */
void graph_finish_commits(struct graph *graph, int64_t deadline_ns);

/* Commits that were planned and never came to hold are freed. */
void graph_release_commits(struct graph *graph);

/* After a start, with the graph built: rows that lie in queues on disk are no loss, those that
 * pipelines will read again neither; all else that was open is lost by crash. Queues that no route
 * of the config takes over are named in the log. */
void graph_book_crash(struct graph *graph);

#endif

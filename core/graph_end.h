/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of routes in a graph that is being built: who sends, who receives, on which loop. */
#ifndef SONDE_GRAPH_END_H
#define SONDE_GRAPH_END_H

#include "graph.h"

/* One end of a route: whose loop it is on, and the task that the other end posts there. */
struct graph_end {
	const char *name;
	uint32_t replica, replica_count;
	struct loop *loop;
	struct loop_task *task;
	struct graph_links *links;
	bool final, waits, is_input, takes_frames;
	uint32_t in_flight_count; /* batches that an output may hold at once */
};

struct graph_end end_of_input(struct graph_node *node, uint32_t replica);
struct graph_end end_of_pipeline(struct graph_pipeline *pipeline, uint32_t replica);
struct graph_end end_of_output(struct graph_node *node, uint32_t replica);

/* A loop of the graph's own, by that name. NULL with errno set. */
struct loop *graph_loop(struct graph *graph, const char *name);

void links_free(struct graph_links *links, uint32_t count);

/* Of an instance or pipeline of the graph's own config. */
struct graph_node *node_of(struct graph *graph, const struct instance_config *config);
struct graph_pipeline *pipeline_of(struct graph *graph, const struct pipeline_config *config);

/* Adds a zeroed item to an array on the heap; NULL: no memory, and nothing changed. */
void *array_add(void **array, uint32_t *count, size_t item_size);

#endif

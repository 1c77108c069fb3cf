/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph that is built takes over from the one that runs: the plan. Nothing of the running
 * one is touched. */
#ifndef SONDE_ADOPT_H
#define SONDE_ADOPT_H

#include "graph.h"

/* Whether an instance can go on as what the config asks for, perhaps with other knobs. */
bool instance_is_same(const struct instance_config *config, const struct instance_config *former);

/* What of a former graph can go on as what the config asks for; NULL: nothing. */
const struct graph_node *former_node(const struct graph *former,
				     const struct instance_config *config);
const struct graph_pipeline *former_pipeline(const struct graph *former,
					     const struct pipeline_config *config);

/* Also from graphs that are still leaving: a queue is found again by its account. */
struct route *former_route(const struct graph *former, const struct account *account);

/* Whether an instance's name is in use, also by what is still leaving. */
bool former_has_node(const struct graph *former, const char *name);

/* Plans it; -ENOMEM. */
int graph_adopt_loop(struct graph *graph, struct loop *loop);
int node_adopt(struct graph *graph, struct graph_node *node, const struct graph_node *former);
int pipeline_adopt(struct graph *graph, struct graph_pipeline *pipeline,
		   const struct graph_pipeline *former);

/* Routes whose senders leave go on to their receivers until they are empty. -ENOMEM */
int graph_inherit_routes(struct graph *graph);

/* Keeps a config for as long as the graph. -ENOMEM */
int graph_hold_config(struct graph *graph, struct config *config);

/* Holds the configs of what is adopted. -ENOMEM */
int graph_hold_configs(struct graph *graph);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph that is built takes over from the one that runs: the plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "graph_end.h"

/* ---- what can go on ---------------------------------------------------------------------- */

struct route *former_route(const struct graph *former, const struct account *account)
{
	for (; former; former = former->older) {
		for (uint32_t i = 0; i < former->route_count; i++) {
			if (former->routes[i].route->account == account)
				return former->routes[i].route;
		}
	}
	return NULL;
}

bool instance_is_same(const struct instance_config *config, const struct instance_config *former)
{
	return config->kind == former->kind && config->plugin == former->plugin &&
	       config->routed == former->routed &&
	       !strcmp(config->fixed_source, former->fixed_source);
}

const struct graph_node *former_node(const struct graph *former,
				     const struct instance_config *config)
{
	for (uint32_t i = 0; former && i < former->config->instance_count; i++) {
		const struct graph_node *node = &former->nodes[i];

		if (!strcmp(node->config->name, config->name))
			return node->count && instance_is_same(config, node->config) ? node : NULL;
	}
	return NULL;
}

bool former_has_node(const struct graph *former, const char *name)
{
	for (; former; former = former->older) {
		for (uint32_t i = 0; i < former->config->instance_count; i++) {
			if (former->nodes[i].count && !strcmp(former->nodes[i].config->name, name))
				return true;
		}
	}
	return false;
}

/* A pipeline goes on if it runs the same processors, wherever its rows come from and go to. */
static bool pipeline_is_same(const struct pipeline_config *config,
			     const struct pipeline_config *former)
{
	if (strcmp(config->name, former->name) || config->threads != former->threads ||
	    config->through_count != former->through_count)
		return false;
	for (uint32_t i = 0; i < config->through_count; i++) {
		const struct instance_config *own = config->through[i].instance;
		const struct instance_config *other = former->through[i].instance;

		if (strcmp(own->name, other->name) || !instance_is_same(own, other))
			return false;
	}
	return true;
}

const struct graph_pipeline *former_pipeline(const struct graph *former,
					     const struct pipeline_config *config)
{
	for (uint32_t i = 0; former && i < former->config->pipeline_count; i++) {
		if (former->pipelines[i].count &&
		    pipeline_is_same(config, former->pipelines[i].config))
			return &former->pipelines[i];
	}
	return NULL;
}

/* ---- instances and pipelines ------------------------------------------------------------- */

int graph_adopt_loop(struct graph *graph, struct loop *loop)
{
	struct graph_loop *slot;

	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (graph->loops[i].loop == loop)
			return 0;
	}
	slot = array_add((void **)&graph->loops, &graph->loop_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = (struct graph_loop){ .loop = loop, .started = true, .adopted = true };
	return 0;
}

/* Its replicas stay where they are, and go on. */
int node_adopt(struct graph *graph, struct graph_node *node, const struct graph_node *former)
{
	node->links = calloc(former->count, sizeof(*node->links));
	if (!node->links)
		return -ENOMEM;
	node->adopted = true;
	node->count = former->count;
	node->instances = former->instances;
	node->fans = former->fans;
	node->outputs = former->outputs;
	for (uint32_t i = 0; i < node->count; i++) {
		if (graph_adopt_loop(graph, node->instances[i]->loop))
			return -ENOMEM;
	}
	return 0;
}

/* The stages of an adopted replica are listed with the config's processors. */
static int stages_adopt(struct graph *graph, const struct pipeline_config *config,
			const struct pipeline *replica)
{
	for (uint32_t i = 0; i < replica->stage_count; i++) {
		struct graph_node *node = node_of(graph, config->through[i].instance);
		struct instance **slot =
			array_add((void **)&node->instances, &node->count, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		*slot = replica->stages[i];
	}
	return 0;
}

/* Its processors go on with what they hold; only its routes are planned anew. */
int pipeline_adopt(struct graph *graph, struct graph_pipeline *pipeline,
		   const struct graph_pipeline *former)
{
	int result = 0;

	pipeline->links = calloc(former->count, sizeof(*pipeline->links));
	if (!pipeline->links)
		return -ENOMEM;
	pipeline->adopted = true;
	pipeline->count = former->count;
	pipeline->replicas = former->replicas;
	for (uint32_t r = 0; r < former->count && !result; r++) {
		result = graph_adopt_loop(graph, former->replicas[r].loop);
		if (!result)
			result = stages_adopt(graph, pipeline->config, &former->replicas[r]);
	}
	return result;
}

/* ---- routes whose senders leave ---------------------------------------------------------- */

/* The receiver of that name; false: none, or it leaves too. */
static bool graph_receiver(struct graph *graph, const char *name, uint32_t replica,
			   struct graph_end *ret_end)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		if (strcmp(pipeline->config->name, name))
			continue;
		*ret_end = end_of_pipeline(pipeline, replica % pipeline->count);
		return true;
	}
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		if (!node->outputs || strcmp(node->config->name, name))
			continue;
		*ret_end = end_of_output(node, replica % node->count);
		return true;
	}
	return false;
}

static int graph_inherit(struct graph *graph, struct route *route)
{
	struct graph_route *slot;
	struct graph_end end;

	if (!graph_receiver(graph, route->to, route->to_replica, &end))
		return 0;
	slot = array_add((void **)&graph->inherited, &graph->inherited_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->route = route;
	slot->plan = (struct route_plan){
		.from = route->from,
		.to = end.name,
		.to_replica = end.replica,
		.queue = { .memory_bytes = route->queue.limit_bytes,
			   .when_full = route->when_full },
		.final = end.final,
		.from_input = route->from_input,
		.sender_loop = route->sender_loop,
		.room = route->room,
		.receiver_loop = end.loop,
		.arrived = end.task,
		.to_pipeline = !end.final,
		.takes_frames = end.takes_frames,
	};
	return sources_add(&end.links->sources, route);
}

int graph_inherit_routes(struct graph *graph)
{
	int result = 0;

	for (const struct graph *former = graph->former; former; former = former->older) {
		for (uint32_t i = 0; i < former->route_count && !result; i++) {
			if (!graph_has_route(graph, former->routes[i].route))
				result = graph_inherit(graph, former->routes[i].route);
		}
	}
	return result;
}

/* ---- configs ----------------------------------------------------------------------------- */

int graph_hold_config(struct graph *graph, struct config *config)
{
	struct config **slot =
		array_add((void **)&graph->configs, &graph->config_count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = config_hold(config);
	return 0;
}

/* Whether an adopted instance was made from that config: its options lie in it. */
static bool graph_adopts_from(const struct graph *graph, const struct config *config)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		const struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; r < node->count; r++) {
			const struct instance_config *at = node->instances[r]->config;

			if (at >= config->instances &&
			    at < config->instances + config->instance_count)
				return true;
		}
	}
	return false;
}

int graph_hold_configs(struct graph *graph)
{
	const struct graph *former = graph->former;
	int result = 0;

	for (uint32_t i = 0; former && i < former->config_count && !result; i++) {
		if (graph_adopts_from(graph, former->configs[i]))
			result = graph_hold_config(graph, former->configs[i]);
	}
	return result;
}

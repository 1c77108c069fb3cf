/* SPDX-License-Identifier: Apache-2.0 */
/* One graph in the place of another: links that come to hold, and who owns what afterwards. */
#include <stdlib.h>
#include <string.h>

#include "graph_disk.h"
#include "graph_end.h"
#include "succession.h"

/* ---- links ------------------------------------------------------------------------------- */

/* What was promised in the former routes is asked for anew in these. */
static void fan_install(struct fan *fan, struct graph_links *links)
{
	size_t promised_bytes = fan->reserved_bytes;

	fan_unreserve(fan, promised_bytes);
	fan_clear(fan);
	*fan = links->fan;
	links->fan = (struct fan){ 0 };
	if (promised_bytes)
		fan_reserve(fan, promised_bytes);
}

static void sources_install(struct sources *sources, struct graph_links *links)
{
	sources_clear(sources);
	*sources = links->sources;
	links->sources = (struct sources){ 0 };
}

static void node_install(const struct graph *graph, struct graph_node *node)
{
	for (uint32_t r = 0; node->fans && r < node->count; r++) {
		fan_install(&node->fans[r], &node->links[r]);
		node->instances[r]->resource = graph->resource;
	}
	for (uint32_t r = 0; node->outputs && r < node->count; r++)
		sources_install(&node->outputs[r].sources, &node->links[r]);
}

/* Its processors may give out rows from their start on. */
static void pipeline_install_fans(struct graph_pipeline *pipeline)
{
	for (uint32_t r = 0; r < pipeline->count; r++)
		fan_install(&pipeline->replicas[r].fan, &pipeline->links[r]);
}

static void pipeline_install_sources(struct graph_pipeline *pipeline)
{
	for (uint32_t r = 0; r < pipeline->count; r++)
		sources_install(&pipeline->replicas[r].sources, &pipeline->links[r]);
}

void graph_install(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		if (!graph->nodes[i].adopted && !graph->nodes[i].late)
			node_install(graph, &graph->nodes[i]);
	}
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		if (!graph->pipelines[i].adopted)
			pipeline_install_fans(&graph->pipelines[i]);
	}
	for (uint32_t i = 0; !graph->former && i < graph->config->pipeline_count; i++)
		pipeline_install_sources(&graph->pipelines[i]);
	if (!graph->former)
		graph_start_commits(graph);
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (!graph->routes[i].adopted)
			route_set(graph->routes[i].route, &graph->routes[i].plan);
	}
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (!graph->routes[i].adopted)
			route_begin(graph->routes[i].route);
	}
}

/* What a plan had to leave as it was while the former graph ran. */
static void graph_install_rest(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		if (graph->nodes[i].adopted || graph->nodes[i].late)
			node_install(graph, &graph->nodes[i]);
	}
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		if (graph->pipelines[i].adopted)
			pipeline_install_fans(&graph->pipelines[i]);
		pipeline_install_sources(&graph->pipelines[i]);
	}
	graph_start_commits(graph);
	for (uint32_t i = 0; i < graph->route_count; i++)
		route_install(graph->routes[i].route, &graph->routes[i].plan);
	for (uint32_t i = 0; i < graph->inherited_count; i++)
		route_install(graph->inherited[i].route, &graph->inherited[i].plan);
}

/* ---- what is handed over ----------------------------------------------------------------- */

static void node_hand_over(struct graph *former, const struct graph_node *adopted)
{
	for (uint32_t i = 0; i < former->config->instance_count; i++) {
		struct graph_node *node = &former->nodes[i];

		if (node->instances != adopted->instances)
			continue;
		links_free(node->links, node->count);
		*node = (struct graph_node){ .config = node->config };
	}
}

static bool pipeline_has(const struct graph_pipeline *pipeline, const struct instance *stage)
{
	const struct pipeline *owner = stage->owner;

	return owner >= pipeline->replicas && owner < pipeline->replicas + pipeline->count;
}

/* Takes the pipeline's processors out of the graph's lists. */
static void graph_forget_stages(struct graph *graph, const struct graph_pipeline *pipeline)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];
		uint32_t kept = 0;

		if (node->config->kind != SONDE_PROCESSOR)
			continue;
		for (uint32_t r = 0; r < node->count; r++) {
			if (!pipeline_has(pipeline, node->instances[r]))
				node->instances[kept++] = node->instances[r];
		}
		node->count = kept;
	}
}

static void pipeline_hand_over(struct graph *former, const struct graph_pipeline *adopted)
{
	graph_forget_stages(former, adopted);
	for (uint32_t i = 0; i < former->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &former->pipelines[i];

		if (pipeline->replicas != adopted->replicas)
			continue;
		links_free(pipeline->links, pipeline->count);
		*pipeline = (struct graph_pipeline){ .config = pipeline->config };
	}
}

static void loop_hand_over(struct graph *former, const struct loop *adopted)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < former->loop_count; i++) {
		if (former->loops[i].loop != adopted)
			former->loops[kept++] = former->loops[i];
	}
	former->loop_count = kept;
}

static void route_hand_over(struct graph *former, const struct route *adopted)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < former->route_count; i++) {
		if (former->routes[i].route != adopted)
			former->routes[kept++] = former->routes[i];
	}
	former->route_count = kept;
}

/* Whether some receiver of the graph takes from the route, as planned. */
static bool graph_takes_from(const struct graph *graph, const struct route *route)
{
	if (graph_has_route(graph, route))
		return true;
	for (uint32_t i = 0; i < graph->inherited_count; i++) {
		if (graph->inherited[i].route == route)
			return true;
	}
	return false;
}

static void sources_leave(struct sources *sources, const struct graph *graph)
{
	for (uint32_t i = sources->count; i--;) {
		if (graph_takes_from(graph, sources->routes[i]))
			sources_remove(sources, i);
	}
}

/* What leaves takes from no route any more that another takes from now. An output whose place is
 * taken hands back what it has no answer for. */
static void former_let_go(struct graph *former, struct graph *graph)
{
	graph_end_commits(former);
	for (uint32_t i = 0; i < former->config->pipeline_count; i++) {
		for (uint32_t r = 0; r < former->pipelines[i].count; r++)
			sources_leave(&former->pipelines[i].replicas[r].sources, graph);
	}
	for (uint32_t i = 0; i < former->config->instance_count; i++) {
		struct graph_node *node = &former->nodes[i];
		struct graph_node *heir =
			node->outputs ? graph_node(graph, node->config->name) : NULL;

		for (uint32_t r = 0; node->outputs && r < node->count; r++) {
			sources_leave(&node->outputs[r].sources, graph);
			if (heir && heir->outputs)
				node->outputs[r].hands_back = true;
		}
	}
}

static void graph_take_over(struct graph *graph, struct graph *former)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		if (graph->nodes[i].adopted)
			node_hand_over(former, &graph->nodes[i]);
	}
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		if (graph->pipelines[i].adopted)
			pipeline_hand_over(former, &graph->pipelines[i]);
	}
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (graph->loops[i].adopted)
			loop_hand_over(former, graph->loops[i].loop);
	}
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].adopted)
			route_hand_over(former, graph->routes[i].route);
	}
}

/* From here on they are the graph's own. */
static void graph_own(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++)
		graph->nodes[i].adopted = false;
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		pipeline->adopted = false;
		for (uint32_t r = 0; r < pipeline->count; r++)
			pipeline->replicas[r].config = pipeline->config;
	}
	for (uint32_t i = 0; i < graph->loop_count; i++)
		graph->loops[i].adopted = false;
	for (uint32_t i = 0; i < graph->route_count; i++)
		graph->routes[i].adopted = false;
}

void graph_adopt(struct graph *graph)
{
	for (struct graph *former = graph->former; former; former = former->older) {
		/* Outputs that go on are not asked: they are the same on both sides. */
		graph_take_over(graph, former);
		former_let_go(former, graph);
	}
	graph_install_rest(graph);
	graph_own(graph);
	graph->older = graph->former;
	graph->former = NULL;
}

/* ---- a plan that is given up ------------------------------------------------------------- */

static void graph_forget_nodes(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		if (!pipeline->adopted)
			continue;
		graph_forget_stages(graph, pipeline);
		links_free(pipeline->links, pipeline->count);
		*pipeline = (struct graph_pipeline){ .config = pipeline->config };
	}
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		if (!node->adopted)
			continue;
		links_free(node->links, node->count);
		*node = (struct graph_node){ .config = node->config };
	}
}

void graph_abandon(struct graph *graph)
{
	uint32_t loops = 0, routes = 0;

	graph_release_commits(graph);
	graph_forget_nodes(graph);
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (!graph->loops[i].adopted)
			graph->loops[loops++] = graph->loops[i];
	}
	graph->loop_count = loops;
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (!graph->routes[i].adopted)
			graph->routes[routes++] = graph->routes[i];
	}
	graph->route_count = routes;
	graph->inherited_count = 0;
	graph->former = NULL;
}

/* ---- the end of what left ---------------------------------------------------------------- */

static void sources_forget(struct sources *sources, const struct graph *ended)
{
	for (uint32_t i = sources->count; i--;) {
		if (graph_has_route(ended, sources->routes[i]))
			sources_remove(sources, i);
	}
}

void graph_disinherit(struct graph *graph, const struct graph *ended)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->outputs && r < node->count; r++)
			sources_forget(&node->outputs[r].sources, ended);
	}
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		for (uint32_t r = 0; r < graph->pipelines[i].count; r++)
			sources_forget(&graph->pipelines[i].replicas[r].sources, ended);
	}
	for (uint32_t i = 0; i < graph->inherited_count; i++) {
		if (!graph_has_route(ended, graph->inherited[i].route))
			graph->inherited[kept++] = graph->inherited[i];
	}
	graph->inherited_count = kept;
}

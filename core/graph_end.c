/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of routes in a graph that is being built: who sends, who receives, on which loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph_end.h"

void *array_add(void **array, uint32_t *count, size_t item_size)
{
	char *grown = realloc(*array, (*count + 1) * item_size);

	if (!grown)
		return NULL;
	*array = grown;
	memset(grown + *count * item_size, 0, item_size);
	return grown + (*count)++ * item_size;
}

struct graph_node *node_of(struct graph *graph, const struct instance_config *config)
{
	return &graph->nodes[config - graph->config->instances];
}

struct graph_pipeline *pipeline_of(struct graph *graph, const struct pipeline_config *config)
{
	return &graph->pipelines[config - graph->config->pipelines];
}

struct graph_end end_of_input(struct graph_node *node, uint32_t replica)
{
	struct instance *instance = node->instances[replica];

	return (struct graph_end){
		.name = node->config->name,
		.replica = replica,
		.replica_count = node->count,
		.loop = instance->loop,
		.task = &instance->room,
		.links = &node->links[replica],
		.is_input = true,
		.waits = instance->plugin->descriptor->waits != 0,
	};
}

struct graph_end end_of_pipeline(struct graph_pipeline *pipeline, uint32_t replica)
{
	struct pipeline *at = &pipeline->replicas[replica];

	return (struct graph_end){
		.name = pipeline->config->name,
		.replica = replica,
		.replica_count = pipeline->count,
		.loop = at->loop,
		.task = &at->task,
		.links = &pipeline->links[replica],
		.waits = true,
	};
}

struct graph_end end_of_output(struct graph_node *node, uint32_t replica)
{
	struct output *output = &node->outputs[replica];

	return (struct graph_end){
		.name = node->config->name,
		.replica = replica,
		.replica_count = node->count,
		.loop = output->instance->loop,
		.task = &output->task,
		.links = &node->links[replica],
		.final = true,
		.takes_frames = output->instance->plugin->descriptor->frames != 0,
		.in_flight_count = output->in_flight_limit * output->batch_limit,
	};
}

void links_free(struct graph_links *links, uint32_t count)
{
	for (uint32_t i = 0; links && i < count; i++) {
		fan_clear(&links[i].fan);
		sources_clear(&links[i].sources);
	}
	free(links);
}

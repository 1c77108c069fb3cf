/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a config at work: instances, pipelines, outputs, the routes between them, their
 * loops. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "commit.h"
#include "graph_disk.h"
#include "graph_end.h"
#include "leave.h"
#include "log.h"
#include "processor.h"
#include "resource.h"

/* ---- building ---------------------------------------------------------------------------- */

struct loop *graph_loop(struct graph *graph, const char *name)
{
	struct graph_loop *slot =
		array_add((void **)&graph->loops, &graph->loop_count, sizeof(*slot));

	return slot ? slot->loop = loop_create(name) : NULL;
}

static struct account *graph_account(struct graph *graph, enum account_kind kind, const char *name,
				     uint32_t replica, uint32_t replica_count)
{
	char numbered[LEDGER_NAME_BYTES + 16];

	if (replica_count > 1)
		snprintf(numbered, sizeof(numbered), "%s#%u", name, replica);
	else
		snprintf(numbered, sizeof(numbered), "%s", name);
	return ledger_account(graph->ledger, kind, numbered);
}

static struct instance *node_add(struct graph *graph, struct graph_node *node, uint32_t replica,
				 uint32_t replica_count, struct loop *loop)
{
	struct instance **slot = array_add((void **)&node->instances, &node->count, sizeof(*slot));

	if (!slot || !loop)
		return NULL;
	return *slot = instance_create(node->config, replica, replica_count, loop);
}

static int graph_add_input(struct graph *graph, struct graph_node *node)
{
	uint32_t count = node->config->threads ? node->config->threads : 1;

	node->links = calloc(count, sizeof(*node->links));
	node->fans = calloc(count, sizeof(*node->fans));
	if (!node->fans || !node->links)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct loop *loop = node->config->threads ? graph_loop(graph, node->config->name)
							  : graph->loops[0].loop;
		struct instance *instance = node_add(graph, node, i, count, loop);

		if (!instance)
			return loop ? -ENOMEM : -errno;
		instance->owner = &node->fans[i];
		instance->emit = input_emit;
		instance->ledger = graph->ledger;
		instance->account =
			graph_account(graph, ACCOUNT_INPUT, node->config->name, i, count);
		if (!instance->account)
			return -ENOSPC;
	}
	return 0;
}

static void output_emit(struct instance *instance, struct sonde_batch *batch)
{
	log_write(SONDE_ERROR, instance->base.name, "an output cannot emit rows: dropped");
	instance->base.host->batch_release(batch);
}

static int graph_add_output(struct graph *graph, struct graph_node *node)
{
	uint32_t count = node->config->threads ? node->config->threads : 1;

	node->links = calloc(count, sizeof(*node->links));
	node->outputs = calloc(count, sizeof(*node->outputs));
	if (!node->outputs || !node->links)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct loop *loop = graph_loop(graph, node->config->name);
		struct instance *instance = node_add(graph, node, i, count, loop);

		if (!instance)
			return loop ? -ENOMEM : -errno;
		instance->emit = output_emit;
		output_init(&node->outputs[i], instance);
	}
	return 0;
}

static int pipeline_add_stages(struct graph *graph, struct pipeline *pipeline, uint32_t replica,
			       uint32_t replica_count)
{
	const struct pipeline_config *config = pipeline->config;

	pipeline->stages = calloc(config->through_count + 1, sizeof(*pipeline->stages));
	if (!pipeline->stages)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->through_count; i++) {
		struct graph_node *node = node_of(graph, config->through[i].instance);
		struct instance *stage =
			node_add(graph, node, replica, replica_count, pipeline->loop);
		char name[LEDGER_NAME_BYTES];

		if (!stage)
			return -ENOMEM;
		pipeline->stages[pipeline->stage_count++] = stage;
		snprintf(name, sizeof(name), "%s / %s", config->name, node->config->name);
		stage->account =
			graph_account(graph, ACCOUNT_PROCESSOR, name, replica, replica_count);
		if (!stage->account)
			return -ENOSPC;
		stage->owner = pipeline;
		stage->position = i;
		stage->emit = processor_emit;
		stage->on_running = &pipeline->task;
	}
	return 0;
}

static int graph_add_pipeline(struct graph *graph, struct graph_pipeline *pipeline)
{
	uint32_t count = pipeline->config->threads ? pipeline->config->threads : 1;

	pipeline->links = calloc(count, sizeof(*pipeline->links));
	pipeline->replicas = calloc(count, sizeof(*pipeline->replicas));
	if (!pipeline->replicas || !pipeline->links)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct loop *loop = graph_loop(graph, pipeline->config->name);
		int result;

		if (!loop)
			return -errno;
		pipeline_init(&pipeline->replicas[i], pipeline->config, loop);
		pipeline->count++;
		result = pipeline_add_stages(graph, &pipeline->replicas[i], i, count);
		if (result)
			return result;
	}
	return 0;
}

/* ---- routes ------------------------------------------------------------------------------ */

static struct account *route_account(struct graph *graph, const struct graph_end *from,
				     const struct graph_end *to)
{
	char name[LEDGER_NAME_BYTES], from_number[16] = "", to_number[16] = "";

	if (from->replica_count > 1)
		snprintf(from_number, sizeof(from_number), "#%u", from->replica);
	if (to->replica_count > 1)
		snprintf(to_number, sizeof(to_number), "#%u", to->replica);
	snprintf(name, sizeof(name), "%s%s > %s%s", from->name, from_number, to->name, to_number);
	return ledger_account(graph->ledger, ACCOUNT_ROUTE, name);
}

static struct route *graph_add_route(struct graph *graph, const struct graph_end *from,
				     const struct graph_end *to, const struct queue_config *config)
{
	struct account *account = route_account(graph, from, to);
	struct graph_route *slot;

	if (!account)
		return NULL;
	slot = array_add((void **)&graph->routes, &graph->route_count, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->route = former_route(graph->former, account); /* with what is queued */
	slot->adopted = slot->route != NULL;
	if (slot->adopted && (slot->route->spool != NULL) != (config->disk_bytes != 0))
		log_write(SONDE_WARNING, NULL,
			  "the queue of %s will be %s from the next start of the daemon on",
			  account->name, config->disk_bytes ? "on disk" : "in memory");
	if (!slot->adopted) {
		slot->route = calloc(1, sizeof(*slot->route));
		if (!slot->route)
			return NULL;
		route_init(slot->route, from->name, to->name, config, account);
		if (graph_open_disk(graph, slot->route, config))
			return NULL;
	}
	slot->plan = (struct route_plan){
		.from = from->name,
		.to = to->name,
		.to_replica = to->replica,
		.queue = *config,
		.final = to->final,
		.from_input = from->is_input,
		.sender_loop = from->loop,
		.room = from->task,
		.receiver_loop = to->loop,
		.arrived = to->task,
		.to_pipeline = !to->final,
		.takes_frames = to->takes_frames,
		.in_flight_count = to->in_flight_count,
		.resource = from->is_input ? graph->resource : NULL,
	};
	if (config->when_full == WHEN_FULL_WAIT && !from->waits)
		slot->plan.queue.when_full =
			WHEN_FULL_DROP_NEWEST; /* the kernel cannot be made to wait */
	return sources_add(&to->links->sources, slot->route) ? NULL : slot->route;
}

/* A branch from one sender to all replicas of a destination; where: NULL: of all rows. */
static int graph_connect(struct graph *graph, const struct graph_end *from,
			 struct graph_end (*end)(struct graph *, const void *, uint32_t),
			 const void *to, uint32_t to_count, const struct queue_config *queue,
			 const char *where)
{
	struct fan_branch *branch = fan_add(&from->links->fan, to_count);
	int result = branch ? 0 : -ENOMEM;

	if (!result && where)
		result = gate_create(where, from->name, end(graph, to, 0).name, &branch->gate);
	if (result)
		return result;
	for (uint32_t i = 0; i < to_count; i++) {
		struct graph_end receiver = end(graph, to, i);

		branch->routes[i] = graph_add_route(graph, from, &receiver, queue);
		if (!branch->routes[i])
			return -ENOSPC;
	}
	/* Replicas of a sender begin with different replicas of the destination. */
	branch->next = from->replica % to_count;
	return 0;
}

static struct graph_end receiver_pipeline(struct graph *graph, const void *to, uint32_t replica)
{
	return end_of_pipeline(pipeline_of(graph, to), replica);
}

static struct graph_end receiver_output(struct graph *graph, const void *to, uint32_t replica)
{
	return end_of_output(node_of(graph, to), replica);
}

static int graph_connect_sources(struct graph *graph, struct graph_pipeline *pipeline)
{
	const struct pipeline_config *config = pipeline->config;
	int result = 0;

	for (uint32_t i = 0; i < config->from_count && !result; i++) {
		const struct config_reference *from = &config->from[i];
		struct graph_node *node = from->instance ? node_of(graph, from->instance) : NULL;
		struct graph_pipeline *earlier =
			from->pipeline ? pipeline_of(graph, from->pipeline) : NULL;
		uint32_t count = node ? node->count : earlier->count;

		for (uint32_t r = 0; r < count && !result; r++) {
			struct graph_end sender =
				node ? end_of_input(node, r) : end_of_pipeline(earlier, r);

			result = graph_connect(graph, &sender, receiver_pipeline, config,
					       pipeline->count, &config->queue, NULL);
		}
	}
	return result;
}

static int graph_connect_outputs(struct graph *graph, struct graph_pipeline *pipeline)
{
	const struct pipeline_config *config = pipeline->config;
	int result = 0;

	for (uint32_t i = 0; i < config->to_count && !result; i++) {
		const struct config_reference *to = &config->to[i];

		if (!to->instance)
			continue; /* a pipeline: connected from its own `from` */
		for (uint32_t r = 0; r < pipeline->count && !result; r++) {
			struct graph_end sender = end_of_pipeline(pipeline, r);

			result = graph_connect(graph, &sender, receiver_output, to->instance,
					       node_of(graph, to->instance)->count, &to->queue,
					       to->where);
		}
	}
	return result;
}

static int graph_add_node(struct graph *graph, const struct instance_config *config)
{
	struct graph_node *node = node_of(graph, config);
	const struct graph_node *former = former_node(graph->former, config);

	node->config = config;
	node->late = former_has_node(graph->former, config->name);
	if (!config->routed || config->kind == SONDE_PROCESSOR)
		return 0;
	if (former)
		return node_adopt(graph, node, former);
	return config->kind == SONDE_INPUT ? graph_add_input(graph, node)
					   : graph_add_output(graph, node);
}

static int graph_build(struct graph *graph)
{
	const struct config *config = graph->config;
	int result = 0;

	if (graph->former)
		result = graph_adopt_loop(graph, graph->former->loops[0].loop);
	else if (!graph_loop(graph, "inputs"))
		return -errno;
	for (uint32_t i = 0; i < config->instance_count && !result; i++)
		result = graph_add_node(graph, &config->instances[i]);
	for (uint32_t i = 0; i < config->pipeline_count && !result; i++) {
		const struct graph_pipeline *former =
			former_pipeline(graph->former, &config->pipelines[i]);

		graph->pipelines[i].config = &config->pipelines[i];
		result = former ? pipeline_adopt(graph, &graph->pipelines[i], former)
				: graph_add_pipeline(graph, &graph->pipelines[i]);
	}
	for (uint32_t i = 0; i < config->pipeline_count && !result; i++)
		result = graph_connect_sources(graph, &graph->pipelines[i]);
	for (uint32_t i = 0; i < config->pipeline_count && !result; i++)
		result = graph_connect_outputs(graph, &graph->pipelines[i]);
	if (!result)
		result = graph_inherit_routes(graph);
	if (!result)
		result = graph_plan_commits(graph);
	return result ? result : graph_hold_configs(graph);
}

int graph_create(struct config *config, struct ledger *ledger, struct graph *former,
		 struct graph **ret_graph)
{
	struct graph *graph = calloc(1, sizeof(*graph));
	int result;

	if (!graph || graph_hold_config(graph, config)) {
		free(graph);
		return -ENOMEM;
	}
	graph->config = config;
	graph->ledger = ledger;
	graph->former = former;
	graph->nodes = calloc(config->instance_count + 1, sizeof(*graph->nodes));
	graph->pipelines = calloc(config->pipeline_count + 1, sizeof(*graph->pipelines));
	result = graph->nodes && graph->pipelines ? 0 : -ENOMEM;
	if (!result)
		result = resource_create(&config->daemon.resource, &graph->resource);
	if (!result)
		result = graph_build(graph);
	graph->leave = result ? NULL : leave_create(graph);
	if (!result && !graph->leave)
		result = -ENOMEM;
	if (result) {
		graph_release(graph);
		return result;
	}
	*ret_graph = graph;
	return 0;
}

/* ---- releasing --------------------------------------------------------------------------- */

static void pipeline_clear(struct graph_pipeline *pipeline)
{
	links_free(pipeline->links, pipeline->count);
	for (uint32_t r = 0; !pipeline->adopted && r < pipeline->count; r++) {
		struct pipeline *at = &pipeline->replicas[r];

		for (uint32_t i = 0; i < at->stage_count; i++)
			instance_release(at->stages[i]);
		fan_clear(&at->fan);
		sources_clear(&at->sources);
		commit_release(at->commit);
		free(at->stages);
	}
	if (!pipeline->adopted)
		free(pipeline->replicas);
}

/* Processors belong to their pipelines. */
static void node_clear(struct graph_node *node)
{
	bool is_end = node->fans || node->outputs;

	links_free(node->links, node->count);
	if (node->adopted)
		return;
	for (uint32_t i = 0; is_end && i < node->count; i++) {
		instance_release(node->instances[i]);
		if (node->fans)
			fan_clear(&node->fans[i]);
		if (node->outputs)
			sources_clear(&node->outputs[i].sources);
	}
	free(node->instances);
	free(node->fans);
	free(node->outputs);
}

void graph_clear(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].route && !graph->routes[i].adopted)
			route_drop(graph->routes[i].route); /* receipts may still reach inputs */
	}
}

void graph_release(struct graph *graph)
{
	if (!graph)
		return;
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].route && !graph->routes[i].adopted)
			route_retire(graph->routes[i].route);
	}
	graph_clear(graph);
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (!graph->loops[i].adopted) /* its tasks lie in instances and pipelines */
			loop_release(graph->loops[i].loop);
	}
	graph_release_commits(graph);
	for (uint32_t i = 0; graph->pipelines && i < graph->config->pipeline_count; i++)
		pipeline_clear(&graph->pipelines[i]);
	for (uint32_t i = 0; graph->nodes && i < graph->config->instance_count; i++)
		node_clear(&graph->nodes[i]);
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].route && !graph->routes[i].adopted) {
			route_clear(graph->routes[i].route);
			free(graph->routes[i].route);
		}
	}
	for (uint32_t i = 0; i < graph->config_count; i++)
		config_release(graph->configs[i]);
	free(graph->configs);
	leave_release(graph->leave);
	resource_release(graph->resource);
	free(graph->starts);
	free(graph->inherited);
	free(graph->routes);
	free(graph->loops);
	free(graph->nodes);
	free(graph->pipelines);
	free(graph);
}

uint32_t graph_instance_count(const struct graph *graph)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < graph->config->instance_count; i++)
		count += graph->nodes[i].count;
	return count;
}

bool graph_has_route(const struct graph *graph, const struct route *route)
{
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].route == route)
			return true;
	}
	return false;
}

struct graph_node *graph_node(struct graph *graph, const char *name)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		if (!strcmp(graph->config->instances[i].name, name))
			return graph->nodes[i].count ? &graph->nodes[i] : NULL;
	}
	return NULL;
}

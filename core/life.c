/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a graph, and ending it within a bound: sources first, so that what is under way arrives.
 */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "graph.h"
#include "log.h"
#include "processor.h"

enum { POLL_NS = NS_PER_MS };

/* ---- starting ---------------------------------------------------------------------------- */

static void graph_started(struct graph *graph)
{
	if (__atomic_sub_fetch(&graph->starting_count, 1, __ATOMIC_ACQ_REL) == 0 && graph->ready)
		loop_post(graph->ready_loop, graph->ready);
}

static void run_start(void *data)
{
	struct graph_start *start = data;

	instance_start(start->instance);
	graph_started(start->graph);
}

/* Posts the start of each to its own loop, before anything that can send it rows is started. */
static void graph_start_kind(struct graph *graph, enum sonde_kind kind)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->config->kind == kind && r < node->count; r++) {
			struct graph_start *start = &graph->starts[graph->start_count++];

			start->graph = graph;
			start->instance = node->instances[r];
			start->task = (struct loop_task){ .run = run_start, .data = start };
			loop_post(start->instance->loop, &start->task);
		}
	}
}

static int graph_count_starts(struct graph *graph)
{
	uint32_t count = 1; /* one for graph_start() itself */

	for (uint32_t i = 0; i < graph->config->instance_count; i++)
		count += graph->nodes[i].count;
	graph->starts = calloc(count, sizeof(*graph->starts));
	graph->starting_count = count;
	return graph->starts ? 0 : -ENOMEM;
}

int graph_start(struct graph *graph, struct loop *ready_loop, struct loop_task *ready)
{
	int result = graph_count_starts(graph);

	for (; !result && graph->started_count < graph->loop_count; graph->started_count++) {
		result = loop_start(graph->loops[graph->started_count]);
		if (result)
			return result;
	}
	if (result)
		return result;
	graph->ready_loop = ready_loop;
	graph->ready = ready;
	graph_start_kind(graph, SONDE_OUTPUT);
	graph_start_kind(graph, SONDE_PROCESSOR);
	graph_start_kind(graph, SONDE_INPUT);
	graph_started(graph);
	return 0;
}

uint64_t graph_needs(const struct graph *graph)
{
	uint64_t needed = 0;

	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		for (uint32_t r = 0; r < graph->nodes[i].count; r++)
			needed |= __atomic_load_n(&graph->nodes[i].instances[r]->needs.running,
						  __ATOMIC_RELAXED);
	}
	return needed;
}

/* ---- stopping ---------------------------------------------------------------------------- */

static void call_drain(void *data)
{
	instance_drain(data);
}

static void call_stop(void *data)
{
	instance_stop(data);
}

static void call_stop_processor(void *data)
{
	instance_stop(data);
	processor_give_up(data);
}

static void call_stop_output(void *data)
{
	output_stop(data);
}

/* What is left of the time, but never nothing: a loop that is well answers at once. */
static int64_t left_ns(int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_monotonic_ns();

	return left > 200ll * NS_PER_MS ? left : 200ll * NS_PER_MS;
}

/* Calls on the instance's loop; says so if it does not return in time. */
static int instance_call(struct instance *instance, void (*call)(void *), void *data,
			 const char *what, int64_t deadline_ns)
{
	int result = loop_call(instance->loop, call, data, left_ns(deadline_ns));

	if (result)
		log_write(SONDE_WARNING, instance->base.name,
			  "%s takes longer than the time to drain: going on without it", what);
	return result;
}

static void drain_instance(struct instance *instance, int64_t deadline_ns)
{
	if (instance_call(instance, call_drain, instance, "drain", deadline_ns))
		return;
	while (!__atomic_load_n(&instance->drained, __ATOMIC_ACQUIRE) &&
	       clock_monotonic_ns() < deadline_ns)
		clock_sleep_ns(POLL_NS);
}

static void drain_routes(struct route **routes, uint32_t count, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < count; i++) {
		while (!route_is_idle(routes[i]) && clock_monotonic_ns() < deadline_ns)
			clock_sleep_ns(POLL_NS);
	}
}

static void graph_drain_pipelines(struct graph *graph, int64_t deadline_ns)
{
	uint32_t count = graph->config->pipeline_count;

	for (uint32_t order = 0; order < count; order++) {
		for (uint32_t i = 0; i < count; i++) {
			struct graph_pipeline *pipeline = &graph->pipelines[i];

			if (pipeline->config->order != order)
				continue;
			for (uint32_t r = 0; r < pipeline->count; r++) {
				struct pipeline *at = &pipeline->replicas[r];

				drain_routes(at->sources, at->source_count, deadline_ns);
				for (uint32_t s = 0; s < at->stage_count; s++)
					drain_instance(at->stages[s], deadline_ns);
			}
		}
	}
}

static void graph_drain_inputs(struct graph *graph, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->config->kind == SONDE_INPUT && r < node->count; r++)
			drain_instance(node->instances[r], deadline_ns);
	}
}

/* An output that gathers hands over what it has when it is told to drain, and holds nothing back
 * from then on: so it is told first, and its routes run empty after it. */
static void graph_drain_outputs(struct graph *graph, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->outputs && r < node->count; r++)
			instance_call(node->instances[r], call_drain, node->instances[r], "drain",
				      deadline_ns);
	}
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->outputs && r < node->count; r++) {
			drain_routes(node->outputs[r].sources, node->outputs[r].source_count,
				     deadline_ns);
			while (!__atomic_load_n(&node->instances[r]->drained, __ATOMIC_ACQUIRE) &&
			       clock_monotonic_ns() < deadline_ns)
				clock_sleep_ns(POLL_NS);
		}
	}
}

/* What is still queued stays so, to be booked as lost by shutdown. */
static void graph_end_pipelines(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		for (uint32_t r = 0; r < graph->pipelines[i].count; r++)
			__atomic_store_n(&graph->pipelines[i].replicas[r].ended, true,
					 __ATOMIC_RELEASE);
	}
}

static void graph_stop_kind(struct graph *graph, enum sonde_kind kind, int64_t deadline_ns)
{
	static void (*const calls[])(void *) = { [SONDE_INPUT] = call_stop,
						 [SONDE_PROCESSOR] = call_stop_processor,
						 [SONDE_OUTPUT] = call_stop_output };

	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->config->kind == kind && r < node->count; r++) {
			struct instance *instance = node->instances[r];
			void *data = kind == SONDE_OUTPUT ? (void *)&node->outputs[r] : instance;

			instance_call(instance, calls[kind], data, "stop", deadline_ns);
		}
	}
}

int graph_stop(struct graph *graph, int64_t deadline_ns)
{
	int result = 0;

	graph_drain_inputs(graph, deadline_ns);
	graph_drain_pipelines(graph, deadline_ns);
	graph_drain_outputs(graph, deadline_ns);
	graph_end_pipelines(graph);
	graph_stop_kind(graph, SONDE_PROCESSOR, deadline_ns);
	graph_stop_kind(graph, SONDE_OUTPUT, deadline_ns);
	graph_stop_kind(graph, SONDE_INPUT,
			deadline_ns); /* last: they hear what became of their rows */
	for (uint32_t i = 0; i < graph->started_count; i++) {
		if (loop_join(graph->loops[i], clock_monotonic_ns() + left_ns(deadline_ns)))
			result = -ETIMEDOUT;
	}
	return result;
}

void graph_freeze(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->route_count; i++)
		pthread_mutex_lock(&graph->routes[i]->mutex); /* and never unlocked */
}

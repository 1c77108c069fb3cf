/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a graph, and ending it within a bound: sources first, so that what is under way arrives.
 */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "graph.h"
#include "graph_disk.h"
#include "log.h"
#include "processor.h"
#include "succession.h"

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

static void graph_add_start(struct graph *graph, struct instance *instance, bool late)
{
	struct graph_start *start = &graph->starts[graph->start_count++];

	*start = (struct graph_start){ .graph = graph, .instance = instance, .late = late };
	start->task = (struct loop_task){ .run = run_start, .data = start };
}

static void graph_add_starts(struct graph *graph, enum sonde_kind kind)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		if (node->adopted || node->config->kind != kind)
			continue;
		for (uint32_t r = 0; r < node->count; r++)
			graph_add_start(graph, node->instances[r], node->late);
	}
}

/* Processors start with their pipeline. */
static void graph_add_stages(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0; !pipeline->adopted && r < pipeline->count; r++) {
			for (uint32_t s = 0; s < pipeline->replicas[r].stage_count; s++)
				graph_add_start(graph, pipeline->replicas[r].stages[s], false);
		}
	}
}

/* In the order in which they start: what is sent rows before what sends them. */
static int graph_plan_starts(struct graph *graph)
{
	graph->starts = calloc(graph_instance_count(graph) + 1, sizeof(*graph->starts));
	if (!graph->starts)
		return -ENOMEM;
	graph_add_starts(graph, SONDE_OUTPUT);
	graph_add_stages(graph);
	graph_add_starts(graph, SONDE_INPUT);
	return 0;
}

/* Each on its own loop. */
static void graph_post_starts(struct graph *graph, bool late)
{
	__atomic_add_fetch(&graph->starting_count, 1, __ATOMIC_ACQ_REL); /* ours */
	for (uint32_t i = 0; i < graph->start_count; i++) {
		struct graph_start *start = &graph->starts[i];

		if (start->late != late)
			continue;
		__atomic_add_fetch(&graph->starting_count, 1, __ATOMIC_ACQ_REL);
		loop_post(start->instance->loop, &start->task);
	}
	graph_started(graph);
}

static int graph_start_loops(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		int result = graph->loops[i].started ? 0 : loop_start(graph->loops[i].loop);

		if (result)
			return result;
		graph->loops[i].started = true;
	}
	return 0;
}

int graph_start(struct graph *graph, struct loop *ready_loop, struct loop_task *ready)
{
	int result = graph_plan_starts(graph);

	if (!result)
		result = graph_start_loops(graph);
	if (result)
		return result;
	graph_install(graph);
	graph->ready_loop = ready_loop;
	graph->ready = ready;
	graph_post_starts(graph, false);
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

void graph_start_late(struct graph *graph)
{
	graph_post_starts(graph, true);
}

bool graph_is_starting(const struct graph *graph)
{
	return __atomic_load_n(&graph->starting_count, __ATOMIC_ACQUIRE) > 0;
}

static struct instance *graph_start_in(const struct graph *graph, enum instance_state state)
{
	for (uint32_t i = 0; i < graph->start_count; i++) {
		struct instance *instance = graph->starts[i].instance;

		if (__atomic_load_n(&instance->state, __ATOMIC_RELAXED) == (uint32_t)state)
			return instance;
	}
	return NULL;
}

struct instance *graph_starting(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->start_count; i++) {
		struct instance *instance = graph->starts[i].instance;

		if (__atomic_load_n(&instance->callback, __ATOMIC_RELAXED) == CALLBACK_START)
			return instance;
	}
	return graph_start_in(graph, INSTANCE_IDLE);
}

struct instance *graph_unstarted(const struct graph *graph)
{
	return graph_start_in(graph, INSTANCE_WAITING);
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

/* What is held by one that remembers stays in the queue before it, for the next start. */
static void stage_drain(struct instance *stage, int64_t deadline_ns)
{
	if (!stage->remembered.length)
		drain_instance(stage, deadline_ns);
}

static void drain_routes(const struct sources *sources, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < sources->count; i++) {
		while (!route_is_idle(sources->routes[i]) && clock_monotonic_ns() < deadline_ns)
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

				drain_routes(&at->sources, deadline_ns);
				for (uint32_t s = 0; s < at->stage_count; s++)
					stage_drain(at->stages[s], deadline_ns);
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
			drain_routes(&node->outputs[r].sources, deadline_ns);
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
	graph_finish_commits(graph, deadline_ns);
	graph_stop_kind(graph, SONDE_PROCESSOR, deadline_ns);
	graph_stop_kind(graph, SONDE_OUTPUT, deadline_ns);
	graph_stop_kind(graph, SONDE_INPUT,
			deadline_ns); /* last: they hear what became of their rows */
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (loop_join(graph->loops[i].loop, clock_monotonic_ns() + left_ns(deadline_ns)))
			result = -ETIMEDOUT;
	}
	return result;
}

void graph_freeze(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->route_count; i++) {
		pthread_mutex_lock(&graph->routes[i].route->mutex); /* and never unlocked */
		route_keep(graph->routes[i].route);
	}
}

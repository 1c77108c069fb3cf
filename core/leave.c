/* SPDX-License-Identifier: Apache-2.0 */
/* How a graph leaves whose place another has taken: what it still holds goes out, step by step. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "leave.h"
#include "processor.h"

/* An output whose place is taken waits so long for answers, at most. */
static const int64_t answer_ns = NS_PER_SECOND;

enum leave_state { LEAVE_TO_COME, LEAVE_POSTED, LEAVE_RETURNED };

/* A call on an instance's own loop that nobody waits for. */
struct leave_call {
	struct loop_task task;
	struct leave_instance *at;
	void (*run)(struct leave_instance *at);
	uint32_t state; /* atomic: enum leave_state */
	int64_t posted_ns;
};

struct leave_instance {
	struct instance *instance;
	struct output *output; /* of outputs */
	struct leave_call drain, look, stop;
	bool is_idle;  /* an output has its answers: as the last look saw it */
	bool gives_up; /* what it has not handed over is lost */
};

struct leave {
	int64_t begun_ns, deadline_ns; /* monotonic; 0: not yet */
	bool at_once;
	bool is_quiet;
	uint32_t count, capacity;
	struct leave_instance instances[];
};

/* ---- calls ------------------------------------------------------------------------------- */

static void leave_run(void *data)
{
	struct leave_call *call = data;

	call->run(call->at);
	__atomic_store_n(&call->state, (uint32_t)LEAVE_RETURNED, __ATOMIC_RELEASE);
}

static bool call_returned(const struct leave_call *call)
{
	return __atomic_load_n(&call->state, __ATOMIC_ACQUIRE) == LEAVE_RETURNED;
}

static void call_post(struct leave_call *call)
{
	if (__atomic_load_n(&call->state, __ATOMIC_RELAXED) != LEAVE_TO_COME)
		return;
	__atomic_store_n(&call->state, (uint32_t)LEAVE_POSTED, __ATOMIC_RELAXED);
	call->posted_ns = clock_monotonic_ns();
	loop_post(call->at->instance->loop, &call->task);
}

static void run_drain(struct leave_instance *at)
{
	instance_drain(at->instance);
}

static void run_look(struct leave_instance *at)
{
	at->is_idle = !at->output->in_flight_count;
}

static void run_stop(struct leave_instance *at)
{
	if (at->output) {
		output_stop(at->output);
		return;
	}
	instance_stop(at->instance);
	if (at->instance->plugin->descriptor->kind == SONDE_PROCESSOR)
		processor_give_up(at->instance);
}

static void call_init(struct leave_call *call, struct leave_instance *at,
		      void (*run)(struct leave_instance *))
{
	*call = (struct leave_call){ .at = at, .run = run };
	call->task = (struct loop_task){ .run = leave_run, .data = call };
}

/* ---- begin ------------------------------------------------------------------------------- */

struct leave *leave_create(const struct graph *graph)
{
	uint32_t count = graph_instance_count(graph);
	struct leave *leave = calloc(1, sizeof(*leave) + count * sizeof(struct leave_instance));

	if (leave)
		leave->capacity = count;
	return leave;
}

void leave_release(struct leave *leave)
{
	free(leave);
}

static void leave_add(struct leave *leave, struct instance *instance, struct output *output)
{
	struct leave_instance *at = &leave->instances[leave->count++];

	assert(leave->count <= leave->capacity); /* a graph only gives instances away */
	*at = (struct leave_instance){ .instance = instance, .output = output };
	__atomic_store_n(&instance->leaving, true, __ATOMIC_RELAXED);
	call_init(&at->drain, at, run_drain);
	call_init(&at->look, at, run_look);
	call_init(&at->stop, at, run_stop);
}

void leave_begin(struct graph *graph, int64_t bound_ns)
{
	struct leave *leave = graph->leave;

	leave->begun_ns = clock_monotonic_ns();
	leave->deadline_ns = leave->begun_ns + bound_ns;
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; r < node->count; r++)
			leave_add(leave, node->instances[r],
				  node->outputs ? &node->outputs[r] : NULL);
	}
}

void leave_at_once(struct graph *graph)
{
	leave_begin(graph, 0);
	graph->leave->at_once = true;
}

/* ---- steps ------------------------------------------------------------------------------- */

static uint32_t kind_of(const struct leave_instance *at)
{
	return at->instance->plugin->descriptor->kind;
}

static struct leave_instance *leave_of(struct leave *leave, const struct instance *instance)
{
	for (uint32_t i = 0; i < leave->count; i++) {
		if (leave->instances[i].instance == instance)
			return &leave->instances[i];
	}
	return NULL;
}

/* Whether it has given out what it holds; asks it to. A bound from when it was asked. */
static bool instance_drains(struct leave *leave, struct leave_instance *at)
{
	call_post(&at->drain);
	if (call_returned(&at->drain) && __atomic_load_n(&at->instance->drained, __ATOMIC_ACQUIRE))
		return true;
	return clock_monotonic_ns() - at->drain.posted_ns >= leave->deadline_ns - leave->begun_ns;
}

static bool sources_are_idle(const struct sources *sources)
{
	for (uint32_t i = 0; i < sources->count; i++) {
		if (!route_is_idle(sources->routes[i]))
			return false;
	}
	return true;
}

/* Inputs go when they have heard of all their rows. True: all of them are drained. */
static bool leave_step_inputs(struct leave *leave)
{
	bool all = true;

	for (uint32_t i = 0; i < leave->count; i++) {
		struct leave_instance *at = &leave->instances[i];

		if (kind_of(at) != SONDE_INPUT)
			continue;
		if (!leave->at_once && !instance_drains(leave, at))
			all = false;
		else if (!__atomic_load_n(&at->instance->receipt_count, __ATOMIC_ACQUIRE) ||
			 clock_monotonic_ns() >= leave->deadline_ns)
			call_post(&at->stop);
	}
	return all;
}

/* Whether a replica has let everything through. */
static bool pipeline_drains(struct leave *leave, struct pipeline *pipeline)
{
	if (!sources_are_idle(&pipeline->sources)) {
		/* Room in a route that was handed over is told to who sends there now. */
		loop_post(pipeline->loop, &pipeline->task);
		return false;
	}
	for (uint32_t i = 0; i < pipeline->stage_count; i++) {
		struct leave_instance *at = leave_of(leave, pipeline->stages[i]);

		if (!instance_drains(leave, at))
			return false;
	}
	return true;
}

static bool graph_pipelines_drain(struct graph *graph)
{
	for (uint32_t order = 0; order < graph->config->pipeline_count; order++) {
		for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
			struct graph_pipeline *pipeline = &graph->pipelines[i];

			if (pipeline->config->order != order)
				continue;
			for (uint32_t r = 0; r < pipeline->count; r++) {
				if (!pipeline_drains(graph->leave, &pipeline->replicas[r]))
					return false;
			}
		}
	}
	return true;
}

static void graph_end_pipelines(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		for (uint32_t r = 0; r < graph->pipelines[i].count; r++) {
			struct pipeline *pipeline = &graph->pipelines[i].replicas[r];

			__atomic_store_n(&pipeline->ended, true, __ATOMIC_RELEASE);
		}
	}
}

/* True: processors have stopped, and nothing sends any more but inputs. */
static bool leave_step_processors(struct graph *graph)
{
	struct leave *leave = graph->leave;
	bool all = true;

	if (!leave->at_once && !graph_pipelines_drain(graph))
		return false;
	graph_end_pipelines(graph);
	for (uint32_t i = 0; i < leave->count; i++) {
		struct leave_instance *at = &leave->instances[i];

		if (kind_of(at) != SONDE_PROCESSOR)
			continue;
		call_post(&at->stop);
		all = all && call_returned(&at->stop);
	}
	return all;
}

/* Whether an output has its answers, or has waited long enough for them. */
static bool output_is_answered(struct leave_instance *at)
{
	if (call_returned(&at->look)) {
		if (at->is_idle)
			return true;
		__atomic_store_n(&at->look.state, (uint32_t)LEAVE_TO_COME, __ATOMIC_RELAXED);
	}
	call_post(&at->look);
	return clock_monotonic_ns() - at->drain.posted_ns >= answer_ns;
}

static void output_step(struct leave *leave, struct leave_instance *at)
{
	bool over = leave->at_once || at->gives_up;

	if (at->output->hands_back)
		over = over || (instance_drains(leave, at) && output_is_answered(at));
	else if (!over)
		over = leave->is_quiet && instance_drains(leave, at) &&
		       sources_are_idle(&at->output->sources);
	if (over)
		call_post(&at->stop);
	if (!call_returned(&at->stop))
		return;
	for (uint32_t i = 0; i < at->output->sources.count; i++)
		route_drop(at->output->sources.routes[i]); /* nobody takes it now */
}

/* What sent has stopped: it promises nothing any more, and is told of no room. */
static void graph_end_senders(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->route_count; i++)
		route_forget_sender(graph->routes[i].route);
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; node->fans && r < node->count; r++)
			fan_unreserve(&node->fans[r], node->fans[r].reserved_bytes);
	}
}

static bool leave_inputs_stopped(const struct leave *leave)
{
	for (uint32_t i = 0; i < leave->count; i++) {
		const struct leave_instance *at = &leave->instances[i];

		if (kind_of(at) == SONDE_INPUT && !call_returned(&at->stop))
			return false;
	}
	return true;
}

void leave_step(struct graph *graph)
{
	struct leave *leave = graph->leave;
	bool drained = leave_step_inputs(leave);

	if (!leave->is_quiet && drained && leave_step_processors(graph) &&
	    leave_inputs_stopped(leave)) {
		leave->is_quiet = true;
		graph_end_senders(graph);
	}
	for (uint32_t i = 0; i < leave->count; i++) {
		if (leave->instances[i].output)
			output_step(leave, &leave->instances[i]);
	}
	if (leave->at_once && leave->is_quiet)
		graph_clear(graph);
}

/* ---- how far it is ----------------------------------------------------------------------- */

bool leave_uses(const struct graph *graph, const char *name)
{
	for (uint32_t i = 0; i < graph->leave->count; i++) {
		const struct leave_instance *at = &graph->leave->instances[i];

		if (kind_of(at) != SONDE_PROCESSOR && !strcmp(at->instance->base.name, name) &&
		    !call_returned(&at->stop))
			return true;
	}
	return false;
}

bool leave_is_quiet(const struct graph *graph)
{
	return graph->leave->is_quiet;
}

bool leave_is_done(struct graph *graph)
{
	const struct leave *leave = graph->leave;

	if (!leave->is_quiet)
		return false;
	for (uint32_t i = 0; i < leave->count; i++) {
		const struct leave_instance *at = &leave->instances[i];

		if (!call_returned(&at->stop) ||
		    __atomic_load_n(&at->instance->receipt_count, __ATOMIC_ACQUIRE))
			return false;
	}
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (!route_is_idle(graph->routes[i].route))
			return false;
	}
	return true;
}

bool leave_give_up(struct graph *graph, const char *name)
{
	bool found = false;

	for (uint32_t i = 0; i < graph->leave->count; i++) {
		struct leave_instance *at = &graph->leave->instances[i];

		if (!at->output || strcmp(at->instance->base.name, name) ||
		    call_returned(&at->stop))
			continue;
		at->gives_up = true;
		found = true;
	}
	return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Another config at work in the place of the one that runs: whole, or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "leave.h"
#include "log.h"
#include "pause.h"
#include "push.h"
#include "reload.h"
#include "retune.h"
#include "succession.h"

static const int64_t poll_ns = NS_PER_MS;
static const int64_t pause_ns = 10ll * NS_PER_SECOND;
static const int64_t start_ns = 10ll * NS_PER_SECOND;
static const int64_t join_ns = 2ll * NS_PER_SECOND;

/* ---- pausing ----------------------------------------------------------------------------- */

static uint32_t graph_add_loops(const struct graph *graph, struct loop **loops, uint32_t count)
{
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		struct loop *loop = graph->loops[i].loop;
		uint32_t k = 0;

		while (k < count && loops[k] != loop)
			k++;
		if (k == count && graph->loops[i].started)
			loops[count++] = loop;
	}
	return count;
}

/* All loops of a graph and of others before it, each once. */
static struct loop **graph_all_loops(const struct graph *graph, const struct graph *older,
				     uint32_t *ret_count)
{
	uint32_t count = graph->loop_count;
	struct loop **loops;

	for (const struct graph *at = older; at; at = at->older)
		count += at->loop_count;
	loops = calloc(count + 1, sizeof(*loops));
	if (!loops)
		return NULL;
	count = graph_add_loops(graph, loops, 0);
	for (const struct graph *at = older; at; at = at->older)
		count = graph_add_loops(at, loops, count);
	*ret_count = count;
	return loops;
}

/* The instance whose callback holds a loop. */
static const char *loop_holder(const struct graph *graph, const struct loop *loop)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		const struct graph_node *node = &graph->nodes[i];

		for (uint32_t r = 0; r < node->count; r++) {
			const struct instance *instance = node->instances[r];

			if (instance->loop == loop &&
			    __atomic_load_n(&instance->callback, __ATOMIC_RELAXED))
				return instance->base.name;
		}
	}
	return NULL;
}

static int graph_pause(const struct graph *graph, const struct graph *older,
		       struct pause **ret_pause, FILE *reply)
{
	uint32_t count, stuck = 0;
	struct loop **loops = graph_all_loops(graph, older, &count);
	const char *holder = NULL;
	int result = loops ? pause_begin(loops, count, pause_ns, ret_pause, &stuck) : -ENOMEM;

	if (result == -ETIMEDOUT) {
		holder = loop_holder(graph, loops[stuck]);
		for (; older && !holder; older = older->older)
			holder = loop_holder(older, loops[stuck]);
		if (reply)
			fprintf(reply, "a callback of %s holds its thread (see `sonde status`)\n",
				holder ? holder : "some instance");
	} else if (result && reply) {
		fputs("no memory\n", reply);
	}
	free(loops);
	return result;
}

/* ---- starting ---------------------------------------------------------------------------- */

static bool graph_wait_started(const struct graph *graph)
{
	int64_t deadline_ns = clock_monotonic_ns() + start_ns;

	while (graph_is_starting(graph)) {
		if (clock_monotonic_ns() >= deadline_ns)
			return false;
		clock_sleep_ns(poll_ns);
	}
	return true;
}

/* Whether all that was to start has started; else it says why not. */
static int graph_check_started(const struct graph *graph, FILE *reply)
{
	struct instance *instance;

	if (!graph_wait_started(graph)) {
		instance = graph_starting(graph);
		fprintf(reply, "%s has not started within %lld s\n",
			instance ? instance->base.name : "an instance",
			(long long)(start_ns / NS_PER_SECOND));
		return -ETIMEDOUT;
	}
	instance = graph_unstarted(graph);
	if (!instance)
		return 0;
	pthread_mutex_lock(&instance->mutex);
	fprintf(reply, "%s cannot start: %s\n", instance->base.name, instance->problem);
	pthread_mutex_unlock(&instance->mutex);
	return -EIO;
}

/* ---- leaving ----------------------------------------------------------------------------- */

/* A graph that was built in vain leaves behind the one that runs on. */
static void graph_discard(struct graph *graph, struct graph *running)
{
	graph_abandon(graph);
	leave_at_once(graph);
	graph->older = running->older;
	running->older = graph;
	reload_step(running);
}

/* Whether all before it in time have nothing left that could send into its routes. */
static bool older_are_quiet(const struct graph *graph)
{
	for (graph = graph->older; graph; graph = graph->older) {
		if (!leave_is_quiet(graph))
			return false;
	}
	return true;
}

static bool graph_join(struct graph *graph)
{
	int64_t deadline_ns = clock_monotonic_ns() + join_ns;

	for (uint32_t i = 0; i < graph->loop_count; i++) {
		if (loop_join(graph->loops[i].loop, deadline_ns))
			return false; /* it is tried again */
		graph->loops[i].started = false;
	}
	return true;
}

/* Whether a receiver of the graph still takes from routes of one that has ended. */
static bool graph_inherits_from(const struct graph *graph, const struct graph *ended)
{
	for (uint32_t i = 0; i < graph->inherited_count; i++) {
		if (graph_has_route(ended, graph->inherited[i].route))
			return true;
	}
	return false;
}

/* Waits until tasks that its inputs had posted to a loop of others have run. */
static int graph_fence(const struct graph *ended)
{
	struct loop *shared = NULL;
	struct pause *pause;
	uint32_t stuck;
	int result;

	for (uint32_t i = 0; i < ended->config->instance_count; i++) {
		const struct graph_node *node = &ended->nodes[i];

		/* Inputs without threads share one loop, the first. */
		if (node->fans && node->count && !node->config->threads)
			shared = node->instances[0]->loop;
	}
	for (uint32_t i = 0; i < ended->loop_count && shared; i++) {
		if (ended->loops[i].loop == shared)
			shared = NULL;
	}
	if (!shared)
		return 0;
	result = pause_begin(&shared, 1, pause_ns, &pause, &stuck);
	if (!result)
		pause_end(pause);
	return result;
}

/* Takes it out of all others. */
static int graph_disown(struct graph *running, const struct graph *ended)
{
	bool inherits = false;
	struct pause *pause;
	int result;

	for (struct graph *graph = running; graph; graph = graph->older)
		inherits = inherits || graph_inherits_from(graph, ended);
	if (!inherits)
		return graph_fence(ended);
	result = graph_pause(running, running->older, &pause, NULL);
	if (result)
		return result;
	for (struct graph *graph = running; graph; graph = graph->older)
		graph_disinherit(graph, ended);
	pause_end(pause);
	return 0;
}

static int graph_part(struct graph *running, struct graph **link)
{
	struct graph *ended = *link;
	int result;

	if (!graph_join(ended))
		return -ETIMEDOUT;
	*link = ended->older;
	result = graph_disown(running, ended);
	if (result)
		*link = ended;
	else
		graph_release(ended);
	return result;
}

bool reload_step(struct graph *graph)
{
	struct graph **link = &graph->older;

	while (*link) {
		struct graph *at = *link;

		leave_step(at);
		if (!leave_is_done(at) || !older_are_quiet(at) || graph_part(graph, link))
			link = &at->older;
	}
	return graph->older != NULL;
}

/* Whether a name that the graph starts anew is still in use. */
static const char *graph_awaits(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		const struct graph_node *node = &graph->nodes[i];

		if (!node->late || !node->count)
			continue;
		for (const struct graph *older = graph->older; older; older = older->older) {
			if (leave_uses(older, node->config->name))
				return node->config->name;
		}
	}
	return NULL;
}

/* ---- the reload -------------------------------------------------------------------------- */

static int reload_refuse(struct reload *reload, struct graph *graph, int error)
{
	graph_discard(graph, reload->graph);
	return error;
}

static int reload_build(struct reload *reload, struct config *config, struct graph **ret_graph)
{
	int result = graph_create(config, reload->ledger, reload->graph, ret_graph);

	if (result == -ENOSPC)
		fputs("the ledger is full, also of former configs\n", reload->reply);
	else if (result)
		fprintf(reload->reply, "cannot build the pipelines: %s\n", strerror(-result));
	return result;
}

/* Everything before this can be undone without a trace, nothing after it can fail. */
static int reload_commit(struct reload *reload, struct graph *graph)
{
	struct graph *former = reload->graph;
	struct pause *pause;
	int result = graph_pause(graph, former, &pause, reload->reply);

	if (result)
		return result;
	graph_adopt(graph);
	knobs_follow(reload->knobs, graph);
	watch_follow(reload->watch, graph, graph->config->daemon.slow_ns);
	pause_end(pause);
	reload->graph = graph;
	leave_begin(former, former->config->daemon.drain_ns);
	return 0;
}

/* Starts what has to wait for others of its name. */
static int reload_start_late(struct reload *reload, int64_t bound_ns)
{
	int64_t deadline_ns = clock_monotonic_ns() + bound_ns + join_ns;
	const char *name;
	int result;

	while (reload_step(reload->graph) && (name = graph_awaits(reload->graph))) {
		if (clock_monotonic_ns() >= deadline_ns) {
			fprintf(reload->reply, "%s does not end: the new one starts beside it\n",
				name);
			break;
		}
		clock_sleep_ns(poll_ns);
	}
	graph_start_late(reload->graph);
	/* One that takes long is not stopped for it: it may come to work yet. */
	result = graph_check_started(reload->graph, reload->reply);
	return result == -ETIMEDOUT ? 0 : result;
}

static int reload_try(struct reload *reload, struct config *config)
{
	const struct config *former = reload->graph->config; /* which the caller holds */
	int64_t bound_ns = former->daemon.drain_ns;
	struct graph *graph;
	int result;

	if (!graph_wait_started(reload->graph)) {
		struct instance *instance = graph_starting(reload->graph);

		fprintf(reload->reply, "%s is still starting\n",
			instance ? instance->base.name : "an instance");
		return -EBUSY;
	}
	result = reload_build(reload, config, &graph);
	if (result)
		return result;
	result = graph_start(graph, NULL, NULL);
	if (result) {
		fprintf(reload->reply, "cannot start threads: %s\n", strerror(-result));
		graph_abandon(graph);
		graph_join(graph); /* nothing was posted to them */
		graph_release(graph);
		return result;
	}
	result = graph_check_started(graph, reload->reply);
	if (!result)
		result = reload_commit(reload, graph);
	if (result)
		return reload_refuse(reload, graph, result);
	result = graph_retune(graph, former, reload->knobs, reload->reply);
	push_run(graph);
	return result ? result : reload_start_late(reload, bound_ns);
}

int reload_run(struct reload *reload, struct config *config)
{
	struct graph *before = reload->graph;
	struct config *former = config_hold(before->config);
	int result = reload_try(reload, config), back = 0;

	if (result && reload->graph != before)
		back = reload_try(reload, former);
	if (back)
		fputs("nor could the former config be put back whole: see `sonde status`\n",
		      reload->reply);
	else if (result)
		fputs("the former config is at work\n", reload->reply);
	config_release(former);
	return result;
}

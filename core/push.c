/* SPDX-License-Identifier: Apache-2.0 */
/* What processors at the heads of pipelines do, done by the inputs before them instead. */
#include "push.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "log.h"

static const int64_t call_timeout_ns = NS_PER_SECOND;

/* Has one stage of a pipeline say what it asks: SONDE_OK, SONDE_PARTLY, or a negative errno. */
typedef int stage_ask(void *context, const struct pipeline_config *pipeline, uint32_t stage,
		      struct asks *asks);

/* ---- what is asked ----------------------------------------------------------------------- */

static const struct sonde_plugin *stage_plugin(const struct pipeline_config *pipeline,
					       uint32_t stage)
{
	return pipeline->through[stage].instance->plugin->descriptor;
}

/* Whether what a stage added may be asked of an input by it. A sample is asked for once, nothing
 * comes after an aggregate. */
static bool asks_are_first(const struct pipeline_config *pipeline, uint32_t stage,
			   const struct sonde_asks *asks, uint32_t from)
{
	for (uint32_t i = from; i < asks->count; i++) {
		uint32_t kind = sonde_ask(asks, i)->kind;

		if (kind != SONDE_ASK_FILTER &&
		    (stage_plugin(pipeline, stage)->reduces != ask_reduction(kind) ||
		     !stage_is_first(pipeline, stage, kind)))
			return false;
	}
	return true;
}

/* What a pipeline asks of its inputs: stage by stage, as long as asks say all of it. */
static struct asks *pipeline_asks(const struct pipeline_config *pipeline, stage_ask *ask,
				  void *context)
{
	struct asks *asks = asks_create();
	struct sonde_asks *view;
	int result = SONDE_OK;

	if (!asks)
		return NULL;
	view = asks_view(asks);
	for (uint32_t stage = 0; stage < pipeline->through_count && result == SONDE_OK; stage++) {
		uint32_t before = view->count;

		if (!stage_plugin(pipeline, stage)->ask)
			break;
		result = ask(context, pipeline, stage, asks);
		if (result < 0 || !asks_are_first(pipeline, stage, view, before)) {
			asks_cut(asks, before);
			break;
		}
		if (view->count && sonde_ask(view, view->count - 1)->kind == SONDE_ASK_AGGREGATE)
			break;
	}
	return asks;
}

static bool ask_is_same(const struct sonde_ask *a, const struct sonde_ask *b)
{
	char *left = ask_text(a), *right = ask_text(b);
	bool same = left && right && !strcmp(left, right);

	free(left);
	free(right);
	return same;
}

/* How many asks two lists begin with alike. */
static uint32_t asks_alike(const struct sonde_asks *a, const struct sonde_asks *b)
{
	uint32_t count = 0;

	while (count < a->count && count < b->count &&
	       ask_is_same(sonde_ask(a, count), sonde_ask(b, count)))
		count++;
	return count;
}

static bool pipeline_takes_from(const struct pipeline_config *pipeline,
				const struct instance_config *input)
{
	for (uint32_t i = 0; i < pipeline->from_count; i++)
		if (pipeline->from[i].instance == input)
			return true;
	return false;
}

/* What all pipelines that take from an input ask alike. NULL: no memory. */
static struct asks *input_asks(const struct config *config, const struct instance_config *input,
			       stage_ask *ask, void *context)
{
	struct asks *common = NULL;

	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		struct asks *asks;

		if (!pipeline_takes_from(&config->pipelines[i], input))
			continue;
		asks = pipeline_asks(&config->pipelines[i], ask, context);
		if (!common) {
			common = asks;
			if (!asks)
				return NULL;
			continue;
		}
		asks_cut(common, asks ? asks_alike(asks_view(common), asks_view(asks)) : 0);
		asks_release(asks);
	}
	return common ? common : asks_create();
}

/* ---- in a graph that runs ---------------------------------------------------------------- */

struct ask_call {
	struct instance *instance;
	struct asks *asks;
	int result;
};

static void call_ask(void *data)
{
	struct ask_call *call = data;

	call->result = instance_ask(call->instance, call->asks);
}

static void call_take(void *data)
{
	struct ask_call *call = data;

	instance_take(call->instance, call->asks);
	call->asks = NULL;
}

static void ask_call_release(void *data)
{
	struct ask_call *call = data;

	asks_release(call->asks);
	free(call);
}

static struct ask_call *ask_call_create(struct instance *instance)
{
	struct ask_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->instance = instance;
	call->asks = asks_create();
	if (!call->asks) {
		free(call);
		return NULL;
	}
	return call;
}

static int asks_append(struct asks *asks, const struct sonde_asks *more)
{
	int result = 0;

	for (uint32_t i = 0; i < more->count && !result; i++)
		result = asks_add(asks_view(asks), sonde_ask(more, i));
	return result;
}

/* Processors are asked on their own thread: a knob may be changing there. */
static int running_ask(void *context, const struct pipeline_config *config, uint32_t stage,
		       struct asks *asks)
{
	struct graph *graph = context;
	struct graph_pipeline *pipeline = &graph->pipelines[config - graph->config->pipelines];
	struct instance *instance = pipeline->replicas[0].stages[stage];
	struct ask_call *call = ask_call_create(instance);
	int result;

	if (!call)
		return -ENOMEM;
	result = loop_call_owned(instance->loop, call_ask, ask_call_release, call, call_timeout_ns);
	if (result)
		return result;
	result = call->result;
	if (result >= 0 && asks_append(asks, asks_view(call->asks)))
		result = -ENOMEM;
	ask_call_release(call);
	return result;
}

static void instance_push(struct instance *instance, const struct asks *asks)
{
	struct ask_call *call = ask_call_create(instance);
	int result =
		call ? asks_append(call->asks, asks_view((struct asks *)(uintptr_t)asks)) : -ENOMEM;

	if (!result)
		result = loop_call_owned(instance->loop, call_take, ask_call_release, call,
					 call_timeout_ns);
	else if (call)
		ask_call_release(call);
	if (!result)
		ask_call_release(call);
	else if (result != -EINPROGRESS)
		log_write(SONDE_WARNING, instance->base.name,
			  "cannot be told what pipelines ask of it: %s", strerror(-result));
}

static bool instance_knows(struct instance *instance, struct asks *asks)
{
	struct sonde_asks *wanted = asks_view(asks);
	bool same;

	pthread_mutex_lock(&instance->mutex);
	same = instance->asks
		       ? asks_view(instance->asks)->count == wanted->count &&
				 asks_alike(asks_view(instance->asks), wanted) == wanted->count
		       : !wanted->count;
	pthread_mutex_unlock(&instance->mutex);
	return same;
}

void push_run(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];
		struct asks *asks;

		if (!node->count || node->config->kind != SONDE_INPUT ||
		    !node->config->plugin->descriptor->take)
			continue;
		asks = input_asks(graph->config, node->config, running_ask, graph);
		for (uint32_t r = 0; asks && r < node->count; r++)
			if (!instance_knows(node->instances[r], asks))
				instance_push(node->instances[r], asks);
		asks_release(asks);
	}
}

void push_taken(const struct instance *instance, push_callback *callback, void *context)
{
	pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&instance->mutex;
	const struct sonde_asks *asks;

	pthread_mutex_lock(mutex);
	asks = instance->asks ? asks_view(instance->asks) : NULL;
	for (uint32_t i = 0; asks && i < asks->count; i++) {
		char *text = instance->asks_taken >> i & 1 ? ask_text(sonde_ask(asks, i)) : NULL;

		if (text)
			callback(context, text);
		free(text);
	}
	pthread_mutex_unlock(mutex);
}

/* ---- in a config ------------------------------------------------------------------------- */

static int config_ask(void *context, const struct pipeline_config *pipeline, uint32_t stage,
		      struct asks *asks)
{
	struct instance *instance = instance_create(pipeline->through[stage].instance, 0, 1, NULL);
	int result = instance ? instance_ask(instance, asks) : -ENOMEM;

	instance_release(instance);
	return result;
}

void push_show(const struct config *config, const struct instance_config *input, const char *before,
	       FILE *file)
{
	struct asks *asks;
	struct instance *instance;
	struct sonde_asks *view;

	if (!input->routed || !input->plugin->descriptor->take)
		return;
	asks = input_asks(config, input, config_ask, NULL);
	instance = instance_create(input, 0, 1, NULL);
	view = asks ? asks_view(asks) : NULL;
	if (view && view->count && instance) {
		instance_take(instance, asks); /* which owns them now */
		for (uint32_t i = 0; i < view->count; i++) {
			fprintf(file, "%s%s: ", before,
				instance->asks_taken >> i & 1 ? "done at the source"
							      : "not done at the source");
			ask_print(sonde_ask(view, i), file);
			putc('\n', file);
		}
		asks = NULL;
	}
	asks_release(asks);
	instance_release(instance);
}

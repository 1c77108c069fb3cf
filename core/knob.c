/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: options that change while running, by one path whoever asks, and fall back by themselves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chronicle.h"
#include "clock.h"
#include "knob.h"
#include "log.h"
#include "push.h"

static const int64_t call_timeout_ns = 2ll * NS_PER_SECOND;

/* What a replica falls back to. */
struct knob_before {
	struct instance *instance;
	struct knob_value value;
};

/* A knob that falls back later. */
struct knob_hold {
	struct knobs *knobs;
	struct knob_hold *next;
	char *name;                 /* of the instance; owned */
	const char *knob;           /* the option's own name; the plugin's */
	struct knob_before *before; /* one a replica */
	uint32_t count;
	struct loop_timer timer;
};

struct knobs {
	struct graph *graph;
	struct loop *loop;
	struct knob_hold *holds;
};

/* The value of a knob before and after a change, as a config would have it. */
struct knob_texts {
	char before[CHRONICLE_TEXT_BYTES], after[CHRONICLE_TEXT_BYTES];
};

struct knob_call {
	struct instance *instance;
	char knob[128];
	char *value; /* owned */
	struct knob_value before;
	struct knob_texts texts;
	char actor[CHRONICLE_TEXT_BYTES];
	bool is_set; /* it has the value */
	int result;
	char error[256];
};

struct knobs *knobs_create(struct graph *graph, struct loop *loop)
{
	struct knobs *knobs = calloc(1, sizeof(*knobs));

	if (knobs)
		*knobs = (struct knobs){ .graph = graph, .loop = loop };
	return knobs;
}

static void hold_release(struct knob_hold *hold)
{
	struct knob_hold **link = &hold->knobs->holds;

	while (*link != hold)
		link = &(*link)->next;
	*link = hold->next;
	loop_timer_end(hold->knobs->loop, &hold->timer);
	free(hold->before);
	free(hold->name);
	free(hold);
}

void knobs_release(struct knobs *knobs)
{
	while (knobs && knobs->holds)
		hold_release(knobs->holds);
	free(knobs);
}

static void call_print(const struct knob_call *call, char text[CHRONICLE_TEXT_BYTES])
{
	const struct sonde_option *option =
		option_find(call->instance->plugin->descriptor->options, call->knob);

	if (option && option->knob)
		option_print(option, call->instance->base.self, text, CHRONICLE_TEXT_BYTES);
}

static void decide_set(const char *name, const char *actor, const char *knob,
		       const struct knob_texts *texts, int64_t for_ns)
{
	struct decision decision = { .level = SONDE_INFO,
				     .event = "knob.set",
				     .instance = name,
				     .actor = actor,
				     .knob = knob,
				     .before = texts->before,
				     .after = texts->after,
				     .for_ns = for_ns };

	chronicle_decide(&decision, "%s is set to %s", knob, texts->after);
}

static void call_set(void *data)
{
	struct knob_call *call = data;

	call_print(call, call->texts.before);
	call->result = instance_set(call->instance, call->knob, call->value, &call->before,
				    call->error, sizeof(call->error));
	call->is_set = !call->result;
	call_print(call, call->texts.after);
}

static void call_restore(void *data)
{
	struct knob_call *call = data;

	call_print(call, call->texts.before);
	instance_restore(call->instance, call->knob, &call->before);
	call_print(call, call->texts.after);
}

/* A call on the heap, as a thread that is held up may come to it after we have gone on. */
static struct knob_call *knob_call_create(struct instance *instance, const char *knob,
					  const char *value)
{
	struct knob_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->instance = instance;
	call->value = strdup(value);
	snprintf(call->knob, sizeof(call->knob), "%s", knob);
	if (!call->value) {
		free(call);
		return NULL;
	}
	return call;
}

static void knob_call_release(void *data)
{
	struct knob_call *call = data;

	free(call->value);
	free(call);
}

/* Of a call that nobody waited for to its end: what it did is a decision all the same. */
static void knob_call_left(void *data)
{
	struct knob_call *call = data;

	if (call->is_set)
		decide_set(call->instance->base.name, call->actor, call->knob, &call->texts, 0);
	knob_call_release(call);
}

/* 0, or the last error: then some replica still has the newer value. ret_texts may be NULL. */
static int knob_restore(const char *knob, const struct knob_before *before, uint32_t count,
			struct knob_texts *ret_texts)
{
	int result = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct knob_call *call = knob_call_create(before[i].instance, knob, "");
		int called;

		if (!call)
			return -ENOMEM;
		call->before = before[i].value;
		called = loop_call_owned(call->instance->loop, call_restore, knob_call_release,
					 call, call_timeout_ns);
		if (called) {
			result = called;
			continue;
		}
		if (ret_texts)
			*ret_texts = call->texts;
		knob_call_release(call);
	}
	return result;
}

static void hold_end(void *data)
{
	struct knob_hold *hold = data;
	struct knob_texts texts = { 0 };
	struct decision decision = { .level = SONDE_INFO,
				     .event = "knob.fall_back",
				     .instance = hold->name,
				     .actor = "timer",
				     .knob = hold->knob,
				     .before = texts.before,
				     .after = texts.after };

	if (knob_restore(hold->knob, hold->before, hold->count, &texts)) {
		log_write(SONDE_WARNING, hold->name,
			  "%s cannot fall back yet: its thread is held up", hold->knob);
		loop_timer_after(hold->knobs->loop, &hold->timer, NS_PER_SECOND);
		return;
	}
	push_run(hold->knobs->graph);
	log_write(SONDE_INFO, hold->name, "%s falls back", hold->knob);
	chronicle_decide(&decision, "%s falls back to %s", hold->knob, texts.after);
	hold_release(hold);
}

static struct knob_hold *hold_find(const struct knobs *knobs, const char *instance,
				   const char *knob)
{
	struct knob_hold *hold = knobs->holds;

	while (hold && (strcmp(hold->name, instance) || strcmp(hold->knob, knob)))
		hold = hold->next;
	return hold;
}

int64_t knob_left_ns(const struct knobs *knobs, const char *instance, const char *knob)
{
	struct knob_hold *hold = hold_find(knobs, instance, knob);

	return hold ? hold->timer.due_ns - clock_monotonic_ns() : 0;
}

static void explain_no_memory(char *error, size_t error_size)
{
	snprintf(error, error_size, "memory is refused: try again");
}

/* Sets all replicas, or none. */
static int knob_apply(struct graph_node *node, const char *actor, const char *knob,
		      const char *value, struct knob_before *ret_before,
		      struct knob_texts *ret_texts, char *error, size_t error_size)
{
	int result = 0;

	for (uint32_t i = 0; i < node->count && !result; i++) {
		struct knob_call *call = knob_call_create(node->instances[i], knob, value);

		if (call)
			snprintf(call->actor, sizeof(call->actor), "%s", actor);
		result = call ? loop_call_owned(call->instance->loop, call_set, knob_call_left,
						call, call_timeout_ns)
			      : -ENOMEM;
		if (result == -ENOMEM) {
			explain_no_memory(error, error_size);
		} else if (result) {
			snprintf(error, error_size,
				 "the thread of %s is held up by a callback (see `sonde status`): "
				 "it may take effect later",
				 node->config->name);
		} else {
			result = call->result;
			ret_before[i] = (struct knob_before){ call->instance, call->before };
			*ret_texts = call->texts;
			snprintf(error, error_size, "%s", call->error);
			knob_call_release(call);
		}
		if (result)
			knob_restore(knob, ret_before, i, NULL);
	}
	return result;
}

static struct knob_hold *hold_create(struct knobs *knobs, const struct graph_node *node,
				     const char *knob, struct knob_before *before)
{
	struct knob_hold *hold = calloc(1, sizeof(*hold));
	char *name = strdup(node->config->name);

	if (!hold || !name) {
		free(hold);
		free(name);
		return NULL;
	}
	*hold = (struct knob_hold){ .knobs = knobs,
				    .next = knobs->holds,
				    .name = name,
				    .knob = knob,
				    .before = before,
				    .count = node->count };
	hold->timer = (struct loop_timer){ .run = hold_end, .data = hold };
	knobs->holds = hold;
	return hold;
}

/* Remembers the value to fall back to: the one before the first of several changes. Takes before.
 * What cannot be remembered is put back at once. */
static int knob_hold(struct knobs *knobs, struct graph_node *node, const char *knob,
		     struct knob_before *before, int64_t for_ns)
{
	struct knob_hold *hold = hold_find(knobs, node->config->name, knob);

	if (hold) {
		free(before);
	} else {
		hold = hold_create(knobs, node, knob, before);
		if (!hold) {
			knob_restore(knob, before, node->count, NULL);
			free(before);
			return -ENOMEM;
		}
	}
	loop_timer_after(knobs->loop, &hold->timer, for_ns);
	return 0;
}

static bool node_has(const struct graph_node *node, const struct instance *instance)
{
	for (uint32_t i = 0; node && i < node->count; i++) {
		if (node->instances[i] == instance)
			return true;
	}
	return false;
}

void knobs_follow(struct knobs *knobs, struct graph *graph)
{
	struct knob_hold *hold, *next;

	knobs->graph = graph;
	for (hold = knobs->holds; hold; hold = next) {
		const struct graph_node *node = graph_node(graph, hold->name);
		uint32_t kept = 0;

		next = hold->next;
		for (uint32_t i = 0; i < hold->count; i++) {
			if (node_has(node, hold->before[i].instance))
				hold->before[kept++] = hold->before[i];
		}
		hold->count = kept;
		if (!kept)
			hold_release(hold);
	}
}

static struct graph_node *knob_node(struct knobs *knobs, const char *name, char *error,
				    size_t error_size)
{
	const struct config *config = knobs->graph->config;
	struct graph_node *node = graph_node(knobs->graph, name);
	const char *near, **names;

	if (node)
		return node;
	names = calloc(config->instance_count + 1, sizeof(*names));
	for (uint32_t i = 0; names && i < config->instance_count; i++)
		names[i] = config->instances[i].name;
	near = names ? nearest_name(name, names, config->instance_count) : NULL;
	snprintf(error, error_size, "no instance \"%s\" is running%s%s%s", name,
		 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	free(names);
	return NULL;
}

int knob_set(struct knobs *knobs, const char *actor, const char *path, const char *value,
	     int64_t for_ns, char *error, size_t error_size)
{
	const char *dot = strrchr(path, '.');
	const struct sonde_option *option;
	struct knob_before *before;
	struct graph_node *node;
	struct knob_hold *hold;
	struct knob_texts texts = { 0 };
	char name[128];
	int result;

	if (!dot || dot - path >= (ptrdiff_t)sizeof(name)) {
		snprintf(error, error_size, "\"%s\" is not INSTANCE.KNOB", path);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
	node = knob_node(knobs, name, error, error_size);
	if (!node)
		return -ENOENT;
	option = option_find(node->config->plugin->descriptor->options, dot + 1);
	before = calloc(node->count, sizeof(*before));
	if (!before) {
		explain_no_memory(error, error_size);
		return -ENOMEM;
	}
	result = knob_apply(node, actor, dot + 1, value, before, &texts, error, error_size);
	if (result || !option) {
		free(before);
		return result ? result : -EINVAL;
	}
	log_write(SONDE_INFO, name, "%s is set to %s", option->name,
		  option->type == SONDE_SECRET ? "***" : value);
	decide_set(name, actor, option->name, &texts, for_ns);
	push_run(knobs->graph);
	if (for_ns > 0) {
		result = knob_hold(knobs, node, option->name, before, for_ns);
		if (result)
			snprintf(error, error_size, "no memory to remember its return");
		return result;
	}
	free(before);
	hold = hold_find(knobs, name, option->name);
	if (hold)
		hold_release(hold);
	return 0;
}

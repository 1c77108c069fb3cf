/* SPDX-License-Identifier: Apache-2.0 */
/* One change of a knob, carried to the threads of all replicas: made in all of them, or in none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "knob_call.h"

enum { REASON_BYTES = 512 };

static const int64_t call_timeout_ns = 2ll * NS_PER_SECOND;

struct knob_call {
	struct instance *instance;
	char knob[128];
	char *value; /* owned */
	struct knob_value before;
	struct knob_texts texts;
	char actor[CHRONICLE_TEXT_BYTES], reason[REASON_BYTES];
	bool is_set; /* it has the value */
	int result;
	char error[256];
};

void knob_decide_set(const char *name, const struct knob_author *author, const char *knob,
		     const struct knob_texts *texts, int64_t for_ns)
{
	struct decision decision = { .level = SONDE_INFO,
				     .event = "knob.set",
				     .instance = name,
				     .actor = author->actor,
				     .knob = knob,
				     .before = texts->before,
				     .after = texts->after,
				     .for_ns = for_ns };
	const char *reason = author->reason ? author->reason : "";

	chronicle_decide(&decision, "%s is set to %s%s%s", knob, texts->after, *reason ? ": " : "",
			 reason);
}

/* ---- on the instance's thread ------------------------------------------------------------ */

static const struct sonde_option *call_option(const struct knob_call *call)
{
	const struct sonde_option *option =
		option_find(call->instance->plugin->descriptor->options, call->knob);

	return option && option->knob ? option : NULL;
}

static void call_print(const struct knob_call *call, char text[CHRONICLE_TEXT_BYTES])
{
	const struct sonde_option *option = call_option(call);

	if (option)
		option_print(option, call->instance->base.self, text, CHRONICLE_TEXT_BYTES);
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

static void call_read(void *data)
{
	struct knob_call *call = data;
	const struct sonde_option *option = call_option(call);

	if (option)
		memcpy(call->before.bytes, (const char *)call->instance->base.self + option->offset,
		       option->size);
}

/* ---- calls ------------------------------------------------------------------------------- */

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
	struct knob_author author = { call->actor, call->reason };

	if (call->is_set)
		knob_decide_set(call->instance->base.name, &author, call->knob, &call->texts, 0);
	knob_call_release(call);
}

int knob_restore(const char *knob, const struct knob_before *before, uint32_t count,
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

int knob_read(struct graph_node *node, const char *knob, struct knob_before *ret_now)
{
	for (uint32_t i = 0; i < node->count; i++) {
		struct knob_call *call = knob_call_create(node->instances[i], knob, "");
		int result = call ? loop_call_owned(call->instance->loop, call_read,
						    knob_call_release, call, call_timeout_ns)
				  : -ENOMEM;

		if (result)
			return result;
		ret_now[i] = (struct knob_before){ call->instance, call->before };
		knob_call_release(call);
	}
	return 0;
}

/* Sets one replica. */
static int replica_apply(struct instance *instance, const struct knob_author *author,
			 const char *knob, const char *value, struct knob_before *ret_before,
			 struct knob_texts *ret_texts, char *error, size_t error_size)
{
	struct knob_call *call = knob_call_create(instance, knob, value);
	int result = -ENOMEM;

	if (call) {
		snprintf(call->actor, sizeof(call->actor), "%s", author->actor);
		snprintf(call->reason, sizeof(call->reason), "%s",
			 author->reason ? author->reason : "");
		result = loop_call_owned(call->instance->loop, call_set, knob_call_left, call,
					 call_timeout_ns);
	}
	if (result == -ENOMEM) {
		snprintf(error, error_size, "memory is refused: try again");
	} else if (result) {
		snprintf(error, error_size,
			 "the thread of %s is held up by a callback (see `sonde status`): "
			 "it may take effect later",
			 instance->base.name);
	} else {
		result = call->result;
		*ret_before = (struct knob_before){ call->instance, call->before };
		*ret_texts = call->texts;
		snprintf(error, error_size, "%s", call->error);
		knob_call_release(call);
	}
	return result;
}

int knob_apply(struct graph_node *node, const struct knob_author *author, const char *knob,
	       const char *value, struct knob_before *ret_before, struct knob_texts *ret_texts,
	       char *error, size_t error_size)
{
	for (uint32_t i = 0; i < node->count; i++) {
		int result = replica_apply(node->instances[i], author, knob, value, &ret_before[i],
					   ret_texts, error, error_size);

		if (result) {
			knob_restore(knob, ret_before, i, NULL);
			return result;
		}
	}
	return 0;
}

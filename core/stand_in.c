/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the places of inputs and outputs while a config is tried. */
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "instance.h"
#include "stand_in.h"

static const uint64_t queue_bytes = 256
				    << 20; /* more than any frame, whose batches go one by one */

/* Lies behind the private struct of an output's plugin, whose options and knobs stay. */
struct capture {
	stand_in_take *take;
	void *data;
	uint32_t output;
};

/* ---- outputs ----------------------------------------------------------------------------- */

static int capture_write(struct sonde_instance *base, struct sonde_delivery *delivery)
{
	const struct instance *instance = (const struct instance *)(const void *)base;
	size_t offset = instance->plugin->descriptor->self_size - sizeof(struct capture);
	struct capture capture;

	memcpy(&capture, (const char *)base->self + offset, sizeof(capture));
	for (uint32_t at = 0; at < delivery->batch_count; at++)
		capture.take(capture.data, capture.output, delivery->batches[at]);
	return SONDE_OK;
}

/* ---- places ------------------------------------------------------------------------------ */

/* The plugin with its tables, and nothing that it does. */
static struct sonde_plugin idle_descriptor(const struct sonde_plugin *descriptor)
{
	struct sonde_plugin idle = *descriptor;

	idle.check = idle.start = idle.set = idle.woken = idle.drain = idle.room = NULL;
	idle.stop = NULL;
	idle.ready = NULL;
	idle.timer = NULL;
	idle.report = NULL;
	idle.settled = NULL;
	idle.process = NULL;
	idle.write = NULL;
	idle.ask = NULL;
	idle.take = NULL;
	idle.waits = 1;
	idle.frames = 0;
	idle.in_flight = idle.batch_limit = 1;
	return idle;
}

static int place(struct arena *arena, struct instance_config *instance,
		 const struct sonde_plugin *descriptor)
{
	struct plugin *plugin = arena_zero(arena, sizeof(*plugin));
	struct sonde_plugin *copy = arena_zero(arena, sizeof(*copy));

	if (!plugin || !copy)
		return -ENOMEM;
	*copy = *descriptor;
	*plugin = *instance->plugin;
	plugin->descriptor = copy;
	instance->plugin = plugin;
	instance->needs = (struct needs){ 0 };
	instance->threads = 0;
	return 0;
}

static int place_capture(struct arena *arena, struct instance_config *instance,
			 const struct capture *capture)
{
	struct sonde_plugin descriptor = idle_descriptor(instance->plugin->descriptor);
	size_t align = alignof(max_align_t), size = descriptor.self_size;
	size_t offset = (size + align - 1) / align * align;
	char *self = arena_zero(arena, offset + sizeof(*capture));

	if (!self)
		return -ENOMEM;
	memcpy(self, instance->self, size);
	memcpy(self + offset, capture, sizeof(*capture));
	descriptor.self_size = (uint32_t)(offset + sizeof(*capture));
	descriptor.write = capture_write;
	instance->self = self;
	return place(arena, instance, &descriptor);
}

static void widen(struct queue_config *queue)
{
	if (queue->memory_bytes < queue_bytes)
		queue->memory_bytes = queue_bytes;
	queue->disk_bytes = 0;
	queue->when_full = WHEN_FULL_WAIT;
}

static bool is_among(const struct sonde_texts *names, const char *name)
{
	for (uint32_t at = 0; at < names->count; at++)
		if (!strcmp(names->items[at], name))
			return true;
	return false;
}

static void leave_out(struct pipeline_config *pipeline, const struct sonde_texts *without)
{
	uint32_t count = 0;

	for (uint32_t at = 0; at < pipeline->through_count; at++)
		if (!is_among(without, pipeline->through[at].instance->name))
			pipeline->through[count++] = pipeline->through[at];
	pipeline->through_count = count;
}

int stand_ins_place(struct config *config, const struct sonde_texts *without,
		    const char *const *outputs, uint32_t output_count, stand_in_take *take,
		    void *data)
{
	struct capture capture = { .take = take, .data = data };
	int result = 0;

	for (uint32_t at = 0; at < config->pipeline_count; at++) {
		struct pipeline_config *pipeline = &config->pipelines[at];

		leave_out(pipeline, without);
		pipeline->threads = 0;
		widen(&pipeline->queue);
		for (uint32_t to = 0; to < pipeline->to_count; to++)
			widen(&pipeline->to[to].queue);
	}
	for (uint32_t at = 0; at < config->instance_count && !result; at++) {
		struct instance_config *instance = &config->instances[at];
		struct sonde_plugin idle;

		if (!instance->routed)
			continue;
		if (instance->kind == SONDE_INPUT) {
			idle = idle_descriptor(instance->plugin->descriptor);
			result = place(config->arena, instance, &idle);
		}
		if (instance->kind != SONDE_OUTPUT)
			continue;
		widen(&instance->queue);
		for (capture.output = 0; capture.output < output_count; capture.output++)
			if (!strcmp(outputs[capture.output], instance->name))
				break;
		result = place_capture(config->arena, instance, &capture);
	}
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a config promises to survive a crash can be kept. */
#include <string.h>

#include "durable.h"

static bool is_durable(const struct instance_config *input)
{
	const struct sonde_option *option =
		input->plugin && input->self ? input->plugin->descriptor->options : NULL;

	for (; option && option->name; option++) {
		uint32_t chosen;

		if (strcmp(option->name, "ack") || option->type != SONDE_CHOICE)
			continue;
		memcpy(&chosen, (const char *)input->self + option->offset, sizeof(chosen));
		return !strcmp(option->choices[chosen], "durable");
	}
	return false;
}

static bool holds_back(const struct instance_config *processor)
{
	return processor->plugin && processor->plugin->descriptor->reduces == SONDE_AGGREGATED;
}

/* The first processor of a pipeline that holds rows back; NULL: none does. */
static const struct instance_config *holder_of(const struct pipeline_config *pipeline)
{
	for (uint32_t i = 0; i < pipeline->through_count; i++) {
		if (holds_back(pipeline->through[i].instance))
			return pipeline->through[i].instance;
	}
	return NULL;
}

static void outputs_check(const struct pipeline_config *pipeline,
			  const struct instance_config *input, struct problems *problems)
{
	const struct instance_config *holder = holder_of(pipeline);
	const struct config_reference *on_disk = NULL;

	for (uint32_t i = 0; i < pipeline->to_count; i++) {
		if (pipeline->to[i].instance && pipeline->to[i].queue.disk_bytes)
			on_disk = &pipeline->to[i];
	}
	for (uint32_t i = 0; i < pipeline->to_count; i++) {
		const struct config_reference *to = &pipeline->to[i];

		if (!to->instance || to->queue.disk_bytes)
			continue;
		if (holder)
			problems_add(
				problems, PROBLEM_ERROR, to->place,
				"pipelines.%s.to: \"%s\" has no queue on disk, so after a crash "
				"what \"%s\" had sent there would be counted again, and \"%s\" "
				"promises \"durable\" (give it queue: { disk = \"1GiB\"; })",
				pipeline->name, to->instance->name, holder->name, input->name);
		else if (on_disk)
			problems_add(
				problems, PROBLEM_WARNING, to->place,
				"pipelines.%s.to: rows that wait for \"%s\" are lost by a crash, "
				"those for \"%s\" are not, since only that has a queue on disk",
				pipeline->name, to->instance->name, on_disk->instance->name);
	}
}

static void pipeline_check(const struct config *config, const struct pipeline_config *pipeline,
			   const struct instance_config *input, struct problems *problems)
{
	outputs_check(pipeline, input, problems);
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		const struct pipeline_config *later = &config->pipelines[i];

		for (uint32_t j = 0; j < later->from_count; j++) {
			if (later->from[j].pipeline != pipeline)
				continue;
			if (!later->queue.disk_bytes && (holder_of(pipeline) || holder_of(later)))
				problems_add(
					problems, PROBLEM_ERROR, later->place,
					"pipelines.%s: what \"%s\" sends there is held back and "
					"has no queue on disk, though \"%s\" promises "
					"\"durable\" (give it queue: { disk = \"1GiB\"; })",
					later->name, pipeline->name, input->name);
			else
				pipeline_check(config, later, input, problems);
		}
	}
}

static void source_check(const struct config *config, const struct pipeline_config *pipeline,
			 const struct config_reference *from, struct problems *problems)
{
	const struct instance_config *input = from->instance;

	if (!pipeline->queue.disk_bytes) {
		problems_add(problems, PROBLEM_ERROR, config_place(input, "ack"),
			     "inputs.%s.ack: \"durable\" wants a queue on disk before the pipeline "
			     "\"%s\" (give that queue: { disk = \"1GiB\"; when_full = \"wait\"; })",
			     input->name, pipeline->name);
		return;
	}
	if (pipeline->queue.when_full != WHEN_FULL_WAIT)
		problems_add(problems, PROBLEM_WARNING, pipeline->place,
			     "pipelines.%s.queue.when_full: rows that \"%s\" has said yes to are "
			     "%s when the disk queue is full (with \"wait\" their sender waits)",
			     pipeline->name, input->name,
			     pipeline->queue.when_full == WHEN_FULL_DROP_OLDEST ? "dropped"
										: "refused");
	pipeline_check(config, pipeline, input, problems);
}

void durable_check(const struct config *config, struct problems *problems)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		const struct pipeline_config *pipeline = &config->pipelines[i];

		for (uint32_t j = 0; j < pipeline->from_count; j++) {
			const struct config_reference *from = &pipeline->from[j];

			if (from->instance && is_durable(from->instance))
				source_check(config, pipeline, from, problems);
		}
	}
}

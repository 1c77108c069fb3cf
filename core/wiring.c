// SPDX-License-Identifier: Apache-2.0
/* Whether pipelines, read one by one, make sense together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "durable.h"
#include "section.h"
#include "wiring.h"

enum { CYCLE_LENGTH = 512 };

static bool is_single(const struct instance_config *instance)
{
	return instance->plugin && instance->plugin->descriptor->replication == SONDE_SINGLE;
}

/* The first mention of a single processor is remembered by the instance's index. */
static void stage_check(const struct config *config, const struct pipeline_config *pipeline,
			const struct config_reference *stage,
			const struct config_reference **firsts, struct problems *problems)
{
	const struct config_reference **first = &firsts[stage->instance - config->instances];
	const char *name = stage->instance->name;

	if (pipeline->threads > 1 && stage->instance->plugin &&
	    stage->instance->plugin->descriptor->replication == SONDE_BY_KEY)
		problems_add(problems, PROBLEM_ERROR, stage->place,
			     "pipelines.%s.through: \"%s\" needs the rows of a key together, and "
			     "this version deals rows out in turn: give the pipeline one thread",
			     pipeline->name, name);
	if (!is_single(stage->instance))
		return;
	if (pipeline->threads > 1)
		problems_add(problems, PROBLEM_ERROR, stage->place,
			     "pipelines.%s.through: \"%s\" cannot be replicated (plugin \"%s\"), "
			     "so this "
			     "pipeline can have one thread only",
			     pipeline->name, name, stage->instance->plugin->descriptor->name);
	if (*first)
		problems_add(problems, PROBLEM_ERROR, stage->place,
			     "pipelines.%s.through: \"%s\" can be in one pipeline only (plugin "
			     "\"%s\"), and "
			     "already is in %s:%u; give this one an instance of its own",
			     pipeline->name, name, stage->instance->plugin->descriptor->name,
			     (*first)->place.file, (*first)->place.line);
	else
		*first = stage;
}

static void stages_check(const struct config *config, struct problems *problems)
{
	const struct config_reference **firsts =
		calloc(config->instance_count + 1u, sizeof(*firsts));
	struct place nowhere = { 0 };

	if (!firsts) {
		problems_add(problems, PROBLEM_ERROR, nowhere, "memory is refused");
		return;
	}
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		for (uint32_t j = 0; j < config->pipelines[i].through_count; j++)
			stage_check(config, &config->pipelines[i], &config->pipelines[i].through[j],
				    firsts, problems);
	free(firsts);
}

/* Names the pipelines of a cycle, from where it was entered until it closes. */
static void cycle_complain(struct config *config, const struct pipeline_config *start,
			   const uint32_t *next, struct problems *problems)
{
	const struct pipeline_config *pipeline = start;
	char names[CYCLE_LENGTH] = "";
	size_t length = 0;

	do {
		if (length < sizeof(names))
			length += (size_t)snprintf(names + length, sizeof(names) - length,
						   "%s takes from ", pipeline->name);
		pipeline = &config->pipelines[next[pipeline - config->pipelines]];
	} while (pipeline != start);
	problems_add(problems, PROBLEM_ERROR, start->place, "pipelines.%s.from: a cycle: %s%s",
		     start->name, length < sizeof(names) ? names : "very many, ", start->name);
}

/* Gives numbers to pipelines all of whose sources have one, until none is left or all that are left
 * wait for each other. `next` of those is one that they wait for. The number that is left. */
static uint32_t order_assign(struct config *config, bool *ordered, uint32_t *next)
{
	uint32_t order = 0, before;

	do {
		before = order;
		for (uint32_t i = 0; i < config->pipeline_count; i++) {
			struct pipeline_config *pipeline = &config->pipelines[i];
			bool skipped = ordered[i];

			for (uint32_t j = 0; !skipped && j < pipeline->from_count; j++) {
				if (!pipeline->from[j].pipeline)
					continue;
				next[i] =
					(uint32_t)(pipeline->from[j].pipeline - config->pipelines);
				skipped = !ordered[next[i]];
			}
			if (skipped)
				continue;
			ordered[i] = true;
			pipeline->order = order++;
		}
	} while (order != before);
	return config->pipeline_count - order;
}

/* Follows `next` from each that is left: whoever is met twice on one walk closes a cycle. */
static void cycles_find(struct config *config, const bool *ordered, const uint32_t *next,
			uint32_t *walks, struct problems *problems)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		uint32_t at = i;

		if (ordered[i])
			continue;
		while (!walks[at]) {
			walks[at] = i + 1;
			at = next[at];
		}
		if (walks[at] == i + 1)
			cycle_complain(config, &config->pipelines[at], next, problems);
	}
}

static void order_check(struct config *config, struct problems *problems)
{
	bool *ordered = calloc(config->pipeline_count + 1u, sizeof(*ordered));
	uint32_t *next = calloc(config->pipeline_count + 1u, sizeof(*next));
	uint32_t *walks = calloc(config->pipeline_count + 1u, sizeof(*walks));
	struct place nowhere = { 0 };

	if (!ordered || !next || !walks)
		problems_add(problems, PROBLEM_ERROR, nowhere, "memory is refused");
	else if (order_assign(config, ordered, next))
		cycles_find(config, ordered, next, walks, problems);
	free(ordered);
	free(next);
	free(walks);
}

static void waits_check(const struct pipeline_config *pipeline, struct problems *problems)
{
	for (uint32_t i = 0; pipeline->to_count > 1 && i < pipeline->to_count; i++) {
		const struct config_reference *route = &pipeline->to[i];
		const struct config_reference *other = &pipeline->to[!i];

		if (route->queue.when_full == WHEN_FULL_WAIT)
			problems_add(problems, PROBLEM_WARNING, route->place,
				     "pipelines.%s.to: when the queue of \"%s\" is full, `wait` "
				     "also holds up "
				     "\"%s\" beside it",
				     pipeline->name, route->instance->name, other->instance->name);
	}
}

void wiring_check(struct config *config, struct problems *problems)
{
	stages_check(config, problems);
	order_check(config, problems);
	if (!problems_count(problems, PROBLEM_ERROR)) /* a cycle would never end */
		durable_check(config, problems);
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		waits_check(&config->pipelines[i], problems);
	for (uint32_t i = 0; i < config->instance_count; i++) {
		const struct instance_config *instance = &config->instances[i];

		if (!instance->routed)
			problems_add(problems, PROBLEM_WARNING, instance->place,
				     "%s.%s: no pipeline names it, so it does nothing",
				     section_names[instance->kind], instance->name);
	}
}

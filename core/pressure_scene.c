// SPDX-License-Identifier: Apache-2.0
/* What there is in a graph for pressure.c: queues, and the inputs before them that can be turned.
 */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "pressure_scene.h"

/* ---- what there is ----------------------------------------------------------------------- */

static bool can_be_turned(const struct instance_config *config)
{
	const struct sonde_option *option =
		config->kind == SONDE_INPUT
			? option_find(config->plugin->descriptor->options, PRESSURE_KNOB)
			: NULL;

	return option && option->knob && option->type == SONDE_U32;
}

static void subject_add(struct scene *scene, struct graph_node *node)
{
	struct subject *subject = &scene->subjects[scene->subject_count];

	*subject = (struct subject){ .name = arena_copy(scene->arena, node->config->name),
				     .node = node,
				     .first = node->instances[0] };
	if (!subject->name)
		return;
	snprintf(subject->path, sizeof(subject->path), "%s.%s", subject->name, PRESSURE_KNOB);
	scene->subject_count++;
}

static const struct pipeline_config *pipeline_named(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		if (!strcmp(config->pipelines[i].name, name))
			return &config->pipelines[i];
	}
	return NULL;
}

/* Whether rows of an input come through a sender of that name, which is another input or a
 * pipeline; those have no cycles. */
static bool comes_through(const struct config *config, const char *name, const char *sender)
{
	const struct pipeline_config *pipeline = pipeline_named(config, sender);

	if (!pipeline)
		return !strcmp(name, sender);
	for (uint32_t i = 0; i < pipeline->from_count; i++) {
		const struct config_reference *from = &pipeline->from[i];

		if (comes_through(config, name,
				  from->instance ? from->instance->name : from->pipeline->name))
			return true;
	}
	return false;
}

static struct passage *passage_find(const struct scene *scene, const char *from, const char *to)
{
	for (uint32_t i = 0; i < scene->passage_count; i++) {
		struct passage *passage = &scene->passages[i];

		if (!strcmp(passage->from, from) && !strcmp(passage->to, to))
			return passage;
	}
	return NULL;
}

/* The passage of a route, unless nothing can be turned down for it. False: no memory. */
static bool passage_add(struct scene *scene, const struct graph_route *route)
{
	uint32_t count = scene->subject_count;
	struct passage passage = { .from = arena_copy(scene->arena, route->plan.from),
				   .to = arena_copy(scene->arena, route->plan.to),
				   .leads = arena_zero(scene->arena, count * sizeof(bool)),
				   .levels = arena_zero(scene->arena, count * sizeof(uint32_t)),
				   .step_limit = PRESSURE_LEVELS * count };
	bool any = false;

	passage.steps = arena_zero(scene->arena, passage.step_limit * sizeof(struct step));
	if (!passage.from || !passage.to || !passage.leads || !passage.levels || !passage.steps)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		passage.leads[i] =
			comes_through(scene->graph->config, scene->subjects[i].name, passage.from);
		any = any || passage.leads[i];
	}
	if (any)
		scene->passages[scene->passage_count++] = passage;
	return true;
}

void scene_make(struct scene *scene, struct graph *graph)
{
	const struct config *config = graph->config;
	bool whole = true;

	*scene = (struct scene){ .arena = arena_create(), .graph = graph };
	if (!scene->arena)
		return;
	scene->subjects =
		arena_zero(scene->arena, (config->instance_count + 1) * sizeof(struct subject));
	scene->passages =
		arena_zero(scene->arena, (graph->route_count + 1) * sizeof(struct passage));
	for (uint32_t i = 0; scene->subjects && i < config->instance_count; i++) {
		if (graph->nodes[i].count && can_be_turned(&config->instances[i]))
			subject_add(scene, &graph->nodes[i]);
	}
	if (!scene->passages || !scene->subject_count)
		return;
	for (uint32_t i = 0; i < graph->route_count && whole; i++) {
		const struct route_plan *plan = &graph->routes[i].plan;

		if (plan->queue.turn_down && !passage_find(scene, plan->from, plan->to))
			whole = passage_add(scene, &graph->routes[i]);
	}
	if (!whole)
		log_write(SONDE_WARNING, NULL,
			  "no memory to look after all queues: some inputs are not turned down "
			  "while queues are full");
}

/* ---- the state of queues and inputs ------------------------------------------------------ */

/* How much of a queue is in use: of the disk where it has one, since its memory is full before. */
struct fill {
	uint64_t used, limit;
};

static struct fill fill_of(const struct route_snapshot *snapshot)
{
	if (snapshot->disk_limit_bytes)
		return (struct fill){ snapshot->disk_bytes, snapshot->disk_limit_bytes };
	return (struct fill){ snapshot->bytes, snapshot->limit_bytes };
}

bool passage_measure(const struct scene *scene, struct passage *passage)
{
	uint64_t lost = 0, before = passage->lost_rows;

	passage->share = 0;
	for (uint32_t i = 0; i < scene->graph->route_count; i++) {
		const struct graph_route *at = &scene->graph->routes[i];
		struct route_snapshot snapshot;
		struct fill fill;
		double share;

		if (strcmp(at->plan.from, passage->from) || strcmp(at->plan.to, passage->to))
			continue;
		route_snapshot(at->route, &snapshot);
		fill = fill_of(&snapshot);
		share = fill.limit ? (double)fill.used / (double)fill.limit : 0;
		passage->share = share > passage->share ? share : passage->share;
		lost += snapshot.lost[SONDE_LOST_QUEUE_FULL].rows;
	}
	passage->lost_rows = lost;
	return lost > before;
}

static uint64_t subject_rows(const struct subject *subject)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < subject->node->count; i++)
		rows += tally_read(&subject->node->instances[i]->account->in).rows;
	return rows;
}

uint64_t subject_sampled(const struct subject *subject)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < subject->node->count; i++) {
		const struct instance *instance = subject->node->instances[i];
		const struct account *kernel = __atomic_load_n(&instance->kernel, __ATOMIC_ACQUIRE);

		events += tally_read(&instance->account->reduced[SONDE_SAMPLED]).events;
		if (kernel)
			events += tally_read(&kernel->reduced[SONDE_SAMPLED]).events;
	}
	return events;
}

void subject_measure(struct subject *subject, double seconds)
{
	uint64_t rows = subject_rows(subject);
	double rate = seconds > 0 ? (double)(rows - subject->rows) / seconds : 0;

	if (seconds > 0)
		subject->row_rate = (subject->row_rate + rate) / 2;
	subject->rows = rows;
}

const struct passage *passage_that_asks(const struct scene *scene, uint32_t subject)
{
	const struct passage *found = NULL;

	for (uint32_t i = 0; i < scene->passage_count; i++) {
		const struct passage *passage = &scene->passages[i];

		if (passage->levels[subject] > (found ? found->levels[subject] : 0))
			found = passage;
	}
	return found;
}

/* ---- another graph ----------------------------------------------------------------------- */

/* The index of the same input that runs on; -1: it is gone. */
static int64_t subject_again(const struct scene *scene, const struct subject *former)
{
	for (uint32_t i = 0; i < scene->subject_count; i++) {
		if (scene->subjects[i].first == former->first &&
		    !strcmp(scene->subjects[i].name, former->name))
			return i;
	}
	return -1;
}

static void passage_go_on(struct passage *passage, const struct passage *former,
			  const int64_t *indexes, uint32_t count)
{
	passage->gauge = former->gauge;
	passage->lost_rows = former->lost_rows;
	passage->share = former->share;
	for (uint32_t i = 0; i < count; i++) {
		if (indexes[i] >= 0 && passage->leads[indexes[i]])
			passage->levels[indexes[i]] = former->levels[i];
	}
	for (uint32_t i = 0; i < former->step_count; i++) {
		int64_t index = indexes[former->steps[i].subject];

		if (index >= 0 && passage->leads[index])
			passage->steps[passage->step_count++] =
				(struct step){ (uint32_t)index, former->steps[i].before };
	}
	passage->gauge.is_turned_down = passage->step_count > 0;
}

void scene_go_on(struct scene *scene, const struct scene *former)
{
	int64_t *indexes = arena_zero(scene->arena, (former->subject_count + 1) * sizeof(*indexes));

	for (uint32_t i = 0; indexes && i < former->subject_count; i++) {
		const struct subject *old = &former->subjects[i];
		struct subject *subject;

		indexes[i] = subject_again(scene, old);
		if (indexes[i] < 0)
			continue;
		subject = &scene->subjects[indexes[i]];
		subject->rows = old->rows;
		subject->row_rate = old->row_rate;
		subject->level = old->level;
		subject->value = old->value;
		subject->sampled = old->sampled;
		subject->since_ns = old->since_ns;
		subject->alone_until_ns = old->alone_until_ns;
	}
	for (uint32_t i = 0; indexes && i < scene->passage_count; i++) {
		struct passage *passage = &scene->passages[i];
		const struct passage *old = passage_find(former, passage->from, passage->to);

		if (old)
			passage_go_on(passage, old, indexes, former->subject_count);
	}
}

// SPDX-License-Identifier: Apache-2.0
/* Pressure: while a queue stays full, the inputs before it are turned down step by step, and up
 * again when it has emptied. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pressure.h"
#include "pressure_scene.h"

enum { REASON_BYTES = 320 };

static const char actor[] = "pressure";
static const int64_t look_ns = NS_PER_SECOND;
static const int64_t claim_ns = 60ll * NS_PER_SECOND;  /* renewed at each look */
static const int64_t effect_ns = 15ll * NS_PER_SECOND; /* until then rows must have been sampled */
static const int64_t alone_ns = 60ll * NS_PER_SECOND;  /* else it is left alone for so long */
static const double idle_rows = 0.5;                   /* a second: nothing to turn down */

/* Who holds the knobs; only compared. */
static struct sonde_instance self = { .name = actor };

struct pressure {
	struct knobs *knobs;
	struct loop *loop;
	struct loop_timer timer;
	struct scene scene;
	int64_t looked_ns;
};

/* ---- turning ----------------------------------------------------------------------------- */

static int subject_tell(struct subject *subject, const char *error, int result)
{
	if (!subject->fails)
		log_write(SONDE_WARNING, subject->name,
			  "cannot be turned down while a queue is full: %s", error);
	subject->fails = true;
	return result;
}

static int subject_let_go(struct pressure *pressure, struct subject *subject)
{
	const struct knob_wish wish = { .owner = &self, .actor = actor, .name = subject->name };
	char error[256];

	subject->level = 0;
	return knobs_hold(pressure->knobs, &wish, error, sizeof(error));
}

static int subject_claim(struct pressure *pressure, struct subject *subject, uint64_t value,
			 const char *reason)
{
	const char *path = subject->path, *text;
	char number[32], error[256];
	const struct knob_wish wish = { .owner = &self,
					.actor = actor,
					.name = subject->name,
					.reason = reason,
					.for_ns = claim_ns,
					.count = 1,
					.paths = &path,
					.values = &text };
	int result;

	text = number;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	result = knobs_hold(pressure->knobs, &wish, error, sizeof(error));
	if (result)
		return subject_tell(subject, error, result);
	subject->value = value;
	subject->fails = false;
	return 0;
}

/* Not any more where the user has set the knob for good. */
static bool is_claimed(const struct pressure *pressure, const struct subject *subject)
{
	struct knob_holder holder;

	for (uint32_t i = 0; knob_holder(pressure->knobs, subject->name, PRESSURE_KNOB, i, &holder);
	     i++) {
		if (!holder.user && !strcmp(holder.actor, actor))
			return true;
	}
	return false;
}

static void reason_print(const struct passage *passage, bool more, char reason[REASON_BYTES])
{
	snprintf(reason, REASON_BYTES, "queue %s > %s is %s%.0f %% full", passage->from,
		 passage->to, more ? "only " : "", 100 * (passage->share < 1 ? passage->share : 1));
}

/* Brings the knob to what queues ask for; `moved`: that has just changed. Else it is kept up, on
 * top of what others set meanwhile; what the user set for good stays until the next step down. */
static int subject_apply(struct pressure *pressure, uint32_t index, const struct passage *because,
			 bool more, bool moved)
{
	struct subject *subject = &pressure->scene.subjects[index];
	const struct passage *asks = passage_that_asks(&pressure->scene, index);
	uint32_t level = asks ? asks->levels[index] : 0;
	struct knob_base base;
	char reason[REASON_BYTES];
	uint64_t value;
	int result;

	if (!level)
		return subject->level ? subject_let_go(pressure, subject) : 0;
	if (!moved && !is_claimed(pressure, subject)) {
		subject->level = 0;
		return 0;
	}
	result = knob_base(pressure->knobs, subject->path, &self, subject->name, &base);
	if (result)
		return subject_tell(subject, "its thread does not answer", result);
	value = strtoull(base.value, NULL, 10) << level;
	if (base.user && subject->level)
		value = subject->value; /* it comes to bear when the user lets go */
	reason_print(because ? because : asks, more, reason);
	result = subject_claim(pressure, subject, value, reason);
	if (!result && !subject->level) {
		subject->since_ns = pressure->looked_ns;
		subject->sampled = subject_sampled(subject);
	}
	if (!result)
		subject->level = level;
	return result;
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool can_go_down(struct pressure *pressure, const struct passage *passage, uint32_t index)
{
	const struct subject *subject = &pressure->scene.subjects[index];
	const struct passage *asks = passage_that_asks(&pressure->scene, index);
	struct knob_base base;

	if (!passage->leads[index] || subject->row_rate < idle_rows ||
	    subject->alone_until_ns > pressure->looked_ns ||
	    (asks && asks->levels[index] >= PRESSURE_LEVELS))
		return false;
	return !knob_base(pressure->knobs, subject->path, &self, subject->name, &base) &&
	       !base.user && strtoull(base.value, NULL, 10) <= UINT32_MAX >> PRESSURE_LEVELS;
}

/* The dearest first. */
static void step_down(struct pressure *pressure, struct passage *passage)
{
	struct scene *scene = &pressure->scene;
	const struct passage *asks;
	int64_t found = -1;
	uint32_t before;

	for (uint32_t i = 0; i < scene->subject_count; i++) {
		if ((found < 0 || scene->subjects[i].row_rate > scene->subjects[found].row_rate) &&
		    can_go_down(pressure, passage, i))
			found = i;
	}
	if (found < 0 || passage->step_count == passage->step_limit)
		return;
	asks = passage_that_asks(scene, (uint32_t)found);
	before = passage->levels[found];
	passage->levels[found] = (asks ? asks->levels[found] : 0) + 1;
	if (subject_apply(pressure, (uint32_t)found, passage, false, true)) {
		passage->levels[found] = before;
		return;
	}
	passage->steps[passage->step_count++] = (struct step){ (uint32_t)found, before };
	gauge_moved(&passage->gauge, GAUGE_LESS, false);
}

static void step_back(struct pressure *pressure, struct passage *passage)
{
	struct step step;

	if (!passage->step_count)
		return;
	step = passage->steps[--passage->step_count];
	passage->levels[step.subject] = step.before;
	gauge_moved(&passage->gauge, GAUGE_MORE, !passage->step_count);
	subject_apply(pressure, step.subject, passage, true,
		      pressure->scene.subjects[step.subject].level > 0);
}

/* Nobody asks anything of it any more. */
static void subject_leave_alone(struct pressure *pressure, uint32_t index)
{
	struct scene *scene = &pressure->scene;
	struct subject *subject = &scene->subjects[index];

	log_write(SONDE_INFO, subject->name,
		  "left as it is: turned down it leaves nothing out (it makes no rows one by one)");
	subject->alone_until_ns = pressure->looked_ns + alone_ns;
	for (uint32_t i = 0; i < scene->passage_count; i++) {
		struct passage *passage = &scene->passages[i];
		uint32_t kept = 0;

		for (uint32_t k = 0; k < passage->step_count; k++) {
			if (passage->steps[k].subject != index)
				passage->steps[kept++] = passage->steps[k];
		}
		passage->step_count = kept;
		passage->levels[index] = 0;
		passage->gauge.is_turned_down = kept > 0;
	}
	subject_let_go(pressure, subject);
}

static void passage_look(struct pressure *pressure, struct passage *passage)
{
	bool loses = passage_measure(&pressure->scene, passage);

	switch (gauge_look(&passage->gauge, passage->share, loses, pressure->looked_ns)) {
	case GAUGE_LESS:
		step_down(pressure, passage);
		break;
	case GAUGE_MORE:
		step_back(pressure, passage);
		break;
	default:
		break;
	}
}

void pressure_look(struct pressure *pressure, int64_t now_ns)
{
	struct scene *scene = &pressure->scene;
	double seconds = pressure->looked_ns ? (double)(now_ns - pressure->looked_ns) / 1e9 : 0;

	pressure->looked_ns = now_ns;
	for (uint32_t i = 0; i < scene->subject_count; i++)
		subject_measure(&scene->subjects[i], seconds);
	for (uint32_t i = 0; i < scene->passage_count; i++)
		passage_look(pressure, &scene->passages[i]);
	for (uint32_t i = 0; i < scene->subject_count; i++) {
		const struct subject *subject = &scene->subjects[i];

		if (subject->level && now_ns - subject->since_ns >= effect_ns &&
		    subject_sampled(subject) == subject->sampled)
			subject_leave_alone(pressure, i);
		else
			subject_apply(pressure, i, NULL, false, false);
	}
}

/* ---- life -------------------------------------------------------------------------------- */

static void pressure_due(void *data)
{
	pressure_look(data, clock_monotonic_ns());
}

/* Nothing is woken up where nothing can be turned. */
static void pressure_arm(struct pressure *pressure)
{
	if (pressure->scene.passage_count)
		loop_timer_every(pressure->loop, &pressure->timer, look_ns);
	else
		loop_timer_end(pressure->loop, &pressure->timer);
}

struct pressure *pressure_create(struct graph *graph, struct knobs *knobs, struct loop *loop)
{
	struct pressure *pressure = calloc(1, sizeof(*pressure));

	if (!pressure)
		return NULL;
	*pressure = (struct pressure){ .knobs = knobs, .loop = loop };
	pressure->timer = (struct loop_timer){ .run = pressure_due, .data = pressure };
	scene_make(&pressure->scene, graph);
	pressure_arm(pressure);
	return pressure;
}

void pressure_release(struct pressure *pressure)
{
	if (!pressure)
		return;
	loop_timer_end(pressure->loop, &pressure->timer);
	arena_release(pressure->scene.arena);
	free(pressure);
}

void pressure_follow(struct pressure *pressure, struct graph *graph)
{
	struct scene former = pressure->scene;

	scene_make(&pressure->scene, graph);
	if (pressure->scene.arena)
		scene_go_on(&pressure->scene, &former);
	arena_release(former.arena);
	pressure_arm(pressure);
	for (uint32_t i = 0; i < pressure->scene.subject_count; i++)
		subject_apply(pressure, i, NULL, false, false);
}

bool pressure_input(const struct pressure *pressure, uint32_t index,
		    struct pressure_input *ret_input)
{
	for (uint32_t i = 0; i < pressure->scene.subject_count; i++) {
		const struct subject *subject = &pressure->scene.subjects[i];
		const struct passage *asks = passage_that_asks(&pressure->scene, i);

		if (!subject->level || !asks || index--)
			continue;
		*ret_input = (struct pressure_input){ .name = subject->name,
						      .knob = PRESSURE_KNOB,
						      .from = asks->from,
						      .to = asks->to,
						      .one_in = 1u << subject->level,
						      .share = asks->share,
						      .since_ns = subject->since_ns };
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A config at work on recordings, in the recordings' time. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <recording.h>
#include "batch.h"
#include "bounds.h"
#include "clock.h"
#include "graph.h"
#include "host.h"
#include "insight.h"
#include "knob.h"
#include "memory.h"
#include "rehearsal.h"
#include "wish.h"

enum {
	STEPS_LIMIT = 1000, /* of the clock, from one batch to the next */
	SPINS = 100,        /* looks at what is under way, before there is a pause */
};

static const int64_t step_least_ns = 100ll * NS_PER_MS;
static const int64_t patience_ns = 60ll * NS_PER_SECOND;
static const int64_t pause_ns = 50ll * NS_PER_US;

/* An input with the batch that comes next from it. */
struct part {
	struct recording *recording;
	struct sonde_batch **read; /* of the last frame; from `next` on ours */
	uint32_t read_count, next;
	int64_t time_ns; /* of the batch that is next; of one that does not say it, as before */
	bool is_over;
	struct instance *instance;
	struct rehearsal *rehearsal;
};

struct rehearsal {
	FILE *messages;
	struct sonde_instance services; /* of no plugin: what reads recordings asks it */
	struct part *parts;
	uint32_t part_count;
	struct loop *loop; /* of knobs */
	struct graph *graph;
	struct knobs *knobs;
	struct loop_task turn;
	int64_t now_ns; /* that the clock shows */
	uint64_t row_count;
	uint32_t damaged_count;
};

/* ---- recordings -------------------------------------------------------------------------- */

static void on_damaged(void *data, const char *path, int64_t offset, int64_t length,
		       const char *why)
{
	struct rehearsal *rehearsal = data;

	rehearsal->damaged_count++;
	fprintf(rehearsal->messages, "%s: %s, at byte %lld (%lld bytes): record it anew\n", path,
		why, (long long)offset, (long long)length);
}

static void on_failed(void *data, const char *path, int error)
{
	struct rehearsal *rehearsal = data;

	rehearsal->damaged_count++;
	fprintf(rehearsal->messages, "%s: cannot be read: %s\n", path, strerror(error));
}

static const struct recording_news news = { .damaged = on_damaged, .failed = on_failed };

/* Looks at the next batch of a recording, which may be its end. -EINVAL: it is damaged, which was
 * said; -ENOMEM. */
static int part_advance(struct part *part)
{
	int result;

	while (part->next == part->read_count && !part->is_over) {
		part->next = part->read_count = 0;
		result = recording_next(part->recording, &part->read, &part->read_count);
		if (part->rehearsal->damaged_count)
			return -EINVAL;
		if (result < 0)
			return result;
		part->is_over = result == 0;
	}
	if (!part->is_over) {
		int64_t time_ns = recording_time(part->read[part->next]);

		if (time_ns != INT64_MIN)
			part->time_ns = time_ns;
	}
	return 0;
}

static void part_close(struct part *part)
{
	while (part->next < part->read_count)
		batch_release(part->read[part->next++]);
	recording_close(part->recording);
}

static int parts_open(struct rehearsal *rehearsal, const struct rehearsal_input *inputs)
{
	for (uint32_t at = 0; at < rehearsal->part_count; at++) {
		struct part *part = &rehearsal->parts[at];
		char error[512];
		int result;

		part->rehearsal = rehearsal;
		result = recording_open(&rehearsal->services, &inputs[at].paths, &news, rehearsal,
					&part->recording, error, sizeof(error));
		if (result) {
			fprintf(rehearsal->messages, "recording of %s: %s\n", inputs[at].name,
				error);
			return -EINVAL;
		}
		result = part_advance(part);
		if (result)
			return result;
	}
	return 0;
}

/* That of the batch which was recorded first; NULL: all are over. */
static struct part *part_first(const struct rehearsal *rehearsal)
{
	struct part *first = NULL;

	for (uint32_t at = 0; at < rehearsal->part_count; at++) {
		struct part *part = &rehearsal->parts[at];

		if (!part->is_over && (!first || part->time_ns < first->time_ns))
			first = part;
	}
	return first;
}

/* ---- rest -------------------------------------------------------------------------------- */

static bool wait_idle(struct route *route, int64_t deadline_ns)
{
	for (uint32_t spins = 0; !route_is_idle(route); spins++) {
		if (spins < SPINS)
			(void)sched_yield();
		else
			clock_sleep_ns(pause_ns);
		if (clock_monotonic_ns() > deadline_ns)
			return false;
	}
	return true;
}

static bool wait_sources(const struct sources *sources, int64_t deadline_ns)
{
	for (uint32_t at = 0; at < sources->count; at++)
		if (!wait_idle(sources->routes[at], deadline_ns))
			return false;
	return true;
}

/* In the order in which rows go, so that what was found idle stays so. */
static bool wait_pipelines(const struct graph *graph, int64_t deadline_ns)
{
	uint32_t count = graph->config->pipeline_count;

	for (uint32_t order = 0; order < count; order++) {
		for (uint32_t at = 0; at < count; at++) {
			const struct graph_pipeline *pipeline = &graph->pipelines[at];

			if (pipeline->config->order == order &&
			    !wait_sources(&pipeline->replicas[0].sources, deadline_ns))
				return false;
		}
	}
	return true;
}

/* What is on its way to knobs, and what falls back. */
static void turn_end(void *data)
{
	struct rehearsal *rehearsal = data;

	loop_end(rehearsal->loop);
}

static void take_turn(struct rehearsal *rehearsal)
{
	loop_post(rehearsal->loop, &rehearsal->turn);
	loop_run(rehearsal->loop);
}

/* Until all that is under way has come to where it goes. */
static int wait_rest(struct rehearsal *rehearsal)
{
	const struct graph *graph = rehearsal->graph;
	int64_t deadline_ns = clock_monotonic_ns() + patience_ns;
	bool rests = wait_pipelines(graph, deadline_ns);

	for (uint32_t at = 0; at < graph->config->instance_count && rests; at++)
		if (graph->nodes[at].outputs && graph->nodes[at].count)
			rests = wait_sources(&graph->nodes[at].outputs[0].sources, deadline_ns);
	take_turn(rehearsal);
	if (rests)
		return 0;
	fprintf(rehearsal->messages, "a batch is under way for longer than 60 s: giving up\n");
	return -ETIMEDOUT;
}

/* ---- time -------------------------------------------------------------------------------- */

static void nothing(void *data)
{
	(void)data;
}

/* Each loop sees the new time: timers run behind the tasks of a turn, so that the second call
 * finds those done that were due in the turn of the first. */
static int timers_run(struct rehearsal *rehearsal)
{
	const struct graph *graph = rehearsal->graph;

	for (uint32_t at = 0; at < graph->loop_count; at++)
		for (int turn = 0; turn < 2; turn++)
			if (loop_call(graph->loops[at].loop, nothing, NULL, patience_ns)) {
				fprintf(rehearsal->messages,
					"a plugin on the thread \"%s\" does not return: giving "
					"up\n",
					loop_name(graph->loops[at].loop));
				return -ETIMEDOUT;
			}
	return wait_rest(rehearsal);
}

/* Lets the time pass until then. */
static int clock_advance(struct rehearsal *rehearsal, int64_t until_ns)
{
	int64_t step_ns = (until_ns - rehearsal->now_ns) / STEPS_LIMIT;
	int result = 0;

	if (step_ns < step_least_ns)
		step_ns = step_least_ns;
	while (rehearsal->now_ns < until_ns && !result) {
		int64_t left_ns = until_ns - rehearsal->now_ns;

		rehearsal->now_ns += left_ns < step_ns ? left_ns : step_ns;
		clock_pretend(rehearsal->now_ns);
		result = timers_run(rehearsal);
	}
	return result;
}

/* ---- batches ----------------------------------------------------------------------------- */

struct sending {
	struct instance *instance;
	struct sonde_batch *batch;
};

static void send(void *data)
{
	struct sending *sending = data;
	struct sonde_instance *base = &sending->instance->base;

	instance_enter(sending->instance, CALLBACK_WOKEN);
	(void)instance_leave(sending->instance, CALLBACK_WOKEN,
			     base->host->batch_emit(base, sending->batch, NULL));
}

/* A batch comes when its rows are gathered: when the latest of them has happened. */
static int play(struct rehearsal *rehearsal, struct part *part)
{
	struct sending sending = { .instance = part->instance, .batch = part->read[part->next] };
	int64_t latest_ns = recording_latest_time(sending.batch);
	int result = 0;

	if (latest_ns > rehearsal->now_ns)
		result = clock_advance(rehearsal, latest_ns);
	if (result)
		return result;
	part->next++;
	rehearsal->row_count += sending.batch->selected_count;
	result = loop_call(part->instance->loop, send, &sending, patience_ns) ? -ETIMEDOUT : 0;
	if (!result)
		result = wait_rest(rehearsal);
	return result ? result : part_advance(part);
}

/* ---- the whole --------------------------------------------------------------------------- */

static int rehearsal_open(struct rehearsal *rehearsal, struct config *config, struct ledger *ledger)
{
	int result;

	memory_begin();
	result = bounds_set(config);
	if (result)
		return result;
	rehearsal->loop = loop_create("main");
	if (!rehearsal->loop)
		return -errno;
	result = graph_create(config, ledger, NULL, &rehearsal->graph);
	if (result)
		return result;
	insight_open(ledger, "test");
	rehearsal->knobs = knobs_create(rehearsal->graph, rehearsal->loop);
	if (!rehearsal->knobs)
		return -ENOMEM;
	wishes_open(rehearsal->knobs, rehearsal->loop);
	return 0;
}

static int rehearsal_start(struct rehearsal *rehearsal, const struct rehearsal_input *inputs)
{
	struct loop_task ready = { .run = turn_end, .data = rehearsal };
	const struct instance *unstarted;
	int result = graph_start(rehearsal->graph, rehearsal->loop, &ready);

	if (result)
		return result;
	loop_run(rehearsal->loop); /* until every start() has returned */
	unstarted = graph_unstarted(rehearsal->graph);
	if (unstarted) {
		fprintf(rehearsal->messages, "%s cannot start: %s\n", unstarted->base.name,
			unstarted->problem);
		return -EINVAL;
	}
	for (uint32_t at = 0; at < rehearsal->part_count; at++)
		rehearsal->parts[at].instance =
			graph_node(rehearsal->graph, inputs[at].name)->instances[0];
	return 0;
}

static int rehearsal_run(struct rehearsal *rehearsal)
{
	struct part *part;
	int result = 0;

	while (!result && (part = part_first(rehearsal)))
		result = play(rehearsal, part);
	return result;
}

/* Drains also what goes no further. -ETIMEDOUT: nothing may be freed. */
static int rehearsal_stop(struct rehearsal *rehearsal)
{
	if (graph_stop(rehearsal->graph, clock_monotonic_ns() + patience_ns)) {
		fprintf(rehearsal->messages, "a plugin did not return: leaving it behind\n");
		return -ETIMEDOUT;
	}
	return 0;
}

static void rehearsal_close(struct rehearsal *rehearsal)
{
	wishes_close();
	knobs_release(rehearsal->knobs);
	if (rehearsal->graph)
		graph_clear(rehearsal->graph);
	graph_release(rehearsal->graph);
	insight_open(NULL, "");
	loop_release(rehearsal->loop);
	for (uint32_t at = 0; at < rehearsal->part_count; at++)
		part_close(&rehearsal->parts[at]);
	free(rehearsal->parts);
	clock_pretend(0);
}

/* The clock shows when the first batch came, before anything starts. */
static int rehearsal_begin(struct rehearsal *rehearsal)
{
	const struct part *first = part_first(rehearsal);

	if (!first) {
		fprintf(rehearsal->messages, "the recordings hold no rows\n");
		return -EINVAL;
	}
	rehearsal->now_ns = first->time_ns > 0 ? first->time_ns : clock_wall_ns();
	clock_pretend(rehearsal->now_ns);
	return 0;
}

int rehearse(struct config *config, const struct rehearsal_input *inputs, uint32_t input_count,
	     struct ledger *ledger, FILE *messages, uint64_t *ret_rows)
{
	struct rehearsal rehearsal = {
		.messages = messages,
		.services = { .size = sizeof(struct sonde_instance),
			      .replica_count = 1,
			      .name = "test",
			      .host = host_services() },
		.part_count = input_count,
		.parts = calloc(input_count + 1, sizeof(*rehearsal.parts)),
		.turn = { .run = turn_end },
	};
	int result = rehearsal.parts ? 0 : -ENOMEM, stopped = 0;

	rehearsal.turn.data = &rehearsal;
	if (!result)
		result = parts_open(&rehearsal, inputs);
	if (!result)
		result = rehearsal_begin(&rehearsal);
	if (!result)
		result = rehearsal_open(&rehearsal, config, ledger);
	if (!result) {
		result = rehearsal_start(&rehearsal, inputs);
		if (!result)
			result = rehearsal_run(&rehearsal);
		stopped = rehearsal_stop(&rehearsal);
	}
	*ret_rows = rehearsal.row_count;
	if (stopped)
		return stopped;
	rehearsal_close(&rehearsal);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: batches from routes, through processors as plain calls, to routes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "pipeline.h"

enum { PIPELINE_BATCHES_PER_TURN = 16 };

/* ---- fans ------------------------------------------------------------------------------------- */

struct fan_branch *fan_add(struct fan *fan, uint32_t replica_count)
{
	struct fan_branch *branches = realloc(fan->branches, (fan->count + 1) * sizeof(*branches));

	if (!branches)
		return NULL;
	fan->branches = branches;
	branches[fan->count] = (struct fan_branch){
		.routes = calloc(replica_count, sizeof(struct route *)), .count = replica_count
	};
	return branches[fan->count].routes ? &branches[fan->count++] : NULL;
}

void fan_clear(struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++)
		free(fan->branches[i].routes);
	free(fan->branches);
	*fan = (struct fan){ 0 };
}

void fan_push(struct fan *fan, struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		route_push(branch->routes[branch->next], batch_hold(batch));
		branch->next = branch->next + 1 < branch->count ? branch->next + 1 : 0;
	}
	batch_release(batch);
}

bool fan_is_full(struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		if (route_is_full(branch->routes[branch->next]))
			return true;
	}
	return false;
}

int fan_reserve(struct fan *fan, size_t bytes)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];
		int result = route_reserve(branch->routes[branch->next], bytes);

		if (!result)
			continue;
		while (i--) {
			branch = &fan->branches[i];
			route_unreserve(branch->routes[branch->next], bytes);
		}
		return result;
	}
	return 0;
}

void fan_unreserve(struct fan *fan, size_t bytes)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		route_unreserve(branch->routes[branch->next], bytes);
	}
}

/* ---- emitting --------------------------------------------------------------------------------- */

static struct tally batch_tally(const struct sonde_batch *batch)
{
	return (struct tally){ .rows = batch->selected_count, .events = batch->event_count };
}

void input_emit(struct instance *instance, struct sonde_batch *batch)
{
	struct tally size;

	batch_finish(batch);
	size = batch_tally(batch);
	tally_add(&instance->account->in, size.rows, size.events);
	tally_add(&instance->account->out, size.rows, size.events);
	fan_push(instance->owner, batch);
}

static void pipeline_push(struct pipeline *pipeline, uint32_t stage, struct sonde_batch *batch);

void processor_emit(struct instance *instance, struct sonde_batch *batch)
{
	struct receipts *receipts;
	struct tally size;

	batch_finish(batch);
	size = batch_tally(batch);
	tally_add(&instance->account->out, size.rows, size.events);
	if (instance->callback == CALLBACK_PROCESS && !instance->folding) {
		instance->counting.passed.rows += size.rows;
		instance->counting.passed.events += size.events;
		receipts = batch_receipts(batch);
		if (receipts->count == 1) /* what was dropped on the way is booked as reduced */
			receipts->items[0].rows = size.rows;
	} else if (!instance->folding) {
		tally_add(&instance->account->made, size.rows, size.events);
	}
	pipeline_push(instance->owner, instance->position + 1, batch);
}

/* ---- processors ------------------------------------------------------------------------------- */

/* Rows kept until they go on in others, and who waits for them. */
struct sonde_receipts {
	struct receipts list;
	struct tally kept;
};

struct sonde_receipts *processor_keep(struct instance *instance, struct sonde_batch *batch,
				      struct sonde_receipts *receipts)
{
	struct sonde_receipts *into = receipts ? receipts : calloc(1, sizeof(*into));
	struct tally size = batch_tally(batch);

	if (!into)
		return NULL;
	if (receipts_join(&into->list, batch_receipts(batch))) {
		if (!receipts)
			free(into);
		return NULL;
	}
	into->kept.rows += size.rows;
	into->kept.events += size.events;
	instance->counting.booked.rows += size.rows;
	instance->counting.booked.events += size.events;
	instance->held.rows += size.rows;
	instance->held.events += size.events;
	return into;
}

/* Books the difference between what was kept and what goes on for it. */
static void processor_book_fold(struct instance *instance, struct tally kept, struct tally out)
{
	struct account *account = instance->account;

	instance->held.rows -= kept.rows;
	instance->held.events -= kept.events;
	tally_add(&account->reduced[SONDE_AGGREGATED], kept.rows > out.rows ? kept.rows - out.rows : 0,
		  kept.events > out.events ? kept.events - out.events : 0);
	tally_add(&account->made, out.rows > kept.rows ? out.rows - kept.rows : 0,
		  out.events > kept.events ? out.events - kept.events : 0);
}

int processor_fold(struct instance *instance, struct sonde_receipts *receipts,
		   struct sonde_batch *batch)
{
	struct tally out = { 0 };
	int result = 0;

	if (batch) {
		batch_finish(batch);
		out = batch_tally(batch);
		result = receipts_join(batch_receipts(batch), &receipts->list);
	} else {
		for (uint32_t i = 0; i < receipts->list.count; i++)
			receipt_reduced(receipts->list.items[i].receipt,
					receipts->list.items[i].rows);
	}
	processor_book_fold(instance, receipts->kept, out);
	receipts_clear(&receipts->list);
	free(receipts);
	if (batch) {
		instance->folding = true;
		processor_emit(instance, batch);
		instance->folding = false;
	}
	return result;
}

static uint64_t rest_of(uint64_t in, uint64_t passed, uint64_t booked)
{
	return in > passed + booked ? in - passed - booked : 0;
}

/* What process() neither passed on nor booked is reduced, or lost where it failed; what it passed on
 * beyond its input it made. */
static void processor_book(struct instance *instance, struct sonde_batch *batch, int result)
{
	const struct process_count *c = &instance->counting;
	struct account *account = instance->account;
	const struct receipts *receipts = batch_receipts(batch);
	struct tally rest = {
		.rows = rest_of(c->in.rows, c->passed.rows, c->booked.rows),
		.events = rest_of(c->in.events, c->passed.events, c->booked.events),
	};

	tally_add(&account->made, rest_of(c->passed.rows + c->booked.rows, c->in.rows, 0),
		  rest_of(c->passed.events + c->booked.events, c->in.events, 0));
	if (result < 0)
		tally_add(&account->lost[SONDE_LOST_FAILED], rest.rows, rest.events);
	else
		tally_add(&account->reduced[instance->plugin->descriptor->reduces], rest.rows,
			  rest.events);
	for (uint32_t i = 0; rest.rows && i < receipts->count; i++) {
		uint64_t share = receipts->count == 1 ? rest.rows : 0;

		if (result < 0)
			receipt_lost(receipts->items[i].receipt, share, "failed", false, false);
		else
			receipt_reduced(receipts->items[i].receipt, share);
	}
}

static void processor_run(struct instance *instance, struct sonde_batch *batch)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;
	int result;

	instance->counting = (struct process_count){ .in = batch_tally(batch) };
	tally_add(&instance->account->in, instance->counting.in.rows,
		  instance->counting.in.events);
	if (!instance_is_running(instance)) {
		result = -EAGAIN; /* its start failed: rows cannot go past it unseen */
	} else {
		instance_enter(instance, CALLBACK_PROCESS);
		result = plugin->process(&instance->base, batch);
		if (result == SONDE_PASS)
			processor_emit(instance, batch_hold(batch));
		instance_leave(instance, CALLBACK_PROCESS, result);
	}
	processor_book(instance, batch, result);
	batch_release(batch);
}

/* ---- pipelines -------------------------------------------------------------------------------- */

static void pipeline_push(struct pipeline *pipeline, uint32_t stage, struct sonde_batch *batch)
{
	if (!batch->selected_count) /* nothing that counts */
		batch_release(batch);
	else if (stage < pipeline->stage_count)
		processor_run(pipeline->stages[stage], batch);
	else
		fan_push(&pipeline->fan, batch);
}

/* The next batch of the sources, which take turns. */
static struct sonde_batch *pipeline_pop(struct pipeline *pipeline, struct route **ret_route)
{
	for (uint32_t i = 0; i < pipeline->source_count; i++) {
		struct route *route = pipeline->sources[pipeline->next_source];
		struct sonde_batch *batch;

		pipeline->next_source = (pipeline->next_source + 1) % pipeline->source_count;
		batch = route_pop(route);
		if (batch) {
			*ret_route = route;
			return batch;
		}
	}
	return NULL;
}

static void pipeline_run(void *data)
{
	struct pipeline *pipeline = data;
	struct sonde_batch *batch;
	struct route *route;

	for (uint32_t i = 0; i < PIPELINE_BATCHES_PER_TURN; i++) {
		if (pipeline->ended || fan_is_full(&pipeline->fan))
			return; /* `room` posts the task again */
		batch = pipeline_pop(pipeline, &route);
		if (!batch)
			return; /* `arrived` does */
		pipeline_push(pipeline, 0, batch_hold(batch));
		route_settle(route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	loop_post(pipeline->loop, &pipeline->task);
}

void pipeline_init(struct pipeline *pipeline, const struct pipeline_config *config,
		   struct loop *loop)
{
	*pipeline = (struct pipeline){ .config = config, .loop = loop };
	pipeline->task = (struct loop_task){ .run = pipeline_run, .data = pipeline };
}

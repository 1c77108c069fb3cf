/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: batches from routes, through processors as plain calls, to routes. */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "commit.h"
#include "log.h"
#include "memory.h"
#include "pipeline.h"
#include "processor.h"
#include "resource.h"

enum { PIPELINE_BATCHES_PER_TURN = 16 };

/* ---- fans -------------------------------------------------------------------------------- */

struct fan_branch *fan_add(struct fan *fan, uint32_t replica_count)
{
	struct fan_branch *branches = realloc(fan->branches, (fan->count + 1) * sizeof(*branches));

	if (!branches)
		return NULL;
	fan->branches = branches;
	branches[fan->count] =
		(struct fan_branch){ .routes = calloc(replica_count, sizeof(struct route *)),
				     .count = replica_count };
	return branches[fan->count].routes ? &branches[fan->count++] : NULL;
}

void fan_clear(struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		free(fan->branches[i].routes);
		gate_release(fan->branches[i].gate);
	}
	free(fan->branches);
	memory_unreserve(fan->reserved_bytes);
	*fan = (struct fan){ 0 };
}

/* Gives back what all routes of a branch but one have promised for a batch: that one took it. */
static void branch_unreserve(struct fan_branch *branch, uint32_t but, size_t bytes)
{
	for (uint32_t i = 0; bytes && i < branch->count; i++) {
		if (i != but)
			route_unreserve(branch->routes[i], bytes);
	}
}

void fan_push(struct fan *fan, struct sonde_batch *batch)
{
	size_t bytes = batch_bytes(batch);

	listening_pass(&fan->listening, batch);
	if (bytes > fan->reserved_bytes)
		bytes = fan->reserved_bytes;
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		if (!branch->gate)
			route_push(branch->routes[branch->next], batch_hold(batch));
		else if (!gate_push(branch->gate, branch->routes[branch->next], batch))
			continue; /* whose turn it is keeps it */
		branch_unreserve(branch, branch->next, bytes);
		branch->next = branch->next + 1 < branch->count ? branch->next + 1 : 0;
	}
	if (bytes)
		memory_unreserve(bytes);
	fan->reserved_bytes -= bytes;
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

/* In every route, since each may have its turn when the rows come. */
static int branch_reserve(struct fan_branch *branch, size_t bytes)
{
	for (uint32_t i = 0; i < branch->count; i++) {
		int result = route_reserve(branch->routes[i], bytes);

		if (!result)
			continue;
		while (i--)
			route_unreserve(branch->routes[i], bytes);
		return result;
	}
	return 0;
}

static int branches_reserve(struct fan *fan, size_t bytes)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		int result = branch_reserve(&fan->branches[i], bytes);

		if (!result)
			continue;
		while (i--)
			branch_unreserve(&fan->branches[i], UINT32_MAX, bytes);
		return result;
	}
	return 0;
}

/* Takes back what every route has promised; whether nothing else of the sender is under way. */
static bool fan_take_back(struct fan *fan, size_t bytes)
{
	bool empty = !fan->reserved_bytes;

	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		for (uint32_t r = 0; r < branch->count; r++)
			empty &= !route_take_back(branch->routes[r], bytes);
	}
	return empty;
}

/* Who has nothing under way would never be told of room: it is promised all the same. */
static int fan_reserve_alone(struct fan *fan, size_t bytes)
{
	int result = branches_reserve(fan, bytes);

	if (result)
		return result;
	result = relief_reserve(bytes, true);
	if (result)
		fan_take_back(fan, bytes);
	return result;
}

int fan_reserve(struct fan *fan, size_t bytes)
{
	int result = branches_reserve(fan, bytes);

	if (result)
		return result;
	result = relief_reserve(bytes, false);
	if (result && fan_take_back(fan, bytes) && result == -EAGAIN)
		result = fan_reserve_alone(fan, bytes);
	if (!result)
		fan->reserved_bytes += bytes;
	return result;
}

void fan_unreserve(struct fan *fan, size_t bytes)
{
	if (bytes > fan->reserved_bytes)
		bytes = fan->reserved_bytes;
	for (uint32_t i = 0; i < fan->count; i++)
		branch_unreserve(&fan->branches[i], UINT32_MAX, bytes);
	memory_unreserve(bytes);
	fan->reserved_bytes -= bytes;
}

/* ---- emitting ---------------------------------------------------------------------------- */

/* Handed on is booked when the routes have the rows: of a process that is killed in between, they
 * count as lost here too, never as gone unseen. */
void input_emit(struct instance *instance, struct sonde_batch *batch)
{
	uint64_t rows, events;

	if (resource_add(instance->resource, batch))
		log_write(SONDE_WARNING, instance->base.name,
			  "memory is refused: rows go without what `sonde.resource` says");
	batch_finish(batch);
	rows = batch->selected_count;
	events = batch->event_count;
	tally_add(&instance->account->in, rows, events);
	fan_push(instance->owner, batch);
	tally_add(&instance->account->out, rows, events);
}

/* ---- pipelines --------------------------------------------------------------------------- */

void pipeline_push(struct pipeline *pipeline, uint32_t stage, struct sonde_batch *batch)
{
	if (!batch->selected_count) /* nothing that counts */
		batch_release(batch);
	else if (stage < pipeline->stage_count)
		processor_run(pipeline->stages[stage], batch);
	else
		fan_push(&pipeline->fan, batch);
}

/* Rows that lie on disk can wait for a processor that could not start; others are lost to it. */
static bool pipeline_is_ready(const struct pipeline *pipeline)
{
	for (uint32_t i = 0; pipeline->commit && i < pipeline->stage_count; i++) {
		if (!instance_is_running(pipeline->stages[i]))
			return false; /* its start posts the task */
	}
	return true;
}

static void pipeline_run(struct pipeline *pipeline)
{
	struct sonde_batch *batch;
	struct route *route;

	for (uint32_t i = 0; i < PIPELINE_BATCHES_PER_TURN; i++) {
		if (__atomic_load_n(&pipeline->ended, __ATOMIC_ACQUIRE) ||
		    !pipeline_is_ready(pipeline) || fan_is_full(&pipeline->fan))
			return; /* `room` posts the task again */
		batch = sources_pop(&pipeline->sources, &route);
		if (!batch)
			return; /* `arrived` does */
		pipeline_push(pipeline, 0, batch_hold(batch));
		route_settle(route, batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	loop_post(pipeline->loop, &pipeline->task);
}

static void pipeline_turn(void *data)
{
	struct pipeline *pipeline = data;

	pipeline_run(pipeline);
	if (pipeline->commit)
		commit_look(pipeline->commit);
}

bool pipeline_is_replaying(const struct pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->sources.count; i++) {
		struct spool *spool = pipeline->sources.routes[i]->spool;

		if (spool && spool_is_replaying(spool))
			return true;
	}
	return false;
}

void pipeline_init(struct pipeline *pipeline, const struct pipeline_config *config,
		   struct loop *loop)
{
	*pipeline = (struct pipeline){ .config = config, .loop = loop };
	pipeline->task = (struct loop_task){ .run = pipeline_turn, .data = pipeline };
}

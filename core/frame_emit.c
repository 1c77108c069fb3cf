/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that an input emits as they came: to queues on disk as bytes, to others as batches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "frame.h"
#include "frame_emit.h"
#include "log.h"
#include "pipeline.h"
#include "resource.h"

/* One that is on its way. */
struct emission {
	struct instance *instance;
	struct fan *fan;
	const struct sonde_frame *frame;
	struct sonde_batch **batches; /* NULL: nobody wants it as batches */
	uint32_t count;
	struct receipt *receipt;
};

static struct route *branch_route(const struct fan_branch *branch)
{
	return branch->routes[branch->next];
}

static bool wants_batches(const struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		if (!branch_route(&fan->branches[i])->spool)
			return true;
	}
	return listening_is_on(&fan->listening);
}

static void emission_clear(struct emission *emission)
{
	for (uint32_t i = 0; emission->batches && i < emission->count; i++)
		batch_release(emission->batches[i]);
	free(emission->batches);
}

static int batch_dress(struct instance *instance, struct sonde_batch *batch, const char *origin)
{
	int result = origin ? origin_add(&instance->origin, origin, batch) : 0;

	return result ? result : resource_add(instance->resource, batch);
}

static int emission_read(struct emission *emission)
{
	uint32_t count = emission->frame->batch_count;
	struct sonde_batch **batches = calloc(count + 1, sizeof(struct sonde_batch *));
	int result = batches ? frame_read(emission->frame, batches, count) : -ENOMEM;

	if (result) {
		free(batches);
		return result;
	}
	emission->batches = batches;
	emission->count = count;
	for (uint32_t i = 0; i < count && !result; i++) {
		result = batch_dress(emission->instance, batches[i], emission->frame->origin);
		batch_finish(batches[i]);
	}
	return result;
}

/* To the first of the routes on disk that has no room it does not go, nor to any other; those
 * behind it book what they cannot take. */
static int emission_append(struct emission *emission)
{
	const struct sonde_frame *frame = emission->frame;
	struct fan *fan = emission->fan;
	bool taken = emission->batches != NULL;

	for (uint32_t i = 0; i < fan->count; i++) {
		struct route *route = branch_route(&fan->branches[i]);
		int result =
			route->spool ? spool_push_frame(route->spool, frame, emission->receipt) : 0;

		if (result && !taken)
			return result;
		if (result) {
			route_refuse_frame(route, frame);
			receipt_lost(emission->receipt, frame->rows,
				     loss_name(SONDE_LOST_QUEUE_FULL), true, false);
			log_write(SONDE_ERROR, emission->instance->base.name,
				  "%llu rows for %s were refused by its queue on disk: %s",
				  (unsigned long long)frame->rows, route->to, strerror(-result));
		}
		taken = true;
	}
	return 0;
}

/* To the routes in memory, and to who listens. */
static int emission_push(struct emission *emission, struct sonde_batch *batch)
{
	struct fan *fan = emission->fan;
	int result = receipts_add(batch_receipts(batch), emission->receipt, batch->selected_count);

	if (result)
		return result;
	listening_pass(&fan->listening, batch);
	for (uint32_t i = 0; i < fan->count; i++) {
		struct route *route = branch_route(&fan->branches[i]);

		if (!route->spool)
			route_push(route, batch_hold(batch));
	}
	return 0;
}

static void fan_turn(struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct fan_branch *branch = &fan->branches[i];

		branch->next = branch->next + 1 < branch->count ? branch->next + 1 : 0;
	}
}

static int emission_send(struct emission *emission)
{
	const struct sonde_frame *frame = emission->frame;
	struct account *account = emission->instance->account;
	int result = emission_append(emission);

	if (result)
		return result;
	tally_add(&account->in, frame->rows, frame->events);
	for (uint32_t i = 0; emission->batches && i < emission->count; i++) {
		struct sonde_batch *batch = emission->batches[i];

		if (!emission_push(emission, batch))
			continue;
		receipt_lost(emission->receipt, batch->selected_count, loss_name(SONDE_LOST_MEMORY),
			     true, false);
	}
	tally_add(&account->out, frame->rows, frame->events);
	fan_turn(emission->fan);
	return 0;
}

static int frame_validate(const struct sonde_frame *frame, bool whole)
{
	struct sonde_frame look = { .size = sizeof(look) };
	int result = frame_look(frame->data, frame->length, &look);

	if (result)
		return result == -EAGAIN ? -EBADMSG : result;
	if (look.length != frame->length || look.rows != frame->rows ||
	    look.events != frame->events || look.batch_count != frame->batch_count)
		return -EBADMSG;
	return whole ? frame_check(frame) : 0;
}

int frame_emit(struct instance *instance, const struct sonde_frame *frame, uint64_t token)
{
	struct emission emission = { .instance = instance, .fan = instance->owner, .frame = frame };
	bool batches = wants_batches(emission.fan);
	struct settlement_list *awaited = instance_await(instance);
	int result = awaited ? frame_validate(frame, !batches) : -ENOMEM;

	if (!result)
		emission.receipt = receipt_create(instance_settled, awaited, token);
	if (!result && !emission.receipt)
		result = -ENOMEM;
	if (!result && batches)
		result = emission_read(&emission);
	if (!result)
		result = emission_send(&emission);
	emission_clear(&emission);
	if (result) {
		if (emission.receipt)
			receipt_cancel(emission.receipt);
		free(awaited);
		return result;
	}
	fan_unreserve(emission.fan, frame->memory_bytes);
	__atomic_add_fetch(&instance->receipt_count, 1, __ATOMIC_RELAXED);
	receipt_release(emission.receipt);
	return 0;
}

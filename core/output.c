/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs at work: batches from routes as deliveries, several in flight, offered again with
 * backoff. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "clock.h"
#include "log.h"
#include "output.h"

enum { OUTPUT_DELIVERIES_PER_TURN = 16 };

enum item_state { ITEM_OPEN, ITEM_GONE, ITEM_AGAIN };

struct delivery_item {
	struct route *route;
	uint32_t state; /* enum item_state */
	bool uncertain; /* some attempt may have reached the receiver */
};

/* A delivery with our side of it. Batches and items are arrays of the output's batch_limit. */
struct delivery {
	struct sonde_delivery base; /* first: what the plugin sees */
	struct output *output;
	struct delivery *next, **link; /* link: what points here while it is in flight */
	struct sonde_batch **batches;
	struct delivery_item *items;
	struct sonde_frame frame; /* instead of batches, whose route is that of items[0] */
	uint64_t number;          /* of the frame's record; 0: there are batches */
	uint32_t open_count;
	bool writing;     /* write() has not returned: freed after it */
	int64_t first_ns; /* monotonic: when it was offered first */
	int64_t retry_after_ns;
};

static struct delivery *delivery_create(struct output *output)
{
	struct delivery *delivery =
		calloc(1, sizeof(*delivery) + output->batch_limit * (sizeof(struct sonde_batch *) +
								     sizeof(struct delivery_item)));

	if (!delivery)
		return NULL;
	delivery->batches = (struct sonde_batch **)(delivery + 1);
	delivery->items = (struct delivery_item *)(delivery->batches + output->batch_limit);
	delivery->output = output;
	delivery->base.size = sizeof(struct sonde_delivery);
	delivery->base.batches = delivery->batches;
	return delivery;
}

/* Batches, or one frame. */
static uint32_t delivery_count(const struct delivery *delivery)
{
	return delivery->number ? 1 : delivery->base.batch_count;
}

static uint64_t delivery_rows(const struct delivery *delivery, uint32_t at)
{
	return delivery->number ? delivery->frame.rows : delivery->batches[at]->selected_count;
}

static void delivery_settle(struct delivery *delivery, uint32_t at, uint64_t lost_rows,
			    enum sonde_loss loss)
{
	struct delivery_item *item = &delivery->items[at];

	if (delivery->number)
		route_settle_frame(item->route, delivery->number, &delivery->frame, lost_rows, loss,
				   item->uncertain);
	else
		route_settle(item->route, delivery->batches[at], lost_rows, loss, NULL,
			     item->uncertain);
}

/* A delivery of one frame, if one of the sources gives frames and has one. */
static bool delivery_take(struct delivery *delivery)
{
	struct output *output = delivery->output;

	delivery->frame.size = sizeof(delivery->frame);
	delivery->number =
		sources_take(&output->sources, &delivery->frame, &delivery->items[0].route);
	if (!delivery->number)
		return false;
	delivery->base.frame = &delivery->frame;
	return true;
}

/* Fills a new delivery from the sources, which take turns; NULL: they are empty. -ENOMEM. */
static int output_gather(struct output *output, struct delivery **ret_delivery)
{
	struct delivery *delivery = delivery_create(output);

	if (!delivery)
		return -ENOMEM;
	while (!delivery_take(delivery) && delivery->base.batch_count < output->batch_limit) {
		struct route *route;
		struct sonde_batch *batch = sources_pop(&output->sources, &route);
		uint32_t at = delivery->base.batch_count;

		if (!batch)
			break;
		delivery->batches[at] = batch;
		delivery->items[at] = (struct delivery_item){ .route = route };
		delivery->base.batch_count++;
	}
	if (!delivery_count(delivery)) {
		free(delivery);
		return 0;
	}
	delivery->base.sequence = ++output->sequence;
	delivery->first_ns = loop_now_ns(output->instance->loop);
	*ret_delivery = delivery;
	return 0;
}

/* Nothing is offered for a while, which doubles from one failure to the next. Deliveries that were
 * under way together fail as one; the longest time that the receiver named for them counts. */
static void output_back_off(struct output *output, int64_t at_least_ns)
{
	const struct retry_config *retry = &output->instance->config->retry;
	int64_t delay_ns = output->backoff.due_ns - clock_monotonic_ns();

	if (!output->backing_off) {
		output->backing_off = true;
		output->backoff_ns = output->backoff_ns ? output->backoff_ns * 2 : retry->first_ns;
		if (output->backoff_ns > retry->longest_ns)
			output->backoff_ns = retry->longest_ns;
		/* Three quarters to all of it, so that many senders do not come back at once. */
		delay_ns = output->backoff_ns - output->backoff_ns / 4 * (random() % 1024) / 1024;
		__atomic_fetch_add(&output->retry_count, 1, __ATOMIC_RELAXED);
	} else if (delay_ns >= at_least_ns) {
		return;
	}
	loop_timer_after(output->instance->loop, &output->backoff,
			 delay_ns > at_least_ns ? delay_ns : at_least_ns);
}

/* Drops the batches that are gone; what is left is offered again, or given up. */
static void delivery_shrink(struct delivery *delivery, bool expired)
{
	uint32_t kept = 0, count = delivery_count(delivery);

	for (uint32_t i = 0; i < count; i++) {
		struct delivery_item item = delivery->items[i];

		if (item.state != ITEM_AGAIN)
			continue;
		if (expired) {
			delivery_settle(delivery, i, delivery_rows(delivery, i),
					SONDE_LOST_EXPIRED);
			continue;
		}
		item.state = ITEM_OPEN;
		delivery->batches[kept] = delivery->batches[i];
		delivery->items[kept++] = item;
	}
	if (!delivery->number)
		delivery->base.batch_count = kept;
	else if (!kept)
		delivery->number = 0; /* as of a delivery of no batches */
}

/* All batches have their answer. */
static void delivery_end(struct delivery *delivery)
{
	struct output *output = delivery->output;
	int64_t give_up_ns = output->instance->config->retry.give_up_ns;
	bool expired = give_up_ns &&
		       loop_now_ns(output->instance->loop) - delivery->first_ns >= give_up_ns;

	*delivery->link = delivery->next;
	if (delivery->next)
		delivery->next->link = delivery->link;
	output->in_flight_count--;
	delivery_shrink(delivery, expired);
	if (!delivery_count(delivery)) {
		free(delivery);
		loop_post(output->instance->loop, &output->task);
		return;
	}
	delivery->next = NULL;
	*output->again_last = delivery;
	output->again_last = &delivery->next;
	output_back_off(output, delivery->retry_after_ns);
}

static void delivery_answer(struct delivery *delivery, uint32_t at,
			    const struct sonde_outcome *outcome)
{
	struct delivery_item *item = &delivery->items[at];
	const char *subject = delivery->output->instance->base.name;
	uint64_t lost = 0;

	if (item->state != ITEM_OPEN)
		return;
	delivery->open_count--;
	item->uncertain = item->uncertain || outcome->uncertain;
	if (outcome->verdict == SONDE_RETRY) {
		item->state = ITEM_AGAIN;
		if (outcome->retry_after_ns > delivery->retry_after_ns)
			delivery->retry_after_ns = outcome->retry_after_ns;
		if (outcome->reason)
			log_write(SONDE_WARNING, subject, "will offer rows again: %s",
				  outcome->reason);
		return;
	}
	item->state = ITEM_GONE;
	if (outcome->verdict == SONDE_DONE)
		lost = outcome->rejected_rows;
	else
		lost = delivery_rows(delivery, at);
	if (lost)
		log_write(SONDE_WARNING, subject, "%llu rows were rejected: %s",
			  (unsigned long long)lost,
			  outcome->reason ? outcome->reason : "no reason");
	delivery->output->backoff_ns = 0; /* the receiver is there */
	delivery_settle(delivery, at, lost, SONDE_LOST_REJECTED);
}

/* Whether the plugin may answer it: a second answer comes too late. */
static bool delivery_is_open(const struct output *output, const struct sonde_delivery *base)
{
	const struct delivery *delivery = output->in_flight;

	while (delivery && &delivery->base != base)
		delivery = delivery->next;
	return delivery != NULL;
}

void output_answer(struct output *output, struct sonde_delivery *base, int64_t batch,
		   const struct sonde_outcome *outcome)
{
	if (delivery_is_open(output, base))
		output_settle(base, batch, outcome);
	else
		log_write(SONDE_ERROR, output->instance->base.name,
			  "the plugin answers a delivery that has its answer");
}

void output_settle(struct sonde_delivery *base, int64_t batch, const struct sonde_outcome *outcome)
{
	struct delivery *delivery = (struct delivery *)base;
	struct sonde_outcome own = { 0 };
	size_t size = outcome->size < sizeof(own) ? outcome->size : sizeof(own);

	memcpy(&own, outcome, size ? size : sizeof(own)); /* an older plugin knows less of it */
	for (uint32_t i = 0, count = delivery_count(delivery); i < count; i++) {
		if (batch < 0 || batch == (int64_t)i)
			delivery_answer(delivery, i, &own);
	}
	if (!delivery->open_count && !delivery->writing)
		delivery_end(delivery);
}

static void output_write(struct output *output, struct delivery *delivery)
{
	struct instance *instance = output->instance;
	struct sonde_outcome outcome = { .size = sizeof(outcome), .verdict = SONDE_DONE };
	int result;

	delivery->next = output->in_flight;
	delivery->link = &output->in_flight;
	if (delivery->next)
		delivery->next->link = &delivery->next;
	output->in_flight = delivery;
	output->in_flight_count++;
	delivery->base.attempt++;
	delivery->open_count = delivery_count(delivery);
	delivery->retry_after_ns = 0;
	delivery->writing = true;
	instance_enter(instance, CALLBACK_WRITE);
	result = instance->plugin->descriptor->write(&instance->base, &delivery->base);
	result = instance_leave(instance, CALLBACK_WRITE, result);
	if (result < 0)
		outcome.verdict = SONDE_RETRY;
	if (result != SONDE_LATER)
		output_settle(&delivery->base, -1, &outcome);
	delivery->writing = false;
	if (!delivery->open_count)
		delivery_end(delivery);
}

static int output_next(struct output *output, struct delivery **ret_delivery)
{
	struct delivery *delivery = output->again;

	if (!delivery)
		return output_gather(output, ret_delivery);
	output->again = delivery->next;
	if (!output->again)
		output->again_last = &output->again;
	*ret_delivery = delivery;
	return 0;
}

static void output_run(void *data)
{
	struct output *output = data;

	for (uint32_t i = 0; i < OUTPUT_DELIVERIES_PER_TURN; i++) {
		struct delivery *delivery = NULL;

		if (!instance_is_running(output->instance) || output->backing_off ||
		    output->in_flight_count >= output->in_flight_limit)
			return;
		if (output_next(output, &delivery))
			output_back_off(output, 0);
		if (!delivery)
			return;
		output_write(output, delivery);
	}
	loop_post(output->instance->loop, &output->task);
}

static void output_backed_off(void *data)
{
	struct output *output = data;

	output->backing_off = false;
	output_run(output);
}

void output_init(struct output *output, struct instance *instance)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	*output = (struct output){
		.instance = instance,
		.in_flight_limit = plugin->in_flight ? plugin->in_flight : 1,
		.batch_limit = plugin->batch_limit ? plugin->batch_limit : 1,
	};
	output->again_last = &output->again;
	output->task = (struct loop_task){ .run = output_run, .data = output };
	output->backoff = (struct loop_timer){ .run = output_backed_off, .data = output };
	instance->owner = output;
	instance->on_running = &output->task;
}

/* Newest first, so that what goes back to the head of its route ends in its order. */
static void delivery_give_up(struct delivery *delivery)
{
	for (uint32_t i = delivery_count(delivery); i--;) {
		struct delivery_item *item = &delivery->items[i];
		bool uncertain = item->state == ITEM_OPEN || item->uncertain;

		if (item->state == ITEM_GONE)
			continue;
		if (delivery->number)
			route_return_frame(item->route, delivery->number, &delivery->frame,
					   uncertain);
		else if (delivery->output->hands_back || item->route->spool)
			route_return(item->route, delivery->batches[i], uncertain);
		else
			route_settle(item->route, delivery->batches[i],
				     delivery->batches[i]->selected_count, SONDE_LOST_SHUTDOWN,
				     NULL, true);
	}
	free(delivery);
}

static struct delivery *deliveries_reversed(struct delivery *list)
{
	struct delivery *reversed = NULL;

	while (list) {
		struct delivery *next = list->next;

		list->next = reversed;
		reversed = list;
		list = next;
	}
	return reversed;
}

static void output_give_up(struct output *output)
{
	struct delivery *lists[] = { output->in_flight, deliveries_reversed(output->again) };

	loop_timer_end(output->instance->loop, &output->backoff);
	for (uint32_t i = 0; i < 2; i++) {
		while (lists[i]) {
			struct delivery *next = lists[i]->next;

			delivery_give_up(lists[i]);
			lists[i] = next;
		}
	}
	output->in_flight = NULL;
	output->in_flight_count = 0;
	output->again = NULL;
	output->again_last = &output->again;
}

void output_stop(struct output *output)
{
	instance_stop(output->instance);
	output_give_up(output);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries to an output under test, and its answers. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "output.h"
#include "test_host.h"

/* A batch of a delivery. */
struct test_item {
	struct sonde_batch *batch; /* a reference; NULL: done, rejected or dropped */
	bool open;                 /* with the plugin, and not answered */
	bool answered;
	struct sonde_outcome outcome; /* of the last answer; its reason is copied */
};

/* What the plugin sees of a delivery, from one write() to the last answer: memory of its own, so
 * that a sanitizer notices who looks at it later. */
struct test_offer {
	struct sonde_delivery base; /* first */
	uint32_t open_count;
	bool writing;
	uint32_t *places; /* which item each batch is */
	struct sonde_batch **batches;
};

struct test_delivery {
	struct test_delivery *next;
	uint64_t sequence;
	uint32_t attempt_count, item_count;
	struct test_item *items;
	struct test_offer *offer; /* NULL: the plugin does not have it */
};

/* ---- answers ----------------------------------------------------------------------------- */

static void item_answer(struct sonde_test *test, struct test_item *item,
			const struct sonde_outcome *outcome)
{
	item->open = false;
	item->answered = true;
	item->outcome = *outcome;
	if (outcome->reason)
		item->outcome.reason = test_memory(arena_copy(test->arena, outcome->reason));
	if (outcome->verdict == SONDE_RETRY)
		return;
	batch_release(item->batch);
	item->batch = NULL;
}

static void offer_end(struct test_delivery *delivery)
{
	struct test_offer *offer = delivery->offer;

	free(offer->places);
	free(offer->batches);
	free(offer);
	delivery->offer = NULL;
}

/* `batch`: which of the offer, or -1 for all. */
static void offer_answer(struct sonde_test *test, struct test_delivery *delivery, int64_t batch,
			 const struct sonde_outcome *outcome)
{
	struct test_offer *offer = delivery->offer;

	for (uint32_t i = 0; i < offer->base.batch_count; i++) {
		struct test_item *item = &delivery->items[offer->places[i]];

		if ((batch >= 0 && batch != (int64_t)i) || !item->open)
			continue;
		item_answer(test, item, outcome);
		offer->open_count--;
	}
	if (!offer->open_count && !offer->writing)
		offer_end(delivery);
}

/* In the place of the core's: the owner of an instance under test is the test. */
void output_answer(struct output *output, struct sonde_delivery *base, int64_t batch,
		   const struct sonde_outcome *outcome)
{
	struct sonde_test *test = (struct sonde_test *)output;
	struct test_delivery *delivery = test->deliveries;
	struct sonde_outcome own = { 0 };
	size_t size = outcome->size < sizeof(own) ? outcome->size : sizeof(own);

	while (delivery && (!delivery->offer || &delivery->offer->base != base))
		delivery = delivery->next;
	if (!delivery) {
		log_write(SONDE_ERROR, test->config.name,
			  "the plugin answers a delivery that has its answer");
		return;
	}
	memcpy(&own, outcome, size ? size : sizeof(own));
	offer_answer(test, delivery, batch, &own);
}

/* ---- offers ------------------------------------------------------------------------------ */

static int delivery_offer(struct sonde_test *test, struct test_delivery *delivery)
{
	struct test_offer *offer = test_memory(calloc(1, sizeof(*offer)));
	struct sonde_outcome outcome = { .size = sizeof(outcome), .verdict = SONDE_DONE };
	int result;

	offer->places = test_memory(calloc(delivery->item_count, sizeof(uint32_t)));
	offer->batches = test_memory(calloc(delivery->item_count, sizeof(struct sonde_batch *)));
	for (uint32_t i = 0; i < delivery->item_count; i++) {
		if (!delivery->items[i].batch)
			continue;
		delivery->items[i].open = true;
		offer->places[offer->open_count] = i;
		offer->batches[offer->open_count++] = delivery->items[i].batch;
	}
	offer->base = (struct sonde_delivery){
		.size = sizeof(offer->base),
		.batch_count = offer->open_count,
		.batches = offer->batches,
		.sequence = delivery->sequence,
		.attempt = ++delivery->attempt_count,
	};
	offer->writing = true;
	delivery->offer = offer;
	instance_enter(test->instance, CALLBACK_WRITE);
	result = test->descriptor.write(&test->instance->base, &offer->base);
	result = instance_leave(test->instance, CALLBACK_WRITE, result);
	if (result < 0)
		outcome.verdict = SONDE_RETRY;
	if (result != SONDE_LATER)
		offer_answer(test, delivery, -1, &outcome);
	offer->writing = false;
	if (!offer->open_count)
		offer_end(delivery);
	return result;
}

uint32_t sonde_test_in_flight(struct sonde_test *test)
{
	uint32_t count = 0;

	for (struct test_delivery *d = test->deliveries; d; d = d->next)
		count += d->offer != NULL;
	return count;
}

/* A mistake of the test: the daemon never does that. */
static void write_check(struct sonde_test *test)
{
	uint32_t limit = test->descriptor.in_flight ? test->descriptor.in_flight : 1;

	test_enter(test);
	if (!test->descriptor.write || !instance_is_running(test->instance))
		test_die("%s: a delivery for an output that is %s", test->config.name,
			 test->descriptor.write ? "not started" : "none");
	if (sonde_test_in_flight(test) >= limit)
		test_die("%s keeps %u deliveries already, as many as its in_flight",
			 test->config.name, limit);
}

int sonde_test_write_together(struct sonde_test *test, struct sonde_batch *const *batches,
			      uint32_t count)
{
	struct test_delivery *delivery = test_memory(calloc(1, sizeof(*delivery)));
	uint32_t limit = test->descriptor.batch_limit ? test->descriptor.batch_limit : 1;

	write_check(test);
	if (!count || count > limit)
		test_die("%s: a delivery of %u batches, where its batch_limit is %u",
			 test->config.name, count, limit);
	delivery->items = test_memory(calloc(count, sizeof(struct test_item)));
	delivery->item_count = count;
	delivery->sequence = ++test->sequence;
	for (uint32_t i = 0; i < count; i++) {
		batch_finish(batches[i]);
		delivery->items[i].batch = batches[i];
	}
	delivery->next = test->deliveries;
	test->deliveries = delivery;
	return delivery_offer(test, delivery);
}

int sonde_test_write(struct sonde_test *test, struct sonde_batch *batch)
{
	return sonde_test_write_together(test, &batch, 1);
}

static struct test_delivery *delivery_find(struct sonde_test *test, uint64_t number)
{
	struct test_delivery *delivery = test->deliveries;

	while (delivery && delivery->sequence != number)
		delivery = delivery->next;
	if (!delivery)
		test_die("%s: there was no delivery %llu", test->config.name,
			 (unsigned long long)number);
	return delivery;
}

int sonde_test_write_again(struct sonde_test *test, uint64_t number)
{
	struct test_delivery *delivery = delivery_find(test, number);
	uint32_t left = 0;

	write_check(test);
	for (uint32_t i = 0; i < delivery->item_count; i++)
		left += delivery->items[i].batch != NULL;
	if (delivery->offer || !left)
		test_die("%s: delivery %llu %s", test->config.name, (unsigned long long)number,
			 left ? "waits for its answer" : "has nothing left to be offered again");
	return delivery_offer(test, delivery);
}

const struct sonde_outcome *sonde_test_outcome(struct sonde_test *test, uint64_t number,
					       uint32_t batch)
{
	struct test_delivery *delivery = delivery_find(test, number);

	if (batch >= delivery->item_count)
		test_die("%s: delivery %llu has %u batches", test->config.name,
			 (unsigned long long)number, delivery->item_count);
	return delivery->items[batch].answered ? &delivery->items[batch].outcome : NULL;
}

/* ---- ends -------------------------------------------------------------------------------- */

void test_drop_deliveries(struct sonde_test *test)
{
	for (struct test_delivery *d = test->deliveries; d; d = d->next) {
		for (uint32_t i = 0; i < d->item_count; i++) {
			batch_release(d->items[i].batch);
			d->items[i].batch = NULL;
			d->items[i].open = false;
		}
		if (d->offer)
			offer_end(d);
	}
}

void test_free_deliveries(struct sonde_test *test)
{
	test_drop_deliveries(test);
	while (test->deliveries) {
		struct test_delivery *next = test->deliveries->next;

		free(test->deliveries->items);
		free(test->deliveries);
		test->deliveries = next;
	}
}

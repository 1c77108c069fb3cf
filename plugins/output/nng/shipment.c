// SPDX-License-Identifier: Apache-2.0
/* Deliveries and their items. */
#include "shipment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void items_push(struct items *items, struct item *item)
{
	item->next = NULL;
	*(items->first ? &items->last->next : &items->first) = item;
	items->last = item;
	items->count++;
	items->bytes += item->bytes;
}

struct item *items_pop(struct items *items)
{
	struct item *item = items->first;

	if (!item)
		return NULL;
	items->first = item->next;
	items->count--;
	items->bytes -= item->bytes;
	item->next = NULL;
	return item;
}

void items_append(struct items *items, struct items *from)
{
	if (!from->first)
		return;
	*(items->first ? &items->last->next : &items->first) = from->first;
	items->last = from->last;
	items->count += from->count;
	items->bytes += from->bytes;
	*from = (struct items){ 0 };
}

/* ---- deliveries -------------------------------------------------------------------------- */

struct shipment *shipment_create(struct shipment **list, struct sonde_delivery *delivery)
{
	uint32_t count = delivery->frame ? 1 : delivery->batch_count;
	struct shipment *shipment =
		calloc(1, sizeof(*shipment) + count * sizeof(struct shipment_batch));

	if (!shipment)
		return NULL;
	shipment->delivery = delivery;
	shipment->batch_count = shipment->open_count = count;
	for (uint32_t i = 0; i < count; i++) {
		shipment->batches[i].open = 1;
		shipment->batches[i].rows = delivery->frame ? delivery->frame->rows
							    : delivery->batches[i]->selected_count;
	}
	shipment->link = list;
	shipment->next = *list;
	if (shipment->next)
		shipment->next->link = &shipment->next;
	*list = shipment;
	return shipment;
}

static void shipment_free(struct shipment *shipment)
{
	*shipment->link = shipment->next;
	if (shipment->next)
		shipment->next->link = shipment->link;
	free(shipment);
}

void shipment_forget(struct shipment *shipment)
{
	shipment_free(shipment);
}

static void batch_answer(struct sonde_instance *instance, struct shipment *shipment, uint32_t index)
{
	struct shipment_batch *batch = &shipment->batches[index];
	bool is_lost = batch->rejected_rows && batch->rejected_rows >= batch->rows;
	struct sonde_outcome outcome = {
		.size = sizeof(outcome),
		.verdict = is_lost ? SONDE_REJECTED : SONDE_DONE,
		.rejected_rows = is_lost ? 0 : batch->rejected_rows,
		.uncertain = batch->uncertain,
		.reason = batch->rejected_rows ? batch->reason : NULL,
	};

	if (shipment->delivery->frame)
		sonde_settle(instance, shipment->delivery, &outcome);
	else
		sonde_settle_batch(instance, shipment->delivery, index, &outcome);
}

static void batch_close(struct sonde_instance *instance, struct shipment *shipment, uint32_t index)
{
	assert(shipment->batches[index].open);
	if (--shipment->batches[index].open)
		return;
	batch_answer(instance, shipment, index);
	if (!--shipment->open_count)
		shipment_free(shipment);
}

void shipment_taken(struct sonde_instance *instance, struct shipment *shipment)
{
	uint32_t count = shipment->batch_count;

	for (uint32_t i = 0; i < count; i++)
		batch_close(instance, shipment, i); /* the last may free it */
}

void shipments_release(struct shipment **list)
{
	while (*list)
		shipment_free(*list);
}

/* ---- items ------------------------------------------------------------------------------- */

struct item *item_create(struct sonde_instance *instance, struct shipment *shipment, uint32_t index,
			 struct sonde_batch *batch)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->shipment = shipment;
	item->index = index;
	item->rows = batch ? batch->selected_count : shipment->batches[index].rows;
	if (batch) {
		item->batch = sonde_batch_hold(instance, batch);
		item->bytes = sonde_batch_bytes(instance, batch);
	}
	shipment->batches[index].open++;
	return item;
}

static void item_free(struct sonde_instance *instance, struct item *item)
{
	if (item->batch)
		sonde_batch_release(instance, item->batch);
	free(item);
}

void item_settle(struct sonde_instance *instance, struct item *item, const char *reason)
{
	struct shipment_batch *batch = &item->shipment->batches[item->index];
	struct shipment *shipment = item->shipment;
	uint32_t index = item->index;

	batch->uncertain = batch->uncertain || item->uncertain;
	if (reason) {
		batch->rejected_rows += item->rows;
		if (!batch->reason[0])
			strncat(batch->reason, reason, sizeof(batch->reason) - 1);
	}
	item_free(instance, item);
	batch_close(instance, shipment, index);
}

void items_settle(struct sonde_instance *instance, struct items *items, const char *reason)
{
	struct item *item;

	while ((item = items_pop(items)))
		item_settle(instance, item, reason);
}

void items_release(struct sonde_instance *instance, struct items *items)
{
	struct item *item;

	while ((item = items_pop(items)))
		item_free(instance, item);
}

// SPDX-License-Identifier: Apache-2.0
/* What has become of a delivery, row by row. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "shipment.h"

uint32_t parcel_rows(const struct parcel *parcel, struct range range)
{
	const struct sonde_batch *batch = parcel->parts[range.part];
	uint32_t count = 0;

	if (!batch->selected)
		return range.end - range.first;
	for (uint32_t row = range.first; row < range.end; row++)
		count += sonde_selected(batch, row);
	return count;
}

/* ---- deliveries that come, and come again ------------------------------------------------ */

/* What was made carries on the receipts of the batch: it goes before the answer. */
static void parcel_release_parts(struct sonde_instance *instance, struct parcel *parcel)
{
	for (uint32_t i = 0; parcel->is_made && i < parcel->part_count; i++)
		sonde_batch_release(instance, parcel->parts[i]);
	parcel->part_count = 0;
}

static void shipment_free(struct sonde_instance *instance, struct shipment *shipment)
{
	for (uint32_t i = 0; i < shipment->parcel_count; i++) {
		parcel_release_parts(instance, &shipment->parcels[i]);
		free(shipment->parcels[i].todo);
	}
	free(shipment);
}

void shipments_release(struct sonde_instance *instance, struct shipment **list)
{
	while (*list) {
		struct shipment *shipment = *list;

		*list = shipment->next;
		shipment_free(instance, shipment);
	}
}

/* What is offered for the first time comes after all that is to come again. So what has not come by
 * then was given up. */
static void shipments_forget(struct sonde_instance *instance, struct shipment **list)
{
	while (*list) {
		struct shipment *shipment = *list;

		if (shipment->delivery) {
			list = &shipment->next;
			continue;
		}
		*list = shipment->next;
		shipment_free(instance, shipment);
	}
}

/* With the memory that it needs: what comes after that does not fail. */
static struct shipment *shipment_create(struct sonde_instance *instance,
					const struct sonde_delivery *delivery)
{
	struct shipment *shipment =
		calloc(1, sizeof(*shipment) + delivery->batch_count * sizeof(struct parcel));

	if (!shipment)
		return NULL;
	shipment->sequence = delivery->sequence;
	shipment->parcel_count = delivery->batch_count;
	for (uint32_t i = 0; i < delivery->batch_count; i++) {
		struct parcel *parcel = &shipment->parcels[i];

		parcel->batch = delivery->batches[i];
		parcel->is_settled = true;
		parcel->todo_capacity = PARCEL_PARTS;
		parcel->todo = calloc(PARCEL_PARTS, sizeof(*parcel->todo));
		if (!parcel->todo) {
			shipment_free(instance, shipment);
			return NULL;
		}
	}
	return shipment;
}

static void parcel_unpack(struct sonde_instance *instance, struct parcel *parcel,
			  shipment_unpack *unpack)
{
	unpack(instance, parcel);
	for (uint32_t part = parcel->part_count; part--;) {
		if (parcel->parts[part]->selected_count)
			parcel->todo[parcel->todo_count++] =
				(struct range){ .end = parcel->parts[part]->row_count,
						.part = part };
	}
}

/* Finds the parcels of the batches that are offered. When they come again, their order is as it
 * was, and those that had an answer for good are missing. */
static void shipment_offer(struct shipment *shipment, struct sonde_delivery *delivery, bool is_new)
{
	uint32_t at = 0;

	shipment->delivery = delivery;
	for (uint32_t i = 0; i < delivery->batch_count; i++) {
		struct parcel *parcel;

		while (shipment->parcels[at].batch != delivery->batches[i] ||
		       (!is_new && !shipment->parcels[at].todo_count)) {
			at++;
			assert(at < shipment->parcel_count);
		}
		parcel = &shipment->parcels[at++];
		parcel->index = i;
		parcel->again = parcel->is_settled = parcel->uncertain = false;
		parcel->retry_after_ns = 0;
		shipment->unsettled_count++;
	}
}

static struct shipment *shipment_find(struct shipment *list, uint64_t sequence)
{
	while (list && list->sequence != sequence)
		list = list->next;
	return list;
}

struct shipment *shipment_take(struct sonde_instance *instance, struct shipment **list,
			       struct sonde_delivery *delivery, shipment_unpack *unpack)
{
	struct shipment *shipment = shipment_find(*list, delivery->sequence);
	bool is_new = !shipment;

	if (is_new) {
		if (delivery->attempt <= 1)
			shipments_forget(instance, list);
		shipment = shipment_create(instance, delivery);
		if (!shipment)
			return NULL;
		for (uint32_t i = 0; i < shipment->parcel_count; i++)
			parcel_unpack(instance, &shipment->parcels[i], unpack);
		while (*list)
			list = &(*list)->next;
		*list = shipment;
	}
	shipment_offer(shipment, delivery, is_new);
	return shipment;
}

/* ---- rows of a batch --------------------------------------------------------------------- */

bool shipments_have_work(const struct shipment *list, enum signal signal)
{
	for (; list; list = list->next) {
		for (uint32_t i = 0; i < list->parcel_count; i++) {
			if (parcel_has_work(&list->parcels[i], signal))
				return true;
		}
	}
	return false;
}

/* The ranges lie in reverse order: the first is the last. A part that is taken needs a place of its
 * own should it come back, which is made now. */
int parcel_take(struct parcel *parcel, uint32_t row_limit, struct range *ret_range)
{
	struct range *range = &parcel->todo[parcel->todo_count - 1];

	assert(parcel->todo_count);
	if (parcel->todo_count + parcel->open_count + 1 > parcel->todo_capacity) {
		uint32_t capacity = 2 * parcel->todo_capacity + 4;
		struct range *todo = reallocarray(parcel->todo, capacity, sizeof(*todo));

		if (!todo)
			return -ENOMEM;
		parcel->todo = todo;
		parcel->todo_capacity = capacity;
		range = &parcel->todo[parcel->todo_count - 1];
	}
	*ret_range = *range;
	if (range->end - range->first > row_limit) {
		ret_range->end = range->first + row_limit;
		range->first += row_limit;
	} else {
		parcel->todo_count--;
	}
	parcel->open_count++;
	return 0;
}

void parcel_put_back(struct parcel *parcel, struct range range)
{
	struct range *next = parcel->todo_count ? &parcel->todo[parcel->todo_count - 1] : NULL;

	assert(parcel->open_count);
	parcel->open_count--;
	if (next && next->part == range.part && next->first == range.end) {
		next->first = range.first;
		return;
	}
	assert(parcel->todo_count < parcel->todo_capacity);
	parcel->todo[parcel->todo_count++] = range;
}

void parcel_say(struct parcel *parcel, const char *text)
{
	size_t length = strlen(parcel->text);

	if (length && strstr(parcel->text, text))
		return;
	if (length + 2 < sizeof(parcel->text))
		(void)snprintf(parcel->text + length, sizeof(parcel->text) - length, "%s%s",
			       length ? "; " : "", text);
}

void parcel_accept(struct parcel *parcel, uint64_t row_count, uint64_t rejected_rows,
		   const struct answer *answer)
{
	parcel->open_count--;
	parcel->accepted_rows += row_count - rejected_rows;
	parcel->rejected_rows += rejected_rows;
	parcel->uncertain |= answer->uncertain;
	if (rejected_rows)
		parcel_say(parcel, *answer->text ? answer->text : "the receiver says no reason");
}

void parcel_leave_out(struct parcel *parcel, uint64_t row_count)
{
	parcel->rejected_rows += row_count;
	if (row_count)
		parcel_say(parcel, "they have no measure, or a value that it cannot have");
}

void parcel_reject(struct parcel *parcel, uint32_t row_count, const char *text)
{
	parcel->open_count--;
	parcel->rejected_rows += row_count;
	parcel_say(parcel, text);
}

void shipments_hold(struct shipment *list, const struct answer *answer)
{
	for (; list; list = list->next) {
		for (uint32_t i = 0; i < list->parcel_count; i++) {
			struct parcel *parcel = &list->parcels[i];

			if (!parcel_has_work(parcel, parcel->signal))
				continue;
			parcel->again = true;
			if (answer->retry_after_ns > parcel->retry_after_ns)
				parcel->retry_after_ns = answer->retry_after_ns;
			memcpy(parcel->why_again, answer->text, sizeof(parcel->why_again));
		}
	}
}

/* ---- answers ----------------------------------------------------------------------------- */

static void parcel_settle(struct sonde_instance *instance, struct shipment *shipment,
			  struct parcel *parcel)
{
	uint64_t rejected_rows = parcel->rejected_rows + parcel->refused_rows;
	struct sonde_outcome outcome = { .size = sizeof(outcome),
					 .verdict = SONDE_DONE,
					 .uncertain = parcel->uncertain,
					 .reason = *parcel->text ? parcel->text : NULL };

	parcel->is_settled = true;
	shipment->unsettled_count--;
	if (parcel->todo_count) { /* what was rejected is said when the rest has its answer */
		outcome.verdict = SONDE_RETRY;
		outcome.reason = parcel->why_again;
		outcome.retry_after_ns = parcel->retry_after_ns;
		/* Who comes after us, after a reload, knows of no part that was accepted. */
		outcome.uncertain |= parcel->accepted_rows > 0;
	} else {
		parcel_release_parts(instance, parcel);
		outcome.rejected_rows = rejected_rows < parcel->batch->selected_count
						? rejected_rows
						: parcel->batch->selected_count;
		if (parcel->rejected_rows && !parcel->accepted_rows)
			outcome.verdict = SONDE_REJECTED;
	}
	sonde_settle_batch(instance, shipment->delivery, parcel->index, &outcome);
}

/* True: it is done with. The delivery is gone with the answer to its last batch. */
static bool shipment_settle(struct sonde_instance *instance, struct shipment *shipment)
{
	bool comes_again = false;

	for (uint32_t i = 0; i < shipment->parcel_count; i++) {
		struct parcel *parcel = &shipment->parcels[i];

		if (!parcel->is_settled && !parcel->open_count &&
		    (!parcel->todo_count || parcel->again))
			parcel_settle(instance, shipment, parcel);
		comes_again |= parcel->todo_count > 0;
	}
	if (!shipment->unsettled_count)
		shipment->delivery = NULL;
	return !shipment->unsettled_count && !comes_again;
}

void shipments_settle(struct sonde_instance *instance, struct shipment **list)
{
	while (*list) {
		struct shipment *shipment = *list;

		if (shipment->delivery && shipment_settle(instance, shipment)) {
			*list = shipment->next;
			shipment_free(instance, shipment);
		} else {
			list = &shipment->next;
		}
	}
}

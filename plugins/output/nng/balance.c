// SPDX-License-Identifier: Apache-2.0
/* Rows to regions by a key: each key to one of those that are there, and back to it when it comes
 * again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nng.h"
#include "rendezvous.h"
#include "split.h"

/* Regions that are there, or are away for a moment only. */
static uint64_t regions_there(const struct nng *nng, int64_t now_ns)
{
	uint64_t there = 0;

	for (uint32_t i = 0; i < nng->region_count; i++) {
		const struct region *region = &nng->regions[i];
		bool is_missed = region->lost_ns &&
				 now_ns - region->lost_ns < nng->settings.failover_after_ns;

		if (region->state == REGION_READY || is_missed)
			there |= (uint64_t)1 << i;
	}
	return there;
}

/* At the start each gets its chance before its keys go elsewhere. */
static bool all_had_a_chance(const struct nng *nng, int64_t now_ns)
{
	bool all = true;

	for (uint32_t i = 0; i < nng->region_count; i++)
		all = all && (nng->regions[i].was_tried || nng->regions[i].state == REGION_READY);
	return all || now_ns - nng->started_ns >= nng->settings.failover_after_ns;
}

/* The same for the same regions, whatever the order in which they are named. */
static uint64_t hash_of(const struct nng *nng, uint64_t there)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < nng->region_count; i++)
		hash ^= there >> i & 1 ? nng->places[i] : 0;
	return hash;
}

/* ---- one item ---------------------------------------------------------------------------- */

static void send_to(struct nng *nng, uint32_t place, struct item *item, uint64_t there,
		    int64_t now_ns)
{
	const uint64_t words[2] = { hash_of(nng, there), nng->places[place] };

	item->path = rendezvous_hash(item->path, words, sizeof(words));
	lane_put(&nng->lanes[place], item, now_ns);
}

/* The part of an item that belongs to a place. -ENOMEM. */
static int take_part(struct sonde_instance *instance, const struct item *item,
		     const uint8_t *places, uint32_t place, struct item **ret_part)
{
	struct sonde_batch *batch = NULL;
	int some = split_take(instance, item->batch, places, (uint8_t)place, &batch);
	struct item *part;

	if (some <= 0)
		return some;
	part = item_create(instance, item->shipment, item->index, batch);
	sonde_batch_release(instance, batch);
	if (!part)
		return -ENOMEM;
	part->uncertain = item->uncertain;
	part->source = item->source;
	part->path = item->path;
	*ret_part = part;
	return 0;
}

/* All parts, or none. */
static int take_parts(struct sonde_instance *instance, const struct item *item,
		      const uint8_t *places, uint64_t there,
		      struct item *ret_parts[SETTINGS_REGIONS])
{
	const struct nng *nng = instance->self;
	int result = 0;

	for (uint32_t i = 0; i < nng->region_count && !result; i++) {
		if (there >> i & 1)
			result = take_part(instance, item, places, i, &ret_parts[i]);
	}
	for (uint32_t i = 0; result && i < nng->region_count; i++) {
		if (ret_parts[i])
			item_settle(instance, ret_parts[i], NULL); /* the whole is still open */
		ret_parts[i] = NULL;
	}
	return result;
}

/* Takes over the item. Without memory to take it apart, all of it goes where its first row belongs:
 * rather that than to lose it. */
static void send_item(struct sonde_instance *instance, struct item *item, uint64_t there,
		      int64_t now_ns)
{
	struct nng *nng = instance->self;
	uint32_t count = item->batch->row_count;
	uint64_t *hashes = calloc(count + 1, sizeof(*hashes));
	uint8_t *places = calloc(count + 1, 1);
	struct item *parts[SETTINGS_REGIONS] = { NULL };
	uint32_t first = 0;

	while (!(there >> first & 1))
		first++;
	if (hashes && places) {
		split_keys(item->batch, &nng->settings.balance_by, hashes);
		split_choose(hashes, count, nng->places, nng->region_count, there, places);
		first = count ? places[0] : first;
	}
	if (!hashes || !places || take_parts(instance, item, places, there, parts)) {
		send_to(nng, first, item, there, now_ns);
	} else {
		for (uint32_t i = 0; i < nng->region_count; i++) {
			if (parts[i])
				send_to(nng, i, parts[i], there, now_ns);
		}
		item_settle(instance, item, NULL); /* its parts are open */
	}
	free(hashes);
	free(places);
}

/* ---- all of them ------------------------------------------------------------------------- */

void balance_put(struct sonde_instance *instance, struct items *items)
{
	struct nng *nng = instance->self;
	int64_t now_ns = nng_now_ns();
	uint64_t there = regions_there(nng, now_ns);
	struct item *item;

	if (!there || !all_had_a_chance(nng, now_ns)) {
		items_append(&nng->homeless, items);
		return;
	}
	while ((item = items_pop(items)))
		send_item(instance, item, there, now_ns);
}

void balance_update(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int64_t now_ns = nng_now_ns();
	uint64_t there = regions_there(nng, now_ns);
	struct items moved = { 0 };

	if (!nng->balances || !there || !all_had_a_chance(nng, now_ns))
		return;
	for (uint32_t i = 0; i < nng->lane_count; i++) {
		if (!(there >> i & 1))
			lane_take_back(&nng->lanes[i], &moved);
	}
	items_append(&moved, &nng->homeless);
	balance_put(instance, &moved);
}

int balance_read(struct sonde_instance *instance, struct shipment *shipment,
		 struct items *ret_items)
{
	const struct sonde_frame *frame = shipment->delivery->frame;
	struct sonde_batch **batches = calloc(frame->batch_count + 1, sizeof(struct sonde_batch *));
	struct items items = { 0 };
	int result = batches ? 0 : -ENOMEM;

	if (!result)
		result = sonde_frame_read(instance, frame, batches, frame->batch_count);
	for (uint32_t i = 0; !result && i < frame->batch_count; i++) {
		struct item *item = item_create(instance, shipment, 0, batches[i]);

		if (!item) {
			result = -ENOMEM;
			break;
		}
		memcpy(item->source.stream, frame->stream, sizeof(item->source.stream));
		item->source.sequence = frame->sequence;
		items_push(&items, item);
	}
	for (uint32_t i = 0; batches && i < frame->batch_count; i++) {
		if (batches[i])
			sonde_batch_release(instance, batches[i]);
	}
	free(batches);
	if (result)
		items_settle(instance, &items, NULL); /* the shipment is still open */
	else
		items_append(ret_items, &items);
	return result;
}

// SPDX-License-Identifier: Apache-2.0
/* Output `nng`: rows in frames to a regional sonde, kept until it has them. */
#include "nng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rendezvous.h"

enum { IN_FLIGHT = SETTINGS_WINDOW, BATCH_LIMIT = 4 };

static const int64_t tick_longest_ns = 500000000, pump_least_ns = 1000000;

static const struct sonde_counter nng_counters[] = {
	{ .name = "frames",
	  SONDE_MEMBER(struct nng, frames),
	  .unit = "{frame}",
	  .help = "frames sent, those sent again included" },
	{ .name = "resent",
	  SONDE_MEMBER(struct nng, resent),
	  .unit = "{frame}",
	  .help = "of them, sent again" },
	{ .name = "bytes",
	  SONDE_MEMBER(struct nng, bytes),
	  .unit = "By",
	  .help = "of frames, as they were sent" },
	{ .name = "rows",
	  SONDE_MEMBER(struct nng, rows),
	  .unit = "{row}",
	  .help = "rows that regions have acknowledged" },
	{ .name = "rejected",
	  SONDE_MEMBER(struct nng, rejected),
	  .unit = "{row}",
	  .help = "rows that regions will not have, or that are too large for a frame" },
	{ .name = "commands",
	  SONDE_MEMBER(struct nng, commands),
	  .unit = "{command}",
	  .help = "knobs that regions have set" },
	{ 0 },
};

int64_t nng_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- sending ----------------------------------------------------------------------------- */

static uint32_t window_limit(const struct nng *nng, const struct region *region)
{
	uint32_t limit = nng->settings.window;

	return region->window && region->window < limit ? region->window : limit;
}

/* The next frame to go over a lane, made if need be; NULL: none. */
static struct frame *lane_next(struct nng *nng, struct lane *lane, int64_t now_ns)
{
	struct frame *frame = window_next(&lane->window, now_ns);

	if (frame || lane->window.count >= window_limit(nng, lane->region))
		return frame;
	if (!nng->drains && !lane_is_ripe(lane, &nng->settings, now_ns))
		return NULL;
	if (lane_pack(lane, &nng->maker) < 0)
		return NULL;
	if (lane->waiting.first)
		lane->waiting_ns = now_ns;
	return window_next(&lane->window, now_ns);
}

static void lane_pump(struct nng *nng, struct lane *lane, int64_t now_ns)
{
	struct frame *frame;

	if (!lane->region)
		return;
	while (region_takes_frames(lane->region) &&
	       lane->window.sent_count < window_limit(nng, lane->region) &&
	       (frame = lane_next(nng, lane, now_ns))) {
		bool is_again = frame->was_sent;
		size_t length = frame->buffer->length;

		if (lane_send(lane, frame, now_ns)) {
			lane->region->is_blocked = true;
			return;
		}
		sonde_count(&nng->frames, 1);
		sonde_count(&nng->resent, is_again);
		sonde_count(&nng->bytes, length);
	}
}

/* The next time at which a lane has something to do by itself. */
static void plan(struct sonde_instance *instance, int64_t now_ns)
{
	struct nng *nng = instance->self;
	int64_t due_ns = 0;

	for (uint32_t i = 0; i < nng->lane_count; i++) {
		const struct lane *lane = &nng->lanes[i];
		int64_t lane_due;

		if (!lane->region || !region_takes_frames(lane->region))
			continue; /* an event will tell */
		lane_due = lane->window.count < window_limit(nng, lane->region)
				   ? lane_due_ns(lane, &nng->settings)
				   : window_again_ns(&lane->window);
		if (lane_due && (!due_ns || lane_due < due_ns))
			due_ns = lane_due;
	}
	if (!due_ns)
		return;
	due_ns = due_ns - now_ns > pump_least_ns ? due_ns - now_ns : pump_least_ns;
	(void)sonde_after(instance, TIMER_PUMP, due_ns);
}

/* Nothing is left that was handed over to be sent. */
static void end_drain(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	if (!nng->drains || nng->shipments)
		return;
	tell_statement(instance); /* the last word of it */
	if (!nng->is_drained)
		sonde_drained(instance);
	nng->is_drained = true;
}

void nng_pump(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int64_t now_ns = nng_now_ns();

	for (uint32_t i = 0; i < nng->lane_count; i++)
		lane_pump(nng, &nng->lanes[i], now_ns);
	sonde_count(&nng->rejected, nng->maker.too_large_rows);
	nng->maker.too_large_rows = 0;
	plan(instance, now_ns);
	end_drain(instance);
}

/* ---- deliveries -------------------------------------------------------------------------- */

/* Items of all rows of a delivery. -ENOMEM: none. */
static int itemize(struct sonde_instance *instance, struct shipment *shipment,
		   struct items *ret_items)
{
	const struct nng *nng = instance->self;
	const struct sonde_delivery *delivery = shipment->delivery;
	struct items items = { 0 };

	if (delivery->frame && nng->balances)
		return balance_read(instance, shipment, ret_items);
	for (uint32_t i = 0; i < shipment->batch_count; i++) {
		struct item *item = item_create(instance, shipment, i,
						delivery->frame ? NULL : delivery->batches[i]);

		if (!item) {
			items_settle(instance, &items, NULL); /* the shipment is still open */
			return -ENOMEM;
		}
		items_push(&items, item);
	}
	items_append(ret_items, &items);
	return 0;
}

static int nng_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct nng *nng = instance->self;
	struct shipment *shipment = shipment_create(&nng->shipments, delivery);
	struct items items = { 0 };
	struct item *item;
	int result = shipment ? itemize(instance, shipment, &items) : -ENOMEM;

	if (result && shipment)
		shipment_forget(shipment);
	if (result == -EBADMSG) {
		const struct sonde_outcome outcome = { .size = sizeof(outcome),
						       .verdict = SONDE_REJECTED,
						       .reason = "damaged in the queue on disk" };

		sonde_settle(instance, delivery, &outcome);
		return SONDE_LATER;
	}
	if (result)
		return sonde_fail(instance, -result, "no memory for a delivery");
	if (nng->balances) {
		balance_put(instance, &items);
	} else {
		while ((item = items_pop(&items)))
			lane_put(&nng->lanes[0], item, nng_now_ns());
	}
	shipment_taken(instance, shipment);
	nng_pump(instance);
	return SONDE_LATER;
}

/* ---- life -------------------------------------------------------------------------------- */

static int nng_check(struct sonde_instance *instance)
{
	const struct nng *nng = instance->self;

	settings_check(instance, &nng->settings);
	return 0;
}

static void wake(void *data)
{
	sonde_wake(data);
}

static int open_hop(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	const struct hop_settings settings = {
		.name = instance->name,
		.wake = wake,
		.data = instance,
		.inbox_bytes = (size_t)1 << 20,
		.message_bytes = ((size_t)64 << 20) + MESSAGE_LIMIT,
		.connect_ns = nng->settings.connect_ns,
		.open_ns = nng->settings.connect_ns,
		.silence_ns = nng->settings.silence_ns,
		.tls = nng->settings.tls,
	};
	char error[256];
	int result = hop_create(&settings, &nng->hop, error, sizeof(error));

	return result < 0 ? sonde_fail(instance, -result, "%s", error) : 0;
}

static int open_regions(struct nng *nng)
{
	const struct settings *settings = &nng->settings;
	uint32_t count = settings->urls.count;

	nng->balances = settings->balance_by.count && count > 1;
	nng->regions = calloc(count, sizeof(*nng->regions));
	nng->places = calloc(count, sizeof(*nng->places));
	nng->lanes = calloc(nng->balances ? count : 1, sizeof(*nng->lanes));
	if (!nng->regions || !nng->places || !nng->lanes)
		return -ENOMEM;
	nng->region_count = count;
	nng->lane_count = nng->balances ? count : 1;
	nng->rounds = (struct backoff){ .first_ns = settings->reconnect_first_ns,
					.longest_ns = settings->reconnect_longest_ns };
	for (uint32_t i = 0; i < count; i++) {
		const char *url = settings->urls.items[i];

		nng->regions[i].url = url;
		nng->regions[i].backoff = nng->rounds;
		nng->regions[i].hash = nng->places[i] = rendezvous_hash(0, url, strlen(url));
	}
	for (uint32_t i = 0; i < nng->lane_count; i++) {
		int result = lane_open(&nng->lanes[i]);

		if (result)
			return result;
		nng->lanes[i].region = nng->balances ? &nng->regions[i] : NULL;
	}
	return 0;
}

static int64_t tick_ns(const struct settings *settings)
{
	int64_t interval_ns = settings->heartbeat_ns / 2;

	return interval_ns < tick_longest_ns ? interval_ns : tick_longest_ns;
}

static int nng_start(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int result = open_regions(nng);

	if (result)
		return sonde_fail(instance, -result, "cannot start");
	nng->started_ns = nng_now_ns();
	nng->maker = (struct lane_maker){ .instance = instance, .settings = &nng->settings };
	result = open_hop(instance);
	if (!result)
		result = sonde_every(instance, TIMER_TICK, tick_ns(&nng->settings));
	if (!result && nng->settings.ledger_ns)
		result = sonde_every(instance, TIMER_STATEMENT, nng->settings.ledger_ns);
	return result ? result : events_begin(instance);
}

static void nng_stop(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	for (uint32_t i = 0; i < nng->region_count; i++) {
		if (nng->regions[i].state == REGION_READY)
			(void)region_say(&nng->regions[i], MESSAGE_BYE, 0, NULL, 0, nng_now_ns());
	}
	hop_stop(nng->hop);
	for (uint32_t i = 0; i < nng->lane_count; i++)
		lane_release(&nng->lanes[i], instance);
	items_release(instance, &nng->homeless);
	shipments_release(&nng->shipments);
	free(nng->lanes);
	free(nng->places);
	free(nng->regions);
	nng->hop = NULL;
	nng->lanes = NULL;
	nng->places = NULL;
	nng->regions = NULL;
	nng->region_count = nng->lane_count = nng->active = 0;
	nng->told = 0;
	nng->drains = nng->is_drained = false;
}

static int nng_woken(struct sonde_instance *instance)
{
	events_take(instance);
	nng_pump(instance);
	return 0;
}

static int nng_timer(struct sonde_instance *instance, int id)
{
	struct nng *nng = instance->self;
	char error[256];

	if (id == TIMER_STATEMENT)
		tell_statement(instance);
	if (id == TIMER_TICK) {
		hop_tick(nng->hop, nng_now_ns());
		events_take(instance);
		events_tick(instance);
		balance_update(instance);
		if (nng->settings.tls.certificate && hop_renew(nng->hop, error, sizeof(error)) < 0)
			sonde_log(instance, SONDE_WARNING, "the old certificates stay in use: %s",
				  error);
	}
	nng_pump(instance);
	return 0;
}

static int nng_set(struct sonde_instance *instance)
{
	nng_pump(instance);
	return 0;
}

static int nng_drain(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	nng->drains = true;
	nng_pump(instance);
	return nng->is_drained ? SONDE_OK : SONDE_LATER;
}

static const struct sonde_plugin nng_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "nng",
	.summary = "rows to a regional sonde, which acknowledges them",
	.manual = settings_manual,
	.self_size = sizeof(struct nng),
	.replication = SONDE_ANY_REPLICA,
	.in_flight = IN_FLIGHT,
	.batch_limit = BATCH_LIMIT,
	.options = settings_options,
	.counters = nng_counters,
	.check = nng_check,
	.start = nng_start,
	.stop = nng_stop,
	.set = nng_set,
	.timer = nng_timer,
	.woken = nng_woken,
	.drain = nng_drain,
	.report = nng_report,
	.write = nng_write,
	.frames = 1,
};

SONDE_EXPORT(nng_plugin)

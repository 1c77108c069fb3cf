// SPDX-License-Identifier: Apache-2.0
/* What happens between the output `nng` and its regions: connections that come and go, welcomes,
 * acknowledgements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nng.h"

static const int64_t again_ns = 1000000000; /* before a frame that was not taken is sent again */

static uint64_t random_number(void)
{
	return (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();
}

/* The lane that leads to it; NULL: none does now. */
static struct lane *lane_of(const struct nng *nng, const struct region *region)
{
	for (uint32_t i = 0; i < nng->lane_count; i++) {
		if (nng->lanes[i].region == region)
			return &nng->lanes[i];
	}
	return NULL;
}

/* ---- dialing ----------------------------------------------------------------------------- */

static int dial(struct sonde_instance *instance, struct region *region, int64_t delay_ns)
{
	struct nng *nng = instance->self;
	char error[256];
	int result;

	region->state = REGION_DIALING;
	if (region->dialer)
		return hop_dial_again(region->dialer, delay_ns);
	result = hop_dial(nng->hop, region->url, region, &region->dialer, error, sizeof(error));
	if (result < 0)
		return sonde_fail(instance, -result, "%s: %s", region->url, error);
	return 0;
}

int events_begin(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int result = 0;

	for (uint32_t i = 0; i < (nng->balances ? nng->region_count : 1) && !result; i++)
		result = dial(instance, &nng->regions[i], 0);
	return result;
}

/* One region at a time: the same again for a while, then the next; once round in vain, later. */
static void dial_next(struct sonde_instance *instance, struct region *region, int64_t now_ns)
{
	struct nng *nng = instance->self;
	bool is_missed =
		region->lost_ns && now_ns - region->lost_ns < nng->settings.failover_after_ns;
	int64_t delay_ns = 0;

	if (nng->region_count == 1 || is_missed) {
		(void)dial(instance, region, backoff_delay_ns(&region->backoff, random_number()));
		return;
	}
	region->state = REGION_IDLE;
	region->lost_ns = 0;
	nng->active = (nng->active + 1) % nng->region_count;
	if (!nng->active)
		delay_ns = backoff_delay_ns(&nng->rounds, random_number());
	region = &nng->regions[nng->active];
	if (!region->dialer && delay_ns)
		delay_ns = 0; /* a first try is not put off */
	(void)dial(instance, region, delay_ns);
}

/* ---- a connection comes, and goes -------------------------------------------------------- */

static void on_opened(struct sonde_instance *instance, const struct hop_event *event)
{
	struct nng *nng = instance->self;
	struct region *region = hop_dialer_data(event->dialer);
	struct position positions[MESSAGE_POSITIONS];
	const struct lane *lane = nng->balances ? lane_of(nng, region) : &nng->lanes[0];
	uint32_t count = 0;

	region->connection = event->connection;
	region->state = REGION_GREETING;
	region->problem[0] = '\0';
	if (lane)
		count = window_streams(&lane->window, positions, MESSAGE_POSITIONS);
	if (region_greet(region, instance, &nng->settings, positions, count, nng_now_ns()))
		hop_close(event->connection, 0);
}

/* The window goes to a region, which may know a part of it already. */
static void install(struct sonde_instance *instance, struct region *region,
		    const struct greeting *greeting, enum region_answer answer)
{
	struct nng *nng = instance->self;
	struct lane *lane = nng->balances ? lane_of(nng, region) : &nng->lanes[0];
	bool forgets = answer == REGION_OTHER && region->ack != MESSAGE_ACK_DURABLE;
	int64_t now_ns = nng_now_ns();

	if (lane->region != region || forgets)
		lane_doubt(lane);
	lane->region = region;
	window_unsend(&lane->window);
	for (uint32_t i = 0; i < greeting->position_count; i++)
		(void)lane_acknowledge(lane, instance, &greeting->positions[i], now_ns);
}

static const char *const ack_names[] = { "any", "received", "durable", "delivered" };

static void on_welcome(struct sonde_instance *instance, struct region *region, const void *data,
		       size_t length)
{
	struct nng *nng = instance->self;
	struct greeting *greeting = malloc(sizeof(*greeting));
	enum region_answer answer =
		greeting ? region_welcome(region, &nng->settings, data, length, greeting)
			 : REGION_UNFIT;

	if (answer == REGION_UNFIT) {
		(void)region_notice(region, MESSAGE_REFUSAL, 0, MESSAGE_ACK_TOO_WEAK,
				    region->problem, nng_now_ns());
		hop_close(region->connection, again_ns);
	} else {
		region->connects++;
		nng->rounds.failures = 0;
		sonde_log(instance, SONDE_INFO, "%s is there%s%s, and acknowledges what is %s",
			  region->url, region->name[0] ? ": " : "", region->name,
			  ack_names[region->ack <= MESSAGE_ACK_DELIVERED ? region->ack : 0]);
		install(instance, region, greeting, answer);
		balance_update(instance);
		tell_statement(instance);
	}
	free(greeting);
}

static void on_down(struct sonde_instance *instance, struct region *region,
		    const struct hop_event *event)
{
	struct nng *nng = instance->self;
	struct lane *lane = lane_of(nng, region);
	bool was_ready = region->state == REGION_READY;
	int64_t now_ns = nng_now_ns();

	region_down(region, hop_reason_name(event->reason), event->detail ? event->detail : "",
		    now_ns);
	if (lane)
		window_unsend(&lane->window);
	sonde_log(instance, SONDE_WARNING, "%s %s: %s", region->url,
		  was_ready ? "is gone" : "cannot be had", region->problem);
	if (nng->balances)
		(void)dial(instance, region, backoff_delay_ns(&region->backoff, random_number()));
	else
		dial_next(instance, region, now_ns);
	balance_update(instance);
}

/* ---- what it says ------------------------------------------------------------------------ */

static void on_ack(struct sonde_instance *instance, struct region *region,
		   const struct position *position)
{
	struct nng *nng = instance->self;
	struct lane *lane = lane_of(nng, region);
	int64_t now_ns = nng_now_ns();

	if (!lane)
		return;
	region->heard_ns = now_ns;
	sonde_count(&nng->rows, lane_acknowledge(lane, instance, position, now_ns));
}

static void on_refused(struct sonde_instance *instance, struct region *region, const void *data,
		       size_t length)
{
	struct nng *nng = instance->self;
	struct lane *lane = lane_of(nng, region);
	struct position position;
	struct sonde_text text;
	struct frame *frame;
	uint32_t code;
	char reason[MESSAGE_TEXT_LIMIT + 64];

	if (!lane || position_decode(data, length, &position) ||
	    notice_decode((const char *)data + POSITION_BYTES, length - POSITION_BYTES, &code,
			  &text))
		return;
	frame = window_find(&lane->window, &position);
	if (!frame)
		return;
	if (code == MESSAGE_AGAIN) {
		window_again(&lane->window, frame, nng_now_ns() + again_ns);
		return;
	}
	sonde_count(&nng->rejected, frame->rows);
	(void)snprintf(reason, sizeof(reason), "%s%s%.*s", message_code_name(code),
		       text.length ? ": " : "", (int)text.length, text.data);
	(void)lane_reject(lane, instance, &position, reason);
}

static void on_refusal(struct region *region, const void *data, size_t length)
{
	struct sonde_text text;
	uint32_t code;

	if (!notice_decode(data, length, &code, &text))
		(void)snprintf(region->problem, sizeof(region->problem), "it refuses us: %s%s%.*s",
			       message_code_name(code), text.length ? ": " : "", (int)text.length,
			       text.data);
	region->state = REGION_GREETING; /* so that this is what is said of it */
	hop_close(region->connection, 0);
}

static void on_message(struct sonde_instance *instance, const struct hop_event *event)
{
	struct region *region = hop_dialer_data(event->dialer);
	const void *data = event->payload->data;
	size_t length = event->payload->length;
	struct position position;

	switch (event->header.type) {
	case MESSAGE_WELCOME:
		if (region->state == REGION_GREETING)
			on_welcome(instance, region, data, length);
		break;
	case MESSAGE_REFUSAL:
		on_refusal(region, data, length);
		break;
	case MESSAGE_ACK:
		if (!position_decode(data, length, &position))
			on_ack(instance, region, &position);
		break;
	case MESSAGE_REFUSED:
		on_refused(instance, region, data, length);
		break;
	case MESSAGE_PAUSE:
		region->is_paused = true;
		break;
	case MESSAGE_RESUME:
		region->is_paused = false;
		break;
	case MESSAGE_BYE:
		region->is_leaving = true;
		break;
	case MESSAGE_COMMAND:
		if (region->state == REGION_READY)
			tell_command(instance, region, event->header.sequence, data, length);
		break;
	default:
		break; /* heartbeats, and what later versions say besides */
	}
}

void events_take(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	struct hop_event event;

	while (hop_next(nng->hop, &event)) {
		struct region *region = event.dialer ? hop_dialer_data(event.dialer) : NULL;

		switch (event.kind) {
		case HOP_OPENED:
			on_opened(instance, &event);
			break;
		case HOP_MESSAGE:
			on_message(instance, &event);
			hop_buffer_release(event.payload);
			break;
		case HOP_WRITABLE:
			region->is_blocked = false;
			break;
		case HOP_CLOSED:
		case HOP_FAILED:
			on_down(instance, region, &event);
			break;
		default:
			break;
		}
	}
}

void events_tick(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int64_t now_ns = nng_now_ns();

	for (uint32_t i = 0; i < nng->region_count; i++) {
		struct region *region = &nng->regions[i];

		region_tick(region, &nng->settings, now_ns);
		if (region->state != REGION_GREETING ||
		    now_ns - region->spoke_ns < nng->settings.connect_ns || !region->connection)
			continue;
		(void)snprintf(region->problem, sizeof(region->problem), "it does not greet");
		hop_close(region->connection, 0);
	}
}

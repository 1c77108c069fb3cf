// SPDX-License-Identifier: Apache-2.0
/* Input `nng`: takes what other sondes send. */
#include "nng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "order.h"

enum { STREAMS_PER_EDGE = 8, EVENTS_PER_TURN = 256 };

static const int64_t tick_longest_ns = 500000000;

static const struct sonde_counter nng_counters[] = {
	{ .name = "frames",
	  SONDE_MEMBER(struct nng, frames),
	  .unit = "{frame}",
	  .help = "frames that were taken" },
	{ .name = "rows", SONDE_MEMBER(struct nng, rows), .unit = "{row}", .help = "rows in them" },
	{ .name = "bytes",
	  SONDE_MEMBER(struct nng, bytes),
	  .unit = "By",
	  .help = "of these frames" },
	{ .name = "repeats",
	  SONDE_MEMBER(struct nng, repeats),
	  .unit = "{frame}",
	  .help = "frames that came again and were recognised" },
	{ .name = "refused",
	  SONDE_MEMBER(struct nng, refused),
	  .unit = "{frame}",
	  .help = "frames refused for good, which their edges book as rejected" },
	{ .name = "full",
	  SONDE_MEMBER(struct nng, full),
	  .unit = "{frame}",
	  .help = "frames that had to wait for room" },
	{ .name = "statements",
	  SONDE_MEMBER(struct nng, statements),
	  .unit = "{message}",
	  .help = "ledgers that sondes below told" },
	{ .name = "refused_edges",
	  SONDE_MEMBER(struct nng, refused_edges),
	  .unit = "{connection}",
	  .help = "connections refused after their first message" },
	{ 0 },
};

int64_t nng_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what happens on the hop ------------------------------------------------------------- */

static void on_answer(struct sonde_instance *instance, const struct edge *edge,
		      const struct hop_event *event)
{
	struct sonde_text text;
	uint32_t code;

	if (notice_decode(event->payload->data, event->payload->length, &code, &text))
		return;
	sonde_log(instance, code == MESSAGE_FINE ? SONDE_INFO : SONDE_WARNING,
		  "%s answers command %llu: %s%s%.*s", edge->name,
		  (unsigned long long)event->header.sequence, message_code_name(code),
		  text.length ? ": " : "", (int)text.length, text.data);
}

/* Takes over the payload. */
static void on_message(struct sonde_instance *instance, struct edge *edge,
		       const struct hop_event *event)
{
	switch (event->header.type) {
	case MESSAGE_FRAME:
		take_frame(instance, edge, event->payload, event->header.sequence);
		return;
	case MESSAGE_LEDGER:
		take_statement(instance, edge, event->payload->data, event->payload->length);
		break;
	case MESSAGE_ANSWER:
		on_answer(instance, edge, event);
		break;
	case MESSAGE_HEARTBEAT:
	case MESSAGE_BYE:
	case MESSAGE_REFUSAL:
		break;
	default:
		if (!(event->header.type & MESSAGE_OPTIONAL))
			edge_refuse(instance, edge, MESSAGE_MALFORMED,
				    "a message of no known type");
		break;
	}
	hop_buffer_release(event->payload);
}

static void on_first(struct sonde_instance *instance, const struct hop_event *event)
{
	edge_greet(instance, event->connection, event);
	hop_buffer_release(event->payload);
}

static void on_closed(struct sonde_instance *instance, const struct hop_event *event)
{
	struct edge *edge = hop_data(event->connection);

	if (!edge)
		return;
	sonde_log(instance, SONDE_INFO, "%s has gone: %s%s%s", edge->name,
		  hop_reason_name(event->reason), event->detail && *event->detail ? ": " : "",
		  event->detail ? event->detail : "");
	edge_gone(instance, edge);
}

static void take_events(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	struct hop_event event;
	uint32_t count = 0;

	while (hop_next(nng->hop, &event)) {
		struct edge *edge = event.connection ? hop_data(event.connection) : NULL;

		if (event.kind == HOP_MESSAGE && edge)
			on_message(instance, edge, &event);
		else if (event.kind == HOP_MESSAGE)
			on_first(instance, &event);
		else if (event.kind == HOP_CLOSED)
			on_closed(instance, &event);
		else if (event.kind == HOP_REFUSED)
			sonde_log(instance, SONDE_WARNING, "%s is refused: %s%s%s", event.address,
				  hop_reason_name(event.reason),
				  event.detail && *event.detail ? ": " : "",
				  event.detail ? event.detail : "");
		if (++count == EVENTS_PER_TURN) {
			sonde_wake(instance); /* others of this thread have their turn */
			return;
		}
	}
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
	const struct settings *settings = &nng->settings;
	const struct hop_settings hop_settings = {
		.name = instance->name,
		.wake = wake,
		.data = instance,
		.connections = settings->edges,
		.half_open = settings->half_open,
		.open_ns = settings->handshake_ns,
		.silence_ns = settings->silence_ns,
		.message_bytes = ((size_t)64 << 20) + MESSAGE_LIMIT,
		.tls = settings->tls,
	};
	char error[256];
	int result = hop_create(&hop_settings, &nng->hop, error, sizeof(error));

	if (!result)
		result = hop_listen(nng->hop, settings->url, error, sizeof(error));
	return result < 0 ? sonde_fail(instance, -result, "%s", error) : 0;
}

static int64_t tick_ns(const struct settings *settings)
{
	int64_t interval_ns = settings->heartbeat_ns / 2;

	return interval_ns < tick_longest_ns ? interval_ns : tick_longest_ns;
}

static int nng_start(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int result;

	nng->edge_limit = nng->settings.edges;
	nng->line_last = &nng->line;
	nng->looked_ns = nng_now_ns();
	nng->edges = calloc(nng->edge_limit, sizeof(struct edge *));
	nng->share = share_get(instance->name, nng->edge_limit * STREAMS_PER_EDGE);
	if (!nng->edges || !nng->share)
		return sonde_fail(instance, ENOMEM, "cannot start");
	nng->member.instance = instance;
	share_enter(nng->share, &nng->member);
	result = open_hop(instance);
	if (!result)
		result = sonde_every(instance, TIMER_TICK, tick_ns(&nng->settings));
	return result;
}

static void nng_stop(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	hop_stop(nng->hop);
	if (nng->share && nng->member.instance)
		share_leave(nng->share, &nng->member);
	for (uint32_t i = 0; nng->edges && i < nng->edge_limit; i++) {
		if (nng->edges[i])
			edge_gone(instance, nng->edges[i]);
	}
	while (nng->taken) {
		struct taken *next = nng->taken->next;

		free(nng->taken);
		nng->taken = next;
	}
	free(nng->edges);
	nng->hop = NULL;
	nng->share = NULL;
	nng->member = (struct share_member){ 0 };
	nng->edges = NULL;
	nng->edge_limit = nng->edge_count = 0;
	nng->is_ending = false;
}

static int nng_woken(struct sonde_instance *instance)
{
	take_events(instance);
	take_answers(instance);
	return 0;
}

static int nng_timer(struct sonde_instance *instance, int id)
{
	struct nng *nng = instance->self;
	char error[256];

	(void)id;
	hop_tick(nng->hop, nng_now_ns());
	take_events(instance);
	take_waiting(instance); /* a queue speaks of room when it is half empty */
	take_answers(instance);
	edges_tick(instance);
	if (nng->settings.tls.certificate && hop_renew(nng->hop, error, sizeof(error)) < 0)
		sonde_log(instance, SONDE_WARNING, "the old certificates stay in use: %s", error);
	return 0;
}

static int nng_room(struct sonde_instance *instance)
{
	take_waiting(instance);
	take_answers(instance);
	return 0;
}

static int nng_set(struct sonde_instance *instance)
{
	const struct nng *nng = instance->self;
	char error[256];
	struct order order;

	if (!*nng->settings.command)
		return 0;
	if (order_read(nng->settings.command, &order, error, sizeof(error)))
		return sonde_fail(instance, EINVAL, "%s", error);
	edges_order(instance);
	return 0;
}

static int nng_settled(struct sonde_instance *instance, uint64_t token,
		       const struct sonde_settlement *settlement)
{
	return take_settled(instance, (struct taken *)(uintptr_t)token, settlement);
}

/* Frames that are not taken yet stay with their edges; those that are hear what became of them. */
static int nng_drain(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	hop_listen_end(nng->hop);
	take_events(instance);
	take_answers(instance);
	nng->is_ending = true;
	for (uint32_t i = 0; i < nng->edge_limit; i++) {
		struct edge *edge = nng->edges[i];

		if (!edge || edge->state != EDGE_READY)
			continue;
		edge_say(edge, MESSAGE_BYE, 0, NULL, 0);
		take_none(nng, edge);
		hop_pause(edge->connection, true);
	}
	return SONDE_OK;
}

static const struct sonde_plugin nng_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "nng",
	.summary = "rows that other sondes send, and acknowledges them",
	.manual = settings_manual,
	.self_size = sizeof(struct nng),
	.replication = SONDE_ANY_REPLICA,
	.waits = 1,
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
	.settled = nng_settled,
	.room = nng_room,
};

SONDE_EXPORT(nng_plugin)

// SPDX-License-Identifier: Apache-2.0
/* Input `otlp`: takes logs, metrics and traces from applications and collectors, over gRPC and
 * HTTP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "decode.h"
#include "reply.h"
#include "report.h"
#include "settings.h"
#include "unpack.h"

enum { TIMER_GRPC, TIMER_HTTP, TIMER_LINE };

static const int64_t tick_least_ns = 1000000;

struct otlp {
	struct settings settings; /* first: settings_options is a table of it */

	/* counters */
	uint64_t requests, held, full, malformed, rows, invalid, repaired;

	struct http_server *grpc, *http;
	struct otlp_decoder *decoder;
	struct unpacker unpacker;
	struct call *calls;
	struct line line; /* those of them that wait for room */
	struct guess guess;
	uint32_t reading_count; /* calls whose body is not whole */
	bool ends;              /* drain() was called */
	bool drains;            /* it has answered SONDE_LATER */
};

static const struct sonde_counter otlp_counters[] = {
	{ .name = "requests",
	  SONDE_MEMBER(struct otlp, requests),
	  .unit = "{request}",
	  .help = "requests to export that came" },
	{ .name = "held",
	  SONDE_MEMBER(struct otlp, held),
	  .unit = "{request}",
	  .help = "of them, waited for room before they were read" },
	{ .name = "full",
	  SONDE_MEMBER(struct otlp, full),
	  .unit = "{request}",
	  .help = "of them, refused for want of room: their senders were told to come again" },
	{ .name = "malformed",
	  SONDE_MEMBER(struct otlp, malformed),
	  .unit = "{request}",
	  .help = "of them, refused for good: not OTLP, too large, not known" },
	{ .name = "rows",
	  SONDE_MEMBER(struct otlp, rows),
	  .unit = "{row}",
	  .help = "log records, spans and data points that were taken" },
	{ .name = "invalid",
	  SONDE_MEMBER(struct otlp, invalid),
	  .unit = "{row}",
	  .help = "of those sent, left out as not valid, which their senders were told" },
	{ .name = "repaired",
	  SONDE_MEMBER(struct otlp, repaired),
	  .unit = "{text}",
	  .help = "texts that were not UTF-8, and have U+FFFD where they were not" },
	{ 0 },
};

/* ---- calls ------------------------------------------------------------------------------- */

static struct call *call_create(struct otlp *otlp, struct http_request *request)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->request = request;
	call->next = otlp->calls;
	if (call->next)
		call->next->previous = call;
	otlp->calls = call;
	otlp->reading_count++;
	request->user = call;
	return call;
}

/* Neither its client nor its rows need it any more. */
static void call_free(struct otlp *otlp, struct call *call)
{
	if (call->previous)
		call->previous->next = call->next;
	else
		otlp->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
	free(call);
}

/* Its body and its promise of room are let go of. */
static void call_let_go(struct sonde_instance *instance, struct call *call)
{
	sonde_dictionary_release(instance, call->dictionary);
	call->dictionary = NULL;
	call->place = NULL;
	if (call->reserved_bytes)
		sonde_unreserve(instance, call->reserved_bytes);
	call->reserved_bytes = 0;
}

static void call_read(struct sonde_instance *instance, struct call *call)
{
	struct otlp *otlp = instance->self;

	if (call->is_read)
		return;
	call->is_read = true;
	if (--otlp->reading_count || !otlp->drains)
		return;
	otlp->drains = false;
	sonde_drained(instance);
}

/* ---- admission --------------------------------------------------------------------------- */

static int refuse_large(const struct otlp *otlp, struct refusal *refusal)
{
	return refuse(refusal, 413, GRPC_RESOURCE_EXHAUSTED,
		      "it is over %llu bytes (body_limit): send less at once",
		      (unsigned long long)otlp->settings.body_limit_bytes);
}

static void call_refuse(struct sonde_instance *instance, struct call *call, struct refusal *refusal)
{
	struct otlp *otlp = instance->self;

	if (refusal->status == 503 && !refusal->retry_after_ns)
		refusal->retry_after_ns = otlp->settings.retry_after_ns;
	if (refusal->retry_after_ns)
		sonde_count(&otlp->full, 1);
	else
		sonde_count(&otlp->malformed, 1);
	call_let_go(instance, call);
	reply_refused(call, refusal);
}

/* ---- waiting for room -------------------------------------------------------------------- */

/* Lets in who has waited longest, and those behind as far as there is room. */
static void line_admit(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	struct refusal refusal;
	struct call *call;

	while ((call = line_first(&otlp->line))) {
		int result = call_reserve_body(instance, call, &otlp->guess, call_body_bytes(call),
					       &refusal);

		if (result && refusal.status == 503)
			return;
		line_leave(&otlp->line, call);
		if (result)
			call_refuse(instance, call, &refusal);
		else
			http_admit(call->request);
	}
}

/* Sends one away. */
static void line_refuse(struct sonde_instance *instance, struct call *call, const char *why)
{
	struct otlp *otlp = instance->self;
	struct refusal refusal;

	line_leave(&otlp->line, call);
	(void)refuse(&refusal, 503, GRPC_UNAVAILABLE, "%s", why);
	call_refuse(instance, call, &refusal);
}

/* Room is looked for at every tick, too: a queue speaks of it when it is half empty. */
static int line_tick(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	struct call *call;

	otlp->line.tick++;
	line_admit(instance);
	while ((call = line_first(&otlp->line)) && line_is_overdue(&otlp->line, call)) {
		line_refuse(instance, call, "there was no room for it in time");
		line_admit(instance); /* what it was too large for may do for the next */
	}
	return otlp->line.first ? 0 : sonde_every(instance, TIMER_LINE, 0);
}

static int line_time(struct sonde_instance *instance)
{
	const struct otlp *otlp = instance->self;
	int64_t tick_ns = otlp->settings.hold_ns / LINE_TICKS;

	return sonde_every(instance, TIMER_LINE, tick_ns > tick_least_ns ? tick_ns : tick_least_ns);
}

/* A call for which there is no room: HTTP_LATER, or -1 if it may not wait. What it was promised for
 * a part of its body goes back: others could wait for that. */
static int call_hold(struct sonde_instance *instance, struct call *call,
		     const struct refusal *refusal)
{
	struct otlp *otlp = instance->self;

	if (refusal->status != 503 || !otlp->settings.hold_ns || otlp->ends)
		return -1;
	if (call->was_held && line_is_overdue(&otlp->line, call))
		return -1;
	if (!otlp->line.first && line_time(instance) < 0)
		return -1;
	sonde_unreserve(instance, call->reserved_bytes);
	call->reserved_bytes = 0;
	if (!call->was_held)
		sonde_count(&otlp->held, 1);
	line_enter(&otlp->line, call);
	return HTTP_LATER;
}

/* Room for a body by its head, now or, behind those that wait, later: 0, HTTP_LATER, or -1 with the
 * refusal. */
static int call_enter(struct sonde_instance *instance, struct call *call, struct refusal *refusal)
{
	struct otlp *otlp = instance->self;
	int result = line_first(&otlp->line) ? refuse_full(refusal)
					     : call_reserve_body(instance, call, &otlp->guess,
								 call_body_bytes(call), refusal);

	return result ? call_hold(instance, call, refusal) : 0;
}

/* ---- what clients send ------------------------------------------------------------------- */

static int on_head(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct otlp *otlp = instance->self;
	struct refusal refusal;
	struct call *call = call_create(otlp, request);
	int result;

	sonde_count(&otlp->requests, 1);
	if (!call) {
		sonde_count(&otlp->full, 1);
		http_answer(request, &(struct http_answer){ .status = 503 });
		return -1;
	}
	result = call_read_head(call, request, &refusal);
	if (!result && call_body_bytes(call) > otlp->settings.body_limit_bytes)
		result = refuse_large(otlp, &refusal);
	if (!result)
		result = call_enter(instance, call, &refusal);
	if (result < 0)
		call_refuse(instance, call, &refusal);
	return result;
}

static int on_grow(void *data, struct http_request *request, size_t length)
{
	struct sonde_instance *instance = data;
	const struct otlp *otlp = instance->self;
	struct call *call = request->user;
	struct refusal refusal;
	int result = 0;

	if (length > otlp->settings.body_limit_bytes)
		result = refuse_large(otlp, &refusal);
	if (!result) {
		result = call_reserve_body(instance, call, &otlp->guess, length, &refusal);
		if (result)
			result = call_hold(instance, call, &refusal);
	}
	if (result < 0)
		call_refuse(instance, call, &refusal);
	return result;
}

static void *on_place(void *data, struct http_request *request, size_t length)
{
	return unpack_place(data, request->user, length);
}

/* ---- taking ------------------------------------------------------------------------------ */

static int call_decode(struct sonde_instance *instance, struct call *call,
		       struct otlp_decoded *ret_decoded, struct refusal *refusal)
{
	struct otlp *otlp = instance->self;
	struct message message;
	const char *why = "";
	size_t offset = 0;
	int result;

	if (unpack(instance, &otlp->unpacker, call, otlp->settings.body_limit_bytes, &message,
		   refusal))
		return -1;
	if (call_reserve(instance, call, message.length, refusal))
		return -1;
	result = otlp_decode(otlp->decoder, call->signal, call->dictionary, message.data,
			     message.length, ret_decoded, &why, &offset);
	if (result == -EBADMSG)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT, "byte %zu: %s", offset, why);
	if (result < 0)
		return refuse(refusal, 503, GRPC_UNAVAILABLE, "memory is refused");
	return 0;
}

/* Hands the rows on; 0: to be answered at once, 1: when they are settled, -1: refused. */
static int call_emit(struct sonde_instance *instance, struct call *call,
		     const struct otlp_decoded *decoded, struct refusal *refusal)
{
	struct otlp *otlp = instance->self;
	size_t bytes;
	int result;

	if (!decoded->batch)
		return 0;
	sonde_dictionary_release(instance,
				 call->dictionary); /* all of it is charged to the batch */
	call->dictionary = NULL;
	bytes = sonde_batch_bytes(instance, decoded->batch);
	guess_learn(&otlp->guess, call, call->request->body_length, bytes);
	if (call_reserve(instance, call, bytes, refusal)) {
		sonde_batch_release(instance, decoded->batch);
		return -1;
	}
	call->reserved_bytes -= bytes; /* the batch uses it up */
	call->waits = otlp->settings.ack != ACK_RECEIVED;
	result = call->waits ? sonde_emit_token(instance, decoded->batch, (uintptr_t)call)
			     : sonde_emit_batch(instance, decoded->batch);
	if (result < 0) {
		call->waits = false;
		return refuse(refusal, 503, GRPC_UNAVAILABLE, "it cannot be handed on: %s",
			      strerror(-result));
	}
	return call->waits;
}

static void call_take(struct sonde_instance *instance, struct call *call)
{
	struct otlp *otlp = instance->self;
	struct otlp_decoded decoded = { 0 };
	struct refusal refusal;
	int result = call_decode(instance, call, &decoded, &refusal);

	if (!result)
		result = call_emit(instance, call, &decoded, &refusal);
	if (result < 0) {
		call_refuse(instance, call, &refusal);
		return;
	}
	call_let_go(instance, call);
	sonde_count(&otlp->rows, decoded.row_count);
	sonde_count(&otlp->invalid, decoded.refused_count);
	sonde_count(&otlp->repaired, decoded.repaired_count);
	if (decoded.refused_count)
		sonde_log(instance, SONDE_WARNING, "%s: %llu of %llu rows left out: %s",
			  call->request->peer, (unsigned long long)decoded.refused_count,
			  (unsigned long long)(decoded.row_count + decoded.refused_count),
			  decoded.refused_why);
	call->row_count = decoded.row_count;
	call->refused_count = decoded.refused_count;
	call->refused_why = decoded.refused_why;
	if (!call->waits)
		reply_done(call, call->refused_count, call->refused_why);
}

static void on_complete(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct call *call = request->user;

	call_take(instance, call);
	call_read(instance, call);
}

static void on_end(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct otlp *otlp = instance->self;
	struct call *call = request->user;

	if (!call)
		return;
	line_leave(&otlp->line, call);
	if (request->refused == 503)
		sonde_count(&otlp->full, 1);
	call->request = NULL;
	call_let_go(instance, call);
	call_read(instance, call);
	if (!call->waits)
		call_free(otlp, call);
}

static const struct http_handler otlp_handler = {
	.head = on_head,
	.place = on_place,
	.grow = on_grow,
	.complete = on_complete,
	.end = on_end,
};

static int otlp_settled(struct sonde_instance *instance, uint64_t token,
			const struct sonde_settlement *settlement)
{
	struct otlp *otlp = instance->self;
	struct call *call = (struct call *)(uintptr_t)token;
	struct refusal refusal;
	uint64_t rejected = call->refused_count;

	call->waits = false;
	if (!call->request) {
		call_free(otlp, call);
		return 0;
	}
	if (settlement->verdict == SONDE_RETRY) {
		(void)refuse(&refusal, 503, GRPC_UNAVAILABLE, "no output could take it: %s",
			     settlement->reason ? settlement->reason : "");
		call_refuse(instance, call, &refusal);
		return 0;
	}
	if (settlement->verdict == SONDE_REJECTED)
		rejected += call->row_count;
	reply_done(call, rejected,
		   settlement->verdict == SONDE_REJECTED && settlement->reason ? settlement->reason
									       : call->refused_why);
	return 0;
}

/* ---- life -------------------------------------------------------------------------------- */

static int otlp_check(struct sonde_instance *instance)
{
	const struct otlp *otlp = instance->self;

	settings_check(instance, &otlp->settings);
	return 0;
}

static int listen_at(struct sonde_instance *instance, const char *address, int timer,
		     struct http_server **ret_server)
{
	const struct settings *settings = &((const struct otlp *)instance->self)->settings;
	const struct http_limits limits = {
		.connections = settings->connections,
		.streams = settings->streams,
		.body_bytes = settings->body_limit_bytes,
		.idle_ns = settings->idle_ns,
		.stall_ns = settings->stall_ns,
	};
	char error[256];
	int result;

	if (!*address)
		return 0;
	result = http_server_create(instance, address, instance->replica_count > 1, &limits,
				    &settings->tls, &otlp_handler, instance, timer, ret_server,
				    error, sizeof(error));
	return result < 0 ? sonde_fail(instance, -result, "%s", error) : 0;
}

static int otlp_start(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	const struct otlp_decoder_options options = { .column_limit = otlp->settings.columns };
	int result;

	otlp->decoder = otlp_decoder_create(instance, &options);
	if (!otlp->decoder)
		return sonde_fail(instance, ENOMEM, "cannot start");
	result = listen_at(instance, otlp->settings.grpc, TIMER_GRPC, &otlp->grpc);
	if (!result)
		result = listen_at(instance, otlp->settings.http, TIMER_HTTP, &otlp->http);
	return result;
}

static void otlp_stop(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;

	http_server_release(otlp->grpc);
	http_server_release(otlp->http);
	while (otlp->calls) {
		call_let_go(instance, otlp->calls);
		call_free(otlp, otlp->calls);
	}
	otlp_decoder_release(otlp->decoder);
	unpacker_release(&otlp->unpacker);
	otlp->grpc = otlp->http = NULL;
	otlp->decoder = NULL;
	otlp->reading_count = 0;
	otlp->ends = otlp->drains = false;
}

static int otlp_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct otlp *otlp = instance->self;

	if (!otlp->grpc || !http_server_ready(otlp->grpc, fd, events)) {
		if (otlp->http)
			http_server_ready(otlp->http, fd, events);
	}
	return 0;
}

static int otlp_timer(struct sonde_instance *instance, int id)
{
	struct otlp *otlp = instance->self;

	if (id == TIMER_LINE)
		return line_tick(instance);
	if (otlp->grpc)
		http_server_timer(otlp->grpc, id);
	if (otlp->http)
		http_server_timer(otlp->http, id);
	return 0;
}

static int otlp_room(struct sonde_instance *instance)
{
	line_admit(instance);
	return 0;
}

/* The other knob is read when it is needed. */
static int otlp_set(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	struct call *call;

	while (!otlp->settings.hold_ns && (call = line_first(&otlp->line)))
		line_refuse(instance, call, "there is no room for it now");
	return otlp->line.first ? line_time(instance) : 0;
}

/* Requests that have begun are read to their end; what waits for rows to be settled is answered
 * when they are. What waits for room goes elsewhere: nothing of it was taken, and queues that are
 * full have enough to hand over before the end. */
static int otlp_drain(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	struct call *call;

	if (otlp->grpc)
		http_server_drain(otlp->grpc);
	if (otlp->http)
		http_server_drain(otlp->http);
	otlp->ends = true;
	while ((call = line_first(&otlp->line)))
		line_refuse(instance, call, "this is the end: send it elsewhere, or again later");
	otlp->drains = otlp->reading_count > 0;
	return otlp->drains ? SONDE_LATER : SONDE_OK;
}

static int otlp_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct otlp *otlp = instance->self;

	report_server(instance, report, otlp->settings.grpc, otlp->grpc);
	report_server(instance, report, otlp->settings.http, otlp->http);
	return 0;
}

static const struct sonde_plugin otlp_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "otlp",
	.summary = "logs, metrics and traces that are sent over OTLP",
	.manual = settings_manual,
	.self_size = sizeof(struct otlp),
	.replication = SONDE_ANY_REPLICA,
	.waits = 1,
	.options = settings_options,
	.counters = otlp_counters,
	.check = otlp_check,
	.start = otlp_start,
	.stop = otlp_stop,
	.set = otlp_set,
	.ready = otlp_ready,
	.timer = otlp_timer,
	.drain = otlp_drain,
	.report = otlp_report,
	.settled = otlp_settled,
	.room = otlp_room,
};

SONDE_EXPORT(otlp_plugin)

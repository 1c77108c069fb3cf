// SPDX-License-Identifier: Apache-2.0
/* Output `otlp`: rows as OTLP to a receiver, over HTTP or gRPC, several requests under way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "status.h"
#include "temporality.h"
#include "token.h"
#include "variables.h"

enum { BATCH_LIMIT = 32 };
enum { TIMER_TRANSPORT };

struct otlp {
	struct settings settings; /* first: settings_options is a table of it */

	/* counters */
	uint64_t requests, items, plain_bytes, body_bytes, retries, splits, too_large, warnings;

	struct target targets[SIGNAL_COUNT];
	struct request_limit limits[SIGNAL_COUNT];
	struct transport transport;
	struct request_maker maker;
	struct request requests_kept[SETTINGS_IN_FLIGHT];
	struct shipment *shipments; /* oldest first */
	struct token token;
	struct temporality temporality;
	struct status status;
};

static const struct sonde_counter otlp_counters[] = {
	{ .name = "requests",
	  SONDE_MEMBER(struct otlp, requests),
	  .unit = "{request}",
	  .help = "requests sent" },
	{ .name = "items",
	  SONDE_MEMBER(struct otlp, items),
	  .unit = "{item}",
	  .help = "log records, spans and data points in them" },
	{ .name = "bytes",
	  SONDE_MEMBER(struct otlp, plain_bytes),
	  .unit = "By",
	  .help = "of their bodies, before compression" },
	{ .name = "sent_bytes",
	  SONDE_MEMBER(struct otlp, body_bytes),
	  .unit = "By",
	  .help = "of their bodies as they were sent" },
	{ .name = "retries",
	  SONDE_MEMBER(struct otlp, retries),
	  .unit = "{request}",
	  .help = "requests whose rows are offered again" },
	{ .name = "splits",
	  SONDE_MEMBER(struct otlp, splits),
	  .unit = "{request}",
	  .help = "requests that were too large for the receiver" },
	{ .name = "too_large",
	  SONDE_MEMBER(struct otlp, too_large),
	  .unit = "{row}",
	  .help = "rows that were rejected because they alone are too large" },
	{ .name = "warnings",
	  SONDE_MEMBER(struct otlp, warnings),
	  .unit = "{request}",
	  .help = "requests that were taken with a warning" },
	{ 0 }
};

/* ---- sending ----------------------------------------------------------------------------- */

static enum signal signal_of(const struct sonde_batch *batch)
{
	switch (otlp_signal(batch)) {
	case SONDE_SIGNAL_METRIC:
		return SIGNAL_METRICS;
	case SONDE_SIGNAL_SPAN:
		return SIGNAL_TRACES;
	default:
		return SIGNAL_LOGS;
	}
}

static void unpack(struct sonde_instance *instance, struct parcel *parcel)
{
	struct otlp *otlp = instance->self;

	parcel->signal = signal_of(parcel->batch);
	temporality_unpack(&otlp->temporality, instance, parcel);
}

/* Something of ours is missing: all rows wait until they are offered again. */
static void hold_all(struct otlp *otlp, const char *why, int error)
{
	struct answer answer = { .verdict = ANSWER_RETRY };

	(void)snprintf(answer.text, sizeof(answer.text), "%.160s: %s", why, strerror(-error));
	shipments_hold(otlp->shipments, &answer);
}

static struct request *request_free(struct otlp *otlp)
{
	for (uint32_t i = 0; i < otlp->settings.in_flight; i++) {
		if (!otlp->requests_kept[i].is_busy)
			return &otlp->requests_kept[i];
	}
	return NULL;
}

/* The signal that has waited the longest. */
static bool find_work(const struct otlp *otlp, enum signal *ret_signal)
{
	for (const struct shipment *at = otlp->shipments; at; at = at->next) {
		for (uint32_t i = 0; i < at->parcel_count; i++) {
			*ret_signal = at->parcels[i].signal;
			if (parcel_has_work(&at->parcels[i], *ret_signal))
				return true;
		}
	}
	return false;
}

/* The token of the file as it is now. */
static int find_token(struct otlp *otlp, struct request *request)
{
	const char *path = otlp->settings.bearer_token_file;
	int error = path ? token_refresh(&otlp->token, path) : 0;

	request->transfer.token = path ? otlp->token.text : otlp->settings.bearer_token;
	request->token_generation = otlp->token.generation;
	if (error == -EBADMSG)
		hold_all(otlp, "bearer_token_file does not hold a token on one line", error);
	else if (error)
		hold_all(otlp, "cannot read bearer_token_file", error);
	return error;
}

static int send_request(struct otlp *otlp, struct request *request, enum signal signal)
{
	struct transfer *transfer = &request->transfer;
	int error;

	transfer->target = &otlp->targets[signal];
	transfer->signal = signal;
	error = transfer_send(&otlp->transport, transfer);
	if (error) {
		request_put_back(request, false);
		return error;
	}
	request->is_busy = true;
	otlp->status.signals[signal].in_flight++;
	sonde_count(&otlp->requests, 1);
	sonde_count(&otlp->items, request->protobuf.item_count);
	sonde_count(&otlp->plain_bytes, request->plain_length);
	sonde_count(&otlp->body_bytes, transfer->body_length);
	return 0;
}

/* One request more on its way. False: there is nothing to send now. */
static bool send_some(struct otlp *otlp, struct request *request)
{
	const struct answer nothing_to_say = { .verdict = ANSWER_DONE };
	enum signal signal = SIGNAL_LOGS;
	int error;

	if (!find_work(otlp, &signal) || find_token(otlp, request))
		return false;
	error = request_make(&otlp->maker, request, otlp->shipments, signal, &otlp->targets[signal],
			     &otlp->limits[signal]);
	sonde_count(&otlp->too_large, otlp->maker.too_large_count);
	otlp->maker.too_large_count = 0;
	if (!error && !request->plain_length)
		request_accept(request, &nothing_to_say);
	else if (!error)
		error = send_request(otlp, request, signal);
	if (error)
		hold_all(otlp, "cannot make a request", error);
	return !error;
}

/* Sends what there is to send, and answers what has its answer. */
static void pump(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	struct request *request;

	do {
		request = request_free(otlp);
	} while (request && send_some(otlp, request));
	shipments_settle(instance, &otlp->shipments);
}

static int otlp_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct otlp *otlp = instance->self;

	if (!shipment_take(instance, &otlp->shipments, delivery, unpack))
		return sonde_fail(instance, ENOMEM, "no memory for a delivery");
	pump(instance);
	return SONDE_LATER;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Whether the token changed since the request was made: it is then worth another try at once. */
static bool has_new_token(struct otlp *otlp, const struct request *request)
{
	return otlp->settings.bearer_token_file &&
	       !token_refresh(&otlp->token, otlp->settings.bearer_token_file) &&
	       otlp->token.generation != request->token_generation;
}

static void refused_for_size(struct otlp *otlp, struct request *request,
			     const struct answer *answer)
{
	request_limit_refuse(&otlp->limits[request->transfer.signal], request->plain_length);
	sonde_count(&otlp->splits, 1);
	if (request->row_count > 1) {
		request_put_back(request, answer->uncertain);
		return;
	}
	sonde_count(&otlp->too_large, request->row_count);
	request_reject(request, answer->text);
}

static void accepted(struct sonde_instance *instance, struct request *request,
		     const struct answer *answer)
{
	struct otlp *otlp = instance->self;

	if (answer->is_partial && !answer->rejected_count) {
		sonde_count(&otlp->warnings, 1);
		sonde_log(instance, SONDE_WARNING, "taken, with a warning: %s", answer->text);
	}
	request_accept(request, answer);
}

static void otlp_ended(struct sonde_instance *instance, struct transfer *transfer,
		       const struct answer *answer, int64_t took_ns)
{
	struct otlp *otlp = instance->self;
	struct request *request = (struct request *)transfer;

	request->is_busy = false;
	otlp->status.signals[transfer->signal].in_flight--;
	status_count(&otlp->status, request, took_ns);
	if (answer->unauthorized && has_new_token(otlp, request)) {
		request_put_back(request, answer->uncertain);
	} else if (answer->verdict == ANSWER_DONE) {
		accepted(instance, request, answer);
	} else if (answer->verdict == ANSWER_TOO_LARGE) {
		refused_for_size(otlp, request, answer);
	} else if (answer->verdict == ANSWER_REJECTED) {
		request_reject(request, answer->text);
	} else {
		sonde_count(&otlp->retries, 1);
		request_put_back(request, answer->uncertain);
		shipments_hold(otlp->shipments, answer); /* the others would fare as this one */
	}
	pump(instance);
}

static int otlp_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct otlp *otlp = instance->self;

	transport_ready(&otlp->transport, fd, events);
	return 0;
}

static int otlp_timer(struct sonde_instance *instance, int timer)
{
	struct otlp *otlp = instance->self;

	(void)timer;
	transport_timer(&otlp->transport);
	return 0;
}

/* ---- starting, ending, looking ----------------------------------------------------------- */

static int otlp_check(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;

	settings_check(instance, &otlp->settings);
	return 0;
}

static int otlp_start(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;
	char error_text[TARGET_ERROR_LENGTH];
	const char *option = NULL;
	int error = targets_resolve(&otlp->settings, variable_of_environment, otlp->targets,
				    &option, error_text);

	if (error == -EINVAL)
		return sonde_fail(instance, EINVAL, "%s", error_text);
	for (uint32_t i = 0; i < SIGNAL_COUNT; i++)
		request_limit_begin(&otlp->limits[i], &otlp->settings, &otlp->targets[i]);
	otlp->maker = (struct request_maker){ .encoder = otlp_encoder_create(),
					      .settings = &otlp->settings };
	otlp->transport = (struct transport){ .instance = instance,
					      .settings = &otlp->settings,
					      .timer = TIMER_TRANSPORT,
					      .ended = otlp_ended };
	if (!error)
		error = transport_open(&otlp->transport);
	if (!error)
		error = temporality_open(&otlp->temporality, instance, &otlp->settings);
	if (error || !otlp->maker.encoder)
		return sonde_fail(instance, ENOMEM, "no memory to begin with");
	if (!otlp->settings.verify)
		sonde_log(instance, SONDE_WARNING,
			  "verify is false: anybody may pose as the receiver");
	return 0;
}

static void otlp_stop(struct sonde_instance *instance)
{
	struct otlp *otlp = instance->self;

	for (uint32_t i = 0; i < SETTINGS_IN_FLIGHT; i++)
		request_release(&otlp->transport, &otlp->requests_kept[i]);
	transport_close(&otlp->transport);
	shipments_release(instance, &otlp->shipments);
	temporality_close(&otlp->temporality);
	otlp_encoder_release(otlp->maker.encoder);
	otlp->maker.encoder = NULL;
	for (uint32_t i = 0; i <= COMPRESS_ZSTD; i++) {
		compressor_release(otlp->maker.compressors[i]);
		otlp->maker.compressors[i] = NULL;
	}
	token_release(&otlp->token);
	targets_release(otlp->targets);
	memset(&otlp->status, 0, sizeof(otlp->status));
}

static int otlp_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct otlp *otlp = instance->self;

	status_report(instance, report, &otlp->status, otlp->targets, otlp->limits);
	temporality_report(&otlp->temporality, instance, report);
	return 0;
}

static const struct sonde_plugin otlp_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "otlp",
	.summary = "rows as OTLP, over HTTP or gRPC",
	.manual = settings_manual,
	.self_size = sizeof(struct otlp),
	.replication = SONDE_ANY_REPLICA,
	.in_flight = SETTINGS_IN_FLIGHT,
	.batch_limit = BATCH_LIMIT,
	.options = settings_options,
	.counters = otlp_counters,
	.check = otlp_check,
	.start = otlp_start,
	.stop = otlp_stop,
	.ready = otlp_ready,
	.timer = otlp_timer,
	.report = otlp_report,
	.write = otlp_write,
};

SONDE_EXPORT(otlp_plugin)

/* SPDX-License-Identifier: Apache-2.0 */
/* Input `mirror`: an HTTP server that answers what it got, as the path says: /echo, /count,
 * /status/N, /refuse/N (at the head), /grow/N (refuses a body that grows over N, or with ?pause
 * has the rest read later, as below), /delay/MS,
 * /never, /big/N, /trailers, /facts, /counts, /close. What asks for ?later is read when somebody
 * asks for /admit, or the end has come, and refused when somebody asks for /away. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sonde/plugin.h>

#include "server.h"

enum { TIMER_HTTP, TIMER_DELAYS };

/* A request that is open. */
struct guest {
	struct http_request *request;
	struct guest *previous, *next;
	void *memory;   /* that place() gave */
	int64_t due_ns; /* for /delay; 0: not */
	size_t grown;
	bool later; /* it is not read on yet */
	bool paused;
};

struct mirror {
	const char *listen, *certificate, *key, *client_ca; /* options */
	bool place, shared;                                 /* options: place() gives memory */
	uint32_t connections, streams;
	uint64_t head_bytes, body_bytes, connection_bytes, early_bytes, least_rate;
	int64_t head_ns, idle_ns, stall_ns;

	uint64_t begun, completed, ended, placed_bytes; /* counters */
	struct http_server *server;
	struct guest *guests;
	bool drains;
};

#define TEXT(name_, member_)                                                                       \
	{                                                                                          \
		.name = name_, .type = SONDE_TEXT, SONDE_MEMBER(struct mirror, member_)            \
	}
#define NUMBER(name_, type_, member_)                                                              \
	{                                                                                          \
		.name = name_, .type = type_, SONDE_MEMBER(struct mirror, member_), .value = "0"   \
	}
#define SWITCH(name_, member_)                                                                     \
	{                                                                                          \
		.name = name_, .type = SONDE_BOOL, SONDE_MEMBER(struct mirror, member_),           \
		.value = "false"                                                                   \
	}

static const struct sonde_option mirror_options[] = {
	TEXT("listen", listen),
	TEXT("certificate", certificate),
	TEXT("key", key),
	TEXT("client_ca", client_ca),
	SWITCH("place", place),
	SWITCH("shared", shared),
	NUMBER("connections", SONDE_U32, connections),
	NUMBER("streams", SONDE_U32, streams),
	NUMBER("head_bytes", SONDE_U64, head_bytes),
	NUMBER("body_bytes", SONDE_U64, body_bytes),
	NUMBER("connection_bytes", SONDE_U64, connection_bytes),
	NUMBER("early_bytes", SONDE_U64, early_bytes),
	NUMBER("least_rate", SONDE_U64, least_rate),
	{ .name = "head",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct mirror, head_ns),
	  .value = "0s" },
	{ .name = "idle",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct mirror, idle_ns),
	  .value = "0s" },
	{ .name = "stall",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct mirror, stall_ns),
	  .value = "0s" },
	{ 0 },
};

static const struct sonde_counter mirror_counters[] = {
	{ .name = "begun", SONDE_MEMBER(struct mirror, begun), .unit = "{request}" },
	{ .name = "completed", SONDE_MEMBER(struct mirror, completed), .unit = "{request}" },
	{ .name = "ended", SONDE_MEMBER(struct mirror, ended), .unit = "{request}" },
	{ .name = "placed", SONDE_MEMBER(struct mirror, placed_bytes), .unit = "By" },
	{ 0 },
};

/* ---- answers ----------------------------------------------------------------------------- */

/* The number behind a prefix of the path; -1: it is another path. */
static long path_number(const struct http_request *request, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(request->path, prefix, length) ? -1
						      : strtol(request->path + length, NULL, 10);
}

static void answer_status(struct http_request *request, uint32_t status)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u\n", status);
	http_answer(request, &(struct http_answer){ .status = status,
						    .content_type = "text/plain",
						    .body = text,
						    .body_length = strlen(text) });
}

static void answer_text(struct http_request *request, const char *text)
{
	http_answer(request, &(struct http_answer){ .status = 200,
						    .content_type = "text/plain",
						    .body = text,
						    .body_length = strlen(text) });
}

static void answer_body(struct http_request *request, bool close)
{
	const char *type = http_request_header(request, "content-type");

	http_answer(request,
		    &(struct http_answer){ .status = 200,
					   .content_type = type ? type : "application/octet-stream",
					   .body = request->body,
					   .body_length = request->body_length,
					   .close = close });
}

/* How much it was, and a sum that depends on the order of the bytes. */
static void answer_count(struct http_request *request)
{
	uint32_t one = 1, other = 0; /* Adler-32 */
	char text[64];

	for (size_t at = 0; at < request->body_length;) {
		size_t end = at + 5552 < request->body_length ? at + 5552 : request->body_length;

		for (; at < end; at++)
			other += one += request->body[at];
		one %= 65521;
		other %= 65521;
	}
	(void)snprintf(text, sizeof(text), "%zu %u\n", request->body_length, other << 16 | one);
	answer_text(request, text);
}

static void answer_big(struct http_request *request, size_t length)
{
	unsigned char *body = malloc(length + 1);

	for (size_t i = 0; body && i < length; i++)
		body[i] = (unsigned char)(i % 251);
	http_answer(request, &(struct http_answer){ .status = 200,
						    .content_type = "application/octet-stream",
						    .body = body,
						    .body_length = body ? length : 0 });
	free(body);
}

static void answer_trailers(struct http_request *request)
{
	const struct http_header header = { "x-mirror", "yes" };
	const struct http_header trailers[] = { { "grpc-status", "0" },
						{ "grpc-message", "well" } };

	http_answer(request, &(struct http_answer){ .status = 200,
						    .content_type = "application/grpc",
						    .body = request->body,
						    .body_length = request->body_length,
						    .headers = &header,
						    .header_count = 1,
						    .trailers = trailers,
						    .trailer_count = 2 });
}

static void answer_facts(struct http_request *request)
{
	const char *test = http_request_header(request, "x-test");
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"method\":\"%s\",\"path\":\"%s\",\"query\":\"%s\",\"peer\":\"%s\","
		       "\"peer_name\":\"%s\",\"version\":%u,\"content_length\":%lld,"
		       "\"body_length\":%zu,\"test\":\"%s\",\"host\":\"%s\"}\n",
		       request->method, request->path, request->query, request->peer,
		       request->peer_name ? request->peer_name : "", request->version,
		       (long long)request->content_length, request->body_length, test ? test : "",
		       http_request_header(request, "host") ? http_request_header(request, "host")
							    : "");
	answer_text(request, text);
}

static void answer_counts(const struct mirror *mirror, struct http_request *request)
{
	struct http_counts counts;
	uint32_t later = 0;
	char text[1024];

	for (const struct guest *guest = mirror->guests; guest; guest = guest->next)
		later += guest->later;
	http_server_counts(mirror->server, &counts);
	(void)snprintf(
		text, sizeof(text),
		"{\"connections\":%llu,\"refused\":%llu,\"timed_out\":%llu,\"requests\":%llu,"
		"\"malformed\":%llu,\"floods\":%llu,\"body_bytes\":%llu,\"open\":%u,"
		"\"open_requests\":%u,\"begun\":%llu,\"ended\":%llu,\"later\":%u,"
		"\"crowded\":%llu}\n",
		(unsigned long long)counts.connections,
		(unsigned long long)counts.refused_connections,
		(unsigned long long)counts.timed_out, (unsigned long long)counts.requests,
		(unsigned long long)counts.malformed, (unsigned long long)counts.floods,
		(unsigned long long)counts.body_bytes, counts.open_connections,
		counts.open_requests, (unsigned long long)mirror->begun,
		(unsigned long long)mirror->ended, later, (unsigned long long)counts.crowded);
	answer_text(request, text);
}

/* Lets in, or sends away, all that is to be read later. */
static void later_end(struct mirror *mirror, bool admits)
{
	for (struct guest *guest = mirror->guests, *next; guest; guest = next) {
		next = guest->next;
		if (!guest->later)
			continue;
		guest->later = false;
		if (admits)
			http_admit(guest->request);
		else
			answer_status(guest->request, 503);
	}
}

/* ---- requests ---------------------------------------------------------------------------- */

static int mirror_head(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct mirror *mirror = instance->self;
	struct guest *guest = calloc(1, sizeof(*guest));
	long status = path_number(request, "/refuse/");

	assert(!request->user);
	sonde_count(&mirror->begun, 1);
	if (!guest) {
		answer_status(request, 503);
		return -ENOMEM;
	}
	*guest = (struct guest){ .request = request, .next = mirror->guests };
	if (guest->next)
		guest->next->previous = guest;
	mirror->guests = guest;
	request->user = guest;
	guest->later = strstr(request->query, "later");
	if (guest->later)
		return HTTP_LATER;
	if (status < 0)
		return 0;
	answer_status(request, (uint32_t)status);
	return -EBUSY;
}

static void *mirror_place(void *data, struct http_request *request, size_t length)
{
	struct sonde_instance *instance = data;
	struct mirror *mirror = instance->self;
	struct guest *guest = request->user;

	if (!mirror->place)
		return NULL;
	assert(!guest->memory && !guest->later);
	sonde_count(&mirror->placed_bytes, length);
	return guest->memory = malloc(length);
}

static int mirror_grow(void *data, struct http_request *request, size_t length)
{
	struct guest *guest = request->user;
	long limit = path_number(request, "/grow/");

	(void)data;
	assert(length > guest->grown && !guest->later);
	guest->grown = length;
	if (limit < 0 || length <= (size_t)limit)
		return 0;
	if (strstr(request->query, "pause")) {
		guest->later = !guest->paused;
		guest->paused = true;
		return guest->later ? HTTP_LATER : 0;
	}
	answer_status(request, 429);
	return -EBUSY;
}

static void mirror_complete(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct mirror *mirror = instance->self;
	struct guest *guest = request->user;
	long number;

	assert(!guest->memory || request->body == guest->memory);
	assert(!guest->later);
	sonde_count(&mirror->completed, 1);
	if (path_number(request, "/admit") >= 0 || path_number(request, "/away") >= 0)
		later_end(mirror, path_number(request, "/admit") >= 0);
	if ((number = path_number(request, "/status/")) >= 0)
		answer_status(request, (uint32_t)number);
	else if ((number = path_number(request, "/delay/")) >= 0)
		guest->due_ns = sonde_now_ns(instance) + number * 1000000;
	else if ((number = path_number(request, "/big/")) >= 0)
		answer_big(request, (size_t)number);
	else if (path_number(request, "/count") >= 0 && strcmp(request->path, "/counts") != 0)
		answer_count(request);
	else if (path_number(request, "/counts") >= 0)
		answer_counts(mirror, request);
	else if (path_number(request, "/facts") >= 0)
		answer_facts(request);
	else if (path_number(request, "/trailers") >= 0)
		answer_trailers(request);
	else if (path_number(request, "/never") < 0)
		answer_body(request, path_number(request, "/close") >= 0);
}

static void mirror_end(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	struct mirror *mirror = instance->self;
	struct guest *guest = request->user;

	sonde_count(&mirror->ended, 1);
	if (!guest)
		return;
	assert(guest->request == request);
	if (guest->previous)
		guest->previous->next = guest->next;
	else
		mirror->guests = guest->next;
	if (guest->next)
		guest->next->previous = guest->previous;
	free(guest->memory);
	free(guest);
}

static const struct http_handler mirror_handler = {
	.head = mirror_head,
	.place = mirror_place,
	.grow = mirror_grow,
	.complete = mirror_complete,
	.end = mirror_end,
};

/* ---- the instance ------------------------------------------------------------------------ */

static int mirror_start(struct sonde_instance *instance)
{
	struct mirror *mirror = instance->self;
	const struct http_limits limits = { .connections = mirror->connections,
					    .streams = mirror->streams,
					    .head_bytes = mirror->head_bytes,
					    .body_bytes = mirror->body_bytes,
					    .connection_bytes = mirror->connection_bytes,
					    .early_bytes = mirror->early_bytes,
					    .head_ns = mirror->head_ns,
					    .idle_ns = mirror->idle_ns,
					    .stall_ns = mirror->stall_ns,
					    .least_rate = mirror->least_rate };
	const struct http_tls tls = { mirror->certificate, mirror->key, mirror->client_ca };
	char error[256];
	int result = http_server_create(instance, mirror->listen ? mirror->listen : ":0",
					mirror->shared, &limits, &tls, &mirror_handler, instance,
					TIMER_HTTP, &mirror->server, error, sizeof(error));

	if (result < 0)
		return sonde_fail(instance, -result, "%s", error);
	sonde_log(instance, SONDE_INFO, "listens at port %u", http_server_port(mirror->server));
	return sonde_every(instance, TIMER_DELAYS, 5000000);
}

static void mirror_stop(struct sonde_instance *instance)
{
	struct mirror *mirror = instance->self;

	http_server_release(mirror->server);
	mirror->server = NULL;
	assert(!mirror->guests);
}

static int mirror_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct mirror *mirror = instance->self;

	(void)http_server_ready(mirror->server, fd, events);
	return 0;
}

static int mirror_timer(struct sonde_instance *instance, int timer)
{
	struct mirror *mirror = instance->self;
	int64_t now_ns = sonde_now_ns(instance);

	if (http_server_timer(mirror->server, timer))
		return 0;
	for (struct guest *guest = mirror->guests, *next; guest; guest = next) {
		next = guest->next;
		if (!guest->due_ns || guest->due_ns > now_ns)
			continue;
		guest->due_ns = 0;
		answer_body(guest->request, false);
	}
	if (mirror->drains && http_server_is_idle(mirror->server)) {
		mirror->drains = false;
		sonde_drained(instance);
	}
	return 0;
}

static int mirror_drain(struct sonde_instance *instance)
{
	struct mirror *mirror = instance->self;

	http_server_drain(mirror->server);
	later_end(mirror, true);
	if (http_server_is_idle(mirror->server))
		return SONDE_OK;
	mirror->drains = true;
	return SONDE_LATER;
}

static const struct sonde_plugin mirror_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "mirror",
	.summary = "an HTTP server that answers what it got",
	.self_size = sizeof(struct mirror),
	.replication = SONDE_ANY_REPLICA,
	.options = mirror_options,
	.counters = mirror_counters,
	.start = mirror_start,
	.stop = mirror_stop,
	.ready = mirror_ready,
	.timer = mirror_timer,
	.drain = mirror_drain,
};

SONDE_EXPORT(mirror_plugin)

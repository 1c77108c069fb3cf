// SPDX-License-Identifier: Apache-2.0
/* Requests from their ends to their beginnings, as lengths are known then. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "otlp_requests.h"
#include "protobuf.h"

enum { ROOM_BYTES = OTLP_ITEM_COUNT * 1024 + 65536, POINTS_A_METRIC = 10 };

static struct message_writer writer;
static uint64_t state;

static uint32_t chance(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

#define ANY_OF(texts_) (texts_)[chance(sizeof(texts_) / sizeof((texts_)[0]))]

static const char *const routes[] = { "/api/v1/cart",     "/api/v1/cart/items",
				      "/api/v1/checkout", "/api/v1/products/{id}",
				      "/healthz",         "/api/v1/users/{id}/orders",
				      "/api/v2/search",   "/api/v1/payments" };
static const char *const methods[] = { "GET", "GET", "GET", "POST", "PUT", "DELETE" };
static const char *const words[] = { "order",    "payment", "accepted", "retry",  "customer",
				     "timeout",  "cache",   "replica",  "commit", "inventory",
				     "upstream", "session", "expired",  "shard",  "flush" };

/* ---- fields ------------------------------------------------------------------------------ */

static void put_text(uint32_t number, const char *text)
{
	const unsigned char *end = writer.at;

	message_put_bytes(&writer, text, strlen(text));
	message_put_head(&writer, number, end);
}

static void put_time(uint32_t number, uint64_t after_ns)
{
	message_put_fixed64(&writer, UINT64_C(1782907200000000000) + after_ns);
	message_put_tag(&writer, number, MESSAGE_FIXED64);
}

static void put_double(uint32_t number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	message_put_fixed64(&writer, bits);
	message_put_tag(&writer, number, MESSAGE_FIXED64);
}

static void put_id(uint32_t number, uint32_t size)
{
	const unsigned char *end = writer.at;

	for (uint32_t i = 0; i < size; i += 4)
		message_put_fixed32(&writer, chance(UINT32_MAX));
	message_put_head(&writer, number, end);
}

static void pair_end(uint32_t number, const char *key, const unsigned char *end)
{
	message_put_head(&writer, PAIR_VALUE, end);
	put_text(PAIR_KEY, key);
	message_put_head(&writer, number, end);
}

static void put_pair(uint32_t number, const char *key, const char *text)
{
	const unsigned char *end = writer.at;

	put_text(ANY_TEXT, text);
	pair_end(number, key, end);
}

static void put_integer_pair(uint32_t number, const char *key, uint64_t value)
{
	const unsigned char *end = writer.at;

	message_put_field(&writer, ANY_INTEGER, value);
	pair_end(number, key, end);
}

static void put_double_pair(uint32_t number, const char *key, double value)
{
	const unsigned char *end = writer.at;

	put_double(ANY_DOUBLE, value);
	pair_end(number, key, end);
}

__attribute__((format(printf, 3, 4))) static void put_pair_of(uint32_t number, const char *key,
							      const char *format, ...)
{
	char text[64];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_pair(number, key, text);
}

/* ---- items ------------------------------------------------------------------------------- */

static void put_log(uint32_t item)
{
	const unsigned char *end = writer.at, *body;
	bool bad = !chance(20);
	char text[256];
	int length = snprintf(text, sizeof(text), "request %08x handled:", chance(UINT32_MAX));

	while (length < 88)
		length += snprintf(text + length, sizeof(text) - (size_t)length, " %s",
				   ANY_OF(words));
	(void)snprintf(text + length, sizeof(text) - (size_t)length, " id=%u", chance(100000));
	put_time(LOG_OBSERVED_TIME, item);
	put_id(LOG_SPAN_ID, 8);
	put_id(LOG_TRACE_ID, 16);
	put_pair(LOG_ATTRIBUTES, "thread.name", chance(2) ? "http-worker-3" : "http-worker-11");
	put_double_pair(LOG_ATTRIBUTES, "duration_ms", chance(100000) / 97.0);
	put_pair_of(LOG_ATTRIBUTES, "client.address", "10.%u.%u.%u", chance(8), chance(256),
		    chance(256));
	put_pair_of(LOG_ATTRIBUTES, "user.id", "u-%07u", chance(3000000));
	put_integer_pair(LOG_ATTRIBUTES, "http.response.status_code", chance(20) ? 200 : 503);
	put_pair(LOG_ATTRIBUTES, "http.route", ANY_OF(routes));
	put_pair(LOG_ATTRIBUTES, "http.request.method", ANY_OF(methods));
	put_integer_pair(LOG_ATTRIBUTES, "seq", (1u << 28) + item);
	body = writer.at;
	put_text(ANY_TEXT, text);
	message_put_head(&writer, LOG_BODY, body);
	put_text(LOG_SEVERITY_TEXT, bad ? "ERROR" : "INFO");
	message_put_field(&writer, LOG_SEVERITY, bad ? 17 : 9);
	put_time(LOG_TIME, item);
	message_put_head(&writer, SCOPE_ITEMS, end);
}

static void put_event(void)
{
	const unsigned char *end = writer.at;

	put_pair(EVENT_ATTRIBUTES, "exception.type", "io.timeout");
	put_text(EVENT_NAME, "exception");
	put_time(EVENT_TIME, 0);
	message_put_head(&writer, SPAN_EVENTS, end);
}

static void put_status(void)
{
	const unsigned char *end = writer.at;

	message_put_field(&writer, STATUS_CODE, 2);
	put_text(STATUS_MESSAGE, "upstream timed out");
	message_put_head(&writer, SPAN_STATUS, end);
}

static void put_span(uint32_t item)
{
	const unsigned char *end = writer.at;
	const char *route = ANY_OF(routes);
	char name[64];

	if (!chance(20))
		put_status();
	if (!chance(10))
		put_event();
	put_pair(SPAN_ATTRIBUTES, "network.protocol.version", "1.1");
	put_integer_pair(SPAN_ATTRIBUTES, "server.port", 8080);
	put_pair(SPAN_ATTRIBUTES, "server.address", "cart.shop.svc.cluster.local");
	put_pair_of(SPAN_ATTRIBUTES, "client.address", "10.%u.%u.%u", chance(8), chance(256),
		    chance(256));
	put_integer_pair(SPAN_ATTRIBUTES, "http.response.status_code", chance(20) ? 200 : 503);
	put_pair(SPAN_ATTRIBUTES, "http.route", route);
	put_pair(SPAN_ATTRIBUTES, "http.request.method", "GET");
	put_integer_pair(SPAN_ATTRIBUTES, "seq", (1u << 28) + item);
	put_time(SPAN_END_TIME, item + 1000);
	put_time(SPAN_START_TIME, item);
	message_put_field(&writer, SPAN_KIND, 2 + chance(2));
	(void)snprintf(name, sizeof(name), "GET %s", route);
	put_text(SPAN_NAME, name);
	put_id(SPAN_PARENT_SPAN_ID, 8);
	put_id(SPAN_SPAN_ID, 8);
	put_id(SPAN_TRACE_ID, 16);
	message_put_head(&writer, SCOPE_ITEMS, end);
}

static void put_point_pairs(uint32_t number)
{
	put_pair(number, "http.response.status_code", chance(20) ? "200" : "503");
	put_pair(number, "http.route", ANY_OF(routes));
	put_pair(number, "http.request.method", ANY_OF(methods));
	put_pair_of(number, "worker", "worker-%03u", chance(400));
}

static void put_number(uint32_t item)
{
	const unsigned char *end = writer.at;

	put_point_pairs(NUMBER_ATTRIBUTES);
	message_put_fixed64(&writer, chance(1000000));
	message_put_tag(&writer, NUMBER_INTEGER, MESSAGE_FIXED64);
	put_time(NUMBER_TIME, item);
	put_time(NUMBER_START_TIME, 0);
	message_put_head(&writer, DATA_POINTS, end);
}

static void put_histogram(uint32_t item)
{
	static const double bounds[] = { .005, .01, .025, .05, .075, .1,  .25,
					 .5,   .75, 1,    2.5, 5,    7.5, 10 };
	const unsigned char *end = writer.at, *packed;
	uint64_t count = 0;

	put_double(EXPLICIT_MAXIMUM, 9.5);
	put_double(EXPLICIT_MINIMUM, .0011);
	put_point_pairs(EXPLICIT_ATTRIBUTES);
	packed = writer.at;
	message_put_bytes(&writer, bounds, sizeof(bounds));
	message_put_head(&writer, EXPLICIT_BOUNDS, packed);
	packed = writer.at;
	for (uint32_t bucket = 0; bucket < 15; bucket++) {
		uint32_t one = chance(5000);

		message_put_fixed64(&writer, one);
		count += one;
	}
	message_put_head(&writer, EXPLICIT_COUNTS, packed);
	put_double(EXPLICIT_SUM, (double)count * .081);
	message_put_fixed64(&writer, count);
	message_put_tag(&writer, EXPLICIT_COUNT, MESSAGE_FIXED64);
	put_time(EXPLICIT_TIME, item);
	put_time(EXPLICIT_START_TIME, 0);
	message_put_head(&writer, DATA_POINTS, end);
}

static void put_metric(uint32_t item, enum otlp_kind kind)
{
	const unsigned char *end = writer.at;
	bool sum = kind == OTLP_KIND_NUMBERS;
	char name[64];

	if (sum)
		message_put_field(&writer, DATA_MONOTONIC, 1);
	message_put_field(&writer, DATA_TEMPORALITY, 2);
	for (uint32_t point = POINTS_A_METRIC; point-- > 0;) {
		if (sum)
			put_number(item + point);
		else
			put_histogram(item + point);
	}
	message_put_head(&writer, sum ? METRIC_SUM : METRIC_HISTOGRAM, end);
	put_text(METRIC_UNIT, sum ? "{request}" : "s");
	put_text(METRIC_DESCRIPTION, "Requests that were handled.");
	(void)snprintf(name, sizeof(name), "shop.requests.%u", item);
	put_text(METRIC_NAME, name);
	message_put_head(&writer, SCOPE_ITEMS, end);
}

static void put_resource(void)
{
	const unsigned char *end = writer.at;

	put_pair(RESOURCE_ATTRIBUTES, "telemetry.sdk.language", "go");
	put_pair(RESOURCE_ATTRIBUTES, "deployment.environment.name", "production");
	put_pair(RESOURCE_ATTRIBUTES, "k8s.namespace.name", "shop");
	put_pair_of(RESOURCE_ATTRIBUTES, "k8s.pod.name", "cart-6d4cf56db6-%05x", chance(0xfffff));
	put_pair(RESOURCE_ATTRIBUTES, "service.version", "2.14.3");
	put_pair_of(RESOURCE_ATTRIBUTES, "host.name", "node-%03u", chance(200));
	put_pair(RESOURCE_ATTRIBUTES, "service.name", "cart");
	message_put_head(&writer, RESOURCE_RESOURCE, end);
}

static void put_scope(void)
{
	const unsigned char *end = writer.at;

	put_text(SCOPE_VERSION, "1.4.0");
	put_text(SCOPE_NAME, "shop.instrumentation");
	message_put_head(&writer, SCOPE_SCOPE, end);
}

struct otlp_bytes otlp_request_make(enum otlp_kind kind, uint64_t seed)
{
	unsigned char *room = malloc(ROOM_BYTES);
	unsigned char *end = room + ROOM_BYTES;
	struct otlp_bytes bytes;

	if (!room)
		abort();
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 88172645463325252u;
	writer.at = end;
	for (uint32_t item = OTLP_ITEM_COUNT; item > 0;) {
		item -= kind < OTLP_KIND_NUMBERS ? 1 : POINTS_A_METRIC;
		if (kind == OTLP_KIND_LOGS)
			put_log(item);
		else if (kind == OTLP_KIND_SPANS)
			put_span(item);
		else
			put_metric(item, kind);
	}
	put_scope();
	message_put_head(&writer, RESOURCE_SCOPES, end);
	put_resource();
	message_put_head(&writer, REQUEST_RESOURCES, end);
	bytes.length = (size_t)(end - writer.at);
	bytes.data = malloc(bytes.length);
	if (!bytes.data)
		abort();
	memcpy(bytes.data, writer.at, bytes.length);
	free(room);
	return bytes;
}

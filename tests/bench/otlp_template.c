// SPDX-License-Identifier: Apache-2.0
/* OTLP requests like those of a service, made before a run and only stamped when they are sent. */
#include "otlp_template.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protobuf.h"

enum {
	ROW_BYTES = 1024, /* no row is longer */
	HEAD_BYTES = 64 * 1024,
	ROW_STAMPS = 10,
	TEXT_BYTES = 256,
	NUMBER_DIGITS = 16,
	NUMBER_VARINT = 5, /* bytes: of OTLP_ROW_BASE, and of the next 2^35 */
	METRIC_POINTS = 10,
	BUCKETS = 40,
};

enum stamp_kind { STAMP_NUMBER, STAMP_DIGITS, STAMP_TIME, STAMP_RANDOM };

/* A place that is written anew for each request. */
struct stamp {
	uint32_t offset;
	uint32_t kind;
	uint32_t row;
};

struct template
{
	unsigned char *bytes; /* the request ends where this does */
	size_t offset, length;
	struct stamp *stamps; /* offset: from the request's end, until it is whole */
	size_t stamp_count;
	uint64_t chance; /* the state of a generator of random numbers */
	uint32_t row;    /* that is being written */
};

/* A request that is being written, from its end to its start. */
struct draft {
	struct template *template;
	struct message_writer writer;
	unsigned char *end;
};

static const char *const routes[] = { "/api/v1/cart",
				      "/api/v1/cart/items",
				      "/api/v1/checkout",
				      "/api/v1/products/{id}",
				      "/api/v1/users/{id}/orders",
				      "/healthz",
				      "/api/v2/search",
				      "/api/v1/login",
				      "/static/app.js",
				      "/api/v1/payments" };
static const char *const methods[] = { "GET", "GET", "GET", "POST", "PUT", "DELETE" };
static const char *const words[] = { "order",   "payment",  "accepted", "retry", "customer",
				     "timeout", "upstream", "cache",    "miss",  "shard",
				     "lookup",  "replica",  "commit",   "stock", "session",
				     "token",   "expired",  "queue",    "batch", "flush" };
static const double bounds[] = { .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10 };

enum { BOUNDS = sizeof(bounds) / sizeof(*bounds) };

#define PICK(draft, list) (list)[chance_below(draft, sizeof(list) / sizeof(*(list)))]

/* ---- fields ------------------------------------------------------------------------------ */

static uint64_t chance_next(struct template *template)
{
	uint64_t state = template->chance;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	template->chance = state;
	return state;
}

static uint64_t chance_below(struct draft *draft, uint64_t limit)
{
	return (chance_next(draft->template) >> 11) % limit;
}

static void put_stamp(struct draft *draft, enum stamp_kind kind)
{
	struct template *template = draft->template;

	template->stamps[template->stamp_count++] =
		(struct stamp){ .offset = (uint32_t)(draft->end - draft->writer.at),
				.kind = kind,
				.row = template->row };
}

static void put_text(struct draft *draft, uint32_t field, const char *text)
{
	const unsigned char *end = draft->writer.at;

	message_put_bytes(&draft->writer, text, strlen(text));
	message_put_head(&draft->writer, field, end);
}

static void put_double(struct draft *draft, uint32_t field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	message_put_fixed64(&draft->writer, bits);
	message_put_tag(&draft->writer, field, MESSAGE_FIXED64);
}

static void put_fixed64(struct draft *draft, uint32_t field, uint64_t value)
{
	message_put_fixed64(&draft->writer, value);
	message_put_tag(&draft->writer, field, MESSAGE_FIXED64);
}

static void put_time(struct draft *draft, uint32_t field)
{
	message_put_fixed64(&draft->writer, 0);
	put_stamp(draft, STAMP_TIME);
	message_put_tag(&draft->writer, field, MESSAGE_FIXED64);
}

static void put_id(struct draft *draft, uint32_t field, uint32_t length)
{
	const unsigned char *end = draft->writer.at;

	for (uint32_t at = 0; at < length; at += 8) {
		message_put_fixed64(&draft->writer, 0);
		put_stamp(draft, STAMP_RANDOM);
	}
	message_put_head(&draft->writer, field, end);
}

/* The key of an attribute whose value was written last, since `end`. */
static void put_key(struct draft *draft, uint32_t field, const char *key, const unsigned char *end)
{
	message_put_head(&draft->writer, 2, end);
	put_text(draft, 1, key);
	message_put_head(&draft->writer, field, end);
}

__attribute__((format(printf, 4, 5))) static void
put_attribute(struct draft *draft, uint32_t field, const char *key, const char *format, ...)
{
	const unsigned char *end = draft->writer.at;
	char text[TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_text(draft, 1, text);
	put_key(draft, field, key, end);
}

static void put_integer(struct draft *draft, uint32_t field, const char *key, uint64_t value)
{
	const unsigned char *end = draft->writer.at;

	message_put_field(&draft->writer, 3, value);
	put_key(draft, field, key, end);
}

static void put_number(struct draft *draft, uint32_t field)
{
	const unsigned char *end = draft->writer.at;

	message_put_varint(&draft->writer, OTLP_ROW_BASE);
	put_stamp(draft, STAMP_NUMBER);
	message_put_tag(&draft->writer, 3, MESSAGE_VARINT);
	put_key(draft, field, OTLP_ROW_KEY, end);
}

/* Attributes of metrics are texts with most who make them. */
static void put_digits(struct draft *draft, uint32_t field)
{
	const unsigned char *end = draft->writer.at;

	message_put_bytes(&draft->writer, "0000000000000000", NUMBER_DIGITS);
	put_stamp(draft, STAMP_DIGITS);
	message_put_head(&draft->writer, 1, end);
	put_key(draft, field, OTLP_ROW_KEY, end);
}

static void put_address(struct draft *draft, uint32_t field)
{
	put_attribute(draft, field, "client.address", "10.%u.%u.%u",
		      (unsigned)chance_below(draft, 8), (unsigned)chance_below(draft, 256),
		      (unsigned)chance_below(draft, 256));
}

static uint32_t chance_status(struct draft *draft)
{
	return chance_below(draft, 20) ? 200 : 503;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void put_body(struct draft *draft)
{
	const unsigned char *end = draft->writer.at;
	char text[TEXT_BYTES];
	int length = snprintf(text, sizeof(text),
			      "request %08x handled:", (unsigned)chance_next(draft->template));

	while (length < 88)
		length += snprintf(text + length, sizeof(text) - (size_t)length, " %s",
				   PICK(draft, words));
	snprintf(text + length, sizeof(text) - (size_t)length, " id=%u",
		 (unsigned)chance_below(draft, 100000));
	put_text(draft, 1, text);
	message_put_head(&draft->writer, 5, end);
}

static void put_log(struct draft *draft)
{
	const unsigned char *end = draft->writer.at, *value;
	bool bad = !chance_below(draft, 20);

	put_time(draft, 11);
	put_id(draft, 10, 8);
	put_id(draft, 9, 16);
	put_attribute(draft, 6, "thread.name", "http-worker-%u", (unsigned)chance_below(draft, 16));
	value = draft->writer.at;
	put_double(draft, 4, (double)chance_below(draft, 100000) / 97);
	put_key(draft, 6, "duration_ms", value);
	put_address(draft, 6);
	put_attribute(draft, 6, "user.id", "u-%07u", (unsigned)chance_below(draft, 3000000));
	put_integer(draft, 6, "http.response.status_code", chance_status(draft));
	put_attribute(draft, 6, "http.route", "%s", PICK(draft, routes));
	put_attribute(draft, 6, "http.request.method", "%s", PICK(draft, methods));
	put_number(draft, 6);
	put_body(draft);
	put_text(draft, 3, bad ? "ERROR" : "INFO");
	message_put_field(&draft->writer, 2, bad ? 17 : 9);
	put_time(draft, 1);
	message_put_head(&draft->writer, 2, end);
}

static void put_event(struct draft *draft)
{
	const unsigned char *end = draft->writer.at;

	put_attribute(draft, 3, "exception.type", "io.timeout");
	put_text(draft, 2, "exception");
	put_time(draft, 1);
	message_put_head(&draft->writer, 11, end);
}

static void put_span(struct draft *draft)
{
	const unsigned char *end = draft->writer.at;
	const char *route = PICK(draft, routes);

	if (!chance_below(draft, 20)) {
		message_put_field(&draft->writer, 3, 2);
		put_text(draft, 2, "upstream timed out");
		message_put_head(&draft->writer, 15, end);
	}
	if (!chance_below(draft, 10))
		put_event(draft);
	put_attribute(draft, 9, "network.protocol.version", "1.1");
	put_integer(draft, 9, "server.port", 8080);
	put_attribute(draft, 9, "server.address", "cart.shop.svc.cluster.local");
	put_address(draft, 9);
	put_integer(draft, 9, "http.response.status_code", chance_status(draft));
	put_attribute(draft, 9, "http.route", "%s", route);
	put_attribute(draft, 9, "http.request.method", "GET");
	put_number(draft, 9);
	put_time(draft, 8);
	put_time(draft, 7);
	message_put_field(&draft->writer, 6, 2 + chance_below(draft, 2));
	put_attribute(draft, 9, "url.path", "%s", route);
	put_text(draft, 5, route);
	put_id(draft, 4, 8);
	put_id(draft, 2, 8);
	put_id(draft, 1, 16);
	message_put_head(&draft->writer, 2, end);
}

static void put_point_attributes(struct draft *draft, uint32_t field)
{
	put_attribute(draft, field, "http.response.status_code", "%u", chance_status(draft));
	put_attribute(draft, field, "http.route", "%s", PICK(draft, routes));
	put_attribute(draft, field, "http.request.method", "%s", PICK(draft, methods));
	put_attribute(draft, field, "worker", "worker-%03u", (unsigned)chance_below(draft, 400));
	put_digits(draft, field);
}

static void put_sum_point(struct draft *draft)
{
	put_point_attributes(draft, 7);
	put_fixed64(draft, 6, chance_below(draft, 1000000));
	put_time(draft, 3);
	put_time(draft, 2);
}

static void put_explicit_point(struct draft *draft)
{
	const unsigned char *end;
	uint64_t count = 0;

	put_double(draft, 12, 9.5);
	put_double(draft, 11, .0011);
	put_point_attributes(draft, 9);
	end = draft->writer.at;
	message_put_bytes(&draft->writer, bounds, sizeof(bounds));
	message_put_head(&draft->writer, 7, end);
	end = draft->writer.at;
	for (int bucket = 0; bucket <= BOUNDS; bucket++) {
		uint64_t value = chance_below(draft, 5000);

		count += value;
		message_put_fixed64(&draft->writer, value);
	}
	message_put_head(&draft->writer, 6, end);
	put_double(draft, 5, (double)count * .081);
	put_fixed64(draft, 4, count);
	put_time(draft, 3);
	put_time(draft, 2);
}

static void put_exponential_point(struct draft *draft)
{
	const unsigned char *buckets, *end;
	uint64_t count = 0;

	put_double(draft, 13, 9.5);
	put_double(draft, 12, .0011);
	buckets = end = draft->writer.at;
	for (int bucket = 0; bucket < BUCKETS; bucket++) {
		uint64_t value = chance_below(draft, 900);

		count += value;
		message_put_varint(&draft->writer, value);
	}
	message_put_head(&draft->writer, 2, end);
	message_put_field(&draft->writer, 1, 2 * 57 - 1); /* -57 */
	message_put_head(&draft->writer, 8, buckets);
	message_put_field(&draft->writer, 6, 2 * 3); /* 3 */
	put_double(draft, 5, (double)count * .081);
	put_fixed64(draft, 4, count);
	put_time(draft, 3);
	put_time(draft, 2);
	put_point_attributes(draft, 1);
}

/* Of ten metrics six are sums, two histograms of 15 buckets, two exponential ones of 40. */
static void put_metric(struct draft *draft, uint32_t number, uint32_t first, uint32_t count)
{
	const unsigned char *end = draft->writer.at;
	uint32_t kind = number % 10, field = kind < 6 ? 7 : kind < 8 ? 9 : 10;
	char name[TEXT_BYTES];

	if (field == 7)
		message_put_field(&draft->writer, 3, 1); /* monotonic */
	message_put_field(&draft->writer, 2, 2);         /* cumulative */
	for (uint32_t point = count; point-- > 0;) {
		const unsigned char *point_end = draft->writer.at;

		draft->template->row = first + point;
		if (field == 7)
			put_sum_point(draft);
		else if (field == 9)
			put_explicit_point(draft);
		else
			put_exponential_point(draft);
		message_put_head(&draft->writer, 1, point_end);
	}
	message_put_head(&draft->writer, field, end);
	put_text(draft, 3, field == 7 ? "{request}" : "s");
	put_text(draft, 2, field == 7 ? "Requests handled." : "Duration of requests.");
	snprintf(name, sizeof(name), field == 7 ? "shop.requests.%u" : "shop.request.duration.%u",
		 number);
	put_text(draft, 1, name);
	message_put_head(&draft->writer, 2, end);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void put_rows(struct draft *draft, enum otlp_signal signal, uint32_t count)
{
	uint32_t metrics = (count + METRIC_POINTS - 1) / METRIC_POINTS;

	if (signal == OTLP_METRICS) {
		for (uint32_t metric = metrics; metric-- > 0;) {
			uint32_t first = metric * METRIC_POINTS, rest = count - first;

			put_metric(draft, metric, first,
				   rest < METRIC_POINTS ? rest : METRIC_POINTS);
		}
		return;
	}
	for (uint32_t row = count; row-- > 0;) {
		draft->template->row = row;
		if (signal == OTLP_LOGS)
			put_log(draft);
		else
			put_span(draft);
	}
}

static void put_request(struct draft *draft, enum otlp_signal signal, uint32_t count, uint64_t seed)
{
	const unsigned char *end = draft->writer.at, *scope;

	put_rows(draft, signal, count);
	scope = draft->writer.at;
	put_text(draft, 2, "1.4.0");
	put_text(draft, 1, "shop.http");
	message_put_head(&draft->writer, 1, scope);
	message_put_head(&draft->writer, 2, end);
	scope = draft->writer.at;
	put_attribute(draft, 1, "telemetry.sdk.language", "go");
	put_attribute(draft, 1, "deployment.environment.name", "production");
	put_attribute(draft, 1, "k8s.pod.name", "cart-6d4cf56db6-%05x", (unsigned)(seed & 0xfffff));
	put_attribute(draft, 1, "k8s.namespace.name", "shop");
	put_attribute(draft, 1, "service.version", "2.14.3");
	put_attribute(draft, 1, "host.name", "node-%03u", (unsigned)(seed % 200));
	put_attribute(draft, 1, "service.name", "cart");
	message_put_head(&draft->writer, 1, scope);
	message_put_head(&draft->writer, 1, end);
}

struct template *template_create(enum otlp_signal signal, uint32_t row_count, uint64_t seed)
{
	size_t room = (size_t)row_count * ROW_BYTES + HEAD_BYTES;
	struct template *template = calloc(1, sizeof(*template));
	struct draft draft = { .template = template };

	if (!template)
		return NULL;
	template->chance = (seed + 1) * 0x9e3779b97f4a7c15;
	template->bytes = malloc(room);
	template->stamps = calloc((size_t)row_count * ROW_STAMPS + 1, sizeof(*template->stamps));
	if (!template->bytes || !template->stamps) {
		template_release(template);
		return NULL;
	}
	draft.end = draft.writer.at = template->bytes + room;
	put_request(&draft, signal, row_count, seed);
	template->offset = (size_t)(draft.writer.at - template->bytes);
	template->length = room - template->offset;
	for (size_t i = 0; i < template->stamp_count; i++)
		template->stamps[i].offset = (uint32_t)(room - template->stamps[i].offset);
	return template;
}

void template_release(struct template *template)
{
	if (!template)
		return;
	free(template->bytes);
	free(template->stamps);
	free(template);
}

static void stamp_put(struct template *template, const struct stamp *stamp, uint64_t first,
		      uint64_t time_ns)
{
	unsigned char *at = template->bytes + stamp->offset;
	uint64_t value = OTLP_ROW_BASE + first + stamp->row;

	switch ((enum stamp_kind)stamp->kind) {
	case STAMP_NUMBER:
		for (int i = 0; i < NUMBER_VARINT - 1; i++, value >>= 7)
			at[i] = (unsigned char)(value | 0x80);
		at[NUMBER_VARINT - 1] = (unsigned char)(value & 0x7f);
		return;
	case STAMP_DIGITS:
		for (int i = NUMBER_DIGITS; i-- > 0; value /= 10)
			at[i] = (unsigned char)('0' + value % 10);
		return;
	case STAMP_TIME:
		value = time_ns + stamp->row * 1000ull;
		break;
	case STAMP_RANDOM:
		value = chance_next(template);
		break;
	}
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

const unsigned char *template_stamp(struct template *template, uint64_t first)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	for (size_t i = 0; i < template->stamp_count; i++)
		stamp_put(template, &template->stamps[i], first,
			  (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec);
	return template->bytes + template->offset;
}

size_t template_length(const struct template *template)
{
	return template->length;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A request with its answer: what both protocols do alike. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "http1.h"
#include "http2.h"

enum { BODY_FIRST_BYTES = 4096 };

const char *status_phrase(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "Status";
}

/* ---- from begin to end ------------------------------------------------------------------- */

struct exchange *exchange_create(struct connection *connection)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->connection = connection;
	exchange->request.peer = connection->peer;
	exchange->request.peer_name = connection->peer_name;
	exchange->request.content_length = -1;
	exchange->request.query = "";
	exchange->next = connection->exchanges;
	if (exchange->next)
		exchange->next->previous = exchange;
	connection->exchanges = exchange;
	return exchange;
}

/* It is not to be read later any more. */
static void early_end(struct exchange *exchange)
{
	exchange->connection->server->early_bytes -= exchange->early;
	exchange->early = 0;
	exchange->later = false;
}

void exchange_end(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	struct http_server *server = connection->server;

	if (exchange->previous)
		exchange->previous->next = exchange->next;
	else
		connection->exchanges = exchange->next;
	if (exchange->next)
		exchange->next->previous = exchange->previous;
	early_end(exchange);
	connection->committed -= exchange->committed;
	if (exchange->begun) {
		server->counts.open_requests--;
		server->handler->end(server->data, &exchange->request);
	}
	if (exchange->body_is_ours)
		free(exchange->body);
	while (exchange->joined_count)
		free(exchange->joined[--exchange->joined_count]);
	free(exchange->joined);
	free(exchange->headers);
	free(exchange->text);
	free(exchange->answer);
	free(exchange->trailers);
	free(exchange);
}

/* "http://host/path" is what a client of a proxy sends. */
static char *target_path(char *target)
{
	char *scheme = *target == '/' ? NULL : strstr(target, "://");
	char *path = scheme ? strchr(scheme + 3, '/') : target;

	return path ? path : strchr(target, 0);
}

bool exchange_begin(struct exchange *exchange, const char *method, char *target)
{
	struct http_server *server = exchange->connection->server;
	char *path = target_path(target), *query = strchr(path, '?');
	int result;

	if (query) {
		*query = 0;
		exchange->request.query = query + 1;
	}
	exchange->request.method = method;
	exchange->request.path = path;
	exchange->head_only = !strcmp(method, "HEAD");
	exchange->begun = true;
	server->counts.requests++;
	server->counts.open_requests++;
	result = server->handler->head(server->data, &exchange->request);
	if (exchange->answered)
		return false;
	exchange->later = result == HTTP_LATER;
	assert(result == 0 || exchange->later); /* head() that refuses has answered */
	return !exchange->later;
}

void exchange_complete(struct exchange *exchange)
{
	struct http_server *server = exchange->connection->server;

	exchange->complete = true;
	exchange->request.body = exchange->body ? exchange->body : (const unsigned char *)"";
	server->handler->complete(server->data, &exchange->request);
}

/* ---- bodies ------------------------------------------------------------------------------ */

/* Has the connection hold `length` for the exchange, if it may. */
static bool commit(struct exchange *exchange, size_t length)
{
	struct connection *connection = exchange->connection;
	size_t others = connection->committed - exchange->committed;

	if (length > connection->server->limits.connection_bytes - others)
		return false;
	connection->committed = others + length;
	exchange->committed = length;
	return true;
}

static uint32_t body_place(struct exchange *exchange, uint64_t length)
{
	struct http_server *server = exchange->connection->server;
	unsigned char *early = exchange->body;
	void *place = NULL;

	if (length > server->limits.body_bytes)
		return 413;
	if (!commit(exchange, (size_t)length))
		return exchange->connection->committed > exchange->committed ? 503 : 413;
	if (server->handler->place)
		place = server->handler->place(server->data, &exchange->request, (size_t)length);
	if (exchange->answered)
		return 1;
	exchange->body_is_ours = !place;
	if (!place) {
		place = realloc(early, (size_t)length);
		if (!place)
			return 503;
	} else if (early) {
		memcpy(place, early, exchange->request.body_length);
		free(early);
	}
	exchange->body = place;
	exchange->capacity = (size_t)length;
	return 0;
}

static bool body_grow(struct exchange *exchange, size_t length)
{
	size_t capacity = exchange->capacity ? exchange->capacity : BODY_FIRST_BYTES;
	unsigned char *body;

	if (length <= exchange->capacity)
		return true;
	while (capacity < length)
		capacity *= 2;
	body = realloc(exchange->body, capacity);
	if (!body)
		return false;
	exchange->body = body;
	exchange->body_is_ours = true;
	exchange->capacity = capacity;
	return true;
}

uint32_t exchange_open(struct exchange *exchange)
{
	int64_t length = exchange->request.content_length;

	early_end(exchange);
	return length > 0 ? body_place(exchange, (uint64_t)length) : 0;
}

/* Whether there may be a body of `whole` bytes: 0, else the status to answer with. */
static uint32_t body_claim(struct exchange *exchange, size_t whole)
{
	if (whole > exchange->connection->server->limits.body_bytes)
		return 413;
	if (commit(exchange, whole))
		return 0;
	return exchange->connection->committed > exchange->committed ? 503 : 413;
}

static uint32_t body_add(struct exchange *exchange, const void *data, size_t length)
{
	size_t whole = exchange->request.body_length + length;

	if (!body_grow(exchange, whole))
		return 503;
	memcpy(exchange->body + exchange->request.body_length, data, length);
	exchange->request.body_length = whole;
	exchange->connection->server->counts.body_bytes += length;
	return 0;
}

/* So many bytes count among what comes early. */
static bool early_count(struct exchange *exchange, size_t length)
{
	struct http_server *server = exchange->connection->server;

	if (length > server->limits.early_bytes - server->early_bytes) {
		server->counts.crowded++;
		return false;
	}
	server->early_bytes += length;
	exchange->early += length;
	return true;
}

uint32_t exchange_keep(struct exchange *exchange, const void *data, size_t length)
{
	uint32_t status = body_claim(exchange, exchange->request.body_length + length);

	if (!status && !early_count(exchange, length))
		status = 503;
	if (!status)
		status = body_add(exchange, data, length);
	return status;
}

/* Asks the owner. 0: more may come, now or later; else as exchange_append(). */
static uint32_t owner_lets_grow(struct exchange *exchange, size_t whole)
{
	struct http_server *server = exchange->connection->server;
	int result = 0;

	if (server->handler->grow)
		result = server->handler->grow(server->data, &exchange->request, whole);
	if (exchange->answered)
		return 1;
	assert(result == 0 || result == HTTP_LATER); /* grow() that refuses has answered */
	if (result == HTTP_LATER && !early_count(exchange, whole))
		return 503;
	exchange->later = result == HTTP_LATER;
	return 0;
}

uint32_t exchange_append(struct exchange *exchange, const void *data, size_t length)
{
	size_t whole = exchange->request.body_length + length;
	uint32_t status = body_claim(exchange, whole);

	if (!status)
		status = owner_lets_grow(exchange, whole);
	return status ? status : body_add(exchange, data, length);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* What has come of a body that will not be read. */
static void early_drop(struct exchange *exchange)
{
	early_end(exchange);
	free(exchange->body);
	exchange->body = NULL;
	exchange->body_is_ours = false;
	exchange->capacity = exchange->request.body_length = 0;
	(void)commit(exchange, 0);
}

void http_admit(struct http_request *request)
{
	struct exchange *exchange = (struct exchange *)request;

	if (request->refused)
		return;
	assert(exchange->later); /* and not answered */
	(void)server_clock(exchange->connection->server);
	if (exchange->connection->protocol == PROTOCOL_HTTP2)
		http2_admit(exchange);
	else
		http1_admit(exchange);
}

static void answer_give(struct exchange *exchange, const struct http_answer *answer)
{
	assert(!exchange->answered); /* an answer is given once */
	exchange->answered = true;
	if (exchange->later)
		early_drop(exchange);
	if (exchange->connection->protocol == PROTOCOL_HTTP2)
		http2_answer(exchange, answer);
	else
		http1_answer(exchange, answer);
}

void http_answer(struct http_request *request, const struct http_answer *answer)
{
	struct exchange *exchange = (struct exchange *)request;

	if (!request->refused)
		answer_give(exchange, answer);
}

void exchange_answer(struct exchange *exchange, uint32_t status, const struct http_answer *answer)
{
	exchange->request.refused = status;
	answer_give(exchange, answer);
}

/* What gRPC calls it: in its answers the status of HTTP is always 200. */
static const char *grpc_status(uint32_t status)
{
	switch (status) {
	case 408:
		return "4"; /* deadline exceeded */
	case 413:
	case 431:
		return "8"; /* resource exhausted */
	case 503:
		return "14"; /* unavailable: try again */
	default:
		return "13"; /* internal */
	}
}

static void grpc_refuse(struct exchange *exchange, uint32_t status)
{
	const struct http_header trailers[] = { { "grpc-status", grpc_status(status) },
						{ "grpc-message", status_phrase(status) } };

	exchange_answer(exchange, status,
			&(struct http_answer){ .status = 200,
					       .content_type = "application/grpc",
					       .trailers = trailers,
					       .trailer_count = 2 });
}

void exchange_refuse(struct exchange *exchange, uint32_t status)
{
	const char *phrase = status_phrase(status);
	const char *type = http_request_header(&exchange->request, "content-type");
	const struct http_header later = { "retry-after", "1" };

	if (exchange->request.version == 2 && type && !strncmp(type, "application/grpc", 16)) {
		grpc_refuse(exchange, status);
		return;
	}
	exchange_answer(exchange, status,
			&(struct http_answer){ .status = status,
					       .content_type = "text/plain",
					       .body = phrase,
					       .body_length = strlen(phrase),
					       .headers = &later,
					       .header_count = status == 503 });
}

/* ---- headers ----------------------------------------------------------------------------- */

/* All values of a name that came several times, in the first of them; the others lose their name,
 * so that this happens once. NULL: no memory. */
static const char *headers_join(struct exchange *exchange, struct http_header *first, size_t length)
{
	char **joined =
		realloc(exchange->joined, (exchange->joined_count + 1) * sizeof(*exchange->joined));
	char *text = joined ? malloc(length + 1) : NULL, *end = text;
	const char *name = first->name;

	if (joined)
		exchange->joined = joined;
	if (!text)
		return NULL;
	for (uint32_t i = 0; i < exchange->header_count; i++) {
		struct http_header *header = &exchange->headers[i];

		if (strcmp(header->name, name) != 0)
			continue;
		if (end != text)
			end = stpcpy(end, ", ");
		end = stpcpy(end, header->value);
		if (header != first)
			header->name = "";
	}
	exchange->joined[exchange->joined_count++] = text;
	first->value = text;
	return text;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	struct exchange *exchange = (struct exchange *)(uintptr_t)request;
	struct http_header *first = NULL;
	uint32_t count = 0;
	size_t length = 0;

	for (uint32_t i = 0; i < exchange->header_count; i++) {
		struct http_header *header = &exchange->headers[i];

		if (strcmp(header->name, name) != 0)
			continue;
		first = first ? first : header;
		length += strlen(header->value) + 2;
		count++;
	}
	if (count < 2)
		return first ? first->value : NULL;
	return headers_join(exchange, first, length);
}

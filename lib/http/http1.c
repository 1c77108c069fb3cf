/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and 1.1 of one connection: one request after the other, however many are sent at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http1.h"
#include "parser.h"

enum {
	HEAD_BYTES = 1024,          /* of an answer, for which no memory is asked */
	DISCARD_BYTES = 1024 * 1024 /* of a refused body that are read so that others can follow */
};

enum state {
	STATE_HEAD,
	STATE_LATER,   /* a body that the owner does not want yet */
	STATE_LENGTH,  /* a body of a stated length */
	STATE_CHUNKS,  /* a body in chunks */
	STATE_OWNER,   /* answered, or to be */
	STATE_DISCARD, /* the rest of a body that was refused */
};

struct http1 {
	enum state state;
	struct exchange *exchange;
	struct chunks *chunks;
	size_t scanned; /* of the head at work */
	uint32_t lines;
	uint64_t remaining; /* of a body of a stated length */
	uint64_t raw;       /* bytes of chunks so far */
	uint32_t refusal;   /* why a chunk was not taken: the status; 0: the owner knows */
	bool keep_alive;
	bool is_old;  /* HTTP/1.0, whose client is told that the connection stays */
	bool expects; /* the client waits for a word before it sends the body */
	bool leaves;  /* once the answer is out */
};

/* ---- answers ----------------------------------------------------------------------------- */

/* A header from outside: bytes that would end it become blanks. */
static char *header_put(char *at, const char *name, const char *value)
{
	at = stpcpy(at, name);
	at = stpcpy(at, ": ");
	for (; *value; value++)
		*at++ = (unsigned char)*value < ' ' ? ' ' : *value;
	return stpcpy(at, "\r\n");
}

static size_t head_bound(const struct http_answer *answer)
{
	size_t bound = 256 + (answer->content_type ? strlen(answer->content_type) : 0);

	for (uint32_t i = 0; i < answer->header_count; i++)
		bound += strlen(answer->headers[i].name) + strlen(answer->headers[i].value) + 4;
	return bound;
}

static size_t head_write(const struct connection *connection, const struct http_answer *answer,
			 char *head)
{
	const struct http1 *http1 = connection->http1;
	char *at = head + sprintf(head, "HTTP/1.1 %u %s\r\nDate: %s\r\n", answer->status,
				  status_phrase(answer->status), server_date(connection->server));

	if (answer->content_type)
		at = header_put(at, "Content-Type", answer->content_type);
	if (answer->status >= 200 && answer->status != 204 && answer->status != 304)
		at += sprintf(at, "Content-Length: %zu\r\n", answer->body_length);
	for (uint32_t i = 0; i < answer->header_count; i++)
		at = header_put(at, answer->headers[i].name, answer->headers[i].value);
	if (http1->leaves)
		at = stpcpy(at, "Connection: close\r\n");
	else if (http1->is_old)
		at = stpcpy(at, "Connection: keep-alive\r\n");
	at = stpcpy(at, "\r\n");
	return (size_t)(at - head);
}

static void answer_send(struct connection *connection, const struct http_answer *answer,
			bool head_only)
{
	bool has_body =
		answer->body_length && !head_only && answer->status != 204 && answer->status != 304;
	char room[HEAD_BYTES], *head = room;
	size_t bound = head_bound(answer);
	struct iovec parts[2];

	if (bound > sizeof(room))
		head = malloc(bound);
	if (!head) {
		connection->broken = true;
		return;
	}
	parts[0] = (struct iovec){ head, head_write(connection, answer, head) };
	parts[1] = (struct iovec){ (void *)(uintptr_t)answer->body, answer->body_length };
	(void)connection_send(connection, parts, has_body ? 2 : 1);
	if (head != room)
		free(head);
}

/* The answer is out: on to the next request. */
static void finish(struct connection *connection)
{
	struct http1 *http1 = connection->http1;

	if (http1->exchange)
		exchange_end(http1->exchange);
	http1->exchange = NULL;
	chunks_release(http1->chunks);
	http1->chunks = NULL;
	if (http1->leaves || (connection->server->draining && !http1->remaining)) {
		connection_part(connection);
		return;
	}
	connection->deaf = false;
	if (http1->remaining) {
		http1->state = STATE_DISCARD;
		connection_enter(connection, PHASE_BODY);
		pace_begin(&connection->body, connection->server->now_ns);
		return;
	}
	http1->state = STATE_HEAD;
	http1->scanned = http1->lines = 0;
	connection_enter(connection, PHASE_IDLE);
}

/* After whatever may have brought an answer. */
static void advance(struct connection *connection)
{
	struct http1 *http1 = connection->http1;
	struct exchange *exchange = http1->exchange;

	if (connection->broken || !exchange || !exchange->answered)
		return;
	http1->state = STATE_OWNER;
	connection_enter(connection, PHASE_OWNER);
	if (!connection->out.data)
		finish(connection);
}

/* Outside of the input's work: goes on with what is at hand. */
static void go_on(struct connection *connection)
{
	advance(connection);
	if (!connection->broken && connection->http1->state != STATE_OWNER)
		connection_pend_input(connection);
	connection_listen(connection);
	connection_settle(connection);
}

void http1_answer(struct exchange *exchange, const struct http_answer *answer)
{
	struct connection *connection = exchange->connection;
	struct http1 *http1 = connection->http1;
	bool early = !exchange->complete;

	(void)server_clock(connection->server);
	http1->leaves = answer->close || !http1->keep_alive || connection->server->draining ||
			(early && (http1->expects || http1->remaining > DISCARD_BYTES ||
				   exchange->request.content_length < 0));
	answer_send(connection, answer, exchange->head_only);
	if (!connection->busy)
		go_on(connection);
}

void http1_flushed(struct connection *connection)
{
	struct http1 *http1 = connection->http1;

	if (!http1) /* an answer is the first that it sends */
		return;
	if (http1->exchange)
		advance(connection);
	else if (http1->leaves && connection->phase != PHASE_LEAVING)
		finish(connection);
	connection_pend_input(connection);
}

void http1_refuse(struct connection *connection, uint32_t status)
{
	struct http1 *http1 = connection->http1;
	const char *phrase = status_phrase(status);
	struct http_answer answer = { .status = status,
				      .content_type = "text/plain",
				      .body = phrase,
				      .body_length = strlen(phrase),
				      .close = true };

	connection->server->counts.malformed += status != 408;
	if (!http1 || http1->state == STATE_DISCARD) /* nothing was asked, or it is answered */
		return;
	if (http1->exchange) {
		if (!http1->exchange->answered)
			exchange_answer(http1->exchange, status, &answer);
		return;
	}
	http1->leaves = true;
	http1->state = STATE_OWNER;
	answer_send(connection, &answer, false);
	if (!connection->broken && !connection->out.data)
		connection_part(connection);
}

/* ---- bodies ------------------------------------------------------------------------------ */

static void complete(struct connection *connection)
{
	struct http1 *http1 = connection->http1;

	http1->state = STATE_OWNER;
	connection_enter(connection, PHASE_OWNER);
	exchange_complete(http1->exchange);
}

/* It stays in the socket, and so do requests behind it. */
static void body_put_off(struct connection *connection)
{
	connection->http1->state = STATE_LATER;
	connection->deaf = true;
	connection_enter(connection, PHASE_OWNER);
}

static void length_moved(struct connection *connection, size_t count)
{
	struct http1 *http1 = connection->http1;

	http1->remaining -= count;
	http1->exchange->request.body_length += count;
	connection->server->counts.body_bytes += count;
	pace_move(&connection->body, connection->server->now_ns, count);
	if (!http1->remaining)
		complete(connection);
}

static size_t length_take(struct connection *connection, const unsigned char *data, size_t length)
{
	struct http1 *http1 = connection->http1;
	struct exchange *exchange = http1->exchange;
	size_t count = length < http1->remaining ? length : (size_t)http1->remaining;

	memcpy(exchange->body + exchange->request.body_length, data, count);
	length_moved(connection, count);
	return count;
}

int http1_read_body(struct connection *connection)
{
	struct http1 *http1 = connection->http1;
	struct exchange *exchange;
	int64_t count;
	bool all;

	if (!http1 || http1->state != STATE_LENGTH || connection->in.data)
		return -ENOENT; /* what came while it was to wait comes first */
	exchange = http1->exchange;
	count = connection_read(connection, exchange->body + exchange->request.body_length,
				(size_t)http1->remaining);
	if (count <= 0) {
		if (count != -EAGAIN)
			connection->broken = true;
		return 0;
	}
	all = (uint64_t)count == http1->remaining;
	length_moved(connection, (size_t)count);
	if (all)
		advance(connection);
	return 1;
}

static int chunk_take(void *context, const void *data, size_t length)
{
	struct http1 *http1 = context;
	struct exchange *exchange = http1->exchange;
	uint32_t status = exchange->later ? exchange_keep(exchange, data, length)
					  : exchange_append(exchange, data, length);

	http1->refusal = status == 1 ? 0 : status;
	return status != 0;
}

/* Chunks of a byte with long extensions are nobody's honest traffic. */
static bool is_wasteful(const struct connection *connection)
{
	const struct http1 *http1 = connection->http1;
	uint64_t body = http1->exchange->request.body_length;

	return http1->raw > connection->server->limits.head_bytes + body * 16;
}

static size_t chunks_take(struct connection *connection, const unsigned char *data, size_t length)
{
	struct http1 *http1 = connection->http1;
	size_t before = http1->exchange->request.body_length;
	int64_t used = chunks_feed(http1->chunks, (const char *)data, length, chunk_take, http1);

	http1->raw += length;
	pace_move(&connection->body, connection->server->now_ns,
		  http1->exchange->request.body_length - before);
	if (used == -ECANCELED && !http1->exchange->answered) {
		exchange_refuse(http1->exchange, http1->refusal);
	} else if (used == -EBADMSG || (used >= 0 && is_wasteful(connection))) {
		http1_refuse(connection, 400);
	} else if (used >= 0 && http1->exchange->later) {
		body_put_off(connection);
	} else if (used >= 0 && chunks_are_over(http1->chunks)) {
		complete(connection);
	}
	return used < 0 ? length : (size_t)used;
}

static size_t discard(struct connection *connection, size_t length)
{
	struct http1 *http1 = connection->http1;
	size_t count = length < http1->remaining ? length : (size_t)http1->remaining;

	http1->remaining -= count;
	pace_move(&connection->body, connection->server->now_ns, count);
	if (!http1->remaining)
		finish(connection);
	return count;
}

/* ---- heads ------------------------------------------------------------------------------- */

/* The client waits for a word before it sends the body, unless it has begun to. */
static void body_invite(struct connection *connection, bool at_hand)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct iovec part = { (void *)(uintptr_t)text, sizeof(text) - 1 };

	if (connection->http1->expects && !at_hand)
		(void)connection_send(connection, &part, 1);
	connection->http1->expects = false;
}

static void body_expect(struct connection *connection, bool at_hand)
{
	struct http1 *http1 = connection->http1;
	struct exchange *exchange = http1->exchange;
	bool is_chunked = exchange->request.content_length < 0;
	uint32_t status = exchange_open(exchange);

	if (is_chunked && !http1->chunks) {
		http1->chunks = chunks_create();
		http1->raw = 0;
		status = http1->chunks ? 0 : 503;
	}
	http1->state = is_chunked ? STATE_CHUNKS : STATE_LENGTH;
	if (status > 1)
		exchange_refuse(exchange, status);
	if (exchange->answered)
		return;
	if (is_chunked ? chunks_are_over(http1->chunks) : !http1->remaining) {
		complete(connection);
		return;
	}
	body_invite(connection, at_hand);
	connection_enter(connection, PHASE_BODY);
	pace_begin(&connection->body, connection->server->now_ns);
}

void http1_admit(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;

	connection->busy = true; /* an answer does not end the exchange meanwhile */
	connection->deaf = false;
	body_expect(connection, connection->in.data);
	connection->busy = false;
	go_on(connection);
	if (connection->phase == PHASE_BODY) /* most likely it is there */
		connection_pend(connection);
}

/* A head with its blank line. */
static void request_begin(struct connection *connection, const unsigned char *data, size_t length,
			  bool at_hand)
{
	struct http1 *http1 = connection->http1;
	struct exchange *exchange = exchange_create(connection);
	size_t headers_bytes = http1->lines * sizeof(struct http_header);
	struct http_header *headers = exchange ? malloc(headers_bytes + length + 1) : NULL;
	char *text = (char *)headers + headers_bytes;
	struct head head;
	uint32_t status;

	if (!headers) {
		connection->broken = true;
		return;
	}
	exchange->headers = headers;
	memcpy(text, data, length);
	text[length] = 0;
	status = head_parse(text, length, headers, &head);
	if (status) {
		exchange_end(exchange);
		http1_refuse(connection, status);
		return;
	}
	exchange->header_count = head.header_count;
	exchange->request.version = 1;
	exchange->request.content_length = head.is_chunked           ? -1
					   : head.content_length > 0 ? head.content_length
								     : 0;
	http1->exchange = exchange;
	http1->remaining = (uint64_t)(head.content_length > 0 ? head.content_length : 0);
	http1->keep_alive = head.keep_alive;
	http1->is_old = head.is_old;
	http1->expects = head.expects && (head.is_chunked || http1->remaining);
	if (exchange_begin(exchange, head.method, head.target))
		body_expect(connection, at_hand);
	else if (exchange->later)
		body_put_off(connection);
}

static size_t head_take(struct connection *connection, const unsigned char *data, size_t length)
{
	struct http1 *http1 = connection->http1;
	size_t bound = connection->server->limits.head_bytes;
	int64_t end;

	if (*data == '\r' || *data == '\n') /* some clients end bodies with a line */
		return http1->scanned ? 0 : 1;
	end = head_find_end((const char *)data, length, &http1->scanned, &http1->lines);
	if (end < 0) {
		http1_refuse(connection, 400);
		return length;
	}
	if (end == 0 ? length >= bound : (size_t)end > bound) {
		http1_refuse(connection, 431);
		return length;
	}
	if (end == 0) {
		if (connection->phase != PHASE_HEAD)
			connection_enter(connection, PHASE_HEAD);
		return 0;
	}
	request_begin(connection, data, (size_t)end, length > (size_t)end);
	return (size_t)end;
}

/* ---- input ------------------------------------------------------------------------------- */

/* Uses what it can of the bytes; 0: waits for more, or for an answer. */
static size_t input_step(struct connection *connection, const unsigned char *data, size_t length)
{
	size_t used = 0;

	switch (connection->http1->state) {
	case STATE_HEAD:
		used = head_take(connection, data, length);
		break;
	case STATE_LENGTH:
		used = length_take(connection, data, length);
		break;
	case STATE_CHUNKS:
		used = chunks_take(connection, data, length);
		break;
	case STATE_DISCARD:
		return discard(connection, length);
	case STATE_LATER:
	case STATE_OWNER:
		return 0;
	}
	advance(connection);
	return used;
}

void http1_input(struct connection *connection, size_t length)
{
	const unsigned char *data = connection->server->scratch;
	size_t at = 0, used;

	if (!connection->http1)
		connection->http1 = calloc(1, sizeof(*connection->http1));
	if (!connection->http1) {
		connection->broken = true;
		return;
	}
	do {
		used = at < length ? input_step(connection, data + at, length - at) : 0;
		at += used;
	} while (used && !connection->broken);
	if (!connection->broken && waiting_keep(&connection->in, data + at, length - at) < 0)
		connection->broken = true;
}

void http1_release(struct connection *connection)
{
	if (!connection->http1)
		return;
	chunks_release(connection->http1->chunks);
	free(connection->http1);
	connection->http1 = NULL;
}

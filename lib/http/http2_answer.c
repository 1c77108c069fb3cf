/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 of one connection, by nghttp2: answers, and all that is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http2_session.h"

enum {
	GATHER_BYTES = 64 * 1024, /* sent at once */
	OWN_HEADERS = 4,          /* status, date, type and length */
	EARN_BYTES = 16 * 1024,   /* of answers, for which a client sends window updates */
	REST_BYTES = 1024 * 1024, /* less than the window of a stream */
};

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

/* ---- bodies ------------------------------------------------------------------------------ */

static int trailers_submit(nghttp2_session *session, const struct exchange *exchange)
{
	nghttp2_nv *pairs = calloc(exchange->trailer_count, sizeof(*pairs));
	int result;

	if (!pairs)
		return NGHTTP2_ERR_NOMEM;
	for (uint32_t i = 0; i < exchange->trailer_count; i++)
		pairs[i] = pair(exchange->trailers[i].name, exchange->trailers[i].value);
	result = nghttp2_submit_trailer(session, exchange->stream, pairs, exchange->trailer_count);
	free(pairs);
	return result;
}

static ssize_t body_read(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size,
			 uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct connection *connection = data;
	struct exchange *exchange = source->ptr;
	size_t left = exchange->answer_length - exchange->answer_at;
	size_t count = size < left ? size : left;

	memcpy(buffer, exchange->answer + exchange->answer_at, count);
	exchange->answer_at += count;
	pace_move(&exchange->pace, connection->server->now_ns, count);
	http2_earn(connection->http2, (int64_t)(count / EARN_BYTES));
	if (exchange->answer_at < exchange->answer_length)
		return (ssize_t)count;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (exchange->trailer_count) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (trailers_submit(session, exchange) != 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (ssize_t)count;
}

static size_t trailer_bytes(const struct http_answer *answer)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < answer->trailer_count; i++)
		bytes += strlen(answer->trailers[i].name) + strlen(answer->trailers[i].value) + 2;
	return bytes;
}

/* Body and trailers are needed until they are sent. */
static bool answer_keep(struct exchange *exchange, const struct http_answer *answer)
{
	size_t count = answer->trailer_count;
	char *at;

	exchange->answer = malloc(answer->body_length + trailer_bytes(answer) + 1);
	exchange->trailers = count ? calloc(count, sizeof(*exchange->trailers)) : NULL;
	if (!exchange->answer || (count && !exchange->trailers))
		return false;
	memcpy(exchange->answer, answer->body, answer->body_length);
	exchange->answer_length = answer->body_length;
	at = exchange->answer + answer->body_length;
	for (uint32_t i = 0; i < count; i++) {
		const struct http_header *trailer = &answer->trailers[i];

		exchange->trailers[i].name = at;
		at = stpcpy(at, trailer->name) + 1;
		exchange->trailers[i].value = at;
		at = stpcpy(at, trailer->value) + 1;
	}
	exchange->trailer_count = answer->trailer_count;
	return true;
}

/* ---- heads ------------------------------------------------------------------------------- */

/* Trailers of an answer without a body stand in its head. */
static int head_submit(struct exchange *exchange, const struct http_answer *answer, bool has_body)
{
	struct connection *connection = exchange->connection;
	uint32_t trailers = has_body ? 0 : answer->trailer_count, count = 0;
	nghttp2_nv *pairs = calloc(OWN_HEADERS + answer->header_count + trailers, sizeof(*pairs));
	const nghttp2_data_provider provider = { .source.ptr = exchange,
						 .read_callback = body_read };
	char status[12], length[24];
	int result;

	if (!pairs)
		return NGHTTP2_ERR_NOMEM;
	(void)snprintf(status, sizeof(status), "%u", answer->status);
	(void)snprintf(length, sizeof(length), "%zu", answer->body_length);
	pairs[count++] = pair(":status", status);
	pairs[count++] = pair("date", server_date(connection->server));
	if (answer->content_type)
		pairs[count++] = pair("content-type", answer->content_type);
	if (answer->body_length && !answer->trailer_count)
		pairs[count++] = pair("content-length", length);
	for (uint32_t i = 0; i < answer->header_count; i++)
		pairs[count++] = pair(answer->headers[i].name, answer->headers[i].value);
	for (uint32_t i = 0; i < trailers; i++)
		pairs[count++] = pair(answer->trailers[i].name, answer->trailers[i].value);
	result = nghttp2_submit_response(connection->http2->session, exchange->stream, pairs, count,
					 has_body ? &provider : NULL);
	free(pairs);
	return result;
}

void http2_answer(struct exchange *exchange, const struct http_answer *answer)
{
	struct connection *connection = exchange->connection;
	bool has_body = answer->body_length && !exchange->head_only;
	nghttp2_session *session = connection->http2->session;

	(void)server_clock(connection->server);
	pace_begin(&exchange->pace, connection->server->now_ns);
	connection->server->counts.answer_bytes += has_body ? answer->body_length : 0;
	if ((has_body && !answer_keep(exchange, answer)) ||
	    head_submit(exchange, answer, has_body) != 0)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->stream,
						NGHTTP2_INTERNAL_ERROR);
	if (answer->close)
		(void)nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
					    nghttp2_session_get_last_proc_stream_id(session),
					    NGHTTP2_NO_ERROR, NULL, 0);
	if (!connection->busy) /* answers that are given together are sent together */
		connection_pend(connection);
}

/* What is left of a body that is answered already is thrown away; a client that has much to send
 * yet, or does not say how much, is told not to. */
static void rest_refuse(nghttp2_session *session, struct exchange *exchange)
{
	const struct http_request *request = &exchange->request;

	if (request->content_length < 0 ||
	    (size_t)request->content_length - exchange->received > REST_BYTES)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->stream,
						NGHTTP2_NO_ERROR);
}

int http2_on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct exchange *exchange;

	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	exchange = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (!exchange)
		return 0;
	if (!exchange->is_whole) {
		rest_refuse(session, exchange);
		(void)nghttp2_session_set_stream_user_data(session, exchange->stream, NULL);
		exchange_end(exchange);
	}
	return 0;
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Fills the buffer; the number of bytes, 0: there is nothing to send. */
static ssize_t gather(struct connection *connection, unsigned char *buffer)
{
	nghttp2_session *session = connection->http2->session;
	struct http2 *http2 = connection->http2;
	size_t length = 0;

	while (length < GATHER_BYTES) {
		const uint8_t *piece;
		size_t count;

		if (!http2->rest_length) {
			ssize_t result = nghttp2_session_mem_send(session, &piece);

			if (result < 0)
				return result;
			if (result == 0)
				break;
			http2->rest = piece;
			http2->rest_length = (size_t)result;
		}
		count = GATHER_BYTES - length;
		count = count < http2->rest_length ? count : http2->rest_length;
		memcpy(buffer + length, http2->rest, count);
		length += count;
		http2->rest += count;
		http2->rest_length -= count;
	}
	return (ssize_t)length;
}

/* Whether anybody waits for anything on this connection decides which limit of time holds. */
static void phase_judge(struct connection *connection)
{
	nghttp2_session *session = connection->http2->session;

	if (connection->broken || connection->phase == PHASE_LEAVING)
		return;
	if (!connection->out.data && !nghttp2_session_want_read(session) &&
	    !nghttp2_session_want_write(session))
		connection_part(connection);
	else if (connection->exchanges && connection->phase != PHASE_OWNER)
		connection_enter(connection, PHASE_OWNER);
	else if (!connection->exchanges && connection->phase != PHASE_IDLE)
		connection_enter(connection, PHASE_IDLE);
}

/* What is sent may end exchanges, and so make room for what others send. */
void http2_flush(struct connection *connection)
{
	unsigned char *buffer = connection->server->outgoing;

	(void)http2_give_window(connection);
	while (!connection->out.data && !connection->broken) {
		ssize_t length = gather(connection, buffer);
		const struct iovec part = { buffer, length > 0 ? (size_t)length : 0 };

		if (length < 0)
			connection->broken = true;
		if (length < 0 || (length == 0 && !http2_give_window(connection)))
			break;
		if (length)
			(void)connection_send(connection, &part, 1);
	}
	phase_judge(connection);
}

void http2_flushed(struct connection *connection)
{
	if (connection->http2)
		http2_flush(connection);
}

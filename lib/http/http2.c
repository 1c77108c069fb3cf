/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 of one connection, by nghttp2: from its frames to exchanges. */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "http2_session.h"

enum { HOLD_NS = 500 * 1000 * 1000 }; /* an answer waits so long for the next of a body */

enum {
	TEXT_FIRST_BYTES = 512,
	HEADERS_FIRST = 16,
	HEADER_OVERHEAD = 32, /* as RFC 9113 counts the size of a list of headers */
	WINDOW_LEAST = 64 * 1024,
	WINDOW_STREAM = 4 * 1024 * 1024,
	WINDOW_CONNECTION = 8 * 1024 * 1024,
	WINDOW_LOW = 16 * 1024,
};

static struct exchange *exchange_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

/* ---- calm -------------------------------------------------------------------------------- */

/* Frames that ask for nothing are paid for, and requests and data earn again what an honest client
 * spends along with them. */
enum {
	CALM_MOST = 2000,
	CALM_A_SECOND = 500,
	CALM_A_REQUEST = 4, /* earned by one that is whole */
	CALM_BYTES = 4096,  /* of bodies that earn 1 */
	CALM_INVALID = 8,
	TINY_BYTES = 32,   /* a frame of data this small is paid for */
	UNSEEN_BYTES = 16, /* of frames of unknown kinds that cost 1 */
	FRAME_HEAD_BYTES = 9,
	PREFACE_BYTES = 24,
};

static int64_t frame_price(const nghttp2_frame_hd *head)
{
	switch (head->type) {
	case NGHTTP2_DATA:
		if (head->flags & NGHTTP2_FLAG_END_STREAM)
			return 0;
		return head->length == 0 ? 2 : head->length < TINY_BYTES;
	case NGHTTP2_RST_STREAM:
		return 8;
	case NGHTTP2_CONTINUATION:
		return 20;
	case NGHTTP2_SETTINGS:
		return head->flags & NGHTTP2_FLAG_ACK ? 1 : 4;
	default: /* also of HEADERS: a stream may be refused at once */
		return 1;
	}
}

void http2_earn(struct http2 *http2, int64_t calm)
{
	http2->calm = http2->calm + calm < CALM_MOST ? http2->calm + calm : CALM_MOST;
}

static void terminate(struct connection *connection, uint32_t code)
{
	struct http2 *http2 = connection->http2;

	if (http2->terminated)
		return;
	http2->terminated = true;
	connection->server->counts.floods += code == NGHTTP2_ENHANCE_YOUR_CALM;
	(void)nghttp2_session_terminate_session(http2->session, code);
}

static void spend(struct connection *connection, int64_t price)
{
	struct http2 *http2 = connection->http2;
	int64_t elapsed_ns = connection->server->now_ns - http2->calm_ns;
	int64_t earned = elapsed_ns / (INT64_C(1000000000) / CALM_A_SECOND);

	if (earned > 0) {
		http2_earn(http2, earned);
		http2->calm_ns = connection->server->now_ns;
	}
	http2->calm -= price;
	if (http2->calm < 0)
		terminate(connection, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *data)
{
	struct connection *connection = data;

	connection->http2->unseen -= (int64_t)head->length + FRAME_HEAD_BYTES;
	spend(connection, frame_price(head));
	return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
			    void *data)
{
	struct connection *connection = data;

	connection->server->counts.malformed++;
	spend(connection, CALM_INVALID);
	return 0;
}

/* ---- heads ------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct connection *connection = data;
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	exchange = exchange_create(connection);
	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	exchange->stream = frame->hd.stream_id;
	exchange->request.version = 2;
	pace_begin(&exchange->pace, connection->server->now_ns);
	(void)nghttp2_session_set_stream_user_data(session, exchange->stream, exchange);
	return 0;
}

static bool head_room(struct exchange *exchange, size_t bytes)
{
	size_t capacity = exchange->text_capacity ? exchange->text_capacity : TEXT_FIRST_BYTES;
	uint32_t count = exchange->header_capacity ? exchange->header_capacity : HEADERS_FIRST;
	struct http_header *headers;
	char *text;

	while (capacity - exchange->text_length < bytes)
		capacity *= 2;
	if (capacity > exchange->text_capacity) {
		text = realloc(exchange->text, capacity);
		if (!text)
			return false;
		exchange->text = text;
		exchange->text_capacity = capacity;
	}
	while (count <= exchange->header_count)
		count *= 2;
	if (count > exchange->header_capacity) {
		headers = realloc(exchange->headers, count * sizeof(*headers));
		if (!headers)
			return false;
		exchange->headers = headers;
		exchange->header_capacity = count;
	}
	return true;
}

/* Appends a text with a zero byte; where it lies is an offset until the head is whole. */
static const char *text_add(struct exchange *exchange, const uint8_t *data, size_t length)
{
	size_t at = exchange->text_length;

	memcpy(exchange->text + at, data, length);
	exchange->text[at + length] = 0;
	exchange->text_length += length + 1;
	return (const char *)(uintptr_t)at;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
		     void *data)
{
	struct connection *connection = data;
	struct exchange *exchange = exchange_of(session, frame->hd.stream_id);

	if (!exchange)
		return 0;
	exchange->head_bytes += name_length + value_length + HEADER_OVERHEAD;
	if (exchange->head_is_over) /* trailers, which nobody reads */
		return exchange->head_bytes > 2 * connection->server->limits.head_bytes
			       ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
			       : 0;
	if (exchange->head_bytes > connection->server->limits.head_bytes) {
		exchange->head_is_long = true;
		return 0;
	}
	if (!head_room(exchange, name_length + value_length + 2))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	exchange->headers[exchange->header_count++] =
		(struct http_header){ text_add(exchange, name, name_length),
				      text_add(exchange, value, value_length) };
	return 0;
}

/* Offsets become pointers, and what begins with a colon becomes what HTTP/1 says in other words. */
static void head_finish(struct exchange *exchange, const char **ret_method, char **ret_target)
{
	uint32_t kept = 0;

	*ret_method = "";
	*ret_target = (char *)(uintptr_t) "";
	for (uint32_t i = 0; i < exchange->header_count; i++) {
		struct http_header header = { exchange->text + (uintptr_t)exchange->headers[i].name,
					      exchange->text +
						      (uintptr_t)exchange->headers[i].value };

		if (!strcmp(header.name, ":method"))
			*ret_method = header.value;
		else if (!strcmp(header.name, ":path"))
			*ret_target = (char *)(uintptr_t)header.value;
		else if (!strcmp(header.name, ":authority"))
			exchange->headers[kept++] = (struct http_header){ "host", header.value };
		else if (*header.name != ':')
			exchange->headers[kept++] = header;
	}
	exchange->header_count = kept;
	exchange->head_is_over = true;
}

/* Makes room for the body; the client may wait for a word before it sends it. */
static void body_expect(struct connection *connection, struct exchange *exchange)
{
	static const char name[] = ":status", value[] = "100";
	const nghttp2_nv invitation = { (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
					sizeof(name) - 1, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE };
	const char *expect = http_request_header(&exchange->request, "expect");
	uint32_t status = exchange_open(exchange);

	if (status > 1)
		exchange_refuse(exchange, status);
	if (expect && !exchange->answered && !exchange->received &&
	    !strcasecmp(expect, "100-continue"))
		(void)nghttp2_submit_headers(connection->http2->session, NGHTTP2_FLAG_NONE,
					     exchange->stream, NULL, &invitation, 1, NULL);
}

static void head_is_whole(struct connection *connection, struct exchange *exchange, bool is_all)
{
	const char *method, *length;
	char *target;

	head_finish(exchange, &method, &target);
	pace_begin(&exchange->pace, connection->server->now_ns);
	if (exchange->head_is_long) {
		connection->server->counts.malformed++;
		exchange_refuse(exchange, 431);
		return;
	}
	length = http_request_header(&exchange->request, "content-length");
	exchange->request.content_length = is_all ? 0 : length ? strtoll(length, NULL, 10) : -1;
	if (exchange_begin(exchange, method, target) && !is_all)
		body_expect(connection, exchange);
}

/* ---- bodies ------------------------------------------------------------------------------ */

void http2_admit(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;

	pace_begin(&exchange->pace, connection->server->now_ns);
	body_expect(connection, exchange);
	if (!exchange->answered && exchange->withheld)
		(void)nghttp2_session_consume_stream(connection->http2->session, exchange->stream,
						     exchange->withheld);
	exchange->withheld = 0;
	if (!exchange->answered && exchange->is_whole)
		exchange_complete(exchange);
	if (!connection->busy) /* those that are admitted together go on together */
		connection_pend(connection);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t length, void *data)
{
	struct connection *connection = data;
	struct exchange *exchange = exchange_of(session, stream);
	struct http_request *request = exchange ? &exchange->request : NULL;
	uint32_t status = 0;

	if (exchange)
		exchange->received += length;
	if (!exchange || exchange->answered) { /* the rest of it is thrown away */
		if (exchange && exchange->holds)
			pace_move(&exchange->pace, connection->server->now_ns, length);
		(void)nghttp2_session_consume_stream(session, stream, length);
		return 0;
	}
	pace_move(&exchange->pace, connection->server->now_ns, length);
	if (request->content_length >= 0 &&
	    length > (uint64_t)request->content_length - request->body_length) {
		status = 400;
	} else if (exchange->later) {
		status = exchange_keep(exchange, bytes, length);
	} else if (request->content_length < 0) {
		status = exchange_append(exchange, bytes, length);
	} else {
		memcpy(exchange->body + request->body_length, bytes, length);
		request->body_length += length;
		connection->server->counts.body_bytes += length;
	}
	if (status > 1)
		exchange_refuse(exchange, status);
	if (exchange->later)
		exchange->withheld += length;
	else if (!exchange->answered)
		(void)nghttp2_session_consume_stream(session, stream, length);
	connection->http2->received += length;
	if (connection->http2->received >= CALM_BYTES) {
		http2_earn(connection->http2, (int64_t)(connection->http2->received / CALM_BYTES));
		connection->http2->received %= CALM_BYTES;
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct connection *connection = data;
	bool is_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	exchange = exchange_of(session, frame->hd.stream_id);
	if (!exchange)
		return 0;
	if (!exchange->head_is_over)
		head_is_whole(connection, exchange, is_all);
	if (!is_all)
		return 0;
	exchange->is_whole = true;
	http2_earn(connection->http2, CALM_A_REQUEST);
	if (!exchange->answered && !exchange->later)
		exchange_complete(exchange);
	else if (exchange->holds)
		(void)nghttp2_session_resume_data(session, exchange->stream);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *data)
{
	struct exchange *exchange = exchange_of(session, stream);

	if (exchange)
		exchange_end(exchange);
	return 0;
}

/* ---- windows ----------------------------------------------------------------------------- */

/* What the client may have sent at once, at most: all that is still to come of stated lengths, and
 * what memory there is for other bodies. */
static size_t window_wanted(const struct connection *connection, size_t most)
{
	size_t wanted = connection->server->limits.connection_bytes - connection->committed;

	for (const struct exchange *exchange = connection->exchanges; exchange && wanted < most;
	     exchange = exchange->next) {
		if (exchange->answered || exchange->later || exchange->request.content_length < 0)
			continue;
		wanted += (size_t)exchange->request.content_length - exchange->request.body_length;
	}
	return wanted < most ? wanted : most;
}

/* Bodies without a stated length hold all memory, and none of them is whole: the youngest goes, so
 * that the others can be. */
static bool deadlock_break(struct connection *connection)
{
	struct exchange *youngest = NULL;

	for (struct exchange *exchange = connection->exchanges; exchange;
	     exchange = exchange->next) {
		if (exchange->complete || exchange->answered || exchange->later)
			return false; /* its end gives memory back */
		if (!youngest && exchange->request.content_length < 0 && exchange->committed)
			youngest = exchange;
	}
	if (youngest)
		exchange_refuse(youngest, youngest->committed == connection->committed ? 413 : 503);
	return youngest;
}

bool http2_give_window(struct connection *connection)
{
	nghttp2_session *session = connection->http2->session;
	size_t most = connection->http2->window;
	int32_t left = nghttp2_session_get_local_window_size(session);
	size_t has = left > 0 ? (size_t)left : 0, wanted;

	if (has >= most / 2)
		return false;
	wanted = window_wanted(connection, most);
	if (wanted > has && (wanted - has >= most / 8 || has < WINDOW_LOW))
		return nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, 0,
						    (int32_t)(wanted - has)) == 0;
	return !has && !wanted && deadlock_break(connection);
}

/* ---- the session ------------------------------------------------------------------------- */

static size_t between(size_t least, size_t value, size_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int settings_submit(struct connection *connection)
{
	const struct http_limits *limits = &connection->server->limits;
	struct http2 *http2 = connection->http2;
	/* Priorities stay those of RFC 7540: where it is told to do without, nghttp2 1.52 leaves a
	 * stream with a pointer to freed memory when it is refused memory for an answer. */
	const nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		  (uint32_t)between(WINDOW_LEAST, limits->body_bytes + 1, WINDOW_STREAM) },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head_bytes },
	};
	int result = nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, entries,
					     sizeof(entries) / sizeof(entries[0]));

	http2->window = between(WINDOW_LEAST, limits->connection_bytes, WINDOW_CONNECTION);
	if (result == 0)
		result = nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
							       (int32_t)http2->window);
	return result;
}

static int session_create(struct connection *connection, nghttp2_session **ret_session)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option = NULL;
	int result = nghttp2_session_callbacks_new(&callbacks);

	if (result == 0) {
		nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
									on_begin_headers);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
		nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
									     on_invalid_frame);
		nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
								     http2_on_frame_sent);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
		result = nghttp2_option_new(&option);
		if (result == 0) {
			nghttp2_option_set_no_auto_window_update(option, 1);
			nghttp2_option_set_no_closed_streams(option, 1);
			result = nghttp2_session_server_new2(ret_session, callbacks, connection,
							     option);
			nghttp2_option_del(option);
		}
		nghttp2_session_callbacks_del(callbacks);
	}
	return result;
}

static int http2_create(struct connection *connection)
{
	struct http2 *http2 = calloc(1, sizeof(*http2));

	if (!http2)
		return -1;
	connection->http2 = http2;
	http2->calm = CALM_MOST;
	http2->unseen = -PREFACE_BYTES;
	http2->calm_ns = connection->server->now_ns;
	if (session_create(connection, &http2->session) != 0)
		return -1;
	return settings_submit(connection);
}

/* nghttp2 passes over frames of unknown kinds, which are what came beside the frames it tells of.
 */
static void unseen_pay(struct connection *connection, size_t length)
{
	struct http2 *http2 = connection->http2;

	http2->unseen += (int64_t)length;
	if (http2->unseen < 4 * UNSEEN_BYTES)
		return;
	spend(connection, http2->unseen / UNSEEN_BYTES);
	http2->unseen %= UNSEEN_BYTES;
}

void http2_input(struct connection *connection, const unsigned char *data, size_t length)
{
	ssize_t used;

	if (!connection->http2 && http2_create(connection) != 0) {
		connection->broken = true;
		return;
	}
	used = nghttp2_session_mem_recv(connection->http2->session, data, length);
	if (used == NGHTTP2_ERR_FLOODED) {
		terminate(connection, NGHTTP2_ENHANCE_YOUR_CALM);
	} else if (used >= 0) {
		unseen_pay(connection, length);
	} else {
		connection->server->counts.malformed += used != NGHTTP2_ERR_NOMEM;
		connection->broken = true;
		return;
	}
	http2_flush(connection);
}

/* ---- time and ends ----------------------------------------------------------------------- */

static void exchange_tick(struct connection *connection, struct exchange *exchange)
{
	const struct http_limits *limits = &connection->server->limits;
	int64_t now_ns = connection->server->now_ns;

	if (!exchange->head_is_over) {
		if (now_ns - exchange->pace.began_ns <= limits->head_ns)
			return;
		terminate(connection, NGHTTP2_PROTOCOL_ERROR); /* no other frame may come between */
	} else if (exchange->holds && now_ns - exchange->pace.moved_ns > HOLD_NS) {
		exchange->holds = false; /* the body does not come */
		(void)nghttp2_session_resume_data(connection->http2->session, exchange->stream);
		return;
	} else if (exchange->answered) {
		if (!pace_is_slow(&exchange->pace, limits, now_ns))
			return;
		(void)nghttp2_submit_rst_stream(connection->http2->session, NGHTTP2_FLAG_NONE,
						exchange->stream, NGHTTP2_CANCEL);
	} else {
		if (exchange->is_whole || exchange->later ||
		    !pace_is_slow(&exchange->pace, limits, now_ns))
			return;
		exchange_refuse(exchange, 408);
	}
	connection->server->counts.timed_out++;
}

void http2_tick(struct connection *connection)
{
	if (!connection->http2 || connection->phase == PHASE_LEAVING)
		return;
	connection->busy = true;
	for (struct exchange *exchange = connection->exchanges; exchange; exchange = exchange->next)
		exchange_tick(connection, exchange);
	http2_flush(connection);
	connection->busy = false;
}

void http2_drain(struct connection *connection)
{
	struct http2 *http2 = connection->http2;

	if (!http2) {
		connection->broken = true;
		return;
	}
	if (!http2->terminated)
		(void)nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
					    nghttp2_session_get_last_proc_stream_id(http2->session),
					    NGHTTP2_NO_ERROR, NULL, 0);
	http2_flush(connection);
}

void http2_release(struct connection *connection)
{
	if (!connection->http2)
		return;
	nghttp2_session_del(connection->http2->session);
	free(connection->http2);
	connection->http2 = NULL;
}

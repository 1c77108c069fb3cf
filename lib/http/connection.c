/* SPDX-License-Identifier: Apache-2.0 */
/* A client: its socket, what waits to be sent, and how long it may take. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange.h"
#include "http1.h"
#include "http2.h"
#include "tls.h"

enum {
	READ_FIRST_BYTES = 16 * 1024, /* heads and small requests: bodies go past the scratch */
	READS_A_TURN = 16,            /* then others have theirs */
	PREFACE_BYTES = 24,
};

static const int64_t leaving_ns = INT64_C(2000000000);
static const char preface[PREFACE_BYTES + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- bytes and paces --------------------------------------------------------------------- */

void waiting_clear(struct waiting *waiting)
{
	free(waiting->data);
	*waiting = (struct waiting){ .data = NULL };
}

int waiting_keep(struct waiting *waiting, const void *data, size_t length)
{
	unsigned char *copy;

	if (!length) {
		waiting_clear(waiting);
		return 0;
	}
	copy = malloc(length);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, length);
	waiting_clear(waiting);
	waiting->data = copy;
	waiting->length = length;
	return 0;
}

void pace_begin(struct pace *pace, int64_t now_ns)
{
	*pace = (struct pace){ .began_ns = now_ns, .moved_ns = now_ns };
}

void pace_move(struct pace *pace, int64_t now_ns, size_t bytes)
{
	pace->moved_ns = now_ns;
	pace->bytes += bytes;
}

bool pace_is_slow(const struct pace *pace, const struct http_limits *limits, int64_t now_ns)
{
	int64_t elapsed_ns = now_ns - pace->began_ns;

	if (now_ns - pace->moved_ns > limits->stall_ns)
		return true;
	return elapsed_ns > limits->stall_ns &&
	       (double)pace->bytes * 1e9 < (double)limits->least_rate * (double)elapsed_ns;
}

/* ---- the socket -------------------------------------------------------------------------- */

int64_t connection_read(struct connection *connection, void *data, size_t size)
{
	ssize_t count;

	if (connection->tls)
		return tls_read(connection->tls, data, size);
	do
		count = recv(connection->source.fd, data, size, 0);
	while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count;
}

static int64_t socket_write(struct connection *connection, const struct iovec *parts, int count)
{
	const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts,
					.msg_iovlen = (size_t)count };
	ssize_t sent;

	if (connection->tls)
		return tls_write(connection->tls, parts, count);
	do
		sent = sendmsg(connection->source.fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static int break_off(struct connection *connection, int result)
{
	connection->broken = true;
	waiting_clear(&connection->out);
	return result;
}

/* Keeps what of the parts lies behind `sent` after what waits already. */
static int keep_rest(struct connection *connection, const struct iovec *parts, int count,
		     size_t sent)
{
	struct waiting *out = &connection->out;
	size_t length = waiting_length(out), end = 0;
	unsigned char *data;

	for (int i = 0; i < count; i++)
		length += parts[i].iov_len;
	data = malloc(length - sent);
	if (!data)
		return break_off(connection, -ENOMEM);
	if (out->data) {
		end = waiting_length(out);
		memcpy(data, out->data + out->at, end);
	} else {
		pace_begin(&connection->sent, connection->server->now_ns);
	}
	for (int i = 0; i < count; i++) {
		size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;

		if (parts[i].iov_len > skip)
			memcpy(data + end, (const char *)parts[i].iov_base + skip,
			       parts[i].iov_len - skip);
		end += parts[i].iov_len - skip;
		sent -= skip;
	}
	waiting_clear(out);
	*out = (struct waiting){ .data = data, .length = end };
	connection_listen(connection);
	return 0;
}

int connection_send(struct connection *connection, const struct iovec *parts, int count)
{
	size_t length = 0;
	int64_t sent = 0;

	if (connection->broken)
		return -EPIPE;
	for (int i = 0; i < count; i++)
		length += parts[i].iov_len;
	connection->server->counts.answer_bytes += length;
	if (!connection->out.data)
		sent = socket_write(connection, parts, count);
	if (sent == -EAGAIN)
		sent = 0;
	if (sent < 0)
		return break_off(connection, (int)sent);
	return (size_t)sent == length ? 0 : keep_rest(connection, parts, count, (size_t)sent);
}

int connection_flush(struct connection *connection)
{
	struct waiting *out = &connection->out;

	while (out->data) {
		const struct iovec part = { out->data + out->at, waiting_length(out) };
		int64_t sent = socket_write(connection, &part, 1);

		if (sent == -EAGAIN)
			return 0;
		if (sent < 0)
			return break_off(connection, (int)sent);
		out->at += (size_t)sent;
		pace_move(&connection->sent, connection->server->now_ns, (size_t)sent);
		if (out->at == out->length)
			waiting_clear(out);
	}
	return 0;
}

void connection_listen(struct connection *connection)
{
	uint32_t interest = (connection->deaf ? 0u : (uint32_t)EPOLLIN) |
			    (connection->out.data ? (uint32_t)EPOLLOUT : 0u);
	struct epoll_event event = { .events = interest, .data.ptr = &connection->source };

	if (connection->closed || connection->interest == interest)
		return;
	connection->interest = interest;
	if (epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->source.fd, &event))
		connection->broken = true;
}

/* ---- from begin to end ------------------------------------------------------------------- */

void connection_enter(struct connection *connection, enum phase phase)
{
	connection->phase = phase;
	connection->phase_since_ns = connection->server->now_ns;
}

int connection_create(struct http_server *server, int fd, const char *peer)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct epoll_event event = { .events = EPOLLIN };
	int result = connection ? 0 : -ENOMEM;

	if (result == 0 && server->tls)
		result = tls_accept(server->tls, fd, &connection->tls);
	if (result == 0) {
		event.data.ptr = &connection->source;
		if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event))
			result = -errno;
	}
	if (result < 0) {
		if (connection)
			tls_close(connection->tls);
		free(connection);
		close(fd);
		return result;
	}
	connection->source = (struct source){ .kind = SOURCE_CONNECTION, .fd = fd };
	connection->server = server;
	connection->interest = EPOLLIN;
	memcpy(connection->peer, peer, strnlen(peer, sizeof(connection->peer) - 1));
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->counts.connections++;
	server->counts.open_connections++;
	connection_enter(connection, connection->tls ? PHASE_HANDSHAKE : PHASE_IDLE);
	return 0;
}

void connection_close(struct connection *connection)
{
	struct http_server *server = connection->server;

	if (connection->closed)
		return;
	connection->closed = connection->broken = true;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->counts.open_connections--;
	while (connection->exchanges)
		exchange_end(connection->exchanges);
	http1_release(connection);
	http2_release(connection);
	tls_close(connection->tls);
	close(connection->source.fd);
	waiting_clear(&connection->in);
	waiting_clear(&connection->out);
	free(connection->peer_name);
	connection->peer_name = NULL;
	connection->next = server->dead;
	server->dead = connection;
}

void connection_settle(struct connection *connection)
{
	if (connection->broken && !connection->closed) {
		connection->deaf = false;
		connection_listen(connection);
		(void)shutdown(connection->source.fd, SHUT_RDWR); /* which epoll reports */
	}
}

void connection_part(struct connection *connection)
{
	connection_enter(connection, PHASE_LEAVING);
	connection->deaf = false;
	waiting_clear(&connection->in);
	while (connection->exchanges)
		exchange_end(connection->exchanges);
	pace_begin(&connection->body, connection->server->now_ns);
	if (connection->tls)
		tls_leave(connection->tls);
	if (shutdown(connection->source.fd, SHUT_WR))
		connection->broken = true;
}

/* ---- input ------------------------------------------------------------------------------- */

/* Which protocol its first bytes are. False: they may yet be either. */
static bool protocol_find(struct connection *connection, const unsigned char *data, size_t length)
{
	size_t known = length < PREFACE_BYTES ? length : PREFACE_BYTES;

	if (memcmp(data, preface, known) != 0) {
		connection->protocol = PROTOCOL_HTTP1;
		return true;
	}
	if (known < PREFACE_BYTES)
		return false;
	connection->protocol = PROTOCOL_HTTP2;
	return true;
}

/* `length` bytes lie in the scratch. */
static void input_take(struct connection *connection, size_t length)
{
	struct http_server *server = connection->server;

	if (connection->phase == PHASE_LEAVING) {
		pace_move(&connection->body, server->now_ns, length);
		if (connection->body.bytes > server->limits.body_bytes)
			connection->broken = true;
		return;
	}
	if (connection->protocol == PROTOCOL_UNKNOWN &&
	    !protocol_find(connection, server->scratch, length)) {
		if (connection->phase != PHASE_HEAD)
			connection_enter(connection, PHASE_HEAD);
		if (waiting_keep(&connection->in, server->scratch, length) < 0)
			connection->broken = true;
	} else if (connection->protocol == PROTOCOL_HTTP2) {
		http2_input(connection, server->scratch, length);
	} else {
		http1_input(connection, length);
	}
}

/* Puts what is kept into the scratch. */
static size_t input_restore(struct connection *connection)
{
	size_t length = waiting_length(&connection->in);

	if (length)
		memcpy(connection->server->scratch, connection->in.data + connection->in.at,
		       length);
	waiting_clear(&connection->in);
	return length;
}

/* Reads once into the scratch. False: there is no more at present. */
static bool input_read(struct connection *connection)
{
	struct http_server *server = connection->server;
	size_t kept = input_restore(connection), room = server->scratch_bytes - kept, size = room;
	int64_t count;

	if (connection->protocol != PROTOCOL_HTTP2 && size > READ_FIRST_BYTES &&
	    connection->phase != PHASE_BODY && connection->phase != PHASE_LEAVING)
		size = READ_FIRST_BYTES;
	count = connection_read(connection, server->scratch + kept, size);
	if (count <= 0) {
		if (waiting_keep(&connection->in, server->scratch, kept) < 0)
			connection->broken = true;
		if (count != -EAGAIN) /* also its end: nobody is there to be answered */
			connection->broken = true;
		return false;
	}
	input_take(connection, kept + (size_t)count);
	/* less than asked for means, of a socket, that it is empty now */
	return (size_t)count == size || connection->tls;
}

static bool is_listening(const struct connection *connection)
{
	if (connection->deaf || connection->broken || connection->closed)
		return false;
	/* what follows waits in the socket until the request is answered */
	return connection->protocol == PROTOCOL_HTTP2 || connection->phase != PHASE_OWNER;
}

static void input_run(struct connection *connection)
{
	for (int i = 0; is_listening(connection); i++) {
		int result = http1_read_body(connection);

		if (result == 0 || (result < 0 && !input_read(connection)))
			return;
		if (i == READS_A_TURN) {
			if (connection->tls) /* which may hold what epoll does not see */
				connection_pend(connection);
			return;
		}
	}
}

/* ---- events ------------------------------------------------------------------------------ */

/* Agrees on TLS. False: not yet, or it failed. */
static bool handshake(struct connection *connection)
{
	int result = tls_handshake(connection->tls, &connection->interest);

	if (result == -EAGAIN) {
		struct epoll_event event = { .events = connection->interest,
					     .data.ptr = &connection->source };

		(void)epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->source.fd,
				&event);
		return false;
	}
	if (result < 0) {
		connection->server->counts.malformed++;
		connection->broken = true;
		return false;
	}
	connection->peer_name = tls_peer_name(connection->tls);
	if (tls_is_http2(connection->tls))
		connection->protocol = PROTOCOL_HTTP2;
	connection_enter(connection, PHASE_IDLE);
	connection_listen(connection);
	return true;
}

/* After input or output was worked on. */
static void connection_leave(struct connection *connection)
{
	connection->busy = false;
	if (connection->broken)
		connection_close(connection);
	else
		connection_listen(connection);
}

void connection_ready(struct connection *connection, uint32_t events)
{
	if (connection->closed)
		return;
	connection->busy = true;
	if (connection->phase == PHASE_HANDSHAKE && !handshake(connection)) {
		connection->busy = false;
		if (connection->broken)
			connection_close(connection);
		return;
	}
	if (events & EPOLLOUT && connection->out.data) {
		(void)connection_flush(connection);
		if (!connection->out.data && !connection->broken) {
			if (connection->protocol == PROTOCOL_HTTP2)
				http2_flushed(connection);
			else
				http1_flushed(connection);
		}
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (connection->phase == PHASE_OWNER && connection->protocol == PROTOCOL_HTTP1)
			connection->deaf = true; /* what comes waits until it is answered */
		input_run(connection);
	}
	if (events & (EPOLLHUP | EPOLLERR) && (connection->deaf || connection->out.data))
		connection->broken = true; /* nobody is there to be answered */
	connection_leave(connection);
}

void connection_pend(struct connection *connection)
{
	struct http_server *server = connection->server;

	if (connection->pending || connection->closed)
		return;
	connection->pending = true;
	if (!server->dispatches && !server->pending) /* else that has been done, or will be */
		server_kick(server);
	connection->next_pending = NULL;
	if (server->pending)
		server->last_pending->next_pending = connection;
	else
		server->pending = connection;
	server->last_pending = connection;
}

void connection_pend_input(struct connection *connection)
{
	if (connection->in.data || (connection->tls && tls_has_input(connection->tls)))
		connection_pend(connection);
}

void connection_resume(struct connection *connection)
{
	size_t kept;

	if (connection->closed)
		return;
	connection->busy = true;
	if (connection->protocol == PROTOCOL_HTTP2)
		http2_flushed(connection);
	kept = is_listening(connection) ? input_restore(connection) : 0;
	if (kept)
		input_take(connection, kept);
	if (connection->tls || connection->phase == PHASE_BODY)
		input_run(connection);
	connection_leave(connection);
}

/* ---- time -------------------------------------------------------------------------------- */

static bool is_late(const struct connection *connection)
{
	const struct http_limits *limits = &connection->server->limits;
	int64_t now_ns = connection->server->now_ns, since_ns = now_ns - connection->phase_since_ns;

	if (connection->out.data && pace_is_slow(&connection->sent, limits, now_ns))
		return true;
	switch (connection->phase) {
	case PHASE_HANDSHAKE:
	case PHASE_HEAD:
		return since_ns > limits->head_ns;
	case PHASE_IDLE:
		return since_ns > limits->idle_ns;
	case PHASE_BODY:
		return pace_is_slow(&connection->body, limits, now_ns);
	case PHASE_LEAVING:
		return since_ns > leaving_ns && !connection->out.data;
	case PHASE_OWNER:
		break;
	}
	return false;
}

/* The kernel may hold megabytes of an answer, and say nothing until a good part of them is read. */
static void sent_look(struct connection *connection)
{
	int queued = 0;

	if (!connection->out.data || ioctl(connection->source.fd, SIOCOUTQ, &queued))
		return;
	if (queued != connection->queued)
		pace_move(&connection->sent, connection->server->now_ns, 0);
	connection->queued = queued;
}

void connection_tick(struct connection *connection)
{
	bool asks = connection->phase == PHASE_HEAD || connection->phase == PHASE_BODY;

	sent_look(connection);
	if (connection->protocol == PROTOCOL_HTTP2)
		http2_tick(connection);
	if (!connection->broken && !is_late(connection))
		return;
	connection->server->counts.timed_out += !connection->broken &&
						connection->phase != PHASE_LEAVING &&
						connection->phase != PHASE_IDLE;
	if (asks && connection->protocol == PROTOCOL_HTTP1 && !connection->out.data)
		http1_refuse(connection, 408);
	connection_close(connection);
}

void connection_drain(struct connection *connection)
{
	bool rests = connection->phase == PHASE_IDLE || connection->phase == PHASE_HEAD ||
		     connection->phase == PHASE_HANDSHAKE;

	connection->busy = true;
	if (connection->protocol == PROTOCOL_HTTP2)
		http2_drain(connection);
	else if (rests && !connection->out.data)
		connection->broken = true;
	connection_leave(connection);
}

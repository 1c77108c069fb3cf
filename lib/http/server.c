/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server inside an instance: listening, accepting, events and time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "tls.h"

enum {
	EVENTS = 64,   /* looked at in a turn */
	ACCEPTS = 128, /* in a turn */
	SCRATCH_BYTES = 64 * 1024,
	OUTGOING_BYTES = 64 * 1024,
	HEAD_BYTES_MOST = 64 * 1024,
};

static const int64_t second_ns = INT64_C(1000000000);

/* ---- clocks ------------------------------------------------------------------------------ */

int64_t server_clock(struct http_server *server)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	server->now_ns = now.tv_sec * second_ns + now.tv_nsec;
	return server->now_ns;
}

const char *server_date(struct http_server *server)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm utc;

	if (now == server->date_second)
		return server->date;
	server->date_second = now;
	gmtime_r(&now, &utc);
	(void)snprintf(server->date, sizeof(server->date), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT",
		       days + 3 * utc.tm_wday, utc.tm_mday, months + 3 * utc.tm_mon,
		       utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
	return server->date;
}

/* A tenth of the shortest limit, so that none is much exceeded. */
static int64_t tick_length(const struct http_limits *limits)
{
	int64_t shortest = limits->head_ns;

	shortest = limits->idle_ns < shortest ? limits->idle_ns : shortest;
	shortest = limits->stall_ns < shortest ? limits->stall_ns : shortest;
	shortest /= 10;
	return shortest > second_ns ? second_ns : shortest < 10000000 ? 10000000 : shortest;
}

/* The timer rests while nothing can be late; certificates are looked at now and then. */
static void timer_set(struct http_server *server)
{
	int64_t wanted = server->tls ? 10 * second_ns : 0;

	if (server->connections || server->pauses)
		wanted = tick_length(&server->limits);
	if (wanted != server->tick_ns && sonde_every(server->instance, server->timer, wanted) == 0)
		server->tick_ns = wanted;
}

/* ---- listening --------------------------------------------------------------------------- */

static int source_add(struct http_server *server, struct source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) ? -errno : 0;
}

static int path_remember(struct http_server *server, const char *path)
{
	struct stat status;

	server->path = strdup(path);
	if (!server->path)
		return -ENOMEM;
	if (stat(path, &status) == 0)
		server->path_inode = status.st_ino;
	return 0;
}

static int server_listen(struct http_server *server, const char *text, bool shared, char *error,
			 size_t error_size)
{
	struct address address;
	int fds[ADDRESS_SOCKETS], result = address_parse(text, &address, error, error_size);

	if (result == 0)
		result = address_listen(&address, shared, fds, &server->listener_count,
					&server->port, error, error_size);
	if (result < 0)
		return result;
	for (uint32_t i = 0; i < server->listener_count; i++)
		server->listeners[i] = (struct source){ SOURCE_LISTENER, fds[i] };
	for (uint32_t i = 0; result == 0 && i < server->listener_count; i++)
		result = source_add(server, &server->listeners[i]);
	if (result == 0 && address.path)
		result = path_remember(server, address.path);
	if (result < 0)
		(void)snprintf(error, error_size, "cannot watch the socket: %s", strerror(-result));
	return result;
}

static void listeners_watch(struct http_server *server, uint32_t events)
{
	for (uint32_t i = 0; i < server->listener_count; i++) {
		struct epoll_event event = { .events = events, .data.ptr = &server->listeners[i] };

		(void)epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->listeners[i].fd, &event);
	}
	server->pauses = !events;
}

static void listeners_close(struct http_server *server)
{
	struct stat status;

	while (server->listener_count)
		close(server->listeners[--server->listener_count].fd);
	if (server->path && stat(server->path, &status) == 0 && status.st_ino == server->path_inode)
		(void)unlink(server->path);
	free(server->path);
	server->path = NULL;
}

/* ---- accepting --------------------------------------------------------------------------- */

/* What stays wrong however often one tries again at once. */
static void accept_failed(struct http_server *server, int error)
{
	if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
		sonde_log(server->instance, SONDE_WARNING,
			  "connections wait until there are resources again: %s", strerror(error));
		listeners_watch(server, 0);
	}
}

static void accept_all(struct http_server *server, int listener)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage name;
		socklen_t length = sizeof(name);
		char peer[ADDRESS_PEER_BYTES];
		int result, fd = accept4(listener, (struct sockaddr *)&name, &length,
					 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			accept_failed(server, errno);
			return;
		}
		if (server->counts.open_connections >= server->limits.connections) {
			server->counts.refused_connections++;
			close(fd);
			continue;
		}
		address_print(&name, peer);
		result =
			connection_create(server, fd, *peer || !server->path ? peer : server->path);
		if (result < 0) {
			server->counts.refused_connections++;
			accept_failed(server, -result);
			return;
		}
	}
}

/* ---- events ------------------------------------------------------------------------------ */

/* But for those that the list of pending ones still names. */
static void dead_free(struct http_server *server)
{
	struct connection **link = &server->dead;

	while (*link) {
		struct connection *connection = *link;

		if (connection->pending) {
			link = &connection->next;
			continue;
		}
		*link = connection->next;
		free(connection);
	}
}

/* Those that pend anew meanwhile wait for the next turn, so that others have theirs. */
static void pending_run(struct http_server *server)
{
	struct connection *connection = server->pending;

	server->pending = NULL;
	while (connection) {
		struct connection *next = connection->next_pending;

		connection->pending = false;
		connection_resume(connection);
		connection = next;
	}
}

void server_kick(struct http_server *server)
{
	const uint64_t one = 1;

	if (write(server->kick.fd, &one, sizeof(one)) < 0)
		return; /* it is full, and so readable */
}

/* After connections were worked on. */
static void dispatch_end(struct http_server *server)
{
	server->dispatches = false;
	if (server->pending)
		server_kick(server);
	dead_free(server);
}

static void source_run(struct http_server *server, struct source *source, uint32_t events)
{
	uint64_t count;

	switch (source->kind) {
	case SOURCE_LISTENER:
		accept_all(server, source->fd);
		break;
	case SOURCE_CONNECTION:
		connection_ready((struct connection *)source, events);
		break;
	case SOURCE_KICK:
		if (read(source->fd, &count, sizeof(count)) < 0)
			break; /* another turn took it */
		break;
	}
}

bool http_server_ready(struct http_server *server, int fd, uint32_t ready_events)
{
	struct epoll_event events[EVENTS];
	int count;

	(void)ready_events;
	if (fd != server->epoll_fd)
		return false;
	count = epoll_wait(server->epoll_fd, events, EVENTS, 0);
	(void)server_clock(server);
	server->dispatches = true;
	for (int i = 0; i < count; i++)
		source_run(server, events[i].data.ptr, events[i].events);
	pending_run(server);
	dispatch_end(server);
	timer_set(server);
	return true;
}

static void certificates_look(struct http_server *server)
{
	char error[256];
	int result = tls_refresh(server->tls, error, sizeof(error));

	if (result < 0)
		sonde_log(server->instance, SONDE_ERROR,
			  "%s; the certificate that was read before stays in use", error);
	else if (result)
		sonde_log(server->instance, SONDE_INFO, "the certificate was read anew");
}

bool http_server_timer(struct http_server *server, int timer)
{
	struct connection *next;

	if (timer != server->timer)
		return false;
	(void)server_clock(server);
	server->dispatches = true;
	for (struct connection *connection = server->connections; connection; connection = next) {
		next = connection->next;
		connection_tick(connection);
	}
	dispatch_end(server);
	if (server->pauses && !server->draining)
		listeners_watch(server, EPOLLIN);
	if (server->tls)
		certificates_look(server);
	timer_set(server);
	return true;
}

/* ---- from begin to end ------------------------------------------------------------------- */

static void limits_fill(struct http_limits *limits)
{
	const struct http_limits defaults = {
		.connections = 1024,
		.streams = 100,
		.head_bytes = 16 * 1024,
		.body_bytes = 64 * 1024 * 1024,
		.early_bytes = 32 * 1024 * 1024,
		.head_ns = 10 * second_ns,
		.idle_ns = 120 * second_ns,
		.stall_ns = 30 * second_ns,
		.least_rate = 1024,
	};

#define FILL(member_) limits->member_ = limits->member_ ? limits->member_ : defaults.member_
	FILL(connections);
	FILL(streams);
	FILL(head_bytes);
	FILL(body_bytes);
	FILL(early_bytes);
	FILL(head_ns);
	FILL(idle_ns);
	FILL(stall_ns);
	FILL(least_rate);
#undef FILL
	if (limits->connection_bytes < limits->body_bytes)
		limits->connection_bytes = limits->body_bytes;
}

static int server_begin(struct http_server *server, const struct http_tls *tls, char *error,
			size_t error_size)
{
	int result = 0;

	server->scratch = malloc(server->scratch_bytes);
	server->outgoing = malloc(OUTGOING_BYTES);
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->kick = (struct source){ SOURCE_KICK, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (!server->scratch || !server->outgoing)
		result = -ENOMEM;
	else if (server->epoll_fd < 0 || server->kick.fd < 0)
		result = -errno;
	if (result == 0)
		result = source_add(server, &server->kick);
	if (result == 0)
		result = sonde_watch(server->instance, server->epoll_fd, SONDE_READABLE);
	/* made here, it needs no memory later, when there may be none */
	if (result == 0)
		result = sonde_every(server->instance, server->timer, second_ns);
	if (result == 0)
		server->tick_ns = second_ns;
	if (result < 0) {
		(void)snprintf(error, error_size, "cannot begin to serve: %s", strerror(-result));
		return result;
	}
	return tls && tls_is_wanted(tls) ? tls_create(tls, &server->tls, error, error_size) : 0;
}

int http_server_create(struct sonde_instance *instance, const char *address, bool shared,
		       const struct http_limits *limits, const struct http_tls *tls,
		       const struct http_handler *handler, void *data, int timer,
		       struct http_server **ret_server, char *error, size_t error_size)
{
	struct http_server *server;
	int result;

	if (limits && limits->head_bytes > HEAD_BYTES_MOST) {
		(void)snprintf(error, error_size, "a head may have at most %d bytes",
			       HEAD_BYTES_MOST);
		return -EINVAL;
	}
	server = calloc(1, sizeof(*server));
	if (!server) {
		(void)snprintf(error, error_size, "no memory for a server");
		return -ENOMEM;
	}
	server->instance = instance;
	server->handler = handler;
	server->data = data;
	server->timer = timer;
	server->epoll_fd = server->kick.fd = -1;
	if (limits)
		server->limits = *limits;
	limits_fill(&server->limits);
	server->scratch_bytes = SCRATCH_BYTES + server->limits.head_bytes;
	(void)server_clock(server);
	result = server_begin(server, tls, error, error_size);
	if (result == 0)
		result = server_listen(server, address, shared, error, error_size);
	if (result < 0) {
		http_server_release(server);
		return result;
	}
	timer_set(server);
	*ret_server = server;
	return 0;
}

void http_server_release(struct http_server *server)
{
	if (!server)
		return;
	server->dispatches = true;
	while (server->connections)
		connection_close(server->connections);
	for (struct connection *connection = server->dead; connection;
	     connection = connection->next)
		connection->pending = false;
	dead_free(server);
	listeners_close(server);
	if (server->tick_ns)
		(void)sonde_every(server->instance, server->timer, 0);
	if (server->epoll_fd >= 0) {
		(void)sonde_unwatch(server->instance, server->epoll_fd);
		close(server->epoll_fd);
	}
	if (server->kick.fd >= 0)
		close(server->kick.fd);
	tls_release(server->tls);
	free(server->scratch);
	free(server->outgoing);
	free(server);
}

void http_server_drain(struct http_server *server)
{
	struct connection *next;

	if (server->draining)
		return;
	server->draining = true;
	(void)server_clock(server);
	listeners_close(server);
	server->dispatches = true;
	for (struct connection *connection = server->connections; connection; connection = next) {
		next = connection->next;
		connection_drain(connection);
	}
	dispatch_end(server);
	timer_set(server);
}

bool http_server_is_idle(const struct http_server *server)
{
	if (server->counts.open_requests)
		return false;
	for (const struct connection *connection = server->connections; connection;
	     connection = connection->next) {
		if (connection->out.data)
			return false;
	}
	return true;
}

void http_server_counts(const struct http_server *server, struct http_counts *ret_counts)
{
	*ret_counts = server->counts;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

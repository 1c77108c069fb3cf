// SPDX-License-Identifier: Apache-2.0
/* otlp_sink [--verify ROWS] [--mode KEY=VALUE&…]: takes OTLP over HTTP and counts its rows; with
 * --verify each of the first ROWS by its number. Listens at a port of loopback that it prints as
 * {"port":N}, and answers commands on stdin with a line of JSON each; ends with stdin.
 *
 *   counts              requests, rows, and what was wrong with any of them
 *   mode KEY=VALUE&…    misbehaves from now on: the names are in otlp_mode.h; 0 ends it
 *   missing ROWS        which of the rows 0 to ROWS - 1 never came
 *   seen PATH           writes a byte a row: how often it came
 *   forget              counts from 0 again */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_head.h"
#include "otlp_mode.h"
#include "otlp_tally.h"
#include "otlp_unpack.h"

enum {
	EVENTS = 64,
	CONNECTIONS_LIMIT = 1024,
	READ_BYTES = 64 * 1024,
	HEAD_LIMIT = 64 * 1024,
	BODY_LIMIT = 256 * 1024 * 1024,
	COMMAND_BYTES = 4096,
};

struct connection {
	int fd; /* -1: a free place */
	unsigned char *bytes;
	size_t held, room;
	size_t head_length, body_length; /* of the first request, once its head is whole */
	enum otlp_signal signal;
	char encoding[16];
	bool hung;       /* what comes is thrown away */
	uint64_t due_ns; /* when its first request is taken, which waits for that; 0: at once */
};

static struct {
	uint64_t requests, turned_away, malformed, wire_bytes, body_bytes, rejected, connections;
} counts;

static struct connection connections[CONNECTIONS_LIMIT];
static struct tally tally;
static struct otlp_mode mode;
static uint64_t free_ns; /* when a limit of rows a second has room again */
static int epoll_fd, listener;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void connection_close(struct connection *connection, bool reset)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(connection->fd);
	free(connection->bytes);
	*connection = (struct connection){ .fd = -1 };
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Answers are far smaller than a socket's buffer: who does not take them is cut off. */
static void answer(struct connection *connection, uint32_t status, const void *body, size_t length)
{
	char head[256], retry_after[64] = "", bytes[512];
	int head_length;

	if (status != 200 && mode.retry_after_s)
		snprintf(retry_after, sizeof(retry_after), "Retry-After: %u\r\n",
			 mode.retry_after_s);
	head_length = snprintf(head, sizeof(head),
			       "HTTP/1.1 %u %s\r\n%sContent-Type: application/x-protobuf\r\n"
			       "Content-Length: %zu\r\n\r\n",
			       status, status == 200 ? "OK" : "Refused", retry_after, length);
	memcpy(bytes, head, (size_t)head_length);
	if (length)
		memcpy(bytes + head_length, body, length);
	length += (size_t)head_length;
	if (send(connection->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		connection_close(connection, true);
}

/* Export…Response { partial_success { rejected } } */
static void answer_taken(struct connection *connection, uint64_t rejected)
{
	unsigned char body[16];
	size_t length = 0;

	if (rejected) {
		body[length++] = 1 << 3 | 2;
		length++;
		body[length++] = 1 << 3 | 0;
		for (; rejected >= 0x80; rejected >>= 7)
			body[length++] = (unsigned char)(rejected | 0x80);
		body[length++] = (unsigned char)rejected;
		body[1] = (unsigned char)(length - 2);
	}
	answer(connection, 200, body, length);
}

static void answer_malformed(struct connection *connection, uint32_t status)
{
	counts.malformed++;
	answer(connection, status, NULL, 0);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Counts the first request and answers it. */
static void request_take(struct connection *connection)
{
	uint64_t rows = 0, rejected;
	const void *body;
	size_t length;
	int result = otlp_unpack(connection->encoding, connection->bytes + connection->head_length,
				 connection->body_length, &body, &length);

	if (!result)
		result = tally_weigh(connection->signal, body, length, &rows);
	if (result) {
		answer_malformed(connection, result == -ENOTSUP ? 415 : 400);
		return;
	}
	rejected = mode.rejected < rows ? mode.rejected : rows;
	counts.requests++;
	counts.wire_bytes += connection->head_length + connection->body_length;
	counts.body_bytes += length;
	counts.rejected += rejected;
	tally_add(&tally, connection->signal, body, length, rejected);
	if (mode.reset_after)
		connection_close(connection, true);
	else
		answer_taken(connection, rejected);
}

/* When the first request is to be taken; 0: now. */
static uint64_t request_due_ns(struct connection *connection)
{
	uint64_t rows = 0, now = now_ns();
	const void *body;
	size_t length;

	if (!mode.rows_per_s && !mode.delay_ms)
		return 0;
	if (mode.rows_per_s &&
	    !otlp_unpack(connection->encoding, connection->bytes + connection->head_length,
			 connection->body_length, &body, &length) &&
	    !tally_weigh(connection->signal, body, length, &rows)) {
		free_ns = free_ns < now ? now : free_ns;
		free_ns += rows * 1000000000 / mode.rows_per_s;
		now = free_ns;
	}
	return now + (uint64_t)mode.delay_ms * 1000000;
}

/* The first request is whole. */
static void request_meet(struct connection *connection)
{
	bool away = mode.hang || mode.reset || (mode.status && mode.status != 200);

	if (!away) {
		connection->due_ns = request_due_ns(connection);
		if (!connection->due_ns)
			request_take(connection);
		return;
	}
	counts.turned_away++;
	if (mode.hang)
		connection->hung = true;
	else if (mode.reset)
		connection_close(connection, true);
	else
		answer(connection, mode.status, NULL, 0);
}

/* 0, or the status that refuses the request. */
static uint32_t head_parse(struct connection *connection)
{
	const char *head = (const char *)connection->bytes;
	char path[64] = "", method[16] = "";
	size_t length = connection->head_length, body_length;

	if (http_head_body_length(head, length, &body_length))
		return 411;
	if (body_length > BODY_LIMIT)
		return 413;
	connection->body_length = body_length;
	connection->encoding[0] = '\0';
	http_head_value(head, length, "content-encoding", connection->encoding,
			sizeof(connection->encoding));
	if (sscanf(head, "%15s %63s", method, path) != 2 || strcmp(method, "POST") != 0)
		return 405;
	for (int signal = 0; signal < OTLP_SIGNALS; signal++) {
		if (!strcmp(path, otlp_signal_paths[signal])) {
			connection->signal = (enum otlp_signal)signal;
			return 0;
		}
	}
	return 404;
}

/* 1: the first request's head is there; 0: it is not yet; -1: it was refused, the connection with
 * it. */
static int head_meet(struct connection *connection)
{
	char expect[32];
	uint32_t refused;
	size_t length = http_head_length((char *)connection->bytes, connection->held);

	if (!length && connection->held < HEAD_LIMIT)
		return 0;
	connection->head_length = length;
	refused = length ? head_parse(connection) : 431;
	if (refused) {
		answer_malformed(connection, refused);
		if (connection->fd >= 0)
			connection_close(connection, false);
		return -1;
	}
	if (http_head_value((char *)connection->bytes, length, "expect", expect, sizeof(expect)) &&
	    send(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) != 25) {
		connection_close(connection, true);
		return -1;
	}
	return 1;
}

static void requests_meet(struct connection *connection)
{
	while (connection->fd >= 0 && !connection->hung && !connection->due_ns) {
		size_t used;

		if (!connection->head_length && head_meet(connection) <= 0)
			return;
		used = connection->head_length + connection->body_length;
		if (connection->held < used)
			return;
		request_meet(connection);
		if (connection->fd < 0 || connection->hung || connection->due_ns)
			return;
		memmove(connection->bytes, connection->bytes + used, connection->held - used);
		connection->held -= used;
		connection->head_length = 0;
	}
}

/* The first request's time has come. */
static void request_due(struct connection *connection)
{
	size_t used = connection->head_length + connection->body_length;

	connection->due_ns = 0;
	request_take(connection);
	if (connection->fd < 0)
		return;
	memmove(connection->bytes, connection->bytes + used, connection->held - used);
	connection->held -= used;
	connection->head_length = 0;
	requests_meet(connection);
}

static void connection_read(struct connection *connection)
{
	ssize_t length;
	size_t wanted;

	if (connection->hung)
		connection->held = 0;
	wanted = connection->held + READ_BYTES;
	if (connection->head_length && wanted < connection->head_length + connection->body_length)
		wanted = connection->head_length + connection->body_length;
	if (connection->room < wanted) {
		unsigned char *grown = realloc(connection->bytes, 2 * wanted);

		if (!grown)
			fail("memory for a request");
		connection->bytes = grown;
		connection->room = 2 * wanted;
	}
	length = recv(connection->fd, connection->bytes + connection->held,
		      connection->room - connection->held, 0);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		connection_close(connection, false);
		return;
	}
	connection->held += (size_t)length;
	requests_meet(connection);
}

/* ---- commands ---------------------------------------------------------------------------- */

static void counts_print(void)
{
	printf("{\"requests\":%lu,\"turned_away\":%lu,\"malformed\":%lu,\"rows\":%lu,"
	       "\"distinct\":%lu,\"repeated\":%lu,\"unnumbered\":%lu,\"beyond\":%lu,"
	       "\"rejected\":%lu,\"wire_bytes\":%lu,\"body_bytes\":%lu,\"connections\":%lu}\n",
	       counts.requests, counts.turned_away, counts.malformed, tally.rows, tally.distinct,
	       tally.repeated, tally.unnumbered, tally.beyond, counts.rejected, counts.wire_bytes,
	       counts.body_bytes, counts.connections);
}

static int seen_write(const char *path)
{
	FILE *file = fopen(path, "we");
	bool whole;

	if (!file)
		return -errno;
	whole = fwrite(tally.seen, 1, tally.limit, file) == tally.limit;
	return fclose(file) || !whole ? -EIO : 0;
}

static void command_obey(const char *command)
{
	int result = 0;

	if (!strcmp(command, "counts")) {
		counts_print();
	} else if (!strncmp(command, "missing ", 8)) {
		tally_print_missing(&tally, strtoull(command + 8, NULL, 10), stdout);
	} else {
		if (!strncmp(command, "mode ", 5)) {
			result = otlp_mode_set(&mode, command + 5);
		} else if (!strncmp(command, "seen ", 5)) {
			result = seen_write(command + 5);
		} else if (!strcmp(command, "forget")) {
			memset(&counts, 0, sizeof(counts));
			tally_clear(&tally);
		} else {
			result = -EINVAL;
		}
		printf("{\"error\":%s%s%s}\n", result ? "\"" : "",
		       result ? strerror(-result) : "null", result ? "\"" : "");
	}
	fflush(stdout);
}

/* False: stdin is at its end. */
static bool commands_read(void)
{
	static char bytes[COMMAND_BYTES];
	static size_t held;
	ssize_t length = read(STDIN_FILENO, bytes + held, sizeof(bytes) - 1 - held);
	char *line = bytes, *end;

	if (length <= 0)
		return false;
	held += (size_t)length;
	bytes[held] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		command_obey(line);
		line = end + 1;
	}
	held -= (size_t)(line - bytes);
	memmove(bytes, line, held);
	return held < sizeof(bytes) - 1;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void connections_accept(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *connection = connections;
		struct epoll_event event = { .events = EPOLLIN };

		while (connection < connections + CONNECTIONS_LIMIT && connection->fd >= 0)
			connection++;
		if (connection == connections + CONNECTIONS_LIMIT) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		*connection = (struct connection){ .fd = fd };
		counts.connections++;
		event.data.ptr = connection;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
			fail("epoll_ctl");
	}
}

/* Takes what is due; the time until the next is, ms; -1: nothing waits. */
static int due_take(void)
{
	uint64_t now = now_ns(), next_ns = UINT64_MAX;

	for (struct connection *at = connections; at < connections + CONNECTIONS_LIMIT; at++) {
		while (at->fd >= 0 && at->due_ns && at->due_ns <= now)
			request_due(at);
		if (at->fd >= 0 && at->due_ns && at->due_ns < next_ns)
			next_ns = at->due_ns;
	}
	return next_ns == UINT64_MAX ? -1 : (int)((next_ns - now) / 1000000) + 1;
}

static void listen_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	struct epoll_event of_listener = { .events = EPOLLIN, .data.ptr = &listener };
	struct epoll_event of_commands = { .events = EPOLLIN, .data.ptr = NULL };

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, 512) || getsockname(listener, (struct sockaddr *)&address, &size))
		fail("listening");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &of_listener) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &of_commands))
		fail("epoll (stdin must be a pipe or a terminal)");
	printf("{\"port\":%u}\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void options_read(int count, char **arguments)
{
	static const struct option options[] = { { "verify", required_argument, NULL, 'v' },
						 { "mode", required_argument, NULL, 'm' },
						 { 0 } };
	uint64_t rows = 0;
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
		if (option == 'v')
			rows = strtoull(optarg, NULL, 10);
		else if (option != 'm' || otlp_mode_set(&mode, optarg)) {
			fprintf(stderr, "usage: otlp_sink [--verify ROWS] [--mode KEY=VALUE&…]\n");
			exit(2);
		}
	}
	if (tally_create(rows, &tally))
		fail("memory for the rows to verify");
}

int main(int count, char **arguments)
{
	struct epoll_event events[EVENTS];

	options_read(count, arguments);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < CONNECTIONS_LIMIT; i++)
		connections[i].fd = -1;
	listen_loopback();
	for (;;) {
		int ready = epoll_wait(epoll_fd, events, EVENTS, due_take());

		for (int i = 0; i < ready; i++) {
			struct connection *connection = events[i].data.ptr;

			if (!connection) {
				if (!commands_read())
					return 0;
			} else if ((int *)connection == &listener) {
				connections_accept();
			} else if (connection->fd >= 0) {
				connection_read(connection);
			}
		}
	}
}

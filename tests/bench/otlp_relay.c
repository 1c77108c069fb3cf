// SPDX-License-Identifier: Apache-2.0
/* otlp_relay PORT: passes what comes on TCP connections on to that port, through user space and
 * unread: the floor of whatever takes requests and hands them on. Listens at a port of loopback
 * that it prints as {"port":N}; ends by SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024, EVENTS = 64 };

/* One of the two connections that are joined. */
struct end {
	int fd; /* -1: closed */
	struct end *peer;
	bool connecting, ended, shut; /* ended: nothing more comes; shut: nothing more goes */
	size_t offset, held;          /* of bytes that came here and have not left at the peer */
	unsigned char bytes[COPY_BYTES];
};

static int epoll_fd;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Reads while nothing is held; writes while the peer holds something for it. */
static void end_watch(struct end *end)
{
	struct epoll_event event = { .data.ptr = end };

	if (!end->held && !end->ended)
		event.events |= EPOLLIN;
	if (end->peer->held || end->connecting)
		event.events |= EPOLLOUT;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, end->fd, &event))
		fail("epoll_ctl");
}

/* 1: all that was held is gone; 0: the peer takes no more now; -1: it is gone. */
static int end_flush(struct end *end)
{
	if (end->held && end->peer->connecting)
		return 0;
	while (end->held) {
		ssize_t sent =
			send(end->peer->fd, end->bytes + end->offset, end->held, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		end->offset += (size_t)sent;
		end->held -= (size_t)sent;
	}
	end->offset = 0;
	return 1;
}

/* Moves what it can to its peer. 0, or -1: both are to be closed. */
static int end_move(struct end *end)
{
	for (;;) {
		int flushed = end_flush(end);
		ssize_t length;

		if (flushed <= 0)
			return flushed;
		if (end->ended || end->connecting)
			break;
		length = recv(end->fd, end->bytes, sizeof(end->bytes), 0);
		if (length < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		end->ended = !length;
		end->held = (size_t)length;
	}
	if (end->ended && !end->shut && !end->peer->connecting) {
		shutdown(end->peer->fd, SHUT_WR);
		end->shut = true;
	}
	return end->shut && end->peer->shut ? -1 : 0;
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static struct end *pair_create(int accepted, const struct sockaddr_in *target)
{
	struct end *pair = calloc(2, sizeof(*pair));

	if (!pair)
		fail("calloc");
	pair[0] = (struct end){ .fd = accepted, .peer = &pair[1] };
	pair[1] = (struct end){ .fd = tcp_socket(), .peer = &pair[0], .connecting = true };
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = { .data.ptr = &pair[i] };

		setsockopt(pair[i].fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair[i].fd, &event))
			fail("epoll_ctl");
	}
	connect(pair[1].fd, (const struct sockaddr *)target,
		sizeof(*target)); /* told by an event */
	end_watch(&pair[0]);
	end_watch(&pair[1]);
	return pair;
}

static void pair_close(struct end *end)
{
	close(end->fd);
	close(end->peer->fd);
	end->fd = end->peer->fd = -1;
}

static void end_ready(struct end *end)
{
	if (end->connecting) {
		socklen_t size = sizeof(int);
		int error = 0;

		getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error) {
			pair_close(end);
			return;
		}
		end->connecting = false;
	}
	if (end_move(end) || end_move(end->peer)) {
		pair_close(end);
		return;
	}
	end_watch(end);
	end_watch(end->peer);
}

static int listen_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = tcp_socket();

	if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		fail("listening");
	printf("{\"port\":%u}\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* The pairs that a round of events closed are freed after it: another event may name them. */
static void pairs_sweep(struct end **pairs, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		if (pairs[i]->fd >= 0)
			pairs[kept++] = pairs[i];
		else
			free(pairs[i]);
	}
	*count = kept;
}

int main(int count, char **arguments)
{
	struct sockaddr_in target = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static struct end *pairs[1024];
	size_t pair_count = 0;
	struct epoll_event events[EVENTS], event = { .events = EPOLLIN };
	int listener, port = count == 2 ? atoi(arguments[1]) : 0;

	if (port < 1 || port > UINT16_MAX) {
		fprintf(stderr, "usage: otlp_relay PORT\n");
		return 2;
	}
	target.sin_port = htons((uint16_t)port);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_loopback();
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event))
		fail("epoll");
	for (;;) {
		int ready = epoll_wait(epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			struct end *end = events[i].data.ptr;
			int fd = end ? -1
				     : accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

			if (end && end->fd >= 0)
				end_ready(end);
			else if (fd >= 0 && pair_count < sizeof(pairs) / sizeof(*pairs))
				pairs[pair_count++] = pair_create(fd, &target);
			else if (fd >= 0)
				close(fd);
		}
		pairs_sweep(pairs, &pair_count);
	}
}

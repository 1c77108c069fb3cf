// SPDX-License-Identifier: Apache-2.0
/* One HTTP/1.1 connection of the load, with the requests on it that are not answered yet. */
#include "otlp_sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_head.h"
#include "protobuf.h"

enum { REFUSED_NS = 20 * 1000 * 1000, LOST_NS = 1000 * 1000 };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

uint64_t sender_now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void sender_watch(struct sender *sender)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = sender };

	if (sender->connecting || sender->written < sender->length)
		event.events |= EPOLLOUT;
	if (epoll_ctl(sender->epoll_fd, EPOLL_CTL_MOD, sender->fd, &event))
		fail("epoll_ctl");
}

void sender_open(struct sender *sender)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(sender->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = sender };

	sender->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sender->fd < 0 || epoll_ctl(sender->epoll_fd, EPOLL_CTL_ADD, sender->fd, &event))
		fail("a connection");
	setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	sender->connecting = true;
	connect(sender->fd, (struct sockaddr *)&address, sizeof(address));
}

void sender_close(struct sender *sender)
{
	bool connected = !sender->connecting;

	close(sender->fd);
	sender->fd = -1;
	sender->again_ns = sender_now_ns() + (connected ? LOST_NS : REFUSED_NS);
	sender->connecting = false;
	sender->length = sender->written = sender->answer_held = 0;
	for (uint32_t i = 0; i < sender->flight_count; i++)
		sender->owner->unanswered(&sender->flights[i]);
	sender->flight_count = 0;
	sender->owner->ended(connected);
}

/* ---- requests ---------------------------------------------------------------------------- */

bool sender_is_free(const struct sender *sender, uint32_t depth)
{
	return sender->fd >= 0 && !sender->connecting && sender->written == sender->length &&
	       sender->flight_count < depth && sender->flight_count < SENDER_DEPTH_LIMIT;
}

void sender_reserve(struct sender *sender, size_t length)
{
	if (sender->room < length) {
		free(sender->bytes);
		sender->bytes = malloc(length);
		if (!sender->bytes)
			fail("memory for a request");
		sender->room = length;
	}
	sender->length = length;
	sender->written = 0;
}

static void sender_write(struct sender *sender)
{
	while (sender->written < sender->length) {
		ssize_t length = send(sender->fd, sender->bytes + sender->written,
				      sender->length - sender->written, MSG_NOSIGNAL);

		if (length < 0) {
			if (errno != EAGAIN && errno != EINTR)
				sender_close(sender);
			return;
		}
		sender->written += (size_t)length;
	}
}

void sender_begin(struct sender *sender, const struct flight *flight)
{
	sender->flights[sender->flight_count++] = *flight;
	sender_write(sender);
	if (sender->fd >= 0 && sender->written < sender->length)
		sender_watch(sender);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Export…Response { 1: partial_success { 1: rejected } } */
static uint64_t rejected_read(const char *body, size_t length)
{
	struct message_reader reader = message_read(body, length), inner;
	struct message_field field = { 0 }, member = { 0 };

	while (message_next(&reader, &field) == 1) {
		if (field.number != 1 || field.wire != MESSAGE_BYTES)
			continue;
		inner = message_read(field.data, field.length);
		while (message_next(&inner, &member) == 1) {
			if (member.number == 1 && member.wire == MESSAGE_VARINT)
				return member.value;
		}
	}
	return 0;
}

static int64_t retry_after_read(const char *head, size_t length)
{
	char value[32];

	return http_head_value(head, length, "retry-after", value, sizeof(value)) ? atol(value)
										  : -1;
}

/* Takes the first answer out. 1; 0: it is not whole; -1: it cannot be read, or closes the
 * connection. */
static int answer_take(struct sender *sender)
{
	size_t head = http_head_length(sender->answer, sender->answer_held), body;
	struct answer answer = { 0 };
	char connection[16] = "";

	if (!head)
		return sender->answer_held < sizeof(sender->answer) ? 0 : -1;
	if (http_head_body_length(sender->answer, head, &body) ||
	    head + body > sizeof(sender->answer) ||
	    sscanf(sender->answer, "HTTP/1.1 %u", &answer.status) != 1)
		return -1;
	if (sender->answer_held < head + body)
		return 0;
	http_head_value(sender->answer, head, "connection", connection, sizeof(connection));
	answer.retry_after_s = retry_after_read(sender->answer, head);
	answer.rejected = rejected_read(sender->answer + head, answer.status == 200 ? body : 0);
	sender->answer_held -= head + body;
	memmove(sender->answer, sender->answer + head + body, sender->answer_held);
	if (answer.status >= 200) {
		if (!sender->flight_count)
			return -1;
		answer.flight = sender->flights[0];
		sender->flight_count--;
		memmove(sender->flights, sender->flights + 1,
			sender->flight_count * sizeof(*sender->flights));
		sender->owner->answered(&answer);
	}
	return strcasecmp(connection, "close") ? 1 : -1;
}

static void sender_read(struct sender *sender)
{
	ssize_t length = recv(sender->fd, sender->answer + sender->answer_held,
			      sizeof(sender->answer) - sender->answer_held, 0);
	int taken = 1;

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length > 0)
		sender->answer_held += (size_t)length;
	while (length > 0 && taken == 1)
		taken = answer_take(sender);
	if (length <= 0 || taken < 0)
		sender_close(sender);
}

void sender_ready(struct sender *sender, uint32_t events)
{
	if (sender->connecting) {
		socklen_t size = sizeof(int);
		int error = 0;

		getsockopt(sender->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error) {
			sender_close(sender);
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		sender->connecting = false;
		sender_watch(sender);
		return;
	}
	if (events & EPOLLOUT) {
		sender_write(sender);
		if (sender->fd >= 0 && sender->written == sender->length)
			sender_watch(sender);
	}
	if (sender->fd >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		sender_read(sender);
}

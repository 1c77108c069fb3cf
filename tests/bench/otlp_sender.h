/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 connection of the load, with the requests on it that are not answered yet. */
#ifndef BENCH_OTLP_SENDER_H
#define BENCH_OTLP_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SENDER_DEPTH_LIMIT = 64, SENDER_ANSWER_BYTES = 64 * 1024 };

/* A request on its way. */
struct flight {
	uint64_t number;
	uint64_t began_ns;
	uint64_t due_ns; /* when it should have begun; the time that it takes counts from here */
};

struct answer {
	struct flight flight;
	uint32_t status;
	int64_t retry_after_s; /* -1: not said */
	uint64_t rejected;     /* rows, of a partial success */
};

/* What the owner of a connection hears. */
struct sender_owner {
	void (*answered)(const struct answer *answer);
	void (*unanswered)(const struct flight *flight); /* the connection ended before */
	void (*ended)(bool connected);                   /* after that */
};

struct sender {
	const struct sender_owner *owner;
	int epoll_fd, fd; /* fd -1: closed */
	uint16_t port;
	bool connecting;
	unsigned char *bytes; /* of the request that is being written */
	size_t length, written, room;
	struct flight flights[SENDER_DEPTH_LIMIT]; /* oldest first */
	uint32_t flight_count;
	uint64_t again_ns; /* when it may be opened again */
	char answer[SENDER_ANSWER_BYTES];
	size_t answer_held;
};

/* Connects; what comes of it is told by an event. */
void sender_open(struct sender *sender);

/* Whether a request may begin. */
bool sender_is_free(const struct sender *sender, uint32_t depth);

/* Begins a request whose head and body are in `bytes`. Takes no more than sender_is_free() says. */
void sender_begin(struct sender *sender, const struct flight *flight);

/* Makes room for a request of `length` bytes in `bytes`. */
void sender_reserve(struct sender *sender, size_t length);

void sender_ready(struct sender *sender, uint32_t events);
void sender_close(struct sender *sender);

uint64_t sender_now_ns(void); /* the clock of began_ns */

#endif

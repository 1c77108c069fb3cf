// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the HTTP server with what a client sends. The first byte chooses: bit 0 that it speaks
 * HTTP/2 (the preface is given), bit 1 that bodies are placed, bit 2 that answers come late, bit 3
 * that the client reads nothing, bit 4 that the server drains meanwhile, bit 5 that bodies are to
 * be read later, of which every third is refused then. The second byte is how much is sent at once.
 * Every request that began ends exactly once, whatever comes. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CHOOSE_HTTP2 = 1,
	CHOOSE_PLACE = 2,
	CHOOSE_LATE = 4,
	CHOOSE_DEAF = 8,
	CHOOSE_DRAIN = 16,
	CHOOSE_LATER = 32,
};
enum { BODY_BYTES = 100 * 1000, EARLY_BYTES = 20 * 1000, TURNS = 1000 };

/* A request that began and has not ended. */
struct guest {
	struct http_request *request;
	struct guest *previous, *next;
	void *place;
	size_t placed;
	bool answered, complete;
	bool later; /* its body is not wanted yet */
};

static struct guest *guests;
static uint64_t begun, ended;
static unsigned int choice;

/* ---- the daemon's part ------------------------------------------------------------------- */

static int host_watch(struct sonde_instance *instance, int fd, uint32_t events)
{
	return 0;
}

static int host_unwatch(struct sonde_instance *instance, int fd)
{
	return 0;
}

static int host_every(struct sonde_instance *instance, int timer, int64_t interval_ns)
{
	return 0;
}

static void host_log(struct sonde_instance *instance, uint32_t level, const char *message)
{
}

static const struct sonde_host host = {
	.watch = host_watch, .unwatch = host_unwatch, .every = host_every, .log = host_log
};
static struct sonde_instance instance = { .size = sizeof(instance), .host = &host };

/* ---- the owner's part -------------------------------------------------------------------- */

static void answer(struct guest *guest, uint32_t status)
{
	const struct http_header trailers[] = { { "grpc-status", "0" } };
	const struct http_request *request = guest->request;

	assert(!guest->answered);
	guest->answered = true;
	http_answer(
		guest->request,
		&(struct http_answer){ .status = status,
				       .content_type = "text/plain",
				       .body = guest->complete ? request->body : (const void *)"no",
				       .body_length = guest->complete ? request->body_length : 2,
				       .trailers = trailers,
				       .trailer_count = request->query[0] == 't' });
}

static int on_head(void *data, struct http_request *request)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	const char *type = http_request_header(request, "content-type");

	assert(guest && !request->user && strlen(request->path) + strlen(request->query) < 65536);
	assert(!type || strlen(type) < 65536);
	guest->request = request;
	guest->next = guests;
	if (guests)
		guests->previous = guest;
	guests = guest;
	request->user = guest;
	begun++;
	guest->later = choice & CHOOSE_LATER;
	if (guest->later)
		return HTTP_LATER;
	if (strcmp(request->path, "/refuse") != 0)
		return 0;
	answer(guest, 429);
	return -1;
}

static void *on_place(void *data, struct http_request *request, size_t length)
{
	struct guest *guest = request->user;

	assert(length > 0 && length <= BODY_BYTES && (int64_t)length == request->content_length);
	assert(!guest->place && !guest->answered && !guest->later);
	guest->placed = length;
	return choice & CHOOSE_PLACE ? guest->place = malloc(length) : NULL;
}

static int on_grow(void *data, struct http_request *request, size_t length)
{
	struct guest *guest = request->user;

	assert(length <= BODY_BYTES && length > request->body_length && !guest->answered);
	assert(!guest->later);
	if (choice & CHOOSE_LATER && length % 4 == 0) {
		guest->later = true;
		return HTTP_LATER;
	}
	if (length < 5000 || strcmp(request->path, "/grow") != 0)
		return 0;
	answer(guest, 413);
	return -1;
}

static void on_complete(void *data, struct http_request *request)
{
	struct guest *guest = request->user;

	assert(!guest->complete && !guest->answered && !guest->later && request->body);
	assert(!guest->place || request->body == guest->place);
	assert(request->content_length < 0 ||
	       (uint64_t)request->content_length == request->body_length);
	assert(guest->placed == 0 || guest->placed == request->body_length);
	guest->complete = true;
	if (!(choice & CHOOSE_LATE))
		answer(guest, 200);
}

static void on_end(void *data, struct http_request *request)
{
	struct guest *guest = request->user;

	assert(guest->request == request);
	if (guest->previous)
		guest->previous->next = guest->next;
	else
		guests = guest->next;
	if (guest->next)
		guest->next->previous = guest->previous;
	free(guest->place);
	free(guest);
	ended++;
}

/* Answers what waits; a request may end meanwhile, so each look begins anew. */
static void answer_late(void)
{
	struct guest *guest = guests;

	while (guest) {
		if (guest->complete && !guest->answered) {
			answer(guest, 200);
			guest = guests;
		} else {
			guest = guest->next;
		}
	}
}

/* Lets in what is to be read later, but for every third. */
static void admit_later(void)
{
	struct guest *guest = guests;
	uint32_t count = 0;

	while (guest) {
		if (guest->later && !guest->answered) {
			guest->later = false;
			if (++count % 3 == 0)
				answer(guest, 503);
			else
				http_admit(guest->request);
			guest = guests;
		} else {
			guest = guest->next;
		}
	}
}

/* ---- the client's part ------------------------------------------------------------------- */

static void turn(struct http_server *server, int client)
{
	char thrown[4096];

	assert(http_server_ready(server, server->epoll_fd, SONDE_READABLE));
	if (choice & CHOOSE_DEAF)
		return;
	while (recv(client, thrown, sizeof(thrown), MSG_DONTWAIT) > 0)
		;
}

static void say(struct http_server *server, int client, const void *data, size_t size, size_t piece)
{
	const char *at = data;

	while (size) {
		size_t next = size < piece ? size : piece;
		ssize_t count = send(client, at, next, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0)
			return; /* the server has heard enough */
		at += count;
		size -= (size_t)count;
		turn(server, client);
		if (size % 3 == 1)
			admit_later();
		if (choice & CHOOSE_LATE && size % 3 == 0)
			answer_late();
	}
}

static struct http_server *serve(void)
{
	static const struct http_handler handler = { .head = on_head,
						     .place = on_place,
						     .grow = on_grow,
						     .complete = on_complete,
						     .end = on_end };
	const struct http_limits limits = { .body_bytes = BODY_BYTES,
					    .early_bytes = EARLY_BYTES,
					    .head_bytes = 4096,
					    .streams = 10 };
	struct http_server *server;
	char error[256];

	assert(http_server_create(&instance, "127.0.0.1:0", false, &limits, NULL, &handler, NULL, 0,
				  &server, error, sizeof(error)) == 0);
	return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	static struct http_server *server;
	uint64_t requests;
	int pair[2];

	if (size < 2)
		return 0;
	if (!server)
		server = serve();
	requests = server->counts.requests;
	choice = data[0];
	begun = ended = 0;
	assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	assert(!connection_create(server, pair[0], "fuzz"));
	if (choice & CHOOSE_HTTP2)
		say(server, pair[1], preface, sizeof(preface), sizeof(preface));
	say(server, pair[1], data + 2, size - 2, data[1] ? data[1] : size);
	if (choice & CHOOSE_DRAIN)
		http_server_drain(server);
	admit_later();
	answer_late();
	turn(server, pair[1]);
	assert(http_server_timer(server, 0));
	close(pair[1]);
	for (int i = 0; server->connections && i < TURNS; i++) {
		turn(server, -1);
		admit_later();
		answer_late();
	}
	assert(!server->connections && !guests && begun == ended);
	assert(begun == server->counts.requests - requests && !server->counts.open_requests);
	assert(!server->early_bytes);
	if (server->draining) {
		http_server_release(server);
		server = NULL;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP server costs a request: the CPU time of its thread, with a client in a process of
 * its own that keeps several connections of HTTP/1.1 busy.
 *
 * floor: a loop of epoll, recv() and send() that knows beforehand how long a request is, looks at
 * nothing and always answers the same. Both read bodies to one place, where they are not looked at.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "middle.h"
#include "server.h"

enum { RUNS = 7, CONNECTIONS = 8, BODY_MOST = 256 * 1024, TEXT_BYTES = 1024 };

static const struct benchmark {
	const char *name;
	size_t body_bytes;
	uint64_t requests;
} benchmarks[] = {
	{ "http.small", 300, 100000 },
	{ "http.batch", 100 * 1024, 20000 },
};

static void fail(const char *what)
{
	fprintf(stderr, "bench_http: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double thread_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
	       (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

/* ---- the client -------------------------------------------------------------------------- */

static size_t request_write(char *request, const struct benchmark *benchmark)
{
	int length = sprintf(request,
			     "POST /v1/traces HTTP/1.1\r\nHost: localhost:4318\r\n"
			     "User-Agent: bench/1\r\nContent-Type: application/x-protobuf\r\n"
			     "Content-Length: %zu\r\nAccept-Encoding: gzip\r\n\r\n",
			     benchmark->body_bytes);

	memset(request + length, 'x', benchmark->body_bytes);
	return (size_t)length + benchmark->body_bytes;
}

static void send_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0)
			fail("send");
		data += sent;
		length -= (size_t)sent;
	}
}

static int client_connect(uint16_t port)
{
	const struct sockaddr_in name = { .sin_family = AF_INET,
					  .sin_port = htons(port),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof(name)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		fail("connect");
	return fd;
}

/* One request at a time on each connection; answers are small enough to come in one piece. */
static void client_run(uint16_t port, const struct benchmark *benchmark)
{
	char *request = malloc(BODY_MOST + TEXT_BYTES), answer[TEXT_BYTES];
	struct pollfd polls[CONNECTIONS];
	uint64_t asked = 0, answered = 0;
	size_t length = request ? request_write(request, benchmark) : 0;

	for (int i = 0; i < CONNECTIONS; i++) {
		polls[i] = (struct pollfd){ client_connect(port), POLLIN, 0 };
		send_all(polls[i].fd, request, length);
		asked++;
	}
	while (answered < benchmark->requests) {
		if (poll(polls, CONNECTIONS, 10000) <= 0)
			fail("poll");
		for (int i = 0; i < CONNECTIONS; i++) {
			if (!polls[i].revents)
				continue;
			if (recv(polls[i].fd, answer, sizeof(answer), 0) < 16 ||
			    memcmp(answer, "HTTP/1.1 200 ", 13) != 0)
				fail("an answer");
			answered++;
			if (asked++ < benchmark->requests)
				send_all(polls[i].fd, request, length);
		}
	}
	free(request);
	_exit(0);
}

static pid_t client_start(uint16_t port, const struct benchmark *benchmark)
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0)
		client_run(port, benchmark);
	return child;
}

static void client_end(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status != 0)
		fail("the client");
}

/* ---- sonde ------------------------------------------------------------------------------- */

static char place[BODY_MOST];

static int watch(struct sonde_instance *instance, int fd, uint32_t events)
{
	return 0;
}

static int watched_fd;

static int watch_one(struct sonde_instance *instance, int fd, uint32_t events)
{
	watched_fd = fd;
	return 0;
}

static int unwatch(struct sonde_instance *instance, int fd)
{
	return watch(instance, fd, 0);
}

static int every(struct sonde_instance *instance, int timer, int64_t interval_ns)
{
	return 0;
}

static const struct sonde_host host = { .watch = watch_one, .unwatch = unwatch, .every = every };

static int on_head(void *data, struct http_request *request)
{
	return 0;
}

static void *on_place(void *data, struct http_request *request, size_t length)
{
	return place;
}

static void on_complete(void *data, struct http_request *request)
{
	http_answer(request, &(struct http_answer){ .status = 200,
						    .content_type = "application/x-protobuf" });
}

static void on_end(void *data, struct http_request *request)
{
	*(uint64_t *)data += 1;
}

static double sonde_s(const struct benchmark *benchmark)
{
	static const struct http_handler handler = {
		.head = on_head, .place = on_place, .complete = on_complete, .end = on_end
	};
	struct sonde_instance instance = { .size = sizeof(instance), .host = &host };
	struct http_server *server;
	uint64_t count = 0;
	char error[256];
	double began_s;
	pid_t child;

	if (http_server_create(&instance, "127.0.0.1:0", false, NULL, NULL, &handler, &count, 0,
			       &server, error, sizeof(error)) < 0)
		fail(error);
	child = client_start(http_server_port(server), benchmark);
	began_s = thread_s();
	while (count < benchmark->requests) {
		struct pollfd ready = { watched_fd, POLLIN, 0 };

		if (poll(&ready, 1, 10000) <= 0)
			fail("poll");
		http_server_ready(server, watched_fd, SONDE_READABLE);
	}
	began_s = thread_s() - began_s;
	client_end(child);
	http_server_release(server);
	return began_s;
}

/* ---- the floor --------------------------------------------------------------------------- */

static int floor_listen(uint16_t *ret_port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, CONNECTIONS) ||
	    getsockname(fd, (struct sockaddr *)&name, &length))
		fail("listen");
	*ret_port = ntohs(name.sin_port);
	return fd;
}

static void floor_watch(int epoll, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
}

/* Reads what there is of a request. Whether it is whole. */
static bool floor_read(int fd, size_t *has, size_t length)
{
	while (*has < length) {
		ssize_t count = recv(fd, place, length - *has, 0);

		if (count <= 0)
			return false;
		*has += (size_t)count;
	}
	*has = 0;
	return true;
}

static double floor_s(const struct benchmark *benchmark)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
				     "Content-Type: application/x-protobuf\r\n"
				     "Content-Length: 0\r\n\r\n";
	static char request[BODY_MOST + TEXT_BYTES];
	size_t length = request_write(request, benchmark), has[1024] = { 0 };
	uint64_t count = 0;
	uint16_t port;
	int listener = floor_listen(&port), epoll = epoll_create1(EPOLL_CLOEXEC);
	pid_t child = client_start(port, benchmark);
	double began_s = thread_s();

	floor_watch(epoll, listener, (uint64_t)listener);
	while (count < benchmark->requests) {
		struct epoll_event events[64];
		int ready = epoll_wait(epoll, events, 64, 10000);

		for (int i = 0; i < ready; i++) {
			int fd = (int)events[i].data.u64;

			if (fd == listener) {
				fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
				floor_watch(epoll, fd, (uint64_t)fd);
			} else if (floor_read(fd, &has[fd], length)) {
				send_all(fd, answer, sizeof(answer) - 1);
				count++;
			}
		}
	}
	began_s = thread_s() - began_s;
	client_end(child);
	for (int fd = 0; fd < 1024; fd++)
		has[fd] = 0;
	close(epoll);
	close(listener);
	return began_s;
}

/* ---- all of it --------------------------------------------------------------------------- */

static void benchmark_run(const struct benchmark *benchmark)
{
	double sonde_us[RUNS], floor_us[RUNS], ratio[RUNS], spread, other;
	double scale = 1e6 / (double)benchmark->requests;

	for (int i = 0; i < RUNS; i++) {
		sonde_us[i] = sonde_s(benchmark) * scale;
		floor_us[i] = floor_s(benchmark) * scale;
		ratio[i] = sonde_us[i] / floor_us[i];
		fprintf(stderr, "%s: sonde %.2f, floor %.2f us a request of %zu bytes\n",
			benchmark->name, sonde_us[i], floor_us[i], benchmark->body_bytes);
	}
	spread = middle_spread(sonde_us, RUNS);
	other = middle_spread(floor_us, RUNS);
	printf("{\"name\":\"%s\",\"unit\":\"us/request\",\"sonde\":%.4g,\"floor\":%.4g,"
	       "\"peer\":null,\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,"
	       "\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       benchmark->name, middle(sonde_us, RUNS), middle(floor_us, RUNS), middle(ratio, RUNS),
	       spread > other ? spread : other, RUNS);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	bool wanted = argc < 2;

	for (int i = 1; i < argc; i++)
		wanted |= !strcmp(argv[i], name) || !strcmp(argv[i], "--list");
	return wanted;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++) {
		if (!is_wanted(benchmarks[i].name, argc, argv))
			continue;
		if (argc > 1 && !strcmp(argv[1], "--list"))
			puts(benchmarks[i].name);
		else
			benchmark_run(&benchmarks[i]);
	}
	return 0;
}

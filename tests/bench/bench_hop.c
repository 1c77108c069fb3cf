/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/hop carries from one process to another, and what both ends together pay for it:
 * messages of one size, 16 of them under way, each acknowledged.
 *
 * floor: blocking sockets, a thread an end, an acknowledgement a message; for TLS OpenSSL upon them
 * as it comes. Nobody looks at the payload on either side. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hop.h"
#include "middle.h"

enum { RUNS = 7, WINDOW = 16, LARGEST = 1 << 20, WARM = 64 };

static const struct benchmark {
	const char *name, *cpu_name;
	size_t message_bytes;
	uint64_t messages;
	bool tls;
} benchmarks[] = {
	{ "hop.tcp.64k", "hop.tcp.64k.cpu", 64 * 1024, 16000, false },
	{ "hop.tcp.1m", "hop.tcp.1m.cpu", 1024 * 1024, 1200, false },
	{ "hop.tls.64k", "hop.tls.64k.cpu", 64 * 1024, 8000, true },
	{ "hop.tls.1m", "hop.tls.1m.cpu", 1024 * 1024, 600, true },
};

/* What both ends write for who measures. */
static struct shared {
	volatile uint16_t port;
	volatile double rate, sender_s, receiver_s;
} * shared;

static char directory[] = "/tmp/sonde-bench-hop.XXXXXX";
static char files[5][64];

static void fail(const char *what)
{
	fprintf(stderr, "bench_hop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
	       (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

static double clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- progress: the same for every subject ------------------------------------------------ */

/* From the message behind the first few to the last. */
struct progress {
	const struct benchmark *benchmark;
	double began_s, began_cpu_s;
};

static void sender_progress(struct progress *progress, uint64_t acknowledged)
{
	uint64_t total = progress->benchmark->messages;

	if (!progress->began_s && acknowledged >= WARM) {
		progress->began_s = clock_s();
		progress->began_cpu_s = cpu_s();
	}
	if (acknowledged < total)
		return;
	shared->sender_s = cpu_s() - progress->began_cpu_s;
	shared->rate = (double)((total - WARM) * progress->benchmark->message_bytes) / 1e6 /
		       (clock_s() - progress->began_s);
	_exit(0);
}

static void receiver_progress(struct progress *progress, uint64_t received)
{
	if (received == WARM)
		progress->began_cpu_s = cpu_s();
	else if (received == progress->benchmark->messages)
		shared->receiver_s = cpu_s() - progress->began_cpu_s;
}

/* ---- sonde ------------------------------------------------------------------------------- */

static int wake_fd;

static void wake(void *data)
{
	uint64_t one = 1;

	(void)data;
	(void)!write(wake_fd, &one, sizeof(one));
}

static struct hop *hop_make(const struct benchmark *benchmark, int role)
{
	struct hop_settings settings = { .name = "bench", .wake = wake, .send_bytes = 32 << 20 };
	struct hop *hop;
	char error[256];

	wake_fd = eventfd(0, EFD_NONBLOCK);
	if (benchmark->tls)
		settings.tls = (struct hop_tls){ .certificate = files[role],
						 .key = files[role + 1],
						 .authority = files[4] };
	if (hop_create(&settings, &hop, error, sizeof(error)) < 0)
		fail(error);
	return hop;
}

static void hop_wait(void)
{
	struct pollfd ready = { wake_fd, POLLIN, 0 };
	uint64_t count;

	if (poll(&ready, 1, 20000) <= 0)
		fail("poll");
	(void)!read(wake_fd, &count, sizeof(count));
}

static void sonde_receive(const struct benchmark *benchmark)
{
	struct progress progress = { .benchmark = benchmark };
	struct hop *hop = hop_make(benchmark, 0);
	struct hop_connection *connection = NULL;
	uint64_t received = 0, acknowledged = 0;
	char error[256];

	if (hop_listen(hop, benchmark->tls ? "tls+tcp://127.0.0.1:0" : "tcp://127.0.0.1:0", error,
		       sizeof(error)) < 0)
		fail(error);
	shared->port = hop_port(hop);
	for (;;) {
		struct hop_event event;

		hop_wait();
		while (hop_next(hop, &event)) {
			if (event.kind == HOP_CLOSED)
				_exit(0);
			connection = event.connection;
			if (event.kind == HOP_MESSAGE)
				receiver_progress(&progress, ++received);
			hop_buffer_release(event.payload);
		}
		if (received > acknowledged) {
			acknowledged = received;
			(void)hop_send_copy(connection,
					    &(struct hop_header){ .sequence = received }, NULL, 0);
		}
	}
}

static void sonde_send(const struct benchmark *benchmark)
{
	struct progress progress = { .benchmark = benchmark };
	struct hop *hop = hop_make(benchmark, 2);
	struct hop_buffer *buffer = hop_buffer_create(LARGEST);
	struct hop_piece piece = { buffer, buffer->data, benchmark->message_bytes };
	struct hop_connection *connection = NULL;
	struct hop_dialer *dialer;
	uint64_t sent = 0, acknowledged = 0;
	char url[64], error[256];

	memset(buffer->data, 7, LARGEST);
	(void)snprintf(url, sizeof(url), "%stcp://127.0.0.1:%u", benchmark->tls ? "tls+" : "",
		       shared->port);
	if (hop_dial(hop, url, NULL, &dialer, error, sizeof(error)) < 0)
		fail(error);
	for (;;) {
		struct hop_event event;

		while (hop_next(hop, &event)) {
			if (event.kind == HOP_CLOSED || event.kind == HOP_FAILED)
				fail(event.detail);
			connection = event.connection;
			if (event.kind == HOP_MESSAGE)
				acknowledged = event.header.sequence;
			hop_buffer_release(event.payload);
			sender_progress(&progress, acknowledged);
		}
		while (connection && sent < benchmark->messages && sent - acknowledged < WINDOW) {
			/* to a listener the first one must be short */
			piece.length = sent ? benchmark->message_bytes : 1;
			hop_buffer_acquire(buffer);
			if (hop_send(connection, &(struct hop_header){ .sequence = ++sent }, &piece,
				     1) < 0)
				fail("hop_send");
		}
		hop_wait();
	}
}

/* ---- the floor --------------------------------------------------------------------------- */

static void bytes_write(int fd, SSL *ssl, const unsigned char *bytes, size_t length)
{
	while (length) {
		ssize_t count = ssl ? SSL_write(ssl, bytes, (int)length)
				    : send(fd, bytes, length, MSG_NOSIGNAL);

		if (count <= 0)
			_exit(0);
		bytes += count;
		length -= (size_t)count;
	}
}

static void bytes_read(int fd, SSL *ssl, unsigned char *bytes, size_t length)
{
	while (length) {
		ssize_t count = ssl ? SSL_read(ssl, bytes, (int)length) : read(fd, bytes, length);

		if (count <= 0)
			_exit(0);
		bytes += count;
		length -= (size_t)count;
	}
}

static SSL *floor_tls(int fd, int role)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	SSL *ssl;

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_use_certificate_chain_file(context, files[role]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, files[role + 1], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_file(context, files[4]) != 1)
		fail("the floor's certificates");
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	ssl = SSL_new(context);
	if (!ssl || SSL_set_fd(ssl, fd) != 1 || (role ? SSL_connect(ssl) : SSL_accept(ssl)) != 1)
		fail("the floor's handshake");
	return ssl;
}

static void no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void floor_receive(const struct benchmark *benchmark)
{
	static unsigned char place[WINDOW][LARGEST + HOP_HEADER_BYTES];
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct progress progress = { .benchmark = benchmark };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	SSL *ssl;

	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&name, &length))
		fail("listen");
	shared->port = ntohs(name.sin_port);
	fd = accept(listener, NULL, NULL);
	no_delay(fd);
	ssl = benchmark->tls ? floor_tls(fd, 0) : NULL;
	for (uint64_t received = 1;; received++) {
		unsigned char *to = place[received % WINDOW];

		bytes_read(fd, ssl, to, HOP_HEADER_BYTES);
		bytes_read(fd, ssl, to + HOP_HEADER_BYTES, benchmark->message_bytes);
		receiver_progress(&progress, received);
		bytes_write(fd, ssl, to, HOP_HEADER_BYTES);
	}
}

static void floor_send(const struct benchmark *benchmark)
{
	static unsigned char message[LARGEST + HOP_HEADER_BYTES], answer[HOP_HEADER_BYTES];
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct progress progress = { .benchmark = benchmark };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t sent = 0;
	SSL *ssl;

	memset(message, 7, sizeof(message));
	name.sin_port = htons(shared->port);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)))
		fail("connect");
	no_delay(fd);
	ssl = benchmark->tls ? floor_tls(fd, 2) : NULL;
	for (uint64_t acknowledged = 0;; acknowledged++) {
		sender_progress(&progress, acknowledged);
		for (; sent < benchmark->messages && sent - acknowledged < WINDOW; sent++)
			bytes_write(fd, ssl, message, HOP_HEADER_BYTES + benchmark->message_bytes);
		bytes_read(fd, ssl, answer, HOP_HEADER_BYTES);
	}
}

/* ---- all of it --------------------------------------------------------------------------- */

static pid_t run_in_child(void (*run)(const struct benchmark *), const struct benchmark *benchmark)
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(benchmark);
		_exit(0);
	}
	return child;
}

static void child_end(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status != 0)
		fail("one end");
}

/* Each end is a process of its own, begun anew. */
static void subject_run(const struct benchmark *benchmark, bool is_sonde, double *ret_rate,
			double *ret_cpu)
{
	double gigabytes = (double)((benchmark->messages - WARM) * benchmark->message_bytes) / 1e9;
	pid_t receiver, sender;

	shared->port = 0;
	receiver = run_in_child(is_sonde ? sonde_receive : floor_receive, benchmark);
	while (!shared->port)
		(void)usleep(1000);
	sender = run_in_child(is_sonde ? sonde_send : floor_send, benchmark);
	child_end(sender);
	child_end(receiver);
	*ret_rate = shared->rate;
	*ret_cpu = (shared->sender_s + shared->receiver_s) / gigabytes;
}

static void result_print(const char *name, const char *unit, const char *better, double sonde[RUNS],
			 double floor_[RUNS], double ratio[RUNS])
{
	double spread = middle_spread(sonde, RUNS), other = middle_spread(floor_, RUNS);

	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"sonde\":%.4g,\"floor\":%.4g,"
	       "\"peer\":null,\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,"
	       "\"better\":\"%s\",\"spread\":%.3g,\"runs\":%d}\n",
	       name, unit, middle(sonde, RUNS), middle(floor_, RUNS), middle(ratio, RUNS), better,
	       spread > other ? spread : other, RUNS);
}

static void benchmark_run(const struct benchmark *benchmark, bool rate, bool cpu)
{
	double sonde[2][RUNS], floor_[2][RUNS], ratio[2][RUNS];

	for (int i = 0; i < RUNS; i++) {
		subject_run(benchmark, true, &sonde[0][i], &sonde[1][i]);
		subject_run(benchmark, false, &floor_[0][i], &floor_[1][i]);
		for (int k = 0; k < 2; k++)
			ratio[k][i] = sonde[k][i] / floor_[k][i];
		fprintf(stderr, "%s: sonde %.0f MB/s, %.3f s/GB; floor %.0f MB/s, %.3f s/GB\n",
			benchmark->name, sonde[0][i], sonde[1][i], floor_[0][i], floor_[1][i]);
	}
	if (rate)
		result_print(benchmark->name, "MB/s", "more", sonde[0], floor_[0], ratio[0]);
	if (cpu)
		result_print(benchmark->cpu_name, "s/GB", "less", sonde[1], floor_[1], ratio[1]);
}

/* The certificates of both ends. */
static void authority_make(void)
{
	static const char *const names[] = { "region.pem", "region.key", "edge.pem", "edge.key",
					     "authority.pem" };
	char command[256];

	if (!mkdtemp(directory))
		fail(directory);
	for (int i = 0; i < 5; i++)
		(void)snprintf(files[i], sizeof(files[i]), "%s/%s", directory, names[i]);
	(void)snprintf(command, sizeof(command),
		       "%s/scripts/test-authority %s region=127.0.0.1 edge", SONDE_SOURCE_ROOT,
		       directory);
	if (system(command))
		fail(command);
}

static void authority_remove(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", directory);
	(void)!system(command);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	bool wanted = argc < 2;

	for (int i = 1; i < argc; i++)
		wanted |= !strcmp(argv[i], name);
	return wanted;
}

int main(int argc, char **argv)
{
	enum { COUNT = sizeof(benchmarks) / sizeof(benchmarks[0]) };
	bool lists = argc > 1 && !strcmp(argv[1], "--list");

	for (int i = 0; lists && i < COUNT; i++)
		printf("%s\n%s\n", benchmarks[i].name, benchmarks[i].cpu_name);
	if (lists)
		return 0;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		fail("mmap");
	authority_make();
	for (int i = 0; i < COUNT; i++) {
		bool rate = is_wanted(benchmarks[i].name, argc, argv);
		bool cpu = is_wanted(benchmarks[i].cpu_name, argc, argv);

		if (rate || cpu)
			benchmark_run(&benchmarks[i], rate, cpu);
	}
	authority_remove();
	return 0;
}

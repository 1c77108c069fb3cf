// SPDX-License-Identifier: Apache-2.0
/* tiers_floor RECORDING ROWS LEVEL SECONDS: recorded system calls, as the kernel made them, from
 * one process to another over TCP on loopback: ROWS a message, each acknowledged, 16 under way;
 * LEVEL of zstd by itself, or 0: as they are. Each process has a core of its own, if there are two.
 *
 * Prints {"rows":N,"bytes":N,"cpu_s":X}: what was received within SECONDS, and the time of both. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "recorded.h"

enum {
	WINDOW = 16,
	MESSAGE_LIMIT = 1 << 20,  /* of its bytes, packed or not */
	RECEIVE_BYTES = 4 << 20,  /* room for what has come */
	SOCKET_BYTES = 256 << 10, /* asked for at a time */
	WARM_US = 300000,
};

/* In front of each message. */
struct head {
	uint32_t bytes, rows;
};

static struct recorded recorded;
static uint32_t message_rows;
static int level;

/* What the receiver writes for who measures. */
static struct shared {
	volatile uint64_t rows, bytes;
} * shared;

static void fail(const char *what)
{
	fprintf(stderr, "tiers_floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The n-th of the cores that there are. */
static void core_take(int number)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all))
		fail("sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && number-- == 0)
			CPU_SET(cpu, &one);
	if (CPU_COUNT(&one) && sched_setaffinity(0, sizeof(one), &one))
		fail("sched_setaffinity");
}

static void no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* ---- one end ----------------------------------------------------------------------------- */

static void message_send(int fd, ZSTD_CCtx *packer, const struct recorded_row *rows)
{
	static char packed[MESSAGE_LIMIT];
	size_t bytes = message_rows * sizeof(*rows);
	struct head head = { (uint32_t)bytes, message_rows };
	struct iovec pieces[] = { { &head, sizeof(head) }, { (void *)rows, bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };

	if (level) {
		size_t length =
			ZSTD_compressCCtx(packer, packed, sizeof(packed), rows, bytes, level);

		if (ZSTD_isError(length))
			fail("zstd");
		head.bytes = (uint32_t)length;
		pieces[1] = (struct iovec){ packed, length };
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)(sizeof(head) + head.bytes))
		fail("sendmsg");
}

static void sender_run(int fd)
{
	ZSTD_CCtx *packer = ZSTD_createCCtx();
	uint32_t under_way = 0, at = 0;
	char answers[WINDOW];

	if (!packer)
		fail("zstd");
	for (;;) {
		for (; under_way < WINDOW; under_way++, at += message_rows) {
			if (recorded.row_count - at < message_rows)
				at = 0;
			message_send(fd, packer, recorded.rows + at);
		}
		ssize_t count = recv(fd, answers, sizeof(answers), 0);

		if (count <= 0)
			_exit(1); /* who measures says so, if it is too early */
		under_way -= (uint32_t)count;
	}
}

/* ---- the other --------------------------------------------------------------------------- */

static void message_take(ZSTD_DCtx *unpacker, const char *bytes, const struct head *head)
{
	static char rows[MESSAGE_LIMIT];
	size_t expected = head->rows * sizeof(struct recorded_row);

	if (level &&
	    ZSTD_decompressDCtx(unpacker, rows, sizeof(rows), bytes, head->bytes) != expected)
		fail("the rows do not come back");
	shared->rows += head->rows;
	shared->bytes += sizeof(*head) + head->bytes;
}

/* Takes whole messages from the front of what has come. Returns how many bytes they were. */
static size_t messages_take(int fd, ZSTD_DCtx *unpacker, const char *came, size_t length)
{
	static const char answers[WINDOW];
	uint32_t taken = 0;
	struct head head;
	size_t at = 0;

	while (length - at >= sizeof(head)) {
		memcpy(&head, came + at, sizeof(head));
		if (head.bytes > MESSAGE_LIMIT || head.rows != message_rows)
			fail("no message");
		if (length - at - sizeof(head) < head.bytes)
			break;
		message_take(unpacker, came + at + sizeof(head), &head);
		at += sizeof(head) + head.bytes;
		taken++;
	}
	if (taken && send(fd, answers, taken, MSG_NOSIGNAL) != taken)
		fail("send");
	return at;
}

static void receiver_run(int fd)
{
	static char came[RECEIVE_BYTES];
	ZSTD_DCtx *unpacker = ZSTD_createDCtx();
	size_t held = 0, taken;

	if (!unpacker)
		fail("zstd");
	for (;;) {
		ssize_t count = recv(fd, came + held, SOCKET_BYTES, 0);

		if (count <= 0)
			_exit(1); /* who measures says so, if it is too early */
		held += (size_t)count;
		taken = messages_take(fd, unpacker, came, held);
		held -= taken;
		memmove(came, came + taken, held);
	}
}

/* ---- both -------------------------------------------------------------------------------- */

static void connection_make(int ret_fds[2])
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&name, &length) ||
	    connect(ret_fds[0], (struct sockaddr *)&name, sizeof(name)))
		fail("a connection");
	ret_fds[1] = accept(listener, NULL, NULL);
	if (ret_fds[1] < 0)
		fail("accept");
	no_delay(ret_fds[0]);
	no_delay(ret_fds[1]);
	close(listener);
}

static pid_t child_start(int number, int fds[2])
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	core_take(number);
	close(fds[!number]);
	if (number)
		receiver_run(fds[1]);
	else
		sender_run(fds[0]);
	_exit(1);
}

static double cpu_s(const pid_t children[2])
{
	double total = 0;

	for (int i = 0; i < 2; i++) {
		struct timespec used;
		clockid_t clock;

		if (clock_getcpuclockid(children[i], &clock) || clock_gettime(clock, &used))
			fail("the time of a child");
		total += (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
	}
	return total;
}

static void measure(const pid_t children[2], double seconds)
{
	double used_s;
	uint64_t rows, bytes;

	(void)usleep(WARM_US);
	used_s = cpu_s(children);
	rows = shared->rows;
	bytes = shared->bytes;
	(void)usleep((useconds_t)(seconds * 1e6));
	used_s = cpu_s(children) - used_s;
	rows = shared->rows - rows;
	bytes = shared->bytes - bytes;
	for (int i = 0; i < 2; i++)
		if (waitpid(children[i], NULL, WNOHANG) != 0)
			fail("one end has ended");
	printf("{\"rows\":%llu,\"bytes\":%llu,\"cpu_s\":%.6f}\n", (unsigned long long)rows,
	       (unsigned long long)bytes, used_s);
}

int main(int count, char **arguments)
{
	pid_t children[2];
	int fds[2], result;

	if (count != 5) {
		fputs("usage: tiers_floor RECORDING ROWS LEVEL SECONDS\n", stderr);
		return 2;
	}
	result = recorded_read(arguments[1], &recorded);
	errno = -result;
	if (result < 0)
		fail(arguments[1]);
	message_rows = (uint32_t)strtoul(arguments[2], NULL, 10);
	level = atoi(arguments[3]);
	if (!message_rows || message_rows > recorded.row_count ||
	    ZSTD_compressBound(message_rows * sizeof(struct recorded_row)) > MESSAGE_LIMIT) {
		fprintf(stderr, "tiers_floor: not %s rows a message\n", arguments[2]);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		fail("mmap");
	connection_make(fds);
	for (int i = 0; i < 2; i++)
		children[i] = child_start(i, fds);
	close(fds[0]);
	close(fds[1]);
	measure(children, atof(arguments[4]));
	for (int i = 0; i < 2; i++)
		(void)kill(children[i], SIGKILL);
	for (int i = 0; i < 2; i++)
		(void)waitpid(children[i], NULL, 0);
	return 0;
}

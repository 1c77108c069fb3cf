// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the daemon's side of the control socket with bytes of a client, in pieces: a request that
 * is whole is answered, any other closes the connection. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"

enum { HEADER_BYTES = 16, INPUT_LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct loop *loop;
static struct control *control;
static uint32_t answer_count;

static uint16_t answer(void *data, char *const *words, uint32_t count, FILE *reply)
{
	size_t length = 0;

	assert(count && count <= CONTROL_WORD_LIMIT);
	for (uint32_t i = 0; i < count; i++)
		length += strlen(words[i]) + 1;
	fprintf(reply, "%zu", length);
	answer_count++;
	return 0;
}

static void end_loop(void *data)
{
	loop_end(data);
}

static void turn(void)
{
	struct loop_timer end = { .run = end_loop, .data = loop };

	loop_timer_after(loop, &end, 0);
	loop_run(loop);
}

static void remove_socket(void)
{
	unlink(address.sun_path);
}

static void open_server(void)
{
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/sonde-fuzz-control-%d",
		 (int)getpid());
	loop = loop_create("fuzz");
	assert(loop && !control_listen(loop, address.sun_path, answer, NULL, &control));
	atexit(remove_socket);
}

/* The code that a reply must have; -1: there must be none. */
static int expected_code(const uint8_t *data, size_t size, uint32_t *ret_length)
{
	uint16_t version;
	uint32_t words = 0;

	if (size < HEADER_BYTES || memcmp(data, "sonde-c", 8))
		return -1;
	memcpy(&version, data + 8, sizeof(version));
	memcpy(ret_length, data + 12, sizeof(*ret_length));
	if (version != CONTROL_VERSION || !*ret_length || *ret_length > size - HEADER_BYTES)
		return -1;
	data += HEADER_BYTES;
	for (uint32_t i = 0; i < *ret_length; i++)
		words += !data[i];
	return data[*ret_length - 1] || words > CONTROL_WORD_LIMIT ? 2 : 0;
}

/* Bytes that come after a whole request may reset the connection before its reply is read. */
static void check_reply(int fd, const uint8_t *data, size_t size)
{
	unsigned char reply[256] = { 0 };
	uint32_t length = 0, reply_length;
	int expected = expected_code(data, size, &length);
	ssize_t count = recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT);
	uint16_t code;

	assert(answer_count == (expected == 0));
	if (expected < 0 || (count < 0 && size > HEADER_BYTES + length)) {
		assert(count <= 0);
		return;
	}
	assert(count >= HEADER_BYTES && !memcmp(reply, "sonde-c", 8));
	memcpy(&code, reply + 10, sizeof(code));
	memcpy(&reply_length, reply + 12, sizeof(reply_length));
	assert(code == expected && reply_length == count - HEADER_BYTES);
	if (!code)
		assert(strtoul((char *)reply + HEADER_BYTES, NULL, 10) == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece, sent = 0;
	int fd;

	if (!size || size > INPUT_LIMIT)
		return 0;
	if (!control)
		open_server();
	piece = data[0] ? data[0] : INPUT_LIMIT; /* bytes that come together */
	data++;
	size--;
	answer_count = 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	turn();
	while (sent < size) {
		size_t next = size - sent < piece ? size - sent : piece;

		if (send(fd, data + sent, next, MSG_NOSIGNAL) < 0)
			break; /* it closed already */
		sent += next;
		turn();
	}
	shutdown(fd, SHUT_WR);
	turn();
	turn();
	check_reply(fd, data, size);
	close(fd);
	turn();
	return 0;
}

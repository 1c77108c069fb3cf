// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the client's side of the control socket with the bytes of a daemon: a reply that is whole
 * is read as it was written, any other is an error. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

enum { HEADER_BYTES = 16, REQUEST_BYTES = HEADER_BYTES + sizeof("status") };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int listener = -1;

struct said {
	const uint8_t *data;
	size_t size, piece;
};

static void remove_socket(void)
{
	unlink(address.sun_path);
}

static void open_server(void)
{
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/sonde-fuzz-reply-%d",
		 (int)getpid());
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	assert(!listen(listener, 1));
	atexit(remove_socket);
}

/* Reads the request, says its piece and hangs up. */
static void *serve(void *data)
{
	struct said *said = data;
	char request[REQUEST_BYTES];
	int fd = accept(listener, NULL, NULL);

	assert(fd >= 0);
	assert(recv(fd, request, sizeof(request), MSG_WAITALL) == (ssize_t)sizeof(request));
	for (size_t sent = 0; sent < said->size;) {
		size_t next = said->size - sent < said->piece ? said->size - sent : said->piece;
		ssize_t count = send(fd, said->data + sent, next, MSG_NOSIGNAL);

		if (count < 0)
			break; /* the client has heard enough */
		sent += (size_t)count;
	}
	close(fd);
	return NULL;
}

/* 0 and where the payload is, if that is a reply. */
static int expected(const uint8_t *data, size_t size, uint16_t *ret_code, uint32_t *ret_length)
{
	uint16_t version;

	if (size < HEADER_BYTES || memcmp(data, "sonde-c", 8))
		return -EPROTO;
	memcpy(&version, data + 8, sizeof(version));
	memcpy(ret_code, data + 10, sizeof(*ret_code));
	memcpy(ret_length, data + 12, sizeof(*ret_length));
	if (version != CONTROL_VERSION || *ret_length > CONTROL_REPLY_LIMIT ||
	    *ret_length > size - HEADER_BYTES)
		return -EPROTO;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const words[] = { "status" };
	struct said said = { .data = data + 1, .size = size - 1 };
	uint16_t code = 0, expected_code = 0;
	uint32_t expected_length = 0;
	char *reply = NULL;
	size_t length = 0;
	pthread_t server;
	int result, expected_result;

	if (!size)
		return 0;
	if (listener < 0)
		open_server();
	said.piece = data[0] ? data[0] : 4096; /* bytes that come together */
	assert(!pthread_create(&server, NULL, serve, &said));
	result = control_ask(address.sun_path, words, 1, &code, &reply, &length);
	pthread_join(server, NULL);
	expected_result = expected(said.data, said.size, &expected_code, &expected_length);
	assert(result == expected_result);
	if (!result) {
		assert(code == expected_code && length == expected_length && !reply[length]);
		assert(!memcmp(reply, said.data + HEADER_BYTES, length));
	}
	free(reply);
	return 0;
}

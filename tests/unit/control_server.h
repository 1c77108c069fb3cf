/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of a control socket on a thread of its own, and clients that speak in bytes. */
#ifndef SONDE_TEST_CONTROL_SERVER_H
#define SONDE_TEST_CONTROL_SERVER_H

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "made.h"

enum { LARGE_REPLY = 20 << 20 };

struct header {
	char magic[8];
	uint16_t version, code;
	uint32_t length;
};

/* A daemon's side that answers with the words in brackets. */
struct server {
	char directory[64], path[96];
	struct loop *loop;
	struct control *control;
	uint32_t answers;
};

__attribute__((unused)) static uint16_t answer(void *data, char *const *words, uint32_t count,
					       FILE *reply)
{
	struct server *server = data;

	count_up(&server->answers);
	if (!strcmp(words[0], "large")) {
		for (int i = 0; i < LARGE_REPLY / 16; i++)
			fprintf(reply, "%015d\n", i);
		return 0;
	}
	if (!strcmp(words[0], "take")) {
		char part[CONTROL_HEADER_BYTES + 3] = "", last[CONTROL_HEADER_BYTES + 3] = "";
		int fd = control_take_over(server->control);

		control_head(part, CONTROL_ROWS, 3);
		memcpy(part + CONTROL_HEADER_BYTES, "one", 3);
		control_head(last, 5, 3);
		memcpy(last + CONTROL_HEADER_BYTES, "two", 3);
		if (write(fd, part, sizeof(part)) < 0 || write(fd, last, sizeof(last)) < 0)
			abort();
		close(fd);
		fputs("this is not sent", reply);
		return 0;
	}
	for (uint32_t i = 0; i < count; i++)
		fprintf(reply, "[%s]", words[i]);
	return !strcmp(words[0], "refuse") ? 4 : 0;
}

__attribute__((unused)) static void open_server(struct server *server)
{
	*server = (struct server){ 0 };
	snprintf(server->directory, sizeof(server->directory), "/tmp/sonde-control-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	snprintf(server->path, sizeof(server->path), "%s/control.sock", server->directory);
	server->loop = loop_create("control");
	assert_int_equal(
		control_listen(server->loop, server->path, answer, server, &server->control), 0);
	assert_int_equal(loop_start(server->loop), 0);
}

__attribute__((unused)) static void close_server(struct server *server)
{
	struct stat status;

	assert_int_equal(loop_join(server->loop, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	control_close(server->control);
	loop_release(server->loop);
	assert_int_equal(lstat(server->path, &status), -1);
	assert_int_equal(rmdir(server->directory), 0);
}

__attribute__((unused)) static void connect_to(const struct server *server, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

__attribute__((unused)) static int client(const struct server *server)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	connect_to(server, fd);
	return fd;
}

__attribute__((unused)) static struct header header_of(uint32_t length)
{
	return (struct header){ .magic = "sonde-c", .version = CONTROL_VERSION, .length = length };
}

__attribute__((unused)) static void say(int fd, const void *data, size_t length)
{
	assert_int_equal(send(fd, data, length, MSG_NOSIGNAL), length);
}

/* Reads the whole reply; -1: the connection closed without one. */
__attribute__((unused)) static int reply_code(int fd, char *text, size_t size)
{
	struct header header;
	ssize_t count = recv(fd, &header, sizeof(header), MSG_WAITALL);

	if (count != sizeof(header))
		return -1;
	assert_memory_equal(header.magic, "sonde-c", 8);
	assert_int_equal(header.version, CONTROL_VERSION);
	assert_true(header.length < size);
	count = recv(fd, text, header.length, MSG_WAITALL);
	assert_int_equal(count, header.length);
	text[header.length] = '\0';
	assert_int_equal(recv(fd, &header, 1, 0), 0); /* one request a connection */
	return header.code;
}

/* Sends bytes, ends the sending side, and returns the code of the reply. */
__attribute__((unused)) static int code_for(const struct server *server, const void *data,
					    size_t length, char text[256])
{
	int fd = client(server), code;

	say(fd, data, length);
	code = reply_code(fd, text, 256);
	close(fd);
	return code;
}

__attribute__((unused)) static void assert_serves(struct server *server)
{
	const char *const words[] = { "are", "you", "there" };
	uint16_t code;
	size_t length;
	char *reply;

	assert_int_equal(control_ask(server->path, words, 3, &code, &reply, &length), 0);
	assert_int_equal(code, 0);
	assert_string_equal(reply, "[are][you][there]");
	assert_int_equal(length, strlen(reply));
	free(reply);
}

/* A request as bytes: its header, changed by the caller, and a payload. */
struct request {
	struct header header;
	char payload[64];
};

__attribute__((unused)) static struct request request_of(const char *payload, uint32_t length)
{
	struct request request = { .header = header_of(length) };

	memcpy(request.payload, payload, length);
	return request;
}

#endif

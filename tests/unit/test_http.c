/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/http's parts: addresses, heads, chunks, paces; and of a server in an instance of the
 * test host. tests/integration/test_http*.py see it whole. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <sonde/test.h>

#include "address.h"
#include "connection.h"
#include "parser.h"

enum { LINES = 16, HEAD_BYTES = 4096 };

/* ---- addresses --------------------------------------------------------------------------- */

static void assert_address(const char *text, const char *host, const char *port)
{
	struct address address;
	char error[256];

	assert_int_equal(address_parse(text, &address, error, sizeof(error)), 0);
	assert_string_equal(address.host, host);
	assert_string_equal(address.port, port);
	assert_null(address.path);
}

static void an_address_is_a_host_and_a_port_or_a_path(void **state)
{
	struct address address;
	char error[256];

	assert_address("localhost:4318", "localhost", "4318");
	assert_address("127.0.0.1:0", "127.0.0.1", "0");
	assert_address("[::1]:65535", "::1", "65535");
	assert_address("[fe80::1%lo]:1", "fe80::1%lo", "1");
	assert_address(":4317", "", "4317");
	assert_int_equal(address_parse("unix:/run/a:b", &address, error, sizeof(error)), 0);
	assert_string_equal(address.path, "/run/a:b");
}

static void what_is_no_address_is_refused_with_one_that_is(void **state)
{
	static const struct {
		const char *text, *said;
	} wrong[] = {
		{ "", "is not HOST:PORT" },
		{ "localhost", "is not HOST:PORT" },
		{ "::1:4318", "[::1]:4318" },
		{ "[::1]", "is not HOST:PORT" },
		{ "[::1:4318", "is not HOST:PORT" },
		{ "localhost:", "no port from 0 to 65535" },
		{ "localhost:http", "no port from 0 to 65535" },
		{ "localhost:-1", "no port from 0 to 65535" },
		{ "localhost:+1", "no port from 0 to 65535" },
		{ "localhost: 1", "no port from 0 to 65535" },
		{ "localhost:65536", "no port from 0 to 65535" },
		{ "localhost:4318x", "no port from 0 to 65535" },
		{ "localhost:000004318", "no port from 0 to 65535" },
		{ "unix:", "unix:/run/sonde/otlp.sock" },
	};
	char error[256], name[400];
	struct address address = { .path = "untouched" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(address_parse(wrong[i].text, &address, error, sizeof(error)),
				 -EINVAL);
		assert_non_null(strstr(error, wrong[i].said));
	}
	memset(name, 'x', sizeof(name));
	memcpy(name + sizeof(name) - 4, ":80", 4);
	assert_int_equal(address_parse(name, &address, error, sizeof(error)), -EINVAL);
	memcpy(name, "unix:", 5);
	assert_int_equal(address_parse(name, &address, error, sizeof(error)), -EINVAL);
	assert_string_equal(address.path, "untouched");
}

static int path_listen(const char *text, int *ret_fd, char error[256])
{
	struct address address;
	int fds[ADDRESS_SOCKETS], result = address_parse(text, &address, error, 256);
	uint32_t count;
	uint16_t port;

	assert_int_equal(result, 0);
	result = address_listen(&address, false, fds, &count, &port, error, 256);
	if (result == 0) {
		assert_int_equal(count, 1);
		*ret_fd = fds[0];
	}
	return result;
}

static void a_socket_that_nobody_listens_at_is_taken_out_of_the_way_and_no_other_file(void **state)
{
	char directory[] = "/tmp/sonde-http-XXXXXX", text[64], error[256];
	int first, second, file;

	assert_non_null(mkdtemp(directory));
	(void)snprintf(text, sizeof(text), "unix:%s/socket", directory);
	assert_int_equal(path_listen(text, &first, error), 0);
	assert_int_equal(path_listen(text, &second, error), -EADDRINUSE);
	assert_non_null(strstr(error, "cannot listen at /tmp/sonde-http-"));
	close(first);
	assert_int_equal(path_listen(text, &second, error), 0);
	close(second);
	unlink(text + 5);
	file = creat(text + 5, 0600);
	assert_true(file >= 0);
	assert_int_equal(path_listen(text, &second, error), -EADDRINUSE);
	close(file);
	unlink(text + 5);
	rmdir(directory);
}

/* ---- heads ------------------------------------------------------------------------------- */

static int64_t end_of(const char *text)
{
	size_t scanned = 0;
	uint32_t lines = 0;

	return head_find_end(text, strlen(text), &scanned, &lines);
}

static void a_head_ends_with_a_blank_line(void **state)
{
	assert_int_equal(end_of("GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), 24);
	assert_int_equal(end_of("GET / HTTP/1.1\r\nA: b\r\n\r"), 0);
	assert_int_equal(end_of("GET / HTTP/1.1"), 0);
	assert_int_equal(end_of(""), 0);
	assert_int_equal(end_of("GET / HTTP/1.1\n\n"), -EBADMSG);
	assert_int_equal(end_of("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), -EBADMSG);
	assert_int_equal(end_of("GET / HTTP/1.1\r\n\tA: b\r\n\r\n"), -EBADMSG);
}

static void the_end_of_a_head_is_found_however_it_comes(void **state)
{
	static const char whole[] = "GET / HTTP/1.1\r\nA: b\r\nC:\r\n\r\n";
	static const char folded[] = "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n";

	for (size_t step = 1; step < sizeof(whole); step++) {
		size_t scanned = 0, length = 0;
		uint32_t lines = 0;
		int64_t end = 0;

		while (end == 0 && length < sizeof(whole) - 1) {
			length = length + step < sizeof(whole) - 1 ? length + step
								   : sizeof(whole) - 1;
			end = head_find_end(whole, length, &scanned, &lines);
		}
		assert_int_equal(end, sizeof(whole) - 1);
		assert_int_equal(lines, 4);
		scanned = length = lines = 0;
		for (end = 0; end == 0 && length < sizeof(folded) - 1;) {
			length = length + step < sizeof(folded) - 1 ? length + step
								    : sizeof(folded) - 1;
			end = head_find_end(folded, length, &scanned, &lines);
		}
		assert_int_equal(end, -EBADMSG);
	}
}

/* Reads a head that lies in memory of exactly its size. */
static uint32_t parse(const char *text, struct head *ret_head, struct http_header headers[LINES],
		      char room[HEAD_BYTES])
{
	size_t length = strlen(text);

	assert_true(length < HEAD_BYTES);
	memcpy(room, text, length + 1);
	return head_parse(room, length, headers, ret_head);
}

static void a_head_is_taken_apart(void **state)
{
	struct http_header headers[LINES];
	char room[HEAD_BYTES];
	struct head head;

	assert_int_equal(
		parse("POST /v1/traces?a=b HTTP/1.1\r\nHost: x\r\nContent-LENGTH:  42  \r\n"
		      "Empty:\r\nExpect: 100-Continue\r\nX-Mine: a b\tc\r\n\r\n",
		      &head, headers, room),
		0);
	assert_string_equal(head.method, "POST");
	assert_string_equal(head.target, "/v1/traces?a=b");
	assert_int_equal(head.content_length, 42);
	assert_true(head.keep_alive && head.expects && !head.is_chunked && !head.is_old);
	assert_int_equal(head.header_count, 5);
	assert_string_equal(headers[1].name, "content-length");
	assert_string_equal(headers[1].value, "42");
	assert_string_equal(headers[2].value, "");
	assert_string_equal(headers[4].name, "x-mine");
	assert_string_equal(headers[4].value, "a b\tc");
}

static void heads_say_whether_the_connection_stays(void **state)
{
	struct http_header headers[LINES];
	char room[HEAD_BYTES];
	struct head head;

	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &head, headers, room), 0);
	assert_true(head.is_old && !head.keep_alive);
	assert_int_equal(
		parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &head, headers, room), 0);
	assert_true(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &head,
			       headers, room),
			 0);
	assert_false(head.keep_alive);
	assert_int_equal(parse("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", &head, headers, room), 0);
	assert_true(head.is_tunnel && !head.keep_alive);
	assert_int_equal(
		parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		      &head, headers, room),
		0);
	assert_true(head.keep_alive && head.content_length == -1);
}

static void heads_that_could_be_read_in_two_ways_are_refused(void **state)
{
	static const struct {
		const char *text;
		uint32_t status;
	} wrong[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400 },
		{ "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505 },
		{ "GET /\r\n\r\n", 505 },
		{ "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nA\"b: c\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", 417 },
	};
	struct http_header headers[LINES];
	char room[HEAD_BYTES];
	struct head head;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i].text, &head, headers, room), wrong[i].status);
}

/* ---- chunks ------------------------------------------------------------------------------ */

struct taken {
	char text[64];
	size_t length, limit;
};

static int take(void *context, const void *data, size_t length)
{
	struct taken *taken = context;

	if (taken->length + length > taken->limit)
		return -ENOSPC;
	memcpy(taken->text + taken->length, data, length);
	taken->length += length;
	return 0;
}

static void chunks_are_a_body_however_they_come(void **state)
{
	static const char text[] =
		"3;x=\"y\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nnext";
	size_t whole = sizeof(text) - 1 - strlen("next");

	for (size_t step = 1; step < sizeof(text); step++) {
		struct taken taken = { .limit = sizeof(taken.text) };
		struct chunks *chunks = chunks_create();
		size_t at = 0;

		while (!chunks_are_over(chunks)) {
			size_t length = sizeof(text) - 1 - at < step ? sizeof(text) - 1 - at : step;
			int64_t used = chunks_feed(chunks, text + at, length, take, &taken);

			assert_true(used > 0);
			at += (size_t)used;
		}
		assert_int_equal(at, whole);
		assert_int_equal(taken.length, 13);
		assert_memory_equal(taken.text, "abc0123456789", 13);
		assert_int_equal(chunks_feed(chunks, "x", 1, take, &taken), 0);
		chunks_release(chunks);
	}
}

static void chunks_that_are_none_or_are_not_wanted_end(void **state)
{
	static const char *const wrong[] = {
		"\r\n", "x\r\n", "-1\r\n", "1\r\nab\r\n", "fffffffffffffffff\r\n", "1\n\rab"
	};
	struct taken taken = { .limit = 4 };
	struct chunks *chunks;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		taken.length = 0;
		chunks = chunks_create();
		assert_int_equal(chunks_feed(chunks, wrong[i], strlen(wrong[i]), take, &taken),
				 -EBADMSG);
		chunks_release(chunks);
	}
	taken.length = 0;
	chunks = chunks_create();
	assert_int_equal(chunks_feed(chunks, "5\r\nabcde", 8, take, &taken), -ECANCELED);
	chunks_release(chunks);
}

/* ---- paces ------------------------------------------------------------------------------- */

static void what_stands_still_or_dribbles_is_slow(void **state)
{
	const struct http_limits limits = { .stall_ns = 1000000000, .least_rate = 1000 };
	struct pace pace;

	pace_begin(&pace, 0);
	assert_false(pace_is_slow(&pace, &limits, 1000000000));
	assert_true(pace_is_slow(&pace, &limits, 1000000001));
	pace_move(&pace, 900000000, 1);
	assert_false(pace_is_slow(&pace, &limits, 1000000000));
	assert_true(pace_is_slow(&pace, &limits, 1100000000));
	pace_move(&pace, 1100000000, 1999);
	assert_false(pace_is_slow(&pace, &limits, 2000000000));
	assert_true(pace_is_slow(&pace, &limits, 2000000001));
}

/* ---- a server ---------------------------------------------------------------------------- */

struct keeper {
	struct http_server *server;
	struct http_request *kept; /* without an answer */
	bool later;                /* it is kept before it is read */
	bool is_whole;
	uint32_t ended;
};

static int keeper_head(void *data, struct http_request *request)
{
	struct keeper *keeper = data;

	if (!keeper->later)
		return 0;
	keeper->kept = request;
	return HTTP_LATER;
}

static void keeper_complete(void *data, struct http_request *request)
{
	((struct keeper *)data)->kept = request;
	((struct keeper *)data)->is_whole = true;
}

static void keeper_end(void *data, struct http_request *request)
{
	((struct keeper *)data)->ended++;
}

static int keeper_start(struct sonde_instance *instance)
{
	static const struct http_handler handler = { .head = keeper_head,
						     .complete = keeper_complete,
						     .end = keeper_end };
	struct keeper *keeper = instance->self;
	char error[256];
	int result = http_server_create(instance, "127.0.0.1:0", false, NULL, NULL, &handler,
					keeper, 7, &keeper->server, error, sizeof(error));

	return result < 0 ? sonde_fail(instance, -result, "%s", error) : 0;
}

static void keeper_stop(struct sonde_instance *instance)
{
	struct keeper *keeper = instance->self;

	http_server_release(keeper->server);
	keeper->server = NULL;
}

static int keeper_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct keeper *keeper = instance->self;

	assert_true(http_server_ready(keeper->server, fd, events));
	assert_false(http_server_ready(keeper->server, fd + 1000, events));
	return 0;
}

static int keeper_timer(struct sonde_instance *instance, int timer)
{
	struct keeper *keeper = instance->self;

	assert_false(http_server_timer(keeper->server, timer + 1));
	assert_true(http_server_timer(keeper->server, timer));
	return 0;
}

static const struct sonde_plugin keeper_plugin = {
	SONDE_PLUGIN_INPUT,           .name = "keeper",
	.summary = "keeps a request", .self_size = sizeof(struct keeper),
	.start = keeper_start,        .stop = keeper_stop,
	.ready = keeper_ready,        .timer = keeper_timer,
};

SONDE_EXPORT(keeper_plugin)

/* A client that has sent a request, which has arrived. */
static int client_ask(struct sonde_test *test, struct keeper *keeper)
{
	static const char text[] = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(connection_create(keeper->server, pair[0], "test"), 0);
	assert_int_equal(send(pair[1], text, sizeof(text) - 1, 0), (ssize_t)sizeof(text) - 1);
	while (!keeper->kept)
		assert_true(sonde_test_poll(test, 10000) > 0);
	return pair[1];
}

static void a_request_is_answered_later_and_then_ends(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct keeper *keeper;
	char answer[256] = "";
	int client;

	assert_int_equal(sonde_test_start(test), 0);
	keeper = sonde_test_instance(test)->self;
	client = client_ask(test, keeper);
	assert_string_equal(keeper->kept->peer, "test");
	assert_memory_equal(keeper->kept->body, "hi", 2);
	assert_false(http_server_is_idle(keeper->server));
	http_server_drain(keeper->server);
	assert_false(http_server_is_idle(keeper->server));
	http_answer(keeper->kept, &(struct http_answer){ .status = 202 });
	assert_int_equal(keeper->ended, 1);
	assert_true(http_server_is_idle(keeper->server));
	assert_true(recv(client, answer, sizeof(answer) - 1, 0) > 0);
	assert_non_null(strstr(answer, "HTTP/1.1 202 Accepted\r\n"));
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	close(client);
	sonde_test_release(test);
}

static void a_request_whose_client_is_gone_ends_when_it_is_answered(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct keeper *keeper;

	assert_int_equal(sonde_test_start(test), 0);
	keeper = sonde_test_instance(test)->self;
	close(client_ask(test, keeper));
	http_answer(keeper->kept, &(struct http_answer){ .status = 200 });
	for (int i = 0; i < 10 && !keeper->ended; i++)
		assert_true(sonde_test_poll(test, 10000) > 0);
	assert_int_equal(keeper->ended, 1);
	assert_null(keeper->server->connections);
	sonde_test_release(test);
}

static void what_is_open_ends_with_the_server(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct keeper *keeper, before;
	int client;

	assert_int_equal(sonde_test_start(test), 0);
	keeper = sonde_test_instance(test)->self;
	client = client_ask(test, keeper);
	before = *keeper;
	assert_int_equal(before.ended, 0);
	assert_true(sonde_test_advance(test, SONDE_TEST_SECOND) > 0);
	keeper_stop(sonde_test_instance(test));
	assert_int_equal(keeper->ended, 1);
	close(client);
	sonde_test_release(test);
}

static void a_request_that_is_put_off_is_read_when_it_is_admitted(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct keeper *keeper;
	int client;

	assert_int_equal(sonde_test_start(test), 0);
	keeper = sonde_test_instance(test)->self;
	keeper->later = true;
	client = client_ask(test, keeper);
	for (int i = 0; i < 10 && sonde_test_poll(test, 0) > 0; i++)
		;
	assert_false(keeper->is_whole);
	assert_int_equal(keeper->kept->body_length, 0);
	http_admit(keeper->kept);
	while (!keeper->is_whole)
		assert_true(sonde_test_poll(test, 10000) > 0);
	assert_memory_equal(keeper->kept->body, "hi", 2);
	http_answer(keeper->kept, &(struct http_answer){ .status = 200 });
	assert_int_equal(keeper->ended, 1);
	close(client);
	sonde_test_release(test);
}

static void what_is_put_off_ends_with_the_server(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct keeper *keeper;
	int client;

	assert_int_equal(sonde_test_start(test), 0);
	keeper = sonde_test_instance(test)->self;
	keeper->later = true;
	client = client_ask(test, keeper);
	assert_int_equal(keeper->ended, 0);
	keeper_stop(sonde_test_instance(test));
	assert_int_equal(keeper->ended, 1);
	assert_false(keeper->is_whole);
	close(client);
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_a_host_and_a_port_or_a_path),
		cmocka_unit_test(what_is_no_address_is_refused_with_one_that_is),
		cmocka_unit_test(
			a_socket_that_nobody_listens_at_is_taken_out_of_the_way_and_no_other_file),
		cmocka_unit_test(a_head_ends_with_a_blank_line),
		cmocka_unit_test(the_end_of_a_head_is_found_however_it_comes),
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(heads_say_whether_the_connection_stays),
		cmocka_unit_test(heads_that_could_be_read_in_two_ways_are_refused),
		cmocka_unit_test(chunks_are_a_body_however_they_come),
		cmocka_unit_test(chunks_that_are_none_or_are_not_wanted_end),
		cmocka_unit_test(what_stands_still_or_dribbles_is_slow),
		cmocka_unit_test(a_request_is_answered_later_and_then_ends),
		cmocka_unit_test(a_request_whose_client_is_gone_ends_when_it_is_answered),
		cmocka_unit_test(what_is_open_ends_with_the_server),
		cmocka_unit_test(a_request_that_is_put_off_is_read_when_it_is_admitted),
		cmocka_unit_test(what_is_put_off_ends_with_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

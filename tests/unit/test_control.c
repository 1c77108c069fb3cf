// SPDX-License-Identifier: Apache-2.0
/* What core/control.h promises of the daemon's side. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "control_server.h"
#include "descriptors.h"

/* ---- requests ---------------------------------------------------------------------------- */

static void words_go_there_and_a_text_with_a_code_comes_back(void **state)
{
	const char *const words[] = { "refuse", "", "with spaces" };
	struct server server;
	uint16_t code;
	size_t length;
	char *reply;

	open_server(&server);
	assert_serves(&server);
	assert_int_equal(control_ask(server.path, words, 3, &code, &reply, &length), 0);
	assert_int_equal(code, 4);
	assert_string_equal(reply, "[refuse][][with spaces]");
	free(reply);
	close_server(&server);
}

static void a_connection_that_is_taken_over_may_be_sent_several_messages(void **state)
{
	static const struct {
		uint16_t code;
		const char *text;
	} messages[] = { { CONTROL_ROWS, "one" }, { 5, "two" } };
	const char *const words[] = { "take" };
	struct server server;
	size_t length;
	uint16_t code;
	char *text;
	int fd;

	open_server(&server);
	assert_int_equal(control_begin(server.path, words, 1, 10ll * NS_PER_SECOND, &fd), 0);
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		assert_int_equal(control_receive(fd, &code, &text, &length), 0);
		assert_int_equal(code, messages[i].code);
		assert_int_equal(length, 3);
		assert_string_equal(text, messages[i].text);
		free(text);
	}
	assert_int_equal(control_receive(fd, &code, &text, &length), -EPROTO);
	close(fd);
	assert_serves(&server);
	close_server(&server);
}

static void a_large_reply_arrives_whole(void **state)
{
	const char *const words[] = { "large" };
	struct server server;
	uint16_t code;
	size_t length;
	char *reply;

	open_server(&server);
	assert_int_equal(control_ask(server.path, words, 1, &code, &reply, &length), 0);
	assert_int_equal(length, LARGE_REPLY);
	for (size_t i = 0; i < LARGE_REPLY / 16; i += 997)
		assert_int_equal(atoi(reply + 16 * i), i);
	free(reply);
	close_server(&server);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	struct request request = request_of("one\0two", 8);
	struct server server;
	char text[256];
	int fd;

	open_server(&server);
	fd = client(&server);
	for (size_t i = 0; i < sizeof(struct header) + 8; i++) {
		say(fd, (char *)&request + i, 1);
		clock_sleep_ns(NS_PER_MS / 10);
	}
	assert_int_equal(reply_code(fd, text, sizeof(text)), 0);
	assert_string_equal(text, "[one][two]");
	close(fd);
	close_server(&server);
}

static void assert_not_answered(struct request request, size_t length)
{
	struct server server;
	char text[256];

	open_server(&server);
	assert_int_equal(code_for(&server, &request, length, text), -1);
	assert_int_equal(__atomic_load_n(&server.answers, __ATOMIC_ACQUIRE), 0);
	assert_serves(&server);
	close_server(&server);
}

static void a_request_with_another_magic_is_not_answered(void **state)
{
	struct request request = request_of("status", 7);

	request.header.magic[7] = '!';
	assert_not_answered(request, sizeof(struct header) + 7);
}

static void a_request_of_another_version_is_not_answered(void **state)
{
	struct request request = request_of("status", 7);

	request.header.version = CONTROL_VERSION + 1;
	assert_not_answered(request, sizeof(struct header) + 7);
}

static void a_request_beyond_the_limit_is_not_answered(void **state)
{
	struct request request = request_of("", 0);

	request.header.length = CONTROL_REQUEST_LIMIT + 1;
	assert_not_answered(request, sizeof(struct header));
	request.header.length = UINT32_MAX;
	assert_not_answered(request, sizeof(struct header));
}

static void a_request_without_words_is_not_answered(void **state)
{
	assert_not_answered(request_of("", 0), sizeof(struct header));
}

static void a_request_that_ends_early_disturbs_nobody(void **state)
{
	struct request request = request_of("status", 7);
	struct server server;

	open_server(&server);
	for (size_t length = 0; length < sizeof(struct header) + 7; length += 5) {
		int fd = client(&server);

		if (length)
			say(fd, &request, length);
		close(fd);
	}
	assert_serves(&server);
	assert_int_equal(__atomic_load_n(&server.answers, __ATOMIC_ACQUIRE), 1);
	close_server(&server);
}

static void a_request_of_the_largest_size_is_answered(void **state)
{
	size_t length = CONTROL_REQUEST_LIMIT;
	char *bytes = malloc(sizeof(struct header) + length);
	struct header header = header_of((uint32_t)length);
	struct server server;
	struct pollfd ready;

	open_server(&server);
	memcpy(bytes, &header, sizeof(header));
	memset(bytes + sizeof(header), 'x', length - 1);
	bytes[sizeof(header) + length - 1] = '\0';
	ready = (struct pollfd){ .fd = client(&server), .events = POLLIN };
	say(ready.fd, bytes, sizeof(header) + length);
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_int_equal(recv(ready.fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
	assert_int_equal(header.code, 0);
	assert_int_equal(header.length, length + 1); /* the word in brackets */
	close(ready.fd);
	free(bytes);
	close_server(&server);
}

static void words_without_a_final_zero_are_a_mistake_of_the_sender(void **state)
{
	struct request request = request_of("status", 6);
	struct server server;
	char text[256];

	open_server(&server);
	assert_int_equal(code_for(&server, &request, sizeof(struct header) + 6, text), 2);
	assert_int_equal(__atomic_load_n(&server.answers, __ATOMIC_ACQUIRE), 0);
	close_server(&server);
}

static void more_words_than_the_limit_are_a_mistake_of_the_sender(void **state)
{
	struct request request = request_of("", 0);
	struct server server;
	char text[256];

	open_server(&server);
	request.header.length = CONTROL_WORD_LIMIT; /* empty words */
	assert_int_equal(
		code_for(&server, &request, sizeof(struct header) + CONTROL_WORD_LIMIT, text), 0);
	request.header.length = CONTROL_WORD_LIMIT + 1;
	assert_int_equal(
		code_for(&server, &request, sizeof(struct header) + CONTROL_WORD_LIMIT + 1, text),
		2);
	close_server(&server);
}

static void words_are_split_in_place(void **state)
{
	char payload[] = "one\0\0three";
	char *words[CONTROL_WORD_LIMIT];
	uint32_t count = 0;

	assert_int_equal(control_split(payload, sizeof(payload), words, &count), 0);
	assert_int_equal(count, 3);
	assert_ptr_equal(words[0], payload);
	assert_string_equal(words[1], "");
	assert_string_equal(words[2], "three");
	assert_int_equal(control_split(payload, 0, words, &count), -EBADMSG);
	assert_int_equal(control_split(payload, 3, words, &count), -EBADMSG);
}

/* ---- many and slow clients --------------------------------------------------------------- */

static bool is_closed(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&ready, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Waits for the other side to hang up. */
static bool gets_closed(int fd)
{
	for (int i = 0; i < 10000 && !is_closed(fd); i++)
		clock_sleep_ns(NS_PER_MS);
	return is_closed(fd);
}

static void one_client_more_than_the_limit_is_turned_away_until_another_leaves(void **state)
{
	int fds[CONTROL_CLIENT_LIMIT], one_more;
	struct server server;

	open_server(&server);
	for (int i = 0; i < CONTROL_CLIENT_LIMIT; i++)
		fds[i] = client(&server);
	one_more = client(&server);
	assert_true(gets_closed(one_more));
	for (int i = 0; i < CONTROL_CLIENT_LIMIT; i++)
		assert_false(is_closed(fds[i]));
	close(one_more);
	close(fds[3]);
	clock_sleep_ns(20 * NS_PER_MS);
	assert_serves(&server);
	for (int i = 0; i < CONTROL_CLIENT_LIMIT; i++) {
		if (i != 3)
			close(fds[i]);
	}
	close_server(&server);
}

static void limit_time(void *data)
{
	control_limit_time(((struct server *)data)->control, 50 * NS_PER_MS);
}

static void a_client_that_does_not_finish_its_request_is_cut_off_after_its_time(void **state)
{
	struct request request = request_of("status", 7);
	struct server server;
	int fd;

	open_server(&server);
	assert_int_equal(loop_call(server.loop, limit_time, &server, NS_PER_SECOND), 0);
	fd = client(&server);
	say(fd, &request, sizeof(struct header) + 3);
	assert_true(gets_closed(fd));
	close(fd);
	assert_serves(&server);
	close_server(&server);
}

static void a_client_that_does_not_read_its_reply_is_cut_off_after_its_time(void **state)
{
	struct request request = request_of("large", 6);
	struct pollfd hangup = { .events = POLLRDHUP };
	struct server server;
	ssize_t count;
	size_t length = 0;
	char buffer[65536];
	int fd;

	open_server(&server);
	assert_int_equal(loop_call(server.loop, limit_time, &server, NS_PER_SECOND), 0);
	fd = client(&server);
	say(fd, &request, sizeof(struct header) + 6);
	assert_true(wait_for(&server.answers, 1));
	hangup.fd = fd;
	assert_int_equal(poll(&hangup, 1, 10000), 1);
	assert_serves(&server);
	while ((count = recv(fd, buffer, sizeof(buffer), 0)) > 0)
		length += (size_t)count;
	assert_true(length < LARGE_REPLY);
	close(fd);
	close_server(&server);
}

static void a_client_that_hangs_up_amid_its_reply_disturbs_nobody(void **state)
{
	struct request request = request_of("large", 6);
	struct server server;
	char byte;
	int fd;

	open_server(&server);
	fd = client(&server);
	say(fd, &request, sizeof(struct header) + 6);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	close(fd);
	assert_serves(&server);
	close_server(&server);
}

static void a_client_is_served_late_but_keeps_nobody_busy_while_there_are_no_fds(void **state)
{
	struct rlimit before, none = { 0 };
	struct server server;
	uint64_t turns;
	int fd;

	open_server(&server);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	connect_to(&server, fd);
	turns = loop_turn_count(server.loop);
	clock_sleep_ns(200 * NS_PER_MS);
	turns = loop_turn_count(server.loop) - turns;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(turns < 20);
	assert_serves(&server);
	close(fd);
	close_server(&server);
}

/* On the thread that lends it. */
static void keep_an_fd(void *data)
{
	*(int *)data = descriptors_open();
}

static void a_client_is_served_at_once_where_an_fd_is_kept_for_it(void **state)
{
	struct request request = request_of("status", 7);
	struct rlimit before, none;
	struct server server;
	uint64_t refused;
	char text[256];
	int fd, other, result = -1;

	open_server(&server);
	assert_int_equal(loop_call(server.loop, keep_an_fd, &result, NS_PER_SECOND), 0);
	assert_int_equal(result, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	refused = descriptors_refused();
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)other + 1, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 2; i++) { /* one after the other */
		int at = i ? other : fd;

		connect_to(&server, at);
		say(at, &request, sizeof(struct header) + 7);
		assert_int_equal(reply_code(at, text, sizeof(text)), 0);
		assert_string_equal(text, "[status]");
	}
	assert_int_equal(descriptors_refused(), refused + 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(fd);
	close(other);
	close_server(&server);
}

static void clients_are_let_go_with_the_daemon(void **state)
{
	struct server server;
	int fd;

	open_server(&server);
	fd = client(&server);
	assert_serves(&server); /* so it was accepted */
	close_server(&server);
	assert_true(is_closed(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_there_and_a_text_with_a_code_comes_back),
		cmocka_unit_test(a_connection_that_is_taken_over_may_be_sent_several_messages),
		cmocka_unit_test(a_large_reply_arrives_whole),
		cmocka_unit_test(a_request_may_come_byte_by_byte),
		cmocka_unit_test(a_request_with_another_magic_is_not_answered),
		cmocka_unit_test(a_request_of_another_version_is_not_answered),
		cmocka_unit_test(a_request_beyond_the_limit_is_not_answered),
		cmocka_unit_test(a_request_without_words_is_not_answered),
		cmocka_unit_test(a_request_that_ends_early_disturbs_nobody),
		cmocka_unit_test(a_request_of_the_largest_size_is_answered),
		cmocka_unit_test(words_without_a_final_zero_are_a_mistake_of_the_sender),
		cmocka_unit_test(more_words_than_the_limit_are_a_mistake_of_the_sender),
		cmocka_unit_test(words_are_split_in_place),
		cmocka_unit_test(
			one_client_more_than_the_limit_is_turned_away_until_another_leaves),
		cmocka_unit_test(
			a_client_that_does_not_finish_its_request_is_cut_off_after_its_time),
		cmocka_unit_test(a_client_that_does_not_read_its_reply_is_cut_off_after_its_time),
		cmocka_unit_test(a_client_that_hangs_up_amid_its_reply_disturbs_nobody),
		cmocka_unit_test(
			a_client_is_served_late_but_keeps_nobody_busy_while_there_are_no_fds),
		cmocka_unit_test(a_client_is_served_at_once_where_an_fd_is_kept_for_it),
		cmocka_unit_test(clients_are_let_go_with_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

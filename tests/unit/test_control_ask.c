// SPDX-License-Identifier: Apache-2.0
/* What core/control.h promises of the socket and of those who ask. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <grp.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "control_server.h"

/* ---- the socket -------------------------------------------------------------------------- */

static void the_socket_is_for_its_owner_and_group_whatever_the_umask_says(void **state)
{
	mode_t before = umask(0);
	struct server server;
	struct stat status;

	open_server(&server);
	assert_int_equal(umask(before), 0); /* put back */
	assert_int_equal(lstat(server.path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0660);
	close_server(&server);
}

static void a_socket_that_a_daemon_left_behind_is_replaced(void **state)
{
	struct server server;
	struct control *control = NULL;
	struct loop *loop = loop_create("second");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(server.directory, sizeof(server.directory), "/tmp/sonde-control-XXXXXX");
	assert_non_null(mkdtemp(server.directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stale", server.directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* and not removed */
	assert_int_equal(control_listen(loop, address.sun_path, answer, &server, &control), 0);
	control_close(control);
	loop_release(loop);
	rmdir(server.directory);
}

static void a_socket_on_which_a_daemon_answers_is_left_alone(void **state)
{
	struct loop *loop = loop_create("second");
	struct control *control = NULL;
	struct server server;

	open_server(&server);
	assert_int_equal(control_listen(loop, server.path, answer, &server, &control), -EADDRINUSE);
	assert_null(control);
	assert_serves(&server);
	loop_release(loop);
	close_server(&server);
}

static void a_socket_whose_daemon_is_too_busy_to_answer_is_left_alone(void **state)
{
	struct loop *loop = loop_create("second"), *hung = loop_create("hung");
	struct control *first = NULL, *second = NULL;
	struct server server = { .directory = "/tmp/sonde-control-XXXXXX" };
	int fds[2 * CONTROL_CLIENT_LIMIT], count = 0;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_non_null(mkdtemp(server.directory));
	snprintf(server.path, sizeof(server.path), "%s/control.sock", server.directory);
	memcpy(address.sun_path, server.path, sizeof(server.path));
	assert_int_equal(control_listen(hung, server.path, answer, &server, &first), 0);
	while (count < 2 * CONTROL_CLIENT_LIMIT) { /* its loop never runs: the backlog fills */
		fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fds[count++], (struct sockaddr *)&address, sizeof(address)))
			break;
	}
	assert_int_equal(control_listen(loop, server.path, answer, &server, &second), -EADDRINUSE);
	while (count--)
		close(fds[count]);
	control_close(first);
	loop_release(hung);
	loop_release(loop);
	rmdir(server.directory);
}

static void a_file_in_the_place_of_the_socket_is_left_alone(void **state)
{
	struct loop *loop = loop_create("second");
	struct control *control = NULL;
	char path[] = "/tmp/sonde-control-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(control_listen(loop, path, answer, NULL, &control), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	close(fd);
	loop_release(loop);
}

static void a_path_beyond_what_an_address_takes_is_refused(void **state)
{
	const char *const words[] = { "status" };
	struct loop *loop = loop_create("long");
	struct control *control = NULL;
	char path[200];
	uint16_t code;
	size_t length;
	char *reply;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_listen(loop, path, answer, NULL, &control), -ENAMETOOLONG);
	assert_int_equal(control_ask(path, words, 1, &code, &reply, &length), -ENAMETOOLONG);
	loop_release(loop);
}

/* ---- asking ------------------------------------------------------------------------------ */

static void where_no_daemon_runs_asking_says_so(void **state)
{
	const char *const words[] = { "status" };
	char directory[] = "/tmp/sonde-control-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t code;
	size_t length;
	char *reply;

	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/none", directory);
	assert_int_equal(control_ask(address.sun_path, words, 1, &code, &reply, &length), -ENOENT);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(control_ask(address.sun_path, words, 1, &code, &reply, &length),
			 -ECONNREFUSED);
	unlink(address.sun_path);
	rmdir(directory);
}

static void whoever_is_not_of_the_group_may_not_ask(void **state)
{
	const char *const words[] = { "status" };
	struct server server;
	int status;
	pid_t child;

	if (geteuid()) {
		print_message("only root can become somebody else\n");
		skip();
	}
	open_server(&server);
	assert_int_equal(chmod(server.directory, 0755), 0);
	child = fork();
	if (!child) {
		uint16_t code;
		size_t length;
		char *reply;

		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			_exit(1);
		_exit(control_ask(server.path, words, 1, &code, &reply, &length) == -EACCES ? 0
											    : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_server(&server);
}

static void a_daemon_that_is_too_busy_hangs_up(void **state)
{
	char *word = malloc(CONTROL_REQUEST_LIMIT);
	const char *const words[] = { word };
	int fds[CONTROL_CLIENT_LIMIT];
	struct server server;
	uint16_t code;
	size_t length;
	char *reply;

	open_server(&server);
	for (int i = 0; i < CONTROL_CLIENT_LIMIT; i++)
		fds[i] = client(&server);
	memset(word, 'x', CONTROL_REQUEST_LIMIT - 1);
	word[CONTROL_REQUEST_LIMIT - 1] = '\0';
	for (int i = 0; i < 50; i++) /* it may hang up before, amid and after the request */
		assert_int_equal(control_ask(server.path, words, 1, &code, &reply, &length),
				 -EPROTO);
	for (int i = 0; i < CONTROL_CLIENT_LIMIT; i++)
		close(fds[i]);
	free(word);
	close_server(&server);
}

static void a_request_that_is_too_large_is_not_sent(void **state)
{
	char *word = malloc(CONTROL_REQUEST_LIMIT + 1);
	const char *words[] = { word };
	struct server server;
	uint16_t code;
	size_t length;
	char *reply;

	open_server(&server);
	memset(word, 'x', CONTROL_REQUEST_LIMIT);
	word[CONTROL_REQUEST_LIMIT] = '\0';
	assert_int_equal(control_ask(server.path, words, 1, &code, &reply, &length), -EMSGSIZE);
	assert_int_equal(__atomic_load_n(&server.answers, __ATOMIC_ACQUIRE), 0);
	free(word);
	close_server(&server);
}

/* Something that is not a daemon of ours: reads a request and says `bytes`. */
static int ask_stranger(const void *bytes, size_t size)
{
	const char *const words[] = { "status" };
	char directory[] = "/tmp/sonde-control-XXXXXX", buffer[256];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer, result, status;
	uint16_t code;
	size_t length;
	char *reply;
	pid_t child;

	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stranger", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	child = fork();
	if (!child) {
		peer = accept(fd, NULL, NULL);
		if (recv(peer, buffer, sizeof(struct header) + 7, MSG_WAITALL) < 0 ||
		    (size && send(peer, bytes, size, MSG_NOSIGNAL) < 0))
			_exit(1);
		_exit(0);
	}
	close(fd);
	result = control_ask(address.sun_path, words, 1, &code, &reply, &length);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	unlink(address.sun_path);
	rmdir(directory);
	return result;
}

static void an_answer_of_a_stranger_is_no_answer(void **state)
{
	struct header header = header_of(0);

	assert_int_equal(ask_stranger("", 0), -EPROTO);
	assert_int_equal(ask_stranger("HTTP/1.1 400 Bad Request", 24), -EPROTO);
	header.version = CONTROL_VERSION + 1;
	assert_int_equal(ask_stranger(&header, sizeof(header)), -EPROTO);
	header = header_of(CONTROL_REPLY_LIMIT + 1);
	assert_int_equal(ask_stranger(&header, sizeof(header)), -EPROTO);
	header = header_of(100); /* and then less */
	assert_int_equal(ask_stranger(&header, sizeof(header)), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_is_for_its_owner_and_group_whatever_the_umask_says),
		cmocka_unit_test(a_socket_that_a_daemon_left_behind_is_replaced),
		cmocka_unit_test(a_socket_on_which_a_daemon_answers_is_left_alone),
		cmocka_unit_test(a_socket_whose_daemon_is_too_busy_to_answer_is_left_alone),
		cmocka_unit_test(a_file_in_the_place_of_the_socket_is_left_alone),
		cmocka_unit_test(a_path_beyond_what_an_address_takes_is_refused),
		cmocka_unit_test(where_no_daemon_runs_asking_says_so),
		cmocka_unit_test(whoever_is_not_of_the_group_may_not_ask),
		cmocka_unit_test(a_daemon_that_is_too_busy_hangs_up),
		cmocka_unit_test(a_request_that_is_too_large_is_not_sent),
		cmocka_unit_test(an_answer_of_a_stranger_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

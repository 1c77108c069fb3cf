/* SPDX-License-Identifier: Apache-2.0 */
/* What core/notify.h promises, to a socket that the test reads as a service manager would. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include <sonde/plugin.h>
#include "clock.h"
#include "notify.h"
#include "secret.h"

static char directory[64], path[96], got[2048];
static int service_manager = -1;

/* Binds a socket of that name, where @ begins an abstract one, and names it to the daemon. */
static void listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	service_manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(service_manager, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) +
					  (name[0] == '/'))),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int set_up(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/sonde-notify-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int tear_down(void **state)
{
	notify_close();
	if (service_manager >= 0)
		close(service_manager);
	service_manager = -1;
	unlink(path);
	return rmdir(directory);
}

/* The next datagram; "" where there is none. */
static const char *received(void)
{
	ssize_t length = recv(service_manager, got, sizeof(got) - 1, MSG_DONTWAIT);

	got[length > 0 ? length : 0] = '\0';
	return got;
}

/* Whether one of its lines is this. */
static bool says(const char *datagram, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = datagram; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, length) && (at[length] == '\n' || !at[length]))
			return true;
	}
	return false;
}

static void ready_names_the_process(void **state)
{
	char line[32];

	listen_at(path);
	notify_open();
	notify_ready();
	snprintf(line, sizeof(line), "MAINPID=%d", (int)getpid());
	received();
	assert_true(says(got, "READY=1"));
	assert_true(says(got, line));
	assert_true(says(got, "STATUS=running"));
}

static void a_socket_that_lies_in_no_file_system_is_found_too(void **state)
{
	char name[64];

	snprintf(name, sizeof(name), "@sonde-notify-%d", (int)getpid());
	listen_at(name);
	notify_open();
	notify_ready();
	assert_true(says(received(), "READY=1"));
}

static void children_do_not_find_what_was_for_this_process(void **state)
{
	listen_at(path);
	setenv("WATCHDOG_USEC", "1000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
}

static void reloading_says_when_it_began(void **state)
{
	long long before_us = clock_monotonic_ns() / NS_PER_US, us;
	const char *at;

	listen_at(path);
	notify_open();
	notify_reloading();
	assert_true(says(received(), "RELOADING=1"));
	at = strstr(got, "MONOTONIC_USEC=");
	assert_non_null(at);
	us = atoll(at + strlen("MONOTONIC_USEC="));
	assert_true(us >= before_us && us <= clock_monotonic_ns() / NS_PER_US);
	notify_ready();
	assert_true(says(received(), "READY=1"));
}

static void stopping_asks_for_the_time_that_it_may_take(void **state)
{
	listen_at(path);
	setenv("WATCHDOG_USEC", "1000000", 1);
	notify_open();
	notify_stopping(60ll * NS_PER_SECOND);
	received();
	assert_true(says(got, "STOPPING=1"));
	assert_true(says(got, "EXTEND_TIMEOUT_USEC=70000000"));
	assert_true(says(got, "WATCHDOG_USEC=70000000"));
	notify_stopping(INT64_MAX);
	assert_true(says(received(), "STOPPING=1"));
	assert_null(strstr(got, "USEC=-"));
}

static void a_status_is_one_line_without_secrets(void **state)
{
	assert_int_equal(secret_hide("swordfish-9"), 0);
	listen_at(path);
	notify_open();
	notify_status("refused: %s\nREADY=1", "swordfish-9");
	assert_string_equal(received(), "STATUS=refused: ***\\nREADY=1");
}

static void without_a_socket_nothing_is_said(void **state)
{
	listen_at(path);
	unsetenv("NOTIFY_SOCKET");
	notify_open();
	notify_ready();
	notify_stopping(0);
	assert_string_equal(received(), "");
}

static void a_name_that_is_no_socket_is_left_alone(void **state)
{
	char longest[512];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (int i = 0; i < 3; i++) {
		setenv("NOTIFY_SOCKET", i == 0 ? "vsock:2:1234" : i == 1 ? "/" : longest, 1);
		notify_open();
		notify_ready();
		notify_close();
	}
}

/* ---- watchdog ---------------------------------------------------------------------------- */

struct listener {
	struct loop *loop;
	struct loop_fd *watch;
	uint32_t fed, wanted;     /* ends the loop after so many */
	char status[sizeof(got)]; /* that came last */
	bool end_at_status;
};

static void hear(void *data, int fd, uint32_t events)
{
	struct listener *listener = data;
	const char *text = received();

	if (says(text, "WATCHDOG=1") && ++listener->fed == listener->wanted)
		loop_end(listener->loop);
	if (!strncmp(text, "STATUS=", 7)) {
		snprintf(listener->status, sizeof(listener->status), "%s", text + 7);
		if (listener->end_at_status)
			loop_end(listener->loop);
	}
}

static void listener_open(struct listener *listener)
{
	struct loop_fd *watch = calloc(1, sizeof(*watch));

	assert_non_null(watch);
	listener->loop = loop_create("test");
	*watch = (struct loop_fd){ .run = hear, .data = listener, .fd = service_manager };
	assert_int_equal(loop_watch(listener->loop, watch, SONDE_READABLE), 0);
	listener->watch = watch;
	notify_open();
	notify_watch(listener->loop);
}

static void listener_close(struct listener *listener)
{
	notify_close();
	loop_watch_end(listener->loop, listener->watch);
	loop_release(listener->loop);
}

static void the_watchdog_is_fed_again_and_again(void **state)
{
	struct listener listener = { .wanted = 3 };

	listen_at(path);
	setenv("WATCHDOG_USEC", "20000", 1);
	listener_open(&listener);
	loop_run(listener.loop);
	assert_int_equal(listener.fed, 3);
	listener_close(&listener);
}

static void end_run(void *data)
{
	loop_end(data);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
	struct loop *loop = loop_create("test");
	struct loop_timer end = { .run = end_run, .data = loop };

	listen_at(path);
	setenv("WATCHDOG_USEC", "2000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open();
	notify_watch(loop);
	loop_timer_after(loop, &end, 50ll * NS_PER_MS);
	loop_run(loop);
	assert_string_equal(received(), "");
	loop_release(loop);
}

static void while_a_loop_is_stuck_the_watchdog_is_not_fed_and_the_status_names_it(void **state)
{
	struct listener listener = { .end_at_status = true };

	listen_at(path);
	setenv("WATCHDOG_USEC", "20000", 1);
	listener_open(&listener);
	notify_stuck("pipe main", 10ll * NS_PER_MS);
	loop_run(listener.loop);
	assert_int_equal(listener.fed, 0);
	assert_non_null(strstr(listener.status, "pipe main"));
	notify_stuck(NULL, 0); /* it came back */
	listener.end_at_status = false;
	listener.wanted = 1;
	loop_run(listener.loop);
	assert_int_equal(listener.fed, 1);
	assert_string_equal(listener.status, "running");
	listener_close(&listener);
}

static void what_is_slow_for_less_than_half_of_the_time_is_not_stuck(void **state)
{
	struct listener listener = { .wanted = 2 };

	listen_at(path);
	setenv("WATCHDOG_USEC", "20000", 1);
	listener_open(&listener);
	notify_stuck("slow", 10ll * NS_PER_MS - 1);
	loop_run(listener.loop);
	assert_int_equal(listener.fed, 2);
	assert_string_equal(listener.status, "");
	listener_close(&listener);
}

int main(void)
{
#define with_directory(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_directory(ready_names_the_process),
		with_directory(a_socket_that_lies_in_no_file_system_is_found_too),
		with_directory(children_do_not_find_what_was_for_this_process),
		with_directory(reloading_says_when_it_began),
		with_directory(stopping_asks_for_the_time_that_it_may_take),
		with_directory(a_status_is_one_line_without_secrets),
		with_directory(without_a_socket_nothing_is_said),
		with_directory(a_name_that_is_no_socket_is_left_alone),
		with_directory(the_watchdog_is_fed_again_and_again),
		with_directory(the_watchdog_of_another_process_is_not_ours),
		with_directory(
			while_a_loop_is_stuck_the_watchdog_is_not_fed_and_the_status_names_it),
		with_directory(what_is_slow_for_less_than_half_of_the_time_is_not_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

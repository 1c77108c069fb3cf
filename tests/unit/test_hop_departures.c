// SPDX-License-Identifier: Apache-2.0
/* Peers that are killed while everything is under way, and crowds that say nothing: whoever is left
 * notices, hangs at nothing, and keeps no descriptor. SONDE_DEPARTURES says how many (60). */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hop_end.h"

enum { PEERS = 4, LENGTH = 65536 };

static char *authority;

static int authority_begin(void **state)
{
	static const char *const names[] = { "region=127.0.0.1", "edge", NULL };

	(void)state;
	authority = authority_make(names);
	return 0;
}

static int authority_end(void **state)
{
	(void)state;
	authority_remove(authority);
	return 0;
}

static uint32_t departures(void)
{
	const char *text = getenv("SONDE_DEPARTURES");

	return text ? (uint32_t)atoi(text) : 60;
}

static struct hop_settings settings_of(const char *url, const char *name)
{
	struct hop_settings settings = end_settings();

	settings.send_bytes = settings.inbox_bytes = 1 << 20;
	if (hop_url_is_tls(url))
		settings.tls = end_tls(authority, name);
	return settings;
}

/* ---- the peers, processes of their own --------------------------------------------------- */

/* A peer of its own: this program again, so that nng begins there anew. */
static pid_t peer_start(const char *role, const char *url)
{
	const char *arguments[] = { "/proc/self/exe", role, url, authority, NULL };
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execv(arguments[0], (char **)arguments);
		_exit(127);
	}
	return child;
}

static void peer_kill(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Sends all it can, and throws away what comes. */
static void busy(struct end *end, struct hop_connection **connection)
{
	struct hop_event event;

	while (*connection && send_letters(*connection, 1, 'x', LENGTH) == 0)
		;
	if (!end_try(end, &event, 100 * MS_NS))
		return;
	if (event.kind == HOP_OPENED)
		*connection = event.connection;
	else if (event.kind == HOP_CLOSED)
		*connection = NULL;
	if (event.kind == HOP_CLOSED || event.kind == HOP_FAILED)
		(void)hop_dial_again(event.dialer, 10 * MS_NS);
	hop_buffer_release(event.payload);
}

static _Noreturn void peer_dial(const char *url)
{
	struct hop_connection *connection = NULL;
	struct end end;

	end_create(&end, settings_of(url, "edge"));
	(void)end_dial(&end, url);
	for (;;)
		busy(&end, &connection);
}

/* Answers each message with another. */
static _Noreturn void peer_listen(const char *url)
{
	struct hop_event event;
	char again[160];
	struct end end;

	end_create(&end, settings_of(url, "region"));
	end_listen(&end, url, again, sizeof(again));
	for (;;) {
		if (!end_try(&end, &event, 1000 * MS_NS))
			continue;
		if (event.kind == HOP_MESSAGE)
			(void)send_letters(event.connection, 1, 'y', LENGTH);
		hop_buffer_release(event.payload);
	}
}

/* ---- departures -------------------------------------------------------------------------- */

/* Answers what comes, until so many connections have opened, spoken and closed as are asked for. */
static void serve(struct end *end, uint32_t opened, uint32_t spoken, uint32_t closed)
{
	uint32_t messages = 0;

	while (opened || closed || messages < spoken) {
		struct hop_event event;

		if (!end_try(end, &event, 20000 * MS_NS))
			fail_msg("%u to open and %u to close, and nothing happens", opened, closed);
		if (event.kind == HOP_OPENED && opened)
			opened--;
		else if (event.kind == HOP_CLOSED && closed)
			closed--;
		messages += event.kind == HOP_MESSAGE;
		if (event.kind == HOP_MESSAGE)
			(void)send_letters(event.connection, 1, 'y', LENGTH);
		hop_buffer_release(event.payload);
	}
}

static void dialers_depart(const char *url)
{
	struct end listener;
	struct hop_counts counts;
	pid_t peers[PEERS];
	uint32_t before;
	char dialed[160];

	end_create(&listener, settings_of(url, "region"));
	end_listen(&listener, url, dialed, sizeof(dialed));
	before = open_files();
	for (uint32_t gone = 0; gone < departures(); gone += PEERS) {
		for (int i = 0; i < PEERS; i++)
			peers[i] = peer_start("dial", dialed);
		serve(&listener, PEERS, 8 * PEERS, 0);
		for (int i = 0; i < PEERS; i++)
			peer_kill(peers[i]);
		serve(&listener, 0, 0, PEERS);
	}
	for (int waits = 0; hop_unburied() > 1 && waits < 2000; waits++)
		(void)usleep(10000);
	assert_int_equal(hop_unburied(), 1); /* the listener */
	open_files_return_to(before);
	hop_counts(listener.hop, &counts);
	assert_int_equal(counts.open, 0);
	assert_int_equal(counts.half_open, 0);
	assert_int_equal(counts.received_bytes, 0);
	end_stop(&listener);
}

/* Of all dialers, until each has seen its connection open or close. */
static void dialers_see(struct end *dialer, enum hop_event_kind kind, uint32_t count)
{
	while (count) {
		struct hop_event event;

		if (!end_try(dialer, &event, 20000 * MS_NS))
			fail_msg("%u to see an event of kind %d, and nothing happens", count, kind);
		count -= event.kind == kind;
		if (event.kind == HOP_OPENED)
			hop_set_data(event.connection, NULL);
		if (event.kind == HOP_OPENED || event.kind == HOP_WRITABLE ||
		    event.kind == HOP_MESSAGE)
			while (send_letters(event.connection, 1, 'x', LENGTH) == 0)
				;
		if (event.kind == HOP_CLOSED || event.kind == HOP_FAILED)
			assert_int_equal(hop_dial_again(event.dialer, 20 * MS_NS), 0);
		hop_buffer_release(event.payload);
	}
}

/* A port that nobody listens at, below those that the kernel gives to connections: one of these
 * could be a dialer's own. */
static void port_find(const char *url, char *ret_url, size_t size)
{
	struct end probe;
	char error[256];
	int port = 10000 + (int)getpid() % 20000;

	end_create(&probe, settings_of(url, "region"));
	do
		(void)snprintf(ret_url, size, "%s%d", url, ++port);
	while (hop_listen(probe.hop, ret_url, error, sizeof(error)) < 0);
	end_stop(&probe);
}

static void listeners_depart(const char *url)
{
	char dialed[160];
	struct end dialer;
	uint32_t before;

	port_find(url, dialed, sizeof(dialed));
	end_create(&dialer, settings_of(url, "edge"));
	before = open_files();
	for (int i = 0; i < PEERS; i++)
		(void)end_dial(&dialer, dialed);
	for (uint32_t gone = 0; gone < departures(); gone += PEERS) {
		pid_t peer = peer_start("listen", dialed);

		dialers_see(&dialer, HOP_OPENED, PEERS);
		dialers_see(&dialer, HOP_MESSAGE, 8 * PEERS);
		peer_kill(peer);
		dialers_see(&dialer, HOP_CLOSED, PEERS);
	}
	open_files_return_to(before + 2 * PEERS); /* it dials on */
	end_stop(&dialer);
	open_files_return_to(before);
}

static void dialers_that_are_killed_over_tcp_leave_nothing(void **state)
{
	(void)state;
	dialers_depart("tcp://127.0.0.1:0");
}

static void dialers_that_are_killed_over_tls_leave_nothing(void **state)
{
	(void)state;
	dialers_depart("tls+tcp://127.0.0.1:0");
}

static void dialers_that_are_killed_over_a_path_leave_nothing(void **state)
{
	char url[160];

	(void)state;
	(void)snprintf(url, sizeof(url), "ipc:///tmp/sonde-departures-%d.sock", (int)getpid());
	dialers_depart(url);
}

static void listeners_that_are_killed_over_tcp_leave_nothing(void **state)
{
	(void)state;
	listeners_depart("tcp://127.0.0.1:");
}

static void listeners_that_are_killed_over_tls_leave_nothing(void **state)
{
	(void)state;
	listeners_depart("tls+tcp://127.0.0.1:");
}

/* ---- crowds ------------------------------------------------------------------------------ */

static void client_connect(int fd, const char *url)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void clients_create(int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
	}
}

/* One message there and one back. */
static void ping(struct pair *pair, uint64_t sequence)
{
	struct hop_event event;

	assert_int_equal(send_letters(pair->dialed, sequence, 'p', 100), 0);
	do {
		assert_true(end_try(&pair->listener, &event, 20000 * MS_NS));
		hop_buffer_release(event.payload);
	} while (event.kind != HOP_MESSAGE);
	assert_int_equal(send_letters(pair->accepted, sequence, 'q', 100), 0);
	event = end_expect(&pair->dialer, HOP_MESSAGE);
	assert_int_equal(event.header.sequence, sequence);
	hop_buffer_release(event.payload);
}

static void a_crowd_that_says_nothing_is_sent_away_while_others_work(void **state)
{
	enum { CROWD = 1000 };
	struct rlimit limit = { 4096, 4096 };
	struct hop_settings settings = settings_of("tls+tcp://", "region");
	struct hop_counts counts;
	struct pair pair;
	int crowd[CROWD];
	uint32_t before;

	(void)state;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < 4096) {
		print_message("1,000 connections and their ends need 4,096 descriptors\n");
		skip();
	}
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	settings.half_open = 500;
	settings.open_ns = 3000 * MS_NS;
	pair_open(&pair, "tls+tcp://127.0.0.1:0", settings, settings_of("tls+tcp://", "edge"));
	before = open_files();
	clients_create(crowd, CROWD);
	for (int i = 0; i < CROWD; i++) {
		client_connect(crowd[i], pair.url);
		if (i % 10 == 0)
			ping(&pair, (uint64_t)i);
	}
	do { /* some had to make room, the others were too slow */
		ping(&pair, CROWD);
		hop_counts(pair.listener.hop, &counts);
		assert_true(counts.half_open <= settings.half_open);
		(void)usleep(1000);
	} while (counts.refused[HOP_CROWDED] + counts.refused[HOP_SLOW] < CROWD);
	assert_int_equal(counts.half_open, 0);
	assert_int_equal(counts.open, 1);
	for (int i = 0; i < CROWD; i++)
		(void)close(crowd[i]);
	open_files_return_to(before);
	pair_close(&pair);
}

static void accepting_goes_on_after_descriptors_have_run_out(void **state)
{
	enum { CROWD = 60 };
	struct rlimit limit, narrow;
	struct hop_settings settings = end_settings();
	struct hop_counts counts;
	struct pair pair;
	int crowd[CROWD];

	(void)state;
	settings.open_ns = 500 * MS_NS;
	pair_open(&pair, "tcp://127.0.0.1:0", settings, end_settings());
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	clients_create(crowd, CROWD);
	narrow = limit;
	narrow.rlim_cur = open_files() + CROWD / 2; /* half of the other ends */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &narrow), 0);
	for (int i = 0; i < CROWD; i++)
		client_connect(crowd[i], pair.url);
	do {
		ping(&pair, 1);
		hop_counts(pair.listener.hop, &counts);
		(void)usleep(1000);
	} while (counts.accept_errors == 0 || counts.refused[HOP_SLOW] < CROWD);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < CROWD; i++)
		(void)close(crowd[i]);
	pair_close(&pair);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialers_that_are_killed_over_tcp_leave_nothing),
		cmocka_unit_test(dialers_that_are_killed_over_tls_leave_nothing),
		cmocka_unit_test(dialers_that_are_killed_over_a_path_leave_nothing),
		cmocka_unit_test(listeners_that_are_killed_over_tcp_leave_nothing),
		cmocka_unit_test(listeners_that_are_killed_over_tls_leave_nothing),
		cmocka_unit_test(a_crowd_that_says_nothing_is_sent_away_while_others_work),
		cmocka_unit_test(accepting_goes_on_after_descriptors_have_run_out),
	};

	if (count == 4) { /* a peer */
		authority = arguments[3];
		if (strcmp(arguments[1], "dial"))
			peer_listen(arguments[2]);
		else
			peer_dial(arguments[2]);
	}
	return cmocka_run_group_tests_name("hop_departures", tests, authority_begin, authority_end);
}

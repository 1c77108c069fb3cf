// SPDX-License-Identifier: Apache-2.0
/* Output `console`: what pipes, full files and terminals get. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "console_fixture.h"

/* ---- pipes ------------------------------------------------------------------------------- */

static void a_closed_pipe_is_named(void **state)
{
	struct plugin_host *host;
	struct sonde_batch *batch = events(1);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	output_to(ends[1]);
	(void)close(ends[1]);
	host = started(NULL);
	(void)close(ends[0]);
	assert_int_equal(plugin_host_write(host, &batch, 1), -EPIPE);
	batch_release(batch);
	assert_string_equal(host->message, "nobody reads standard output any more: Broken pipe");
	plugin_host_release(host);
}

/* A limit on the file's size fails as a full disk does: after a part was written. */
static void output_that_did_not_fit_follows_whole(void **state)
{
	struct rlimit limit, small;
	struct plugin_host *host = started((const char *[]){ "format=json", NULL });
	struct sonde_batch *batch = events(3);
	char first[128];
	int result;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = plugin_host_write(host, &batch, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(result, -EFBIG);
	assert_int_equal(strlen(output()), 100);
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	for (uint32_t row = 0; row < 3; row++) {
		(void)snprintf(first, sizeof(first), "00000%u000Z\",\"process.pid\":10%u,", row,
			       row);
		assert_shows(first);
		assert_null(strstr(strstr(output(), first) + 1, first));
	}
	batch_release(batch);
	plugin_host_release(host);
}

static void a_slow_pipe_is_waited_for_and_loses_nothing(void **state)
{
	enum { ROWS = 20000 };
	struct sonde_batch *batch = events(ROWS);
	struct plugin_host *host;
	char *text = calloc(1, OUTPUT_SIZE * 4);
	size_t length = 0, lines = 0;
	ssize_t count;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	output_to(ends[1]);
	(void)close(ends[1]);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	host = started((const char *[]){ "format=json", NULL });
	assert_int_equal(plugin_host_write(host, &batch, 1), SONDE_LATER);
	while (!host->settled_count) {
		while ((count = read(ends[0], text + length, OUTPUT_SIZE * 4 - length)) > 0)
			length += (size_t)count;
		assert_int_equal(plugin_host_ready(host), 0);
	}
	while ((count = read(ends[0], text + length, OUTPUT_SIZE * 4 - length)) > 0)
		length += (size_t)count;
	for (size_t place = 0; place < length; place++)
		lines += text[place] == '\n';
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(lines, ROWS);
	batch_release(batch);
	plugin_host_release(host);
	(void)close(ends[0]);
	free(text);
}

/* A pipe that holds 64 KiB, which a delivery of events has filled, before the tables that came with
 * it were drawn. Returns its end for reading. */
static int full_pipe(struct plugin_host **ret_host)
{
	struct sonde_batch *batches[] = { calls_batch(1), events(2000) };
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 1 << 16), 1 << 16);
	output_to(ends[1]);
	(void)close(ends[1]);
	*ret_host = plain();
	(void)calls_add(batches[0], "/", "read", 2, 1000);
	assert_int_equal(plugin_host_write(*ret_host, batches, 2), SONDE_LATER);
	assert_true((*ret_host)->watched_fd >= 0);
	batch_release(batches[0]);
	batch_release(batches[1]);
	return ends[0];
}

static void make_room(int reader)
{
	assert_int_equal(fcntl(reader, F_SETPIPE_SZ, 1 << 20), 1 << 20);
}

static void assert_reads(int reader, const char *part)
{
	static char text[1 << 20];
	ssize_t length = read(reader, text, sizeof(text) - 1);

	assert_true(length > 0);
	text[length] = 0;
	assert_non_null(strstr(text, part));
}

static void what_waits_for_a_slow_pipe_is_answered_when_a_table_takes_the_rest_along(void **state)
{
	struct plugin_host *host;
	int reader = full_pipe(&host);

	(void)state;
	make_room(reader);
	draw(host);
	assert_int_equal(host->settled_count, 2);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_reads(reader, "\ncalls/s ");
	plugin_host_release(host);
	(void)close(reader);
}

static void what_waits_for_a_slow_pipe_is_answered_when_the_end_takes_the_rest_along(void **state)
{
	struct plugin_host *host;
	int reader = full_pipe(&host);

	(void)state;
	make_room(reader);
	assert_int_equal(plugin_host_drain(host), SONDE_OK);
	assert_int_equal(host->settled_count, 2);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_reads(reader, "\ncalls/s ");
	plugin_host_release(host);
	(void)close(reader);
}

static void the_end_waits_for_a_slow_pipe_to_take_the_last_table(void **state)
{
	struct plugin_host *host;
	int reader = full_pipe(&host);

	(void)state;
	assert_int_equal(plugin_host_drain(host), SONDE_LATER);
	assert_int_equal(plugin_host_ready(host), 0);
	assert_false(host->drained);
	make_room(reader);
	assert_int_equal(plugin_host_ready(host), 0);
	assert_true(host->drained);
	assert_reads(reader, "\ncalls/s ");
	plugin_host_release(host);
	(void)close(reader);
}

static void what_comes_at_the_end_is_drawn_at_once(void **state)
{
	struct plugin_host *host = plain();
	struct sonde_batch *batch = calls_batch(1);

	(void)state;
	assert_int_equal(plugin_host_drain(host), SONDE_OK);
	(void)calls_add(batch, "/", "read", 2, 1000);
	write_batch(host, batch);
	assert_shows("\ncalls/s ");
	plugin_host_release(host);
}

/* ---- terminals --------------------------------------------------------------------------- */

static int terminal_open(uint16_t width, uint16_t height)
{
	struct winsize size = { .ws_col = width, .ws_row = height };
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	(void)fcntl(master, F_SETFL, O_NONBLOCK);
	output_to(slave);
	(void)close(slave);
	return master;
}

static size_t terminal_read(int master, char *text, size_t size)
{
	size_t length = 0;
	ssize_t count;

	while ((count = read(master, text + length, size - 1 - length)) > 0)
		length += (size_t)count;
	text[length] = 0;
	return length;
}

/* Lines of a frame and the widest of them, without its escapes. */
static void frame_size(const char *text, uint32_t *ret_lines, uint32_t *ret_width)
{
	uint32_t lines = 1, width = 0, widest = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '\033') {
			at += strcspn(at, "mHJKhl");
		} else if (*at == '\n') {
			lines++;
			width = 0;
		} else if (*at != '\r' && (*at & 0xc0) != 0x80) {
			width++;
		}
		widest = width > widest ? width : widest;
	}
	*ret_lines = lines;
	*ret_width = widest;
}

static struct sonde_batch *many_calls(int64_t time)
{
	struct sonde_batch *batch = calls_batch(200);
	char name[32];

	for (uint32_t row = 0; row < 200; row++) {
		(void)snprintf(name, sizeof(name), "/some.slice/service-%u.scope", row);
		calls_add(batch, name, row % 3 ? "read" : "epoll_wait", 1 + row * row,
			  100.0 * (row + 1))
			->time = time;
	}
	return batch;
}

static void a_terminal_gets_one_screenful_drawn_in_place(void **state)
{
	static const uint16_t sizes[][2] = { { 80, 24 }, { 200, 50 }, { 40, 10 }, { 132, 24 } };
	static char text[1 << 17];
	int master = terminal_open(80, 24);
	struct plugin_host *host = started(NULL);
	uint32_t lines, width;

	(void)state;
	for (uint32_t round = 0; round < 4; round++) { /* the size is read for each draw */
		struct winsize size = { .ws_col = sizes[round][0], .ws_row = sizes[round][1] };

		assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
		write_batch(host, many_calls(noon + round * second));
		draw(host);
		assert_true(terminal_read(master, text, sizeof(text)) > 0);
		assert_non_null(strstr(text, "\033[H"));
		assert_non_null(strstr(text, " more"));
		assert_non_null(strstr(text, "total"));
		frame_size(strstr(text, "\033[H"), &lines, &width);
		assert_int_equal(lines, sizes[round][1]);
		assert_in_range(width, sizes[round][0] - 12, sizes[round][0]);
	}
	plugin_host_release(host);
	(void)close(master);
}

static void events_stand_below_the_tables_of_a_screen(void **state)
{
	static char text[1 << 17];
	int master = terminal_open(80, 24);
	struct plugin_host *host = started((const char *[]){ "color=never", NULL });
	uint32_t lines, width;
	const char *frame;

	(void)state;
	write_batch(host, many_calls(noon));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	write_batch(host, events(30));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	frame = strstr(text, "\033[H");
	assert_non_null(frame);
	frame_size(frame, &lines, &width);
	assert_in_range(lines, 20, 24);
	assert_non_null(strstr(frame, "total"));
	assert_true(strstr(frame, "12:00:00.000029") > strstr(frame, "total"));
	assert_null(strstr(frame, "12:00:00.000002"));
	plugin_host_release(host);
	(void)close(master);
}

static void no_color_is_honoured(void **state)
{
	static char text[1 << 16];
	int master = terminal_open(80, 24);
	struct plugin_host *host;

	(void)state;
	(void)setenv("NO_COLOR", "1", 1);
	host = started(NULL);
	write_batch(host, many_calls(noon));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	assert_non_null(strstr(text, "\033[H"));
	for (const char *at = text; (at = strstr(at, "\033[")) != NULL; at += 2)
		assert_int_not_equal(at[strcspn(at, "mHJKhl")], 'm');
	plugin_host_release(host);
	(void)close(master);
}

static void a_terminal_that_stands_still_is_not_waited_for(void **state)
{
	int master = terminal_open(80, 24);
	struct plugin_host *host = started((const char *[]){ "rate=100000", NULL });

	(void)state;
	for (uint32_t round = 0; round < 20; round++) /* nobody reads; write_batch wants it done */
		write_batch(host, events(5000));
	assert_true(host->watched_fd >= 0);
	plugin_host_release(host);
	(void)close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_closed_pipe_is_named),
		TEST(output_that_did_not_fit_follows_whole),
		TEST(a_slow_pipe_is_waited_for_and_loses_nothing),
		TEST(what_waits_for_a_slow_pipe_is_answered_when_a_table_takes_the_rest_along),
		TEST(what_waits_for_a_slow_pipe_is_answered_when_the_end_takes_the_rest_along),
		TEST(the_end_waits_for_a_slow_pipe_to_take_the_last_table),
		TEST(what_comes_at_the_end_is_drawn_at_once),
		TEST(a_terminal_gets_one_screenful_drawn_in_place),
		TEST(events_stand_below_the_tables_of_a_screen),
		TEST(no_color_is_honoured),
		TEST(a_terminal_that_stands_still_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, texts_begin, texts_end);
}

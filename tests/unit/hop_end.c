// SPDX-License-Identifier: Apache-2.0
/* An end of lib/hop for tests. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hop_end.h"

enum { PATIENCE_MS = 20000, TURN_MS = 20, ARGUMENTS = 16 };

static int64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_ends;

/* ---- one end ----------------------------------------------------------------------------- */

static void end_wake(void *data)
{
	const struct end *end = data;
	uint64_t one = 1;

	(void)!write(end->wake_fd, &one, sizeof(one));
}

struct hop_settings end_settings(void)
{
	return (struct hop_settings){ .name = "test", .silence_ns = PATIENCE_MS * MS_NS };
}

struct hop_tls end_tls(const char *directory, const char *name)
{
	static char files[32][256];
	static unsigned used;
	char *certificate = files[used++ % 32], *key = files[used++ % 32];
	char *authority = files[used++ % 32];

	(void)snprintf(certificate, sizeof(files[0]), "%s/%s.pem", directory, name);
	(void)snprintf(key, sizeof(files[0]), "%s/%s.key", directory, name);
	(void)snprintf(authority, sizeof(files[0]), "%s/authority.pem", directory);
	return (struct hop_tls){ .certificate = certificate, .key = key, .authority = authority };
}

void end_create(struct end *end, struct hop_settings settings)
{
	char error[256] = "";

	end->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(end->wake_fd >= 0);
	settings.wake = end_wake;
	settings.data = end;
	if (hop_create(&settings, &end->hop, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	open_ends++;
}

void end_listen(struct end *end, const char *url, char *ret_url, size_t size)
{
	size_t length = strlen(url);
	char error[256] = "";

	if (hop_listen(end->hop, url, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	if (length > 2 && !strcmp(url + length - 2, ":0"))
		(void)snprintf(ret_url, size, "%.*s%u", (int)length - 1, url, hop_port(end->hop));
	else
		(void)snprintf(ret_url, size, "%s", url);
}

struct hop_dialer *end_dial(struct end *end, const char *url)
{
	struct hop_dialer *dialer;
	char error[256] = "";

	if (hop_dial(end->hop, url, end, &dialer, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	return dialer;
}

void end_stop(struct end *end)
{
	if (!end->hop)
		return;
	hop_stop(end->hop);
	(void)close(end->wake_fd);
	end->hop = NULL;
	if (--open_ends == 0)
		assert_int_equal(hop_unburied_wait(PATIENCE_MS * MS_NS), 0);
}

bool end_try(struct end *end, struct hop_event *ret_event, int64_t timeout_ns)
{
	int64_t end_ns = clock_ns() + timeout_ns;

	for (;;) {
		struct pollfd poll_fd = { .fd = end->wake_fd, .events = POLLIN };
		int64_t now_ns = clock_ns();
		uint64_t count;

		if (hop_next(end->hop, ret_event))
			return true;
		hop_tick(end->hop, now_ns);
		if (now_ns >= end_ns)
			return false;
		(void)poll(&poll_fd, 1, TURN_MS);
		(void)!read(end->wake_fd, &count, sizeof(count));
	}
}

struct hop_event end_expect(struct end *end, enum hop_event_kind kind)
{
	struct hop_event event;

	if (!end_try(end, &event, PATIENCE_MS * MS_NS))
		fail_msg("no event came, where one of kind %d is due", kind);
	if (event.kind != kind)
		fail_msg("an event of kind %d came instead of %d: %s, %s", event.kind, kind,
			 hop_reason_name(event.reason), event.detail);
	return event;
}

void end_is_quiet(struct end *end, int64_t time_ns)
{
	struct hop_event event;

	if (end_try(end, &event, time_ns))
		fail_msg("an event of kind %d came", event.kind);
}

/* ---- messages ---------------------------------------------------------------------------- */

int send_letters(struct hop_connection *connection, uint64_t sequence, char letter, size_t length)
{
	struct hop_header header = { .type = 7, .flags = 9, .sequence = sequence };
	struct hop_buffer *buffer = hop_buffer_create(length);
	struct hop_piece piece = { .buffer = buffer, .length = length };
	int result;

	assert_non_null(buffer);
	memset(buffer->data, letter, length);
	piece.bytes = buffer->data;
	result = hop_send(connection, &header, &piece, 1);
	if (result < 0)
		hop_buffer_release(buffer);
	return result;
}

bool is_letters(const struct hop_buffer *payload, char letter, size_t length)
{
	if (payload->length != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (payload->data[i] != (unsigned char)letter)
			return false;
	}
	return true;
}

/* ---- both ends --------------------------------------------------------------------------- */

void pair_open(struct pair *pair, const char *url, struct hop_settings listener,
	       struct hop_settings dialer)
{
	static int count;
	struct hop_event event;
	char name[32];

	(void)snprintf(name, sizeof(name), "pair-%d", count++);
	listener.name = name; /* of no other pair: those of one name share a listener */
	end_create(&pair->listener, listener);
	end_listen(&pair->listener, url, pair->url, sizeof(pair->url));
	end_create(&pair->dialer, dialer);
	pair->dial = end_dial(&pair->dialer, pair->url);
	pair->dialed = end_expect(&pair->dialer, HOP_OPENED).connection;
	assert_int_equal(send_letters(pair->dialed, 0, 'h', 5), 0);
	pair->accepted = end_expect(&pair->listener, HOP_OPENED).connection;
	event = end_expect(&pair->listener, HOP_MESSAGE);
	assert_ptr_equal(event.connection, pair->accepted);
	assert_true(is_letters(event.payload, 'h', 5));
	hop_buffer_release(event.payload);
}

void pair_close(struct pair *pair)
{
	end_stop(&pair->dialer);
	end_stop(&pair->listener);
}

uint32_t open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint32_t count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count;
}

void open_files_return_to(uint32_t count)
{
	int64_t end_ns = clock_ns() + PATIENCE_MS * MS_NS;

	while (open_files() > count && clock_ns() < end_ns)
		(void)usleep(TURN_MS * 1000);
	assert_true(open_files() <= count);
}

/* ---- certificates ------------------------------------------------------------------------ */

void authority_run(const char *directory, const char *const *arguments)
{
	const char *vector[ARGUMENTS] = { SONDE_SOURCE_ROOT "/scripts/test-authority", directory };
	int status, count = 2;
	pid_t child;

	while (*arguments)
		vector[count++] = *arguments++;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)execv(vector[0], (char **)vector);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

char *authority_make(const char *const *arguments)
{
	char *directory = strdup("/tmp/sonde-authority.XXXXXX");

	assert_non_null(directory);
	assert_non_null(mkdtemp(directory));
	authority_run(directory, arguments);
	return directory;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void authority_remove(char *directory)
{
	(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(directory);
}

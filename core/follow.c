/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a reply that goes on: rows to standard output, words to standard error. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "daemon.h"
#include "follow.h"

/* How long a daemon may take for a message that it has begun, and for its last word. */
static const int64_t patience_ns = 10ll * NS_PER_SECOND;

static volatile sig_atomic_t signal_count;

static void count_signal(int number)
{
	if (signal_count++)
		_exit(128 + number);
}

/* SIGINT and SIGTERM come while it waits for the daemon, and at no other time. */
static void signals_take(sigset_t *ret_while_waiting)
{
	struct sigaction action = { .sa_handler = count_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, ret_while_waiting);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Whether there is something to read: 1; 0: not in time; -EINTR: a signal. */
static int daemon_await(int fd, bool ending, const sigset_t *while_waiting)
{
	struct timespec patience = clock_timespec(patience_ns);
	struct pollfd poll = { .fd = fd, .events = POLLIN };
	int count = ppoll(&poll, 1, ending ? &patience : NULL, while_waiting);

	return count < 0 ? -errno : count;
}

/* A line over itself, so that how it goes stays the last one, would mix with rows: it is a line of
 * its own, and only for people. */
static int message_write(uint16_t code, const char *text, size_t length)
{
	bool rows = code == CONTROL_ROWS;
	FILE *file = rows ? stdout : stderr;

	if (code == CONTROL_COUNT && !isatty(STDERR_FILENO))
		return 0;
	if (!rows)
		fputs(code == CONTROL_COUNT ? "… " : "sonde: ", file);
	if (fwrite(text, 1, length, file) != length || fflush(file))
		return rows ? -EPIPE : 0;
	return 0;
}

/* 1: that was the last message. */
static int follow_next(int fd, uint16_t *ret_code)
{
	uint16_t code;
	size_t length;
	char *text;
	int result = control_receive(fd, &code, &text, &length);

	if (result)
		return result;
	if (code >= CONTROL_ROWS) {
		result = message_write(code, text, length);
	} else {
		if (!code)
			fputs("… ", stderr);
		fwrite(text, 1, length, stderr);
		*ret_code = code;
		result = 1;
	}
	free(text);
	return result;
}

int follow(const char *path, const char *const *words, uint32_t word_count, uint16_t *ret_code)
{
	sigset_t while_waiting;
	bool ending = false, begun = false;
	int fd, result = control_begin(path, words, word_count, patience_ns, &fd);

	if (result)
		return result;
	signals_take(&while_waiting);
	while (!result) {
		result = daemon_await(fd, ending || !begun, &while_waiting);
		if (signal_count && !ending) {
			ending = true;
			shutdown(fd, SHUT_WR);
		}
		if (result == -EINTR)
			result = 0;
		else if (!result)
			result = -ETIMEDOUT;
		else if (result > 0)
			result = follow_next(fd, ret_code);
		begun = begun || !result;
	}
	close(fd);
	if (result == -EPIPE) { /* whoever read it has seen enough */
		*ret_code = EXIT_CODE_OK;
		return 0;
	}
	if (result == -EPROTO && begun) {
		fputs("sonde: the daemon is gone\n", stderr);
		*ret_code = EXIT_CODE_UNREACHABLE;
		return 0;
	}
	return result < 0 ? result : 0;
}

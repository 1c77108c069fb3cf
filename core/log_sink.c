/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines of the log go: stderr or systemd's journal. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journald.h"
#include "log_sink.h"

/* Another process that shares this stderr may have made it non-blocking: then it is waited for. */
static bool stderr_write(const char *text, size_t length)
{
	struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t done;

	while (length) {
		done = write(STDERR_FILENO, text, length);
		if (done < 0 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			text += done;
			length -= (size_t)done;
		}
	}
	return true;
}

static bool stderr_emit(const struct log_settings *settings, const struct log_line *line)
{
	static char text[LOG_LINE_BYTES];

	return stderr_write(text, settings->format == LOG_JSON ? log_line_json(line, text)
							       : log_line_text(line, text));
}

static int journal_emit(const struct log_line *line)
{
	static char fields[JOURNALD_BYTES];
	static int fd = -1;

	if (fd < 0)
		fd = journald_open();
	if (fd < 0)
		return fd;
	return journald_send(fd, JOURNALD_SOCKET, fields, journald_fields(line, fields));
}

bool log_emit(const struct log_settings *settings, const struct log_line *line)
{
	static int said; /* the error that was told last; 0: the journal took the last line */
	char why[128];
	struct log_line note = { SONDE_WARNING, line->time_ns, "", why };
	int result;

	if (settings->target != LOG_TO_JOURNALD)
		return stderr_emit(settings, line);
	result = journal_emit(line);
	if (result && said != result) {
		snprintf(why, sizeof(why), "the journal does not take this log: %s; it goes here",
			 strerror(-result));
		stderr_emit(settings, &note);
	}
	said = result;
	return !result || stderr_emit(settings, line);
}

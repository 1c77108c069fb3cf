/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to systemd's journal by its native protocol: a datagram of fields.
 *
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL describes it; it is stable, and so small that a
 * library for it would be more to depend on than to write. */
#ifndef SONDE_JOURNALD_H
#define SONDE_JOURNALD_H

#include <stdbool.h>

#include "log_line.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

enum {
	JOURNALD_BYTES = 4 * (LOG_MESSAGE_BYTES + 2 * LOG_SUBJECT_BYTES) + 256
}; /* any line's fields */

/* Whether what is written to fd ends up in the journal; stream: the value of JOURNAL_STREAM,
 * "DEVICE:INODE", may be NULL. */
bool journald_has(const char *stream, int fd);

/* The line as fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER and, of an instance, SONDE_INSTANCE.
 * What text must not hold is escaped, but for line breaks. Returns the length. */
size_t journald_fields(const struct log_line *line, char ret_fields[JOURNALD_BYTES]);

/* A socket to send from; -errno. */
int journald_open(void);

/* The journal is looked up by its path each time, since it may start anew. What does not fit into a
 * datagram goes as a memory file. Waits while the journal's queue is full. 0 or -errno. */
int journald_send(int fd, const char *path, const char *fields, size_t length);

#endif

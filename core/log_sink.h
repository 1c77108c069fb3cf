/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines of the log go: stderr or systemd's journal. */
#ifndef SONDE_LOG_SINK_H
#define SONDE_LOG_SINK_H

#include "log.h"
#include "log_line.h"

/* Writes a line, and waits as long as whoever reads it makes it wait. What the journal does not
 * take goes to stderr. settings->target is STDERR or JOURNALD. One thread at a time. False: nobody
 * took it. */
bool log_emit(const struct log_settings *settings, const struct log_line *line);

#endif

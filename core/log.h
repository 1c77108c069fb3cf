/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log: lines on stderr or in the journal, with repeats held back. */
#ifndef SONDE_LOG_H
#define SONDE_LOG_H

#include <sonde/plugin.h>

enum log_format { LOG_TEXT, LOG_JSON };
enum log_target { LOG_TO_AUTO, LOG_TO_STDERR, LOG_TO_JOURNALD };

struct log_settings {
	uint32_t level;  /* enum sonde_level: lines above it are not written */
	uint32_t format; /* enum log_format, of lines on stderr */
	uint32_t target; /* enum log_target; AUTO: the journal where stderr leads to it */
};

/* Since the start of the process. */
struct log_counts {
	uint64_t written;
	uint64_t held; /* held back as repeats: told by a summary */
	uint64_t lost; /* whoever reads the log was too slow, or is gone */
};

/* May be called again at any time, on the main thread. */
void log_configure(const struct log_settings *settings);

/* From now on log_write() waits for nobody: a thread writes what it is given. Not before the daemon
 * is who it will be, as a thread keeps the privileges that it began with. -errno: there is no
 * thread, and lines are written at once, as before. */
int log_start(void);

/* Tells what was held back, and writes what waits, for a second at most. Before every end of the
 * process. Later lines are written at once, or not at all if nobody reads them. */
void log_close(void);

/* One line: "12:34:56 warning calls: MESSAGE". subject: whose line it is, NULL for the daemon.
 * Secrets are masked. Any thread. Once the log is started, what core/repeat.h takes for a repeat
 * is held back and told by a summary, and what finds no room since nobody reads is lost. */
__attribute__((format(printf, 3, 4))) void log_write(enum sonde_level level, const char *subject,
						     const char *format, ...);

/* Any thread. */
struct log_counts log_counts(void);

#endif

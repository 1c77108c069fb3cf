/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log: lines on stderr, with repeats held down. */
#ifndef SONDE_LOG_H
#define SONDE_LOG_H

#include <sonde/plugin.h>

/* Lines above this level are not written. Default SONDE_INFO. */
void log_set_level(enum sonde_level level);

/* One line: "12:34:56 warning calls: MESSAGE". subject: whose line it is, NULL for the daemon. Any
 * thread. A subject that writes the same message again within a second is held down, and the next
 * line of it says how many were. */
__attribute__((format(printf, 3, 4))) void log_write(enum sonde_level level, const char *subject,
						     const char *format, ...);

#endif

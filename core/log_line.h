/* SPDX-License-Identifier: Apache-2.0 */
/* One message of the log, and how it is written: as text for people, as JSON for programs. */
#ifndef SONDE_LOG_LINE_H
#define SONDE_LOG_LINE_H

#include <sonde/plugin.h>

enum {
	LOG_MESSAGE_BYTES =
		2048, /* with the zero byte, as of the subject; log_copy() cuts what is longer */
	LOG_SUBJECT_BYTES = 160,
	LOG_LINE_BYTES = 6 * (LOG_MESSAGE_BYTES + LOG_SUBJECT_BYTES) + 256, /* room for any line */
};

struct log_line {
	enum sonde_level level;
	int64_t time_ns;     /* wall clock */
	const char *subject; /* the instance; "": the daemon */
	const char *message;
};

/* The text, or what of it fits, cut between characters and ended by "…". size: at least 8. */
void log_copy(const char *text, char *ret_copy, size_t size);

/* Both write a whole line with its line break and return its length. The text keeps to its line and
 * moves no cursor: control characters and what is not UTF-8 stand as \x1b. */
size_t log_line_text(const struct log_line *line, char ret_text[LOG_LINE_BYTES]);
size_t log_line_json(const struct log_line *line, char ret_text[LOG_LINE_BYTES]);

/* A message without what text must not hold, ended by a zero byte. size: four times its length and
 * one are always enough. Line breaks stay if `breaks`. Returns the length. */
size_t log_clean(const char *message, bool breaks, char *ret_clean, size_t size);

#endif

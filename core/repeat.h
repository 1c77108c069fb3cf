/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that come again and again: at most so many alike in a window, and so many of one
 * instance; the rest is held back and counted. */
#ifndef SONDE_REPEAT_H
#define SONDE_REPEAT_H

#include <sonde/plugin.h>
#include "log_line.h"

enum {
	REPEAT_LIMIT = 10,           /* messages alike in a window */
	REPEAT_INSTANCE_LIMIT = 100, /* messages of one instance in a window, alike or not */
	REPEAT_WINDOW_S = 10,
	REPEAT_SLOTS = 64, /* kinds of message, and instances, that are told apart at one time */
	REPEAT_TEXT_BYTES = 256,
};

/* What was written in its window: messages alike, or all of one instance. */
struct repeat {
	uint64_t key;
	int64_t since_ns; /* begin of the window, monotonic; 0: a free place */
	uint32_t count;   /* written in it */
	uint32_t held;    /* held back since: to be told */
	uint32_t level;   /* enum sonde_level, of the first that was held back */
	bool whole;       /* all of an instance */
	char subject[LOG_SUBJECT_BYTES], message[REPEAT_TEXT_BYTES]; /* the same one's */
};

/* Not thread-safe. Begins as repeats_init() leaves it. */
struct repeats {
	struct repeat kinds[REPEAT_SLOTS], instances[REPEAT_SLOTS];
	int64_t due_ns; /* when repeats_take() has one, monotonic; INT64_MAX: nothing is held */
	uint64_t held_count; /* held back so far */
};

void repeats_init(struct repeats *repeats);

/* Whether the message may be written now; otherwise it is counted. Messages are alike that are of
 * one subject, and of one format or, where the format says nothing itself ("%s: %s"), of one text
 * but for words with digits in them. */
bool repeats_admit(struct repeats *repeats, const char *format, const struct log_line *line,
		   int64_t now_ns);

/* Takes out one that has something held back and whose window is over, which ends the window;
 * false: there is none. now_ns INT64_MAX: whether over or not. */
bool repeats_take(struct repeats *repeats, int64_t now_ns, struct repeat *ret_over);

/* "TEXT … 132 more like this in 10 s". The buffer is ended by a zero byte. */
void repeat_tell(const struct repeat *over, int64_t now_ns, char *ret_message, size_t size);

#endif

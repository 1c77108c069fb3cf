/* SPDX-License-Identifier: Apache-2.0 */
/* The chronicle: what the daemon said and decided of late, for whoever reads it from where they
 * left off. Two rings of bytes, one for lines of the log and one for decisions, so that a flood of
 * lines pushes out no decision. */
#ifndef SONDE_CHRONICLE_H
#define SONDE_CHRONICLE_H

#include <sonde/plugin.h>

#include "log_line.h"

enum {
	CHRONICLE_RING_BYTES = 64 * 1024,
	CHRONICLE_TEXT_BYTES = 512, /* of each text but the message, with the zero byte */
	CHRONICLE_READERS = 16,     /* names whose places are remembered at one time */
};

/* What was decided. Texts may be NULL. */
struct decision {
	enum sonde_level level;
	const char *event;    /* "knob.set" */
	const char *instance; /* whom it is about; NULL: the daemon */
	const char *actor;    /* who decided */
	const char *knob, *before, *after;
	int64_t for_ns;
};

/* Keeps a line that the log has let through, its secrets masked already. Any thread. */
void chronicle_log(const struct log_line *line);

/* Keeps a decision; secrets are masked here. Any thread. */
__attribute__((format(printf, 2, 3))) void chronicle_decide(const struct decision *decision,
							    const char *format, ...);

/* The oldest record of the kind that is newer than *cursor, which then stands at it. A cursor of 0
 * stands where a reader of that name stood last, and else before the oldest that is kept. The
 * texts, of up to SONDE_RECORD_BYTES, are copied to `texts`. -ENOENT: there is none; -ENOSPC: they
 * do not fit in `capacity`; -EINVAL: no such kind. Any thread. */
int chronicle_read(const char *reader, uint32_t kind, uint64_t *cursor,
		   struct sonde_record *ret_record, char *texts, size_t capacity);

#endif

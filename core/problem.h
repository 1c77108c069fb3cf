/* SPDX-License-Identifier: Apache-2.0 */
/* Problems of a config, gathered so that all of them are shown at once, in the order of the file.
 */
#ifndef SONDE_PROBLEM_H
#define SONDE_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where something stands. file NULL: nowhere in a file (a default, the command line). */
struct place {
	const char *file;
	uint32_t line;   /* from 1 */
	uint32_t column; /* in characters, from 1; 0: not told */
};

enum severity { PROBLEM_ERROR, PROBLEM_WARNING, PROBLEM_NOTE };

struct problems;

struct problems *problems_create(void);
void problems_release(struct problems *problems);

/* Adds "FILE:LINE: MESSAGE" ("FILE:LINE:COLUMN: …" where there is one); the message starts with the
 * path of the setting where there is one: `inputs.calls.interval: "5 lightyears" is not a duration
 * (try "5s")`. */
__attribute__((format(printf, 4, 5))) void problems_add(struct problems *problems,
							enum severity severity, struct place place,
							const char *format, ...);

uint32_t problems_count(const struct problems *problems, enum severity severity);

/* One a line, sorted by file and line, those without a file first; warnings and notes with their
 * word. What a terminal would obey is printed as \xNN. */
void problems_print(const struct problems *problems, FILE *file, bool colour);

#endif

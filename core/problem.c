// SPDX-License-Identifier: Apache-2.0
/* Problems of a config, gathered so that all of them are shown at once, in the order of the file.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "problem.h"

struct problem {
	struct place place;
	enum severity severity;
	uint32_t number; /* order of arrival, which decides within a line */
	char *message;
};

struct problems {
	struct problem *items;
	uint32_t count, capacity;
	uint32_t counts[PROBLEM_NOTE + 1]; /* by severity, what memory had no room for included */
};

struct problems *problems_create(void)
{
	return calloc(1, sizeof(struct problems));
}

void problems_release(struct problems *problems)
{
	if (!problems)
		return;
	for (uint32_t i = 0; i < problems->count; i++) {
		free(problems->items[i].message);
		free((char *)problems->items[i].place.file);
	}
	free(problems->items);
	free(problems);
}

static struct problem *problems_next(struct problems *problems)
{
	uint32_t capacity = problems->capacity ? problems->capacity * 2 : 16;
	struct problem *items;

	if (problems->count < problems->capacity)
		return &problems->items[problems->count];
	items = realloc(problems->items, capacity * sizeof(*items));
	if (!items)
		return NULL;
	problems->items = items;
	problems->capacity = capacity;
	return &items[problems->count];
}

void problems_add(struct problems *problems, enum severity severity, struct place place,
		  const char *format, ...)
{
	struct problem *problem;
	char *message, *file = NULL;
	va_list arguments;
	int length;

	assert((unsigned)severity <= PROBLEM_NOTE);
	problems->counts[severity]++; /* even if memory is refused: an error must not be forgotten
				       */
	problem = problems_next(problems);
	if (!problem)
		return;
	va_start(arguments, format);
	length = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (place.file && !(file = strdup(place.file))) {
		free(message);
		return;
	}
	*problem = (struct problem){ .place = { file, place.line, place.column },
				     .severity = severity,
				     .number = problems->count++,
				     .message = message };
}

uint32_t problems_count(const struct problems *problems, enum severity severity)
{
	return problems->counts[severity];
}

static int problem_compare(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int order;

	if (!a->place.file != !b->place.file)
		return a->place.file ? 1 : -1;
	order = a->place.file ? strcmp(a->place.file, b->place.file) : 0;
	if (order)
		return order;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* A config may come from anywhere, so nothing in it may steer the terminal: neither C0 nor, in
 * UTF-8, C1 control characters. */
static void text_print(const char *text, FILE *file)
{
	for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
		if (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0) {
			fprintf(file, "\\xc2\\x%02x", byte[1]);
			byte++;
		} else if (*byte < 0x20 || *byte == 0x7f) {
			fprintf(file, "\\x%02x", *byte);
		} else {
			putc(*byte, file);
		}
	}
}

static void problem_print(const struct problem *problem, FILE *file, bool colour)
{
	static const char *const words[] = { "", "warning: ", "note: " };
	static const char *const colours[] = { "\033[1;31m", "\033[1;33m", "\033[36m" };
	const char *on = colour ? colours[problem->severity] : "";
	const char *off = colour ? "\033[0m" : "";

	if (problem->place.file) {
		fputs(on, file);
		text_print(problem->place.file, file);
		if (problem->place.line)
			fprintf(file, ":%u", problem->place.line);
		if (problem->place.column)
			fprintf(file, ":%u", problem->place.column);
		fprintf(file, ":%s ", off);
	}
	fprintf(file, "%s%s%s", on, words[problem->severity], off);
	text_print(problem->message, file);
	putc('\n', file);
}

void problems_print(const struct problems *problems, FILE *file, bool colour)
{
	uint32_t missing = 0;

	if (problems->count)
		qsort(problems->items, problems->count, sizeof(*problems->items), problem_compare);
	for (uint32_t i = 0; i < problems->count; i++)
		problem_print(&problems->items[i], file, colour);
	for (int severity = PROBLEM_ERROR; severity <= PROBLEM_NOTE; severity++)
		missing += problems->counts[severity];
	missing -= problems->count;
	if (missing)
		fprintf(file, "%u more, for which there was no memory\n", missing);
}

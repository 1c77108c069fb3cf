// SPDX-License-Identifier: Apache-2.0
/* The BPF programs of the host: a list, and how rows of the input `bpf` become one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census.h"
#include "tree.h"

enum { LINE_MEMORY_LIMIT = 1 << 20 };

struct census_program *census_add(struct census *census)
{
	if (census->count == census->capacity) {
		uint32_t capacity = census->capacity ? 2 * census->capacity : 64;
		struct census_program *programs;

		if (capacity > CENSUS_LIMIT)
			return NULL;
		programs = reallocarray(census->programs, capacity, sizeof(*programs));
		if (!programs)
			return NULL;
		census->programs = programs;
		census->capacity = capacity;
	}
	memset(&census->programs[census->count], 0, sizeof(*census->programs));
	return &census->programs[census->count++];
}

void census_release(struct census *census)
{
	free(census->programs);
	*census = (struct census){ 0 };
}

/* ---- rows -------------------------------------------------------------------------------- */

/* The value of a key of the one object that a line is; NULL: none. */
static const struct node *value_of(const struct tree *tree, const char *key)
{
	size_t length = strlen(key);

	for (uint32_t at = 1; at < tree->nodes[0].end; at = tree_next(tree, at + 1)) {
		const struct node *node = &tree->nodes[at];

		if (node->length == length && !memcmp(tree_text(tree, node), key, length))
			return &tree->nodes[at + 1];
	}
	return NULL;
}

static void text_take(const struct tree *tree, const char *key, char *text, size_t size)
{
	const struct node *node = value_of(tree, key);

	if (node && node->kind == NODE_TEXT)
		snprintf(text, size, "%.*s", (int)node->length, tree_text(tree, node));
}

/* False: there is none. The digits end before what is no digit: the line is an object. */
static bool number_take(const struct tree *tree, const char *key, double *ret_number)
{
	const struct node *node = value_of(tree, key);

	if (!node || node->kind != NODE_NUMBER)
		return false;
	*ret_number = strtod(tree_text(tree, node), NULL);
	return true;
}

/* Seconds of "2026-07-01T12:34:56.123456789Z". */
static double time_of(const char *text)
{
	struct tm day = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &day);

	return rest ? (double)timegm(&day) + strtod(rest, NULL) : 0;
}

static int row_take(struct census *census, const struct tree *tree)
{
	char time[48] = "", start[48] = "";
	struct census_program *program;
	double number = 0;

	text_take(tree, "time", time, sizeof(time));
	text_take(tree, "start_time", start, sizeof(start));
	if (strcmp(time, census->time)) {
		census->count = 0;
		memcpy(census->time, time, sizeof(time));
	}
	program = census_add(census);
	if (!program)
		return -ENOMEM;
	text_take(tree, "bpf.program.name", program->name, sizeof(program->name));
	text_take(tree, "bpf.program.type", program->type, sizeof(program->type));
	text_take(tree, "bpf.program.target", program->target, sizeof(program->target));
	if (number_take(tree, "bpf.program.id", &number))
		program->id = (uint32_t)number;
	if (number_take(tree, "bpf.program.memory", &number))
		program->bytes = (uint64_t)number;
	program->known = *start && number_take(tree, "bpf.program.runs", &program->runs) &&
			 number_take(tree, "bpf.program.run.time", &program->run_s) &&
			 number_take(tree, "bpf.program.misses", &program->misses);
	program->seconds = program->known ? time_of(time) - time_of(start) : 0;
	return 0;
}

static int line_take(struct census *census, const char *line, size_t length)
{
	struct tree_error error;
	struct tree tree = { 0 };
	char schema[32] = "";
	int result = tree_parse(&tree, line, length, LINE_MEMORY_LIMIT, &error);

	if (result)
		return result == -ENOMEM ? result : 0;
	if (tree.nodes[0].kind == NODE_OBJECT)
		text_take(&tree, "schema", schema, sizeof(schema));
	if (!strcmp(schema, "bpf.program"))
		result = row_take(census, &tree);
	tree_release(&tree);
	return result;
}

int census_take_rows(struct census *census, const char *lines, size_t length)
{
	const char *end = lines + length;
	int result = 0;

	while (lines < end && !result) {
		const char *stop = memchr(lines, '\n', (size_t)(end - lines));

		if (!stop)
			stop = end;
		if (stop > lines)
			result = line_take(census, lines, (size_t)(stop - lines));
		lines = stop + 1;
	}
	return result;
}

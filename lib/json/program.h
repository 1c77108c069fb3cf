/* SPDX-License-Identifier: Apache-2.0 */
/* What writing a row of a batch takes, worked out once: steps over columns, with their keys ready.
 */
#ifndef SONDE_PROGRAM_H
#define SONDE_PROGRAM_H

#include <sonde/plugin.h>
#include "json.h"

enum step_kind {
	STEP_VALUE,   /* key and value of a column, where the row has one */
	STEP_LITERAL, /* bytes that are the same in every row */
	STEP_OPEN,    /* key of an object that vanishes if it stays empty */
	STEP_CLOSE,
	STEP_CHILDREN, /* key and array of the rows of a child table */
};

enum { PROGRAM_SLACK = 16 }; /* keys are copied in blocks of so many bytes */

struct step {
	uint8_t kind; /* enum step_kind */
	uint8_t type; /* enum sonde_type */
	bool is_metric;
	uint32_t text; /* where its key or literal begins in `texts`: ,"name": */
	uint32_t text_length;
	uint32_t child; /* index into children */
	const struct sonde_column *column;
};

struct program {
	const struct sonde_batch *batch;
	struct step *steps;
	uint32_t step_count, step_capacity;
	struct json texts;  /* with PROGRAM_SLACK bytes behind */
	size_t fixed_bytes; /* enough for a row's keys, literals and values of fixed size */
	struct program *children;
	uint32_t child_count;
	uint32_t *first; /* of a child: by parent row the first row + 1; 0: none */
	uint32_t *next;  /* of a child: by row the next of the same parent + 1 */
	uint32_t parent_count;
	bool failed; /* memory was refused */
};

/* Writes a value that is the same in all rows. */
typedef void program_constant(void *data, const struct sonde_column *column, struct json *out);

/* Makes `program` fit the batch; its memory is used again. opening: text before the first column,
 * such as ,"schema":"name"; may be NULL. -ENOMEM. */
int lines_program_compile(struct program *program, const struct sonde_batch *batch,
			  const char *opening, size_t opening_length, program_constant *constant,
			  void *data);

void lines_program_release(struct program *program);

/* What the rows of a child table are called in their parent's: "events", "links" .. */
const char *program_child_name(const struct sonde_batch *child);

#endif

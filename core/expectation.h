/* SPDX-License-Identifier: Apache-2.0 */
/* What a test expects of an output or of the ledger, as its file says it. */
#ifndef SONDE_EXPECTATION_H
#define SONDE_EXPECTATION_H

#include <expression.h>

#include "amount.h"
#include "ledger.h"
#include "setting.h"

/* A cell of a table that is expected. */
struct cell {
	enum { CELL_NOTHING, CELL_TEXT, CELL_NUMBER, CELL_BOOLEAN } kind;
	const char *text; /* as it was written; of TEXT the text */
	long double number;
	bool boolean;
};

enum {
	EXPECTATION_ROWS_LIMIT = 10000, /* of a table */
	TALLY_IN = 0,
	TALLY_MADE,
	TALLY_OUT,
	TALLY_REDUCED, /* by any reason */
	TALLY_LOST,
	TALLY_REDUCED_BY,
	TALLY_LOST_BY = TALLY_REDUCED_BY + SONDE_REDUCTION_COUNT,
	TALLY_COUNT = TALLY_LOST_BY + SONDE_LOSS_COUNT,
};

/* One group of the list `expect`. Everything that it names must hold. */
struct expectation {
	struct place place;
	const char *path; /* "expect[2]", for messages */

	const char *output;             /* NULL: of the ledger */
	const char *where;              /* of which rows; NULL: of all */
	const char *every;              /* condition that holds for each of them; NULL: none */
	const char *sum, *least, *most; /* column of which `is` tells; at most one of them */
	struct sonde_texts columns, absent;
	bool in_order;
	struct amount rows, others, is;
	struct cell *cells; /* row by row */
	uint32_t row_count; /* of cells */
	bool has_table;

	const char *ledger; /* account; NULL: all together */
	bool of_ledger;
	struct amount tallies[TALLY_COUNT];

	struct expression *condition, *every_condition; /* owned; NULL: none */
	struct expression_name *names, *absent_names;   /* of columns, in the arena */
	struct expression_name measured;                /* of sum, least or most */
};

/* Reads the list; each is put into the arena. Everything wrong becomes a problem. */
void expectations_read(struct setting_reader *reader, const config_setting_t *list,
		       const char *path, struct expectation **ret_expectations,
		       uint32_t *ret_count);

/* What lies outside of the arena. */
void expectations_release(struct expectation *expectations, uint32_t count);

/* "lost", "queue_full": what a test calls a tally; the buffer. */
const char *tally_key(uint32_t tally, char *buffer, size_t size);

extern const struct sonde_option expectation_options[];

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What is known so far of one expectation. */
#ifndef SONDE_JUDGEMENT_H
#define SONDE_JUDGEMENT_H

#include <json.h>
#include <lines.h>

#include "expectation.h"

enum { JUDGEMENT_TEXT_BYTES = 512 };

/* The first rows of those that something is said of, as lines of JSON. */
struct sample {
	struct json text;
	uint32_t count;
};

/* A condition at work, and whether any table had the columns that it names. */
struct condition {
	const struct expression *expression; /* NULL: none */
	struct matcher *matcher;
	unsigned char *bits; /* of the batch at hand */
	size_t bits_size;
	bool has_met;                       /* a table with all of the columns */
	char problem[JUDGEMENT_TEXT_BYTES]; /* of the first that lacked one; "": none did */
};

struct judgement {
	const struct expectation *expectation;
	uint32_t output; /* its number */
	struct condition where, every;
	uint64_t row_count;    /* of rows that `where` takes */
	uint64_t broken_count; /* of these, for which `every` is not true */
	uint64_t other_count;
	uint64_t present_count; /* that have a value in a column of `absent` */
	uint64_t measured_count;
	long double sum, least, most;
	bool has_measure;               /* some column is measured */
	bool has_measured, *has_column; /* some table had the column */
	uint64_t place;                 /* of the next row of the table */
	bool *taken;                    /* by row of the table, where order does not matter */
	uint64_t mismatch_count;
	char mismatch[JUDGEMENT_TEXT_BYTES]; /* the first */
	struct sample rows, broken, others, present, mismatched;
};

/* Looks at the rows of a batch whose bits are set, beside the table that is expected. `lines` is
 * bound to the batch. -ENOMEM. */
int judgement_compare(struct judgement *judgement, const struct sonde_batch *batch,
		      struct lines *lines, uint32_t sample_limit);

/* Keeps a row, unless there are enough. -ENOMEM. */
int sample_add(struct sample *sample, struct lines *lines, uint32_t row, uint32_t limit);

/* The value of any number, truth value, time or duration; of a histogram its sum. False: it is
 * none, or there is no value. */
bool value_number(const struct sonde_column *column, uint32_t row, long double *ret_number);

#endif

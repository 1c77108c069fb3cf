/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of every kind of column, and expressions about them, for the tests of lib/expression. */
#ifndef SONDE_EXPRESSION_TABLE_H
#define SONDE_EXPRESSION_TABLE_H

#include <sonde/plugin.h>
#include "syntax.h"

/* A generator of random numbers: the same seed, the same numbers. */
struct chance {
	uint64_t state;
};

uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t limit);

/* Dictionaries that last from table to table, as those of an input do. */
struct table_texts {
	struct sonde_dictionary *words, *notes, *anys, *metrics, *services;
};

void table_texts_create(struct table_texts *texts);
void table_texts_release(struct table_texts *texts);

/* A finished batch of random rows: of values that are often equal, often at a bound, often null.
 * The dictionaries grow with it. */
struct sonde_batch *table_create(struct chance *chance, struct table_texts *texts,
				 uint32_t row_count);

/* The names of its columns, and one of none; ends with NULL. */
extern const char *const table_numbers[], *const table_texts_names[], *const table_others[];

/* A random expression about such a table, most of them of fitting types. */
void expression_write(struct chance *chance, char *text, size_t size);

/* The same of what gives a value. */
void expression_write_value(struct chance *chance, char *text, size_t size);

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_NULL };

/* What an expression comes to for one row, found in the plainest way. */
enum verdict oracle_judge(const struct expression *expression, const struct sonde_batch *batch,
			  uint32_t row);

/* Whether what was made for a row, not of a column as it stands, is what the plainest way gives. */
bool oracle_agrees(const struct expression *expression, const struct sonde_batch *batch,
		   uint32_t row, const struct made *made);

#endif

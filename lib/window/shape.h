/* SPDX-License-Identifier: Apache-2.0 */
/* What tables of one kind look like: columns that groups are told apart by, and measures. */
#ifndef SONDE_SHAPE_H
#define SONDE_SHAPE_H

#include "measure.h"

/* How values of a type are reckoned with. */
enum class {
	CLASS_NONE = 0, /* they are not */
	CLASS_WHOLE,
	CLASS_REAL,
	CLASS_TEXT,
	CLASS_EXPONENTIAL,
	CLASS_EXPLICIT,
};

/* A column of `by`. */
struct by_column {
	char *name, *unit, *help; /* owned */
	uint32_t type;            /* SONDE_NONE: the table has no such column */
	uint8_t scope;
	bool dictionary;      /* its word is a code of the interned text */
	uint32_t word, words; /* where it lies in a key; words is 0 to 2 */
	uint32_t null_bit;    /* of the key's last word, where a word has no room for null */
};

/* A column that is made. */
struct shape_measure {
	char *name, *unit, *help; /* owned */
	enum function function;
	int32_t scale;
	double share;
	uint32_t type; /* of its values, the widest of their kind; SONDE_NONE: none came yet */
	bool monotonic;
	bool unknown; /* unit and the like are not known yet */
};

struct shape {
	char *schema; /* owned */
	struct by_column by[WINDOW_COLUMNS];
	struct shape_measure *measures; /* owned */
	uint32_t by_count, measure_count;
	uint32_t words;      /* of a key */
	bool has_null_word;  /* its last one says which columns have no value */
	uint32_t group_hint; /* so many groups had the last table */
	uint32_t index;      /* among all shapes */
};

enum class class_of(uint32_t type);

/* The widest type of a kind: I64 of all that have a sign, U64 of the others. */
uint32_t wide_type(uint32_t type);

/* Whether a function takes values of a type. */
bool function_takes(enum function function, uint32_t type);

/* Gives the words of a key to the columns of `by`, whose types are set. */
void shape_arrange(struct shape *shape);
void shape_release(struct shape *shape); /* NULL is fine */

#endif

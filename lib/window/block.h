/* SPDX-License-Identifier: Apache-2.0 */
/* Some rows of a batch on their way into a table: their groups first, then measure by measure. */
#ifndef SONDE_WINDOW_BLOCK_H
#define SONDE_WINDOW_BLOCK_H

#include "layout.h"
#include "table.h"

enum { BLOCK_ROWS = 256 }; /* so that all of a block stays in the nearest cache */

/* How much rows weigh: each 1, whole numbers, or others. */
enum weighing { WEIGH_ONE = 0, WEIGH_WHOLE, WEIGH_REAL };

/* Room for the work on a block; arrays are by place in it. */
struct block {
	struct sonde_instance *instance;
	struct intern *intern;
	const struct sonde_batch *batch;
	struct layout *layout;
	struct table *table;
	const int64_t *times;             /* by row of the batch */
	unsigned char *const *conditions; /* by measure: bits of rows; NULL: none */

	uint32_t count;
	uint32_t rows[BLOCK_ROWS];   /* of the batch */
	bool is_run;                 /* they lie one behind the other */
	uint32_t groups[BLOCK_ROWS]; /* of the table */
	uint32_t known_count;        /* groups of the table before these rows, */
	bool known_other;            /* and whether there were others */
	uint32_t hashes[BLOCK_ROWS];
	unsigned char others[BLOCK_ROWS]; /* the row is of the group "other", in any case */
	bool has_others;
	uint64_t *keys;   /* the shape's words for each, one behind the other */
	size_t key_words; /* that there is room for in all */

	enum weighing weighing;
	uint64_t weights[BLOCK_ROWS];
	double real_weights[BLOCK_ROWS];
	bool has_events; /* else each stands for one */
	uint64_t events[BLOCK_ROWS];

	/* of the measure whose turn it is: rows that have a value and fulfil the condition */
	bool picks_all;              /* all of them */
	bool picks_stand;            /* and the lists say so since the block began */
	uint32_t picks[BLOCK_ROWS];  /* their places */
	uint32_t picked[BLOCK_ROWS]; /* their groups */
	uint32_t pick_count;
	int64_t wholes[BLOCK_ROWS]; /* by pick; bits of u64 where that is the type */
	double reals[BLOCK_ROWS];
	int32_t buckets[BLOCK_ROWS]; /* at scale 3 */

	uint64_t chance; /* state of random numbers, for what weighs no whole number */
	uint64_t unmerged_count, other_count;
};

/* Room for keys of a table. -ENOMEM. */
int block_reserve(struct block *block, const struct table *table);

/* Finds the rows' groups by their keys, and adds their events up. */
void block_group(struct block *block);

/* Adds the rows to all measures. -ENOMEM: some values are missing from them. */
int block_measure(struct block *block);

/* By how much the bucket or count of a row goes up: its weight, rounded at random. */
uint64_t block_weight(struct block *block, uint32_t place);

static inline const unsigned char *block_value(const struct block *block,
					       const struct sonde_column *column, uint32_t place)
{
	return column->base + (size_t)block->rows[place] * column->stride;
}

/* The picks' values, as numbers of 64 bits; column is of whole numbers, or of real ones. */
void block_load_wholes(struct block *block, const struct sonde_column *column);
void block_load_reals(struct block *block, const struct sonde_column *column);

#endif

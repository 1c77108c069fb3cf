/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of rows as bits, and columns of numbers compared with constants. */
#ifndef SONDE_RANGE_H
#define SONDE_RANGE_H

#include <string.h>
#include "syntax.h"

enum { BLOCK_ROWS = 1024, BLOCK_WORDS = BLOCK_ROWS / 64 };

/* Which rows of a block something is true for, and which it is false for; null for the others. */
struct truth {
	uint64_t yes[BLOCK_WORDS], no[BLOCK_WORDS];
};

/* Rows [start, start + count) of a batch; start is a multiple of BLOCK_ROWS. */
struct block {
	const struct sonde_batch *batch;
	uint32_t start, count;
	uint32_t words;
};

static inline uint64_t block_mask(const struct block *block, uint32_t word)
{
	uint32_t rest = block->count - word * 64;

	return rest >= 64 ? UINT64_MAX : ((uint64_t)1 << rest) - 1;
}

/* Bits of the rows of a block, of a bitmap by row; NULL: all are set. */
void block_bits(const struct block *block, const unsigned char *bits, uint64_t *ret_words);

static inline bool word_bit(const uint64_t *words, uint32_t row)
{
	return words[row / 64] >> (row % 64) & 1;
}

/* Values from low to high, both included, or all others. Of an integer column the bits of int64_t
 * or uint64_t. */
struct range {
	union {
		uint64_t bits;
		double real;
	} low, high;
	bool empty, negated;
};

/* The range of values of a column of this type that compare so with the number. */
struct range range_of(uint32_t type, enum operation operation, const struct value *number);

/* Rows whose value lies in the range; those without a value are in neither. */
void range_run(const struct block *block, const struct sonde_column *column,
	       const struct range *range, struct truth *ret_truth);

/* Turns the answer for the first row into one for all: of columns with one value. */
void truth_spread(const struct block *block, struct truth *truth);

#endif

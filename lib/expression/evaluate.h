/* SPDX-License-Identifier: Apache-2.0 */
/* Works an expression out over a block of rows, once it is bound to a table. */
#ifndef SONDE_EVALUATE_H
#define SONDE_EVALUATE_H

#include "bind.h"
#include "entries.h"
#include "pattern.h"

/* Numbers of a block: what lies under its bits of validity. */
struct vector {
	uint8_t kind; /* KIND_INTEGER, KIND_UNSIGNED or KIND_REAL */
	union {
		int64_t *integers;
		uint64_t *numbers;
		double *reals;
	} as;
	uint64_t valid[BLOCK_WORDS];
};

/* What evaluating takes. */
struct work {
	const struct expression *expression;
	const struct binding *binding;
	struct memo *memos; /* by node */
	struct judge judge;
	struct block block;
	char *slots; /* BLOCK_ROWS values each: numbers on their way */
};

static const size_t SLOT_BYTES = BLOCK_ROWS * sizeof(uint64_t);

/* How many slots it takes. */
uint32_t evaluate_slot_count(const struct expression *expression);

void evaluate(struct work *work, uint32_t node, struct truth *ret_truth);

/* The numbers that a node comes to, in a slot; those above it are used on the way. */
void vector_make(struct work *work, uint32_t node, uint32_t slot, struct vector *ret_vector);
void vector_compare(const struct block *block, enum operation operation, const struct vector *left,
		    const struct vector *right, struct truth *ret_truth);
/* Which are among the items of a list. */
void vector_list(const struct block *block, const struct expression *expression,
		 const struct node *list, const struct vector *vector, struct truth *ret_truth);

#endif

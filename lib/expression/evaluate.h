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
	char *slots;  /* BLOCK_ROWS values each: numbers on their way */
	char *joined; /* room for two texts that concat makes; NULL: it makes none */
};

static const size_t SLOT_BYTES = BLOCK_ROWS * sizeof(uint64_t);

/* How many slots it takes. */
uint32_t evaluate_slot_count(const struct expression *expression);

void evaluate(struct work *work, uint32_t node, struct truth *ret_truth);

/* The numbers that a node comes to, in a slot; those above it are used on the way. */
void vector_make(struct work *work, uint32_t node, uint32_t slot, struct vector *ret_vector);
void vector_compare(const struct block *block, enum operation operation, const struct vector *left,
		    const struct vector *right, struct truth *ret_truth);
enum { VALUE_BYTES = 64 };

/* The value of a row by itself: KIND_NONE if it has none, KIND_OTHER for what is nested. Texts and
 * ids lie in the batch. */
struct value value_read(const struct sonde_column *column, uint32_t row);

/* A value as a text: a text as it is, all else in VALUE_BYTES of room; an id in hexadecimal digits.
 * False: it has none. */
bool value_write(const struct value *value, char *room, struct sonde_text *ret_text);

/* The text that concat makes for a row, at most EXPRESSION_TEXT_BYTES, into a buffer of that size.
 * False: null. */
bool concat_row(struct work *work, uint32_t node, uint32_t row, char *buffer,
		struct sonde_text *ret_text);

/* The type of the values that a node comes to, and how many bytes one takes: of texts a struct
 * sonde_text. */
uint32_t make_type(const struct work *work, uint32_t node);
uint32_t make_size(uint32_t type);

/* Those of a block, one after the other, and which rows have one. Texts that concat makes are
 * appended to `bytes`, and their data is the place there instead of a pointer. -ENOMEM. */
struct made_bytes {
	char *data;
	size_t length, capacity;
};
int make_block(struct work *work, uint32_t node, struct made_bytes *bytes, void *values,
	       uint64_t *ret_valid);

/* Which are among the items of a list. */
void vector_list(const struct block *block, const struct expression *expression,
		 const struct node *list, const struct vector *vector, struct truth *ret_truth);

#endif

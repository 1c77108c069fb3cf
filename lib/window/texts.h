/* SPDX-License-Identifier: Apache-2.0 */
/* Columns with a dictionary, by interned codes: a text is looked for once for each entry. */
#ifndef SONDE_TEXTS_H
#define SONDE_TEXTS_H

#include "intern.h"

/* The interned codes of the entries of a dictionary. Begins as zeros. */
struct text_memo {
	uint32_t *codes; /* by entry: interned code + 1; 0: not looked for yet */
	uint32_t capacity, filled;
	const struct sonde_dictionary *dictionary; /* that they are of */
	struct sonde_batch *holder; /* keeps that one alive, so that it is still the same; NULL: it
				     * is not, and they are forgotten with the batch */
};

/* To be called for each batch before its codes are asked for. A dictionary that comes a second
 * time, and so will again, is held. False: texts are better looked for as they come. */
bool text_memo_prepare(struct text_memo *memo, struct sonde_instance *instance,
		       const struct sonde_batch *batch, const struct sonde_column *column);
void text_memo_forget(struct text_memo *memo, struct sonde_instance *instance);
void text_memo_clear(struct text_memo *memo, struct sonde_instance *instance);

uint32_t text_memo_fill(struct text_memo *memo, const struct sonde_column *column,
			struct intern *intern, uint32_t entry);

/* The interned code of an entry, or INTERN_FULL; after a true text_memo_prepare(). */
static inline uint32_t text_memo_code(struct text_memo *memo, const struct sonde_column *column,
				      struct intern *intern, uint32_t entry)
{
	uint32_t code = entry < memo->filled ? memo->codes[entry] : 0;

	return code ? code - 1 : text_memo_fill(memo, column, intern, entry);
}

/* The same without a memo. */
uint32_t text_code(const struct sonde_column *column, struct intern *intern, uint32_t entry);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Columns with a dictionary: what is asked of their texts is worked out once for an entry, and
 * looked up for each row by its code. */
#ifndef SONDE_ENTRIES_H
#define SONDE_ENTRIES_H

#include "pattern.h"
#include "range.h"

/* What is known of the entries of a dictionary. Begins as zeros. */
struct memo {
	unsigned char *answers; /* enum answer, by code + 1; first that of codes out of range */
	uint32_t capacity;      /* answers there is room for */
	uint32_t filled;        /* answers that are set, if only to ANSWER_UNKNOWN */
	const struct sonde_dictionary *dictionary; /* that they are of */
	struct sonde_batch *holder; /* keeps that one alive, so that it is still the same; NULL: it
				     * is not, and they are forgotten with the batch */
};

/* What judging texts takes. */
struct judge {
	struct sonde_instance *instance; /* NULL: nothing is held */
	struct pattern_scratch *scratch;
	struct matcher_counts *counts;
};

/* The rows of which the node is true, by their entries; column is that of its left operand. */
void entries_run(struct judge *judge, struct memo *memo, const struct block *block,
		 const struct sonde_column *column, const struct expression *expression,
		 const struct node *node, struct truth *ret_truth);
void memo_clear(struct judge *judge, struct memo *memo);

/* What an encoded AnyValue is: boolean, integer, real or text; bytes too are text; KIND_OTHER:
 * nothing, or a nested value. */
struct value any_value(struct sonde_text encoded);

/* The text of an entry of such a column: of a metric its name. */
struct sonde_text entry_text(const struct sonde_column *column, struct sonde_text entry);

/* Whether a literal of the same kind is in a list; a nested value never is. */
bool list_has(const struct expression *expression, const struct node *list,
	      const struct value *value);

/* Whether a node that asks something of a text is true of it, negation left out. 1, 0; -ELOOP: it
 * would take too long to tell. */
int text_holds(const struct expression *expression, const struct node *node,
	       struct pattern_scratch *scratch, struct sonde_text text);

/* A batch of no rows that has a reference to the dictionary: while it is there, no other dictionary
 * can come to lie where this one does. NULL: no memory. */
struct sonde_batch *dictionary_keeper(struct sonde_instance *instance,
				      const struct sonde_dictionary *dictionary);

#endif

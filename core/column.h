/* SPDX-License-Identifier: Apache-2.0 */
/* What is private about batches and their columns: for batch.c, column.c, compact.c and what reads
 * and writes frames. */
#ifndef SONDE_COLUMN_H
#define SONDE_COLUMN_H

#include <sonde/plugin.h>
#include "receipt.h"

/* A column of a batch. What is not `own` belongs to a parent, which the batch holds. */
struct column {
	struct sonde_column view; /* first: what readers see */
	unsigned char *bits; /* own room for `valid`, in use where view.valid is this; or NULL */
	size_t heap_bytes;   /* of the own block behind view.heap; 0: it is not ours */
	bool own;            /* base, and a reference on the dictionary */
	bool zero_is_null;
	bool lasting_texts; /* name, unit and help outlive every batch */
};

/* A block of storage of a batch besides its first. */
struct piece {
	struct piece *next;
	size_t size;
};

/* A batch, at the start of its first block of storage: behind it come columns, rows, and spare
 * room for small pieces. */
struct batch {
	struct sonde_batch head; /* first: what readers see */
	uint32_t references;     /* atomic */
	bool finished;
	bool lasting_schema; /* the name of the schema outlives every batch */
	uint8_t depth;       /* of children below it */
	uint32_t column_capacity;
	uint32_t row_capacity;
	uint32_t child_capacity, inherited_count; /* of children; the first ones are the parent's */
	struct sonde_batch **children;
	struct batch *parent;                     /* held; NULL: not derived */
	struct sonde_dictionary *original_memory; /* held for the originals; NULL: they are a
						   * parent's, or there are none */
	unsigned char *rows;                      /* of a created batch */
	unsigned char *bits;                      /* own room for `selected`; NULL: none yet */
	struct piece *pieces;
	unsigned char *spare;
	size_t spare_bytes;
	size_t block_bytes; /* of its first block */
	size_t piece_bytes; /* of its pieces */
	size_t bytes;       /* that it keeps; since batch_finish() */
	struct receipts receipts;
};

static inline struct batch *batch_of(struct sonde_batch *head)
{
	return (struct batch *)(void *)head;
}

static inline struct column *batch_column(struct batch *batch, uint32_t index)
{
	return (struct column *)(void *)batch->head.columns + index;
}

/* Bytes of one bit for each row, in whole words. */
static inline size_t bits_bytes(uint32_t row_count)
{
	return ((size_t)row_count + 63) / 64 * 8;
}

/* A batch with room for columns and, behind them, for rows. NULL: no memory. */
struct batch *batch_make(uint32_t column_capacity, uint32_t row_capacity, size_t row_bytes);

/* Memory that lives as long as the batch, aligned for any value, not zeroed. NULL: no memory. */
void *batch_memory(struct batch *batch, size_t size);

/* A copy of a text in that memory; NULL stays NULL. false: no memory. */
bool batch_text(struct batch *batch, const char *text, const char **ret_copy);

/* Makes room for one more column: a zeroed one, not counted yet. NULL: no memory. */
struct column *column_next(struct batch *batch);

/* A row of a derived batch is not what it was any more, if what changes is of that scope. */
static inline void batch_alter(struct batch *batch, uint32_t scope)
{
	if (batch->parent && scope == SONDE_SCOPE_ROW)
		batch->head.originals = NULL;
}

/* Gives up what a column owns outside of the batch's memory. */
void column_clear(struct column *column);

/* More words at the end of a column's own heap, zeroed. NULL: no memory, or over 2^32 words. */
uint64_t *column_heap(struct column *column, uint32_t count, uint32_t *ret_start);

/* Clears the bits of rows that are all zero bytes. Sets view.valid where there are any. */
void column_mark_zeros(struct column *column, uint32_t row_count);

/* The sum over the selected rows of a column of events; saturates. */
uint64_t column_events(const struct sonde_column *view, const struct sonde_batch *batch);

#endif

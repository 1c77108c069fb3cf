/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of keys, as values of columns: entries that rows of a batch point at, from which
 * its new columns are made. Text is codes of one dictionary a column. */
#ifndef ENRICH_FACTS_H
#define ENRICH_FACTS_H

#include <sonde/plugin.h>

enum { FACT_LIMIT = 32 }; /* columns of one set */
enum { FACT_NONE = 0 };   /* the entry that says nothing */

struct fact_column {
	struct sonde_field field;            /* name, type and scope are used */
	struct sonde_dictionary *dictionary; /* of text and any; NULL: it holds numbers */
	uint64_t *values;                    /* codes or numbers, by entry */
};

/* Zeroed, it is to be opened. */
struct facts {
	struct sonde_instance *instance;
	struct fact_column columns[FACT_LIMIT];
	uint32_t column_count;
	bool overwrite; /* columns that a batch has already are replaced */
	/* by entry */
	uint32_t *present; /* bit c: column c has a value */
	uint32_t *batches; /* the batch that used it last */
	uint32_t count, capacity;
	size_t text_bytes; /* put into the dictionaries so far */
	/* of the batch that is being looked at */
	uint32_t batch;   /* its number; never 0 */
	uint32_t *places; /* entry by row */
	uint32_t place_capacity;
	uint32_t *used; /* entries, each once */
	uint32_t used_count, used_capacity;
};

/* A batch on its way: derived once something is added to it. */
struct enriched {
	struct sonde_batch *from;
	struct sonde_batch *derived; /* NULL: not yet */
};

/* The batch to add to. NULL: no memory. */
struct sonde_batch *enriched_open(struct sonde_instance *instance, struct enriched *enriched);

/* Whether the batch has an attribute of this name, of any scope. */
bool enriched_has(const struct enriched *enriched, const char *name);

/* -ENOMEM. facts_close() follows in any case. The names stay the caller's. */
int facts_open(struct facts *facts, struct sonde_instance *instance,
	       const struct sonde_field *fields, uint32_t count);
void facts_close(struct facts *facts);

/* Forgets all entries, with their texts. -ENOMEM: all is as it was. */
int facts_clear(struct facts *facts);

/* A new entry without values; FACT_NONE: no memory. */
uint32_t facts_add(struct facts *facts);

/* Takes the values of an entry away, for others. */
void facts_empty(struct facts *facts, uint32_t entry);

/* Gives an entry a value. A text that no memory is found for is left out. */
void facts_number(struct facts *facts, uint32_t entry, uint32_t column, uint64_t value);
void facts_text(struct facts *facts, uint32_t entry, uint32_t column, const char *data,
		size_t length);

/* Before the rows of a batch are given their entries, in `places`, which all begin as FACT_NONE.
 * -ENOMEM. */
int facts_begin(struct facts *facts, uint32_t row_count);

/* After that. Adds the columns for which any of the entries in `used` has a value. -ENOMEM: some of
 * them. */
int facts_write(struct facts *facts, struct enriched *enriched);

size_t facts_bytes(const struct facts *facts);

/* To be called for each entry that a row is given, FACT_NONE included. */
static inline void facts_use(struct facts *facts, uint32_t entry)
{
	if (facts->batches[entry] == facts->batch)
		return;
	facts->batches[entry] = facts->batch;
	facts->used[facts->used_count++] = entry;
}

#endif

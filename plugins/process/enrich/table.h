/* SPDX-License-Identifier: Apache-2.0 */
/* A table from a file: what its records say of rows whose columns have the values of its key. */
#ifndef ENRICH_TABLE_H
#define ENRICH_TABLE_H

#include <sys/stat.h>

#include "facts.h"
#include "index.h"

enum { TABLE_KEYS = 4, TABLE_COLUMNS = 24, TABLE_RECENT = 256, TABLE_NAME_BYTES = 128 };
enum table_format { TABLE_AUTO, TABLE_CSV, TABLE_JSON };

/* The options of one. */
struct table_settings {
	const char *file;
	struct sonde_texts key, columns; /* "COLUMN" or "COLUMN=FIELD" */
	uint32_t format;                 /* enum table_format */
};

/* A name of a column of rows, and of a field of the file. */
struct table_name {
	char column[TABLE_NAME_BYTES];
	char field[TABLE_NAME_BYTES];
};

/* What a file held. */
struct table_content {
	struct facts facts;
	struct index index;
	uint32_t *lines; /* by entry: where its record begins */
	uint32_t line_capacity;
	size_t key_longest; /* bytes */
	struct stat seen;   /* of the file */
};

struct table {
	struct sonde_instance *instance;
	const struct table_settings *settings;
	struct table_name keys[TABLE_KEYS], columns[TABLE_COLUMNS];
	uint32_t key_count, column_count;
	size_t limit_bytes; /* of the file */
	bool overwrite;
	bool loaded;
	struct table_content content;
	struct stat refused; /* of a file that was refused, so that it is not read again */
	bool is_refused;
	char problem[512]; /* why; "": nothing is wrong */
	char *key;         /* room for the longest */
	struct {
		uint64_t parts[TABLE_KEYS];
		uint32_t batch, entry;
	} recent[TABLE_RECENT];
	uint64_t hit_count, miss_count, load_count;
	int64_t loaded_ns; /* wall clock */
	double load_ms;
};

/* Reads the names. false: `why` says what is wrong with which option. */
bool table_open(struct table *table, struct sonde_instance *instance,
		const struct table_settings *settings, size_t limit_bytes, char *why,
		size_t why_bytes);
void table_close(struct table *table);

/* Reads the file if it is another than the one read last. 0; -EAGAIN: it is wrong still, as
 * `problem` said before; another negative errno: it is wrong, and `problem` says where. What was
 * read before stays then. */
int table_load(struct table *table);

/* Adds the columns for rows that the table knows. -ENOMEM. */
int table_add(struct table *table, struct enriched *enriched);

#endif

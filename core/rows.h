/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into batches: what sonde_row() hands out and sonde_emit() commits, for each schema. */
#ifndef SONDE_ROWS_H
#define SONDE_ROWS_H

#include <sonde/plugin.h>

enum { ROWS_PER_BATCH = 1000 };

struct rows_builder;

/* The rows of one instance. Only on its thread. */
struct rows {
	const struct sonde_plugin *plugin;
	struct rows_builder *builders; /* one for each schema */
	uint32_t count;
	struct sonde_dictionary *dictionary; /* texts of fields that are not bound */
	void *scratch;                       /* handed out when memory is refused */
	uint64_t refused_rows;               /* handed out as scratch and not booked yet */
	uint64_t refused_texts;              /* that the empty one stands for, and not said yet */
	void (*send)(void *data, struct sonde_batch *batch); /* takes over the reference */
	void *data;
	int64_t sent_ns; /* monotonic: when a batch was sent last */
};

int rows_init(struct rows *rows, const struct sonde_plugin *plugin, uint32_t schema_count,
	      void (*send)(void *, struct sonde_batch *), void *data);
void rows_clear(struct rows *rows); /* committed rows are sent before by rows_flush() */

/* As the services of the plugin header that they stand behind. */
void *rows_row(struct rows *rows, uint32_t schema);
void rows_null(struct rows *rows, uint32_t schema, uint32_t field);
uint32_t rows_text(struct rows *rows, const void *data, size_t length, bool intern);
uint64_t *rows_heap(struct rows *rows, uint32_t schema, uint32_t field, uint32_t count,
		    uint32_t *ret_start);
int rows_bind(struct rows *rows, uint32_t schema, uint32_t field,
	      struct sonde_dictionary *dictionary);
struct sonde_batch *rows_batch(struct rows *rows, uint32_t schema, uint32_t capacity);

/* Commits what was handed out; full batches are sent. */
void rows_emit(struct rows *rows);

/* Takes back rows handed out and not committed: at the end of every callback. */
void rows_settle(struct rows *rows);

/* Whether committed rows wait to be sent; and sends them. Amid a callback a schema of which a row
 * is handed out and not committed waits on. */
bool rows_waiting(const struct rows *rows);
void rows_flush(struct rows *rows, int64_t now_ns);

#endif

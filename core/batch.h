/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: strided columns over shared storage. The private side of struct sonde_batch. */
#ifndef SONDE_BATCH_H
#define SONDE_BATCH_H

#include <sonde/plugin.h>
#include "receipt.h"

/* Every struct sonde_batch in the daemon is the first member of one of ours. Until batch_finish()
 * one thread owns it; afterwards it does not change and any thread may hold and release it. */

/* An empty batch of a schema (host-sized tables) with room for rows, which is not zeroed.
 * dictionaries: one for each field, NULL entries for fields without, or NULL; the batch takes
 * references. The schema need not last, its texts must. NULL: no memory. */
struct sonde_batch *batch_create(const struct sonde_schema *schema, uint32_t row_capacity,
				 struct sonde_dictionary *const *dictionaries);
struct sonde_batch *batch_table(const char *schema, uint32_t signal, uint32_t row_count);
struct sonde_batch *batch_derive(struct sonde_batch *batch); /* finishes the other */
struct sonde_batch *batch_hold(struct sonde_batch *batch);
void batch_release(struct sonde_batch *batch); /* NULL is fine */

/* As the services of the plugin header. On a finished batch they return -EROFS, or NULL. */
void *batch_rows(struct sonde_batch *batch); /* NULL: it was not created from a schema */
uint32_t batch_capacity(const struct sonde_batch *batch);
int batch_resize(struct sonde_batch *batch, uint32_t row_count);
struct sonde_column *batch_add(struct sonde_batch *batch, const struct sonde_field *field,
			       struct sonde_dictionary *dictionary);
struct sonde_column *batch_constant(struct sonde_batch *batch, const struct sonde_field *field,
				    struct sonde_dictionary *dictionary, const void *value);
int batch_remove(struct sonde_batch *batch, uint32_t column);
unsigned char *batch_valid(struct sonde_batch *batch, uint32_t column);
uint64_t *batch_heap(struct sonde_batch *batch, uint32_t column, uint32_t count,
		     uint32_t *ret_start);
int batch_select(struct sonde_batch *batch, const unsigned char *bits);
int batch_adopt(struct sonde_batch *batch, struct sonde_batch *child);
struct sonde_text *batch_originals(struct sonde_batch *batch, uint32_t format,
				   struct sonde_dictionary *dictionary);

/* See sonde_batch_done(). */
void batch_done(struct sonde_batch *batch, uint32_t kind);

/* Publishes: sets dictionary lengths, validity of zero_is_null fields, signal, selected and event
 * counts. Idempotent. From here on the batch is read-only. */
void batch_finish(struct sonde_batch *batch);

/* Rows that were read again after a crash: see sonde_is_replayed(). Before batch_finish(). The bit
 * of `done` that says so. */
enum { BATCH_REPLAYED_BIT = 31 };
void batch_mark_replayed(struct sonde_batch *batch);

/* Whether somebody waits for its rows, or for those that it keeps in memory by being derived. */
bool batch_is_awaited(struct sonde_batch *batch);

/* A finished batch that nobody else holds: this one, without another reference, or one derived from
 * it, finished too. NULL: no memory. */
struct sonde_batch *batch_alone(struct sonde_batch *batch);

/* Adds a constant to a batch that only its sender has, even if it is finished, for the rows whose
 * bits are set (NULL: all); batch_bytes() stays what it was, as its sender may have asked for that
 * much room. Nothing is added where others hold the batch too. -ENOMEM. */
int batch_describe(struct sonde_batch *batch, const struct sonde_field *field,
		   struct sonde_dictionary *dictionary, const void *value,
		   const unsigned char *rows);

/* The same for rows that have no value in a column of texts, bytes or any: they get this one. For
 * the owner of the column's dictionary, to which it is added. -ENOMEM: all is as it was. */
int batch_fill(struct sonde_batch *batch, uint32_t column, const void *data, size_t length,
	       const unsigned char *rows);

/* Memory that holding this batch keeps from being freed: rows, columns, heaps, parents, children,
 * and of each dictionary the part that falls to it among all who held one then. Cheap: computed by
 * batch_finish(); 0 before. */
size_t batch_bytes(const struct sonde_batch *batch);

/* A batch of the selected rows of a finished one, finished too, that keeps nothing else of it
 * alive: children renumbered, constants kept, dictionaries copied where few entries are used; it
 * carries the receipts. The same batch with one more reference where all rows are selected. NULL:
 * no memory. */
struct sonde_batch *batch_compact(struct sonde_batch *batch);

/* Who waits for these rows. Owned by the batch; derived and compacted batches carry them on. */
struct receipts *batch_receipts(struct sonde_batch *batch);

/* The first column of a role at or after `from`, or column_count. */
uint32_t batch_column_of(const struct sonde_batch *batch, uint32_t role, uint32_t from);

/* Size of a value of a type in a column; 0 for a type that no column has. */
uint32_t type_size(uint32_t type);
const char *type_name(uint32_t type);
const char *role_name(uint32_t role);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as CSV (RFC 4180): a header of column names, then a record a row, ended by CR LF.
 *
 * What belongs to the resource or the instrumentation scope has "resource." or "scope." before its
 * name. A cell without a value is empty, an empty text is "". Texts are as they are; times, ids,
 * bytes and numbers as in JSON lines without the quotes; nested values, metrics and histograms are
 * JSON in a cell; child tables are JSON arrays of their rows. */
#ifndef SONDE_FILE_CSV_H
#define SONDE_FILE_CSV_H

#include <sonde/plugin.h>
#include "header.h"
#include "lines.h"

struct csv;

/* schema: whether the first column is the schema's name. NULL: no memory. */
struct csv *csv_create(struct sonde_instance *instance, bool schema);
void csv_release(struct csv *csv); /* NULL is fine */

/* What follows is about this batch. -ENOMEM. */
int csv_bind(struct csv *csv, const struct sonde_batch *batch);

/* Whether the header has all columns of the batch. */
bool csv_fits(const struct csv *csv, const struct header *header);

/* Adds those that it lacks; one that would have too many then begins anew with those of the batch.
 * -ENOMEM, or -E2BIG: the batch has too many. */
int csv_extend(struct csv *csv, struct header *header);

/* Records that follow are in the order of this header, which fits; rows of the batch ascend.
 * -ENOMEM. */
int csv_order(struct csv *csv, const struct header *header);

/* Appends the record of a row. -ENOMEM: `out` has the length that it had. */
int csv_row(struct csv *csv, uint32_t row, struct json *out);

#endif

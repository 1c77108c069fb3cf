/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as JSON lines: one object a row, written straight from the columns.
 *
 * Keys are column names in the order of the columns, behind "schema". A row without a value has no
 * key. Times are RFC 3339 in UTC with nanoseconds, durations integers of ns, ids hex, bytes base64,
 * nested values native JSON. A histogram is an object of its members, the buckets as they are. What
 * belongs to the resource or to the instrumentation scope stands in objects "resource" and "scope".
 * A metric is an object of its name, unit, kind, temporality. Child tables are arrays of objects
 * in the parent's: "events", "links", "exemplars", or the child's schema name.
 */
#ifndef SONDE_LINES_H
#define SONDE_LINES_H

#include <sonde/plugin.h>
#include "json.h"

struct lines; /* what is worked out once for a batch, and memory to do so */

/* schema: whether each line opens with "schema". NULL: no memory. */
struct lines *lines_create(struct sonde_instance *instance, bool schema);
void lines_release(struct lines *lines); /* NULL is fine */

/* Appends a line for every selected row. -ENOMEM: `out` has the length that it had. */
int lines_write(struct lines *lines, const struct sonde_batch *batch, struct json *out);

/* The same row by row: of the batch bound last, in any order, each as often as wanted. -ENOMEM:
 * nothing is bound, or `out` has the length that it had. */
int lines_bind(struct lines *lines, const struct sonde_batch *batch);
int lines_row(struct lines *lines, uint32_t row, struct json *out);

/* Appends one value as it stands in a line; null where there is none. */
void lines_write_value(struct lines *lines, const struct sonde_column *column, uint32_t row,
		       struct json *out);

#endif

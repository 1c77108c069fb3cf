/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as lines of OTLP/JSON: an export request of one signal each. */
#ifndef SONDE_FILE_REQUESTS_H
#define SONDE_FILE_REQUESTS_H

#include <sonde/plugin.h>
#include "json.h"

struct requests;

struct requests *requests_create(void);           /* NULL: no memory */
void requests_release(struct requests *requests); /* NULL is fine */

/* What follows is about this batch. -E2BIG: OTLP has nothing for it. */
int requests_bind(struct requests *requests, const struct sonde_batch *batch);

/* Appends a line of rows of the batch: of *row and those behind it in `next` (by row, ascending;
 * UINT32_MAX: none), as many as make a line, or nothing if OTLP can say none of them. *row is then
 * the first that is not in it. Returns how many are, or -ENOMEM: `out` has the length that it had.
 */
int requests_line(struct requests *requests, const uint32_t *next, uint32_t *row, struct json *out);

/* Rows of the batch that no line so far could say. */
uint64_t requests_left_out(const struct requests *requests);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a test expects holds: rows are looked at as they come and not kept, so that a test
 * takes no more memory than its first rows that differ. */
#ifndef SONDE_JUDGE_H
#define SONDE_JUDGE_H

#include <stdio.h>

#include "expectation.h"

struct judge;

/* Borrows the expectations and the names of the outputs. sample_limit: rows that are kept to be
 * shown of each thing that does not hold. NULL: no memory. */
struct judge *judge_create(const struct expectation *expectations, uint32_t count,
			   const char *const *outputs, uint32_t output_count,
			   uint32_t sample_limit);
void judge_release(struct judge *judge); /* NULL is fine */

/* Looks at a batch that reached an output, by its number. One thread at a time for each output. */
void judge_take(struct judge *judge, uint32_t output, const struct sonde_batch *batch);

/* What is left to say once all rows have come: the expectations that do not hold, each with its
 * place. Returns how many those are; -ENOMEM: some rows could not be looked at. */
int64_t judge_tell(const struct judge *judge, struct ledger *ledger, FILE *file);

/* Rows that reached an output. */
uint64_t judge_rows(const struct judge *judge, uint32_t output);

#endif

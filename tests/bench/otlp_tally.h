/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the rows of OTLP requests, and which of them were there already: a loss or a row that
 * comes twice is known by its number. */
#ifndef BENCH_OTLP_TALLY_H
#define BENCH_OTLP_TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "otlp_rows.h"

struct tally {
	uint64_t rows;       /* in all */
	uint64_t distinct;   /* with a number below the limit, the first time */
	uint64_t repeated;   /* … and each time after that */
	uint64_t unnumbered; /* without a number that can be read */
	uint64_t beyond;     /* with a number from the limit on */
	uint64_t limit;      /* numbers below this are told apart; 0: rows are only counted */
	unsigned char *seen; /* by number: how often, up to 255 */
};

/* 0 or -ENOMEM. */
int tally_create(uint64_t limit, struct tally *ret_tally);
void tally_release(struct tally *tally);

/* Forgets all rows. */
void tally_clear(struct tally *tally);

/* Rows in an encoded request: 0, or -EBADMSG where it is none. */
int tally_weigh(enum otlp_signal signal, const void *data, size_t length, uint64_t *ret_rows);

/* Counts the rows of a request but for the first `skipped`. 0, or -EBADMSG and nothing counted. */
int tally_add(struct tally *tally, enum otlp_signal signal, const void *data, size_t length,
	      uint64_t skipped);

/* Of the rows 0 to count - 1 (which the limit bounds), how many never came; prints {"missing":N,
 * "ranges":[[first,last],…]} with at most 100 ranges. */
void tally_print_missing(const struct tally *tally, uint64_t count, FILE *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for tests of the processor `sample`, and sums over what it emitted. */
#ifndef SONDE_SAMPLE_FIXTURE_H
#define SONDE_SAMPLE_FIXTURE_H

#include <sonde/test.h>

/* One that is started; the options end with NULL. */
__attribute__((sentinel)) struct sonde_test *sample_create(const char *option, ...);

/* Rows of columns "process.pid" (first, first + step, …), "number" (the same), "name" (text, of the
 * number modulo 100) and "trace" (a trace id, made of the number). texts_before: entries of the
 * dictionary that no row uses. */
struct sample_shape {
	uint32_t first, step, count, texts_before;
	uint32_t signal; /* 0: logs */
	double weight;   /* 0: no column */
};

struct sonde_batch *sample_rows(struct sonde_test *test, struct sample_shape shape);

/* A column of a batch by name, or by its role; NULL: there is none. */
const struct sonde_column *sample_column(const struct sonde_batch *batch, const char *name);
const struct sonde_column *sample_role(const struct sonde_batch *batch, uint32_t role);

/* Weights of all rows emitted, 1 where there are none. */
double sample_weights(struct sonde_test *test);

/* Marks the numbers of all rows emitted, of `size` at most. */
void sample_mark(struct sonde_test *test, unsigned char *marks, uint32_t size);

/* Lets the batches that one has emitted go through another, which is released first then. */
void sample_pass(struct sonde_test *from, struct sonde_test *to);

#endif

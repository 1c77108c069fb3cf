/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP requests like those of a service, made before a run and only stamped when they are sent: the
 * number, times and random ids of each row. So one core can offer millions of rows a second, each
 * of them different. */
#ifndef BENCH_OTLP_TEMPLATE_H
#define BENCH_OTLP_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_rows.h"

struct template;

enum { TEMPLATE_ROWS_LIMIT = 60000 };

/* A request of `row_count` rows under one resource; its texts are chosen by `seed`. NULL: no
 * memory. */
struct template *template_create(enum otlp_signal signal, uint32_t row_count, uint64_t seed);
void template_release(struct template *template);

/* The encoded request with its rows numbered from `first`; until the next call. */
const unsigned char *template_stamp(struct template *template, uint64_t first);
size_t template_length(const struct template *template);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of a batch say in OTLP, as bytes: the same for the same, wherever in the batch it
 * lies. Apart from the encoder, so that it can be held against it. */
#ifndef SONDE_OTLP_SAID_H
#define SONDE_OTLP_SAID_H

#include <stdbool.h>
#include <sonde/plugin.h>

/* Bytes in pieces, each of which lies between two starts. */
struct said {
	unsigned char *data;
	size_t length, capacity;
	size_t *starts;
	size_t count, start_capacity;
};

/* A piece for each selected row: its attributes sorted, children in their order. What has its
 * default counts as not there, where OTLP makes no difference. Without ids: a span's own are left
 * out. */
struct said said_by(const struct sonde_batch *batch, bool with_ids);
void said_sort(struct said *said);
bool said_is_same(const struct said *left, const struct said *right);
void said_release(struct said *said);

#endif

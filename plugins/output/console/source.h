/* SPDX-License-Identifier: Apache-2.0 */
/* Where rows come from: its newest interval, and the one before for what only ever counts up. */
#ifndef SONDE_CONSOLE_SOURCE_H
#define SONDE_CONSOLE_SOURCE_H

#include "picture.h"

/* The source of that hash, made if need be; NULL: no memory. Valid until the next call. */
struct source *source_find(struct table *table, uint64_t hash);

/* A new interval begins: its rows go, those of the last one are those before. -ENOMEM. */
int source_turn(struct source *source, int64_t time_ns);

/* An empty row of so many cells; NULL: no memory. Valid until the next call. */
struct row *source_row(struct source *source, uint32_t cell_count);

/* Lets go of sources of the table that have been silent for several intervals. */
void source_expire(struct table *table, int64_t now_ns);

void source_release(struct source *source);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of a batch by the names that expressions have for them, and what a row has in them. */
#ifndef CONTROL_COLUMN_H
#define CONTROL_COLUMN_H

#include <sonde/plugin.h>

enum { COLUMN_LIMIT = 4 }; /* columns of the role `value` that are looked at */

/* The column of that name: of the row, else of its scope, else of its resource; else the one of the
 * role that is called so. NULL: there is none. */
const struct sonde_column *column_find(const struct sonde_batch *batch, const char *name);

/* The same for a measure, which may be written in one of several columns of the role `value`.
 * Returns how many; 0: there is none. */
uint32_t column_find_all(const struct sonde_batch *batch, const char *name,
			 const struct sonde_column *columns[COLUMN_LIMIT]);

/* The column of a role; NULL: none. */
const struct sonde_column *column_of_role(const struct sonde_batch *batch, uint32_t role);

/* What a row has, as a text for people and for settings; "" for what cannot be one. Returns the
 * length, at most size - 1. */
size_t column_print(const struct sonde_column *column, uint32_t row, char *text, size_t size);

#endif

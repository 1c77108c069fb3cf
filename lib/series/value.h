/* SPDX-License-Identifier: Apache-2.0 */
/* Values of series: read from columns, added, compared and subtracted. */
#ifndef SONDE_SERIES_VALUE_H
#define SONDE_SERIES_VALUE_H

#include "point.h"

/* Makes the value of `fresh`, a series without one, that of the point, times its weight. */
int value_read(struct series *fresh, const struct point *point, uint32_t bucket_limit);

/* Adds that of the point. -ERANGE: explicit histograms whose bounds differ. */
int value_add_point(struct series *series, const struct point *point, uint32_t bucket_limit);

/* Whether what only grows is less than before. */
bool value_fell(const struct series *before, const struct series *after);

/* The difference of two values into a series without one. -ERANGE: it did not only grow. */
int value_subtract(const struct series *after, const struct series *before,
		   struct series *difference);

/* A copy into a series without a value. */
int value_copy(const struct series *series, struct series *copy);

/* The memory that a value takes beside its series. */
size_t value_bytes(const struct series *series);

#endif

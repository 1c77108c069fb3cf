/* SPDX-License-Identifier: Apache-2.0 */
/* Single values as another type: what fits, and what does not. */
#ifndef SONDE_CAST_H
#define SONDE_CAST_H

#include "evaluate.h"

enum { CAST_BYTES = 64 };

static inline bool type_is_number(uint32_t type)
{
	return kind_is_number(column_kind(type, 0));
}

/* A number as a value of a column of numbers, times or durations; false: it does not fit. */
bool cast_number(const struct value *value, uint32_t type, void *ret_value);

/* A value of a column of type `from` as bool, I64, double, duration or time. Plain numbers are
 * times and durations in units of unit_ns. False: it cannot be told without loss. */
bool cast_value(const struct value *value, uint32_t from, uint32_t to, int64_t unit_ns,
		void *ret_value);

/* The same as a text: in `room`, of CAST_BYTES, unless it is one already. */
bool cast_text(const struct value *value, uint32_t from, char *room, struct sonde_text *ret_text);

#endif

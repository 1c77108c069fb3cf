/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as a person reads them: few digits, a prefix, a unit. */
#ifndef SONDE_FIGURE_H
#define SONDE_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

enum unit_kind { UNIT_PLAIN, UNIT_TIME, UNIT_BYTES, UNIT_PERCENT };

/* What a column's numbers are of. */
struct unit {
	enum unit_kind kind;
	double factor; /* to ns, bytes or per cent */
};

struct unit unit_of(const char *unit, uint32_t type);

/* Whether a sum counts failures among others: the annotation {error}, or the word for it. */
bool unit_is_error(const char *unit, const char *name);

struct figure {
	char text[24];
};

/* Nothing is "–". `aligned` figures leave the columns of a missing prefix blank, so that digits
 * stand below digits. ascii: no character beyond it. */
struct figure_style {
	bool aligned, ascii;
};

struct figure figure_none(struct figure_style style);
struct figure figure_count(double value, struct figure_style style); /* 523, 12.3 k, 4.56 M */
struct figure figure_duration(double ns, struct figure_style style); /* 850 ns, 12 µs, 4.5 ms */
struct figure figure_bytes(double bytes, struct figure_style style); /* 512 B, 1.5 MiB */
struct figure figure_percent(double percent, struct figure_style style); /* 0.3 %, 12 % */
struct figure figure_of(double value, struct unit unit, struct figure_style style);
struct figure figure_grouped(uint64_t value); /* 12,345 */

#endif

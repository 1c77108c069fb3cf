/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that an instance reports for `status`: cells by table, row and column. */
#ifndef SONDE_REPORT_H
#define SONDE_REPORT_H

#include <sonde/plugin.h>
#include "arena.h"

struct report_cell {
	const char *table, *row, *column, *unit;
	const char *text; /* NULL: a number */
	double number;
	struct report_cell *next;
};

/* Filled by one instance's report(). Cells lie in the arena, in the order of coming. */
struct sonde_report {
	struct arena *arena;
	struct report_cell *first, **last;
	uint32_t count; /* at most REPORT_CELL_LIMIT; more are dropped */
};

enum { REPORT_CELL_LIMIT = 4096 };

void report_init(struct sonde_report *report, struct arena *arena);
void report_number(struct sonde_report *report, const char *table, const char *row,
		   const char *column, const char *unit, double value);
void report_text(struct sonde_report *report, const char *table, const char *row,
		 const char *column, const char *value);

#endif

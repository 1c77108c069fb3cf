/* SPDX-License-Identifier: Apache-2.0 */
/* One table on the screen: title, headings, rows, what is left out, totals. */
#ifndef SONDE_CONSOLE_TABLE_H
#define SONDE_CONSOLE_TABLE_H

#include "picture.h"

struct table_bounds {
	uint32_t width;
	uint32_t rows;        /* of data, at most */
	const char *sort;     /* column to sort by; NULL or empty: the most telling one */
	const char *line_end; /* such as "\n" */
};

enum { TABLE_FRAME_LINES = 4 }; /* title, headings, "… and 37 more", total */

/* Lines that the table would take with all its rows. */
uint32_t table_lines(const struct table *table, const struct table_bounds *bounds);

/* Draws it. Returns the number of lines, or -ENOMEM. */
int table_draw(struct table *table, const struct table_bounds *bounds, struct draw *draw);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A table of texts and numbers: which of its rows are shown in which order, and which of its
 * columns how wide. Knows nothing of a terminal. */
#ifndef SONDE_TOP_SHEET_H
#define SONDE_TOP_SHEET_H

#include <stdbool.h>
#include <stdint.h>

enum { SHEET_COLUMNS = 16, SHEET_GAP = 2, SHEET_TEXT = 64 /* bytes of a number as text */ };

enum sheet_kind {
	SHEET_WORDS,    /* a text */
	SHEET_NUMBER,   /* a number that stands for something, in all its digits */
	SHEET_COUNT,    /* how many */
	SHEET_BYTES,    /* a number of bytes */
	SHEET_SHARE,    /* per cent */
	SHEET_DURATION, /* ns */
};

struct sheet_column {
	const char *title;
	enum sheet_kind kind;
	uint32_t least; /* a text may be cut down to that */
	uint32_t keep;  /* where there is no room the lowest go first */
	bool alarm;     /* anything but 0 is bad news */
};

struct sheet_cell {
	const char *text; /* of words; not owned */
	double number;
	bool known;
};

struct sheet {
	const struct sheet_column *columns; /* ended by title NULL */
	uint32_t column_count;
	struct sheet_cell *cells; /* row after row */
	uint32_t row_count, row_capacity;
	uint32_t *order; /* of the rows that are shown */
	uint32_t shown_count;
};

/* How a user wants to see it. */
struct sheet_view {
	uint32_t sort; /* column */
	bool descending;
	char filter[48]; /* rows with that in a text are shown, whatever its case; "": all */
};

void sheet_begin(struct sheet *sheet, const struct sheet_column *columns); /* empties it */
void sheet_release(struct sheet *sheet);

/* A new row, zeroed: all unknown. NULL: no memory. Valid until the next. */
struct sheet_cell *sheet_row(struct sheet *sheet);

void sheet_words(struct sheet_cell *cell, const char *text);
void sheet_number(struct sheet_cell *cell, double number);

/* Which rows are shown, and in which order; rows that compare equal stay as they came. */
void sheet_arrange(struct sheet *sheet, const struct sheet_view *view);

/* A cell of the place-th row that is shown. */
const struct sheet_cell *sheet_at(const struct sheet *sheet, uint32_t place, uint32_t column);

/* How wide each column is at most in `width` columns of a terminal; 0: it is not shown. The one
 * that is sorted by goes last. */
void sheet_layout(const struct sheet *sheet, const struct sheet_view *view, uint32_t width,
		  bool ascii, uint32_t widths[SHEET_COLUMNS]);

/* The text of a cell: its own, or a number in the buffer. */
const char *sheet_text(const struct sheet_column *column, const struct sheet_cell *cell, bool ascii,
		       char buffer[SHEET_TEXT]);

bool sheet_is_right(const struct sheet_column *column); /* numbers stand to the right */

#endif

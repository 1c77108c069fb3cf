/* SPDX-License-Identifier: Apache-2.0 */
/* Prose and tables for a terminal: wrapped, indented, in colour where that is wanted. */
#ifndef SONDE_PAGE_H
#define SONDE_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum tint { TINT_HEADING, TINT_NAME, TINT_FAINT, TINT_PLAIN };

struct page {
	FILE *file;
	bool colour;
	unsigned width;  /* columns of a line */
	unsigned column; /* where the line being written stands, from 0 */
};

/* Characters of a text, as columns. */
unsigned text_columns(const char *text);

/* Goes to the column, which lies to the right; or on to the next line where it does not. */
void page_move(struct page *page, unsigned column);

/* Writes text as it is. */
void page_put(struct page *page, enum tint tint, const char *text);

/* Writes words from where the line stands; what does not fit goes on at column `indent`. A line
 * break in the text is a blank, an empty line a new paragraph. */
void page_wrap(struct page *page, enum tint tint, unsigned indent, const char *text);

void page_end(struct page *page);   /* ends a line that has begun */
void page_blank(struct page *page); /* and leaves one empty */

#endif

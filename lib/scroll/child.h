/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a span, below it: a line for each of its events and links. */
#ifndef SONDE_CHILD_H
#define SONDE_CHILD_H

#include "scroll.h"

enum { CHILD_TABLES = 4, CHILD_LINES = 8 /* of a table below one row; more are counted */ };

/* The child tables of a batch that have lines. */
struct children {
	struct {
		const struct sonde_batch *batch;
		const struct sonde_column *parent;
		struct line_columns columns;
	} tables[CHILD_TABLES];
	uint32_t count;
};

void children_find(struct children *children, const struct sonde_batch *batch);

/* Draws those of a row, whole lines. depth: of the row in its tree. */
void children_draw(const struct children *children, uint32_t row, uint32_t depth,
		   const struct scroll_bounds *bounds, struct phrase *phrase, struct draw *draw);

#endif

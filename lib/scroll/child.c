// SPDX-License-Identifier: Apache-2.0
/* What belongs to a span, below it: a line for each of its events and links. */
#include <stdio.h>
#include "child.h"

static const struct sonde_column *parent_column(const struct sonde_batch *batch)
{
	for (uint32_t index = 0; index < batch->column_count; index++)
		if (sonde_column(batch, index)->role == SONDE_ROLE_PARENT_ROW)
			return sonde_column(batch, index);
	return NULL;
}

void children_find(struct children *children, const struct sonde_batch *batch)
{
	children->count = 0;
	for (uint32_t index = 0; index < batch->child_count; index++) {
		const struct sonde_batch *child = batch->children[index];
		const struct sonde_column *parent = parent_column(child);

		if (!parent || children->count == CHILD_TABLES ||
		    (child->signal != SONDE_SIGNAL_SPAN_EVENT &&
		     child->signal != SONDE_SIGNAL_SPAN_LINK))
			continue;
		children->tables[children->count].batch = child;
		children->tables[children->count].parent = parent;
		line_columns_find(&children->tables[children->count].columns, child);
		children->count++;
	}
}

/* The first row of a child table that belongs to a row of the parent's or to a later one: parents
 * never descend. */
static uint32_t first_of(const struct sonde_batch *child, const struct sonde_column *parent,
			 uint32_t row)
{
	uint32_t low = 0, high = child->row_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sonde_number_at(parent, middle) < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void draw_more(uint32_t count, bool link, uint32_t depth, const struct scroll_bounds *bounds,
		      struct phrase *phrase, struct draw *draw)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s %u more %s", phrase->ascii ? "..." : "…", count,
		       link ? "links" : "events");
	line_draw_note(text, depth, bounds->width, draw);
	draw_line_end(draw, bounds->line_end);
}

void children_draw(const struct children *children, uint32_t row, uint32_t depth,
		   const struct scroll_bounds *bounds, struct phrase *phrase, struct draw *draw)
{
	for (uint32_t index = 0; index < children->count; index++) {
		const struct sonde_batch *child = children->tables[index].batch;
		const struct sonde_column *parent = children->tables[index].parent;
		bool link = child->signal == SONDE_SIGNAL_SPAN_LINK;
		uint32_t drawn = 0, more = 0;

		for (uint32_t at = first_of(child, parent, row);
		     at < child->row_count && sonde_number_at(parent, at) == row; at++) {
			if (!sonde_selected(child, at))
				continue;
			if (drawn == CHILD_LINES) {
				more++;
				continue;
			}
			line_draw_child(&children->tables[index].columns, at, depth, bounds->width,
					link, phrase, draw);
			draw_line_end(draw, bounds->line_end);
			drawn++;
		}
		if (more)
			draw_more(more, link, depth, bounds, phrase, draw);
	}
}

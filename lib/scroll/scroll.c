// SPDX-License-Identifier: Apache-2.0
/* Rows as lines, one a row: events in aligned columns, logs with their body, spans as trees. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "child.h"
#include "heading.h"
#include "scroll.h"
#include "branch.h"

enum { WIDTH_LIMIT = 60, SAMPLE_ROWS = 200, LEAST_WIDTH = 10 };

/* An event's columns at the widths of this line. */
struct grid {
	struct shape *shape;
	const struct line_columns *columns;
	uint32_t widths[SCROLL_COLUMNS]; /* by detail; 0: there is no room for it */
	bool right[SCROLL_COLUMNS];
	uint32_t gap; /* blanks between columns */
};

bool scroll_is_measured(const struct sonde_batch *batch)
{
	for (uint32_t index = 0; index < batch->column_count; index++) {
		uint32_t role = sonde_column(batch, index)->role;

		if (role == SONDE_ROLE_SUM || role == SONDE_ROLE_GAUGE ||
		    role == SONDE_ROLE_HISTOGRAM || role == SONDE_ROLE_METRIC)
			return true;
	}
	return false;
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *from = data;

	for (size_t place = 0; place < length; place++)
		hash = (hash ^ from[place]) * 0x100000001b3u;
	return (hash ^ length) * 0x100000001b3u;
}

static struct shape *shape_find(struct scroll *scroll, const char *schema)
{
	struct shape *shape;

	for (uint32_t index = 0; index < scroll->shape_count; index++)
		if (strcmp(scroll->shapes[index].schema, schema) == 0)
			return &scroll->shapes[index];
	if (scroll->shape_count ==
	    SCROLL_SHAPES) { /* the first makes room; widths are learnt anew */
		scroll->headed = NULL;
		free(scroll->shapes[0].schema);
		memmove(&scroll->shapes[0], &scroll->shapes[1],
			(SCROLL_SHAPES - 1) * sizeof(scroll->shapes[0]));
		scroll->shape_count--;
	}
	shape = &scroll->shapes[scroll->shape_count];
	memset(shape, 0, sizeof(*shape));
	shape->schema = strdup(schema);
	if (!shape->schema)
		return NULL;
	scroll->shape_count++;
	return shape;
}

/* Where the width of a column is kept, once learnt: lines of later batches stay aligned. */
static uint32_t *shape_width(struct shape *shape, const char *name)
{
	uint64_t hash = hash_bytes(0, name, strlen(name));

	for (uint32_t index = 0; index < shape->count; index++)
		if (shape->columns[index].name == hash)
			return &shape->columns[index].width;
	if (shape->count == SCROLL_COLUMNS)
		return NULL;
	shape->columns[shape->count].name = hash;
	shape->columns[shape->count].width = 0;
	return &shape->columns[shape->count++].width;
}

/* What heads a column: all of its name where the short form is another's too. */
static struct label label_above(const struct line_columns *columns, uint32_t detail,
				struct phrase *phrase)
{
	const char *name = columns->details[detail]->name;
	struct heading heading = heading_of(name);

	for (uint32_t index = 0; index < columns->detail_count; index++)
		if (index != detail &&
		    heading_is_same(heading, heading_of(columns->details[index]->name)))
			return phrase_text(phrase, name, strlen(name));
	return phrase_text(phrase, heading.text, heading.length);
}

static bool is_right(const struct sonde_column *column)
{
	return (column->type > SONDE_BOOL && column->type <= SONDE_DOUBLE) ||
	       column->type == SONDE_DURATION;
}

/* Whether a row has something to say in a column: no flag that does not hold, no weight of one. */
static bool has_something(const struct sonde_column *column, uint32_t row)
{
	if (column->type == SONDE_BOOL)
		return sonde_number_at(column, row) != 0;
	if (column->role == SONDE_ROLE_WEIGHT)
		return sonde_valid(column, row) && sonde_number_at(column, row) != 1;
	return sonde_valid(column, row);
}

/* Columns take part from the first row on that has something to say in them. */
static void learn_widths(struct scroll *scroll, struct grid *grid, const struct sonde_batch *batch,
			 struct phrase *phrase)
{
	const struct line_columns *columns = grid->columns;

	for (uint32_t index = 0; index < columns->detail_count; index++) {
		const struct sonde_column *column = columns->details[index];
		uint32_t *width = shape_width(grid->shape, column->name), widest;

		if (!width)
			continue;
		widest = *width;
		grid->right[index] = is_right(column);
		for (uint32_t row = 0; row < batch->row_count && row < SAMPLE_ROWS; row++) {
			uint32_t wide = 0;

			if (sonde_selected(batch, row) && has_something(column, row))
				wide = phrase_value(phrase, column, row).width;
			widest = wide > widest ? wide : widest;
		}
		widest = widest < WIDTH_LIMIT ? widest : WIDTH_LIMIT;
		if (widest && !*width) {
			uint32_t above = label_above(columns, index, phrase).width;

			scroll->headed = NULL;
			widest = above > widest ? above : widest;
		}
		grid->widths[index] = *width = widest;
	}
}

static uint32_t floor_of(const struct grid *grid, uint32_t index)
{
	uint32_t width = grid->widths[index];

	return grid->right[index] || width < LEAST_WIDTH ? width : LEAST_WIDTH;
}

/* What the line takes, with texts as they are or as narrow as they may be. */
static uint32_t total_width(const struct grid *grid, uint32_t head, bool least)
{
	for (uint32_t index = 0; index < grid->columns->detail_count; index++)
		if (grid->widths[index])
			head += grid->gap + (least ? floor_of(grid, index) : grid->widths[index]);
	return head;
}

/* The column to do without: times beside that of the row, integers of 64 bits, which are ids more
 * often than numbers, then integers but the first, then the last. */
static uint32_t find_victim(const struct grid *grid)
{
	const struct line_columns *columns = grid->columns;
	uint32_t victim = columns->detail_count, integers = 0, worst = 0;

	for (uint32_t index = 0; index < columns->detail_count; index++) {
		uint32_t type = columns->details[index]->type;
		bool integer = type >= SONDE_I8 && type <= SONDE_U64 && type != SONDE_I64;
		uint32_t badness = type == SONDE_TIME    ? 4
				   : type == SONDE_U64   ? 3
				   : integer && integers ? 2
							 : 1;

		integers += integer && type != SONDE_U64;
		if (grid->widths[index] && badness >= worst) {
			worst = badness;
			victim = index;
		}
	}
	return victim;
}

/* Makes the line fit: columns go until the rest can fit, then the widest texts give. */
static void fit_widths(struct grid *grid, uint32_t head, uint32_t width)
{
	uint32_t count = grid->columns->detail_count;

	grid->gap = width < 100 ? 1 : 2;
	while (total_width(grid, head, true) > width)
		grid->widths[find_victim(grid)] = 0;
	while (total_width(grid, head, false) > width) {
		uint32_t widest = count;

		for (uint32_t index = 0; index < count; index++)
			if (grid->widths[index] > floor_of(grid, index) &&
			    (widest == count || grid->widths[index] > grid->widths[widest]))
				widest = index;
		grid->widths[widest]--;
	}
}

static void draw_headings(struct scroll *scroll, const struct grid *grid, uint32_t head,
			  const struct scroll_bounds *bounds, struct phrase *phrase,
			  struct draw *draw)
{
	scroll->headed = grid->shape;
	scroll->lines = 0;
	draw_style(draw, STYLE_DIM);
	draw_cell(draw, label_of("time"), head, false, false);
	for (uint32_t index = 0; index < grid->columns->detail_count; index++) {
		if (!grid->widths[index])
			continue;
		draw_spaces(draw, grid->gap);
		draw_cell(draw, label_above(grid->columns, index, phrase), grid->widths[index],
			  grid->right[index], index + 1 == grid->columns->detail_count);
	}
	draw_line_end(draw, bounds->line_end);
}

/* Where no terminal sets a bound nothing is cut: a long text moves the rest to the right. */
static void draw_grid_cell(const struct grid *grid, uint32_t index, struct label label,
			   bool bounded, struct draw *draw)
{
	if (label.width > grid->widths[index] && !bounded)
		draw_bytes(draw, label.data, label.length);
	else
		draw_cell(draw, label, grid->widths[index], grid->right[index],
			  index + 1 == grid->columns->detail_count);
}

static void draw_event(const struct grid *grid, uint32_t row, bool bounded, struct phrase *phrase,
		       struct draw *draw)
{
	const struct line_columns *columns = grid->columns;
	struct label label;

	(void)line_draw_head(columns, row, phrase, draw);
	for (uint32_t index = 0; index < columns->detail_count; index++) {
		if (!grid->widths[index])
			continue;
		draw_spaces(draw, grid->gap);
		draw_style(draw,
			   is_failure(columns->details[index], row) ? STYLE_ERROR : STYLE_PLAIN);
		if (!has_something(columns->details[index], row))
			label = label_of("");
		else if (columns->details[index]->type == SONDE_BOOL)
			label = label_above(columns, index, phrase);
		else
			label = phrase_value(phrase, columns->details[index], row);
		draw_grid_cell(grid, index, label, bounded, draw);
	}
	draw_style(draw, STYLE_PLAIN);
}

static int64_t draw_events(struct scroll *scroll, struct grid *grid,
			   const struct sonde_batch *batch, const struct scroll_bounds *bounds,
			   struct phrase *phrase, struct draw *draw)
{
	uint32_t head = grid->columns->severity || grid->columns->severity_text ? 21 : 15;
	int64_t drawn = 0;

	learn_widths(scroll, grid, batch, phrase);
	if (bounds->width)
		fit_widths(grid, head, bounds->width);
	for (uint32_t row = 0; row < batch->row_count && drawn < bounds->row_limit; row++) {
		if (!sonde_selected(batch, row))
			continue;
		if (scroll->headed != grid->shape ||
		    (bounds->heading_every && scroll->lines >= bounds->heading_every))
			draw_headings(scroll, grid, head, bounds, phrase, draw);
		draw_event(grid, row, bounds->width > 0, phrase, draw);
		draw_line_end(draw, bounds->line_end);
		scroll->lines++;
		drawn++;
	}
	return drawn;
}

static int64_t draw_spans(const struct line_columns *columns, const struct sonde_batch *batch,
			  const struct scroll_bounds *bounds, struct phrase *phrase,
			  struct draw *draw)
{
	uint32_t count = 0, drawn = 0;
	struct branch *order = tree_order(batch, &count);
	struct children children;

	if (!order)
		return -ENOMEM;
	children_find(&children, batch);
	for (; drawn < count && drawn < bounds->row_limit; drawn++) {
		line_draw(columns, order[drawn].row, order[drawn].depth, bounds->width, phrase,
			  draw);
		draw_line_end(draw, bounds->line_end);
		children_draw(&children, order[drawn].row, order[drawn].depth, bounds, phrase,
			      draw);
	}
	free(order);
	return drawn;
}

static int64_t draw_logs(const struct line_columns *columns, const struct sonde_batch *batch,
			 const struct scroll_bounds *bounds, struct phrase *phrase,
			 struct draw *draw)
{
	int64_t drawn = 0;

	for (uint32_t row = 0; row < batch->row_count && drawn < bounds->row_limit; row++) {
		if (!sonde_selected(batch, row))
			continue;
		line_draw(columns, row, 0, bounds->width, phrase, draw);
		draw_line_end(draw, bounds->line_end);
		drawn++;
	}
	return drawn;
}

int64_t scroll_draw(struct scroll *scroll, const struct sonde_batch *batch,
		    const struct scroll_bounds *bounds, struct phrase *phrase, struct draw *draw)
{
	struct line_columns columns;
	struct grid grid = { .columns = &columns, .gap = 2 };
	int64_t drawn;

	line_columns_find(&columns, batch);
	if (columns.span_name || columns.body || scroll_is_measured(batch)) {
		drawn = columns.span_name ? draw_spans(&columns, batch, bounds, phrase, draw)
					  : draw_logs(&columns, batch, bounds, phrase, draw);
		if (drawn > 0)
			scroll->headed = NULL;
		return drawn;
	}
	grid.shape = shape_find(scroll, batch->schema);
	if (!grid.shape)
		return -ENOMEM;
	return draw_events(scroll, &grid, batch, bounds, phrase, draw);
}

void scroll_release(struct scroll *scroll)
{
	for (uint32_t index = 0; index < scroll->shape_count; index++)
		free(scroll->shapes[index].schema);
	memset(scroll, 0, sizeof(*scroll));
}

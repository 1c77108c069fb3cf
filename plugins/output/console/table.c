// SPDX-License-Identifier: Apache-2.0
/* One table on the screen: title, headings, rows, what is left out, totals. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fold.h"
#include "table.h"

/* What drawing a table needs at hand. */
struct sheet {
	struct table *table;
	const struct table_bounds *bounds;
	struct draw *draw;
	struct layout layout;
	struct order order;
	struct fold fold;
	struct axis axis;
	uint32_t shown; /* rows of the fold that are drawn */
	uint32_t lines;
};

static void end_line(struct sheet *sheet)
{
	draw_line_end(sheet->draw, sheet->bounds->line_end);
	sheet->lines++;
}

/* ---- title and headings ------------------------------------------------------------------ */

static double seconds_of(const struct table *table)
{
	double seconds = NAN;

	for (uint32_t source = 0; source < table->source_count; source++) {
		const struct interval *now = &table->sources[source].now;

		if (now->row_count && now->rows[0].seconds > 0)
			seconds = now->rows[0].seconds;
	}
	return seconds;
}

/* Adds " · text" to a title in what is left of the line. */
static void title_part(struct sheet *sheet, const char *text, uint32_t *left)
{
	struct label label = label_of(text);

	if (*left < 8)
		return;
	draw_text(sheet->draw, sheet->draw->ascii ? " - " : " · ");
	*left -= 3;
	*left -= draw_cut(sheet->draw, label, *left);
}

/* Attributes that all rows share are said once, above. */
static void title_constants(struct sheet *sheet, uint32_t *left)
{
	char text[160];

	for (uint32_t index = 0; index < sheet->table->view_count; index++) {
		const struct view *view = &sheet->table->views[index];

		if (view->kind != VIEW_TEXT || view->varies || !view->first_text[0])
			continue;
		(void)snprintf(text, sizeof(text), "%s %s", view->name, view->first_text);
		title_part(sheet, text, left);
	}
}

static void draw_title(struct sheet *sheet)
{
	struct figure_style style = draw_figures(sheet->draw, false);
	uint32_t left = sheet->bounds->width;
	double seconds = seconds_of(sheet->table);
	uint64_t hidden = 0;
	char text[64];

	draw_style(sheet->draw, STYLE_BOLD);
	left -= draw_cut(sheet->draw, label_of(sheet->table->title), left);
	draw_style(sheet->draw, STYLE_DIM);
	(void)snprintf(text, sizeof(text), "%s row%s", figure_grouped(sheet->fold.row_count).text,
		       sheet->fold.row_count == 1 ? "" : "s");
	title_part(sheet, text, &left);
	for (uint32_t source = 0; source < sheet->table->source_count; source++)
		hidden += sheet->table->sources[source].hidden_rows;
	if (hidden) {
		(void)snprintf(text, sizeof(text), "%s late or too many",
			       figure_grouped(hidden).text);
		title_part(sheet, text, &left);
	}
	if (seconds > 0) {
		(void)snprintf(text, sizeof(text), "over %s",
			       figure_duration(seconds * 1e9, style).text);
		title_part(sheet, text, &left);
	}
	title_constants(sheet, &left);
	end_line(sheet);
}

static bool is_order(const struct sheet *sheet, const struct slot *slot)
{
	return sheet->order.view == slot->view && sheet->order.kind == slot->kind;
}

static void draw_headings(struct sheet *sheet)
{
	for (uint32_t index = 0; index < sheet->layout.count; index++) {
		const struct slot *slot = &sheet->layout.slots[index];

		draw_spaces(sheet->draw, slot->gap);
		draw_style(sheet->draw, is_order(sheet, slot) ? STYLE_BOLD : STYLE_DIM);
		if (slot->kind == SLOT_BARS)
			axis_draw(&sheet->axis, sheet->draw, slot->width);
		else
			draw_cell(sheet->draw, label_of(slot->heading), slot->width, slot->right,
				  false);
	}
	end_line(sheet);
}

/* ---- cells ------------------------------------------------------------------------------- */

static struct unit unit_at(const struct sheet *sheet, const struct slot *slot,
			   const struct folded *folded)
{
	if (sheet->table->is_long && folded->row)
		return folded->row->unit;
	return sheet->table->views[slot->view].unit;
}

static struct figure quantile_figure(const struct sheet *sheet, const struct slot *slot,
				     const struct folded *folded)
{
	const struct measure *measure = &folded->measures[slot->view];
	struct figure_style style = draw_figures(sheet->draw, true);
	struct unit unit = unit_at(sheet, slot, folded);
	double value;

	if (!measure->histogram || !measure->histogram->head.count)
		return figure_none(style);
	if (slot->kind == SLOT_MAXIMUM)
		value = distribution_maximum(measure->histogram);
	else
		value = histogram_share(measure->histogram, slot->kind == SLOT_MEDIAN ? 0.5 : 0.99);
	return figure_of(value, unit, style);
}

static struct figure number_figure(const struct sheet *sheet, const struct slot *slot,
				   const struct folded *folded)
{
	const struct measure *measure = &folded->measures[slot->view];
	struct figure_style style = draw_figures(sheet->draw, true);
	struct unit unit = unit_at(sheet, slot, folded);
	const struct measure *whole;

	if (!measure->count)
		return figure_none(style);
	switch (slot->kind) {
	case SLOT_ERRORS:
		if (measure->number == 0)
			return figure_none(style);
		__attribute__((fallthrough));
	case SLOT_RATE:
		return measure->rates ? figure_of(measure->rate, unit, style) : figure_none(style);
	case SLOT_SHARE:
		whole = &folded->measures[sheet->layout.lead];
		return measure->number != 0 && whole->number > 0
			       ? figure_percent(100 * measure->number / whole->number, style)
			       : figure_none(style);
	default:
		return figure_of(measure->number / measure->count, unit, style);
	}
}

static bool is_failing(const struct slot *slot, const struct folded *folded)
{
	return (slot->kind == SLOT_ERRORS || slot->kind == SLOT_SHARE) &&
	       folded->measures[slot->view].number > 0;
}

static void draw_attribute(struct sheet *sheet, const struct slot *slot, const struct row *row)
{
	const struct cell *cell = slot->view < row->cell_count ? &row->cells[slot->view] : NULL;
	struct label label = label_of("");
	char text[32];

	if (!cell || !cell->valid) {
		label = slot->kind == SLOT_FLAG ? label : label_of(sheet->draw->ascii ? "-" : "–");
	} else if (slot->kind == SLOT_TEXT) {
		label = cell->text;
	} else if (slot->kind == SLOT_INTEGER) {
		(void)snprintf(text, sizeof(text), "%.0f", cell->number);
		label = label_of(text);
	} else if (cell->number != 0) {
		label = label_of(slot->heading);
	}
	draw_cell(sheet->draw, label, slot->width, slot->right, false);
}

static void draw_bars(struct sheet *sheet, const struct slot *slot, const struct folded *folded)
{
	const struct measure *measure = &folded->measures[slot->view];
	struct axis axis = sheet->axis;
	struct unit unit = unit_at(sheet, slot, folded);

	if (unit.kind != axis.unit.kind || !measure->histogram)
		return;
	axis.factor = unit.factor;
	distribution_draw(measure->histogram, &axis, sheet->draw, slot->width);
}

static void draw_measures(struct sheet *sheet, const struct folded *folded, enum style style)
{
	struct figure figure;

	for (uint32_t index = sheet->layout.attributes; index < sheet->layout.count; index++) {
		const struct slot *slot = &sheet->layout.slots[index];
		bool error = is_failing(slot, folded);

		draw_spaces(sheet->draw, slot->gap);
		if (slot->kind == SLOT_BARS) {
			draw_bars(sheet, slot, folded);
			continue;
		}
		draw_style(sheet->draw, error ? STYLE_ERROR : style);
		if (slot->kind == SLOT_FIGURE) {
			const struct row *row = folded->row;
			bool has = row && row->cells[slot->view].valid;

			draw_cell(sheet->draw, has ? row->cells[slot->view].text : label_of(""),
				  slot->width, true, false);
			continue;
		}
		figure = slot->kind >= SLOT_MEDIAN ? quantile_figure(sheet, slot, folded)
						   : number_figure(sheet, slot, folded);
		draw_cell(sheet->draw, label_of(figure.text), slot->width, true, false);
	}
}

static void draw_row(struct sheet *sheet, const struct folded *folded)
{
	for (uint32_t index = 0; index < sheet->layout.attributes; index++) {
		draw_spaces(sheet->draw, sheet->layout.slots[index].gap);
		draw_attribute(sheet, &sheet->layout.slots[index], folded->row);
	}
	draw_measures(sheet, folded, STYLE_PLAIN);
	end_line(sheet);
}

/* A line of sums, with words where the attributes stand in the others. */
static int draw_sum(struct sheet *sheet, const char *words, uint32_t first, uint32_t last,
		    enum style style)
{
	uint32_t width = 0;
	struct folded sum;
	int result = fold_sum(&sheet->fold, first, last, &sum);

	for (uint32_t index = 0; index < sheet->layout.attributes; index++)
		width += sheet->layout.slots[index].width + sheet->layout.slots[index].gap;
	if (result == 0) {
		draw_style(sheet->draw, style);
		draw_spaces(sheet->draw, width - draw_cut(sheet->draw, label_of(words), width));
		if (!sheet->table->is_long) /* metrics of all sorts do not add up */
			draw_measures(sheet, &sum, style);
		end_line(sheet);
	}
	folded_release(&sum, sheet->fold.view_count);
	return result;
}

/* ---- the whole --------------------------------------------------------------------------- */

/* The texts of the rows to be drawn say how wide their columns need be, or those drawn before did:
 * columns that move with each draw are hard to read. */
static void measure_texts(struct sheet *sheet)
{
	for (uint32_t index = 0; index < sheet->layout.attributes; index++) {
		struct slot *slot = &sheet->layout.slots[index];
		uint32_t widest = text_width(slot->heading, strlen(slot->heading));
		struct view *view;

		if (slot->kind != SLOT_TEXT)
			continue;
		for (uint32_t row = 0; row < sheet->shown; row++) {
			const struct row *of = sheet->fold.rows[row].row;

			if (slot->view < of->cell_count &&
			    of->cells[slot->view].text.width > widest)
				widest = of->cells[slot->view].text.width;
		}
		view = &sheet->table->views[slot->view];
		view->drawn_width = widest > view->drawn_width ? widest : view->drawn_width;
		slot->natural = view->drawn_width;
	}
}

/* The axis holds every row, shown or not, so that it stands still while rows change places. */
static void make_axis(struct sheet *sheet)
{
	uint32_t last = sheet->layout.count - 1;
	const struct slot *slot = &sheet->layout.slots[last];

	if (!sheet->layout.count || slot->kind != SLOT_BARS)
		return;
	sheet->axis.unit = sheet->table->views[slot->view].unit;
	for (uint32_t row = 0; row < sheet->fold.count; row++) {
		const struct folded *folded = &sheet->fold.rows[row];
		const struct histogram *histogram = folded->measures[slot->view].histogram;
		struct unit unit = unit_at(sheet, slot, folded);

		if (!histogram)
			continue;
		if (sheet->axis.from == sheet->axis.to)
			sheet->axis.unit = unit;
		sheet->axis.factor = unit.factor;
		if (unit.kind == sheet->axis.unit.kind)
			axis_include(&sheet->axis, histogram);
	}
}

static int draw_rows(struct sheet *sheet)
{
	uint32_t count = sheet->fold.count;
	char words[48];
	int result = 0;

	for (uint32_t row = 0; row < sheet->shown; row++)
		draw_row(sheet, &sheet->fold.rows[row]);
	if (sheet->shown < count && sheet->bounds->rows > 1) {
		(void)snprintf(words, sizeof(words), "%s and %s more",
			       sheet->draw->ascii ? "..." : "…",
			       figure_grouped(count - sheet->shown).text);
		result = draw_sum(sheet, words, sheet->shown, count, STYLE_DIM);
	}
	if (result == 0 && count > 1 && !sheet->table->is_long)
		result = draw_sum(sheet, "total", 0, count, STYLE_BOLD);
	return result;
}

uint32_t table_lines(const struct table *table, const struct table_bounds *bounds)
{
	struct layout layout;
	uint32_t count;

	layout_choose(&layout, table, bounds->width);
	count = fold_count(table, &layout);
	return count + 2 + (count > 1 && !table->is_long);
}

int table_draw(struct table *table, const struct table_bounds *bounds, struct draw *draw)
{
	struct sheet *sheet = calloc(1, sizeof(*sheet));
	int result;

	if (!sheet)
		return -ENOMEM;
	sheet->table = table;
	sheet->bounds = bounds;
	sheet->draw = draw;
	layout_choose(&sheet->layout, table, bounds->width);
	sheet->order = order_of(&sheet->layout, table,
				bounds->sort && bounds->sort[0] ? bounds->sort : NULL);
	result = fold_make(&sheet->fold, table, &sheet->layout, sheet->order);
	if (result == 0) {
		sheet->shown = sheet->fold.count;
		if (sheet->shown >
		    bounds->rows) /* the line that says what is left out is one too */
			sheet->shown = bounds->rows ? bounds->rows - 1 : 0;
		measure_texts(sheet);
		layout_size(&sheet->layout, bounds->width);
		make_axis(sheet);
		draw_title(sheet);
		draw_headings(sheet);
		result = draw_rows(sheet);
		fold_release(&sheet->fold);
	}
	if (result == 0)
		result = (int)sheet->lines;
	free(sheet);
	return result;
}

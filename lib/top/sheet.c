// SPDX-License-Identifier: Apache-2.0
/* A table of texts and numbers: sorted, filtered and laid out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "figure.h"
#include "sheet.h"

void sheet_begin(struct sheet *sheet, const struct sheet_column *columns)
{
	sheet->columns = columns;
	sheet->column_count = 0;
	while (columns[sheet->column_count].title)
		sheet->column_count++;
	sheet->row_count = 0;
	sheet->shown_count = 0;
}

void sheet_release(struct sheet *sheet)
{
	free(sheet->cells);
	free(sheet->order);
	*sheet = (struct sheet){ 0 };
}

/* Room is kept for the widest table, whatever the columns are now. */
struct sheet_cell *sheet_row(struct sheet *sheet)
{
	struct sheet_cell *row;

	if (sheet->row_count == sheet->row_capacity) {
		uint32_t capacity = sheet->row_capacity ? 2 * sheet->row_capacity : 64;
		struct sheet_cell *cells = reallocarray(
			sheet->cells, (size_t)capacity * SHEET_COLUMNS, sizeof(*cells));
		uint32_t *order;

		if (!cells)
			return NULL;
		sheet->cells = cells;
		order = reallocarray(sheet->order, capacity, sizeof(*order));
		if (!order)
			return NULL;
		sheet->order = order;
		sheet->row_capacity = capacity;
	}
	row = sheet->cells + (size_t)sheet->row_count++ * SHEET_COLUMNS;
	memset(row, 0, SHEET_COLUMNS * sizeof(*row));
	return row;
}

void sheet_words(struct sheet_cell *cell, const char *text)
{
	cell->text = text;
	cell->known = true;
}

void sheet_number(struct sheet_cell *cell, double number)
{
	cell->number = number;
	cell->known = true;
}

/* ---- rows -------------------------------------------------------------------------------- */

struct sorting {
	const struct sheet *sheet;
	uint32_t column;
	bool descending;
};

static int numbers_compare(const struct sheet_cell *left, const struct sheet_cell *right)
{
	if (left->known != right->known)
		return left->known ? 1 : -1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static int rows_compare(const void *left_row, const void *right_row, void *data)
{
	const struct sorting *sorting = data;
	const struct sheet *sheet = sorting->sheet;
	uint32_t left = *(const uint32_t *)left_row, right = *(const uint32_t *)right_row;
	const struct sheet_cell *a = sheet->cells + (size_t)left * SHEET_COLUMNS + sorting->column;
	const struct sheet_cell *b = sheet->cells + (size_t)right * SHEET_COLUMNS + sorting->column;
	int order;

	if (sheet->columns[sorting->column].kind == SHEET_WORDS)
		order = strcasecmp(a->text ? a->text : "", b->text ? b->text : "");
	else
		order = numbers_compare(a, b);
	if (!order)
		return left < right ? -1 : left > right;
	return sorting->descending ? -order : order;
}

static bool row_fits(const struct sheet *sheet, uint32_t row, const char *filter)
{
	const struct sheet_cell *cells = sheet->cells + (size_t)row * SHEET_COLUMNS;

	for (uint32_t i = 0; i < sheet->column_count; i++)
		if (sheet->columns[i].kind == SHEET_WORDS && cells[i].text &&
		    strcasestr(cells[i].text, filter))
			return true;
	return !*filter;
}

void sheet_arrange(struct sheet *sheet, const struct sheet_view *view)
{
	struct sorting sorting = { .sheet = sheet,
				   .column = view->sort < sheet->column_count ? view->sort : 0,
				   .descending = view->descending };

	sheet->shown_count = 0;
	for (uint32_t row = 0; row < sheet->row_count; row++)
		if (row_fits(sheet, row, view->filter))
			sheet->order[sheet->shown_count++] = row;
	if (sheet->shown_count)
		qsort_r(sheet->order, sheet->shown_count, sizeof(*sheet->order), rows_compare,
			&sorting);
}

const struct sheet_cell *sheet_at(const struct sheet *sheet, uint32_t place, uint32_t column)
{
	return sheet->cells + (size_t)sheet->order[place] * SHEET_COLUMNS + column;
}

/* ---- columns ----------------------------------------------------------------------------- */

bool sheet_is_right(const struct sheet_column *column)
{
	return column->kind != SHEET_WORDS;
}

const char *sheet_text(const struct sheet_column *column, const struct sheet_cell *cell, bool ascii,
		       char buffer[SHEET_TEXT])
{
	struct figure_style style = { .aligned = false, .ascii = ascii };
	struct figure figure;

	if (column->kind == SHEET_WORDS)
		return cell->text ? cell->text : "";
	if (column->kind == SHEET_NUMBER && cell->known) {
		snprintf(buffer, SHEET_TEXT, "%.0f", cell->number);
		return buffer;
	}
	if (!cell->known)
		figure = figure_none(style);
	else if (column->kind == SHEET_BYTES)
		figure = figure_bytes(cell->number, style);
	else if (column->kind == SHEET_SHARE)
		figure = figure_percent(cell->number, style);
	else if (column->kind == SHEET_DURATION)
		figure = figure_duration(cell->number, style);
	else
		figure = figure_count(cell->number, style);
	snprintf(buffer, SHEET_TEXT, "%s", figure.text);
	return buffer;
}

/* One more than the title, for the mark of what is sorted by. */
static uint32_t natural_width(const struct sheet *sheet, uint32_t column, bool ascii)
{
	uint32_t widest = (uint32_t)strlen(sheet->columns[column].title) + 1;
	char buffer[SHEET_TEXT];

	for (uint32_t place = 0; place < sheet->shown_count; place++) {
		const char *text = sheet_text(&sheet->columns[column],
					      sheet_at(sheet, place, column), ascii, buffer);
		uint32_t width = text_width(text, strlen(text));

		widest = width > widest ? width : widest;
	}
	return widest;
}

static uint32_t total_width(const uint32_t *widths, uint32_t count)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		if (widths[i])
			total += widths[i] + (total ? SHEET_GAP : 0);
	return total;
}

/* The widest text that may still give. SHEET_COLUMNS: none. */
static uint32_t find_giver(const struct sheet *sheet, const uint32_t *widths)
{
	uint32_t giver = SHEET_COLUMNS;

	for (uint32_t i = 0; i < sheet->column_count; i++)
		if (sheet->columns[i].kind == SHEET_WORDS && widths[i] > sheet->columns[i].least &&
		    (giver == SHEET_COLUMNS || widths[i] > widths[giver]))
			giver = i;
	return giver;
}

static uint32_t find_victim(const struct sheet *sheet, const struct sheet_view *view,
			    const uint32_t *widths)
{
	uint32_t victim = SHEET_COLUMNS;

	for (uint32_t i = 0; i < sheet->column_count; i++)
		if (widths[i] && i != view->sort &&
		    (victim == SHEET_COLUMNS ||
		     sheet->columns[i].keep <= sheet->columns[victim].keep))
			victim = i;
	return victim == SHEET_COLUMNS ? view->sort : victim;
}

/* Columns go until the rest can fit with texts cut down; then texts give no more than they must. */
void sheet_layout(const struct sheet *sheet, const struct sheet_view *view, uint32_t width,
		  bool ascii, uint32_t widths[SHEET_COLUMNS])
{
	uint32_t natural[SHEET_COLUMNS], count = sheet->column_count, giver;

	for (uint32_t i = 0; i < count; i++) {
		const struct sheet_column *column = &sheet->columns[i];

		natural[i] = natural_width(sheet, i, ascii);
		widths[i] = column->kind == SHEET_WORDS && column->least < natural[i]
				    ? column->least
				    : natural[i];
	}
	while (total_width(widths, count) > width) {
		uint32_t victim = find_victim(sheet, view, widths);

		if (total_width(widths, count) == widths[victim]) { /* the last */
			widths[victim] = width;
			return;
		}
		widths[victim] = 0;
	}
	for (uint32_t i = 0; i < count; i++)
		widths[i] = widths[i] ? natural[i] : 0;
	while (total_width(widths, count) > width &&
	       (giver = find_giver(sheet, widths)) != SHEET_COLUMNS)
		widths[giver]--;
}

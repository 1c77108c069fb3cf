/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that an instance reports for `status`: cells by table, row and column. */
#include "report.h"

void report_init(struct sonde_report *report, struct arena *arena)
{
	*report = (struct sonde_report){ .arena = arena };
	report->last = &report->first;
}

/* A copy, or what stands for it where memory is refused. */
static const char *copy_or(struct sonde_report *report, const char *text, const char *other)
{
	const char *copy = arena_copy(report->arena, text ? text : "");

	return copy ? copy : other;
}

static struct report_cell *report_add(struct sonde_report *report, const char *table,
				      const char *row, const char *column)
{
	struct report_cell *cell;

	if (report->count == REPORT_CELL_LIMIT)
		return NULL;
	cell = arena_zero(report->arena, sizeof(*cell));
	if (!cell)
		return NULL;
	cell->table = arena_copy(report->arena, table);
	cell->row = arena_copy(report->arena, row);
	cell->column = arena_copy(report->arena, column);
	if (!cell->table || !cell->row || !cell->column)
		return NULL;
	*report->last = cell;
	report->last = &cell->next;
	report->count++;
	return cell;
}

void report_number(struct sonde_report *report, const char *table, const char *row,
		   const char *column, const char *unit, double value)
{
	struct report_cell *cell = report_add(report, table, row, column);

	if (!cell)
		return;
	cell->number = value;
	cell->unit = copy_or(report, unit, "");
}

void report_text(struct sonde_report *report, const char *table, const char *row,
		 const char *column, const char *value)
{
	struct report_cell *cell = report_add(report, table, row, column);

	if (cell)
		cell->text = copy_or(report, value, "no memory for it");
}

// SPDX-License-Identifier: Apache-2.0
/* A manual for a terminal: in columns that fit its width. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "markup.h"

enum {
	INDENT = 4,
	NAME_COLUMNS = 18, /* room for names of entries, two blanks included */
	LINE_LENGTH = 512,
};

static void heading_put(struct page *page, const char *heading)
{
	char capitals[LINE_LENGTH];

	snprintf(capitals, sizeof(capitals), "%s", heading);
	for (char *letter = capitals; *letter; letter++)
		*letter = (char)toupper((unsigned char)*letter);
	page_put(page, TINT_HEADING, capitals);
	page_end(page);
}

static void terminal_heading(struct markup *markup, const char *heading)
{
	page_blank(&markup->page);
	heading_put(&markup->page, heading);
	markup->list = false;
}

static void terminal_title(struct markup *markup, const struct markup_title *title)
{
	struct page *page = &markup->page;

	heading_put(page, "name");
	page_move(page, INDENT);
	page_put(page, TINT_NAME, title->name);
	if (title->summary) {
		page_put(page, TINT_PLAIN, " - ");
		page_wrap(page, TINT_PLAIN, INDENT, title->summary);
	}
	page_end(page);
	if (title->facts) {
		page_move(page, INDENT);
		page_wrap(page, TINT_FAINT, INDENT, title->facts);
		page_end(page);
	}
}

static void terminal_prose(struct markup *markup, const char *text)
{
	if (markup->list)
		page_blank(&markup->page);
	page_move(&markup->page, INDENT);
	page_wrap(&markup->page, TINT_PLAIN, INDENT, text);
	page_end(&markup->page);
	markup->list = false;
}

static void terminal_entry(struct markup *markup, const struct markup_entry *entry)
{
	unsigned indent = INDENT + 2 * entry->depth, column = indent + NAME_COLUMNS;
	struct page *page = &markup->page;

	page_move(page, indent);
	page_put(page, TINT_NAME, entry->name);
	page_move(page, page->column + 2 > column ? page->column + 2 : column);
	if (entry->help)
		page_wrap(page, TINT_PLAIN, column, entry->help);
	if (entry->detail && entry->beside) {
		page_put(page, TINT_PLAIN, "  ");
		page_put(page, TINT_FAINT, entry->detail);
	} else if (entry->detail) {
		if (entry->help) {
			page_end(page);
			page_move(page, column);
		}
		page_wrap(page, TINT_FAINT, column, entry->detail);
	}
	page_end(page);
	markup->list = true;
}

/* ---- columns ----------------------------------------------------------------------------- */

/* How wide the columns of a table of fields must be. */
struct widths {
	unsigned name, type, role, unit;
};

static void widen(unsigned *width, const char *text)
{
	unsigned columns = text ? text_columns(text) : 0;

	if (columns > *width)
		*width = columns;
}

static struct widths fields_measure(const struct sonde_schema *schema)
{
	struct widths widths = { 6, 4, 4, 4 };

	for (const struct sonde_field *field = schema->fields; field->name; field++) {
		char type[MARKUP_WORD_LENGTH], role[2 * MARKUP_WORD_LENGTH];

		widen(&widths.name, field->name);
		widen(&widths.type, field_type(field, type));
		widen(&widths.role, field_role(field, role));
		widen(&widths.unit, field->unit);
	}
	return widths;
}

static void cell_print(struct page *page, unsigned *column, unsigned width, enum tint tint,
		       const char *text)
{
	page_move(page, *column);
	page_put(page, tint, text);
	*column += width + 2;
}

/* One line a column where the terminal is wide enough; else (`tall`) its meaning stands under it.
 */
static void field_print(struct page *page, const struct sonde_field *field,
			const struct widths *widths, bool tall)
{
	char type[MARKUP_WORD_LENGTH], role[2 * MARKUP_WORD_LENGTH], line[LINE_LENGTH];
	unsigned column = INDENT + 2;

	cell_print(page, &column, widths->name, TINT_NAME, field->name);
	if (tall) {
		snprintf(line, sizeof(line), "%s · %s%s%s", field_type(field, type),
			 field_role(field, role), field->unit ? " · " : "",
			 field->unit ? field->unit : "");
		page_move(page, page->column + 2 > column ? page->column + 2 : column);
		page_wrap(page, TINT_FAINT, INDENT + 4, line);
		column = INDENT + 4;
		if (field->help)
			page_end(page);
	} else {
		cell_print(page, &column, widths->type, TINT_PLAIN, field_type(field, type));
		cell_print(page, &column, widths->role, TINT_PLAIN, field_role(field, role));
		cell_print(page, &column, widths->unit, TINT_FAINT, field->unit ? field->unit : "");
	}
	page_wrap(page, TINT_PLAIN, column, field->help ? field->help : "");
	page_end(page);
}

static void terminal_schema(struct markup *markup, const struct sonde_schema *schema)
{
	struct widths widths = fields_measure(schema);
	unsigned table = INDENT + widths.name + widths.type + widths.role + widths.unit + 8;
	struct page *page = &markup->page;

	if (markup->list)
		page_blank(page);
	page_move(page, INDENT);
	page_put(page, TINT_HEADING, schema->name);
	if (schema->help) {
		page_move(page, page->column + 2);
		page_wrap(page, TINT_PLAIN, INDENT + 2, schema->help);
	}
	page_end(page);
	for (const struct sonde_field *field = schema->fields; field->name; field++)
		field_print(page, field, &widths, table + 24 > page->width);
	markup->list = true;
}

static void terminal_code(struct markup *markup, const char *text)
{
	if (markup->list)
		page_blank(&markup->page);
	for (const char *end; *text; text = end + (*end == '\n')) {
		end = strchrnul(text, '\n');
		fprintf(markup->page.file, "%*s%.*s\n", end > text ? INDENT : 0, "",
			(int)(end - text), text);
	}
	markup->list = false;
}

const struct markup_functions markup_terminal = {
	.title = terminal_title,
	.heading = terminal_heading,
	.prose = terminal_prose,
	.entry = terminal_entry,
	.schema = terminal_schema,
	.code = terminal_code,
};

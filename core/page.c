// SPDX-License-Identifier: Apache-2.0
/* Prose and tables for a terminal: wrapped, indented, in colour where that is wanted. */
#include <string.h>
#include "page.h"

static unsigned columns_of(const char *text, size_t length)
{
	unsigned columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

unsigned text_columns(const char *text)
{
	return columns_of(text, strlen(text));
}

static void tint_set(const struct page *page, enum tint tint)
{
	static const char *const codes[] = { "\033[1m", "\033[36m", "\033[2m", "" };

	if (page->colour)
		fputs(codes[tint], page->file);
}

static void tint_reset(const struct page *page, enum tint tint)
{
	if (page->colour && tint != TINT_PLAIN)
		fputs("\033[0m", page->file);
}

void page_end(struct page *page)
{
	if (page->column)
		putc('\n', page->file);
	page->column = 0;
}

void page_blank(struct page *page)
{
	page_end(page);
	putc('\n', page->file);
}

void page_move(struct page *page, unsigned column)
{
	if (page->column > column)
		page_end(page);
	fprintf(page->file, "%*s", (int)(column - page->column), "");
	page->column = column;
}

static void part_put(struct page *page, enum tint tint, const char *text, size_t length)
{
	tint_set(page, tint);
	fwrite(text, 1, length, page->file);
	tint_reset(page, tint);
	page->column += columns_of(text, length);
}

void page_put(struct page *page, enum tint tint, const char *text)
{
	part_put(page, tint, text, strlen(text));
}

void page_wrap(struct page *page, enum tint tint, unsigned indent, const char *text)
{
	bool first = true;

	while (*text) {
		size_t blanks = strspn(text, " \n\t"), length;
		const char *line = strchr(text, '\n');

		if (!first && line && line < text + blanks &&
		    memchr(line + 1, '\n', (size_t)(text + blanks - line) - 1)) {
			page_blank(page);
			first = true;
		}
		text += blanks;
		length = strcspn(text, " \n\t");
		if (!length)
			break;
		if (page->column < indent)
			page_move(page, indent);
		if ((!first || page->column > indent) &&
		    page->column + !first + columns_of(text, length) > page->width) {
			page_end(page);
			page_move(page, indent);
		} else if (!first) {
			page_put(page, TINT_PLAIN, " ");
		}
		part_put(page, tint, text, length);
		text += length;
		first = false;
	}
}

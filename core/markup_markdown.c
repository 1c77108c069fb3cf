// SPDX-License-Identifier: Apache-2.0
/* A manual in Markdown, as the pages of docs/reference are. */
#include <stdio.h>
#include <string.h>
#include "markup.h"

/* A letter as itself. Between backquotes all letters stand for themselves. */
static void letter_put(struct markup *markup, char letter, bool table)
{
	FILE *file = markup->page.file;

	if (letter == '`')
		markup->literal = !markup->literal;
	if (letter == '|' && table)
		fputs("\\|", file);
	else if (letter == '<' && !markup->literal)
		fputs("&lt;", file);
	else if ((letter == '*' || letter == '\\') && !markup->literal)
		fprintf(file, "\\%c", letter);
	else
		putc(letter == '\n' || letter == '\t' ? ' ' : letter, file);
}

/* On one line, with single blanks. */
static void words_put(struct markup *markup, const char *text, size_t length, bool table)
{
	markup->literal = false;
	for (size_t i = 0; i < length; i++)
		if (!strchr(" \t\n", text[i]) || (i && !strchr(" \t\n", text[i - 1])))
			letter_put(markup, text[i], table);
}

static void text_put(struct markup *markup, const char *text, bool table)
{
	words_put(markup, text, strlen(text), table);
}

static void markdown_heading(struct markup *markup, const char *heading)
{
	fputs("\n## ", markup->page.file);
	text_put(markup, heading, false);
	putc('\n', markup->page.file);
	markup->list = false;
}

static void markdown_prose(struct markup *markup, const char *text)
{
	const char *paragraph;
	size_t length;

	while (paragraph_take(&text, &paragraph, &length)) {
		putc('\n', markup->page.file);
		words_put(markup, paragraph, length, false);
		putc('\n', markup->page.file);
	}
	markup->list = false;
}

static void markdown_title(struct markup *markup, const struct markup_title *title)
{
	fputs("# ", markup->page.file);
	text_put(markup, title->name, false);
	putc('\n', markup->page.file);
	if (title->summary)
		markdown_prose(markup, title->summary);
	if (title->facts) {
		fputs("\n*", markup->page.file);
		text_put(markup, title->facts, false);
		fputs("*\n", markup->page.file);
	}
}

static void markdown_entry(struct markup *markup, const struct markup_entry *entry)
{
	int indent = 2 * (int)entry->depth;
	FILE *file = markup->page.file;

	fprintf(file, "%s%*s- `%s`", markup->list ? "" : "\n", indent, "", entry->name);
	if (entry->help) {
		fputs(": ", file);
		text_put(markup, entry->help, false);
	}
	if (entry->detail) {
		fputs(entry->help ? "; *" : ": *", file);
		text_put(markup, entry->detail, false);
		putc('*', file);
	}
	putc('\n', file);
	markup->list = true;
}

static void markdown_schema(struct markup *markup, const struct sonde_schema *schema)
{
	char type[MARKUP_WORD_LENGTH], role[2 * MARKUP_WORD_LENGTH];
	FILE *file = markup->page.file;

	fprintf(file, "\n### `%s`\n", schema->name);
	if (schema->help)
		markdown_prose(markup, schema->help);
	fputs("\n| column | type | role | unit | meaning |\n|---|---|---|---|---|\n", file);
	for (const struct sonde_field *field = schema->fields; field->name; field++) {
		fprintf(file, "| `%s` | %s | %s | ", field->name, field_type(field, type),
			field_role(field, role));
		text_put(markup, field->unit ? field->unit : "", true);
		fputs(" | ", file);
		text_put(markup, field->help ? field->help : "", true);
		fputs(" |\n", file);
	}
	markup->list = false;
}

static void markdown_code(struct markup *markup, const char *text)
{
	fprintf(markup->page.file, "\n```\n%s```\n", text);
	markup->list = false;
}

const struct markup_functions markup_markdown = {
	.title = markdown_title,
	.heading = markdown_heading,
	.prose = markdown_prose,
	.entry = markdown_entry,
	.schema = markdown_schema,
	.code = markdown_code,
};

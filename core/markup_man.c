// SPDX-License-Identifier: Apache-2.0
/* A manual as man(1) reads it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "markup.h"

/* What a formatter would take for its own; what is between backquotes is to be typed, so bold. */
static void letter_put(struct markup *markup, char letter)
{
	FILE *file = markup->page.file;

	switch (letter) {
	case '\\':
		fputs("\\e", file);
		break;
	case '-': /* else it becomes a hyphen, which no shell takes for an option */
		fputs("\\-", file);
		break;
	case '\'':
		fputs("\\(aq", file);
		break;
	case '"':
		fputs("\\(dq", file);
		break;
	case '^':
		fputs("\\(ha", file);
		break;
	case '~':
		fputs("\\(ti", file);
		break;
	case '`':
		markup->literal = !markup->literal;
		fputs(markup->literal ? "\\fB" : "\\fR", file);
		break;
	case '\n':
	case '\t':
		putc(' ', file);
		break;
	default:
		putc(letter, file);
	}
}

/* On one line, with single blanks; a first dot is not a request. */
static void words_put(struct markup *markup, const char *text, size_t length)
{
	markup->literal = false;
	if (length && *text == '.')
		fputs("\\&", markup->page.file);
	for (size_t i = 0; i < length; i++)
		if (!strchr(" \t\n", text[i]) || (i && !strchr(" \t\n", text[i - 1])))
			letter_put(markup, text[i]);
	if (markup->literal)
		letter_put(markup, '`');
}

static void text_put(struct markup *markup, const char *text)
{
	words_put(markup, text, strlen(text));
}

static void line_put(struct markup *markup, const char *before, const char *text, const char *after)
{
	fputs(before, markup->page.file);
	text_put(markup, text);
	fputs(after, markup->page.file);
	putc('\n', markup->page.file);
}

static void capitals_put(struct markup *markup, const char *text)
{
	for (; *text; text++)
		letter_put(markup, (char)toupper((unsigned char)*text));
}

/* Leaves the parts of an entry, or goes into them. */
static void depth_change(struct markup *markup, unsigned depth)
{
	for (; markup->depth < depth; markup->depth++)
		fputs(".RS\n", markup->page.file);
	for (; markup->depth > depth; markup->depth--)
		fputs(".RE\n", markup->page.file);
}

static void man_heading(struct markup *markup, const char *heading)
{
	depth_change(markup, 0);
	fputs(".SH \"", markup->page.file);
	capitals_put(markup, heading);
	fputs("\"\n", markup->page.file);
	markup->list = false;
}

static void man_prose(struct markup *markup, const char *text)
{
	const char *paragraph;
	bool first = !markup->list;
	size_t length;

	depth_change(markup, 0);
	while (paragraph_take(&text, &paragraph, &length)) {
		fputs(first ? "" : ".PP\n", markup->page.file);
		words_put(markup, paragraph, length);
		putc('\n', markup->page.file);
		first = false;
	}
	markup->list = true; /* what follows needs a request of its own all the same */
}

static void man_title(struct markup *markup, const struct markup_title *title)
{
	fputs(".TH \"", markup->page.file);
	capitals_put(markup, title->page);
	fprintf(markup->page.file, "\" %s \"\" \"sonde " SONDE_VERSION "\" \"sonde\"\n",
		title->section);
	man_heading(markup, "name");
	text_put(markup, title->page);
	if (title->summary) {
		fputs(" \\- ", markup->page.file);
		text_put(markup, title->summary);
	}
	putc('\n', markup->page.file);
	if (title->facts) {
		man_heading(markup, "kind");
		man_prose(markup, title->facts);
	}
}

static void man_entry(struct markup *markup, const struct markup_entry *entry)
{
	depth_change(markup, entry->depth);
	line_put(markup, ".TP\n\\fB", entry->name, "\\fR");
	if (entry->help && entry->detail && entry->beside) {
		text_put(markup, entry->help);
		line_put(markup, " \\fI", entry->detail, "\\fR");
	} else {
		if (entry->help)
			line_put(markup, "", entry->help, "");
		if (entry->help && entry->detail)
			fputs(".br\n", markup->page.file);
		if (entry->detail)
			line_put(markup, "\\fI", entry->detail, "\\fR");
	}
	markup->list = true;
}

static void man_schema(struct markup *markup, const struct sonde_schema *schema)
{
	depth_change(markup, 0);
	line_put(markup, ".SS \"", schema->name, "\"");
	if (schema->help)
		line_put(markup, "", schema->help, "");
	for (const struct sonde_field *field = schema->fields; field->name; field++) {
		char type[MARKUP_WORD_LENGTH], role[2 * MARKUP_WORD_LENGTH], detail[256];

		snprintf(detail, sizeof(detail), "%s · %s%s%s", field_type(field, type),
			 field_role(field, role), field->unit ? " · " : "",
			 field->unit ? field->unit : "");
		man_entry(markup, &(struct markup_entry){ .name = field->name,
							  .help = field->help,
							  .detail = detail });
	}
}

static void man_code(struct markup *markup, const char *text)
{
	depth_change(markup, 0);
	fputs(markup->list ? ".PP\n.RS 4\n.nf\n" : ".RS 4\n.nf\n", markup->page.file);
	for (const char *end; *text; text = end + (*end == '\n')) {
		end = strchrnul(text, '\n');
		if (*text == '.')
			fputs("\\&", markup->page.file);
		for (; text < end; text++)
			if (*text == '`')
				fputs("\\(ga", markup->page.file);
			else
				letter_put(markup, *text);
		putc('\n', markup->page.file);
	}
	fputs(".fi\n.RE\n", markup->page.file);
	markup->list = true;
}

const struct markup_functions markup_man = {
	.title = man_title,
	.heading = man_heading,
	.prose = man_prose,
	.entry = man_entry,
	.schema = man_schema,
	.code = man_code,
};

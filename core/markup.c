// SPDX-License-Identifier: Apache-2.0
/* A manual in one of three forms: for a terminal, in Markdown, or as man(1) reads it. */
#include <stdio.h>
#include <string.h>
#include "markup.h"
#include "rule.h"

static const struct markup_functions *functions_of(const struct markup *markup)
{
	static const struct markup_functions *const forms[] = {
		[MARKUP_TERMINAL] = &markup_terminal,
		[MARKUP_MARKDOWN] = &markup_markdown,
		[MARKUP_MAN] = &markup_man,
	};

	return forms[markup->form];
}

void markup_title(struct markup *markup, const struct markup_title *title)
{
	functions_of(markup)->title(markup, title);
}

void markup_heading(struct markup *markup, const char *heading)
{
	functions_of(markup)->heading(markup, heading);
}

void markup_prose(struct markup *markup, const char *text)
{
	functions_of(markup)->prose(markup, text);
}

void markup_entry(struct markup *markup, const struct markup_entry *entry)
{
	functions_of(markup)->entry(markup, entry);
}

void markup_schema(struct markup *markup, const struct sonde_schema *schema)
{
	functions_of(markup)->schema(markup, schema);
}

void markup_code(struct markup *markup, const char *text)
{
	functions_of(markup)->code(markup, text);
}

/* ---- for the forms ----------------------------------------------------------------------- */

/* "SONDE_ROLE_START_TIME" behind its prefix in lower case with blanks. */
static const char *plain_name(const char *name, const char *prefix, char buffer[MARKUP_WORD_LENGTH])
{
	size_t length = strlen(prefix);
	char *letter;

	snprintf(buffer, MARKUP_WORD_LENGTH, "%s",
		 name + (strncmp(name, prefix, length) ? 0 : length));
	for (letter = buffer; *letter; letter++)
		*letter = *letter == '_'                     ? ' '
			  : *letter >= 'A' && *letter <= 'Z' ? (char)(*letter + 32)
							     : *letter;
	return buffer;
}

const char *field_type(const struct sonde_field *field, char buffer[MARKUP_WORD_LENGTH])
{
	const struct type_rule *rule = type_rule(field->type);

	return rule ? plain_name(rule->name, "SONDE_", buffer) : "?";
}

const char *field_role(const struct sonde_field *field, char buffer[2 * MARKUP_WORD_LENGTH])
{
	static const char *const times[] = { "", ", delta", ", cumulative" };
	static const char *const scopes[] = { "", " of the scope", " of the resource" };
	const struct role_rule *rule = role_rule(field->role);
	char name[MARKUP_WORD_LENGTH];

	snprintf(buffer, 2 * MARKUP_WORD_LENGTH, "%s%s%s",
		 field->role == SONDE_ROLE_ATTRIBUTE ? "attribute"
		 : rule                              ? plain_name(rule->name, "SONDE_ROLE_", name)
						     : "?",
		 field->temporality <= SONDE_CUMULATIVE ? times[field->temporality] : "",
		 field->scope <= SONDE_SCOPE_RESOURCE ? scopes[field->scope] : "");
	return buffer;
}

bool paragraph_take(const char **text, const char **ret_paragraph, size_t *ret_length)
{
	const char *start = *text + strspn(*text, " \t\n"), *end = start, *at = start;

	while (*at) {
		size_t blanks = strspn(at, " \t\n");
		const char *line = memchr(at, '\n', blanks);

		if (line && memchr(line + 1, '\n', (size_t)(at + blanks - line) - 1))
			break;
		at += blanks;
		at += strcspn(at, " \t\n");
		if (at[-1] != ' ' && at[-1] != '\t' && at[-1] != '\n')
			end = at;
	}
	*text = at;
	*ret_paragraph = start;
	*ret_length = (size_t)(end - start);
	return end > start;
}

// SPDX-License-Identifier: Apache-2.0
/* A light pass over the text of a config: a descent that goes on after each mistake. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lint.h"
#include "text.h"
#include "token.h"

enum { PATH_LENGTH = 256 };

struct pass {
	struct tokens tokens;
	struct token token; /* the next one, not yet taken */
	char *text;         /* the same text as in tokens, to be mended */
	const char *file;
	struct problems *problems;
	struct lint *lint;
	char path[PATH_LENGTH]; /* "inputs.calls", of what is being read */
	unsigned depth;
	unsigned problem_count;
	bool stopped; /* no more complaints: a bound was met */
	int error;
};

/* What stood in a group so far. */
struct names {
	struct token *items;
	uint32_t count, capacity;
};

static void advance(struct pass *pass)
{
	pass->token = token_next(&pass->tokens);
}

static void stop(struct pass *pass)
{
	pass->lint->broken = true;
	pass->stopped = true;
	pass->tokens.at = pass->tokens.length;
	advance(pass);
}

static struct place place_of(const struct pass *pass, uint32_t line, uint32_t column)
{
	return (struct place){ .file = pass->file, .line = line, .column = column };
}

/* A mistake in the syntax: after it nothing can be said about what the settings mean. */
__attribute__((format(printf, 3, 4))) static void
complain(struct pass *pass, const struct token *token, const char *format, ...)
{
	char message[512];
	va_list arguments;

	pass->lint->broken = true;
	if (pass->stopped)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	problems_add(pass->problems, PROBLEM_ERROR, place_of(pass, token->line, token->column),
		     "%s", message);
	if (++pass->problem_count < LINT_PROBLEMS_LIMIT)
		return;
	problems_add(pass->problems, PROBLEM_NOTE, place_of(pass, token->line, token->column),
		     "the rest of this file was not looked at");
	stop(pass);
}

static char character(const struct pass *pass)
{
	return token_character(&pass->tokens, &pass->token);
}

/* What the next token is, in words. */
static const char *found(const struct pass *pass, char buffer[16])
{
	switch (pass->token.kind) {
	case TOKEN_END:
		return "the end of the file";
	case TOKEN_TEXT:
		return "a text";
	case TOKEN_INTEGER:
	case TOKEN_FLOAT:
		return "a number";
	case TOKEN_NAME:
	case TOKEN_WORD:
		return "a word";
	case TOKEN_BOOL:
		return "true or false";
	case TOKEN_INCLUDE:
		return "@include";
	default:
		snprintf(buffer, 16, (unsigned char)character(pass) < 0x20 ? "\\x%02x" : "%c",
			 character(pass));
		return buffer;
	}
}

static char closing(char open)
{
	return open == '{' ? '}' : open == '[' ? ']' : ')';
}

/* A name that = or : follows begins a setting, wherever it stands. */
static bool begins_setting(const struct pass *pass)
{
	struct tokens ahead = pass->tokens;

	return pass->token.kind == TOKEN_NAME && token_next(&ahead).kind == TOKEN_EQUALS;
}

/* Goes on to where the next setting of this group is likely to begin. */
static void recover(struct pass *pass)
{
	unsigned open = 0;

	for (; pass->token.kind != TOKEN_END; advance(pass)) {
		if (pass->token.kind == TOKEN_OPEN) {
			open++;
		} else if (pass->token.kind == TOKEN_CLOSE && open) {
			open--;
		} else if (!open && pass->token.kind == TOKEN_SEMICOLON) {
			advance(pass);
			return;
		} else if (!open && (begins_setting(pass) || character(pass) == '}')) {
			return;
		}
	}
}

static void *grow(struct pass *pass, void *items, uint32_t *capacity, size_t size)
{
	uint32_t larger = *capacity ? *capacity * 2 : 16;
	void *copy = realloc(items, larger * size);

	if (!copy) {
		pass->error = -ENOMEM;
		stop(pass);
		return NULL;
	}
	*capacity = larger;
	return copy;
}

static void place_add(struct pass *pass)
{
	struct lint *lint = pass->lint;
	struct lint_place *places;

	if (lint->count >= LINT_PLACES_LIMIT) {
		complain(pass, &pass->token, "more than %d settings in one file",
			 LINT_PLACES_LIMIT);
		stop(pass);
		return;
	}
	if (lint->count == lint->capacity) {
		places = grow(pass, lint->places, &lint->capacity, sizeof(*places));
		if (!places)
			return;
		lint->places = places;
	}
	lint->places[lint->count++] =
		(struct lint_place){ pass->token.line, pass->token.column, false };
}

static void value_parse(struct pass *pass, bool listed);

/* One or more texts side by side, which are one. */
static void texts_parse(struct pass *pass, bool listed)
{
	for (bool first = true; pass->token.kind == TOKEN_TEXT; first = false) {
		if (!first && listed)
			complain(pass, &pass->token,
				 "expected , between two texts (side by side they are one)");
		if (pass->token.flaw == FLAW_UNCLOSED)
			complain(pass, &pass->token,
				 "expected \" at the end of this text, in its line (\\n is a line "
				 "break in a "
				 "text, and texts side by side are one)");
		if (pass->token.flaw == FLAW_ZERO)
			complain(pass, &pass->token, "a text cannot hold the zero byte \\x00");
		advance(pass);
	}
}

static void number_parse(struct pass *pass)
{
	const char *text = pass->text + pass->token.start;
	int length = (int)pass->token.length;

	if (pass->token.flaw == FLAW_OVERFLOW && pass->lint->count && !pass->stopped) {
		const char *mend = pass->token.kind == TOKEN_FLOAT ? "is too large for a number"
				   : pass->token.wide
					   ? "does not fit 64 bits (a text can hold it)"
					   : "does not fit 32 bits: write an L behind it";

		pass->lint->places[pass->lint->count - 1].unreadable = true;
		problems_add(pass->problems, PROBLEM_ERROR,
			     place_of(pass, pass->token.line, pass->token.column), "%s: %.*s%s %s",
			     pass->path, length < 40 ? length : 40, text, length < 40 ? "" : "…",
			     mend);
	}
	advance(pass);
}

/* [ ] may hold scalars of one type only; what else it holds is read as if ( ) stood there. */
static bool fits_array(const struct token *first, const struct token *token)
{
	return token->kind == first->kind && token->wide == first->wide &&
	       token->kind != TOKEN_OPEN;
}

static void array_mend(struct pass *pass, size_t open, size_t close)
{
	pass->text[open] = '(';
	pass->text[close] = ')';
}

/* After an element: whether another one may follow. */
static bool element_follows(struct pass *pass, const struct token *open, char close)
{
	char opened = pass->text[open->start], buffer[16];

	if (pass->token.kind == TOKEN_COMMA) {
		advance(pass);
		if (pass->token.kind == TOKEN_CLOSE)
			complain(pass, &pass->token, "expected a value after the comma, found %s",
				 found(pass, buffer));
		if (pass->token.kind != TOKEN_END)
			return pass->token.kind != TOKEN_CLOSE;
	}
	if (pass->token.kind == TOKEN_CLOSE && character(pass) == close)
		return false;
	if (pass->token.kind == TOKEN_END) {
		complain(pass, open, "expected %c to close this %c, found the end of the file",
			 close, opened);
		return false;
	}
	complain(pass, &pass->token, "expected , or %c (to close the %c of line %u), found %s",
		 close, opened, open->line, found(pass, buffer));
	return pass->token.kind != TOKEN_SEMICOLON && pass->token.kind != TOKEN_CLOSE &&
	       pass->token.kind != TOKEN_EQUALS && !begins_setting(pass);
}

/* One element; false where none stands and what does belongs to somebody else. */
static bool element_parse(struct pass *pass, char opened, bool *told)
{
	size_t before = pass->token.start;

	if (opened == '[' && pass->token.kind == TOKEN_OPEN && !*told && !pass->stopped) {
		*told = true;
		problems_add(
			pass->problems, PROBLEM_ERROR,
			place_of(pass, pass->token.line, pass->token.column),
			"%s: [ ] holds plain values only; write ( ) around a list that holds %s",
			pass->path, character(pass) == '{' ? "groups" : "lists");
	}
	place_add(pass);
	value_parse(pass, true);
	if (pass->token.start != before || pass->token.kind == TOKEN_COMMA)
		return true;
	if (pass->token.kind == TOKEN_INCLUDE)
		advance(pass);
	return false;
}

static void elements_parse(struct pass *pass, const struct token *open)
{
	char opened = pass->text[open->start], close = closing(opened);
	struct token first = pass->token;
	bool mixed = false, told = false;

	if (pass->token.kind == TOKEN_CLOSE && character(pass) != close)
		complain(pass, &pass->token, "expected a value or %c, found %c", close,
			 character(pass));
	else if (pass->token.kind == TOKEN_END)
		element_follows(pass, open, close);
	while (pass->token.kind != TOKEN_CLOSE && pass->token.kind != TOKEN_END) {
		mixed |= !fits_array(&first, &pass->token);
		if (!element_parse(pass, opened, &told) || !element_follows(pass, open, close))
			break;
	}
	if (pass->token.kind != TOKEN_CLOSE)
		return;
	if (character(pass) == close) {
		if (opened == '[' && mixed)
			array_mend(pass, open->start, pass->token.start);
		advance(pass);
	} else if (character(pass) != '}') {
		advance(pass); /* the wrong bracket, which has been complained about */
	}
}

static void settings_parse(struct pass *pass, const struct token *open);

static void brackets_parse(struct pass *pass)
{
	struct token open = pass->token;

	if (pass->depth >= LINT_DEPTH_LIMIT) {
		complain(pass, &open, "more than %d brackets in brackets", LINT_DEPTH_LIMIT);
		stop(pass);
		return;
	}
	pass->depth++;
	advance(pass);
	if (pass->text[open.start] == '{')
		settings_parse(pass, &open);
	else
		elements_parse(pass, &open);
	pass->depth--;
}

static void value_parse(struct pass *pass, bool listed)
{
	char buffer[16];

	switch (pass->token.kind) {
	case TOKEN_TEXT:
		texts_parse(pass, listed);
		break;
	case TOKEN_INTEGER:
	case TOKEN_FLOAT:
		number_parse(pass);
		break;
	case TOKEN_BOOL:
		advance(pass);
		break;
	case TOKEN_OPEN:
		brackets_parse(pass);
		break;
	case TOKEN_NAME:
	case TOKEN_WORD:
		if (!begins_setting(pass)) {
			complain(pass, &pass->token,
				 "expected a value: a number, true, false, or a text, "
				 "which stands in quotes (\"5s\")");
			advance(pass);
			break;
		}
		__attribute__((fallthrough));
	default:
		complain(pass, &pass->token, "expected a value, found %s",
			 pass->token.kind == TOKEN_NAME ? "the next setting" : found(pass, buffer));
		if (pass->token.kind == TOKEN_OTHER || pass->token.kind == TOKEN_EQUALS)
			advance(pass);
	}
}

/* Where the same name stood before in the group, or NULL. */
static const struct token *name_add(struct pass *pass, struct names *names)
{
	const struct token *token = &pass->token;
	struct token *items;

	for (uint32_t i = 0; i < names->count; i++)
		if (names->items[i].length == token->length &&
		    !memcmp(pass->text + names->items[i].start, pass->text + token->start,
			    token->length))
			return &names->items[i];
	if (names->count >= LINT_NAMES_LIMIT) {
		complain(pass, token, "more than %d settings in one group", LINT_NAMES_LIMIT);
		stop(pass);
		return NULL;
	}
	if (names->count == names->capacity) {
		items = grow(pass, names->items, &names->capacity, sizeof(*items));
		if (!items)
			return NULL;
		names->items = items;
	}
	names->items[names->count++] = *token;
	return NULL;
}

/* Takes a setting that stands twice out of the text, with all that it holds. */
static void setting_blank(struct pass *pass, size_t start, uint32_t place_count)
{
	for (size_t i = start; i < pass->token.start; i++)
		if (pass->text[i] != '\n')
			pass->text[i] = ' ';
	pass->lint->count = place_count;
	if (!pass->depth) /* a whole section: too much is missing now */
		pass->lint->broken = true;
}

static void setting_value_parse(struct pass *pass, const struct token *name)
{
	char buffer[16];

	advance(pass);
	if (pass->token.kind == TOKEN_EQUALS) {
		advance(pass);
	} else {
		complain(pass, &pass->token, "expected = or : after %.*s, found %s",
			 (int)(name->length < 40 ? name->length : 40), pass->text + name->start,
			 found(pass, buffer));
		if (pass->token.kind != TOKEN_OPEN) {
			recover(pass);
			return;
		}
	}
	value_parse(pass, false);
	if (pass->token.kind == TOKEN_SEMICOLON || pass->token.kind == TOKEN_COMMA)
		advance(pass);
}

static void setting_parse(struct pass *pass, struct names *names)
{
	size_t path_length = strlen(pass->path);
	uint32_t place_count = pass->lint->count;
	struct token name = pass->token;
	const struct token *twin = name_add(pass, names);

	if (pass->stopped)
		return;
	snprintf(pass->path + path_length, sizeof(pass->path) - path_length, "%s%.*s",
		 path_length ? "." : "", (int)(name.length < 64 ? name.length : 64),
		 pass->text + name.start);
	if (twin)
		problems_add(pass->problems, PROBLEM_ERROR, place_of(pass, name.line, name.column),
			     "%s: stands here twice, first in line %u", pass->path, twin->line);
	place_add(pass);
	setting_value_parse(pass, &name);
	if (twin)
		setting_blank(pass, name.start, place_count);
	pass->path[path_length] = '\0';
}

/* Whatever stands where a setting should begin. */
static void stray_parse(struct pass *pass, const struct token *open)
{
	char buffer[16];

	if (pass->token.kind == TOKEN_INCLUDE) {
		complain(pass, &pass->token,
			 "@include cannot be used: give a directory instead of a file, "
			 "whose *.conf are read together");
		advance(pass);
	} else if (pass->token.kind == TOKEN_CLOSE) {
		if (open)
			complain(pass, &pass->token,
				 "expected } (to close the { of line %u) or a setting, found %c",
				 open->line, character(pass));
		else
			complain(pass, &pass->token,
				 "expected a setting, found %c, which closes nothing",
				 character(pass));
		advance(pass);
		if (pass->token.kind == TOKEN_SEMICOLON)
			advance(pass);
	} else {
		complain(pass, &pass->token, "expected a setting (name = value;), found %s%s",
			 found(pass, buffer),
			 pass->token.kind == TOKEN_WORD
				 ? " that is no name (letters, digits, _ and -)"
				 : "");
		if (pass->token.kind == TOKEN_SEMICOLON || pass->token.kind == TOKEN_COMMA)
			advance(pass);
		else
			recover(pass);
	}
}

/* The settings of a group up to its }, or of the file. */
static void settings_parse(struct pass *pass, const struct token *open)
{
	struct names names = { 0 };

	for (;;) {
		if (pass->token.kind == TOKEN_END) {
			if (open)
				complain(pass, open,
					 "expected } to close this {, found the end of the file");
			break;
		}
		if (open && pass->token.kind == TOKEN_CLOSE && character(pass) == '}') {
			advance(pass);
			break;
		}
		if (pass->token.kind == TOKEN_NAME)
			setting_parse(pass, &names);
		else
			stray_parse(pass, open);
	}
	free(names.items);
}

/* What is no text at all is said once, with its place. */
static void bytes_check(struct pass *pass, size_t length)
{
	size_t valid = text_valid_length(pass->text, length), plain = strnlen(pass->text, length);
	struct token token = { .line = 1, .column = 1 };
	size_t bad = plain < valid ? plain : valid;

	if (bad == length)
		return;
	for (size_t i = 0; i < bad; i++) {
		token.column = pass->text[i] == '\n' ? 1 : token.column + 1;
		token.line += pass->text[i] == '\n';
	}
	if (plain <= valid)
		complain(pass, &token, "a zero byte: this is no text file");
	else
		complain(pass, &token, "the byte 0x%02x: this is not UTF-8",
			 (unsigned char)pass->text[bad]);
	stop(pass);
}

int lint_check(char *text, size_t length, const char *file, struct problems *problems,
	       struct lint *ret_lint)
{
	struct lint lint = { 0 };
	struct pass pass = { .text = text, .file = file, .problems = problems, .lint = &lint };
	struct token comment = { 0 };

	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		memset(text, ' ', 3); /* a byte order mark */
	tokens_start(&pass.tokens, text, length);
	bytes_check(&pass, length);
	advance(&pass);
	settings_parse(&pass, NULL);
	if (pass.tokens.comment_line) {
		comment.line = pass.tokens.comment_line;
		comment.column = pass.tokens.comment_column;
		complain(&pass, &comment,
			 "expected */ to close this comment, found the end of the file");
	}
	if (pass.error) {
		lint_release(&lint);
		return pass.error;
	}
	*ret_lint = lint;
	return 0;
}

void lint_release(struct lint *lint)
{
	free(lint->places);
	*lint = (struct lint){ 0 };
}

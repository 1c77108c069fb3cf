// SPDX-License-Identifier: Apache-2.0
/* The text of a config as tokens: the language of libconfig, less what it lets slip. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "token.h"

enum { NUMBER_LENGTH = 512 }; /* longer ones are not looked at: they are out of every range */

void tokens_start(struct tokens *tokens, const char *text, size_t length)
{
	*tokens = (struct tokens){ .text = text, .length = length, .line = 1, .column = 1 };
}

char token_character(const struct tokens *tokens, const struct token *token)
{
	return token->start < tokens->length ? tokens->text[token->start] : '\0';
}

static char look(const struct tokens *tokens, size_t ahead)
{
	return tokens->at + ahead < tokens->length ? tokens->text[tokens->at + ahead] : '\0';
}

static void step(struct tokens *tokens)
{
	char byte = tokens->text[tokens->at++];

	if (byte == '\n') {
		tokens->line++;
		tokens->column = 1;
	} else if (((unsigned char)look(tokens, 0) & 0xc0) != 0x80) {
		tokens->column++; /* the next byte begins a character */
	}
}

static void skip_line(struct tokens *tokens)
{
	while (tokens->at < tokens->length && look(tokens, 0) != '\n')
		step(tokens);
}

static void skip_comment(struct tokens *tokens)
{
	uint32_t line = tokens->line, column = tokens->column;

	step(tokens);
	step(tokens);
	while (tokens->at < tokens->length && !(look(tokens, 0) == '*' && look(tokens, 1) == '/'))
		step(tokens);
	if (tokens->at >= tokens->length) {
		tokens->comment_line = line;
		tokens->comment_column = column;
		return;
	}
	step(tokens);
	step(tokens);
}

static void skip_blanks(struct tokens *tokens)
{
	while (tokens->at < tokens->length) {
		char byte = look(tokens, 0);

		if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f')
			step(tokens);
		else if (byte == '#' || (byte == '/' && look(tokens, 1) == '/'))
			skip_line(tokens);
		else if (byte == '/' && look(tokens, 1) == '*')
			skip_comment(tokens);
		else
			break;
	}
}

static bool is_hexadecimal(char letter)
{
	return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
	       (letter >= 'A' && letter <= 'F');
}

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

static bool is_letter(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

/* What runs on in one piece, be it a name, a number or neither. */
static bool is_word(char letter)
{
	return is_letter(letter) || is_digit(letter) || (letter && strchr("_*.+-", letter)) ||
	       (unsigned char)letter >= 0x80;
}

/* A text ends in its line: libconfig would go on to the next quote, wherever that is. */
static void take_text(struct tokens *tokens, struct token *token)
{
	token->kind = TOKEN_TEXT;
	step(tokens);
	while (tokens->at < tokens->length && look(tokens, 0) != '"' && look(tokens, 0) != '\n') {
		if (look(tokens, 0) == '\\' && (look(tokens, 1) | 0x20) == 'x' &&
		    look(tokens, 2) == '0' && look(tokens, 3) == '0')
			token->flaw = FLAW_ZERO;
		if (look(tokens, 0) == '\\' && tokens->at + 1 < tokens->length &&
		    look(tokens, 1) != '\n')
			step(tokens);
		step(tokens);
	}
	if (look(tokens, 0) == '"' && tokens->at < tokens->length)
		step(tokens);
	else
		token->flaw = FLAW_UNCLOSED;
}

static bool is_name(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_letter(word[i]) && word[i] != '*' &&
		    (!i || (!is_digit(word[i]) && word[i] != '_' && word[i] != '-')))
			return false;
	return true;
}

/* [-+] digits, or 0x and hexadecimal digits, with L or LL behind it. */
static bool is_integer(const char *word, size_t length, struct token *token)
{
	size_t at = 0, first;

	if (length > 2 && word[0] == '0' && (word[1] | 0x20) == 'x') {
		token->hexadecimal = true;
		for (first = at = 2; at < length && is_hexadecimal(word[at]);)
			at++;
	} else {
		at = *word == '-' || *word == '+';
		for (first = at; at < length && is_digit(word[at]);)
			at++;
	}
	if (at == first)
		return false;
	token->wide = at < length && word[at] == 'L';
	for (int marks = 0; marks < 2 && at < length && word[at] == 'L'; marks++)
		at++;
	return at == length;
}

/* [-+] digits . digits e [-+] digits, of which only a digit and either a point or an e must be. */
static bool is_float(const char *word, size_t length)
{
	size_t at = *word == '-' || *word == '+', digits = 0;
	bool marked = false;

	for (; at < length && is_digit(word[at]); at++)
		digits++;
	if (at < length && word[at] == '.') {
		marked = true;
		for (at++; at < length && is_digit(word[at]); at++)
			digits++;
	}
	if (!digits)
		return false;
	if (at < length && (word[at] | 0x20) == 'e') {
		marked = true;
		at++;
		at += at < length && (word[at] == '-' || word[at] == '+');
		for (digits = 0; at < length && is_digit(word[at]); at++)
			digits++;
	}
	return marked && digits && at == length;
}

/* Whether libconfig would read it as it stands: plain ones have 32 bits, those with L 64;
 * hexadecimal ones have no sign. */
static bool integer_fits(const char *word, size_t length, const struct token *token)
{
	char copy[NUMBER_LENGTH];
	long long value;
	unsigned long long bits;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, word, length);
	copy[length] = '\0';
	errno = 0;
	if (token->hexadecimal) {
		bits = strtoull(copy, NULL, 16);
		return !errno && (token->wide || bits <= UINT32_MAX);
	}
	value = strtoll(copy, NULL, 10);
	return !errno && (token->wide || (value >= INT32_MIN && value <= INT32_MAX));
}

static bool float_fits(const char *word, size_t length)
{
	char copy[NUMBER_LENGTH];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, word, length);
	copy[length] = '\0';
	return isfinite(strtod(copy, NULL));
}

static void take_word(struct tokens *tokens, struct token *token)
{
	const char *word = tokens->text + tokens->at;
	size_t length;

	while (tokens->at < tokens->length && is_word(look(tokens, 0)))
		step(tokens);
	length = (size_t)(tokens->text + tokens->at - word);
	if ((length == 4 && !strncasecmp(word, "true", 4)) ||
	    (length == 5 && !strncasecmp(word, "false", 5))) {
		token->kind = TOKEN_BOOL;
	} else if (is_name(word, length)) {
		token->kind = TOKEN_NAME;
	} else if (is_integer(word, length, token)) {
		token->kind = TOKEN_INTEGER;
		token->flaw = integer_fits(word, length, token) ? FLAW_NONE : FLAW_OVERFLOW;
	} else if (is_float(word, length)) {
		token->kind = TOKEN_FLOAT;
		token->flaw = float_fits(word, length) ? FLAW_NONE : FLAW_OVERFLOW;
	} else {
		token->kind = TOKEN_WORD;
	}
}

static enum token_kind character_kind(char byte)
{
	switch (byte) {
	case '=':
	case ':':
		return TOKEN_EQUALS;
	case ',':
		return TOKEN_COMMA;
	case ';':
		return TOKEN_SEMICOLON;
	case '{':
	case '[':
	case '(':
		return TOKEN_OPEN;
	case '}':
	case ']':
	case ')':
		return TOKEN_CLOSE;
	default:
		return TOKEN_OTHER;
	}
}

struct token token_next(struct tokens *tokens)
{
	struct token token = { .kind = TOKEN_END };

	skip_blanks(tokens);
	token.start = tokens->at;
	token.line = tokens->line;
	token.column = tokens->column;
	if (tokens->at >= tokens->length)
		return token;
	if (look(tokens, 0) == '"') {
		take_text(tokens, &token);
	} else if (is_word(look(tokens, 0))) {
		take_word(tokens, &token);
	} else if (tokens->length - tokens->at >= 8 &&
		   !strncmp(tokens->text + tokens->at, "@include", 8)) {
		token.kind = TOKEN_INCLUDE;
		skip_line(tokens);
	} else {
		token.kind = character_kind(look(tokens, 0));
		step(tokens);
	}
	token.length = tokens->at - token.start;
	return token;
}

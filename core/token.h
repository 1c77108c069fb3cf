/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a config as tokens: the language of libconfig, less what it lets slip. */
#ifndef SONDE_TOKEN_H
#define SONDE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_EQUALS, /* = or : */
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,  /* { [ ( */
	TOKEN_CLOSE, /* } ] ) */
	TOKEN_TEXT,
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_BOOL,
	TOKEN_INCLUDE, /* @include; all up to the end of its line */
	TOKEN_WORD,    /* like 5s or service.name: neither a name nor a number */
	TOKEN_OTHER,   /* a character that begins nothing */
};

enum token_flaw {
	FLAW_NONE,
	FLAW_UNCLOSED, /* text: no quote before the end of its line */
	FLAW_ZERO,     /* text: \x00, at which every reader would stop */
	FLAW_OVERFLOW, /* number: libconfig would read another one */
};

struct token {
	enum token_kind kind;
	enum token_flaw flaw;
	size_t start, length;   /* in the text */
	uint32_t line, column;  /* of its first character, from 1 */
	bool wide, hexadecimal; /* integer: with L; after 0x */
};

/* Where reading stands. */
struct tokens {
	const char *text;
	size_t length, at;
	uint32_t line, column;
	uint32_t comment_line, comment_column; /* of a comment without end, or 0 */
};

void tokens_start(struct tokens *tokens, const char *text, size_t length);

/* The next one; TOKEN_END for ever at the end. */
struct token token_next(struct tokens *tokens);

/* Its character, for those that are one. */
char token_character(const struct tokens *tokens, const struct token *token);

#endif

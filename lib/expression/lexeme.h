/* SPDX-License-Identifier: Apache-2.0 */
/* The words that an expression is made of. */
#ifndef SONDE_LEXEME_H
#define SONDE_LEXEME_H

#include "syntax.h"

enum lexeme_kind {
	LEXEME_END = 0,
	LEXEME_NAME,    /* a name, or a word of the language where it stands as one */
	LEXEME_LITERAL, /* number, duration, size or text */
	LEXEME_SIGN,    /* anything else */
};

enum sign {
	SIGN_NONE = 0,
	SIGN_OPEN,
	SIGN_CLOSE,
	SIGN_COMMA,
	SIGN_OPEN_BRACKET,
	SIGN_CLOSE_BRACKET,
	SIGN_EQUAL,
	SIGN_UNEQUAL,
	SIGN_LESS,
	SIGN_LESS_EQUAL,
	SIGN_MORE,
	SIGN_MORE_EQUAL,
	SIGN_MATCHES,
	SIGN_MATCHES_NOT,
	SIGN_PLUS,
	SIGN_MINUS,
	SIGN_TIMES,
	SIGN_OVER,
	SIGN_REMAINDER,
	SIGN_AND,
	SIGN_OR,
	SIGN_NOT,
};

struct lexeme {
	uint8_t kind;            /* enum lexeme_kind */
	uint8_t sign;            /* enum sign */
	bool quoted;             /* a name in backquotes, which is never a word of the language */
	uint32_t offset, length; /* of its place in the text */
	struct value value;      /* of a literal; the text of a name */
};

/* Where the reader stands. */
struct reader {
	const char *text;
	uint32_t at;
	char *bytes; /* room for texts without their quotes; as long as the text */
	uint32_t byte_count;
	struct expression_error *error;
};

/* The next one. raw: a text is taken as it stands, but for its own quote behind a backslash.
 * -EINVAL: the error says why. */
int lexeme_next(struct reader *reader, bool raw, struct lexeme *ret_lexeme);

/* Whether it is this word of the language, in small or capital letters. */
bool lexeme_is(const struct lexeme *lexeme, const char *word);

#endif

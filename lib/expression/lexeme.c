// SPDX-License-Identifier: Apache-2.0
/* The words that an expression is made of. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "../../core/quantity.h"
#include "lexeme.h"

enum { NUMBER_BYTES = 64 }; /* longest number, duration or size */

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

static bool begins_name(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
	       letter == '_';
}

static bool continues_name(char letter)
{
	return begins_name(letter) || is_digit(letter) || letter == '.';
}

bool lexeme_is(const struct lexeme *lexeme, const char *word)
{
	return lexeme->kind == LEXEME_NAME && !lexeme->quoted && lexeme->length == strlen(word) &&
	       !strncasecmp(lexeme->value.as.text.data, word, lexeme->length);
}

/* ---- texts and names --------------------------------------------------------------------- */

static int hex_value(char letter)
{
	if (is_digit(letter))
		return letter - '0';
	if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f')
		return (letter | 0x20) - 'a' + 10;
	return -1;
}

/* The byte that the escape at the reader's place stands for; negative: an error. */
static int escape_take(struct reader *reader)
{
	static const char letters[] = "ntr0", bytes[] = "\n\t\r";
	const char *at = reader->text + reader->at, *letter;
	int high, low;

	if (strchr("\\'\"`", at[1]) && at[1]) {
		reader->at += 2;
		return at[1];
	}
	if (at[1] == 'x') {
		high = hex_value(at[2]);
		low = high < 0 ? -1 : hex_value(at[3]);
		if (low < 0)
			return expression_fail(reader->text, reader->at, reader->error,
					       "\\x takes two hexadecimal digits, as in \\x41");
		reader->at += 4;
		return high << 4 | low;
	}
	letter = at[1] ? strchr(letters, at[1]) : NULL;
	if (!letter)
		return expression_fail(
			reader->text, reader->at, reader->error,
			"no such escape: there are \\\\ \\' \\\" \\` \\n \\t \\r \\0 "
			"and \\x41; a pattern behind =~ needs none");
	reader->at += 2;
	return bytes[letter - letters];
}

/* What stands in quotes, without them. */
static int quoted_take(struct reader *reader, bool raw, struct sonde_text *ret_text)
{
	uint32_t begin = reader->at, start = reader->byte_count;
	char quote = reader->text[reader->at++];

	while (reader->text[reader->at] != quote) {
		char letter = reader->text[reader->at];
		bool escaped = letter == '\\' && (!raw || reader->text[reader->at + 1] == quote);
		int byte;

		if (!letter)
			return expression_fail(reader->text, begin, reader->error,
					       "the %s that begins here has no end: %c is missing",
					       quote == '`' ? "name" : "text", quote);
		if (!raw && letter == '\\') {
			byte = escape_take(reader);
			if (byte < 0)
				return byte;
			reader->bytes[reader->byte_count++] = (char)byte;
			continue;
		}
		/* In a pattern \\ is a pair, whatever follows it. */
		if (raw && letter == '\\' && reader->text[reader->at + 1] && !escaped)
			reader->bytes[reader->byte_count++] = reader->text[reader->at++];
		else if (escaped)
			reader->at++;
		reader->bytes[reader->byte_count++] = reader->text[reader->at++];
	}
	reader->at++;
	*ret_text = (struct sonde_text){ reader->bytes + start, reader->byte_count - start, 0 };
	return 0;
}

static int name_take(struct reader *reader, struct lexeme *lexeme)
{
	struct sonde_text *text = &lexeme->value.as.text;
	int result = 0;

	lexeme->kind = LEXEME_NAME;
	lexeme->value.kind = KIND_TEXT;
	if (reader->text[reader->at] == '`') {
		lexeme->quoted = true;
		result = quoted_take(reader, false, text);
	} else {
		text->data = reader->text + reader->at;
		while (continues_name(reader->text[reader->at]))
			reader->at++;
		text->length = (uint32_t)(reader->text + reader->at - text->data);
	}
	if (result < 0)
		return result;
	if (!text->length)
		return expression_fail(reader->text, lexeme->offset, reader->error,
				       "there is no name between these backquotes");
	if (text->length > EXPRESSION_NAME_BYTES)
		return expression_fail(reader->text, lexeme->offset, reader->error,
				       "a name has at most %d bytes", EXPRESSION_NAME_BYTES);
	if (memchr(text->data, '\0', text->length))
		return expression_fail(reader->text, lexeme->offset, reader->error,
				       "a name holds no zero byte");
	return 0;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void set_unsigned(struct value *value, uint64_t number)
{
	value->kind = number > INT64_MAX ? KIND_UNSIGNED : KIND_INTEGER;
	if (number > INT64_MAX)
		value->as.number = number;
	else
		value->as.integer = (int64_t)number;
}

/* What begins with a digit: digits, letters and points, and a sign behind an exponent. */
static uint32_t number_length(const char *text)
{
	bool hexadecimal = text[0] == '0' && (text[1] | 0x20) == 'x';
	uint32_t length = 0;

	for (;; length++) {
		char letter = text[length];
		bool exponent = length && !hexadecimal && (text[length - 1] | 0x20) == 'e' &&
				(letter == '-' || letter == '+') && is_digit(text[length + 1]);

		if (!continues_name(letter) && !exponent)
			return length;
	}
}

static bool integer_take(const char *text, struct value *value)
{
	bool hexadecimal = text[0] == '0' && (text[1] | 0x20) == 'x';
	const char *digits = text + (hexadecimal ? 2 : 0);
	unsigned long long number;
	char *end;

	if (!*digits ||
	    strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
		return false;
	errno = 0;
	number = strtoull(digits, &end, hexadecimal ? 16 : 10);
	if (errno || *end)
		return false;
	set_unsigned(value, number);
	return true;
}

static bool real_take(const char *text, struct value *value)
{
	char *end;

	if (strspn(text, "0123456789.eE+-") != strlen(text) || !strpbrk(text, ".eE"))
		return false;
	value->as.real = strtod(text, &end);
	value->kind = KIND_REAL;
	return !*end && end[-1] != '.' && isfinite(value->as.real);
}

static int number_take(struct reader *reader, struct lexeme *lexeme)
{
	const char *at = reader->text + reader->at;
	uint32_t length = number_length(at);
	char word[NUMBER_BYTES];
	int64_t duration_ns;
	uint64_t bytes;

	lexeme->kind = LEXEME_LITERAL;
	if (length >= sizeof(word))
		return expression_fail(reader->text, reader->at, reader->error,
				       "a number has at most %d characters", NUMBER_BYTES - 1);
	memcpy(word, at, length);
	word[length] = '\0';
	reader->at += length;
	if (integer_take(word, &lexeme->value) || real_take(word, &lexeme->value))
		return 0;
	if (!duration_parse(word, &duration_ns)) {
		set_unsigned(&lexeme->value, (uint64_t)duration_ns);
		lexeme->value.type = SONDE_DURATION;
		return 0;
	}
	if (!size_parse(word, &bytes)) {
		set_unsigned(&lexeme->value, bytes);
		return 0;
	}
	return expression_fail(reader->text, lexeme->offset, reader->error,
			       strspn(word, "0123456789") == length
				       ? "%s does not fit 64 bits"
				       : "%s is not a number, duration or size (as are 5, 0.5, "
					 "0xff, 10ms, 64KiB); an id stands in quotes",
			       word);
}

/* ---- all --------------------------------------------------------------------------------- */

static const struct {
	char text[3];
	uint8_t sign;
} signs[] = {
	/* longer ones first */
	{ "==", SIGN_EQUAL },       { "!=", SIGN_UNEQUAL },      { "<>", SIGN_UNEQUAL },
	{ "<=", SIGN_LESS_EQUAL },  { ">=", SIGN_MORE_EQUAL },   { "=~", SIGN_MATCHES },
	{ "!~", SIGN_MATCHES_NOT }, { "&&", SIGN_AND },          { "||", SIGN_OR },
	{ "(", SIGN_OPEN },         { ")", SIGN_CLOSE },         { ",", SIGN_COMMA },
	{ "[", SIGN_OPEN_BRACKET }, { "]", SIGN_CLOSE_BRACKET }, { "=", SIGN_EQUAL },
	{ "<", SIGN_LESS },         { ">", SIGN_MORE },          { "+", SIGN_PLUS },
	{ "-", SIGN_MINUS },        { "*", SIGN_TIMES },         { "/", SIGN_OVER },
	{ "%", SIGN_REMAINDER },    { "!", SIGN_NOT },
};

static int sign_take(struct reader *reader, struct lexeme *lexeme)
{
	const char *at = reader->text + reader->at;

	lexeme->kind = LEXEME_SIGN;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t length = strlen(signs[i].text);

		if (strncmp(at, signs[i].text, length) != 0)
			continue;
		lexeme->sign = signs[i].sign;
		reader->at += (uint32_t)length;
		return 0;
	}
	if (*at == '&' || *at == '|')
		return expression_fail(reader->text, reader->at, reader->error,
				       "%c alone means nothing (did you mean \"%s\"?)", *at,
				       *at == '&' ? "and" : "or");
	if (*at > ' ' && *at < 0x7f)
		return expression_fail(reader->text, reader->at, reader->error,
				       "%c means nothing here; a name with such characters stands "
				       "in backquotes, a text in quotes",
				       *at);
	return expression_fail(reader->text, reader->at, reader->error,
			       "the byte 0x%02x means nothing here; a name with such characters "
			       "stands in backquotes, a text in quotes",
			       (unsigned char)*at);
}

int lexeme_next(struct reader *reader, bool raw, struct lexeme *ret_lexeme)
{
	struct lexeme lexeme = { 0 };
	const char *text = reader->text;
	int result = 0;

	while (text[reader->at] && strchr(" \t\r\n", text[reader->at]))
		reader->at++;
	lexeme.offset = reader->at;
	if (text[reader->at] == '\'' || text[reader->at] == '"') {
		lexeme.kind = LEXEME_LITERAL;
		lexeme.value.kind = KIND_TEXT;
		result = quoted_take(reader, raw, &lexeme.value.as.text);
	} else if (begins_name(text[reader->at]) || text[reader->at] == '`') {
		result = name_take(reader, &lexeme);
	} else if (is_digit(text[reader->at])) {
		result = number_take(reader, &lexeme);
	} else if (text[reader->at]) {
		result = sign_take(reader, &lexeme);
	}
	if (result < 0)
		return result;
	lexeme.length = reader->at - lexeme.offset;
	*ret_lexeme = lexeme;
	return 0;
}

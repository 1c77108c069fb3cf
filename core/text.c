// SPDX-License-Identifier: Apache-2.0
/* Texts that come from outside: whether they are UTF-8, and how they are quoted. */
#include <stdio.h>
#include <string.h>
#include "text.h"

enum { QUOTED_LIMIT = 60 }; /* bytes of a text that a message repeats */

/* Bytes of the character at the front, 0 if it is none: neither overlong nor a surrogate. */
static size_t character_length(const unsigned char *byte, size_t length)
{
	size_t wanted = byte[0] < 0x80   ? 1
			: byte[0] < 0xc2 ? 0
			: byte[0] < 0xe0 ? 2
			: byte[0] < 0xf0 ? 3
			: byte[0] < 0xf5 ? 4
					 : 0;

	if (wanted > length)
		return 0;
	for (size_t i = 1; i < wanted; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
	    (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
		return 0;
	return wanted;
}

size_t text_valid_length(const char *text, size_t length)
{
	size_t valid = 0, step;

	while (valid < length) {
		step = character_length((const unsigned char *)text + valid, length - valid);
		if (!step)
			break;
		valid += step;
	}
	return valid;
}

const char *text_quote(const char *text, char *buffer, size_t size)
{
	size_t length = strlen(text), shown = length;
	const char *cut = "";

	if (length > QUOTED_LIMIT) {
		shown = QUOTED_LIMIT;
		while (shown && ((unsigned char)text[shown] & 0xc0) == 0x80)
			shown--; /* not through the middle of a character */
		cut = "…";
	}
	snprintf(buffer, size, "\"%.*s%s\"", (int)shown, text, cut);
	return buffer;
}

/* The escape of a byte, or NULL where it stands for itself. */
static const char *byte_escape(unsigned char byte, bool doubled, char buffer[8])
{
	switch (byte) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '$':
		return doubled ? "$$" : NULL;
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	default:
		if (byte >= 0x20 && byte != 0x7f)
			return NULL;
		snprintf(buffer, 8, "\\x%02x", byte);
		return buffer;
	}
}

int text_escape(const char *text, bool doubled, char *buffer, size_t size)
{
	size_t length = 0;
	char scratch[8], self[2] = "";

#define PUT(part_)                                                                                 \
	do {                                                                                       \
		for (const char *letter_ = (part_); *letter_; letter_++, length++)                 \
			if (length + 1 < size)                                                     \
				buffer[length] = *letter_;                                         \
	} while (0)
	PUT("\"");
	for (; *text; text++) {
		const char *escape = byte_escape((unsigned char)*text, doubled, scratch);

		self[0] = *text;
		PUT(escape ? escape : self);
	}
	PUT("\"");
#undef PUT
	if (size)
		buffer[length < size ? length : size - 1] = '\0';
	return (int)length;
}

static int hexadecimal_digit(char letter)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = letter ? strchr(digits, letter | 0x20) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* What an escape stands for; *text is behind the backslash and moves behind the escape. */
static char escape_take(char **text)
{
	char letter = **text;
	int high, low;

	(*text)++;
	if (letter == 'n')
		return '\n';
	if (letter == 't')
		return '\t';
	if (letter != 'x')
		return letter;
	high = hexadecimal_digit((*text)[0]);
	low = high < 0 ? -1 : hexadecimal_digit((*text)[1]);
	if (low < 0)
		return letter;
	*text += 2;
	return (char)(high << 4 | low);
}

char *text_unescape(char **text)
{
	char *from = *text, *to = *text, *start = *text;

	if (*from++ != '"')
		return NULL;
	while (*from && *from != '"') {
		if (*from == '\\' && from[1]) {
			from++;
			*to++ = escape_take(&from);
		} else {
			*to++ = *from++;
		}
	}
	if (!*from)
		return NULL;
	*to = '\0';
	*text = from + 1;
	return start;
}

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int count)
{
	while (count--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t text_hash(const char *text, const uint64_t key[2])
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
			  key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	size_t length = strlen(text);
	uint64_t word;

	for (size_t at = 0; at <= length; at += 8) {
		size_t left = length - at < 8 ? length - at : 8;

		word = left < 8 ? (uint64_t)length << 56 : 0;
		for (size_t i = 0; i < left; i++)
			word |= (uint64_t)(unsigned char)text[at + i] << (8 * i);
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

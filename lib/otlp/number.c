// SPDX-License-Identifier: Apache-2.0
/* Numbers, ids and base64 as JSON has them, made into what protobuf has. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { NUMBER_LENGTH_LIMIT = 400 }; /* of one with a point or an exponent: a double has up to 327 */

/* ---- whole numbers ----------------------------------------------------------------------- */

/* A whole number that is written with a point or an exponent. */
static const char *rounded_parse(const char *text, size_t length, int64_t minimum, uint64_t maximum,
				 uint64_t *ret_value)
{
	const double exact_limit = 9007199254740992.0; /* 2^53 */
	const char *problem;
	double value;

	problem = double_parse(text, length, false, &value);
	if (problem)
		return problem;
	if (value != floor(value))
		return "is not a whole number";
	if (fabs(value) > exact_limit)
		return "is not exact with a point or an exponent: write all of its digits";
	if (value < (double)minimum || value > (double)maximum)
		return "is out of range";
	*ret_value = (uint64_t)(int64_t)value;
	return NULL;
}

const char *whole_parse(const char *text, size_t length, int64_t minimum, uint64_t maximum,
			uint64_t *ret_value)
{
	bool negative = length && text[0] == '-';
	uint64_t value = 0, limit = negative ? -(uint64_t)minimum : maximum;
	bool fits = true;

	if (length == negative)
		return "is not a number";
	for (size_t place = negative; place < length; place++) {
		uint64_t digit = (uint64_t)(unsigned char)text[place] - '0';

		if (digit > 9)
			return rounded_parse(text, length, minimum, maximum, ret_value);
		if (value > (UINT64_MAX - digit) / 10)
			fits = false;
		value = value * 10 + digit;
	}
	if (!fits || value > limit)
		return "is out of range";
	*ret_value = negative ? -value : value;
	return NULL;
}

/* ---- doubles ----------------------------------------------------------------------------- */

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && !memcmp(text, word, length);
}

const char *double_parse(const char *text, size_t length, bool words, double *ret_value)
{
	char copy[NUMBER_LENGTH_LIMIT + 1], *end;
	double value;

	if (words && is_word(text, length, "NaN")) {
		*ret_value = NAN;
		return NULL;
	}
	if (words && (is_word(text, length, "Infinity") || is_word(text, length, "-Infinity"))) {
		*ret_value = text[0] == '-' ? -INFINITY : INFINITY;
		return NULL;
	}
	if (length > NUMBER_LENGTH_LIMIT)
		return "has more digits than any number needs";
	for (size_t place = 0; place < length; place++)
		if (!text[place] || !strchr("0123456789+-.eE", text[place]))
			return "is not a number";
	memcpy(copy, text, length);
	copy[length] = 0;
	value = strtod(copy, &end);
	if (!length || *end)
		return "is not a number";
	if (isinf(value))
		return "is out of range";
	*ret_value = value;
	return NULL;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool hex_parse(const char *text, size_t length, unsigned char *ret_bytes)
{
	if (length % 2)
		return false;
	for (size_t place = 0; place < length; place += 2) {
		int high = hex_digit(text[place]), low = hex_digit(text[place + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_bytes[place / 2] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static int base64_digit(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+' || digit == '-')
		return 62;
	if (digit == '/' || digit == '_')
		return 63;
	return -1;
}

bool base64_parse(const char *text, size_t length, unsigned char *ret_bytes, size_t *ret_length)
{
	unsigned char *at = ret_bytes;
	uint32_t group = 0;

	if (length % 4 == 0 && length && text[length - 1] == '=')
		length -= text[length - 2] == '=' ? 2 : 1;
	if (length % 4 == 1)
		return false;
	for (size_t place = 0; place < length; place++) {
		int digit = base64_digit(text[place]);

		if (digit < 0)
			return false;
		group = group << 6 | (uint32_t)digit;
		if (place % 4) {
			*at = (unsigned char)(group >> (6 - 2 * (place % 4)));
			at++;
		}
	}
	*ret_length = (size_t)(at - ret_bytes);
	return true;
}

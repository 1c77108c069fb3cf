// SPDX-License-Identifier: Apache-2.0
/* JSON's pieces, each written straight to memory that the caller has made sure of. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"

static const uint64_t powers_of_ten[] = {
	1u,
	10u,
	100u,
	1000u,
	10000u,
	100000u,
	1000000u,
	10000000u,
	100000000u,
	1000000000u,
	10000000000u,
	100000000000u,
	1000000000000u,
	10000000000000u,
	100000000000000u,
	1000000000000000u,
	10000000000000000u,
	100000000000000000u,
	1000000000000000000u,
	10000000000000000000u,
};

static char *put_word(char *at, const char *word)
{
	size_t length = strlen(word);

	memcpy(at, word, length);
	return at + length;
}

/* A value of few decimals: m / 10^k with both exact in a double, so that dividing rounds as reading
 * the text does. The smallest such k gives the shortest text. NULL: there is none. */
static char *put_decimal(char *at, double value)
{
	static const double tens[] = { 1,   1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
				       1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16 };
	uint64_t whole, part;

	for (uint32_t places = 0; places < sizeof(tens) / sizeof(*tens); places++) {
		double product = value * tens[places];
		uint64_t scaled;

		if (product > 9007199254740992.0)
			return NULL;
		scaled = (uint64_t)(product + 0.5);
		if ((double)scaled / tens[places] != value)
			continue;
		whole = scaled / powers_of_ten[places];
		part = scaled % powers_of_ten[places];
		at = json_put_unsigned(at, whole);
		if (!places)
			return at;
		/* a one before the zeros of the part, turned into the point */
		(void)json_put_unsigned(at, powers_of_ten[places] + part);
		*at = '.';
		return at + places + 1;
	}
	return NULL;
}

char *json_put_double(char *at, double value)
{
	char *end, text[JSON_NUMBER_SIZE];

	if (isnan(value))
		return put_word(at, "\"NaN\"");
	if (isinf(value))
		return put_word(at, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	if (signbit(value)) {
		*at++ = '-';
		value = -value;
	}
	if (value == 0 || value >= 1e-5) {
		end = put_decimal(at, value);
		if (end)
			return end;
	}
	/* fifteen digits hold any shorter text, but for numbers of reduced precision */
	for (int digits = value < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	end = strchr(text, ','); /* a locale's decimal comma */
	if (end)
		*end = '.';
	return put_word(at, text);
}

/* ---- times ------------------------------------------------------------------------------- */

/* Days since the epoch to year, month and day, over eras of 400 years that begin in March. */
static void date_put(char *at, int64_t days)
{
	int64_t era, shifted = days + 719468;
	uint32_t day_of_era, year_of_era, day_of_year, month, year;

	era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	day_of_era = (uint32_t)(shifted - era * 146097);
	year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	year = (uint32_t)(era * 400 + year_of_era + (month >= 10));
	json_put_pair(at, year / 100);
	json_put_pair(at + 2, year % 100);
	at[4] = '-';
	json_put_pair(at + 5, month < 10 ? month + 3 : month - 9);
	at[7] = '-';
	json_put_pair(at + 8, day_of_year - (153 * month + 2) / 5 + 1);
}

/* As in json_clock. 64-bit ns since the epoch reach from 1677 to 2262, so years have four digits.
 */
void json_put_second(char *at, int64_t second)
{
	int64_t days = second / 86400;
	uint32_t rest;

	if (second % 86400 < 0)
		days--;
	rest = (uint32_t)(second - days * 86400);
	at[0] = '"';
	date_put(at + 1, days);
	at[11] = 'T';
	json_put_pair(at + 12, rest / 3600);
	at[14] = ':';
	json_put_pair(at + 15, rest / 60 % 60);
	at[17] = ':';
	json_put_pair(at + 18, rest % 60);
	at[20] = '.';
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that begins here; 0: it is none. */
static uint32_t character_length(const unsigned char *text, size_t length)
{
	uint32_t first = text[0], count = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4 || length < count)
		return 0;
	for (uint32_t place = 1; place < count; place++)
		if ((text[place] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
	    (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
		return 0;
	return count;
}

bool json_is_utf8(const char *text, size_t length)
{
	const unsigned char *from = (const unsigned char *)text, *end = from + length;
	uint32_t count;

	while (from < end) {
		if (end - from >= 8 &&
		    !(json_load_word((const char *)from) & JSON_EACH_BYTE(0x80))) {
			from += 8;
			continue;
		}
		count = character_length(from, (size_t)(end - from));
		if (!count)
			return false;
		from += count;
	}
	return true;
}

static char *put_escape(char *at, unsigned char byte)
{
	static const char short_forms[] = "btn\0fr";

	*at++ = '\\';
	if (byte == '"' || byte == '\\') {
		*at++ = (char)byte;
	} else if (byte >= '\b' && byte <= '\r' && short_forms[byte - '\b']) {
		*at++ = short_forms[byte - '\b'];
	} else {
		memcpy(at, "u00", 3);
		at[3] = (char)('0' + (byte >> 4));
		at[4] = "0123456789abcdef"[byte & 15];
		at += 5;
	}
	return at;
}

char *json_put_escaped(char *at, const char *text, size_t length)
{
	const unsigned char *from = (const unsigned char *)text, *end = from + length;

	while (from < end) {
		uint32_t count;

		while (end - from >= 8 && !json_is_special(json_load_word((const char *)from))) {
			memcpy(at, from, 8);
			at += 8;
			from += 8;
		}
		if (from == end)
			break;
		if (*from < 0x20 || *from == '"' || *from == '\\') {
			at = put_escape(at, *from++);
			continue;
		}
		count = character_length(from, (size_t)(end - from));
		if (count) {
			memcpy(at, from, count);
			at += count;
			from += count;
		} else {
			at = put_word(at, "\xef\xbf\xbd");
			from++;
		}
	}
	return at;
}

char *json_put_hex(char *at, const void *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = data;

	*at++ = '"';
	for (size_t place = 0; place < length; place++) {
		*at++ = digits[from[place] >> 4];
		*at++ = digits[from[place] & 15];
	}
	*at++ = '"';
	return at;
}

char *json_put_base64(char *at, const void *data, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *from = data;
	uint32_t group;

	*at++ = '"';
	for (; length >= 3; length -= 3, from += 3) {
		group = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
		for (int shift = 18; shift >= 0; shift -= 6)
			*at++ = digits[group >> shift & 63];
	}
	if (length) {
		group = (uint32_t)from[0] << 16 | (length == 2 ? (uint32_t)from[1] << 8 : 0);
		*at++ = digits[group >> 18 & 63];
		*at++ = digits[group >> 12 & 63];
		*at++ = length == 2 ? digits[group >> 6 & 63] : '=';
		*at++ = '=';
	}
	*at++ = '"';
	return at;
}

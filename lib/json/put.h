/* SPDX-License-Identifier: Apache-2.0 */
/* JSON's raw pieces, those of the inner loop inline. Included by json.h. */
#ifndef SONDE_PUT_H
#define SONDE_PUT_H

#include <endian.h>
#include <string.h>

char *json_put_double(char *at, double value);
char *json_put_hex(char *at, const void *data, size_t length);
char *json_put_base64(char *at, const void *data, size_t length);

/* Private: the rare halves of the functions below. */
char *json_put_escaped(char *at, const char *text, size_t length);
void json_put_second(char *at, int64_t second);

/* A number below 100 as two digits. */
static inline void json_put_pair(char *at, uint32_t value)
{
	uint32_t tens = value * 103 >> 10;

	at[0] = (char)('0' + tens);
	at[1] = (char)('0' + value - 10 * tens);
}

/* The eight digits of a number below 10^8 as values 0 to 9, the first in the lowest byte: halves,
 * quarters and single digits are divided off in all lanes at once. */
static inline uint64_t json_digits(uint32_t value)
{
	uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
	uint64_t hundreds = (halves * 10486 >> 20) & UINT64_C(0x7f0000007f);
	uint64_t quarters = hundreds | (halves - 100 * hundreds) << 16;
	uint64_t tens = (quarters * 103 >> 10) & UINT64_C(0x000f000f000f000f);

	return tens | (quarters - 10 * tens) << 8;
}

static inline void json_store_digits(char *at, uint64_t digits)
{
	digits = htole64(digits | UINT64_C(0x3030303030303030));
	memcpy(at, &digits, sizeof(digits));
}

/* A number from 1 to 10^8 - 1; writes up to 8 bytes. */
static inline char *json_put_short(char *at, uint32_t value)
{
	uint64_t digits = json_digits(value);
	uint32_t zeros = (uint32_t)__builtin_ctzll(digits) & ~7u;

	json_store_digits(at, digits >> zeros);
	return at + 8 - (zeros >> 3);
}

static inline char *json_put_unsigned(char *at, uint64_t value)
{
	uint64_t high;

	if (value < 10) {
		*at = (char)('0' + value);
		return at + 1;
	}
	if (value < 100000000)
		return json_put_short(at, (uint32_t)value);
	high = value / 100000000;
	if (high < 100000000) {
		at = json_put_short(at, (uint32_t)high);
	} else {
		at = json_put_short(at, (uint32_t)(high / 100000000));
		json_store_digits(at, json_digits((uint32_t)(high % 100000000)));
		at += 8;
	}
	json_store_digits(at, json_digits((uint32_t)(value % 100000000)));
	return at + 8;
}

static inline char *json_put_integer(char *at, int64_t value)
{
	if (value >= 0)
		return json_put_unsigned(at, (uint64_t)value);
	*at = '-';
	return json_put_unsigned(at + 1, -(uint64_t)value);
}

/* Quoted, RFC 3339 in UTC. */
static inline char *json_put_time(char *at, int64_t time_ns, struct json_clock *clock)
{
	int64_t second = time_ns / 1000000000;
	uint32_t part;

	if (time_ns - second * 1000000000 < 0)
		second--;
	if (second != clock->second || !clock->text[0]) {
		clock->second = second;
		json_put_second(clock->text, second);
	}
	part = (uint32_t)(time_ns - second * 1000000000);
	memcpy(at, clock->text, sizeof(clock->text));
	at[21] = (char)('0' + part / 100000000);
	json_store_digits(at + 22, json_digits(part % 100000000));
	memcpy(at + 30, "Z\"", 2);
	return at + 32;
}

#define JSON_EACH_BYTE(byte_) (UINT64_C(0x0101010101010101) * (byte_))

/* Whether any of eight bytes is a control character, a quote, a backslash or not ASCII. Borrows
 * come from a byte that is one, so the answer is exact. */
static inline bool json_is_special(uint64_t word)
{
	return ((word | (word - JSON_EACH_BYTE(0x20)) |
		 ((word ^ JSON_EACH_BYTE('"')) - JSON_EACH_BYTE(1)) |
		 ((word ^ JSON_EACH_BYTE('\\')) - JSON_EACH_BYTE(1))) &
		JSON_EACH_BYTE(0x80)) != 0;
}

static inline uint64_t json_load_word(const char *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

/* Copies a text in which nothing needs an escape; false: something does, and the copy is void. */
static inline bool json_copy_plain(char *at, const char *text, size_t length)
{
	uint64_t word;
	uint32_t halves[2];

	if (length >= 8) {
		for (size_t place = 0; place + 8 < length; place += 8) {
			word = json_load_word(text + place);
			memcpy(at + place, &word, 8);
			if (json_is_special(word))
				return false;
		}
		word = json_load_word(text + length - 8);
		memcpy(at + length - 8, &word, 8);
		return !json_is_special(word);
	}
	if (length >= 4) {
		memcpy(&halves[0], text, 4);
		memcpy(&halves[1], text + length - 4, 4);
		memcpy(at, &halves[0], 4);
		memcpy(at + length - 4, &halves[1], 4);
		return !json_is_special((uint64_t)halves[1] << 32 | halves[0]);
	}
	word = JSON_EACH_BYTE(' ');
	for (size_t place = 0; place < length; place++) {
		word = word << 8 | (unsigned char)text[place];
		at[place] = text[place];
	}
	return !json_is_special(word);
}

/* Quoted and escaped. */
static inline char *json_put_text(char *at, const char *text, size_t length)
{
	*at++ = '"';
	if (json_copy_plain(at, text, length))
		at += length;
	else
		at = json_put_escaped(at, text, length);
	*at++ = '"';
	return at;
}

#endif

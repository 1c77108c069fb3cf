// SPDX-License-Identifier: Apache-2.0
/* Single values as another type: what fits, and what does not. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include "../../../core/quantity.h"
#include "cast.h"

static const int64_t SECOND_NS = 1000000000;

/* ---- numbers ----------------------------------------------------------------------------- */

/* A whole number of 64 bits with a sign; false: it is none. */
static bool whole(const struct value *value, int64_t *ret_number)
{
	if (value->kind == KIND_UNSIGNED && value->as.number > INT64_MAX)
		return false;
	if (value->kind == KIND_REAL) {
		if (!(value->as.real >= -0x1p63 && value->as.real < 0x1p63) ||
		    floor(value->as.real) != value->as.real)
			return false;
		*ret_number = (int64_t)value->as.real;
		return true;
	}
	*ret_number = value->as.integer;
	return true;
}

static double real_of(const struct value *value)
{
	if (value->kind == KIND_REAL)
		return value->as.real;
	return value->kind == KIND_UNSIGNED ? (double)value->as.number : (double)value->as.integer;
}

#define STORE(type_, low_, high_)                                                                  \
	do {                                                                                       \
		type_ stored_ = (type_)number;                                                     \
		if (number < (low_) || number > (high_))                                           \
			return false;                                                              \
		memcpy(ret_value, &stored_, sizeof(stored_));                                      \
		return true;                                                                       \
	} while (0)

static bool store_whole(int64_t number, uint32_t type, void *ret_value)
{
	switch (type) {
	case SONDE_I8:
		STORE(int8_t, INT8_MIN, INT8_MAX);
	case SONDE_I16:
		STORE(int16_t, INT16_MIN, INT16_MAX);
	case SONDE_I32:
		STORE(int32_t, INT32_MIN, INT32_MAX);
	case SONDE_U8:
		STORE(uint8_t, 0, UINT8_MAX);
	case SONDE_U16:
		STORE(uint16_t, 0, UINT16_MAX);
	case SONDE_U32:
		STORE(uint32_t, 0, UINT32_MAX);
	case SONDE_U64:
		STORE(uint64_t, 0, INT64_MAX);
	default:
		memcpy(ret_value, &number, sizeof(number));
		return true;
	}
}

bool cast_number(const struct value *value, uint32_t type, void *ret_value)
{
	int64_t number;
	double real;

	if (!kind_is_number(value->kind))
		return false;
	if (type == SONDE_DOUBLE) {
		real = real_of(value);
		memcpy(ret_value, &real, sizeof(real));
		return true;
	}
	if (type == SONDE_U64 && value->kind == KIND_UNSIGNED) {
		memcpy(ret_value, &value->as.number, sizeof(value->as.number));
		return true;
	}
	return whole(value, &number) && store_whole(number, type, ret_value);
}

/* ---- texts ------------------------------------------------------------------------------- */

/* A short text with a zero at its end, without blanks around; false: it is too long, or holds one.
 */
static bool word_of(struct sonde_text text, char word[CAST_BYTES])
{
	while (text.length && text.data[0] == ' ') {
		text.data++;
		text.length--;
	}
	while (text.length && text.data[text.length - 1] == ' ')
		text.length--;
	if (!text.length || text.length >= CAST_BYTES || memchr(text.data, '\0', text.length))
		return false;
	memcpy(word, text.data, text.length);
	word[text.length] = '\0';
	return true;
}

/* A number as it is written: whole if it can be. */
static bool number_of(struct sonde_text text, struct value *ret_value)
{
	char word[CAST_BYTES], *end;

	if (!word_of(text, word) || strspn(word, "0123456789.eE+-") != strlen(word))
		return false;
	errno = 0;
	*ret_value = (struct value){ .kind = KIND_INTEGER };
	ret_value->as.integer = strtoll(word, &end, 10);
	if (!errno && !*end)
		return true;
	ret_value->kind = KIND_REAL;
	ret_value->as.real = strtod(word, &end);
	return !*end && isfinite(ret_value->as.real);
}

static bool digits_take(const char **at, int count, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < count; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		number = number * 10 + (**at - '0');
	}
	*ret_number = number;
	return true;
}

static bool letter_take(const char **at, const char *letters)
{
	if (!**at || !strchr(letters, **at))
		return false;
	++*at;
	return true;
}

/* "+02:00" or "Z". */
static bool zone_take(const char **at, int64_t *ret_seconds)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;

	*ret_seconds = 0;
	if (letter_take(at, "Zz"))
		return true;
	if (!letter_take(at, "+-") || !digits_take(at, 2, &hours) || !letter_take(at, ":") ||
	    !digits_take(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool fraction_take(const char **at, int64_t *ret_ns)
{
	int64_t unit = SECOND_NS / 10, ns = 0;

	*ret_ns = 0;
	if (!letter_take(at, "."))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
		ns += (**at - '0') * unit;
	*ret_ns = ns;
	return true;
}

/* RFC 3339: 2026-03-01T12:30:00.25+02:00. */
static bool time_of(struct sonde_text text, int64_t *ret_ns)
{
	struct tm tm = { 0 }, given;
	int64_t zone_s, ns, seconds;
	char word[CAST_BYTES];
	const char *at = word;

	if (!word_of(text, word) || !digits_take(&at, 4, &tm.tm_year) || !letter_take(&at, "-") ||
	    !digits_take(&at, 2, &tm.tm_mon) || !letter_take(&at, "-") ||
	    !digits_take(&at, 2, &tm.tm_mday) || !letter_take(&at, "Tt ") ||
	    !digits_take(&at, 2, &tm.tm_hour) || !letter_take(&at, ":") ||
	    !digits_take(&at, 2, &tm.tm_min) || !letter_take(&at, ":") ||
	    !digits_take(&at, 2, &tm.tm_sec) || !fraction_take(&at, &ns) ||
	    !zone_take(&at, &zone_s) || *at)
		return false;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	given = tm;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	seconds = timegm(&tm) - zone_s;
	if (tm.tm_mday != given.tm_mday && given.tm_sec != 60) /* there is no 31st of June */
		return false;
	return !__builtin_mul_overflow(seconds, SECOND_NS, ret_ns) &&
	       !__builtin_add_overflow(*ret_ns, ns, ret_ns);
}

/* ---- all --------------------------------------------------------------------------------- */

/* A number of units as nanoseconds. */
static bool span_of(const struct value *value, int64_t unit_ns, int64_t *ret_ns)
{
	int64_t number;
	double ns;

	if (whole(value, &number))
		return !__builtin_mul_overflow(number, unit_ns, ret_ns);
	ns = real_of(value) * (double)unit_ns;
	if (!(ns >= -0x1p63 && ns < 0x1p63))
		return false;
	*ret_ns = llround(ns);
	return true;
}

static bool cast_bool(const struct value *value, unsigned char *ret_value)
{
	char word[CAST_BYTES];
	int64_t number;

	if (value->kind == KIND_BOOLEAN) {
		*ret_value = value->as.boolean;
		return true;
	}
	if (kind_is_number(value->kind)) {
		if (!whole(value, &number) || (number != 0 && number != 1))
			return false;
		*ret_value = number == 1;
		return true;
	}
	if (!word_of(value->as.text, word))
		return false;
	*ret_value = !strcasecmp(word, "true") || !strcmp(word, "1");
	return *ret_value || !strcasecmp(word, "false") || !strcmp(word, "0");
}

static bool cast_span(const struct value *value, uint32_t from, uint32_t to, int64_t unit_ns,
		      int64_t *ret_ns)
{
	struct value number = *value;
	char word[CAST_BYTES];

	if (value->kind == KIND_TEXT) {
		if (to == SONDE_TIME && time_of(value->as.text, ret_ns))
			return true;
		if (!number_of(value->as.text, &number))
			return to == SONDE_DURATION && word_of(value->as.text, word) &&
			       duration_parse(word, ret_ns) == 0;
	} else if (from == SONDE_TIME || from == SONDE_DURATION) {
		*ret_ns = value->as.integer;
		return from == to;
	}
	return span_of(&number, unit_ns, ret_ns);
}

bool cast_value(const struct value *value, uint32_t from, uint32_t to, int64_t unit_ns,
		void *ret_value)
{
	struct value number = *value;
	int64_t ns;

	if (value->kind != KIND_TEXT && value->kind != KIND_BOOLEAN && !kind_is_number(value->kind))
		return false;
	if (to == SONDE_BOOL)
		return cast_bool(value, ret_value);
	if (value->kind == KIND_BOOLEAN)
		number = (struct value){ .kind = KIND_INTEGER, .as.integer = value->as.boolean };
	if (to == SONDE_TIME || to == SONDE_DURATION) {
		if (value->kind == KIND_BOOLEAN || !cast_span(&number, from, to, unit_ns, &ns))
			return false;
		memcpy(ret_value, &ns, sizeof(ns));
		return true;
	}
	if (value->kind == KIND_TEXT && !number_of(value->as.text, &number))
		return false;
	if ((from == SONDE_TIME || from == SONDE_DURATION) && to == SONDE_DOUBLE) {
		number.kind = KIND_REAL;
		number.as.real = (double)value->as.integer / (double)unit_ns;
	} else if (from == SONDE_TIME || from == SONDE_DURATION) {
		number.as.integer = value->as.integer / unit_ns;
	}
	return cast_number(&number, to, ret_value);
}

static uint32_t time_write(int64_t ns, char *room)
{
	int64_t seconds = ns / SECOND_NS, rest = ns % SECOND_NS;
	time_t time;
	struct tm tm;
	size_t length;

	if (rest < 0) {
		rest += SECOND_NS;
		seconds--;
	}
	time = (time_t)seconds;
	if (!gmtime_r(&time, &tm))
		return 0;
	length = strftime(room, CAST_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	return (uint32_t)length +
	       (uint32_t)snprintf(room + length, CAST_BYTES - length, ".%09" PRId64 "Z", rest);
}

static uint32_t duration_write(int64_t ns, char *room)
{
	char text[32];

	if (ns < 0) /* which has no writing with units */
		return (uint32_t)snprintf(room, CAST_BYTES, "%" PRId64, ns);
	return (uint32_t)snprintf(room, CAST_BYTES, "%s", duration_print(ns, text));
}

bool cast_text(const struct value *value, uint32_t from, char *room, struct sonde_text *ret_text)
{
	uint32_t length;

	if (value->kind != KIND_INTEGER || (from != SONDE_TIME && from != SONDE_DURATION))
		return value_write(value, room, ret_text);
	length = from == SONDE_TIME ? time_write(value->as.integer, room)
				    : duration_write(value->as.integer, room);
	*ret_text = (struct sonde_text){ room, length, 0 };
	return length > 0;
}

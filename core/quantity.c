// SPDX-License-Identifier: Apache-2.0
/* Quantities as people write them: durations, sizes and ratios, both ways. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "quantity.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* From the largest, so that printing takes the first that divides. */
static const struct unit duration_units[] = {
	{ "d", 86400000000000u },
	{ "h", 3600000000000u },
	{ "m", 60000000000u },
	{ "s", 1000000000u },
	{ "ms", 1000000u },
	{ "us", 1000u },
	{ "ns", 1u },
	{ NULL, 0 },
};

/* The binary ones first: they are what is printed. */
static const struct unit size_units[] = {
	{ "TiB", 1ull << 40 }, { "GiB", 1u << 30 },      { "MiB", 1u << 20 },   { "KiB", 1u << 10 },
	{ "B", 1u },           { "TB", 1000000000000u }, { "GB", 1000000000u }, { "MB", 1000000u },
	{ "KB", 1000u },       { "kB", 1000u },          { NULL, 0 },
};

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

/* Takes a unit off the front; the longest that fits, so that "ms" is never minutes. */
static const struct unit *unit_take(const struct unit *units, const char **text)
{
	const struct unit *found = NULL;

	for (const struct unit *unit = units; unit->name; unit++) {
		size_t length = strlen(unit->name);

		if (!strncmp(*text, unit->name, length) && (!found || length > strlen(found->name)))
			found = unit;
	}
	if (found)
		*text += strlen(found->name);
	return found;
}

/* Takes "12.5" and its unit off the front and adds the product, exactly: a fraction that is no
 * whole number of the smallest unit is refused. */
static int part_take(const struct unit *units, const char **text, uint64_t *total,
		     const struct unit **ret_unit)
{
	uint64_t whole = 0, fraction = 0, scale = 1, product;
	const struct unit *unit;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(**text - '0'), &whole))
			return -EINVAL;
	if (**text == '.') {
		if (!is_digit(*++*text))
			return -EINVAL;
		for (; is_digit(**text); (*text)++) {
			if (scale >= 1000000000000000000u)
				return -EINVAL;
			fraction = fraction * 10 + (uint64_t)(**text - '0');
			scale *= 10;
		}
	}
	while (**text == ' ')
		(*text)++;
	unit = unit_take(units, text);
	if (!unit)
		return -EINVAL;
	__extension__ unsigned __int128 part = (unsigned __int128)fraction * unit->factor;
	if (part % scale || __builtin_mul_overflow(whole, unit->factor, &product) ||
	    __builtin_add_overflow(product, (uint64_t)(part / scale), &product) ||
	    __builtin_add_overflow(*total, product, total))
		return -EINVAL;
	*ret_unit = unit;
	return 0;
}

int duration_parse(const char *text, int64_t *ret_ns)
{
	const struct unit *unit, *last = NULL;
	uint64_t total = 0;

	do {
		if (part_take(duration_units, &text, &total, &unit))
			return -EINVAL;
		if (last && unit->factor >= last->factor) /* "1s1m", "1s1s": a slip, not a sum */
			return -EINVAL;
		last = unit;
		while (*text == ' ')
			text++;
	} while (*text);
	if (total > INT64_MAX)
		return -EINVAL;
	*ret_ns = (int64_t)total;
	return 0;
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	const struct unit *unit;
	uint64_t total = 0;

	if (part_take(size_units, &text, &total, &unit) || *text)
		return -EINVAL;
	*ret_bytes = total;
	return 0;
}

/* A plain decimal number: strtod() also takes hexadecimal ones, "inf" and "nan". */
static int number_take(const char **text, double *ret_number)
{
	char *end;
	double number;

	if (!is_digit(**text) && **text != '.')
		return -EINVAL;
	if ((*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X'))
		return -EINVAL;
	number = strtod(*text, &end);
	if (end == *text || !isfinite(number))
		return -EINVAL;
	*text = end;
	*ret_number = number;
	return 0;
}

int ratio_parse(const char *text, double *ret_ratio)
{
	double ratio, divisor;

	if (number_take(&text, &ratio))
		return -EINVAL;
	if (*text == '%') {
		text++;
		ratio /= 100;
	} else if (*text == '/') {
		text++;
		if (number_take(&text, &divisor) || divisor <= 0)
			return -EINVAL;
		ratio /= divisor;
	}
	if (*text || !(ratio >= 0 && ratio <= 1))
		return -EINVAL;
	*ret_ratio = ratio;
	return 0;
}

bool number_is_bare(const char *text)
{
	double number;

	text += *text == '-' || *text == '+';
	return !number_take(&text, &number) && !*text;
}

const char *duration_print(int64_t ns, char buffer[32])
{
	uint64_t rest = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	const struct unit *unit = duration_units;
	size_t length = 0;
	char fraction[16];

	if (ns < 0)
		buffer[length++] = '-';
	strcpy(buffer + length, "0s");
	for (; rest >= 1000000000u;
	     unit++) { /* whole days, hours, minutes; seconds with their fraction */
		if (unit->factor == 1000000000u)
			break;
		if (rest >= unit->factor)
			length += (size_t)sprintf(buffer + length, "%" PRIu64 "%s",
						  rest / unit->factor, unit->name);
		rest %= unit->factor;
	}
	while (unit->name && unit->factor > rest)
		unit++;
	if (!rest)
		return buffer;
	length += (size_t)sprintf(buffer + length, "%" PRIu64, rest / unit->factor);
	if (rest %
	    unit->factor) { /* the factor is a power of ten: so many digits after the point */
		sprintf(fraction, "%" PRIu64, unit->factor + rest % unit->factor);
		fraction[0] = '.';
		length += (size_t)sprintf(buffer + length, "%s", fraction);
		while (buffer[length - 1] == '0')
			length--;
	}
	strcpy(buffer + length, unit->name);
	return buffer;
}

const char *size_print(uint64_t bytes, char buffer[32])
{
	const struct unit *unit = size_units;

	while (unit->factor > 1 && (!bytes || bytes % unit->factor))
		unit++;
	snprintf(buffer, 32, "%" PRIu64 "%s", bytes / unit->factor, unit->name);
	return buffer;
}

const char *double_print(double number, char buffer[32])
{
	int digits = 1, whole_digits = number ? (int)floor(log10(fabs(number))) + 1 : 1;

	for (; digits <= 17; digits++) {
		snprintf(buffer, 32, "%.*g", digits, number);
		if (strtod(buffer, NULL) == number)
			break;
	}
	if (digits < whole_digits && whole_digits <= 15) /* 100, not 1e+02 */
		snprintf(buffer, 32, "%.*g", whole_digits, number);
	return buffer;
}

const char *ratio_print(double ratio, char buffer[32])
{
	double back;

	double_print(ratio * 100, buffer); /* 24 characters at most */
	strcat(buffer, "%");
	if (ratio_parse(buffer, &back) || back != ratio)
		double_print(ratio, buffer);
	return buffer;
}

// SPDX-License-Identifier: Apache-2.0
/* How much a test expects: a number, or what a number must be beside another. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "quantity.h"

enum { NUMBER_BYTES = 64 };

static const struct {
	const char *sign;
	enum amount_comparison comparison;
} signs[] = {
	{ "==", AMOUNT_EQUAL },     { "!=", AMOUNT_NOT_EQUAL },     { "<=", AMOUNT_LESS_OR_EQUAL },
	{ "<>", AMOUNT_NOT_EQUAL }, { ">=", AMOUNT_MORE_OR_EQUAL }, { "=", AMOUNT_EQUAL },
	{ "<", AMOUNT_LESS },       { ">", AMOUNT_MORE },
};

/* A number without what strtold() takes besides: blanks, hexadecimal, "inf" and "nan". */
static bool plain_parse(const char *text, long double *ret_number)
{
	char *end;

	if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
		return false;
	*ret_number = strtold(text, &end);
	return !*end && *ret_number - *ret_number == 0;
}

static int number_parse(const char *text, size_t length, long double *ret_number, char *error,
			size_t error_size)
{
	char number[NUMBER_BYTES];
	uint64_t bytes;
	int64_t ns;

	while (length && isspace((unsigned char)*text))
		text++, length--;
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (length < sizeof(number)) {
		memcpy(number, text, length);
		number[length] = '\0';
		if (plain_parse(number, ret_number))
			return 0;
		if (!duration_parse(number, &ns)) {
			*ret_number = ns;
			return 0;
		}
		if (!size_parse(number, &bytes)) {
			*ret_number = bytes;
			return 0;
		}
	}
	(void)snprintf(
		error, error_size,
		"\"%.*s\" is no number, duration or size (try \">= 3\", \"10ms\" or \"1..5\")",
		length < NUMBER_BYTES ? (int)length : NUMBER_BYTES, text);
	return -EINVAL;
}

int amount_parse(const char *text, struct amount *ret_amount, char *error, size_t error_size)
{
	struct amount amount = { .comparison = AMOUNT_EQUAL, .text = text };
	const char *number = text + strspn(text, " "), *first = number, *upper;
	int result;

	for (size_t at = 0; at < sizeof(signs) / sizeof(*signs); at++) {
		size_t length = strlen(signs[at].sign);

		if (strncmp(number, signs[at].sign, length) != 0)
			continue;
		amount.comparison = signs[at].comparison;
		number += length;
		break;
	}
	upper = number > first ? NULL : strstr(number, "..");
	if (upper)
		amount.comparison = AMOUNT_BETWEEN;
	result = number_parse(number, upper ? (size_t)(upper - number) : strlen(number),
			      &amount.number, error, error_size);
	if (!result && upper)
		result = number_parse(upper + 2, strlen(upper + 2), &amount.upper, error,
				      error_size);
	if (result)
		return result;
	if (upper && amount.upper < amount.number) {
		(void)snprintf(error, error_size, "\"%s\" ends before it begins", text);
		return -EINVAL;
	}
	*ret_amount = amount;
	return 0;
}

bool amount_holds(const struct amount *amount, long double number)
{
	switch (amount->comparison) {
	case AMOUNT_NONE:
		return true;
	case AMOUNT_EQUAL:
		return number == amount->number;
	case AMOUNT_NOT_EQUAL:
		return number != amount->number;
	case AMOUNT_LESS:
		return number < amount->number;
	case AMOUNT_LESS_OR_EQUAL:
		return number <= amount->number;
	case AMOUNT_MORE:
		return number > amount->number;
	case AMOUNT_MORE_OR_EQUAL:
		return number >= amount->number;
	case AMOUNT_BETWEEN:
		return number >= amount->number && number <= amount->upper;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How much a test expects: a number, or what a number must be beside another. */
#ifndef SONDE_AMOUNT_H
#define SONDE_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>

enum amount_comparison {
	AMOUNT_NONE = 0, /* nothing is expected */
	AMOUNT_EQUAL,
	AMOUNT_NOT_EQUAL,
	AMOUNT_LESS,
	AMOUNT_LESS_OR_EQUAL,
	AMOUNT_MORE,
	AMOUNT_MORE_OR_EQUAL,
	AMOUNT_BETWEEN, /* both ends included */
};

struct amount {
	enum amount_comparison comparison;
	long double number, upper; /* upper: of BETWEEN */
	const char *text;          /* as it was written; the caller's */
};

/* "120", "0.5", "10ms" (ns), "64KiB" (bytes), alone or behind one of = != < <= > >=, or two of them
 * with ".." between. -EINVAL: `error` says what is wrong. */
int amount_parse(const char *text, struct amount *ret_amount, char *error, size_t error_size);

bool amount_holds(const struct amount *amount, long double number);

#endif

// SPDX-License-Identifier: Apache-2.0
/* What is said of a place in an expression, and how values compare. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "syntax.h"

/* ---- places ------------------------------------------------------------------------------ */

int expression_fail(const char *text, uint32_t offset, struct expression_error *ret_error,
		    const char *format, ...)
{
	struct expression_error error = { .offset = offset, .line = 1, .column = 1 };
	va_list arguments;

	for (uint32_t at = 0; at < offset && text[at]; at++) {
		if (text[at] == '\n') {
			error.line++;
			error.column = 1;
		} else if ((text[at + 1] & 0xc0) != 0x80) { /* the next is a character's first */
			error.column++;
		}
	}
	va_start(arguments, format);
	(void)vsnprintf(error.text, sizeof(error.text), format, arguments);
	va_end(arguments);
	*ret_error = error;
	return -EINVAL;
}

const char *expression_explain(const struct expression_error *error, char *buffer, size_t size)
{
	if (error->line > 1)
		(void)snprintf(buffer, size, "at %u:%u: %s", error->line, error->column,
			       error->text);
	else
		(void)snprintf(buffer, size, "at %u: %s", error->column, error->text);
	return buffer;
}

/* ---- values ------------------------------------------------------------------------------ */

static int order_of(bool less, bool more)
{
	return less ? -1 : more;
}

static long double real_of(const struct value *value)
{
	if (value->kind == KIND_REAL)
		return value->as.real;
	return value->kind == KIND_INTEGER ? (long double)value->as.integer
					   : (long double)value->as.number;
}

int number_order(const struct value *a, const struct value *b)
{
	if (a->kind == KIND_INTEGER && b->kind == KIND_INTEGER)
		return order_of(a->as.integer<b->as.integer, a->as.integer> b->as.integer);
	if (a->kind == KIND_UNSIGNED && b->kind == KIND_UNSIGNED)
		return order_of(a->as.number<b->as.number, a->as.number> b->as.number);
	/* A long double has the 64 bits that integers take, where sonde runs. */
	long double x = real_of(a), y = real_of(b);

	if (isnan(x) || isnan(y))
		return 2;
	return order_of(x<y, x> y);
}

bool order_holds(enum operation operation, int order)
{
	switch (operation) {
	case OPERATION_EQUAL:
		return order == 0;
	case OPERATION_UNEQUAL:
		return order != 0;
	case OPERATION_LESS:
		return order == -1;
	case OPERATION_LESS_EQUAL:
		return order == -1 || order == 0;
	case OPERATION_MORE:
		return order == 1;
	case OPERATION_MORE_EQUAL:
		return order == 1 || order == 0;
	default:
		return false;
	}
}

int text_order(struct sonde_text a, struct sonde_text b)
{
	uint32_t shorter = a.length < b.length ? a.length : b.length;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

	if (order)
		return order < 0 ? -1 : 1;
	return order_of(a.length<b.length, a.length> b.length);
}

int literal_order(const struct value *a, const struct value *b)
{
	if (a->kind == KIND_TEXT)
		return text_order(a->as.text, b->as.text);
	return number_order(a, b);
}

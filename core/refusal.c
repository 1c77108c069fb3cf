// SPDX-License-Identifier: Apache-2.0
/* Writes why a plugin is refused. */
#include "refusal.h"

#include <stdarg.h>
#include <stdio.h>

int refuse(const struct refusal *refusal, int result, const char *format, ...)
{
	va_list arguments;
	int length = snprintf(refusal->line, refusal->size, "%s: ", refusal->path);

	if (length < 0 || (size_t)length >= refusal->size)
		return result;
	va_start(arguments, format);
	vsnprintf(refusal->line + length, refusal->size - (size_t)length, format, arguments);
	va_end(arguments);
	return result;
}

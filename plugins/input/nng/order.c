// SPDX-License-Identifier: Apache-2.0
/* Reads orders for edges. */
#include "order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char example[] = "try \"web-1 calls.sample=1% for 30s\"";

static int refuse(char *error, size_t error_size, const char *text, const char *why)
{
	(void)snprintf(error, error_size, "\"%.64s\" %s (%s)", text, why, example);
	return -EINVAL;
}

static int copy(char *target, size_t size, const char *text, size_t length)
{
	if (!length || length >= size)
		return -EINVAL;
	memcpy(target, text, length);
	target[length] = '\0';
	return 0;
}

/* "90s", "1m", "500ms"; 0: it is none. */
static int64_t duration_ns(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }
	};
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || number <= 0 || number > 1000000)
		return 0;
	for (uint32_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(end, units[i].unit))
			return number * units[i].ns;
	}
	return 0;
}

/* Where " for TIME" begins at the end of a text, else where the text ends. */
static const char *find_duration(const char *text, int64_t *ret_ns)
{
	const char *found = NULL;

	for (const char *at = strstr(text, " for "); at; at = strstr(at + 1, " for "))
		found = at;
	*ret_ns = found ? duration_ns(found + 5) : 0;
	return *ret_ns ? found : text + strlen(text);
}

int order_read(const char *text, struct order *ret_order, char *error, size_t error_size)
{
	const char *blank = strchr(text, ' '), *knob = blank ? blank + 1 : NULL;
	const char *equals = knob ? strchr(knob, '=') : NULL, *end;
	struct order order;

	if (!blank || copy(order.edge, sizeof(order.edge), text, (size_t)(blank - text)))
		return refuse(error, error_size, text, "names no edge");
	if (!equals || copy(order.knob, sizeof(order.knob), knob, (size_t)(equals - knob)) ||
	    !strchr(order.knob, '.') || strchr(order.knob, ' '))
		return refuse(error, error_size, text, "names no knob");
	end = find_duration(equals + 1, &order.for_ns);
	if (copy(order.value, sizeof(order.value), equals + 1, (size_t)(end - equals - 1)))
		return refuse(error, error_size, text, "has no value, or one that is too long");
	*ret_order = order;
	return 0;
}

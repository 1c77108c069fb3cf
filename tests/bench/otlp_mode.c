// SPDX-License-Identifier: Apache-2.0
/* How the sink behaves: as a receiver should, or as it was told to misbehave. */
#include "otlp_mode.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} keys[] = {
	{ "status", offsetof(struct otlp_mode, status) },
	{ "retry_after_s", offsetof(struct otlp_mode, retry_after_s) },
	{ "hang", offsetof(struct otlp_mode, hang) },
	{ "rows_per_s", offsetof(struct otlp_mode, rows_per_s) },
	{ "delay_ms", offsetof(struct otlp_mode, delay_ms) },
	{ "reset", offsetof(struct otlp_mode, reset) },
	{ "reset_after", offsetof(struct otlp_mode, reset_after) },
	{ "rejected", offsetof(struct otlp_mode, rejected) },
};

static int key_set(struct otlp_mode *mode, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	char *end;
	unsigned long value;

	for (size_t i = 0; equals && i < sizeof(keys) / sizeof(*keys); i++) {
		if (strlen(keys[i].name) != (size_t)(equals - text) ||
		    memcmp(keys[i].name, text, (size_t)(equals - text)) != 0)
			continue;
		errno = 0;
		value = strtoul(equals + 1, &end, 10);
		if (errno || end == equals + 1 || end != text + length || value > UINT32_MAX)
			return -EINVAL;
		*(uint32_t *)((char *)mode + keys[i].offset) = (uint32_t)value;
		return 0;
	}
	return -EINVAL;
}

int otlp_mode_set(struct otlp_mode *mode, const char *text)
{
	struct otlp_mode changed = *mode;

	while (*text) {
		size_t length = strcspn(text, "&");

		if (key_set(&changed, text, length))
			return -EINVAL;
		text += length + (text[length] == '&');
	}
	*mode = changed;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of an exposition appended to a buffer. */
#ifndef SONDE_PROMETHEUS_APPEND_H
#define SONDE_PROMETHEUS_APPEND_H

#include <string.h>
#include "json.h"

static inline void append_bytes(struct json *out, const void *data, size_t length)
{
	char *at = json_room(out, length);

	if (!at)
		return;
	if (length)
		memcpy(at, data, length);
	out->length += length;
}

static inline void append_text(struct json *out, const char *text)
{
	append_bytes(out, text, strlen(text));
}

#endif

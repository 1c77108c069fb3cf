// SPDX-License-Identifier: Apache-2.0
/* The head of an HTTP/1.1 message, as far as load and sink need it. */
#include "http_head.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t http_head_length(const char *data, size_t length)
{
	const char *end = memmem(data, length, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

bool http_head_value(const char *head, size_t length, const char *name, char *ret_value,
		     size_t size)
{
	size_t name_length = strlen(name);
	const char *end = head + length, *line = memmem(head, length, "\r\n", 2);

	while (line && (size_t)(end - line) > name_length + 3) {
		const char *next = memmem(line + 2, (size_t)(end - line - 2), "\r\n", 2);

		if (!next)
			break;
		if (!strncasecmp(line + 2, name, name_length) && line[2 + name_length] == ':') {
			const char *value = line + 3 + name_length;

			while (value < next && (*value == ' ' || *value == '\t'))
				value++;
			snprintf(ret_value, size, "%.*s", (int)(next - value), value);
			return true;
		}
		line = next;
	}
	return false;
}

int http_head_body_length(const char *head, size_t length, size_t *ret_body_length)
{
	char value[32], *end;
	unsigned long long body_length;

	if (http_head_value(head, length, "transfer-encoding", value, sizeof(value)))
		return -EBADMSG;
	if (!http_head_value(head, length, "content-length", value, sizeof(value))) {
		*ret_body_length = 0;
		return 0;
	}
	errno = 0;
	body_length = strtoull(value, &end, 10);
	if (errno || end == value || *end || value[0] < '0' || value[0] > '9')
		return -EBADMSG;
	*ret_body_length = (size_t)body_length;
	return 0;
}

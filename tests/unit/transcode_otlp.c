// SPDX-License-Identifier: Apache-2.0
/* Reads "MESSAGE json TEXT" and "MESSAGE hex PROTOBUF" a line, MESSAGE being a number of enum
 * otlp_message, and prints what transcoding makes of it: "hex PROTOBUF", "json TEXT" or "refused
 * WHY": for comparison with the official classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode.h"

enum { MEMORY_LIMIT_BYTES = 64 << 20 };

static size_t hex_read(const char *hex, unsigned char *ret_bytes)
{
	size_t length = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		ret_bytes[length++] = (unsigned char)byte;
	return length;
}

static void from_json(enum otlp_message message, const char *text, struct buffer *buffer)
{
	struct otlp_json_error error;
	int result =
		otlp_from_json(message, text, strlen(text), MEMORY_LIMIT_BYTES, buffer, &error);

	if (result) {
		printf("refused %u:%u: %s\n", error.line, error.column, error.text);
		return;
	}
	printf("hex ");
	for (size_t place = 0; place < buffer->length; place++)
		printf("%02x", buffer->data[place]);
	puts("");
}

static void to_json(enum otlp_message message, const char *hex, struct json *json)
{
	unsigned char *bytes = malloc(strlen(hex) + 1);
	size_t length = bytes ? hex_read(hex, bytes) : 0;

	json_clear(json);
	if (otlp_to_json(message, bytes, length, json))
		puts("refused");
	else
		printf("json %.*s\n", (int)json->length, json->data);
	free(bytes);
}

int main(void)
{
	struct buffer buffer = { 0 };
	struct json json = { 0 };
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		enum otlp_message message = (enum otlp_message)strtoul(line, NULL, 10);
		char *kind = strchr(line, ' ') + 1, *text = strchr(kind, ' ') + 1;

		text[strcspn(text, "\n")] = 0;
		if (!strncmp(kind, "json ", 5))
			from_json(message, text, &buffer);
		else
			to_json(message, text, &json);
	}
	buffer_release(&buffer);
	json_release(&json);
	free(line);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Any bytes as JSON of OTLP and as its protobuf, each made into the other: what was made once is
 * made into JSON and back to the same bytes. The first byte says of which message. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transcode.h"

enum { MEMORY_LIMIT_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON to protobuf, in a block of its own size, so that the sanitizer sees what is behind it. */
static int read_json(enum otlp_message message, const void *json, size_t length, size_t limit_bytes,
		     struct buffer *buffer)
{
	struct otlp_json_error error = { 0 };
	char *text = malloc(length);
	int result;

	assert(text || !length);
	if (length)
		memcpy(text, json, length);
	result = otlp_from_json(message, text, length, limit_bytes, buffer, &error);
	if (result) {
		assert(result == -EBADMSG || result == -EMSGSIZE);
		assert(error.text[0] &&
		       strnlen(error.text, sizeof(error.text)) < sizeof(error.text));
		assert(result == -EMSGSIZE || (error.line && error.column));
	}
	free(text);
	return result;
}

/* Protobuf of ours is JSON that is the same protobuf. */
static void check_message(enum otlp_message message, const struct buffer *buffer)
{
	struct buffer again = { 0 };
	struct json json = { 0 };

	assert(!otlp_to_json(message, buffer->data, buffer->length, &json));
	assert(!memchr(json.data, '\n', json.length));
	assert(!read_json(message, json.data, json.length, SIZE_MAX / 2, &again));
	assert(again.length == buffer->length);
	assert(!again.length || !memcmp(again.data, buffer->data, again.length));
	json_release(&json);
	buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer buffer = { 0 };
	struct json json = { 0 };
	enum otlp_message message;

	if (!size)
		return 0;
	message = (enum otlp_message)(*data % (OTLP_STATUS + 1));
	data++;
	size--;
	if (!read_json(message, data, size, MEMORY_LIMIT_BYTES, &buffer))
		check_message(message, &buffer);
	if (!otlp_to_json(message, data, size, &json)) {
		assert(!read_json(message, json.data, json.length, SIZE_MAX / 2, &buffer));
		check_message(message, &buffer);
	} else {
		assert(!json.length);
	}
	json_release(&json);
	buffer_release(&buffer);
	return 0;
}

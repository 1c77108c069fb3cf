// SPDX-License-Identifier: Apache-2.0
/* JSON, written fast: the growing buffer and the checked calls on it. */
#include <stdlib.h>
#include <string.h>
#include "json.h"

void json_release(struct json *json)
{
	free(json->data);
	memset(json, 0, sizeof(*json));
}

void json_clear(struct json *json)
{
	json->length = 0;
	json->comma = false;
	json->failed = false;
}

char *json_room(struct json *json, size_t bytes)
{
	size_t capacity = json->capacity;
	char *data;

	if (capacity - json->length >= bytes)
		return json->data + json->length;
	if (bytes > SIZE_MAX / 4 || json->length > SIZE_MAX / 4) {
		json->failed = true;
		return NULL;
	}
	capacity = capacity ? capacity * 2 : 1024;
	if (capacity - json->length < bytes)
		capacity = json->length + bytes;
	data = realloc(json->data, capacity);
	if (!data) {
		json->failed = true;
		return NULL;
	}
	json->data = data;
	json->capacity = capacity;
	return data + json->length;
}

/* Room for a value of `bytes`, with the comma before it where one is due. */
static char *value_room(struct json *json, size_t bytes)
{
	char *at = json_room(json, bytes + 1);

	if (at && json->comma)
		*at++ = ',';
	json->comma = true;
	return at;
}

static void value_end(struct json *json, const char *end)
{
	if (end)
		json->length = (size_t)(end - json->data);
}

static void put_word(struct json *json, const char *word)
{
	size_t length = strlen(word);
	char *at = value_room(json, length);

	if (at) {
		memcpy(at, word, length);
		value_end(json, at + length);
	}
}

static void close_bracket(struct json *json, char bracket)
{
	char *at = json_room(json, 1);

	if (at) {
		*at = bracket;
		json->length++;
	}
	json->comma = true;
}

void json_open_object(struct json *json)
{
	put_word(json, "{");
	json->comma = false;
}

void json_close_object(struct json *json)
{
	close_bracket(json, '}');
}

void json_open_array(struct json *json)
{
	put_word(json, "[");
	json->comma = false;
}

void json_close_array(struct json *json)
{
	close_bracket(json, ']');
}

void json_key_length(struct json *json, const char *key, size_t length)
{
	char *at = value_room(json, JSON_TEXT_SIZE(length) + 1);

	if (at) {
		at = json_put_text(at, key, length);
		*at++ = ':';
		value_end(json, at);
	}
	json->comma = false;
}

void json_key(struct json *json, const char *key)
{
	json_key_length(json, key, strlen(key));
}

void json_text_length(struct json *json, const char *text, size_t length)
{
	char *at = value_room(json, JSON_TEXT_SIZE(length));

	if (at)
		value_end(json, json_put_text(at, text, length));
}

void json_text(struct json *json, const char *text)
{
	if (text)
		json_text_length(json, text, strlen(text));
	else
		json_null(json);
}

void json_unsigned(struct json *json, uint64_t value)
{
	char *at = value_room(json, JSON_NUMBER_SIZE);

	if (at)
		value_end(json, json_put_unsigned(at, value));
}

void json_integer(struct json *json, int64_t value)
{
	char *at = value_room(json, JSON_NUMBER_SIZE);

	if (at)
		value_end(json, json_put_integer(at, value));
}

void json_double(struct json *json, double value)
{
	char *at = value_room(json, JSON_NUMBER_SIZE);

	if (at)
		value_end(json, json_put_double(at, value));
}

void json_boolean(struct json *json, bool value)
{
	put_word(json, value ? "true" : "false");
}

void json_null(struct json *json)
{
	put_word(json, "null");
}

void json_time(struct json *json, int64_t time_ns)
{
	struct json_clock clock = { 0 };
	char *at = value_room(json, JSON_TIME_SIZE);

	if (at)
		value_end(json, json_put_time(at, time_ns, &clock));
}

void json_hex(struct json *json, const void *data, size_t length)
{
	char *at = value_room(json, JSON_HEX_SIZE(length));

	if (at)
		value_end(json, json_put_hex(at, data, length));
}

void json_base64(struct json *json, const void *data, size_t length)
{
	char *at = value_room(json, JSON_BASE64_SIZE(length));

	if (at)
		value_end(json, json_put_base64(at, data, length));
}

void json_newline(struct json *json)
{
	char *at = json_room(json, 1);

	if (at) {
		*at = '\n';
		json->length++;
	}
	json->comma = false;
}

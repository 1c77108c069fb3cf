/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written fast: checked calls on a growing buffer, and raw pieces for inner loops. */
#ifndef SONDE_JSON_H
#define SONDE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A buffer that grows. Zeroed, it is empty. When memory is refused `failed` is set and stays: what
 * was written meanwhile is incomplete, so look at it once at the end. */
struct json {
	char *data; /* not ended by a zero byte */
	size_t length;
	size_t capacity;
	bool comma; /* private: a value stands before */
	bool failed;
};

void json_release(struct json *json);

/* Empties it and keeps the memory. */
void json_clear(struct json *json);

/* Room for `bytes` more; NULL when memory is refused. Adding to `length` is the caller's part. */
char *json_room(struct json *json, size_t bytes);

/* ---- checked: commas and colons come by themselves --------------------------------------- */

void json_open_object(struct json *json);
void json_close_object(struct json *json);
void json_open_array(struct json *json);
void json_close_array(struct json *json);
void json_key(struct json *json, const char *key);
void json_key_length(struct json *json, const char *key, size_t length);

/* Bytes that are not UTF-8 are written as U+FFFD. NULL is null. */
void json_text(struct json *json, const char *text);
void json_text_length(struct json *json, const char *text, size_t length);
void json_unsigned(struct json *json, uint64_t value);
void json_integer(struct json *json, int64_t value);

/* The shortest digits that read back as the same double. JSON has no word for NaN and infinities:
 * they are the strings "NaN", "Infinity" and "-Infinity", as protobuf's JSON has them. */
void json_double(struct json *json, double value);
void json_boolean(struct json *json, bool value);
void json_null(struct json *json);
void json_time(struct json *json, int64_t time_ns); /* RFC 3339, UTC */
void json_hex(struct json *json, const void *data, size_t length);
void json_base64(struct json *json, const void *data, size_t length);

/* Whether it has no byte that would be written as U+FFFD. */
bool json_is_utf8(const char *text, size_t length);

/* A line break between documents of a file of JSON lines. */
void json_newline(struct json *json);

/* ---- raw: each writes at `at`, which has the room stated, and returns the end ------------ */

enum {
	JSON_NUMBER_SIZE = 32, /* any integer or double */
	JSON_TIME_SIZE = 40,
};

#define JSON_TEXT_SIZE(length_)   ((size_t)(length_)*6 + 2)
#define JSON_HEX_SIZE(length_)    ((size_t)(length_)*2 + 2)
#define JSON_BASE64_SIZE(length_) (((size_t)(length_) + 2) / 3 * 4 + 2)

/* The second that was written last, which most rows share. */
struct json_clock {
	int64_t second;
	char text[24]; /* "2026-07-01T12:34:56. with the quote; empty: none yet */
};

#include "put.h"

#endif

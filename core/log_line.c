/* SPDX-License-Identifier: Apache-2.0 */
/* One message of the log, and how it is written: as text for people, as JSON for programs. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json.h>
#include "clock.h"
#include "log_line.h"
#include "text.h"

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static const char *level_name(enum sonde_level level)
{
	return level_names[level <= SONDE_DEBUG ? level : SONDE_DEBUG];
}

void log_copy(const char *text, char *ret_copy, size_t size)
{
	size_t length = strnlen(text, size);

	if (length < size) {
		memcpy(ret_copy, text, length + 1);
		return;
	}
	length = size - sizeof("…");
	while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	memcpy(ret_copy, text, length);
	strcpy(ret_copy + length, "…");
}

/* Bytes of the character at the front that may stand as it is; 0: its first byte is escaped. The
 * controls from U+0080 to U+009F move cursors on some terminals, as those below U+0020 do. */
static size_t plain_length(const char *at, size_t left, bool breaks)
{
	unsigned char byte = (unsigned char)at[0];
	size_t length = 1;

	if (byte < 0x80)
		return (byte >= 0x20 && byte != 0x7f) || (breaks && byte == '\n') ? 1 : 0;
	while (length < left && ((unsigned char)at[length] & 0xc0) == 0x80)
		length++;
	if (byte == 0xc2 && length == 2 && (unsigned char)at[1] < 0xa0)
		return 0;
	return text_valid_length(at, length) == length ? length : 0;
}

size_t log_clean(const char *message, bool breaks, char *ret_clean, size_t size)
{
	size_t length = strlen(message), filled = 0, step;

	for (size_t at = 0; at < length; at += step) {
		char escape[8];
		const char *piece = message + at;
		size_t piece_length = step = plain_length(piece, length - at, breaks);

		if (!step) {
			step = 1;
			piece_length = (size_t)snprintf(escape, sizeof(escape),
							*piece == '\n'   ? "\\n"
							: *piece == '\t' ? "\\t"
									 : "\\x%02x",
							(unsigned char)*piece);
			piece = escape;
		}
		if (filled + piece_length >= size)
			break;
		memcpy(ret_clean + filled, piece, piece_length);
		filled += piece_length;
	}
	ret_clean[filled] = '\0';
	return filled;
}

size_t log_line_text(const struct log_line *line, char ret_text[LOG_LINE_BYTES])
{
	time_t second = (time_t)(line->time_ns / NS_PER_SECOND);
	size_t length;
	struct tm local;

	localtime_r(&second, &local);
	length = strftime(ret_text, LOG_LINE_BYTES, "%H:%M:%S", &local);
	length += (size_t)snprintf(ret_text + length, LOG_LINE_BYTES - length, " %s ",
				   level_name(line->level));
	if (line->subject[0]) {
		length += log_clean(line->subject, false, ret_text + length, 4 * LOG_SUBJECT_BYTES);
		ret_text[length++] = ':';
		ret_text[length++] = ' ';
	}
	length += log_clean(line->message, false, ret_text + length, LOG_LINE_BYTES - length - 1);
	ret_text[length++] = '\n';
	return length;
}

size_t log_line_json(const struct log_line *line, char ret_text[LOG_LINE_BYTES])
{
	struct json_clock clock = { 0 };
	char *at = stpcpy(ret_text, "{\"time\":");

	at = json_put_time(at, line->time_ns, &clock);
	at = stpcpy(at, ",\"level\":\"");
	at = stpcpy(at, level_name(line->level));
	*at++ = '"';
	if (line->subject[0]) {
		at = stpcpy(at, ",\"instance\":");
		at = json_put_text(at, line->subject, strnlen(line->subject, LOG_SUBJECT_BYTES));
	}
	at = stpcpy(at, ",\"message\":");
	at = json_put_text(at, line->message, strnlen(line->message, LOG_MESSAGE_BYTES));
	at = stpcpy(at, "}\n");
	return (size_t)(at - ret_text);
}

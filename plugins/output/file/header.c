// SPDX-License-Identifier: Apache-2.0
/* The header of a CSV file: the names of its columns, and what ends a record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "header.h"

void header_release(struct header *header)
{
	json_release(&header->texts);
	free(header->starts);
	memset(header, 0, sizeof(*header));
}

void header_clear(struct header *header)
{
	json_clear(&header->texts);
	header->count = 0;
}

const char *header_name(const struct header *header, uint32_t index)
{
	return header->texts.data + header->starts[index];
}

int header_add(struct header *header, const char *name, size_t length)
{
	char *at;

	if (header->count == HEADER_COLUMNS)
		return -E2BIG;
	if (header->count == header->capacity) {
		uint32_t capacity = header->capacity ? header->capacity * 2 : 32;
		uint32_t *starts = reallocarray(header->starts, capacity, sizeof(*starts));

		if (!starts)
			return -ENOMEM;
		header->starts = starts;
		header->capacity = capacity;
	}
	at = json_room(&header->texts, length + 1);
	if (!at) {
		header->texts.failed = false;
		return -ENOMEM;
	}
	memcpy(at, name, length);
	at[length] = '\0';
	header->starts[header->count++] = (uint32_t)header->texts.length;
	header->texts.length += length + 1;
	return 0;
}

int64_t header_find(const struct header *header, const char *name, const bool *taken)
{
	for (uint32_t index = 0; index < header->count; index++)
		if (!(taken && taken[index]) && strcmp(header_name(header, index), name) == 0)
			return index;
	return -1;
}

/* ---- records ----------------------------------------------------------------------------- */

static bool must_be_quoted(const char *text, size_t length)
{
	for (size_t at = 0; at < length; at++)
		if (text[at] == '"' || text[at] == ',' || text[at] == '\n' || text[at] == '\r')
			return true;
	return !length || text[0] == ' ' || text[length - 1] == ' ';
}

void header_put_cell(struct json *out, const char *text, size_t length)
{
	char *at = json_room(out, length * 2 + 2);

	if (!at)
		return;
	if (!must_be_quoted(text, length)) {
		memcpy(at, text, length);
		out->length += length;
		return;
	}
	*at++ = '"';
	for (size_t place = 0; place < length; place++) {
		if (text[place] == '"')
			*at++ = '"';
		*at++ = text[place];
	}
	*at++ = '"';
	out->length = (size_t)(at - out->data);
}

void header_write(const struct header *header, struct json *out)
{
	char *at;

	for (uint32_t index = 0; index < header->count; index++) {
		const char *name = header_name(header, index);

		header_put_cell(out, name, strlen(name));
		at = json_room(out, 2);
		if (!at)
			return;
		if (index + 1 < header->count) {
			*at = ',';
			out->length++;
		} else {
			memcpy(at, "\r\n", 2);
			out->length += 2;
		}
	}
}

/* A cell without its quotes, in place; returns what follows it, and where it ends in *ret_end. */
static char *read_cell(char *at, char *end, char **ret_end)
{
	char *to = at, *begin = at;

	if (at == end || *at != '"') {
		while (at < end && *at != ',' && *at != '\n' && *at != '\r')
			at++;
		*ret_end = at;
		return at;
	}
	for (at++; at < end; at++) {
		if (*at == '"' && (at + 1 == end || at[1] != '"'))
			break;
		at += *at == '"';
		*to++ = *at;
	}
	*ret_end = to > begin ? to : begin;
	return at < end ? at + 1 : at;
}

int header_read(struct header *header, const char *text, size_t length)
{
	bool quoted = false;
	size_t record = 0;
	char *copy, *at, *end, *cell_end;
	int result = 0;

	for (size_t place = 0; place < length && !record; place++) {
		quoted ^= text[place] == '"';
		record = text[place] == '\n' && !quoted ? place + 1 : 0;
	}
	header_clear(header);
	if (!record || memchr(text, '\0', record))
		return -EBADMSG;
	copy = malloc(record);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, record);
	end = copy + record - 1;
	end -= end > copy && end[-1] == '\r';
	for (at = copy; result == 0 && at <= end; at++) {
		char *begin = at;

		at = read_cell(at, end, &cell_end);
		result = header_add(header, begin, (size_t)(cell_end - begin));
		if (at < end && *at != ',')
			result = -EBADMSG;
	}
	free(copy);
	if (result < 0)
		header_clear(header);
	return result;
}

size_t header_record_end(const char *text, size_t length, bool *quoted)
{
	size_t end = 0;

	for (size_t at = 0; at < length; at++) {
		if (text[at] == '"')
			*quoted = !*quoted;
		else if (text[at] == '\n' && !*quoted)
			end = at + 1;
	}
	return end;
}

// SPDX-License-Identifier: Apache-2.0
/* Protobuf on the wire: varints, tags, lengths; reading never leaves the message. */
#include "message.h"

#include <errno.h>
#include <string.h>

enum { GROUP_END = 4, GROUP_DEPTH_LIMIT = 32 };

struct message_reader message_read(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	return (struct message_reader){ .at = bytes, .end = length ? bytes + length : bytes };
}

static int read_varint(struct message_reader *reader, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (uint32_t shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
		unsigned char byte = *reader->at++;

		if (shift == 63 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret_value = value;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_fixed(struct message_reader *reader, uint64_t *ret_value, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < size)
		return -EBADMSG;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)reader->at[i] << 8 * i;
	reader->at += size;
	*ret_value = value;
	return 0;
}

static int read_bytes(struct message_reader *reader, struct message_field *field)
{
	uint64_t length;

	if (read_varint(reader, &length) || length > (uint64_t)(reader->end - reader->at))
		return -EBADMSG;
	field->data = reader->at;
	field->length = (size_t)length;
	reader->at += length;
	return 0;
}

static int read_tag(struct message_reader *reader, struct message_field *field)
{
	uint64_t tag;

	if (read_varint(reader, &tag) || tag > UINT32_MAX || tag < 8)
		return -EBADMSG;
	field->number = (uint32_t)(tag >> 3);
	field->wire = (uint32_t)(tag & 7);
	return 0;
}

static int read_content(struct message_reader *reader, struct message_field *field)
{
	switch (field->wire) {
	case MESSAGE_VARINT:
		return read_varint(reader, &field->value);
	case MESSAGE_FIXED64:
		return read_fixed(reader, &field->value, 8);
	case MESSAGE_FIXED32:
		return read_fixed(reader, &field->value, 4);
	case MESSAGE_BYTES:
		return read_bytes(reader, field);
	default:
		return -EBADMSG;
	}
}

/* To the end of the group that has begun, and of those in it. */
static int skip_group(struct message_reader *reader, uint32_t number)
{
	uint32_t open[GROUP_DEPTH_LIMIT] = { number }, depth = 1;
	struct message_field field;

	while (depth) {
		if (read_tag(reader, &field))
			return -EBADMSG;
		if (field.wire == MESSAGE_GROUP) {
			if (depth == GROUP_DEPTH_LIMIT)
				return -EBADMSG;
			open[depth++] = field.number;
		} else if (field.wire == GROUP_END) {
			if (field.number != open[--depth])
				return -EBADMSG;
		} else if (read_content(reader, &field)) {
			return -EBADMSG;
		}
	}
	return 0;
}

int message_next(struct message_reader *reader, struct message_field *ret_field)
{
	struct message_field field = { 0 };
	int result;

	if (reader->at == reader->end)
		return 0;
	result = read_tag(reader, &field);
	if (!result)
		result = field.wire == MESSAGE_GROUP ? skip_group(reader, field.number)
						     : read_content(reader, &field);
	if (result)
		return result;
	*ret_field = field;
	return 1;
}

uint64_t message_varint_size(uint64_t value)
{
	return (70 - (uint64_t)__builtin_clzll(value | 1)) / 7;
}

uint64_t message_bytes_size(uint64_t length)
{
	return 1 + message_varint_size(length) + length;
}

void message_put_varint(struct message_writer *writer, uint64_t value)
{
	uint64_t size = message_varint_size(value);
	unsigned char *at = writer->at -= size;

	for (; value >= 0x80; value >>= 7)
		*at++ = (unsigned char)(value | 0x80);
	*at = (unsigned char)value;
}

void message_put_bytes(struct message_writer *writer, const void *data, size_t length)
{
	writer->at -= length;
	if (length)
		memcpy(writer->at, data, length);
}

void message_put_head(struct message_writer *writer, uint32_t number, const unsigned char *end)
{
	message_put_varint(writer, (uint64_t)(end - writer->at));
	message_put_varint(writer, number << 3 | MESSAGE_BYTES);
}

void message_put_field(struct message_writer *writer, uint32_t number, uint64_t varint)
{
	message_put_varint(writer, varint);
	message_put_varint(writer, number << 3 | MESSAGE_VARINT);
}

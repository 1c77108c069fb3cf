/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages, field by field: what every encoder and decoder of them stands on. Reading
 * never leaves the message; writing goes from its end to its start, so that lengths are known when
 * they are written. Wire format: https://protobuf.dev/programming-guides/encoding/ */
#ifndef SONDE_PROTOBUF_H
#define SONDE_PROTOBUF_H

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum message_wire {
	MESSAGE_VARINT = 0,
	MESSAGE_FIXED64 = 1,
	MESSAGE_BYTES = 2,
	MESSAGE_GROUP = 3, /* deprecated; skipped whole */
	MESSAGE_FIXED32 = 5,
};

/* ---- reading ----------------------------------------------------------------------------- */

/* One field as it lies in a message. */
struct message_field {
	uint32_t number;
	uint32_t wire;             /* enum message_wire */
	uint64_t value;            /* of a varint or fixed field */
	const unsigned char *data; /* of a bytes field */
	size_t length;
};

struct message_reader {
	const unsigned char *at, *end;
};

static inline struct message_reader message_read(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	return (struct message_reader){ .at = bytes, .end = length ? bytes + length : bytes };
}

/* Private: the rare halves of the functions below. */
int message_read_long_varint(struct message_reader *reader, uint64_t *ret_value);
int message_skip_group(struct message_reader *reader, uint32_t number);

/* 0; -EBADMSG: cut off, or over 64 bits. */
static inline int message_read_varint(struct message_reader *reader, uint64_t *ret_value)
{
	const unsigned char *at = reader->at;

	if (reader->end - at >= 2) {
		if (at[0] < 0x80) {
			*ret_value = at[0];
			reader->at = at + 1;
			return 0;
		}
		if (at[1] < 0x80) {
			*ret_value = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
			reader->at = at + 2;
			return 0;
		}
	}
	return message_read_long_varint(reader, ret_value);
}

static inline int message_read_fixed64(struct message_reader *reader, uint64_t *ret_value)
{
	uint64_t value;

	if (reader->end - reader->at < 8)
		return -EBADMSG;
	memcpy(&value, reader->at, sizeof(value));
	*ret_value = le64toh(value);
	reader->at += sizeof(value);
	return 0;
}

static inline int message_read_fixed32(struct message_reader *reader, uint64_t *ret_value)
{
	uint32_t value;

	if (reader->end - reader->at < 4)
		return -EBADMSG;
	memcpy(&value, reader->at, sizeof(value));
	*ret_value = le32toh(value);
	reader->at += sizeof(value);
	return 0;
}

static inline int message_read_bytes(struct message_reader *reader, const unsigned char **ret_data,
				     size_t *ret_length)
{
	uint64_t length;

	if (message_read_varint(reader, &length) || length > (uint64_t)(reader->end - reader->at))
		return -EBADMSG;
	*ret_data = reader->at;
	*ret_length = (size_t)length;
	reader->at += length;
	return 0;
}

/* The next field: 1, or 0 at the end, or -EBADMSG; ret_field is then untouched. */
static inline int message_next(struct message_reader *reader, struct message_field *ret_field)
{
	struct message_field field = { 0 };
	uint64_t tag;
	int result;

	if (reader->at == reader->end)
		return 0;
	if (message_read_varint(reader, &tag) || tag > UINT32_MAX || tag < 8)
		return -EBADMSG;
	field.number = (uint32_t)(tag >> 3);
	field.wire = (uint32_t)(tag & 7);
	switch (field.wire) {
	case MESSAGE_VARINT:
		result = message_read_varint(reader, &field.value);
		break;
	case MESSAGE_FIXED64:
		result = message_read_fixed64(reader, &field.value);
		break;
	case MESSAGE_FIXED32:
		result = message_read_fixed32(reader, &field.value);
		break;
	case MESSAGE_BYTES:
		result = message_read_bytes(reader, &field.data, &field.length);
		break;
	case MESSAGE_GROUP:
		result = message_skip_group(reader, field.number);
		break;
	default:
		return -EBADMSG;
	}
	if (result)
		return -EBADMSG;
	*ret_field = field;
	return 1;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* The caller has made room in front of `at`: the sizes below say how much. */
struct message_writer {
	unsigned char *at; /* what is written so far begins here */
};

enum {
	MESSAGE_VARINT_SIZE = 10, /* of any varint */
	MESSAGE_HEAD_SIZE = 15,   /* of the tag and length of any field */
};

static inline uint64_t message_varint_size(uint64_t value)
{
	return (70 - (uint64_t)__builtin_clzll(value | 1)) / 7;
}

/* Of a field of bytes with its tag and length, for field numbers up to 15. */
static inline uint64_t message_bytes_size(uint64_t length)
{
	return 1 + message_varint_size(length) + length;
}

static inline void message_put_varint(struct message_writer *writer, uint64_t value)
{
	uint64_t size = message_varint_size(value);
	unsigned char *at = writer->at -= size;

	for (; value >= 0x80; value >>= 7)
		*at++ = (unsigned char)(value | 0x80);
	*at = (unsigned char)value;
}

static inline void message_put_fixed64(struct message_writer *writer, uint64_t value)
{
	value = htole64(value);
	writer->at -= sizeof(value);
	memcpy(writer->at, &value, sizeof(value));
}

static inline void message_put_fixed32(struct message_writer *writer, uint32_t value)
{
	value = htole32(value);
	writer->at -= sizeof(value);
	memcpy(writer->at, &value, sizeof(value));
}

static inline void message_put_bytes(struct message_writer *writer, const void *data, size_t length)
{
	writer->at -= length;
	if (length)
		memcpy(writer->at, data, length);
}

static inline void message_put_tag(struct message_writer *writer, uint32_t number, uint32_t wire)
{
	message_put_varint(writer, (uint64_t)number << 3 | wire);
}

/* The tag and length of a field whose content was written last: all up to `end`. */
static inline void message_put_head(struct message_writer *writer, uint32_t number,
				    const unsigned char *end)
{
	message_put_varint(writer, (uint64_t)(end - writer->at));
	message_put_tag(writer, number, MESSAGE_BYTES);
}

static inline void message_put_field(struct message_writer *writer, uint32_t number,
				     uint64_t varint)
{
	message_put_varint(writer, varint);
	message_put_tag(writer, number, MESSAGE_VARINT);
}

#endif

// SPDX-License-Identifier: Apache-2.0
/* Protobuf's rare halves: varints of many bytes, and groups, which are skipped. */
#include "protobuf.h"

enum { GROUP_END = 4, GROUP_DEPTH_LIMIT = 32 };

int message_read_long_varint(struct message_reader *reader, uint64_t *ret_value)
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

/* What follows the tag of a field in a group that is skipped. */
static int skip_content(struct message_reader *reader, uint32_t wire)
{
	const unsigned char *data;
	uint64_t value;
	size_t length;

	switch (wire) {
	case MESSAGE_VARINT:
		return message_read_varint(reader, &value);
	case MESSAGE_FIXED64:
		return message_read_fixed64(reader, &value);
	case MESSAGE_FIXED32:
		return message_read_fixed32(reader, &value);
	case MESSAGE_BYTES:
		return message_read_bytes(reader, &data, &length);
	default:
		return -EBADMSG;
	}
}

/* To the end of the group that has begun, and of those in it. */
int message_skip_group(struct message_reader *reader, uint32_t number)
{
	uint64_t open[GROUP_DEPTH_LIMIT] = { number }, tag;
	uint32_t depth = 1;

	while (depth) {
		if (message_read_varint(reader, &tag) || tag > UINT32_MAX || tag < 8)
			return -EBADMSG;
		if ((tag & 7) == MESSAGE_GROUP) {
			if (depth == GROUP_DEPTH_LIMIT)
				return -EBADMSG;
			open[depth++] = tag >> 3;
		} else if ((tag & 7) == GROUP_END) {
			if (tag >> 3 != open[--depth])
				return -EBADMSG;
		} else if (skip_content(reader, (uint32_t)(tag & 7))) {
			return -EBADMSG;
		}
	}
	return 0;
}

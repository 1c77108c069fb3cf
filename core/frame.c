// SPDX-License-Identifier: Apache-2.0
/* The heads of frames, and whether their bytes are as they were written. */
#include "frame.h"

#include <errno.h>
#include <libdeflate.h>

#include "frame_format.h"

enum { FRAME_VERSION_BEFORE = FRAME_VERSION > 1 ? FRAME_VERSION - 1 : FRAME_VERSION };

/* Whether all that is there begins a frame. */
static bool is_frame(const void *data, uint64_t length)
{
	size_t count = length < sizeof(frame_magic) ? (size_t)length : sizeof(frame_magic);

	return !count || !memcmp(data, frame_magic, count);
}

int frame_look(const void *data, uint64_t length, struct sonde_frame *ret_frame)
{
	struct frame_head head;

	if (!is_frame(data, length))
		return -EBADMSG;
	if (length < sizeof(head))
		return -EAGAIN;
	memcpy(&head, data, sizeof(head));
	if (head.version < FRAME_VERSION_BEFORE || head.version > FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if (head.head_bytes < sizeof(head) || head.head_bytes > FRAME_HEAD_LIMIT)
		return -EBADMSG;
	if (head.payload_bytes > (uint64_t)FRAME_LENGTH_LIMIT - head.head_bytes ||
	    head.raw_bytes > FRAME_LENGTH_LIMIT || head.memory_bytes > FRAME_MEMORY_LIMIT ||
	    head.batch_count > FRAME_BATCHES_LIMIT)
		return -EMSGSIZE;
	ret_frame->kind = head.kind;
	memcpy(ret_frame->stream, head.stream, sizeof(ret_frame->stream));
	ret_frame->sequence = head.sequence;
	ret_frame->rows = head.rows;
	ret_frame->events = head.events;
	ret_frame->memory_bytes = head.memory_bytes;
	ret_frame->batch_count = head.batch_count;
	ret_frame->level = 0;
	ret_frame->data = data;
	ret_frame->length = head.head_bytes + head.payload_bytes;
	ret_frame->origin = NULL;
	return 0;
}

int frame_check(const struct sonde_frame *frame)
{
	struct sonde_frame look = { .size = sizeof(look) };
	const unsigned char *bytes = frame->data;
	uint32_t checksum;

	if (frame_look(bytes, frame->length, &look) || look.length != frame->length)
		return -EBADMSG;
	memcpy(&checksum, bytes + offsetof(struct frame_head, checksum), sizeof(checksum));
	return libdeflate_crc32(0, bytes + FRAME_CHECKED_FROM,
				frame->length - FRAME_CHECKED_FROM) == checksum
		       ? 0
		       : -EBADMSG;
}

int frame_rename(void *data, uint64_t length, const unsigned char stream[16], uint64_t sequence)
{
	struct sonde_frame look = { .size = sizeof(look) };
	unsigned char *bytes = data;
	uint32_t checksum;

	if (frame_look(data, length, &look) || look.length != length)
		return -EBADMSG;
	memcpy(bytes + offsetof(struct frame_head, stream), stream, sizeof(look.stream));
	memcpy(bytes + offsetof(struct frame_head, sequence), &sequence, sizeof(sequence));
	checksum = libdeflate_crc32(0, bytes + FRAME_CHECKED_FROM, length - FRAME_CHECKED_FROM);
	memcpy(bytes + offsetof(struct frame_head, checksum), &checksum, sizeof(checksum));
	return 0;
}

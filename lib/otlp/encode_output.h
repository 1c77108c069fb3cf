/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer that is written from its end to its start and grows there. */
#ifndef SONDE_ENCODE_OUTPUT_H
#define SONDE_ENCODE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "protobuf.h"

/* Blocks are copied whole: up to so many bytes in front of what is written may be overwritten. */
enum { OUTPUT_SLACK = 128 };

/* Zeroed, it is empty. */
struct output {
	struct message_writer writer; /* what is written begins at writer.at */
	unsigned char *start, *end;   /* of the memory */
	size_t lent_bytes;            /* that count as written and lie elsewhere */
};

/* Makes room in front for `bytes` and the slack; false: memory was refused. */
bool output_grow(struct output *output, size_t bytes);
void output_release(struct output *output);

static inline bool output_room(struct output *output, size_t bytes)
{
	return (size_t)(output->writer.at - output->start) >= bytes + OUTPUT_SLACK ||
	       output_grow(output, bytes);
}

static inline size_t output_length(const struct output *output)
{
	return (size_t)(output->end - output->writer.at) + output->lent_bytes;
}

/* Forgets what was written since the length was that, of which nothing was lent. */
static inline void output_cut(struct output *output, size_t length)
{
	if (output->end) /* it has memory */
		output->writer.at = output->end - (length - output->lent_bytes);
}

/* The tag (of a number up to 15) and length of a field with that much content. */
static inline unsigned char *output_head(unsigned char *at, uint32_t number, size_t length)
{
	struct message_writer writer = { at };

	if (length >= 0x4000) {
		message_put_varint(&writer, length);
		at = writer.at;
	} else if (length >= 0x80) {
		*--at = (unsigned char)(length >> 7);
		*--at = (unsigned char)(length | 0x80);
	} else {
		*--at = (unsigned char)length;
	}
	*--at = (unsigned char)(number << 3 | MESSAGE_BYTES);
	return at;
}

/* The same, of what was written since the length was that. */
static inline void output_put_head(struct output *output, uint32_t number, size_t length)
{
	output->writer.at = output_head(output->writer.at, number, output_length(output) - length);
}

/* A field of bytes or text; false: memory was refused. */
static inline bool output_put_bytes(struct output *output, uint32_t number, const void *data,
				    size_t length)
{
	if (!output_room(output, length + MESSAGE_HEAD_SIZE))
		return false;
	message_put_bytes(&output->writer, data, length);
	message_put_varint(&output->writer, length);
	message_put_tag(&output->writer, number, MESSAGE_BYTES);
	return true;
}

#endif

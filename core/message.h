/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages, field by field: what the encoders and decoders of values stand on. */
#ifndef SONDE_MESSAGE_H
#define SONDE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum message_wire {
	MESSAGE_VARINT = 0,
	MESSAGE_FIXED64 = 1,
	MESSAGE_BYTES = 2,
	MESSAGE_GROUP = 3, /* deprecated; skipped whole */
	MESSAGE_FIXED32 = 5,
};

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

struct message_reader message_read(const void *data, size_t length);

/* The next field: 1, or 0 at the end, or -EBADMSG. */
int message_next(struct message_reader *reader, struct message_field *ret_field);

/* Writes a message from its end to its start, so that lengths are known when they are written. The
 * caller has made room: the sizes below say how much. */
struct message_writer {
	unsigned char *at; /* what is written so far begins here */
};

void message_put_varint(struct message_writer *writer, uint64_t value);
void message_put_bytes(struct message_writer *writer, const void *data, size_t length);
/* The tag and length of a field whose content was written last: all up to `end`. */
void message_put_head(struct message_writer *writer, uint32_t number, const unsigned char *end);
void message_put_field(struct message_writer *writer, uint32_t number, uint64_t varint);

uint64_t message_varint_size(uint64_t value);
/* Of a field of bytes with its tag and length, for field numbers up to 15. */
uint64_t message_bytes_size(uint64_t length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages written field by field in tests, by numbers of their fields. */
#ifndef SONDE_OTLP_BUILD_H
#define SONDE_OTLP_BUILD_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* A message, or a part of one. */
struct built {
	unsigned char data[1 << 16];
	size_t length;
};

static inline void build_raw(struct built *built, const void *data, size_t length)
{
	assert(length <= sizeof(built->data) - built->length);
	memcpy(built->data + built->length, data, length);
	built->length += length;
}

static inline void build_varint(struct built *built, uint64_t value)
{
	unsigned char byte;

	do {
		byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		build_raw(built, &byte, 1);
		value >>= 7;
	} while (value);
}

static inline void build_number(struct built *built, uint32_t number, uint64_t value)
{
	build_varint(built, (uint64_t)number << 3);
	build_varint(built, value);
}

static inline void build_fixed64(struct built *built, uint32_t number, uint64_t value)
{
	build_varint(built, (uint64_t)number << 3 | 1);
	build_raw(built, &value, sizeof(value));
}

static inline void build_fixed32(struct built *built, uint32_t number, uint32_t value)
{
	build_varint(built, (uint64_t)number << 3 | 5);
	build_raw(built, &value, sizeof(value));
}

static inline void build_double(struct built *built, uint32_t number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	build_fixed64(built, number, bits);
}

static inline void build_bytes(struct built *built, uint32_t number, const void *data,
			       size_t length)
{
	build_varint(built, (uint64_t)number << 3 | 2);
	build_varint(built, length);
	build_raw(built, data, length);
}

static inline void build_text(struct built *built, uint32_t number, const char *text)
{
	build_bytes(built, number, text, strlen(text));
}

static inline void build_message(struct built *built, uint32_t number, const struct built *part)
{
	build_bytes(built, number, part->data, part->length);
}

#endif

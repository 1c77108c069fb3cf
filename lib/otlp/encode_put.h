/* SPDX-License-Identifier: Apache-2.0 */
/* Short pieces of a message, written in front of `at`: the caller has made room, and up to
 * OUTPUT_SLACK bytes before what they write may be overwritten. Each returns where it begins. */
#ifndef SONDE_ENCODE_PUT_H
#define SONDE_ENCODE_PUT_H

#include "encode_program.h"
#include "fields.h"

static inline uint64_t load64(const unsigned char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline uint32_t load32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* The seven-bit groups of the lower 56 bits, a byte each: upper halves are moved up by four, two
 * and one bits, by adding them times 15, 3 and 1 to what holds them once. */
static inline uint64_t spread_groups(uint64_t value)
{
	value &= (UINT64_C(1) << 56) - 1;
	value += (value >> 28 << 28) * 15;
	value += (value & UINT64_C(0x0fffc0000fffc000)) * 3;
	return value + (value & UINT64_C(0x3f803f803f803f80));
}

static inline void store64(unsigned char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

/* Bytes of a varint by the number of its highest bit. */
static const uint8_t varint_sizes[64] = {
	1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3,  3, 4,
	4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6,  7, 7,
	7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 10,
};

/* Without a loop or a branch on the length: eight bytes are stored, and what lies before the
 * value's own is written over later. */
static inline unsigned char *put_varint(unsigned char *at, uint64_t value, uint32_t *ret_size)
{
	uint32_t size = varint_sizes[63 ^ (uint32_t)__builtin_clzll(value | 1)];

	*ret_size = size;
	if (__builtin_expect(size > 8, 0)) {
		at[-1] = (unsigned char)(size == 10 ? value >> 63 : value >> 56);
		at[-2] = (unsigned char)(value >> 56 | 0x80);
		store64(at - size, spread_groups(value) | UINT64_C(0x8080808080808080));
		return at - size;
	}
	/* a shift takes the lower six bits of its count */
	store64(at - 8, spread_groups(value) << (-8 * size & 63) | UINT64_C(0x0080808080808080));
	return at - size;
}

/* The prefix of an attribute: two blocks at most, as OUTPUT_SLACK has it. */
static inline unsigned char *put_prefix(unsigned char *at, const struct step *step)
{
	memcpy(at - 32, step->end - 32, 32);
	if (step->prefix_length > 32)
		memcpy(at - 64, step->end - 64, 32);
	return at - step->prefix_length;
}

static inline __attribute__((always_inline)) unsigned char *
put_integer(unsigned char *at, const struct step *step, uint64_t value)
{
	uint32_t size;

	at = put_varint(at, value, &size);
	at = put_prefix(at, step);
	at[1] = (unsigned char)(step->rest + size);
	at[step->prefix_length - 2] = (unsigned char)(1 + size);
	return at;
}

/* A text of at most 127 bytes. */
static inline unsigned char *put_short_text(unsigned char *at, const char *data, uint32_t length)
{
	if (length >= 16) {
		for (uint32_t left = length; left > 16; left -= 16)
			memcpy(at - length + left - 16, data + left - 16, 16);
		memcpy(at - length, data, 16);
	} else if (length >= 8) {
		memcpy(at - 8, data + length - 8, 8);
		memcpy(at - length, data, 8);
	} else if (length >= 4) {
		memcpy(at - 4, data + length - 4, 4);
		memcpy(at - length, data, 4);
	} else {
		for (uint32_t place = 0; place < length; place++)
			at[(int64_t)place - length] = (unsigned char)data[place];
	}
	return at - length;
}

/* How many bytes of an attribute's prefix stand between the length of its AnyValue and its value.
 */
static inline uint32_t inner_length(uint32_t type)
{
	return type == SONDE_ANY ? 0 : 2;
}

/* NULL: it is too long for this. */
static inline unsigned char *put_text(unsigned char *at, const struct step *step, uint32_t row)
{
	struct sonde_text text =
		sonde_entry(step->column->dictionary, step->column->dictionary_length,
			    load32(step->base + (size_t)row * step->stride));
	uint32_t inner = inner_length(step->kind);

	if (step->rest + text.length >= 0x80)
		return NULL;
	at = put_short_text(at, text.data, text.length);
	at = put_prefix(at, step);
	at[1] = (unsigned char)(step->rest + text.length);
	at[step->prefix_length - 1] = (unsigned char)text.length;
	if (inner)
		at[step->prefix_length - 3] = (unsigned char)(inner + text.length);
	return at;
}

static inline unsigned char *put_word(unsigned char *at, uint32_t number, uint64_t value)
{
	store64(at - 8, value);
	at[-9] = (unsigned char)(number << 3 | MESSAGE_FIXED64);
	return at - 9;
}

/* 0 is left out. */
static inline unsigned char *put_fixed64(unsigned char *at, uint32_t number, uint64_t value)
{
	return value ? put_word(at, number, value) : at;
}

static inline unsigned char *put_fixed32(unsigned char *at, uint32_t number, uint32_t value)
{
	struct message_writer writer = { at };

	if (!value)
		return at;
	message_put_fixed32(&writer, value);
	message_put_tag(&writer, number, MESSAGE_FIXED32);
	return writer.at;
}

static inline unsigned char *put_number(unsigned char *at, uint32_t number, uint64_t value)
{
	struct message_writer writer = { at };

	if (value)
		message_put_field(&writer, number, value);
	return writer.at;
}

static inline unsigned char *put_id(unsigned char *at, uint32_t number, const unsigned char *id,
				    uint32_t length)
{
	at -= length;
	memcpy(at, id, length);
	at[-1] = (unsigned char)length;
	at[-2] = (unsigned char)(number << 3 | MESSAGE_BYTES);
	return at - 2;
}

/* A field of STEP_TEXT; NULL: it is too long for this. */
static inline unsigned char *put_text_field(unsigned char *at, const struct step *step,
					    uint32_t row)
{
	struct sonde_text text =
		sonde_entry(step->column->dictionary, step->column->dictionary_length,
			    load32(step->base + (size_t)row * step->stride));

	if (!text.length)
		return at;
	if (text.length >= 0x80)
		return NULL;
	at = put_short_text(at, text.data, text.length);
	at[-1] = (unsigned char)text.length;
	at[-2] = (unsigned char)(step->number << 3 | MESSAGE_BYTES);
	return at - 2;
}

/* What was written for the same code before; NULL: nothing. */
static inline unsigned char *put_remembered(unsigned char *at, const struct step *step,
					    uint32_t code)
{
	const struct step_memory *memory = step->memory;
	uint32_t slot = code % MEMORY_SLOTS;
	const unsigned char *end = memory->bytes[slot] + MEMORY_BYTES;

	if (memory->codes[slot] != code)
		return NULL;
	memcpy(at - 64, end - 64, 64);
	if (memory->has_long)
		memcpy(at - 128, end - 128, 64);
	return at - memory->lengths[slot];
}

#endif

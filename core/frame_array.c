// SPDX-License-Identifier: Apache-2.0
/* Arrays of numbers into frames: each in the way that makes it small, chosen by looking at it once.
 */
#include <errno.h>

#include "frame.h"
#include "frame_writer.h"

enum {
	SAMPLES = 64,
	FEW_VALUES = 6, /* among the samples of a plane */
	SOME_VALUES = 40,
	SLOTS_SHIFT = 9,    /* of a palette being made: twice as many as it holds */
	PALETTE_START = 16, /* different values that are always tried */
};

/* ---- bytes -------------------------------------------------------------------------------- */

unsigned char *frame_room(struct frame_writer *writer, uint32_t part, size_t bytes)
{
	struct buffer *buffer = &writer->memory->parts[part];
	size_t length = buffer->length + bytes;

	if (!writer->error && length > FRAME_LENGTH_LIMIT)
		writer->error = -EMSGSIZE;
	if (!writer->error && length > buffer->capacity)
		writer->error = buffer_reserve(buffer, length + length / 2 + 1024);
	if (writer->error)
		return NULL;
	buffer->length = length;
	return buffer->data + length - bytes;
}

void frame_put(struct frame_writer *writer, uint32_t part, const void *data, size_t bytes)
{
	unsigned char *room = frame_room(writer, part, bytes);

	if (room && bytes)
		memcpy(room, data, bytes);
}

void frame_put_byte(struct frame_writer *writer, uint32_t part, uint32_t byte)
{
	unsigned char *room = frame_room(writer, part, 1);

	if (room)
		*room = (unsigned char)byte;
}

void frame_put_varint(struct frame_writer *writer, uint32_t part, uint64_t value)
{
	unsigned char bytes[10];
	size_t length = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[length++] = (unsigned char)(value | 0x80);
	bytes[length++] = (unsigned char)value;
	frame_put(writer, part, bytes, length);
}

/* The part where bytes like these lie: by how many different ones a sample of them has. */
static uint32_t part_of(const unsigned char *bytes, uint32_t count)
{
	uint32_t step = count / SAMPLES + 1, different = 0, taken = 0;
	uint64_t seen[4] = { 0 };

	for (uint32_t i = 0; i < count; i += step, taken++)
		seen[bytes[i] >> 6] |= 1ull << (bytes[i] & 63);
	for (uint32_t i = 0; i < 4; i++)
		different += (uint32_t)__builtin_popcountll(seen[i]);
	if (different <= FEW_VALUES)
		return FRAME_FEW;
	return different * SAMPLES <= SOME_VALUES * taken ? FRAME_SOME : FRAME_NOISE;
}

/* Puts bytes into the part of their like, and says which one in the table. */
static void put_bytes(struct frame_writer *writer, const unsigned char *bytes, uint32_t count)
{
	uint32_t part = part_of(bytes, count);

	frame_put_byte(writer, FRAME_TABLES, part);
	frame_put(writer, part, bytes, count);
}

void frame_put_plain(struct frame_writer *writer, const unsigned char *values, uint32_t count,
		     uint32_t width)
{
	bool alike = count > 0;

	for (uint32_t i = 1; i < count && alike; i++)
		alike = !memcmp(values, values + (size_t)i * width, width);
	frame_put_byte(writer, FRAME_TABLES, alike ? FRAME_CONSTANT : FRAME_PLAIN);
	if (alike) {
		frame_put(writer, FRAME_TABLES, values, width);
		return;
	}
	frame_put_byte(writer, FRAME_TABLES, FRAME_NOISE);
	frame_put(writer, FRAME_NOISE, values, (size_t)count * width);
}

void frame_put_valid(struct frame_writer *writer, const unsigned char *bits, uint32_t count)
{
	size_t bytes = ((size_t)count + 7) / 8;
	unsigned char *room;

	frame_put_byte(writer, FRAME_TABLES, FRAME_SOME);
	room = frame_room(writer, FRAME_SOME, bytes);
	if (!room || !bytes)
		return;
	memcpy(room, bits, bytes);
	if (count % 8)
		room[bytes - 1] &= (unsigned char)((1u << count % 8) - 1);
}

void frame_put_bits(struct frame_writer *writer, const unsigned char *bytes, uint32_t count)
{
	size_t size = ((size_t)count + 7) / 8;
	unsigned char *room;

	frame_put_byte(writer, FRAME_TABLES, FRAME_BITS);
	frame_put_byte(writer, FRAME_TABLES, FRAME_SOME);
	room = frame_room(writer, FRAME_SOME, size);
	if (!room)
		return;
	memset(room, 0, size);
	for (uint32_t i = 0; i < count; i++)
		room[i >> 3] |= (unsigned char)((bytes[i] != 0) << (i & 7));
}

/* ---- words ------------------------------------------------------------------------------- */

/* The lowest and the highest, as numbers with a sign: what one calls large may be negative to the
 * other, but never further apart. */
static void range_find(const uint64_t *words, uint32_t count, int64_t *ret_lowest,
		       int64_t *ret_highest)
{
	int64_t lowest = (int64_t)words[0], highest = lowest;

	for (uint32_t i = 1; i < count; i++) {
		int64_t word = (int64_t)words[i];

		lowest = word < lowest ? word : lowest;
		highest = word > highest ? word : highest;
	}
	*ret_lowest = lowest;
	*ret_highest = highest;
}

static uint32_t bytes_needed(uint64_t word)
{
	return word ? (71u - (uint32_t)__builtin_clzll(word)) / 8 : 1;
}

/* How many bits a word has, about. */
static uint32_t bit_count(uint64_t word)
{
	return 64u - (uint32_t)__builtin_clzll(word | 1);
}

static uint64_t zigzag(uint64_t word)
{
	return word << 1 ^ (uint64_t)((int64_t)word >> 63);
}

/* Whether the way from each to the next is shorter than from the lowest. */
static bool is_steady(const uint64_t *words, uint32_t count, uint64_t lowest)
{
	uint32_t step = count / SAMPLES + 1, taken = 0, steps = 0, whole = 0;

	for (uint32_t i = 1; i < count; i += step, taken++) {
		steps += bit_count(zigzag(words[i] - words[i - 1]));
		whole += bit_count(words[i] - lowest);
	}
	return steps + taken < whole;
}

/* Splits words into the planes of their lowest bytes. */
static void put_planes(struct frame_writer *writer, const uint64_t *words, uint32_t count,
		       uint32_t planes)
{
	unsigned char *bytes;

	if (frame_scratch(&writer->memory->rest, count)) {
		writer->error = writer->error ? writer->error : -ENOMEM;
		return;
	}
	bytes = writer->memory->rest.data;
	for (uint32_t plane = 0; plane < planes; plane++) {
		for (uint32_t i = 0; i < count; i++)
			bytes[i] = (unsigned char)(words[i] >> plane * 8);
		put_bytes(writer, bytes, count);
	}
}

static void put_delta(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width)
{
	uint64_t before = words[0];
	int64_t lowest, highest;
	uint32_t planes, sign = 0;

	for (uint32_t i = 1; i < count; i++) {
		uint64_t word = words[i];

		words[i] = word - before;
		before = word;
	}
	range_find(words + 1, count - 1, &lowest, &highest);
	planes = bytes_needed((uint64_t)highest);
	if (lowest < 0) {
		uint64_t most = zigzag((uint64_t)lowest), other = zigzag((uint64_t)highest);

		planes = bytes_needed(most > other ? most : other);
		sign = FRAME_DELTA_SIGNED;
	}
	planes = planes < width ? planes : width;
	frame_put_byte(writer, FRAME_TABLES, FRAME_DELTA);
	frame_put(writer, FRAME_TABLES, words, width);
	frame_put_byte(writer, FRAME_TABLES, planes | sign);
	put_planes(writer, words + 1, count - 1, planes);
}

/* Finds out which values there are, if they are few, and which one each is. 0: they are many. */
static uint32_t palette_find(const uint64_t *words, uint32_t count, uint64_t *palette,
			     unsigned char *codes)
{
	uint16_t slots[1 << SLOTS_SHIFT] = { 0 }; /* code and 1 */
	uint32_t found = 1, code = 0;

	palette[0] = words[0];
	slots[words[0] * 0x9e3779b97f4a7c15u >> (64 - SLOTS_SHIFT)] = 1;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word = words[i];

		if (word != palette[code]) {
			uint32_t slot =
				(uint32_t)(word * 0x9e3779b97f4a7c15u >> (64 - SLOTS_SHIFT));

			while (slots[slot] && palette[slots[slot] - 1] != word)
				slot = (slot + 1) & ((1u << SLOTS_SHIFT) - 1);
			if (!slots[slot]) {
				if (found == FRAME_PALETTE_LIMIT || found > PALETTE_START + i / 4)
					return 0;
				palette[found] = word;
				slots[slot] = (uint16_t)++found;
			}
			code = slots[slot] - 1u;
		}
		codes[i] = (unsigned char)code;
	}
	return found;
}

static void put_range(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width,
		      uint64_t lowest, uint64_t range)
{
	for (uint32_t i = 0; i < count; i++)
		words[i] -= lowest;
	frame_put_byte(writer, FRAME_TABLES, FRAME_PLANES);
	frame_put(writer, FRAME_TABLES, &lowest, width);
	frame_put_byte(writer, FRAME_TABLES, bytes_needed(range));
	put_planes(writer, words, count, bytes_needed(range));
}

/* By delta or from the lowest, whichever is shorter. */
static void put_wide(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width,
		     uint64_t lowest, uint64_t range)
{
	if (is_steady(words, count, lowest))
		put_delta(writer, words, count, width);
	else
		put_range(writer, words, count, width, lowest, range);
}

/* Whether it was written as one. */
static bool put_palette(struct frame_writer *writer, const uint64_t *words, uint32_t count,
			uint32_t width, uint64_t lowest, uint64_t range)
{
	uint64_t palette[FRAME_PALETTE_LIMIT];
	unsigned char *codes;
	uint32_t found;

	if (frame_scratch(&writer->memory->rest, count)) {
		writer->error = writer->error ? writer->error : -ENOMEM;
		return true;
	}
	codes = writer->memory->rest.data;
	found = palette_find(words, count, palette, codes);
	if (!found || found * width > count * 2)
		return false;
	frame_put_byte(writer, FRAME_TABLES, FRAME_PALETTE);
	frame_put_varint(writer, FRAME_TABLES, found);
	put_bytes(writer, codes, count);
	put_wide(writer, palette, found, width, lowest, range);
	return true;
}

void frame_put_words(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width)
{
	int64_t lowest = 0, highest = 0;
	uint64_t range;

	if (count)
		range_find(words, count, &lowest, &highest);
	range = (uint64_t)highest - (uint64_t)lowest;
	if (!range) {
		frame_put_byte(writer, FRAME_TABLES, FRAME_CONSTANT);
		frame_put(writer, FRAME_TABLES, &lowest, width);
		return;
	}
	if (range < 256)
		put_range(writer, words, count, width, (uint64_t)lowest, range);
	else if (!put_palette(writer, words, count, width, (uint64_t)lowest, range))
		put_wide(writer, words, count, width, (uint64_t)lowest, range);
}

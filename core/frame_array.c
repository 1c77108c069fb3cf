// SPDX-License-Identifier: Apache-2.0
/* Arrays of numbers into frames: each in the way that makes it small, chosen by looking at it once.
 */
#include <errno.h>

#include "frame.h"
#include "frame_writer.h"

/* Loops over columns are made of vectors; clang does so by itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

enum {
	SAMPLES = 64,
	FEW_VALUES = 6, /* among the samples of a plane */
	SOME_VALUES = 42,
	SLOTS_SHIFT = 9,    /* of a palette being made: twice as many as it holds */
	PALETTE_START = 16, /* different values that are always tried */
	STEADY_BITS = 3,    /* that steps must be shorter by: they are harder to foresee */
	PATCH_PRICE = 14,   /* of a word that is set apart, in bytes */
};

/* ---- bytes -------------------------------------------------------------------------------- */

unsigned char *frame_room(struct frame_writer *writer, uint32_t part, size_t bytes)
{
	struct buffer *buffer = &writer->memory->parts[part];
	size_t length = buffer->length + bytes;

	if (!writer->error && length > FRAME_LENGTH_LIMIT)
		writer->error = -EMSGSIZE;
	if (!writer->error && (length > buffer->capacity || !buffer->data))
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

/* Whether the same bytes are there already: then the table says where. */
static bool put_again(struct frame_writer *writer, const unsigned char *bytes, uint32_t count)
{
	for (uint32_t back = 1; back <= FRAME_RECENT && back <= writer->recent_count; back++) {
		const struct frame_bytes *before =
			&writer->recent[(writer->recent_count - back) % FRAME_RECENT];

		if (before->count != count ||
		    memcmp(writer->memory->parts[before->part].data + before->at, bytes, count))
			continue;
		frame_put_byte(writer, FRAME_TABLES, FRAME_AGAIN | (back - 1));
		return true;
	}
	return false;
}

/* Puts bytes into a part, and says in the table which. */
static void put_bytes(struct frame_writer *writer, uint32_t part, const unsigned char *bytes,
		      uint32_t count)
{
	if (writer->error || (count && put_again(writer, bytes, count)))
		return;
	frame_put_byte(writer, FRAME_TABLES, part);
	writer->recent[writer->recent_count++ % FRAME_RECENT] = (struct frame_bytes){
		.part = part, .count = count, .at = writer->memory->parts[part].length
	};
	frame_put(writer, part, bytes, count);
}

/* Room for bytes that are put together. NULL: writer->error says why. */
static unsigned char *rest_room(struct frame_writer *writer, size_t bytes)
{
	if (!writer->error)
		writer->error = frame_scratch(&writer->memory->rest, bytes + 1);
	return writer->error ? NULL : writer->memory->rest.data;
}

void frame_put_plain(struct frame_writer *writer, const unsigned char *values, uint32_t count,
		     uint32_t width)
{
	bool alike = count > 0;

	for (uint32_t i = 1; i < count && alike; i++)
		alike = !memcmp(values, values + (size_t)i * width, width);
	frame_put_byte(writer, FRAME_TABLES, alike ? FRAME_CONSTANT : FRAME_PLAIN);
	if (alike)
		frame_put(writer, FRAME_TABLES, values, width);
	else if ((uint64_t)count * width > FRAME_LENGTH_LIMIT)
		writer->error = writer->error ? writer->error : -EMSGSIZE;
	else
		put_bytes(writer, FRAME_IDS, values, count * width);
}

void frame_put_valid(struct frame_writer *writer, const unsigned char *bits, uint32_t count)
{
	uint32_t bytes = (count + 7) / 8;
	unsigned char *room = rest_room(writer, bytes);

	if (!room)
		return;
	memcpy(room, bits, bytes);
	if (count % 8)
		room[bytes - 1] &= (unsigned char)((1u << count % 8) - 1);
	put_bytes(writer, FRAME_SOME, room, bytes);
}

void frame_put_bits(struct frame_writer *writer, const unsigned char *bytes, uint32_t count)
{
	uint32_t size = (count + 7) / 8;
	unsigned char *room = rest_room(writer, size);

	if (!room)
		return;
	memset(room, 0, size);
	for (uint32_t i = 0; i < count; i++)
		room[i >> 3] |= (unsigned char)((bytes[i] != 0) << (i & 7));
	frame_put_byte(writer, FRAME_TABLES, FRAME_BITS);
	put_bytes(writer, FRAME_SOME, room, size);
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
	return steps + taken * STEADY_BITS < whole;
}

/* Splits words into the planes of their lowest bytes. */
static void put_planes(struct frame_writer *writer, const uint64_t *words, uint32_t count,
		       uint32_t planes)
{
	unsigned char *bytes = rest_room(writer, count);

	for (uint32_t plane = 0; bytes && plane < planes; plane++) {
		for (uint32_t i = 0; i < count; i++)
			bytes[i] = (unsigned char)(words[i] >> plane * 8);
		put_bytes(writer, part_of(bytes, count), bytes, count);
	}
}

/* How many planes are best, if words that are larger are set apart: of so many bytes are counts. */
static uint32_t planes_best(const uint32_t counts[9], uint32_t count, uint32_t most)
{
	uint64_t least = (uint64_t)most * count;
	uint32_t best = most, larger = 0;

	for (uint32_t planes = most - 1; planes > 0; planes--) {
		uint64_t cost;

		larger += counts[planes + 1];
		cost = (uint64_t)planes * count + (uint64_t)larger * PATCH_PRICE;
		if (cost < least) {
			least = cost;
			best = planes;
		}
	}
	return best;
}

/* Words that do not fit into so many planes: their places, and they themselves, which become 0. */
static uint32_t patch_out(struct frame_writer *writer, uint64_t *words, uint32_t count,
			  uint32_t planes, bool has_sign, uint64_t **ret_places)
{
	uint64_t *places, *larger;
	uint32_t found = 0;

	if (writer->error ||
	    (writer->error = frame_scratch(&writer->memory->patches, count * 2 * sizeof(uint64_t))))
		return 0;
	places = (uint64_t *)(void *)writer->memory->patches.data;
	larger = places + count;
	for (uint32_t i = 0; i < count; i++) {
		if (bytes_needed(has_sign ? zigzag(words[i]) : words[i]) <= planes)
			continue;
		places[found] = i;
		larger[found++] = words[i];
		words[i] = 0;
	}
	memmove(places + found, larger, found * sizeof(*larger));
	*ret_places = places;
	return found;
}

static void put_nested(struct frame_writer *writer, uint64_t *words, uint32_t count,
		       uint32_t width);

/* Words in as many planes as most of them need. */
static void put_most(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width,
		     uint32_t most, bool has_sign, bool nested)
{
	uint32_t counts[9] = { 0 }, planes = most, found = 0;
	uint32_t sign = has_sign ? FRAME_PLANES_SIGNED : 0;
	uint64_t *places = NULL;

	if (most > 1 && !nested) {
		for (uint32_t i = 0; i < count; i++)
			counts[bytes_needed(has_sign ? zigzag(words[i]) : words[i])]++;
		planes = planes_best(counts, count, most);
	}
	if (planes < most)
		found = patch_out(writer, words, count, planes, has_sign, &places);
	frame_put_byte(writer, FRAME_TABLES, planes | sign | (found ? FRAME_PLANES_PATCHED : 0u));
	put_planes(writer, words, count, planes);
	if (!found)
		return;
	frame_put_varint(writer, FRAME_TABLES, found);
	put_nested(writer, places, found, sizeof(uint32_t));
	put_nested(writer, places + found, found, width);
}

static void put_delta(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width,
		      bool nested)
{
	uint64_t before = words[0];
	int64_t lowest, highest;
	uint32_t planes;

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
	}
	frame_put_byte(writer, FRAME_TABLES, FRAME_DELTA);
	frame_put(writer, FRAME_TABLES, words, width);
	put_most(writer, words + 1, count - 1, width, planes < width ? planes : width, lowest < 0,
		 nested);
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
		      uint64_t lowest, uint64_t range, bool nested)
{
	for (uint32_t i = 0; i < count; i++)
		words[i] -= lowest;
	frame_put_byte(writer, FRAME_TABLES, FRAME_PLANES);
	frame_put(writer, FRAME_TABLES, &lowest, width);
	put_most(writer, words, count, width, bytes_needed(range), false, nested);
}

/* By delta or from the lowest, whichever is shorter. */
static void put_wide(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width,
		     uint64_t lowest, uint64_t range, bool nested)
{
	if (is_steady(words, count, lowest))
		put_delta(writer, words, count, width, nested);
	else
		put_range(writer, words, count, width, lowest, range, nested);
}

/* Whether it was written as one. */
static bool put_palette(struct frame_writer *writer, const uint64_t *words, uint32_t count,
			uint32_t width)
{
	uint64_t palette[FRAME_PALETTE_LIMIT];
	unsigned char *codes = rest_room(writer, count);
	uint32_t found = codes ? palette_find(words, count, palette, codes) : 0;

	if (!found || found * width > count * 2)
		return false;
	frame_put_byte(writer, FRAME_TABLES, FRAME_PALETTE);
	frame_put_varint(writer, FRAME_TABLES, found);
	put_bytes(writer, part_of(codes, count), codes, count);
	put_nested(writer, palette, found, width);
	return true;
}

/* One value for all, if it is so; else what the lowest is, and how far the highest is from it. */
static bool put_constant(struct frame_writer *writer, const uint64_t *words, uint32_t count,
			 uint32_t width, uint64_t *ret_lowest, uint64_t *ret_range)
{
	int64_t lowest = 0, highest = 0;

	if (count)
		range_find(words, count, &lowest, &highest);
	*ret_lowest = (uint64_t)lowest;
	*ret_range = (uint64_t)highest - (uint64_t)lowest;
	if (*ret_range)
		return false;
	frame_put_byte(writer, FRAME_TABLES, FRAME_CONSTANT);
	frame_put(writer, FRAME_TABLES, &lowest, width);
	return true;
}

/* What belongs to another array, and holds no such again. */
static void put_nested(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width)
{
	uint64_t lowest, range;

	if (!put_constant(writer, words, count, width, &lowest, &range))
		put_wide(writer, words, count, width, lowest, range, true);
}

void frame_put_words(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width)
{
	uint64_t lowest, range;

	if (put_constant(writer, words, count, width, &lowest, &range))
		return;
	if (range < 256)
		put_range(writer, words, count, width, lowest, range, false);
	else if (!put_palette(writer, words, count, width))
		put_wide(writer, words, count, width, lowest, range, false);
}

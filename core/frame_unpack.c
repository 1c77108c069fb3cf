// SPDX-License-Identifier: Apache-2.0
/* Arrays of numbers out of frames. */
#include <errno.h>

#include "frame_reader.h"

enum { CHUNK = 512 }; /* values that are on their way at once: they stay in the nearest cache */

/* Loops over columns are made of vectors; clang does so by itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* ---- bytes ------------------------------------------------------------------------------- */

int frame_take(struct frame_reader *reader, uint32_t part, uint64_t bytes,
	       const unsigned char **ret_bytes)
{
	struct message_reader *from = &reader->parts[part];

	if (bytes > (uint64_t)(from->end - from->at))
		return -EBADMSG;
	*ret_bytes = from->at;
	from->at += bytes;
	return 0;
}

int frame_take_byte(struct frame_reader *reader, uint32_t part, uint32_t *ret_byte)
{
	const unsigned char *byte;
	int error = frame_take(reader, part, 1, &byte);

	if (!error)
		*ret_byte = *byte;
	return error;
}

int frame_take_varint(struct frame_reader *reader, uint32_t part, uint64_t limit,
		      uint32_t *ret_value)
{
	uint64_t value;

	if (message_read_varint(&reader->parts[part], &value) || value > limit)
		return -EBADMSG;
	*ret_value = (uint32_t)value;
	return 0;
}

int frame_take_bytes(struct frame_reader *reader, uint64_t bytes, const unsigned char **ret_bytes)
{
	const struct frame_bytes *before;
	uint32_t part, back;

	if (frame_take_byte(reader, FRAME_TABLES, &part))
		return -EBADMSG;
	if (part < FRAME_AGAIN) {
		if (part < FRAME_FEW || part >= FRAME_PARTS ||
		    frame_take(reader, part, bytes, ret_bytes))
			return -EBADMSG;
		reader->recent[reader->recent_count++ % FRAME_RECENT] =
			(struct frame_bytes){ *ret_bytes, bytes };
		return 0;
	}
	back = part - FRAME_AGAIN + 1;
	if (back > FRAME_RECENT || back > reader->recent_count)
		return -EBADMSG;
	before = &reader->recent[(reader->recent_count - back) % FRAME_RECENT];
	if (before->count != bytes)
		return -EBADMSG;
	*ret_bytes = before->bytes;
	return 0;
}

bool frame_is_constant(const struct frame_reader *reader)
{
	const struct message_reader *from = &reader->parts[FRAME_TABLES];

	return from->at < from->end && *from->at == FRAME_CONSTANT;
}

/* ---- words ------------------------------------------------------------------------------- */

static int unpack_nested(struct frame_reader *reader, uint32_t encoding, uint32_t count,
			 uint32_t width, unsigned char *values);

/* Words of their lowest bytes, from `first` on. Numbers of planes that the compiler knows become
 * loops without branches. */
static inline __attribute__((always_inline)) void join(const unsigned char *const *planes,
						       uint32_t plane_count, uint32_t first,
						       uint32_t count, uint64_t *words)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word = planes[0][first + i];

		for (uint32_t plane = 1; plane < plane_count; plane++)
			word |= (uint64_t)planes[plane][first + i] << plane * 8;
		words[i] = word;
	}
}

static void planes_join(const unsigned char *const *planes, uint32_t plane_count, uint32_t first,
			uint32_t count, uint64_t *words)
{
	switch (plane_count) {
	case 1:
		join(planes, 1, first, count, words);
		break;
	case 2:
		join(planes, 2, first, count, words);
		break;
	case 3:
		join(planes, 3, first, count, words);
		break;
	case 4:
		join(planes, 4, first, count, words);
		break;
	default:
		join(planes, plane_count, first, count, words);
		break;
	}
}

/* Sizes that the compiler knows become single stores. */
static inline __attribute__((always_inline)) void store(const uint64_t *words, uint32_t count,
							uint32_t width, unsigned char *values)
{
	for (uint32_t i = 0; i < count; i++)
		memcpy(values + (size_t)i * width, &words[i], width);
}

static void words_store(const uint64_t *words, uint32_t count, uint32_t width,
			unsigned char *values)
{
	if (width == 8)
		store(words, count, 8, values);
	else if (width == 4)
		store(words, count, 4, values);
	else if (width == 2)
		store(words, count, 2, values);
	else
		store(words, count, 1, values);
}

/* Words as they lie in a frame: planes of their lowest bytes, and those that are larger. */
struct planes {
	const unsigned char *bytes[8];
	uint32_t count;      /* of planes */
	uint32_t shift;      /* up and down again, for the sign */
	uint32_t patch_next; /* of those below */
	uint32_t patch_count;
	const unsigned char *patches; /* words */
	const uint32_t *places;       /* and which ones they are, rising */
	uint32_t width;
};

/* Those that are larger: each has a place of its own, in order. */
static int take_patches(struct frame_reader *reader, uint32_t count, struct planes *planes)
{
	uint32_t found, *places, encodings[2], width = planes->width;
	unsigned char *patches;

	if (frame_take_varint(reader, FRAME_TABLES, count, &found) || !found)
		return -EBADMSG;
	if (frame_scratch(&reader->memory->patches, (size_t)found * (sizeof(*places) + width)))
		return -ENOMEM;
	places = (uint32_t *)(void *)reader->memory->patches.data;
	patches = (unsigned char *)(places + found);
	if (frame_take_byte(reader, FRAME_TABLES, &encodings[0]) ||
	    unpack_nested(reader, encodings[0], found, sizeof(*places), (unsigned char *)places) ||
	    frame_take_byte(reader, FRAME_TABLES, &encodings[1]) ||
	    unpack_nested(reader, encodings[1], found, width, patches))
		return -EBADMSG;
	for (uint32_t i = 0; i < found; i++) {
		if (places[i] >= count || (i && places[i] <= places[i - 1]))
			return -EBADMSG;
	}
	planes->patch_count = found;
	planes->patches = patches;
	planes->places = places;
	return 0;
}

static int take_planes(struct frame_reader *reader, uint32_t count, uint32_t width, bool nested,
		       struct planes *planes)
{
	uint32_t number;

	if (frame_take_byte(reader, FRAME_TABLES, &number) || width > 8)
		return -EBADMSG;
	planes->width = width;
	planes->count = number & FRAME_PLANES_MASK;
	if (!planes->count || planes->count > width ||
	    number & ~(uint32_t)(FRAME_PLANES_SIGNED | FRAME_PLANES_PATCHED | FRAME_PLANES_MASK))
		return -EBADMSG;
	if (number & FRAME_PLANES_SIGNED)
		planes->shift = 64 - planes->count * 8;
	for (uint32_t i = 0; i < planes->count; i++) {
		if (frame_take_bytes(reader, count, &planes->bytes[i]))
			return -EBADMSG;
	}
	if (!(number & FRAME_PLANES_PATCHED))
		return 0;
	return nested ? -EBADMSG : take_patches(reader, count, planes);
}

/* Some of the words, each call those that follow. */
static void planes_words(struct planes *planes, uint32_t first, uint32_t count, uint64_t *words)
{
	uint32_t shift = planes->shift;

	planes_join(planes->bytes, planes->count, first, count, words);
	for (uint32_t i = 0; shift && i < count; i++)
		words[i] = (uint64_t)((int64_t)(words[i] << shift) >> shift);
	while (planes->patch_next < planes->patch_count &&
	       planes->places[planes->patch_next] - first < count) {
		uint64_t *word = &words[planes->places[planes->patch_next] - first];

		*word = 0;
		memcpy(word, planes->patches + (size_t)planes->patch_next++ * planes->width,
		       planes->width);
	}
}

static int take_word(struct frame_reader *reader, uint32_t width, uint64_t *ret_word)
{
	const unsigned char *bytes;

	*ret_word = 0;
	if (width > 8 || frame_take(reader, FRAME_TABLES, width, &bytes))
		return -EBADMSG;
	memcpy(ret_word, bytes, width);
	return 0;
}

static int unpack_range(struct frame_reader *reader, uint32_t count, uint32_t width, bool nested,
			unsigned char *values)
{
	struct planes planes = { 0 };
	uint64_t words[CHUNK], lowest;
	int error;

	if (take_word(reader, width, &lowest))
		return -EBADMSG;
	error = take_planes(reader, count, width, nested, &planes);
	for (uint32_t first = 0; !error && first < count; first += CHUNK) {
		uint32_t some = count - first < CHUNK ? count - first : CHUNK;

		planes_words(&planes, first, some, words);
		for (uint32_t i = 0; i < some; i++)
			words[i] += lowest;
		words_store(words, some, width, values + (size_t)first * width);
	}
	return error;
}

static int unpack_delta(struct frame_reader *reader, uint32_t count, uint32_t width, bool nested,
			unsigned char *values)
{
	struct planes planes = { 0 };
	uint64_t words[CHUNK], word;
	int error;

	if (!count || take_word(reader, width, &word))
		return -EBADMSG;
	error = take_planes(reader, count - 1, width, nested, &planes);
	if (!error)
		memcpy(values, &word, width);
	for (uint32_t first = 0; !error && first < count - 1; first += CHUNK) {
		uint32_t some = count - 1 - first < CHUNK ? count - 1 - first : CHUNK;

		planes_words(&planes, first, some, words);
		for (uint32_t i = 0; i < some; i++) {
			word += words[i];
			words[i] = word;
		}
		words_store(words, some, width, values + (size_t)(first + 1) * width);
	}
	return error;
}

/* ---- arrays ------------------------------------------------------------------------------ */

static uint32_t highest_of(const unsigned char *bytes, uint32_t count)
{
	unsigned char highest = 0;

	for (uint32_t i = 0; i < count; i++)
		highest = bytes[i] > highest ? bytes[i] : highest;
	return highest;
}

static inline __attribute__((always_inline)) void look_up(const unsigned char *palette,
							  const unsigned char *codes,
							  uint32_t count, uint32_t width,
							  unsigned char *values)
{
	for (uint32_t i = 0; i < count; i++)
		memcpy(values + (size_t)i * width, palette + (size_t)codes[i] * width, width);
}

static int unpack_palette(struct frame_reader *reader, uint32_t count, uint32_t width,
			  unsigned char *values)
{
	unsigned char palette[FRAME_PALETTE_LIMIT * 8];
	const unsigned char *codes;
	uint32_t found, encoding;
	int error;

	if (width > 8 || frame_take_varint(reader, FRAME_TABLES, FRAME_PALETTE_LIMIT, &found) ||
	    !found || frame_take_bytes(reader, count, &codes) ||
	    frame_take_byte(reader, FRAME_TABLES, &encoding) || highest_of(codes, count) >= found)
		return -EBADMSG;
	error = unpack_nested(reader, encoding, found, width, palette);
	if (error)
		return error;
	if (width == 8)
		look_up(palette, codes, count, 8, values);
	else if (width == 4)
		look_up(palette, codes, count, 4, values);
	else
		look_up(palette, codes, count, width, values);
	return 0;
}

static int unpack_bits(struct frame_reader *reader, uint32_t count, uint32_t width,
		       unsigned char *values)
{
	const unsigned char *bits;

	if (width != 1 || frame_take_bytes(reader, ((uint64_t)count + 7) / 8, &bits))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++)
		values[i] = bits[i >> 3] >> (i & 7) & 1;
	return 0;
}

static int unpack_constant(struct frame_reader *reader, uint32_t count, uint32_t width,
			   unsigned char *values)
{
	const unsigned char *value;

	if (frame_take(reader, FRAME_TABLES, width, &value))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++)
		memcpy(values + (size_t)i * width, value, width);
	return 0;
}

static int unpack_plain(struct frame_reader *reader, uint32_t count, uint32_t width,
			unsigned char *values)
{
	size_t size = (size_t)count * width;
	const unsigned char *bytes;

	if (frame_take_bytes(reader, size, &bytes))
		return -EBADMSG;
	if (size)
		memcpy(values, bytes, size);
	return 0;
}

/* What belongs to another array, and holds no such again. */
static int unpack_nested(struct frame_reader *reader, uint32_t encoding, uint32_t count,
			 uint32_t width, unsigned char *values)
{
	switch (encoding) {
	case FRAME_PLAIN:
		return unpack_plain(reader, count, width, values);
	case FRAME_CONSTANT:
		return unpack_constant(reader, count, width, values);
	case FRAME_PLANES:
		return unpack_range(reader, count, width, true, values);
	case FRAME_DELTA:
		return unpack_delta(reader, count, width, true, values);
	default:
		return -EBADMSG;
	}
}

int frame_take_array(struct frame_reader *reader, uint32_t count, uint32_t width,
		     unsigned char *values)
{
	uint32_t encoding;

	if (frame_take_byte(reader, FRAME_TABLES, &encoding))
		return -EBADMSG;
	switch (encoding) {
	case FRAME_PLANES:
		return unpack_range(reader, count, width, false, values);
	case FRAME_DELTA:
		return unpack_delta(reader, count, width, false, values);
	case FRAME_PALETTE:
		return unpack_palette(reader, count, width, values);
	case FRAME_BITS:
		return unpack_bits(reader, count, width, values);
	default:
		return unpack_nested(reader, encoding, count, width, values);
	}
}

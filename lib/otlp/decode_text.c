// SPDX-License-Identifier: Apache-2.0
/* Texts of requests: whether they are UTF-8, what stands for what is not, and the memory of the
 * dictionary that what is made anew lies in. */
#include <stdlib.h>

#include "decoder.h"

enum { MEMORY_STEP_FIRST = 1 << 10, MEMORY_STEP_LAST = 1 << 16, SCRATCH_FIRST = 256 };

const unsigned char otlp_vector_masks[64] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* ---- scratch memory ---------------------------------------------------------------------- */

unsigned char *otlp_scratch_room(struct scratch *scratch, size_t size)
{
	size_t capacity = scratch->capacity ? scratch->capacity : SCRATCH_FIRST;
	unsigned char *data;

	if (scratch->data && size <= scratch->capacity - scratch->length)
		return scratch->data + scratch->length;
	while (size > capacity - scratch->length)
		capacity *= 2;
	data = realloc(scratch->data, capacity);
	if (!data)
		return NULL;
	scratch->data = data;
	scratch->capacity = capacity;
	return data + scratch->length;
}

int otlp_scratch_add(struct scratch *scratch, const void *data, size_t size)
{
	unsigned char *room = otlp_scratch_room(scratch, size);

	if (!room)
		return -ENOMEM;
	if (size)
		memcpy(room, data, size);
	scratch->length += size;
	return 0;
}

static int scratch_varint(struct scratch *scratch, uint64_t value)
{
	unsigned char *room = otlp_scratch_room(scratch, MESSAGE_VARINT_SIZE);
	uint64_t size = message_varint_size(value);
	struct message_writer writer = { .at = room ? room + size : NULL };

	if (!room)
		return -ENOMEM;
	message_put_varint(&writer, value);
	scratch->length += size;
	return 0;
}

int otlp_scratch_number(struct scratch *scratch, uint32_t number, uint64_t varint)
{
	int result = scratch_varint(scratch, (uint64_t)number << 3 | MESSAGE_VARINT);

	return result ? result : scratch_varint(scratch, varint);
}

int otlp_scratch_open(struct scratch *scratch, uint32_t number, size_t *ret_start)
{
	int result = scratch_varint(scratch, (uint64_t)number << 3 | MESSAGE_BYTES);

	if (!result)
		*ret_start = scratch->length;
	return result;
}

int otlp_scratch_close(struct scratch *scratch, size_t start)
{
	size_t length = scratch->length - start, size = message_varint_size(length);
	struct message_writer writer;

	if (!otlp_scratch_room(scratch, size))
		return -ENOMEM;
	memmove(scratch->data + start + size, scratch->data + start, length);
	writer.at = scratch->data + start + size;
	message_put_varint(&writer, length);
	scratch->length += size;
	return 0;
}

void otlp_scratch_trim(struct scratch *scratch)
{
	scratch->length = 0;
	if (scratch->capacity <= SCRATCH_KEPT)
		return;
	free(scratch->data);
	*scratch = (struct scratch){ 0 };
}

/* ---- memory and entries of the dictionary ------------------------------------------------ */

unsigned char *otlp_decoder_memory(struct otlp_decoder *decoder, size_t size)
{
	unsigned char *memory;

	if (!decoder->memory || size > decoder->memory_length) {
		size_t step = decoder->memory_step ? decoder->memory_step * 2 : MEMORY_STEP_FIRST;

		if (step > MEMORY_STEP_LAST)
			step = MEMORY_STEP_LAST;
		if (size > step / 4)
			return sonde_dictionary_memory(decoder->instance, decoder->dictionary,
						       size);
		memory = sonde_dictionary_memory(decoder->instance, decoder->dictionary, step);
		if (!memory)
			return NULL;
		decoder->memory = memory;
		decoder->memory_length = step;
		decoder->memory_step = step;
	}
	memory = decoder->memory;
	decoder->memory += size;
	decoder->memory_length -= size;
	return memory;
}

int otlp_scratch_keep(struct otlp_decoder *decoder, const struct scratch *scratch, const char *why,
		      const unsigned char **ret_data, uint32_t *ret_length)
{
	unsigned char *copy;

	if (scratch->length > TEXT_LIMIT)
		return otlp_record_is_refused(decoder, why);
	copy = otlp_decoder_memory(decoder, scratch->length);
	if (!copy)
		return -ENOMEM;
	*ret_data = memcpy(copy, scratch->data, scratch->length);
	*ret_length = (uint32_t)scratch->length;
	return 0;
}

int otlp_entries_publish(struct otlp_decoder *decoder)
{
	int result = sonde_dictionary_grow(decoder->instance, decoder->dictionary,
					   (uint32_t)(decoder->entry - decoder->entries));

	decoder->entries = decoder->entry;
	return result;
}

int otlp_entries_extend(struct otlp_decoder *decoder)
{
	struct sonde_text *room;
	uint32_t count;
	int result = otlp_entries_publish(decoder);

	if (result)
		return result;
	room = sonde_dictionary_room(decoder->instance, decoder->dictionary, &count);
	if (!room)
		return -ENOMEM;
	decoder->entries = decoder->entry = room;
	decoder->entries_end = room + count;
	decoder->code = decoder->dictionary->length;
	return 0;
}

/* ---- UTF-8 ------------------------------------------------------------------------------- */

/* The bytes of the character that begins there; negative: of what is none, and has U+FFFD instead
 * (the longest part of a character, as the Unicode standard recommends). */
static int character_length(const unsigned char *at, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	int more;

	if (*at < 0x80)
		return 1;
	if (*at < 0xc2 || *at > 0xf4)
		return -1;
	more = *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	if (*at == 0xe0)
		low = 0xa0; /* less would be over-long */
	else if (*at == 0xed)
		high = 0x9f; /* surrogates */
	else if (*at == 0xf0)
		low = 0x90;
	else if (*at == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	for (int i = 1; i <= more; i++) {
		if ((size_t)i >= left || at[i] < low || at[i] > high)
			return -i;
		low = 0x80;
		high = 0xbf;
	}
	return more + 1;
}

bool otlp_text_is_valid(const unsigned char *data, size_t length)
{
	uint64_t word;

	while (length) {
		int size;

		for (; length >= sizeof(word); data += sizeof(word), length -= sizeof(word)) {
			memcpy(&word, data, sizeof(word));
			if (word & 0x8080808080808080u)
				break;
		}
		if (!length)
			break;
		size = character_length(data, length);
		if (size < 0)
			return false;
		data += size;
		length -= (size_t)size;
	}
	return true;
}

int otlp_text_repair_into(struct scratch *scratch, const unsigned char *data, size_t length)
{
	unsigned char *room = otlp_scratch_room(scratch, length * 3); /* a bad byte becomes three */

	if (!room)
		return -ENOMEM;
	while (length) {
		int size = character_length(data, length);
		size_t used = (size_t)(size < 0 ? -size : size);

		if (size < 0) {
			memcpy(room, "\xef\xbf\xbd", 3);
			room += 3;
		} else {
			memcpy(room, data, used);
			room += used;
		}
		data += used;
		length -= used;
	}
	scratch->length = (size_t)(room - scratch->data);
	return 0;
}

int otlp_text_add(struct otlp_decoder *decoder, struct scratch *scratch, const unsigned char *data,
		  size_t length)
{
	if (otlp_text_is_valid(data, length))
		return otlp_scratch_add(scratch, data, length);
	decoder->decoded.repaired_count++;
	return otlp_text_repair_into(scratch, data, length);
}

int otlp_text_repair(struct otlp_decoder *decoder, const unsigned char **data, uint32_t *length)
{
	struct scratch *scratch = &decoder->repair[0];
	int result;

	scratch->length = 0;
	result = otlp_text_repair_into(scratch, *data, *length);
	if (!result)
		result = otlp_scratch_keep(decoder, scratch, TEXT_IS_TOO_LONG, data, length);
	if (result)
		return result;
	decoder->decoded.repaired_count++;
	otlp_scratch_trim(scratch);
	return 0;
}

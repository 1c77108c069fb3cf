// SPDX-License-Identifier: Apache-2.0
/* Columns and dictionaries into frames. */
#include <errno.h>

#include "batch.h"
#include "column.h"
#include "dictionary.h"
#include "frame.h"
#include "frame_writer.h"

enum { NO_ENTRY = UINT32_MAX }; /* an empty text, whatever its code was */

/* Loops over columns are made of vectors; clang does so by itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* ---- values as words --------------------------------------------------------------------- */

/* Sizes that the compiler knows become single loads. */
static inline __attribute__((always_inline)) void words_load(const unsigned char *from,
							     uint32_t stride, uint32_t count,
							     uint32_t width, uint64_t *words)
{
	for (uint32_t i = 0; i < count; i++, from += stride) {
		int8_t byte;
		int16_t half;
		int32_t word;

		if (width == 8)
			memcpy(&words[i], from, 8);
		else if (width == 4)
			words[i] = (uint64_t)(memcpy(&word, from, 4), word);
		else if (width == 2)
			words[i] = (uint64_t)(memcpy(&half, from, 2), half);
		else
			words[i] = (uint64_t)(memcpy(&byte, from, 1), byte);
	}
}

/* Rows without a value have that of the row before, which costs least; the first have the first
 * that there is. */
static void words_fill(uint64_t *words, uint32_t count, const unsigned char *valid)
{
	uint64_t last = 0;
	uint32_t first = 0;

	while (first < count && !sonde_bit(valid, first))
		first++;
	if (first < count)
		last = words[first];
	for (uint32_t i = 0; i < count; i++) {
		uint64_t there = 0 - (uint64_t)sonde_bit(valid, i);

		last = (words[i] & there) | (last & ~there);
		words[i] = last;
	}
}

static uint64_t *words_room(struct frame_writer *writer, size_t count)
{
	if (writer->error)
		return NULL;
	writer->error = frame_scratch(&writer->memory->values, (count + 1) * sizeof(uint64_t));
	return writer->error ? NULL : (uint64_t *)(void *)writer->memory->values.data;
}

/* The values of a member of each row, their signs spread. NULL: writer->error says why. */
static uint64_t *words_of(struct frame_writer *writer, const struct sonde_column *column,
			  const struct frame_member *member, uint32_t count)
{
	const unsigned char *from = column->base + member->offset;
	uint64_t *words = words_room(writer, count);

	if (!words)
		return NULL;
	if (member->width == 8)
		words_load(from, column->stride, count, 8, words);
	else if (member->width == 4)
		words_load(from, column->stride, count, 4, words);
	else if (member->width == 2)
		words_load(from, column->stride, count, 2, words);
	else
		words_load(from, column->stride, count, 1, words);
	return words;
}

/* ---- dictionaries ------------------------------------------------------------------------ */

/* A place is what became of an entry: the stamp of the frame that it belongs to, and its new code.
 * Places of earlier frames have other stamps, so that nothing needs to be cleared. */
static bool places_reserve(struct frame_writer *writer, size_t count)
{
	struct frame_memory *memory = writer->memory;
	size_t before = memory->places.capacity, bytes = count * sizeof(uint64_t);

	if (!writer->error && bytes > before) {
		writer->error = buffer_reserve(&memory->places, bytes + bytes / 2);
		if (!writer->error)
			memset(memory->places.data + before, 0, memory->places.capacity - before);
	}
	if (!writer->error)
		writer->error = buffer_reserve(&memory->entries, bytes);
	return !writer->error;
}

/* The dictionary among those that are written. NULL: writer->error says why. */
static struct frame_entries *entries_of(struct frame_writer *writer,
					const struct sonde_dictionary *from)
{
	struct frame_memory *memory = writer->memory;
	struct frame_entries *entries = writer->dictionaries;
	size_t first = writer->place_count;
	uint32_t length;

	for (uint32_t i = writer->dictionary_count; i > 0; i--) {
		if (entries[i - 1].from == from)
			return &entries[i - 1];
	}
	if (writer->dictionary_count == FRAME_DICTIONARIES_LIMIT)
		writer->error = writer->error ? writer->error : -EMSGSIZE;
	length = dictionary_length(from);
	if (!places_reserve(writer, first + length + 1)) /* and an empty one */
		return NULL;
	if (!writer->dictionary_count || (size_t)(writer->dictionary_count + 1) * sizeof(*entries) >
						 memory->dictionaries.capacity) {
		writer->error =
			buffer_reserve(&memory->dictionaries,
				       (writer->dictionary_count + 8) * 2 * sizeof(*entries));
		if (writer->error)
			return NULL;
	}
	entries = (void *)memory->dictionaries.data;
	writer->dictionaries = entries;
	writer->place_count += length + 1;
	entries += writer->dictionary_count++;
	*entries = (struct frame_entries){ .from = from, .length = length, .first = first };
	return entries;
}

static uint32_t *entries_list(const struct frame_writer *writer,
			      const struct frame_entries *entries)
{
	return (uint32_t *)(void *)writer->memory->entries.data + entries->first;
}

/* The code under which an entry is written that is not written yet, or is empty. */
static uint32_t entry_add(struct frame_writer *writer, struct frame_entries *entries,
			  const struct sonde_column *column, uint32_t code, uint64_t *place)
{
	struct sonde_text text = sonde_entry(entries->from, column->dictionary_length, code);

	if (!text.length && entries->empty)
		return entries->empty - 1;
	entries_list(writer, entries)[entries->count] = text.length ? code : (uint32_t)NO_ENTRY;
	writer->memory_bytes += FRAME_ENTRY_BYTES + text.length;
	if (!text.length)
		return entries->empty = ++entries->count, entries->empty - 1;
	*place = (uint64_t)writer->memory->stamp << 32 | entries->count;
	return entries->count++;
}

/* Turns codes into those of the entries that are written; the index of the dictionary and 1. */
static uint32_t put_entries(struct frame_writer *writer, const struct sonde_column *column,
			    uint64_t *words, uint32_t count)
{
	uint32_t stamp = writer->memory->stamp;
	struct frame_entries *entries;
	uint64_t *places;

	if (!column->dictionary) {
		memset(words, 0, count * sizeof(*words));
		return 0;
	}
	entries = entries_of(writer, column->dictionary);
	if (!entries)
		return 0;
	places = (uint64_t *)(void *)writer->memory->places.data + entries->first;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t code = (uint32_t)words[i];
		uint32_t slot = code < entries->length ? code : entries->length;

		if (column->stride && !sonde_valid(column, i))
			continue;
		if (places[slot] >> 32 == stamp)
			words[i] = (uint32_t)places[slot];
		else
			words[i] = entry_add(writer, entries, column, code, &places[slot]);
	}
	return (uint32_t)(entries - writer->dictionaries) + 1;
}

static void put_dictionary(struct frame_writer *writer, const struct frame_entries *entries)
{
	const uint32_t *list = entries_list(writer, entries);
	size_t bytes = 0;
	unsigned char *room;

	frame_put_byte(writer, FRAME_TEXTS, entries->from->distinct != 0);
	frame_put_varint(writer, FRAME_TEXTS, entries->count);
	for (uint32_t i = 0; i < entries->count; i++) {
		uint32_t length = sonde_entry(entries->from, entries->length, list[i]).length;

		frame_put_varint(writer, FRAME_TEXTS, length);
		bytes += length;
	}
	room = frame_room(writer, FRAME_TEXTS, bytes);
	for (uint32_t i = 0; room && i < entries->count; i++) {
		struct sonde_text text = sonde_entry(entries->from, entries->length, list[i]);

		if (text.length)
			memcpy(room, text.data, text.length);
		room += text.length;
	}
}

void frame_put_dictionaries(struct frame_writer *writer)
{
	frame_put_varint(writer, FRAME_TEXTS, writer->dictionary_count);
	for (uint32_t i = 0; i < writer->dictionary_count && !writer->error; i++)
		put_dictionary(writer, &writer->dictionaries[i]);
	writer->memory_bytes += (uint64_t)writer->dictionary_count * FRAME_DICTIONARY_BYTES;
}

/* ---- histograms -------------------------------------------------------------------------- */

static uint32_t number_at(const struct sonde_column *column, uint32_t row, uint32_t offset)
{
	uint32_t number;

	memcpy(&number, column->base + (size_t)row * column->stride + offset, sizeof(number));
	return number;
}

static bool run_is_there(const struct sonde_column *column, const struct frame_run *run,
			 uint32_t row)
{
	uint64_t words = frame_run_words(run, number_at(column, row, run->length_offset));
	uint32_t start = number_at(column, row, run->start_offset);

	return !words || (start <= column->heap_length && words <= column->heap_length - start);
}

/* The length that a row's runs have: that of words that are there. */
static uint32_t length_at(const struct sonde_column *column,
			  const struct frame_histogram *histogram, uint32_t offset, uint32_t row)
{
	if (!sonde_valid(column, row) && column->stride)
		return 0;
	for (uint32_t i = 0; i < histogram->run_count; i++) {
		if (histogram->runs[i].length_offset == offset &&
		    !run_is_there(column, &histogram->runs[i], row))
			return 0;
	}
	return number_at(column, row, offset);
}

static bool is_length(const struct frame_histogram *histogram, const struct frame_member *member)
{
	return histogram->runs[0].length_offset == member->offset ||
	       (histogram->run_count > 1 && histogram->runs[1].length_offset == member->offset);
}

static void put_member(struct frame_writer *writer, const struct sonde_column *column,
		       const struct frame_histogram *histogram, const struct frame_member *member,
		       uint32_t count)
{
	uint64_t *words = words_of(writer, column, member, count);

	if (!words)
		return;
	if (is_length(histogram, member)) {
		for (uint32_t i = 0; i < count; i++)
			words[i] = length_at(column, histogram, member->offset, i);
	} else if (column->valid && column->stride) {
		words_fill(words, count, column->valid);
	}
	frame_put_words(writer, words, count, member->width);
}

static void put_run(struct frame_writer *writer, const struct sonde_column *column,
		    const struct frame_histogram *histogram, const struct frame_run *run,
		    uint32_t count)
{
	uint64_t total = 0, *words;

	for (uint32_t i = 0; i < count; i++)
		total += frame_run_words(run, length_at(column, histogram, run->length_offset, i));
	if (total > FRAME_LENGTH_LIMIT && !writer->error)
		writer->error = -EMSGSIZE;
	words = words_room(writer, total);
	if (!words)
		return;
	writer->memory_bytes += total * sizeof(uint64_t);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = length_at(column, histogram, run->length_offset, i);
		size_t each = frame_run_words(run, length);

		if (each)
			memcpy(words, column->heap + number_at(column, i, run->start_offset),
			       each * sizeof(*words));
		words += each;
	}
	frame_put_words(writer, (uint64_t *)(void *)writer->memory->values.data, (uint32_t)total,
			sizeof(uint64_t));
}

static void put_histograms(struct frame_writer *writer, const struct sonde_column *column,
			   const struct frame_histogram *histogram, uint32_t count)
{
	for (uint32_t i = 0; i < histogram->member_count; i++)
		put_member(writer, column, histogram, &histogram->members[i], count);
	for (uint32_t i = 0; i < histogram->run_count; i++)
		put_run(writer, column, histogram, &histogram->runs[i], count);
	writer->memory_bytes += (uint64_t)count * column->value_size;
}

/* ---- columns ----------------------------------------------------------------------------- */

/* NULL and "" are told apart. */
static void put_text(struct frame_writer *writer, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	frame_put_varint(writer, FRAME_TABLES, text ? length + 1 : 0);
	frame_put(writer, FRAME_TABLES, text, length);
}

static void put_ids(struct frame_writer *writer, const struct sonde_column *column, uint32_t count)
{
	uint32_t width = column->value_size;
	unsigned char *values;

	if (writer->error ||
	    (writer->error = frame_scratch(&writer->memory->values, (size_t)count * width + width)))
		return;
	values = writer->memory->values.data;
	memset(values, 0, width);
	for (uint32_t i = 0; i < count; i++) {
		if (sonde_valid(column, i) || !column->stride)
			memcpy(values + (size_t)i * width, sonde_value(column, i), width);
		else
			memset(values + (size_t)i * width, 0, width);
	}
	frame_put_plain(writer, values, count, width);
}

static void put_bools(struct frame_writer *writer, uint64_t *words, uint32_t count)
{
	unsigned char *bytes = (unsigned char *)words; /* shrinks in place */
	uint32_t set = 0;

	for (uint32_t i = 0; i < count; i++) {
		bool is_set = words[i] != 0;

		bytes[i] = is_set;
		set += is_set;
	}
	if (set > 0 && set < count) {
		frame_put_bits(writer, bytes, count);
		return;
	}
	frame_put_byte(writer, FRAME_TABLES, FRAME_CONSTANT);
	frame_put_byte(writer, FRAME_TABLES, set > 0);
}

/* What takes single values: numbers, codes, truth. */
static void put_numbers(struct frame_writer *writer, const struct sonde_column *column,
			uint32_t count)
{
	const struct frame_member whole = { 0, column->value_size };
	uint64_t *words = words_of(writer, column, &whole, count);

	if (!words)
		return;
	if (frame_has_dictionary(column->type))
		frame_put_varint(writer, FRAME_TABLES, put_entries(writer, column, words, count));
	if (column->valid && column->stride)
		words_fill(words, count, column->valid);
	if (column->type == SONDE_BOOL)
		put_bools(writer, words, count);
	else
		frame_put_words(writer, words, count, column->value_size);
}

static void put_head(struct frame_writer *writer, const struct sonde_column *column,
		     const struct frame_histogram *histogram)
{
	uint32_t flags = (column->monotonic ? FRAME_MONOTONIC : 0u) |
			 (column->valid ? FRAME_NULLS : 0u) |
			 (histogram && !column->stride ? FRAME_SHARED : 0u);

	put_text(writer, column->name);
	put_text(writer, column->unit);
	put_text(writer, column->help);
	frame_put_byte(writer, FRAME_TABLES, column->type);
	frame_put_byte(writer, FRAME_TABLES, column->scope);
	frame_put_byte(writer, FRAME_TABLES, column->temporality);
	frame_put_byte(writer, FRAME_TABLES, flags);
	frame_put_varint(writer, FRAME_TABLES, column->role);
}

void frame_put_column(struct frame_writer *writer, const struct sonde_column *column,
		      uint32_t row_count)
{
	const struct frame_histogram *histogram = frame_histogram(column->type);
	uint32_t count = column->stride || !row_count ? row_count : 1;

	put_head(writer, column, histogram);
	writer->memory_bytes += FRAME_COLUMN_BYTES;
	if (column->valid) {
		frame_put_valid(writer, column->valid, row_count);
		writer->memory_bytes += bits_bytes(row_count);
	}
	if (histogram) {
		put_histograms(writer, column, histogram, count);
		return;
	}
	if (column->type == SONDE_ID8 || column->type == SONDE_ID16)
		put_ids(writer, column, count);
	else
		put_numbers(writer, column, count);
	writer->memory_bytes += (uint64_t)count * column->value_size;
}

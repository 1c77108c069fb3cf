// SPDX-License-Identifier: Apache-2.0
/* Columns out of frames. */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "dictionary.h"
#include "frame_reader.h"
#include "rule.h"
#include "text.h"

/* ---- heads ------------------------------------------------------------------------------- */

/* A text of a table: its length and 1, so that 0 is none; it can stand as a C string. */
static int take_text(struct frame_reader *reader, struct batch *batch, const char **ret_text)
{
	uint32_t after = 0;
	const unsigned char *bytes;
	char *text;

	if (frame_take_varint(reader, FRAME_TABLES, UINT32_MAX, &after))
		return -EBADMSG;
	*ret_text = NULL;
	if (!after)
		return 0;
	if (frame_take(reader, FRAME_TABLES, after - 1, &bytes) || memchr(bytes, 0, after - 1) ||
	    text_valid_length((const char *)bytes, after - 1) != after - 1)
		return -EBADMSG;
	text = batch_memory(batch, after);
	if (!text)
		return -ENOMEM;
	memcpy(text, bytes, after - 1);
	text[after - 1] = 0;
	*ret_text = text;
	return 0;
}

/* What a role means is known with its types alone: with others, or if it is of a later sonde, the
 * column is an attribute. */
static uint16_t role_of(uint32_t role, uint32_t type)
{
	const struct role_rule *rule = role_rule(role);

	return rule && rule->types >> type & 1 ? (uint16_t)role : SONDE_ROLE_ATTRIBUTE;
}

static int take_head(struct frame_reader *reader, struct batch *batch, struct sonde_column *view,
		     uint32_t *ret_flags)
{
	uint32_t type, scope, temporality, flags, role;
	int error = take_text(reader, batch, &view->name);

	error = error ? error : take_text(reader, batch, &view->unit);
	error = error ? error : take_text(reader, batch, &view->help);
	if (error)
		return error;
	if (!view->name || frame_take_byte(reader, FRAME_TABLES, &type) ||
	    frame_take_byte(reader, FRAME_TABLES, &scope) ||
	    frame_take_byte(reader, FRAME_TABLES, &temporality) ||
	    frame_take_byte(reader, FRAME_TABLES, &flags) ||
	    frame_take_varint(reader, FRAME_TABLES, UINT16_MAX, &role))
		return -EBADMSG;
	if (!type_size(type) || scope > SONDE_SCOPE_RESOURCE || temporality > SONDE_CUMULATIVE ||
	    flags > (FRAME_MONOTONIC | FRAME_NULLS | FRAME_SHARED))
		return -EBADMSG;
	view->type = type;
	view->value_size = type_size(type);
	view->role = role_of(role, type);
	view->scope = (uint8_t)scope;
	view->temporality = (uint8_t)temporality;
	view->monotonic = flags & FRAME_MONOTONIC;
	*ret_flags = flags;
	return 0;
}

static int take_valid(struct frame_reader *reader, struct batch *batch, struct column *column)
{
	uint32_t count = batch->head.row_count;
	size_t used = ((size_t)count + 7) / 8, size = bits_bytes(count);
	const unsigned char *bits;

	if (frame_take_bytes(reader, used, &bits) || frame_charge(reader, size))
		return -EBADMSG;
	column->bits = batch_memory(batch, size);
	if (!column->bits)
		return -ENOMEM;
	memset(column->bits, 0, size);
	if (used)
		memcpy(column->bits, bits, used);
	column->view.valid = column->bits;
	return 0;
}

/* Room for the values. */
static int take_room(struct frame_reader *reader, struct batch *batch, struct sonde_column *view,
		     bool shared)
{
	uint32_t count = shared ? 1 : batch->head.row_count;
	uint64_t size = (uint64_t)count * view->value_size;

	if (frame_charge(reader, batch->head.row_count ? size : 0))
		return -EBADMSG;
	view->base = batch_memory(batch, size ? size : view->value_size);
	view->stride = shared ? 0 : view->value_size;
	return view->base ? 0 : -ENOMEM;
}

/* Rows without a value hold zeros. */
static void nulls_clear(const struct sonde_column *view, uint32_t row_count)
{
	if (!view->valid || !view->stride)
		return;
	for (uint32_t row = 0; row < row_count; row++) {
		if (!sonde_bit(view->valid, row))
			memset(view->base + (size_t)row * view->stride, 0, view->value_size);
	}
}

/* ---- histograms -------------------------------------------------------------------------- */

static int take_member(struct frame_reader *reader, const struct sonde_column *view,
		       const struct frame_member *member, uint32_t count)
{
	unsigned char *to = view->base + member->offset, *from;
	int error = frame_scratch(&reader->memory->values, (size_t)count * member->width + 1);

	from = reader->memory->values.data;
	error = error ? error : frame_take_array(reader, count, member->width, from);
	for (uint32_t i = 0; !error && i < count; i++) {
		memcpy(to, from, member->width);
		to += view->value_size;
		from += member->width;
	}
	return error;
}

/* Says where in the heap the words of each row begin; ret_words: how many they are. */
static int place_run(struct frame_reader *reader, const struct column *column,
		     const struct frame_run *run, uint32_t count, uint32_t *ret_words)
{
	const struct sonde_column *view = &column->view;
	uint64_t words = 0;

	for (uint32_t i = 0; i < count; i++) {
		unsigned char *value = view->base + (size_t)i * view->value_size;
		uint32_t start = view->heap_length + (uint32_t)words, length;

		memcpy(&length, value + run->length_offset, sizeof(length));
		memcpy(value + run->start_offset, &start, sizeof(start));
		words += frame_run_words(run, length);
		if (words * sizeof(uint64_t) > reader->memory_left)
			return -EBADMSG;
	}
	*ret_words = (uint32_t)words;
	return frame_charge(reader, words * sizeof(uint64_t));
}

static int take_run(struct frame_reader *reader, struct column *column, const struct frame_run *run,
		    uint32_t count)
{
	uint64_t none, *heap = &none;
	uint32_t words = 0, start;
	int error = place_run(reader, column, run, count, &words);

	if (error)
		return error;
	if (words)
		heap = column_heap(column, words, &start);
	return heap ? frame_take_array(reader, words, sizeof(*heap), (unsigned char *)heap)
		    : -ENOMEM;
}

static int take_histograms(struct frame_reader *reader, struct batch *batch, struct column *column,
			   const struct frame_histogram *histogram, bool shared)
{
	uint32_t count = shared && batch->head.row_count ? 1 : batch->head.row_count;
	int error = take_room(reader, batch, &column->view, shared);

	if (!error)
		memset(column->view.base, 0, (size_t)(count ? count : 1) * column->view.value_size);
	for (uint32_t i = 0; i < histogram->member_count && !error; i++)
		error = take_member(reader, &column->view, &histogram->members[i], count);
	if (!error && count == batch->head.row_count)
		nulls_clear(&column->view, count);
	for (uint32_t i = 0; i < histogram->run_count && !error; i++)
		error = take_run(reader, column, &histogram->runs[i], count);
	return error;
}

/* ---- codes ------------------------------------------------------------------------------- */

/* A copy of a text that has U+FFFD where it is not UTF-8, as a new entry. UINT32_MAX: no memory. */
static uint32_t entry_repair(struct sonde_dictionary *dictionary, struct sonde_text text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *copy = malloc((size_t)text.length * 3 + 1);
	size_t length = 0, at = 0;
	uint32_t code;

	if (!copy)
		return UINT32_MAX;
	while (at < text.length) {
		size_t valid = text_valid_length(text.data + at, text.length - at);

		memcpy(copy + length, text.data + at, valid);
		length += valid;
		at += valid;
		if (at == text.length)
			break;
		memcpy(copy + length, replacement, sizeof(replacement) - 1);
		length += sizeof(replacement) - 1;
		at++;
	}
	code = dictionary_intern(dictionary, copy, length);
	free(copy);
	return code;
}

/* The rows of texts that are not UTF-8 have texts that are. */
static int codes_repair(const struct frame_dictionary *from, unsigned char *values, uint32_t count)
{
	uint32_t *repaired = calloc(from->count, sizeof(*repaired)), code; /* code and 1 */
	int error = repaired ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < count && !error; i++) {
		struct sonde_text text;

		memcpy(&code, values + i * sizeof(code), sizeof(code));
		text = sonde_entry(from->dictionary, from->count, code);
		if (code >= from->count ||
		    (!repaired[code] && text_valid_length(text.data, text.length) == text.length))
			continue;
		if (!repaired[code])
			repaired[code] = entry_repair(from->dictionary, text) + 1;
		if (!repaired[code])
			error = -ENOMEM;
		code = repaired[code] - 1;
		memcpy(values + i * sizeof(code), &code, sizeof(code));
	}
	free(repaired);
	return error;
}

static int codes_check(const struct sonde_column *view, const struct frame_dictionary *from,
		       uint32_t count)
{
	uint32_t highest = 0, code;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(&code, view->base + i * sizeof(code), sizeof(code));
		highest = code > highest ? code : highest;
	}
	if (highest && (!from || highest >= from->count))
		return -EBADMSG;
	if (!from || view->type != SONDE_TEXT || from->all_text)
		return 0;
	return codes_repair(from, view->base, count);
}

/* ---- columns ----------------------------------------------------------------------------- */

static int take_values(struct frame_reader *reader, struct batch *batch, struct column *column)
{
	struct sonde_column *view = &column->view;
	const struct frame_dictionary *from = NULL;
	uint32_t dictionary = 0, count;
	bool shared;
	int error;

	if (frame_has_dictionary(view->type) &&
	    frame_take_varint(reader, FRAME_TABLES, reader->dictionary_count, &dictionary))
		return -EBADMSG;
	if (dictionary) {
		from = &reader->dictionaries[dictionary - 1];
		view->dictionary = dictionary_hold(from->dictionary);
	}
	shared = frame_is_constant(reader);
	count = shared ? 1 : batch->head.row_count;
	error = take_room(reader, batch, view, shared);
	error = error ? error : frame_take_array(reader, count, view->value_size, view->base);
	if (error)
		return error;
	nulls_clear(view, count);
	return frame_has_dictionary(view->type) ? codes_check(view, from, count) : 0;
}

int frame_take_column(struct frame_reader *reader, struct batch *batch)
{
	struct column *column = column_next(batch);
	const struct frame_histogram *histogram;
	uint32_t flags = 0;
	int error;

	if (!column)
		return -ENOMEM;
	batch->head.column_count++;
	column->own = true;
	error = frame_charge(reader, FRAME_COLUMN_BYTES);
	error = error ? error : take_head(reader, batch, &column->view, &flags);
	if (!error && flags & FRAME_NULLS)
		error = take_valid(reader, batch, column);
	if (error)
		return error;
	histogram = frame_histogram(column->view.type);
	if (histogram)
		return take_histograms(reader, batch, column, histogram, flags & FRAME_SHARED);
	return flags & FRAME_SHARED ? -EBADMSG : take_values(reader, batch, column);
}

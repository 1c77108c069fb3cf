// SPDX-License-Identifier: Apache-2.0
/* What the rows of a batch say in OTLP, as bytes. */
#include "otlp_said.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/otlp_host.h"

/* ---- pieces ------------------------------------------------------------------------------ */

static void say(struct said *said, const void *data, size_t length)
{
	if (said->capacity - said->length < length) {
		said->capacity = 2 * said->capacity + length;
		said->data = realloc(said->data, said->capacity);
		assert(said->data);
	}
	if (length)
		memcpy(said->data + said->length, data, length);
	said->length += length;
}

static void say_number(struct said *said, uint64_t number)
{
	say(said, &number, sizeof(number));
}

static void say_text(struct said *said, const char *data, size_t length)
{
	say_number(said, length);
	say(said, data, length);
}

static void begin(struct said *said)
{
	if (said->count == said->start_capacity) {
		said->start_capacity = 2 * said->start_capacity + 16;
		said->starts = realloc(said->starts, said->start_capacity * sizeof(*said->starts));
		assert(said->starts);
	}
	said->starts[said->count++] = said->length;
}

static size_t piece_length(const struct said *said, size_t piece)
{
	size_t end = piece + 1 < said->count ? said->starts[piece + 1] : said->length;

	return end - said->starts[piece];
}

struct piece {
	const unsigned char *data;
	size_t length;
};

static int pieces_compare(const void *left_pointer, const void *right_pointer)
{
	const struct piece *left = left_pointer, *right = right_pointer;
	size_t least = left->length < right->length ? left->length : right->length;
	int order = least ? memcmp(left->data, right->data, least) : 0;

	return order ? order : (left->length > right->length) - (left->length < right->length);
}

void said_sort(struct said *said)
{
	struct piece *pieces = calloc(said->count + 1, sizeof(*pieces));
	struct said sorted = { 0 };

	assert(pieces);
	for (size_t i = 0; i < said->count; i++)
		pieces[i] = (struct piece){ said->data + said->starts[i], piece_length(said, i) };
	qsort(pieces, said->count, sizeof(*pieces), pieces_compare);
	for (size_t i = 0; i < said->count; i++) {
		begin(&sorted);
		say(&sorted, pieces[i].data, pieces[i].length);
	}
	free(pieces);
	said_release(said);
	*said = sorted;
}

bool said_is_same(const struct said *left, const struct said *right)
{
	return left->count == right->count && left->length == right->length &&
	       (!left->count ||
		!memcmp(left->starts, right->starts, left->count * sizeof(*left->starts))) &&
	       (!left->length || !memcmp(left->data, right->data, left->length));
}

void said_release(struct said *said)
{
	free(said->data);
	free(said->starts);
	*said = (struct said){ 0 };
}

/* ---- values ------------------------------------------------------------------------------ */

static void say_any(struct said *said, const struct sonde_any *any)
{
	uint64_t bits = 0;

	say_number(said, any->kind);
	switch (any->kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		say_text(said, any->as.data, any->length);
		break;
	case SONDE_ANY_BOOL:
		say_number(said, any->as.boolean);
		break;
	case SONDE_ANY_INTEGER:
		say_number(said, (uint64_t)any->as.integer);
		break;
	case SONDE_ANY_DOUBLE:
		memcpy(&bits, &any->as.number, sizeof(bits));
		say_number(said, bits);
		break;
	case SONDE_ANY_ARRAY:
	case SONDE_ANY_MAP:
		say_number(said, any->length);
		for (uint32_t i = 0; i < any->length; i++) {
			say_text(said, any->as.items[i].key, any->as.items[i].key_length);
			say_any(said, &any->as.items[i]);
		}
		break;
	default:
		break;
	}
}

/* The caller frees it. */
static struct sonde_any *read_any(struct sonde_text text)
{
	uint32_t capacity = text.length + 1, count; /* an item takes two bytes at least */
	struct sonde_any *items = calloc(capacity, sizeof(*items));

	assert(items);
	assert(!sonde_any_decode(&otlp_instance, text.data, text.length, items, capacity, &count));
	return items;
}

static void say_words(struct said *said, const struct sonde_column *column, uint32_t start,
		      uint64_t length)
{
	assert(start + length <= column->heap_length);
	say_number(said, length);
	if (length)
		say(said, column->heap + start, length * sizeof(*column->heap));
}

static void say_moments(struct said *said, uint32_t flags, uint64_t count, const double moments[3])
{
	static const uint32_t has[] = { SONDE_HAS_SUM, SONDE_HAS_MINIMUM, SONDE_HAS_MAXIMUM };

	say_number(said, count);
	for (uint32_t i = 0; i < 3; i++) {
		say_number(said, (flags & has[i]) != 0);
		if (flags & has[i])
			say(said, &moments[i], sizeof(moments[i]));
	}
}

static void say_exponential(struct said *said, const struct sonde_column *column, const void *value)
{
	struct sonde_exponential head;

	memcpy(&head, value, sizeof(head));
	say_moments(said, head.flags, head.count,
		    (const double[]){ head.sum, head.minimum, head.maximum });
	say_number(said, head.zero_count);
	say(said, &head.zero_threshold, sizeof(head.zero_threshold));
	say_number(said, (uint64_t)(int64_t)head.scale);
	say_number(said, (uint64_t)(int64_t)head.positive_offset);
	say_words(said, column, head.positive_start, head.positive_length);
	say_number(said, (uint64_t)(int64_t)head.negative_offset);
	say_words(said, column, head.negative_start, head.negative_length);
}

static void say_explicit(struct said *said, const struct sonde_column *column, const void *value)
{
	struct sonde_explicit head;

	memcpy(&head, value, sizeof(head));
	say_moments(said, head.flags, head.count,
		    (const double[]){ head.sum, head.minimum, head.maximum });
	say_words(said, column, head.counts_start, head.length);
	say_words(said, column, head.bounds_start, head.length ? head.length - 1 : 0);
}

static void say_quantiles(struct said *said, const struct sonde_column *column, const void *value)
{
	struct sonde_quantiles head;

	memcpy(&head, value, sizeof(head));
	say_number(said, head.count);
	say(said, &head.sum, sizeof(head.sum));
	say_words(said, column, head.pairs_start, 2 * (uint64_t)head.length);
}

/* All that a column of numbers may hold, as 64 bits. */
static uint64_t number_of(const struct sonde_column *column, uint32_t row)
{
	uint64_t bits = 0;

	memcpy(&bits, sonde_value(column, row), column->value_size);
	return column->type == SONDE_I32 ? (uint64_t)(int64_t)(int32_t)bits : bits;
}

/* A value that says of which type it is, in the same words for one in a column of any type. */
static void say_value(struct said *said, const struct sonde_column *column, uint32_t row)
{
	struct sonde_any plain = { 0 }, *any;
	struct sonde_text text = { 0 };

	if (column->type == SONDE_TEXT || column->type == SONDE_BYTES || column->type == SONDE_ANY)
		text = sonde_text_at(column, row);
	switch (column->type) {
	case SONDE_ANY:
		any = read_any(text);
		say_any(said, any);
		free(any);
		return;
	case SONDE_EXPONENTIAL:
		say_exponential(said, column, sonde_value(column, row));
		return;
	case SONDE_EXPLICIT:
		say_explicit(said, column, sonde_value(column, row));
		return;
	case SONDE_QUANTILES:
		say_quantiles(said, column, sonde_value(column, row));
		return;
	case SONDE_TEXT:
	case SONDE_BYTES:
		plain.kind = column->type == SONDE_TEXT ? SONDE_ANY_TEXT : SONDE_ANY_BYTES;
		plain.length = text.length;
		plain.as.data = text.data;
		break;
	case SONDE_BOOL:
		plain.kind = SONDE_ANY_BOOL;
		plain.as.boolean = number_of(column, row) != 0;
		break;
	case SONDE_DOUBLE:
		plain.kind = SONDE_ANY_DOUBLE;
		memcpy(&plain.as.number, sonde_value(column, row), sizeof(plain.as.number));
		break;
	default:
		assert(column->type == SONDE_I64);
		plain.kind = SONDE_ANY_INTEGER;
		plain.as.integer = (int64_t)number_of(column, row);
	}
	say_any(said, &plain);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void begin_field(struct said *fields, const struct sonde_column *column)
{
	begin(fields);
	say_number(fields, column->scope);
	say_number(fields,
		   column->role == SONDE_ROLE_ATTRIBUTES ? SONDE_ROLE_ATTRIBUTE : column->role);
}

static void say_pairs(struct said *fields, const struct sonde_column *column, uint32_t row)
{
	struct sonde_any *map = read_any(sonde_text_at(column, row));

	assert(map->kind == SONDE_ANY_MAP);
	for (uint32_t i = 0; i < map->length; i++) {
		begin_field(fields, column);
		say_text(fields, map->as.items[i].key, map->as.items[i].key_length);
		say_any(fields, &map->as.items[i]);
	}
	free(map);
}

/* Whether it is what a field that is not there is read as. */
static bool is_default(const struct sonde_column *column, uint32_t row)
{
	if (column->role == SONDE_ROLE_STATUS_CODE || column->type == SONDE_ID8 ||
	    column->type == SONDE_ID16)
		return false;
	if (column->type == SONDE_TEXT)
		return !sonde_text_at(column, row).length;
	return !number_of(column, row);
}

static void say_column(struct said *fields, const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text;

	switch (column->role) {
	case SONDE_ROLE_PARENT_ROW:
		return;
	case SONDE_ROLE_ATTRIBUTES:
		say_pairs(fields, column, row);
		return;
	case SONDE_ROLE_ATTRIBUTE:
		begin_field(fields, column);
		say_text(fields, column->name, strlen(column->name));
		say_value(fields, column, row);
		return;
	case SONDE_ROLE_BODY:
	case SONDE_ROLE_VALUE:
	case SONDE_ROLE_ENTITIES:
	case SONDE_ROLE_METRIC:
		begin_field(fields, column);
		say_value(fields, column, row);
		return;
	default:
		break;
	}
	if (is_default(column, row))
		return;
	begin_field(fields, column);
	if (column->type == SONDE_TEXT) {
		text = sonde_text_at(column, row);
		say_text(fields, text.data, text.length);
	} else if (column->type == SONDE_ID8 || column->type == SONDE_ID16) {
		say(fields, sonde_value(column, row), column->value_size);
	} else {
		say_number(fields, number_of(column, row));
	}
}

static void say_row(struct said *said, const struct sonde_batch *batch, uint32_t row,
		    bool with_ids);

static void say_children(struct said *fields, const struct sonde_batch *children, uint32_t parent)
{
	const struct sonde_column *parents = NULL;
	bool any = false;

	for (uint32_t i = 0; i < children->column_count && !parents; i++) {
		if (sonde_column(children, i)->role == SONDE_ROLE_PARENT_ROW)
			parents = sonde_column(children, i);
	}
	assert(parents);
	for (uint32_t row = 0; row < children->row_count; row++) {
		if (number_of(parents, row) != parent)
			continue;
		if (!any) {
			begin(fields);
			say_number(fields, UINT64_MAX); /* no scope */
			say_number(fields, children->signal);
		}
		any = true;
		say_row(fields, children, row, true);
	}
}

/* Adds to the piece that was begun. */
static void say_row(struct said *said, const struct sonde_batch *batch, uint32_t row, bool with_ids)
{
	struct said fields = { 0 };

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		bool is_id =
			column->role == SONDE_ROLE_TRACE_ID || column->role == SONDE_ROLE_SPAN_ID;

		if (sonde_valid(column, row) && (with_ids || !is_id))
			say_column(&fields, column, row);
	}
	for (uint32_t i = 0; i < batch->child_count; i++)
		say_children(&fields, batch->children[i], row);
	said_sort(&fields);
	say_number(said, fields.count);
	for (size_t i = 0; i < fields.count; i++)
		say_text(said, (const char *)fields.data + fields.starts[i],
			 piece_length(&fields, i));
	said_release(&fields);
}

struct said said_by(const struct sonde_batch *batch, bool with_ids)
{
	struct said said = { 0 };

	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_selected(batch, row))
			continue;
		begin(&said);
		say_row(&said, batch, row, with_ids);
	}
	return said;
}

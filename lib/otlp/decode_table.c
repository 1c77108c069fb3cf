// SPDX-License-Identifier: Apache-2.0
/* Tables that fill row by row: columns appear when they have their first value, rows without one
 * are null, and a column whose values change their type becomes one of any type. */
#include <stdlib.h>

#include "decoder.h"

/* So that a small request makes no large table: columns take no more than this multiple of it. */
enum { FIXED_MULTIPLE = 16, KEYS_MULTIPLE = 4, BUDGET_LEAST = 64 << 10 };

static const uint32_t type_sizes[] = {
	[SONDE_BOOL] = 1,
	[SONDE_I32] = 4,
	[SONDE_I64] = 8,
	[SONDE_U32] = 4,
	[SONDE_DOUBLE] = 8,
	[SONDE_TEXT] = 4,
	[SONDE_BYTES] = 4,
	[SONDE_ID8] = 8,
	[SONDE_ID16] = 16,
	[SONDE_TIME] = 8,
	[SONDE_EXPONENTIAL] = sizeof(struct sonde_exponential),
	[SONDE_EXPLICIT] = sizeof(struct sonde_explicit),
	[SONDE_QUANTILES] = sizeof(struct sonde_quantiles),
	[SONDE_ANY] = 4,
};

/* ---- columns ----------------------------------------------------------------------------- */

/* -EINVAL: over the budget, nobody was told. */
int otlp_column_create(struct table *table, struct column *column, const struct sonde_field *field,
		       uint64_t *budget_bytes)
{
	uint32_t size = type_sizes[field->type];
	uint64_t cost =
		(uint64_t)table->capacity * size + table->capacity / 8 + strlen(field->name);
	struct sonde_column *view;

	if (cost > *budget_bytes)
		return -EINVAL;
	view = sonde_batch_add(table->decoder->instance, table->batch, field,
			       type_is_coded(field->type) ? table->decoder->dictionary : NULL);
	if (!view)
		return -ENOMEM;
	*budget_bytes -= cost;
	if (column->next == ROW_NONE) {
		column->next = 0;
		column->index = table->batch->column_count - 1;
	}
	column->base = view->base;
	column->bits = NULL;
	column->type = field->type;
	return 0;
}

static void bits_fill(unsigned char *bits, uint32_t from, uint32_t to, bool set)
{
	for (; from < to && from % 8; from++)
		bits[from >> 3] = set ? (unsigned char)(bits[from >> 3] | 1u << (from & 7))
				      : (unsigned char)(bits[from >> 3] & ~(1u << (from & 7)));
	if (to - from >= 8) {
		memset(bits + from / 8, set ? 0xff : 0, (to - from) / 8);
		from += (to - from) & ~7u;
	}
	for (; from < to; from++)
		bits[from >> 3] = set ? (unsigned char)(bits[from >> 3] | 1u << (from & 7))
				      : (unsigned char)(bits[from >> 3] & ~(1u << (from & 7)));
}

static int column_bits(struct table *table, struct column *column)
{
	if (!column->bits)
		column->bits =
			sonde_batch_valid(table->decoder->instance, table->batch, column->index);
	return column->bits ? 0 : -ENOMEM;
}

/* The rows that have no value yet are null. */
int otlp_column_skip(struct table *table, struct column *column, uint32_t row)
{
	int result;

	if (column->next >= row)
		return 0;
	result = column_bits(table, column);
	if (result)
		return result;
	bits_fill(column->bits, column->next, row, false);
	column->next = row;
	return 0;
}

int otlp_column_reach(struct table *table, struct column *column, const struct sonde_field *field,
		      uint32_t row)
{
	int result = 0;

	if (column->next == ROW_NONE)
		result = otlp_column_create(table, column, field, &table->budget_bytes);
	if (result == -EINVAL)
		return otlp_record_is_refused(
			table->decoder, "too few bytes for so many records of so many fields");
	if (!result)
		result = otlp_column_skip(table, column, row);
	if (!result)
		column->next = row + 1;
	return result;
}

static void column_rewind(struct column *column, uint32_t row)
{
	if (column->next == ROW_NONE || column->next <= row)
		return;
	if (column->bits)
		bits_fill(column->bits, row, column->next, true);
	column->next = row;
}

void otlp_column_repeat(struct table *table, struct column *column, uint32_t row, uint32_t end_row)
{
	uint32_t size = type_sizes[column->type];
	unsigned char *value = column->base + (size_t)row * size;

	(void)table;
	if (column->next != row + 1)
		return;
	for (uint32_t i = row + 1; i < end_row; i++)
		memcpy(column->base + (size_t)i * size, value, size);
	column->next = end_row;
}

/* ---- values ------------------------------------------------------------------------------ */

/* The AnyValue that a text of the request is the whole of, if it is: then it lies around it. */
static bool text_message(const struct otlp_decoder *decoder, uint32_t type,
			 const struct sonde_text *text, struct value *value)
{
	unsigned char head[MESSAGE_HEAD_SIZE];
	struct message_writer writer = { .at = head + sizeof(head) };
	const unsigned char *data = (const unsigned char *)text->data;
	size_t size;

	message_put_varint(&writer, text->length);
	message_put_tag(&writer, type == SONDE_TEXT ? ANY_TEXT : ANY_BYTES, MESSAGE_BYTES);
	size = (size_t)(head + sizeof(head) - writer.at);
	if ((uintptr_t)data < (uintptr_t)decoder->data + size ||
	    (uintptr_t)data > (uintptr_t)decoder->end || memcmp(data - size, writer.at, size))
		return false;
	value->message = data - size;
	value->message_length = (uint32_t)size + text->length;
	return true;
}

/* The value of a row of a column that is not one of any type. */
static void value_recall(const struct otlp_decoder *decoder, const struct column *column,
			 const unsigned char *base, uint32_t row, struct value *ret_value)
{
	struct value value = { .type = column->type, .depth = 1 };
	uint32_t size = type_sizes[column->type], code;

	if (type_is_coded(column->type)) {
		struct sonde_text text;

		memcpy(&code, base + (size_t)row * size, sizeof(code));
		text = sonde_entry(decoder->dictionary, decoder->code, code);
		value.data = (const unsigned char *)text.data;
		value.length = text.length;
		(void)text_message(decoder, column->type, &text, &value);
	} else {
		memcpy(&value.bits, base + (size_t)row * size, size);
	}
	*ret_value = value;
}

/* Makes a column one of any type, and encodes the values that it has. */
int otlp_column_convert(struct table *table, struct column *column, const struct sonde_field *field,
			uint64_t *budget_bytes)
{
	struct otlp_decoder *decoder = table->decoder;
	struct sonde_field any = *field;
	struct column before = *column;
	uint32_t size = type_sizes[column->type], code = 0, last = ROW_NONE;
	int result;

	any.type = SONDE_ANY;
	result = otlp_column_create(table, column, &any,
				    budget_bytes); /* in the place of the other */
	if (!result && before.bits)
		result = column_bits(table, column);
	if (result)
		return result;
	if (before.bits)
		memcpy(column->bits, before.bits, ((size_t)table->capacity + 7) / 8);
	for (uint32_t row = 0; !result && row < before.next; row++) {
		struct value value;

		if (!sonde_bit(before.bits, row))
			continue;
		if (last == ROW_NONE || memcmp(before.base + (size_t)row * size,
					       before.base + (size_t)last * size, size)) {
			value_recall(decoder, &before, before.base, row, &value);
			result = otlp_value_encode(decoder, &value);
			if (!result)
				result = entry_add(decoder, value.message, value.message_length,
						   &code);
			last = row;
		}
		memcpy(column->base + (size_t)row * 4, &code, sizeof(code));
	}
	return result;
}

int otlp_value_write(struct table *table, struct column *column, struct value *value, uint32_t row)
{
	uint32_t size = type_sizes[column->type], code;
	int result;

	if (!type_is_coded(column->type)) {
		memcpy(column->base + (size_t)row * size, &value->bits, size);
		return 0;
	}
	if (column->type == SONDE_ANY) {
		result = otlp_value_encode(table->decoder, value);
		if (!result)
			result = entry_add(table->decoder, value->message, value->message_length,
					   &code);
	} else {
		result = entry_add(table->decoder, value->data, value->length, &code);
	}
	if (!result)
		memcpy(column->base + (size_t)row * size, &code, sizeof(code));
	return result;
}

int otlp_value_put(struct table *table, struct column *column, const struct sonde_field *field,
		   struct value *value, uint32_t row)
{
	struct sonde_field own = *field;
	int result = 0;

	if (column->next == ROW_NONE) {
		own.type = value->type;
		result = otlp_column_reach(table, column, &own, row);
	} else if (column->type != value->type && column->type != SONDE_ANY) {
		result = otlp_column_convert(table, column, field, &table->budget_bytes);
		if (result == -EINVAL)
			result = otlp_record_is_refused(
				table->decoder,
				"too few bytes for so many records of so many fields");
	}
	if (!result && column->next != row + 1)
		result = otlp_column_reach(table, column, &own, row);
	return result ? result : otlp_value_write(table, column, value, row);
}

/* ---- the table --------------------------------------------------------------------------- */

int otlp_table_begin(struct table *table, struct otlp_decoder *decoder, const char *schema,
		     enum sonde_signal signal, const struct sonde_field *fields, uint32_t row_count)
{
	uint64_t length = (uint64_t)(decoder->end - decoder->data);

	table->decoder = decoder;
	table->fields = fields;
	table->row = 0;
	table->capacity = row_count;
	table->budget_bytes = length * FIXED_MULTIPLE + BUDGET_LEAST;
	for (uint32_t i = 0; i < FIXED_COUNT; i++)
		table->fixed[i] = (struct column){ .next = ROW_NONE };
	for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
		int result =
			otlp_keys_begin(&table->keys[level], length * KEYS_MULTIPLE + BUDGET_LEAST);

		table->constant[level] = false;
		if (result)
			return result;
	}
	table->batch = sonde_batch_table(decoder->instance, schema, signal, row_count);
	return table->batch ? 0 : -ENOMEM;
}

void otlp_table_rewind(struct table *table, uint32_t row)
{
	for (uint32_t i = 0; i < FIXED_COUNT; i++)
		column_rewind(&table->fixed[i], row);
	for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
		struct keys *keys = &table->keys[level];

		for (uint32_t i = 1; i < keys->count; i++)
			column_rewind(&keys->attributes[i].column, row);
		column_rewind(&keys->map, row);
		keys->rest.length = 0;
	}
	table->row = row;
}

/* The rows from the last value to the last row. */
static int column_end(struct table *table, struct column *column)
{
	return column->next == ROW_NONE ? 0 : otlp_column_skip(table, column, table->row);
}

int otlp_table_end(struct table *table, struct sonde_batch **ret_batch)
{
	int result = 0;

	for (uint32_t i = 0; !result && i < FIXED_COUNT; i++)
		result = column_end(table, &table->fixed[i]);
	for (uint32_t level = 0; !result && level < LEVEL_COUNT; level++) {
		struct keys *keys = &table->keys[level];

		for (uint32_t i = 1; !result && i < keys->count; i++)
			result = column_end(table, &keys->attributes[i].column);
		if (!result)
			result = column_end(table, &keys->map);
	}
	if (!result && table->row < table->capacity)
		result = sonde_batch_resize(table->decoder->instance, table->batch, table->row);
	if (result)
		return result;
	*ret_batch = table->row ? table->batch : NULL;
	if (table->row)
		table->batch = NULL;
	otlp_table_clear(table);
	return 0;
}

void otlp_table_clear(struct table *table)
{
	if (table->batch)
		sonde_batch_release(table->decoder->instance, table->batch);
	table->batch = NULL;
	for (uint32_t level = 0; level < LEVEL_COUNT; level++)
		otlp_scratch_trim(&table->keys[level].rest);
}

void otlp_table_release(struct table *table)
{
	otlp_table_clear(table);
	for (uint32_t level = 0; level < LEVEL_COUNT; level++)
		otlp_keys_release(&table->keys[level]);
}

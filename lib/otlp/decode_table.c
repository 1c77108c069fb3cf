// SPDX-License-Identifier: Apache-2.0
/* Tables that fill row by row: columns appear when they have their first value, rows without one
 * are null, a key whose type changes becomes a column of any type, and what would take too many
 * columns, or columns too empty, goes into maps. */
#include <stdlib.h>

#include "decoder.h"

/* So that a small request makes no large table: columns take no more than this multiple of it. */
enum { FIXED_MULTIPLE = 16, KEYS_MULTIPLE = 4, BUDGET_LEAST = 64 << 10 };

enum { SLOT_COUNT_FIRST = 64 };

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

static bool type_is_coded(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
}

static const struct sonde_field map_fields[LEVEL_COUNT] = {
	[SONDE_SCOPE_ROW] = { .name = "attributes",
			      .type = SONDE_ANY,
			      .role = SONDE_ROLE_ATTRIBUTES,
			      .scope = SONDE_SCOPE_ROW },
	[SONDE_SCOPE_SCOPE] = { .name = "attributes",
				.type = SONDE_ANY,
				.role = SONDE_ROLE_ATTRIBUTES,
				.scope = SONDE_SCOPE_SCOPE },
	[SONDE_SCOPE_RESOURCE] = { .name = "attributes",
				   .type = SONDE_ANY,
				   .role = SONDE_ROLE_ATTRIBUTES,
				   .scope = SONDE_SCOPE_RESOURCE },
};

/* ---- columns ----------------------------------------------------------------------------- */

/* -EINVAL: over the budget, nobody was told. */
static int column_create(struct table *table, struct column *column,
			 const struct sonde_field *field, uint64_t *budget_bytes)
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
static int column_skip(struct table *table, struct column *column, uint32_t row)
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
		result = column_create(table, column, field, &table->budget_bytes);
	if (result == -EINVAL)
		return otlp_record_is_refused(
			table->decoder, "too few bytes for so many records of so many fields");
	if (!result)
		result = column_skip(table, column, row);
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
static int column_convert(struct table *table, struct column *column,
			  const struct sonde_field *field, uint64_t *budget_bytes)
{
	struct otlp_decoder *decoder = table->decoder;
	struct sonde_field any = *field;
	struct column before = *column;
	uint32_t size = type_sizes[column->type], code = 0, last = ROW_NONE;
	int result;

	any.type = SONDE_ANY;
	result = column_create(table, column, &any, budget_bytes); /* in the place of the other */
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

static int value_write(struct table *table, struct column *column, struct value *value,
		       uint32_t row)
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
		result = column_convert(table, column, field, &table->budget_bytes);
		if (result == -EINVAL)
			result = otlp_record_is_refused(
				table->decoder,
				"too few bytes for so many records of so many fields");
	}
	if (!result && column->next != row + 1)
		result = otlp_column_reach(table, column, &own, row);
	return result ? result : value_write(table, column, value, row);
}

/* ---- attributes -------------------------------------------------------------------------- */

static uint32_t key_hash(const struct otlp_decoder *decoder, const unsigned char *key,
			 uint32_t length)
{
	uint64_t state = decoder->secrets[0] ^ length, word;

	for (; length; key += length < 8 ? length : 8, length -= length < 8 ? length : 8) {
		__uint128_t product;

		word = 0;
		memcpy(&word, key, length < 8 ? length : 8);
		product = (__uint128_t)(word ^ decoder->secrets[1]) * (state ^ 0x9e3779b97f4a7c15u);
		state = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return (uint32_t)(state ^ state >> 32);
}

/* The slot of a key, or the free one where it belongs. */
static uint32_t *slot_find(const struct keys *keys, const struct pair *pair, uint32_t hash)
{
	uint32_t mask = keys->slot_count - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		const struct attribute *attribute = &keys->attributes[keys->slots[i]];

		if (!keys->slots[i] ||
		    (attribute->hash == hash && attribute->key_length == pair->key_length &&
		     !memcmp(attribute->key, pair->key, pair->key_length)))
			return &keys->slots[i];
	}
}

/* Room for one more key. */
static int keys_reserve(struct keys *keys)
{
	uint32_t count = keys->slot_count ? keys->slot_count * 2 : SLOT_COUNT_FIRST;
	uint32_t *slots;

	if (keys->count == keys->capacity) {
		uint32_t capacity = keys->capacity ? keys->capacity * 2 : 32;
		struct attribute *attributes =
			realloc(keys->attributes, capacity * sizeof(*attributes));

		if (!attributes)
			return -ENOMEM;
		keys->attributes = attributes;
		keys->capacity = capacity;
	}
	if (keys->count < keys->slot_count / 2)
		return 0;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 1; i < keys->count; i++) {
		uint32_t place = keys->attributes[i].hash & (count - 1);

		while (slots[place])
			place = (place + 1) & (count - 1);
		slots[place] = i;
	}
	free(keys->slots);
	keys->slots = slots;
	keys->slot_count = count;
	return 0;
}

static int keys_begin(struct keys *keys, uint64_t budget_bytes)
{
	int result;

	if (keys->slots)
		memset(keys->slots, 0, keys->slot_count * sizeof(*keys->slots));
	keys->count = 0;
	result = keys_reserve(keys);
	if (result)
		return result;
	keys->attributes[0] = (struct attribute){ .head_length = UINT32_MAX };
	keys->count = 1;
	keys->last = 0;
	keys->column_count = 0;
	keys->budget_bytes = budget_bytes;
	keys->rest.length = 0;
	keys->map = (struct column){ .next = ROW_NONE };
	return 0;
}

static void keys_release(struct keys *keys)
{
	free(keys->attributes);
	free(keys->slots);
	free(keys->rest.data);
}

/* How a pair of that key begins, as it is usually written. */
static void attribute_head(struct attribute *attribute)
{
	uint32_t length = attribute->key_length;

	if (length > 125 || !length)
		return;
	attribute->head[0] = PAIR_KEY << 3 | MESSAGE_BYTES;
	attribute->head[1] = (unsigned char)length;
	attribute->head_length = length + 2;
	if (length > sizeof(attribute->head) - 2)
		length = sizeof(attribute->head) - 2;
	memcpy(attribute->head + 2, attribute->key, length);
	memset(attribute->mask, 0xff, length + 2);
	attribute->head_bits = length + 2 < 32 ? (1u << (length + 2)) - 1 : UINT32_MAX;
}

/* The index of a key's attribute, a new one if need be; 0: it is to have none. */
static int attribute_find(struct table *table, struct keys *keys, const struct pair *pair,
			  uint32_t *ret_index)
{
	uint32_t hash = key_hash(table->decoder, pair->key, pair->key_length), *slot;
	struct attribute *attribute;
	int result;

	slot = slot_find(keys, pair, hash);
	*ret_index = *slot;
	/* the name of a column ends at a zero byte */
	if (*slot || keys->count > table->decoder->column_limit ||
	    (pair->key_length && memchr(pair->key, 0, pair->key_length)))
		return 0;
	result = keys_reserve(keys);
	if (result)
		return result;
	slot = slot_find(keys, pair, hash);
	attribute = &keys->attributes[keys->count];
	*attribute = (struct attribute){
		.head_length = UINT32_MAX,
		.column = { .next = ROW_NONE },
		.key = pair->key,
		.key_length = pair->key_length,
		.hash = hash,
	};
	attribute_head(attribute);
	*slot = *ret_index = keys->count++;
	return 0;
}

static uint32_t type_tag(uint32_t type)
{
	switch (type) {
	case SONDE_TEXT:
		return ANY_TEXT << 3 | MESSAGE_BYTES;
	case SONDE_BOOL:
		return ANY_BOOL << 3 | MESSAGE_VARINT;
	case SONDE_I64:
		return ANY_INTEGER << 3 | MESSAGE_VARINT;
	case SONDE_DOUBLE:
		return ANY_DOUBLE << 3 | MESSAGE_FIXED64;
	case SONDE_BYTES:
		return ANY_BYTES << 3 | MESSAGE_BYTES;
	default:
		return 0;
	}
}

/* How the value of a pair begins if it is of that type: four bytes, of which two are free. */
static uint32_t value_head(uint32_t type)
{
	return type_tag(type) << 16 | PAIR_VALUE << 3 | MESSAGE_BYTES;
}

/* The key as the name of a column. */
static int attribute_field(struct otlp_decoder *decoder, const struct attribute *attribute,
			   uint32_t level, uint32_t type, struct sonde_field *ret_field)
{
	decoder->name.length = 0;
	if (otlp_scratch_add(&decoder->name, attribute->key, attribute->key_length) ||
	    otlp_scratch_add(&decoder->name, "", 1))
		return -ENOMEM;
	*ret_field = (struct sonde_field){ .name = (const char *)decoder->name.data,
					   .type = type,
					   .role = SONDE_ROLE_ATTRIBUTE,
					   .scope = (uint8_t)level };
	return 0;
}

/* One value for all rows. */
static int attribute_constant(struct table *table, struct column *column,
			      const struct sonde_field *field, struct value *value)
{
	struct otlp_decoder *decoder = table->decoder;
	bool coded = type_is_coded(field->type);
	uint32_t code;
	int result = 0;

	if (field->type == SONDE_ANY)
		result = otlp_value_encode(decoder, value);
	if (!result && coded)
		result = field->type == SONDE_ANY
				 ? entry_add(decoder, value->message, value->message_length, &code)
				 : entry_add(decoder, value->data, value->length, &code);
	if (result)
		return result;
	if (!sonde_batch_constant(decoder->instance, table->batch, field,
				  coded ? decoder->dictionary : NULL,
				  coded ? (const void *)&code : &value->bits))
		return -ENOMEM;
	column->next = table->capacity;
	column->type = field->type;
	column->index = table->batch->column_count - 1;
	return 0;
}

/* Makes the column ready for a value of that type. -EINVAL: it cannot be had. */
static int attribute_reach(struct table *table, uint32_t level, struct attribute *attribute,
			   struct value *value, uint32_t row)
{
	struct keys *keys = &table->keys[level];
	struct column *column = &attribute->column;
	struct sonde_field field;
	int result = 0;

	if (column->next == ROW_NONE) {
		result = attribute_field(table->decoder, attribute, level, value->type, &field);
		if (!result && table->constant[level])
			return attribute_constant(table, column, &field, value);
		if (!result)
			result = column_create(table, column, &field, &keys->budget_bytes);
		if (!result)
			attribute->value_head = value_head(value->type);
	} else if (column->type != value->type && column->type != SONDE_ANY) {
		result = attribute_field(table->decoder, attribute, level, SONDE_ANY, &field);
		if (!result)
			result = column_convert(table, column, &field, &keys->budget_bytes);
		if (!result)
			attribute->value_head = value_head(SONDE_ANY);
	}
	if (!result)
		result = column_skip(table, column, row);
	if (result)
		return result;
	result = value_write(table, column, value, row);
	if (!result)
		column->next = row + 1;
	return result;
}

int otlp_attribute_put(struct table *table, uint32_t level, struct pair *pair, uint32_t row)
{
	struct keys *keys = &table->keys[level];
	struct attribute *attribute;
	uint32_t index;
	int result = attribute_find(table, keys, pair, &index);

	if (result)
		return result;
	attribute = &keys->attributes[index];
	if (index) {
		keys->attributes[keys->last].after = index;
		keys->last = index;
	}
	/* a key's second value in a row has no place in its column */
	if (index && (attribute->column.next == ROW_NONE || attribute->column.next <= row)) {
		result = attribute_reach(table, level, attribute, &pair->value, row);
		if (result != -EINVAL)
			return result;
	}
	return otlp_pair_append(table->decoder, pair, LIST_VALUES, &keys->rest);
}

int otlp_rest_put(struct table *table, uint32_t level, uint32_t row, uint32_t end_row)
{
	struct keys *keys = &table->keys[level];
	struct value value;
	int result;

	if (!keys->rest.length)
		return 0;
	result = otlp_map_make(table->decoder, &keys->rest, &value);
	otlp_scratch_trim(&keys->rest);
	if (result)
		return result;
	if (table->constant[level])
		return attribute_constant(table, &keys->map, &map_fields[level], &value);
	result = otlp_value_put(table, &keys->map, &map_fields[level], &value, row);
	if (!result)
		otlp_column_repeat(table, &keys->map, row, end_row);
	return result;
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
		int result = keys_begin(&table->keys[level], length * KEYS_MULTIPLE + BUDGET_LEAST);

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
	return column->next == ROW_NONE ? 0 : column_skip(table, column, table->row);
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
		keys_release(&table->keys[level]);
}

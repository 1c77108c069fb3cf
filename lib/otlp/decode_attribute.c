// SPDX-License-Identifier: Apache-2.0
/* Attributes of a table by their keys: a column each; what would take too many columns, or columns
 * too empty, and a key's second value in a row go into maps. */
#include <stdlib.h>

#include "decoder.h"

enum { SLOT_COUNT_FIRST = 64 };

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

/* ---- keys -------------------------------------------------------------------------------- */

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

int otlp_keys_begin(struct keys *keys, uint64_t budget_bytes)
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

void otlp_keys_release(struct keys *keys)
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
			result = otlp_column_create(table, column, &field, &keys->budget_bytes);
		if (!result)
			attribute->value_head = value_head(value->type);
	} else if (column->type != value->type && column->type != SONDE_ANY) {
		result = attribute_field(table->decoder, attribute, level, SONDE_ANY, &field);
		if (!result)
			result = otlp_column_convert(table, column, &field, &keys->budget_bytes);
		if (!result)
			attribute->value_head = value_head(SONDE_ANY);
	}
	if (!result)
		result = otlp_column_skip(table, column, row);
	if (result)
		return result;
	result = otlp_value_write(table, column, value, row);
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
		attribute_at(keys->attributes, keys->last)->after =
			attribute_offset(keys->attributes, attribute);
		keys->last = attribute_offset(keys->attributes, attribute);
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

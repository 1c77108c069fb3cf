// SPDX-License-Identifier: Apache-2.0
/* Resources and scopes: values that a range of rows has in common, and all rows of a request that
 * has only one of them. */
#include "decoder.h"

#define ORIGIN_IS_CUT_OFF "a resource or scope is cut off"

/* Rows that get the same values. */
struct range {
	struct table *table;
	uint32_t level; /* enum sonde_scope */
	uint32_t row, end_row;
};

/* A value of four bytes in a fixed column; of several the last. */
static int range_put(const struct range *range, uint32_t fixed, const void *value)
{
	struct table *table = range->table;
	struct column *column = &table->fixed[fixed];
	const struct sonde_field *field = &table->fields[fixed];
	int result;

	if (table->constant[range->level]) {
		if (!sonde_batch_constant(
			    table->decoder->instance, table->batch, field,
			    field->type == SONDE_U32 ? NULL : table->decoder->dictionary, value))
			return -ENOMEM;
		column->next = table->capacity;
		return 0;
	}
	if (column->next != range->end_row) {
		result = otlp_column_reach(table, column, field, range->row);
		if (result)
			return result;
	}
	memcpy(column->base + (size_t)range->row * 4, value, 4);
	column->next = range->row + 1;
	otlp_column_repeat(table, column, range->row, range->end_row);
	return 0;
}

static int range_number(const struct range *range, uint32_t fixed,
			const struct message_field *field)
{
	uint32_t value = (uint32_t)field->value;

	return range_put(range, fixed, &value);
}

static int range_text(const struct range *range, uint32_t fixed, const struct message_field *field)
{
	struct otlp_decoder *decoder = range->table->decoder;
	const unsigned char *data = field->data;
	uint32_t length = (uint32_t)field->length, code;
	int result = text_check(decoder, &data, &length);

	if (!result)
		result = entry_add(decoder, data, length, &code);
	return result ? result : range_put(range, fixed, &code);
}

static int range_attribute(const struct range *range, const struct message_field *field)
{
	struct pair pair;
	int result = otlp_pair_read(range->table->decoder, field->data, field->length, &pair);

	return result ? result : otlp_attribute_put(range->table, range->level, &pair, range->row);
}

/* Once all attributes of the range are there. */
static int range_end(const struct range *range)
{
	struct keys *keys = &range->table->keys[range->level];

	keys->last = 0;
	if (!range->table->constant[range->level]) {
		for (uint32_t i = 1; i < keys->count; i++)
			otlp_column_repeat(range->table, &keys->attributes[i].column, range->row,
					   range->end_row);
	}
	return otlp_rest_put(range->table, range->level, range->row, range->end_row);
}

/* ---- entities ---------------------------------------------------------------------------- */

static int entity_text(struct otlp_decoder *decoder, struct scratch *scratch,
		       const struct message_field *field)
{
	size_t start;
	int result = otlp_scratch_open(scratch, ANY_TEXT, &start);

	if (!result)
		result = otlp_text_add(decoder, scratch, field->data, field->length);
	return result ? result : otlp_scratch_close(scratch, start);
}

/* A pair whose value is the texts of the fields of a number: the last one, or an array of all. */
static int entity_pair(struct otlp_decoder *decoder, struct scratch *scratch, const char *key,
		       const struct message_field *entity, uint32_t number, bool array)
{
	struct message_reader reader = message_read(entity->data, entity->length);
	struct message_field field, last = { 0 };
	size_t pair, part, list, item;
	int result = 0;

	while (message_next(&reader, &field) > 0) {
		if (field.number == number && field.wire == MESSAGE_BYTES)
			last = field;
	}
	if (!last.number || (!array && !last.length)) /* its default */
		return 0;
	if (otlp_scratch_open(scratch, LIST_VALUES, &pair) ||
	    otlp_scratch_open(scratch, PAIR_KEY, &part) ||
	    otlp_scratch_add(scratch, key, strlen(key)) || otlp_scratch_close(scratch, part) ||
	    otlp_scratch_open(scratch, PAIR_VALUE, &part))
		return -ENOMEM;
	if (array) {
		result = otlp_scratch_open(scratch, ANY_ARRAY, &list);
		reader = message_read(entity->data, entity->length);
		while (!result && message_next(&reader, &field) > 0) {
			if (field.number != number || field.wire != MESSAGE_BYTES)
				continue;
			result = otlp_scratch_open(scratch, LIST_VALUES, &item);
			if (!result)
				result = entity_text(decoder, scratch, &field);
			if (!result)
				result = otlp_scratch_close(scratch, item);
		}
		if (!result)
			result = otlp_scratch_close(scratch, list);
	} else {
		result = entity_text(decoder, scratch, &last);
	}
	if (!result)
		result = otlp_scratch_close(scratch, part);
	return result ? result : otlp_scratch_close(scratch, pair);
}

/* An EntityRef as a map in a list. */
static int entity_add(struct otlp_decoder *decoder, struct scratch *scratch,
		      const struct message_field *entity)
{
	struct message_reader reader = message_read(entity->data, entity->length);
	struct message_field field;
	size_t item, map;
	int result;

	while ((result = message_next(&reader, &field)) > 0)
		;
	if (result)
		return otlp_request_is_bad(decoder, reader.at, "an entity is cut off");
	if (otlp_scratch_open(scratch, LIST_VALUES, &item) ||
	    otlp_scratch_open(scratch, ANY_MAP, &map))
		return -ENOMEM;
	result = entity_pair(decoder, scratch, "schema_url", entity, ENTITY_SCHEMA_URL, false);
	if (!result)
		result = entity_pair(decoder, scratch, "type", entity, ENTITY_TYPE, false);
	if (!result)
		result = entity_pair(decoder, scratch, "id_keys", entity, ENTITY_ID_KEYS, true);
	if (!result)
		result = entity_pair(decoder, scratch, "description_keys", entity,
				     ENTITY_DESCRIPTION_KEYS, true);
	if (!result)
		result = otlp_scratch_close(scratch, map);
	return result ? result : otlp_scratch_close(scratch, item);
}

/* The list of entities as an encoded array. */
static int range_entities(const struct range *range, struct scratch *list)
{
	struct otlp_decoder *decoder = range->table->decoder;
	uint64_t length = message_bytes_size(list->length);
	unsigned char *memory;
	struct message_writer writer;
	uint32_t code;
	int result;

	if (!list->length)
		return 0;
	if (length > TEXT_LIMIT)
		return otlp_record_is_refused(decoder, "the entities of a resource are too long");
	memory = otlp_decoder_memory(decoder, length);
	if (!memory)
		return -ENOMEM;
	writer.at = memory + length;
	message_put_bytes(&writer, list->data, list->length);
	message_put_head(&writer, ANY_ARRAY, memory + length);
	result = entry_add(decoder, memory, (uint32_t)length, &code);
	return result ? result : range_put(range, RESOURCE_COLUMN_ENTITIES, &code);
}

/* ---- messages ---------------------------------------------------------------------------- */

/* A Resource. */
static int resource_fields(const struct range *range, const struct message_field *message,
			   struct scratch *entities)
{
	struct otlp_decoder *decoder = range->table->decoder;
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;
	int result = 0, next;

	while (!result && (next = message_next(&reader, &field)) > 0) {
		if (field.number == RESOURCE_ATTRIBUTES && field.wire == MESSAGE_BYTES)
			result = range_attribute(range, &field);
		else if (field.number == RESOURCE_DROPPED && field.wire == MESSAGE_VARINT)
			result = range_number(range, RESOURCE_COLUMN_DROPPED, &field);
		else if (field.number == RESOURCE_ENTITIES && field.wire == MESSAGE_BYTES)
			result = entity_add(decoder, entities, &field);
	}
	return result || !next ? result
			       : otlp_request_is_bad(decoder, reader.at, ORIGIN_IS_CUT_OFF);
}

int otlp_resource_decode(struct table *table, const unsigned char *data, size_t length,
			 uint32_t row, uint32_t end_row)
{
	struct range range = { table, SONDE_SCOPE_RESOURCE, row, end_row };
	struct scratch *entities = &table->decoder->repair[1];
	struct message_reader reader = message_read(data, length);
	struct message_field field;
	int result = 0;

	entities->length = 0;
	while (!result && message_next(&reader, &field) > 0) { /* as was looked at before */
		if (field.wire != MESSAGE_BYTES)
			continue;
		if (field.number == RESOURCE_RESOURCE)
			result = resource_fields(&range, &field, entities);
		else if (field.number == RESOURCE_SCHEMA_URL)
			result = range_text(&range, RESOURCE_COLUMN_SCHEMA_URL, &field);
	}
	if (!result)
		result = range_entities(&range, entities);
	otlp_scratch_trim(entities);
	return result ? result : range_end(&range);
}

/* An InstrumentationScope. */
static int scope_fields(const struct range *range, const struct message_field *message)
{
	struct otlp_decoder *decoder = range->table->decoder;
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;
	int result = 0, next;

	while (!result && (next = message_next(&reader, &field)) > 0) {
		if (field.number == SCOPE_DROPPED && field.wire == MESSAGE_VARINT)
			result = range_number(range, SCOPE_COLUMN_DROPPED, &field);
		else if (field.wire != MESSAGE_BYTES)
			continue;
		else if (field.number == SCOPE_NAME)
			result = range_text(range, SCOPE_COLUMN_NAME, &field);
		else if (field.number == SCOPE_VERSION)
			result = range_text(range, SCOPE_COLUMN_VERSION, &field);
		else if (field.number == SCOPE_ATTRIBUTES)
			result = range_attribute(range, &field);
	}
	return result || !next ? result
			       : otlp_request_is_bad(decoder, reader.at, ORIGIN_IS_CUT_OFF);
}

static int scope_part(const struct range *range, const struct message_field *part)
{
	return part->number == SCOPE_SCOPE ? scope_fields(range, part)
					   : range_text(range, SCOPE_COLUMN_SCHEMA_URL, part);
}

int otlp_scope_decode(struct table *table, const struct scope_parts *parts, uint32_t row,
		      uint32_t end_row)
{
	struct range range = { table, SONDE_SCOPE_SCOPE, row, end_row };
	struct message_reader reader = message_read(parts->message.data, parts->message.length);
	bool all = parts->count <= sizeof(parts->parts) / sizeof(parts->parts[0]);
	struct message_field field;
	int result = 0;

	for (uint32_t i = 0; !result && all && i < parts->count; i++)
		result = scope_part(&range, &parts->parts[i]);
	while (!result && !all && message_next(&reader, &field) > 0) {
		if (field.wire == MESSAGE_BYTES && field.number != SCOPE_ITEMS &&
		    field.number <= SCOPE_SCHEMA_URL)
			result = scope_part(&range, &field);
	}
	return result ? result : range_end(&range);
}

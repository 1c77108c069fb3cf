// SPDX-License-Identifier: Apache-2.0
/* Values of columns as OTLP has them: of any type and length, for what no inner loop knows. */
#include <stdlib.h>
#include "encode_value.h"

#include "fields.h"

bool value_is_integer(uint32_t type)
{
	return (type >= SONDE_BOOL && type <= SONDE_U64) || type == SONDE_TIME ||
	       type == SONDE_DURATION;
}

bool value_is_attribute(uint32_t type)
{
	return value_is_integer(type) || type == SONDE_DOUBLE || type == SONDE_TEXT ||
	       type == SONDE_BYTES || type == SONDE_ID8 || type == SONDE_ID16 || type == SONDE_ANY;
}

unsigned char *value_put_hex(unsigned char *at, const unsigned char *id, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	at -= 2 * length;
	for (size_t place = 0; place < length; place++) {
		at[2 * place] = (unsigned char)digits[id[place] >> 4];
		at[2 * place + 1] = (unsigned char)digits[id[place] & 15];
	}
	return at;
}

bool value_put(const struct sonde_column *column, uint32_t row, struct output *output)
{
	struct message_writer *writer = &output->writer;
	const unsigned char *value = sonde_value(column, row);
	struct sonde_text text = { "", 0, 0 };
	size_t id_length = column->type == SONDE_ID16 ? 16 : 8;

	if (column->type == SONDE_TEXT || column->type == SONDE_BYTES || column->type == SONDE_ANY)
		text = sonde_text_at(column, row);
	if (!output_room(output, text.length + 64))
		return false;
	switch (column->type) {
	case SONDE_TEXT:
		return output_put_bytes(output, ANY_TEXT, text.data, text.length);
	case SONDE_BYTES:
		return output_put_bytes(output, ANY_BYTES, text.data, text.length);
	case SONDE_ANY:
		message_put_bytes(writer, text.data, text.length);
		return true;
	case SONDE_DOUBLE:
		message_put_fixed64(writer, value_integer(value, SONDE_U64));
		message_put_tag(writer, ANY_DOUBLE, MESSAGE_FIXED64);
		return true;
	case SONDE_ID8:
	case SONDE_ID16:
		writer->at = value_put_hex(writer->at, value, id_length);
		message_put_varint(writer, 2 * id_length);
		message_put_tag(writer, ANY_TEXT, MESSAGE_BYTES);
		return true;
	default:
		message_put_field(writer, column->type == SONDE_BOOL ? ANY_BOOL : ANY_INTEGER,
				  value_integer(value, column->type));
		return true;
	}
}

bool value_put_pair(const struct sonde_column *column, uint32_t row, uint32_t number,
		    struct output *output)
{
	size_t end = output_length(output), key_length = strlen(column->name);

	if (!value_put(column, row, output) ||
	    !output_room(output, key_length + 3 * MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, PAIR_VALUE, end);
	if (key_length)
		output_put_bytes(output, PAIR_KEY, column->name, key_length);
	output_put_head(output, number, end);
	return true;
}

/* The last field of an encoded AnyValue is the one that counts. */
static struct message_field any_field(const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 }, last = { 0 };

	while (message_next(&reader, &field) > 0) {
		if (field.number <= ANY_BYTES)
			last = field;
	}
	return last;
}

/* The items of an encoded array or the pairs of a map, as kind says. */
static struct message_reader any_items(const void *data, size_t length, uint32_t kind)
{
	struct message_field field = any_field(data, length);

	if (field.number != kind || field.wire != MESSAGE_BYTES)
		return message_read(NULL, 0);
	return message_read(field.data, field.length);
}

static bool next_item(struct message_reader *reader, struct message_field *field)
{
	while (message_next(reader, field) > 0) {
		if (field->number == LIST_VALUES && field->wire == MESSAGE_BYTES)
			return true;
	}
	return false;
}

bool value_put_pairs(struct sonde_text map, uint32_t number, struct output *output)
{
	struct message_reader reader = any_items(map.data, map.length, ANY_MAP), again = reader;
	struct message_writer writer;
	struct message_field item;
	size_t length = 0;

	while (next_item(&reader, &item))
		length += message_bytes_size(item.length);
	if (!output_room(output, length))
		return false;
	writer.at = output->writer.at -= length;
	while (next_item(&again, &item)) { /* forwards, so that their order stays */
		unsigned char *end = writer.at + message_bytes_size(item.length);

		writer.at = end;
		message_put_bytes(&writer, item.data, item.length);
		message_put_head(&writer, number, end);
		writer.at = end;
	}
	return true;
}

/* ---- entities ---------------------------------------------------------------------------- */

static bool key_is(const struct message_field *key, const char *name)
{
	return key->length == strlen(name) && !memcmp(key->data, name, key->length);
}

/* The key and the encoded value of a pair. */
static void read_pair(const struct message_field *pair, struct message_field *ret_key,
		      struct message_field *ret_value)
{
	struct message_reader reader = message_read(pair->data, pair->length);
	struct message_field field;

	memset(ret_key, 0, sizeof(*ret_key));
	memset(ret_value, 0, sizeof(*ret_value));
	while (message_next(&reader, &field) > 0) {
		if (field.wire != MESSAGE_BYTES)
			continue;
		if (field.number == PAIR_KEY)
			*ret_key = field;
		else if (field.number == PAIR_VALUE)
			*ret_value = field;
	}
}

static bool put_any_text(const struct message_field *value, uint32_t number, struct output *output)
{
	struct message_field text = any_field(value->data, value->length);

	if (text.number != ANY_TEXT || text.wire != MESSAGE_BYTES)
		return true;
	return output_put_bytes(output, number, text.data, text.length);
}

/* The items of a list, to be taken from the last to the first; the caller frees them. NULL: there
 * is none, or *ret_failed: memory was refused. */
static struct message_field *list_items(struct message_reader reader, uint32_t *ret_count,
					bool *ret_failed)
{
	struct message_reader again = reader;
	struct message_field item, *items;
	uint32_t count = 0;

	while (next_item(&reader, &item))
		count++;
	items = count ? malloc(count * sizeof(*items)) : NULL;
	*ret_failed = count && !items;
	*ret_count = items ? count : 0;
	for (uint32_t place = 0; place < *ret_count; place++)
		next_item(&again, &items[place]);
	return items;
}

static bool put_any_texts(const struct message_field *value, uint32_t number, struct output *output)
{
	struct message_reader reader = any_items(value->data, value->length, ANY_ARRAY);
	struct message_field *items;
	uint32_t count;
	bool failed;

	items = list_items(reader, &count, &failed);
	while (count && !failed)
		failed = !put_any_text(&items[--count], number, output);
	free(items);
	return !failed;
}

static bool put_entity(const struct message_field *map, uint32_t number, struct output *output)
{
	static const struct {
		const char *key;
		uint32_t number;
		bool list;
	} members[] = {
		{ "description_keys", ENTITY_DESCRIPTION_KEYS, true },
		{ "id_keys", ENTITY_ID_KEYS, true },
		{ "type", ENTITY_TYPE, false },
		{ "schema_url", ENTITY_SCHEMA_URL, false },
	};
	size_t end = output_length(output);
	struct message_field pair, key, value;

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		struct message_reader reader = any_items(map->data, map->length, ANY_MAP);

		while (next_item(&reader, &pair)) {
			read_pair(&pair, &key, &value);
			if (!key_is(&key, members[i].key))
				continue;
			if (!(members[i].list ? put_any_texts
					      : put_any_text)(&value, members[i].number, output))
				return false;
			break;
		}
	}
	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, number, end);
	return true;
}

bool value_put_entities(struct sonde_text array, uint32_t number, struct output *output)
{
	struct message_field *items;
	uint32_t count;
	bool failed;

	items = list_items(any_items(array.data, array.length, ANY_ARRAY), &count, &failed);
	while (count && !failed)
		failed = !put_entity(&items[--count], number, output);
	free(items);
	return !failed;
}

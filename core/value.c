// SPDX-License-Identifier: Apache-2.0
/* OTLP AnyValue, written and read straight, with bounds on all that is read. */
#include "value.h"

#include <errno.h>
#include <string.h>

#include "protobuf.h"

/* Field numbers of OTLP. */
enum { ANY_TEXT = 1, ANY_BOOL, ANY_INTEGER, ANY_DOUBLE, ANY_ARRAY, ANY_MAP, ANY_BYTES };
enum { LIST_VALUES = 1 };
enum { PAIR_KEY = 1, PAIR_VALUE };

/* ---- values written ---------------------------------------------------------------------- */

static int64_t any_size(const struct sonde_any *any, uint32_t depth);

static int64_t items_size(const struct sonde_any *any, uint32_t depth)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < any->length; i++) {
		const struct sonde_any *item = &any->as.items[i];
		int64_t item_size = any_size(item, depth + 1);

		if (item_size < 0)
			return item_size;
		if (any->kind == SONDE_ANY_MAP) {
			item_size = (int64_t)message_bytes_size((uint64_t)item_size);
			if (item->key_length)
				item_size += (int64_t)message_bytes_size(item->key_length);
		}
		size += message_bytes_size((uint64_t)item_size);
	}
	return (int64_t)message_bytes_size(size);
}

static int64_t any_size(const struct sonde_any *any, uint32_t depth)
{
	if (depth > VALUE_DEPTH_LIMIT)
		return -EINVAL;
	switch (any->kind) {
	case SONDE_ANY_EMPTY:
		return 0;
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		return (int64_t)message_bytes_size(any->length);
	case SONDE_ANY_BOOL:
		return 2;
	case SONDE_ANY_INTEGER:
		return 1 + (int64_t)message_varint_size((uint64_t)any->as.integer);
	case SONDE_ANY_DOUBLE:
		return 9;
	case SONDE_ANY_ARRAY:
	case SONDE_ANY_MAP:
		return items_size(any, depth);
	default:
		return -EINVAL;
	}
}

static void put_any(struct message_writer *writer, const struct sonde_any *any);

static void put_items(struct message_writer *writer, const struct sonde_any *any)
{
	for (uint32_t i = any->length; i-- > 0;) {
		const struct sonde_any *item = &any->as.items[i];
		const unsigned char *end = writer->at;

		put_any(writer, item);
		if (any->kind == SONDE_ANY_MAP) {
			message_put_head(writer, PAIR_VALUE, end);
			if (item->key_length) {
				const unsigned char *key_end = writer->at;

				message_put_bytes(writer, item->key, item->key_length);
				message_put_head(writer, PAIR_KEY, key_end);
			}
		}
		message_put_head(writer, LIST_VALUES, end);
	}
}

static void put_double(struct message_writer *writer, double number)
{
	unsigned char bytes[8];
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	for (uint32_t i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(bits >> 8 * i);
	message_put_bytes(writer, bytes, sizeof(bytes));
	message_put_varint(writer, ANY_DOUBLE << 3 | MESSAGE_FIXED64);
}

/* A value whose size was found good. */
static void put_any(struct message_writer *writer, const struct sonde_any *any)
{
	const unsigned char *end = writer->at;

	switch (any->kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		message_put_bytes(writer, any->as.data, any->length);
		message_put_head(writer, any->kind == SONDE_ANY_TEXT ? ANY_TEXT : ANY_BYTES, end);
		break;
	case SONDE_ANY_BOOL:
		message_put_field(writer, ANY_BOOL, any->as.boolean);
		break;
	case SONDE_ANY_INTEGER:
		message_put_field(writer, ANY_INTEGER, (uint64_t)any->as.integer);
		break;
	case SONDE_ANY_DOUBLE:
		put_double(writer, any->as.number);
		break;
	case SONDE_ANY_ARRAY:
	case SONDE_ANY_MAP:
		put_items(writer, any);
		message_put_head(writer, any->kind == SONDE_ANY_ARRAY ? ANY_ARRAY : ANY_MAP, end);
		break;
	default:
		break;
	}
}

int64_t any_encode(const struct sonde_any *any, void *buffer, size_t capacity)
{
	int64_t size = any_size(any, 1);
	struct message_writer writer;

	if (size <= 0 || (uint64_t)size > capacity)
		return size;
	writer.at = (unsigned char *)buffer + size;
	put_any(&writer, any);
	return size;
}

/* ---- values read ------------------------------------------------------------------------- */

struct decoder {
	struct sonde_any *items;
	uint32_t capacity;
	uint32_t count; /* of items that the value takes, stored or not */
};

static bool field_is_kind(const struct message_field *field)
{
	static const uint32_t wires[] = {
		[ANY_TEXT] = MESSAGE_BYTES,     [ANY_BOOL] = MESSAGE_VARINT,
		[ANY_INTEGER] = MESSAGE_VARINT, [ANY_DOUBLE] = MESSAGE_FIXED64,
		[ANY_ARRAY] = MESSAGE_BYTES,    [ANY_MAP] = MESSAGE_BYTES,
		[ANY_BYTES] = MESSAGE_BYTES,
	};

	return field->number >= ANY_TEXT && field->number <= ANY_BYTES &&
	       field->wire == wires[field->number];
}

/* How many fields of bytes with that number a message has. */
static int fields_count(const struct message_field *message, uint32_t number, uint32_t *ret_count)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;
	uint32_t count = 0;
	int result;

	while ((result = message_next(&reader, &field)) > 0)
		count += field.number == number && field.wire == MESSAGE_BYTES;
	if (!result)
		*ret_count = count;
	return result;
}

static int decode_any(struct decoder *decoder, const struct message_field *message, uint32_t place,
		      uint32_t depth);

static int decode_pair(struct decoder *decoder, const struct message_field *message, uint32_t place,
		       uint32_t depth)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field, key = { 0 }, value = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.wire == MESSAGE_BYTES && field.number == PAIR_KEY)
			key = field;
		else if (field.wire == MESSAGE_BYTES && field.number == PAIR_VALUE)
			value = field;
	}
	if (!result)
		result = decode_any(decoder, &value, place, depth);
	if (!result && place < decoder->capacity) {
		decoder->items[place].key = (const char *)key.data;
		decoder->items[place].key_length = (uint32_t)key.length;
	}
	return result;
}

/* The items of an array or map, side by side behind all that came before. */
static int decode_items(struct decoder *decoder, const struct message_field *message,
			struct sonde_any *any, uint32_t depth)
{
	struct message_reader reader = message_read(message->data, message->length);
	uint32_t place = decoder->count;
	struct message_field field;
	int result = fields_count(message, LIST_VALUES, &any->length);

	if (result)
		return result;
	decoder->count += any->length;
	if (decoder->count <= decoder->capacity)
		any->as.items = decoder->items + place;
	while (!result && message_next(&reader, &field) > 0) {
		if (field.number != LIST_VALUES || field.wire != MESSAGE_BYTES)
			continue;
		result = any->kind == SONDE_ANY_MAP ? decode_pair(decoder, &field, place, depth + 1)
						    : decode_any(decoder, &field, place, depth + 1);
		place++;
	}
	return result;
}

static int any_fill(struct decoder *decoder, const struct message_field *field,
		    struct sonde_any *any, uint32_t depth)
{
	static const uint32_t kinds[] = {
		[ANY_TEXT] = SONDE_ANY_TEXT,       [ANY_BOOL] = SONDE_ANY_BOOL,
		[ANY_INTEGER] = SONDE_ANY_INTEGER, [ANY_DOUBLE] = SONDE_ANY_DOUBLE,
		[ANY_ARRAY] = SONDE_ANY_ARRAY,     [ANY_MAP] = SONDE_ANY_MAP,
		[ANY_BYTES] = SONDE_ANY_BYTES,
	};

	any->kind = kinds[field->number];
	switch (any->kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		any->length = (uint32_t)field->length;
		any->as.data = (const char *)field->data;
		return 0;
	case SONDE_ANY_BOOL:
		any->as.boolean = field->value != 0;
		return 0;
	case SONDE_ANY_INTEGER:
		any->as.integer = (int64_t)field->value;
		return 0;
	case SONDE_ANY_DOUBLE:
		memcpy(&any->as.number, &field->value, sizeof(any->as.number));
		return 0;
	default:
		return decode_items(decoder, field, any, depth);
	}
}

static int decode_any(struct decoder *decoder, const struct message_field *message, uint32_t place,
		      uint32_t depth)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field, last = { 0 };
	struct sonde_any any = { 0 };
	int result;

	if (depth > VALUE_DEPTH_LIMIT)
		return -EBADMSG;
	while ((result = message_next(&reader, &field)) > 0) {
		if (field_is_kind(&field))
			last = field;
	}
	if (!result && last.number)
		result = any_fill(decoder, &last, &any, depth);
	if (!result && place < decoder->capacity)
		decoder->items[place] = any;
	return result;
}

/* The last field of a message that is of that number and of bytes; of a map it is looked for among
 * the fields that make a value something. Empty: none. */
static struct message_field last_field(struct message_field message, uint32_t number)
{
	struct message_reader reader = message_read(message.data, message.length);
	struct message_field field, last = { 0 };

	while (message_next(&reader, &field) > 0) {
		if (number == ANY_MAP ? field_is_kind(&field)
				      : field.number == number && field.wire == MESSAGE_BYTES)
			last = field;
	}
	return last.number == number ? last : (struct message_field){ 0 };
}

bool any_has_key(struct sonde_text map, const char *key)
{
	struct message_field field = { .data = (const unsigned char *)map.data,
				       .length = map.length };
	struct message_field pairs = last_field(field, ANY_MAP);
	struct message_reader reader = message_read(pairs.data, pairs.length);

	while (message_next(&reader, &field) > 0) {
		if (field.number != LIST_VALUES || field.wire != MESSAGE_BYTES)
			continue;
		field = last_field(field, PAIR_KEY);
		if (field.length == strlen(key) && !memcmp(field.data, key, field.length))
			return true;
	}
	return false;
}

int any_decode(const void *data, size_t length, struct sonde_any *items, uint32_t capacity,
	       uint32_t *ret_count)
{
	struct decoder decoder = { .items = items, .capacity = capacity, .count = 1 };
	struct message_field message = { .data = data, .length = length };
	int result;

	if (length > INT32_MAX) /* as protobuf bounds it; counts and lengths fit 32 bits then */
		return -EBADMSG;
	result = decode_any(&decoder, &message, 0, 1);
	if (result)
		return result;
	*ret_count = decoder.count;
	return decoder.count <= capacity ? 0 : -ENOSPC;
}

// SPDX-License-Identifier: Apache-2.0
/* Protobuf made into JSON: each message is read twice along its table, for where its fields are and
 * for what they hold, since JSON wants together what protobuf may scatter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messages.h"
#include "protobuf.h"

/* Where in a message the values of one field are. */
struct found {
	const unsigned char *begin, *end; /* from the first to behind the last; NULL: nowhere */
	uint32_t count;
	struct message_field last;
};

/* What goes along with the walk. */
struct walk {
	struct json *json;
	uint32_t depth;    /* messages in each other */
	size_t copy_bytes; /* room left for copies of messages that came in pieces */
};

static int write_message(struct walk *walk, uint8_t kind, const unsigned char *data, size_t length);

/* ---- finding fields ---------------------------------------------------------------------- */

/* Whether a value is of the field; one in another form is an unknown field, as elsewhere. */
static bool is_of(const struct field *field, const struct message_field *value)
{
	uint32_t wire = field_wire(field);

	if (value->number != field->number)
		return false;
	return value->wire == wire ||
	       (value->wire == MESSAGE_BYTES && (field->flags & FIELD_REPEATED));
}

/* Of fields of which one at most is there, the last counts. */
static void forget_others(const struct field *fields, struct found *found, int chosen)
{
	for (int place = 0; fields[place].name; place++)
		if (place != chosen && (fields[place].flags & FIELD_CHOICE))
			found[place] = (struct found){ 0 };
}

static int find_fields(const struct field *fields, const unsigned char *data, size_t length,
		       struct found *found)
{
	struct message_reader reader = message_read(data, length);
	struct message_field value;
	const unsigned char *begin;
	int place, result;

	for (begin = reader.at; (result = message_next(&reader, &value)) > 0; begin = reader.at) {
		for (place = 0; fields[place].name && !is_of(&fields[place], &value); place++)
			;
		if (!fields[place].name)
			continue;
		if (fields[place].flags & FIELD_CHOICE)
			forget_others(fields, found, place);
		if (!found[place].begin)
			found[place].begin = begin;
		found[place].end = reader.at;
		found[place].count++;
		found[place].last = value;
	}
	return result;
}

/* The next value of a field between its first and last. */
static int next_value(const struct field *field, struct message_reader *reader,
		      struct message_field *ret_value)
{
	int result;

	do {
		result = message_next(reader, ret_value);
	} while (result > 0 && !is_of(field, ret_value));
	return result;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* 64 bits are a string: JavaScript's numbers have 53. */
static void write_quoted(struct json *json, uint64_t value, bool is_signed)
{
	char text[JSON_NUMBER_SIZE], *end;

	end = is_signed ? json_put_integer(text, (int64_t)value) : json_put_unsigned(text, value);
	json_text_length(json, text, (size_t)(end - text));
}

static void write_number(struct json *json, uint8_t kind, uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	double number;

	switch (kind) {
	case FIELD_BOOL:
		json_boolean(json, bits != 0);
		return;
	case FIELD_ENUM:
	case FIELD_INT32:
		json_integer(json, (int32_t)low);
		return;
	case FIELD_SINT32:
		json_integer(json, (int32_t)(low >> 1 ^ -(low & 1)));
		return;
	case FIELD_UINT32:
	case FIELD_FIXED32:
		json_unsigned(json, low);
		return;
	case FIELD_DOUBLE:
		memcpy(&number, &bits, sizeof(number));
		json_double(json, number);
		return;
	default:
		write_quoted(json, bits, kind == FIELD_INT64 || kind == FIELD_SFIXED64);
	}
}

static int write_packed(const struct field *field, const struct message_field *value,
			struct json *json)
{
	struct message_reader reader = message_read(value->data, value->length);
	uint64_t bits;
	int result;

	while (reader.at < reader.end) {
		switch (field_wire(field)) {
		case MESSAGE_VARINT:
			result = message_read_varint(&reader, &bits);
			break;
		case MESSAGE_FIXED64:
			result = message_read_fixed64(&reader, &bits);
			break;
		default:
			result = message_read_fixed32(&reader, &bits);
		}
		if (result)
			return result;
		write_number(json, field->kind, bits);
	}
	return 0;
}

/* ---- values ------------------------------------------------------------------------------ */

static int write_value(struct walk *walk, const struct field *field,
		       const struct message_field *value)
{
	struct json *json = walk->json;

	switch (field->kind) {
	case FIELD_TEXT:
		json_text_length(json, (const char *)value->data, value->length);
		return 0;
	case FIELD_BYTES:
		json_base64(json, value->data, value->length);
		return 0;
	case FIELD_HEX:
		json_hex(json, value->data, value->length);
		return 0;
	case FIELD_MESSAGE:
		return write_message(walk, field->message, value->data, value->length);
	default:
		write_number(json, field->kind, value->value);
		return 0;
	}
}

static int write_list(struct walk *walk, const struct field *field, const struct found *found)
{
	struct message_reader reader =
		message_read(found->begin, (size_t)(found->end - found->begin));
	bool number = field_wire(field) != MESSAGE_BYTES;
	struct message_field value;
	int result;

	json_open_array(walk->json);
	while ((result = next_value(field, &reader, &value)) > 0) {
		if (number && value.wire == MESSAGE_BYTES)
			result = write_packed(field, &value, walk->json);
		else
			result = write_value(walk, field, &value);
		if (result)
			return result;
	}
	json_close_array(walk->json);
	return result;
}

/* A message in several pieces is the message of their bytes one behind the other. */
static int write_merged(struct walk *walk, const struct field *field, const struct found *found)
{
	size_t length = 0, span = (size_t)(found->end - found->begin);
	struct message_reader reader = message_read(found->begin, span);
	struct message_field value;
	unsigned char *whole;
	int result;

	if (span > walk->copy_bytes)
		return -EBADMSG;
	whole = malloc(span);
	if (!whole)
		return -ENOMEM;
	walk->copy_bytes -= span;
	while ((result = next_value(field, &reader, &value)) > 0) {
		memcpy(whole + length, value.data, value.length);
		length += value.length;
	}
	if (!result)
		result = write_message(walk, field->message, whole, length);
	free(whole);
	walk->copy_bytes += span;
	return result;
}

/* Whether JSON leaves it out, being what is understood without it. */
static bool is_default(const struct field *field, const struct message_field *value)
{
	if (field->flags & FIELD_PRESENT)
		return false;
	switch (field_wire(field)) {
	case MESSAGE_BYTES:
		return !value->length;
	case MESSAGE_FIXED64:
		return !value->value;
	default:
		return field->kind == FIELD_UINT64 || field->kind == FIELD_INT64 ||
				       field->kind == FIELD_BOOL
			       ? !value->value
			       : !(uint32_t)value->value;
	}
}

static int write_field(struct walk *walk, const struct field *field, const struct found *found)
{
	if (!(field->flags & FIELD_REPEATED) && is_default(field, &found->last))
		return 0;
	json_key(walk->json, field->name);
	if (field->flags & FIELD_REPEATED)
		return write_list(walk, field, found);
	if (field->kind == FIELD_MESSAGE && found->count > 1)
		return write_merged(walk, field, found);
	return write_value(walk, field, &found->last);
}

static int write_message(struct walk *walk, uint8_t kind, const unsigned char *data, size_t length)
{
	const struct field *fields = message_fields(kind);
	struct found found[FIELD_COUNT_LIMIT] = { 0 };
	int result;

	if (walk->depth == MESSAGE_DEPTH_LIMIT)
		return -EBADMSG;
	walk->depth++;
	result = find_fields(fields, data, length, found);
	json_open_object(walk->json);
	for (int place = 0; !result && place < FIELD_COUNT_LIMIT && fields[place].name; place++)
		if (found[place].begin)
			result = write_field(walk, &fields[place], &found[place]);
	json_close_object(walk->json);
	walk->depth--;
	return result;
}

/* ---- the whole --------------------------------------------------------------------------- */

int otlp_to_json(enum otlp_message message, const void *data, size_t length, struct json *json)
{
	struct walk walk = { .json = json,
			     .copy_bytes = length < SIZE_MAX / 4 ? length * 4 : length };
	size_t before = json->length;
	bool comma = json->comma;
	int result = write_message(&walk, message_kind(message), data, length);

	if (!result && json->failed)
		result = -ENOMEM;
	if (result) {
		json->length = before;
		json->comma = comma;
	}
	return result;
}

// SPDX-License-Identifier: Apache-2.0
/* AnyValues and pairs of a request: looked through once, so that whoever reads them later finds
 * nothing wrong, and written anew only where a text had to be repaired. */
#include "decoder.h"

/* What the messages of a value are. */
enum kind { KIND_ANY, KIND_ARRAY, KIND_MAP, KIND_PAIR, KIND_TEXT, KIND_OTHER };

/* A walk through a value. */
struct walk {
	struct otlp_decoder *decoder;
	uint32_t deepest;
	uint64_t bad_count; /* texts that are not UTF-8 */
};

/* What a field of bytes is, in a message of that kind. */
static enum kind field_kind(enum kind kind, const struct message_field *field)
{
	if (field->wire != MESSAGE_BYTES)
		return KIND_OTHER;
	switch (kind) {
	case KIND_ANY:
		return field->number == ANY_TEXT    ? KIND_TEXT
		       : field->number == ANY_ARRAY ? KIND_ARRAY
		       : field->number == ANY_MAP   ? KIND_MAP
						    : KIND_OTHER;
	case KIND_ARRAY:
		return field->number == LIST_VALUES ? KIND_ANY : KIND_OTHER;
	case KIND_MAP:
		return field->number == LIST_VALUES ? KIND_PAIR : KIND_OTHER;
	case KIND_PAIR:
		return field->number == PAIR_KEY     ? KIND_TEXT
		       : field->number == PAIR_VALUE ? KIND_ANY
						     : KIND_OTHER;
	default:
		return KIND_OTHER;
	}
}

/* depth: of the value that the message is, or is a part of. */
static int message_walk(struct walk *walk, enum kind kind, const unsigned char *data, size_t length,
			uint32_t depth)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field;
	int result = 0, next;

	if (depth > DEPTH_LIMIT)
		return otlp_record_is_refused(walk->decoder, "a value is nested more than 32 deep");
	if (depth > walk->deepest)
		walk->deepest = depth;
	while ((next = message_next(&reader, &field)) > 0) {
		enum kind part = field_kind(kind, &field);

		if (part == KIND_TEXT)
			walk->bad_count += !otlp_text_is_valid(field.data, field.length);
		else if (part != KIND_OTHER)
			result = message_walk(walk, part, field.data, field.length,
					      depth + (kind == KIND_ARRAY || kind == KIND_PAIR));
		if (result)
			return result;
	}
	return next ? otlp_request_is_bad(walk->decoder, reader.at, "a value is cut off") : 0;
}

/* Writes a message again, its texts repaired. It was walked through. */
static int message_repair(struct scratch *scratch, enum kind kind, const unsigned char *data,
			  size_t length)
{
	struct message_reader reader = message_read(data, length);
	const unsigned char *before = reader.at;
	struct message_field field;
	int result = 0;

	for (; !result && message_next(&reader, &field) > 0; before = reader.at) {
		enum kind part = field_kind(kind, &field);
		size_t start;

		if (part == KIND_OTHER) {
			result = otlp_scratch_add(scratch, before, (size_t)(reader.at - before));
			continue;
		}
		result = otlp_scratch_open(scratch, field.number, &start);
		if (result)
			return result;
		result = part == KIND_TEXT
				 ? otlp_text_repair_into(scratch, field.data, field.length)
				 : message_repair(scratch, part, field.data, field.length);
		if (!result)
			result = otlp_scratch_close(scratch, start);
	}
	return result;
}

/* A message that stays as it is, once its texts are repaired. */
static int value_keep(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		      struct value *value)
{
	struct walk walk = { .decoder = decoder };
	struct scratch *scratch = &decoder->repair[1];
	int result = message_walk(&walk, KIND_ANY, data, length, 1);

	if (result)
		return result;
	value->type = SONDE_ANY;
	value->depth = walk.deepest;
	value->message = value->data = data;
	value->message_length = value->length = (uint32_t)length;
	if (!walk.bad_count)
		return 0;
	decoder->decoded.repaired_count += walk.bad_count;
	scratch->length = 0;
	result = message_repair(scratch, KIND_ANY, data, length);
	if (result)
		return result;
	result =
		otlp_scratch_keep(decoder, scratch, TEXT_IS_TOO_LONG, &value->data, &value->length);
	if (result)
		return result;
	value->message = value->data;
	value->message_length = value->length;
	value->repaired = true;
	otlp_scratch_trim(scratch);
	return 0;
}

/* Of a field that makes an AnyValue a value of a column's type; NONE of others. */
static uint32_t field_type(const struct message_field *field)
{
	switch (field->number << 3 | field->wire) {
	case ANY_TEXT << 3 | MESSAGE_BYTES:
		return SONDE_TEXT;
	case ANY_BOOL << 3 | MESSAGE_VARINT:
		return SONDE_BOOL;
	case ANY_INTEGER << 3 | MESSAGE_VARINT:
		return SONDE_I64;
	case ANY_DOUBLE << 3 | MESSAGE_FIXED64:
		return SONDE_DOUBLE;
	case ANY_BYTES << 3 | MESSAGE_BYTES:
		return SONDE_BYTES;
	default:
		return SONDE_NONE;
	}
}

int otlp_value_read(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		    struct value *ret_value)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field;
	struct value value = { .depth = 1 };
	int next = message_next(&reader, &field), result = 0;

	if (next < 0)
		return otlp_request_is_bad(decoder, reader.at, "a value is cut off");
	value.type = next ? field_type(&field) : SONDE_NONE;
	if (value.type == SONDE_NONE || reader.at != reader.end) {
		result = value_keep(decoder, data, length, &value);
		if (!result)
			*ret_value = value;
		return result;
	}
	value.message = data;
	value.message_length = (uint32_t)length;
	value.data = field.data;
	value.length = (uint32_t)field.length;
	value.bits = value.type == SONDE_BOOL ? field.value != 0 : field.value;
	if (value.type == SONDE_TEXT) {
		result = text_check(decoder, &value.data, &value.length);
		if (value.data != field.data) {
			value.message = NULL;
			value.repaired = true;
		}
	}
	if (!result)
		*ret_value = value;
	return result;
}

int otlp_value_encode(struct otlp_decoder *decoder, struct value *value)
{
	unsigned char *memory;
	struct message_writer writer;

	if (value->message)
		return 0;
	value->message_length = value->type == SONDE_BOOL     ? 2
				: value->type == SONDE_DOUBLE ? 9
				: value->type == SONDE_I64
					? 1 + (uint32_t)message_varint_size(value->bits)
					: (uint32_t)message_bytes_size(value->length);
	if (value->message_length > TEXT_LIMIT)
		return otlp_record_is_refused(decoder, "a value is too long");
	memory = otlp_decoder_memory(decoder, value->message_length);
	if (!memory)
		return -ENOMEM;
	value->message = memory;
	writer.at = memory + value->message_length;
	if (value->type == SONDE_BOOL || value->type == SONDE_I64) {
		message_put_field(&writer, value->type == SONDE_BOOL ? ANY_BOOL : ANY_INTEGER,
				  value->bits);
	} else if (value->type == SONDE_DOUBLE) {
		message_put_fixed64(&writer, value->bits);
		message_put_tag(&writer, ANY_DOUBLE, MESSAGE_FIXED64);
	} else {
		message_put_bytes(&writer, value->data, value->length);
		message_put_head(&writer, value->type == SONDE_TEXT ? ANY_TEXT : ANY_BYTES,
				 memory + value->message_length);
	}
	return 0;
}

/* ---- pairs ------------------------------------------------------------------------------- */

static int attribute_is_too_deep(struct otlp_decoder *decoder)
{
	return otlp_record_is_refused(decoder, "an attribute is nested more than 31 deep");
}

int otlp_pair_read(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		   struct pair *ret_pair)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field, key = { 0 }, value = { 0 }, *part;
	struct pair pair = { .message = data, .message_length = (uint32_t)length };
	bool passed_over = false;
	uint32_t count = 0;
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		count++;
		if (field.wire != MESSAGE_BYTES ||
		    (field.number != PAIR_KEY && field.number != PAIR_VALUE))
			continue;
		part = field.number == PAIR_KEY ? &key : &value;
		passed_over = passed_over || part->number;
		*part = field;
	}
	if (result)
		return otlp_request_is_bad(decoder, reader.at, "an attribute is cut off");
	decoder->passed_over = decoder->passed_over || passed_over;
	pair.key = key.data ? key.data : data;
	pair.key_length = (uint32_t)key.length;
	result = text_check(decoder, &pair.key, &pair.key_length);
	if (!result)
		result = otlp_value_read(decoder, value.data ? value.data : data, value.length,
					 &pair.value);
	if (!result && pair.value.depth > DEPTH_LIMIT_IN_PAIR)
		result = attribute_is_too_deep(decoder);
	if (result)
		return result;
	/* what a second key or value took the place of was not looked at */
	pair.repaired = pair.value.repaired || (key.data && pair.key != key.data) || passed_over ||
			count > 2;
	*ret_pair = pair;
	return 0;
}

int otlp_pair_check(struct otlp_decoder *decoder, const unsigned char *data, size_t length)
{
	struct walk walk = { .decoder = decoder };
	int result = message_walk(&walk, KIND_PAIR, data, length, 0);

	if (!result && walk.deepest > DEPTH_LIMIT_IN_PAIR)
		result = attribute_is_too_deep(decoder);
	return result;
}

int otlp_pair_append(struct otlp_decoder *decoder, struct pair *pair, uint32_t number,
		     struct scratch *list)
{
	size_t start, part;
	int result;

	result = otlp_scratch_open(list, number, &start);
	if (!result && !pair->repaired) {
		result = otlp_scratch_add(list, pair->message, pair->message_length);
	} else if (!result) {
		result = otlp_scratch_open(list, PAIR_KEY, &part);
		if (!result)
			result = otlp_scratch_add(list, pair->key, pair->key_length);
		if (!result)
			result = otlp_scratch_close(list, part);
		if (!result)
			result = otlp_value_encode(decoder, &pair->value);
		if (!result)
			result = otlp_scratch_open(list, PAIR_VALUE, &part);
		if (!result)
			result = otlp_scratch_add(list, pair->value.message,
						  pair->value.message_length);
		if (!result)
			result = otlp_scratch_close(list, part);
	}
	return result ? result : otlp_scratch_close(list, start);
}

int otlp_map_make(struct otlp_decoder *decoder, const struct scratch *list, struct value *ret_value)
{
	uint64_t length = message_bytes_size(list->length);
	struct message_writer writer;
	unsigned char *memory;

	if (length > TEXT_LIMIT)
		return otlp_record_is_refused(decoder,
					      "attributes that have no column are too long");
	memory = otlp_decoder_memory(decoder, length);
	if (!memory)
		return -ENOMEM;
	writer.at = memory + length;
	message_put_bytes(&writer, list->data, list->length);
	message_put_head(&writer, ANY_MAP, memory + length);
	*ret_value = (struct value){ .type = SONDE_ANY,
				     .data = memory,
				     .length = (uint32_t)length,
				     .message = memory,
				     .message_length = (uint32_t)length };
	return 0;
}

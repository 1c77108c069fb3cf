// SPDX-License-Identifier: Apache-2.0
/* Rows of a table from their messages: each field goes where a table of rules says. This is where
 * the time goes; what records usually look like is looked for first. */
#include "decoder.h"

#define FIELD_IS_CUT_OFF "a field is cut off"

/* ---- attributes -------------------------------------------------------------------------- */

/* Whether the pair begins as those of the attribute do. 32 bytes may be read. */
static inline bool head_matches(const struct attribute *attribute, const unsigned char *pair)
{
	uint32_t length = attribute->head_length;
	const unsigned char *mask = otlp_vector_masks + 32 - (length < 32 ? length : 32);
	vector difference =
		((vector_load(pair) ^ vector_load(attribute->head)) & vector_load(mask)) |
		((vector_load(pair + 16) ^ vector_load(attribute->head + 16)) &
		 vector_load(mask + 16));

	return !(difference[0] | difference[1]);
}

/* The whole varint from `at` to `end`; false: it is longer, or ends before. Eight bytes may be
 * read. */
static inline bool whole_varint(const unsigned char *at, const unsigned char *end,
				uint64_t *ret_value)
{
	uint64_t word, ends;
	uint32_t size;

	memcpy(&word, at, sizeof(word));
	word = le64toh(word);
	ends = ~word & 0x8080808080808080u;
	if (!ends)
		return false;
	size = ((uint32_t)__builtin_ctzll(ends) >> 3) + 1;
	word &= 0x7f7f7f7f7f7f7f7fu & ~UINT64_C(0) >> (64 - 8 * size);
	word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
	word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
	word = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
	*ret_value = word;
	return at + size == end;
}

/* The value of a pair whose key was recognized, if it is of the column's type and written as it
 * usually is. at: behind the key. False: nothing was done. */
static inline bool value_put_quickly(struct table *table, struct attribute *attribute,
				     const unsigned char *at, const unsigned char *end,
				     uint32_t row, int *ret_result)
{
	const unsigned char *data = at + 4;
	uint32_t length, code = 0;
	uint64_t word;

	if (end - at < 4 || at[0] != (PAIR_VALUE << 3 | MESSAGE_BYTES) || at[1] != end - at - 2 ||
	    at[2] != attribute->tag)
		return false;
	switch (attribute->tag) {
	case ANY_TEXT << 3 | MESSAGE_BYTES:
	case ANY_BYTES << 3 | MESSAGE_BYTES:
		length = at[3];
		if (data + length != end || length >= 0x80)
			return false;
		*ret_result = attribute->tag == (ANY_TEXT << 3 | MESSAGE_BYTES)
				      ? text_check(table->decoder, &data, &length)
				      : 0;
		if (!*ret_result)
			*ret_result = entry_add(table->decoder, data, length, &code);
		memcpy(attribute->column.base + (size_t)row * 4, &code, sizeof(code));
		return true;
	case ANY_DOUBLE << 3 | MESSAGE_FIXED64:
		if (end - at != 11)
			return false;
		memcpy(&word, at + 3, sizeof(word));
		word = le64toh(word);
		break;
	case ANY_INTEGER << 3 | MESSAGE_VARINT:
		if (!whole_varint(at + 3, end, &word))
			return false;
		break;
	default: /* a bool */
		if (end - at != 4 || at[3] > 1)
			return false;
		attribute->column.base[row] = at[3];
		return true;
	}
	memcpy(attribute->column.base + (size_t)row * 8, &word, sizeof(word));
	return true;
}

static int attribute_decode_slowly(struct table *table, const unsigned char *data, size_t length)
{
	struct pair pair;
	int result = otlp_pair_read(table->decoder, data, length, &pair);

	return result ? result : otlp_attribute_put(table, SONDE_SCOPE_ROW, &pair, table->row);
}

/* Usually the key is that which came behind the one before in the row before. */
static inline int attribute_decode(struct table *table, const unsigned char *data, size_t length)
{
	struct keys *keys = &table->keys[SONDE_SCOPE_ROW];
	uint32_t index = keys->attributes[keys->last].after, row = table->row;
	struct attribute *attribute = &keys->attributes[index];
	const unsigned char *end = data + length;
	int result = 0;

	if (__builtin_expect(data + length <= table->decoder->loose_end &&
				     length > attribute->head_length &&
				     attribute->column.next == row && head_matches(attribute, data),
			     1) &&
	    (attribute->head_length <= sizeof(attribute->head) ||
	     !memcmp(data + 2, attribute->key, attribute->key_length)) &&
	    value_put_quickly(table, attribute, data + attribute->head_length, end, row, &result)) {
		attribute->column.next = row + 1;
		keys->last = index;
		return result;
	}
	return attribute_decode_slowly(table, data, length);
}

/* ---- fields ------------------------------------------------------------------------------ */

/* A field that no rule names. */
static int field_skip(struct otlp_decoder *decoder, struct message_reader *reader, uint64_t tag)
{
	const unsigned char *at = reader->at, *data;
	uint64_t value;
	size_t length;
	int result;

	if (tag > UINT32_MAX || tag < 8)
		return otlp_request_is_bad(decoder, at, "a field has no number");
	switch (tag & 7) {
	case MESSAGE_VARINT:
		result = message_read_varint(reader, &value);
		break;
	case MESSAGE_FIXED64:
		result = message_read_fixed64(reader, &value);
		break;
	case MESSAGE_FIXED32:
		result = message_read_fixed32(reader, &value);
		break;
	case MESSAGE_BYTES:
		result = message_read_bytes(reader, &data, &length);
		break;
	case MESSAGE_GROUP:
		result = message_skip_group(reader, (uint32_t)(tag >> 3));
		break;
	default:
		return otlp_request_is_bad(decoder, at, "a field is of no type");
	}
	return result ? otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF) : 0;
}

static int id_decode(struct table *table, uint32_t fixed, const unsigned char *data, size_t length,
		     size_t size)
{
	int result;

	if (!length) /* there is none */
		return 0;
	if (length != size)
		return otlp_record_is_refused(table->decoder,
					      size == 16 ? "a trace id has not 16 bytes"
							 : "a span id has not 8 bytes");
	result = column_place(table, fixed);
	if (!result)
		memcpy(table->fixed[fixed].base + table->row * size, data, size);
	return result;
}

static inline int text_decode(struct table *table, uint32_t fixed, const unsigned char *data,
			      size_t length)
{
	uint32_t length32 = (uint32_t)length, code;
	int result = text_check(table->decoder, &data, &length32);

	if (!result)
		result = column_place(table, fixed);
	if (!result)
		result = entry_add(table->decoder, data, length32, &code);
	if (!result)
		memcpy(table->fixed[fixed].base + (size_t)table->row * 4, &code, sizeof(code));
	return result;
}

/* A text, or a value of any type. */
static int body_decode_slowly(struct table *table, uint32_t fixed, const unsigned char *data,
			      size_t length)
{
	struct value value;
	int result = otlp_value_read(table->decoder, data, length, &value);

	if (result)
		return result;
	if (value.type != SONDE_TEXT) {
		result = otlp_value_encode(table->decoder, &value);
		value.type = SONDE_ANY;
	}
	return result ? result
		      : otlp_value_put(table, &table->fixed[fixed], &table->fields[fixed], &value,
				       table->row);
}

static inline int body_decode(struct table *table, uint32_t fixed, const unsigned char *data,
			      size_t length)
{
	struct message_reader reader = { .at = data + 1, .end = data + length };
	const unsigned char *text;
	size_t text_length;

	if (length >= 2 && data[0] == (ANY_TEXT << 3 | MESSAGE_BYTES) &&
	    table->fixed[fixed].type == SONDE_TEXT &&
	    !message_read_bytes(&reader, &text, &text_length) && reader.at == reader.end)
		return text_decode(table, fixed, text, text_length);
	return body_decode_slowly(table, fixed, data, length);
}

static int fields_decode(struct table *table, const struct rules *rules, const unsigned char *data,
			 size_t length);

static int child_note(struct otlp_decoder *decoder, uint32_t kind, const unsigned char *data,
		      size_t length)
{
	struct child child = { .data = data,
			       .length = (uint32_t)length,
			       .row = decoder->table.row };
	int result = otlp_row_check(decoder, decoder->child_rules[kind], data, length);

	return result ? result : otlp_scratch_add(&decoder->children[kind], &child, sizeof(child));
}

/* A message that is there even if nothing is in it: then the column has a zero. */
static int nested_decode(struct table *table, const struct rules *rules, uint32_t fixed,
			 const unsigned char *data, size_t length)
{
	int result = 0;

	if (table->fixed[fixed].next != table->row + 1) {
		result = column_place(table, fixed);
		if (!result)
			memset(table->fixed[fixed].base + (size_t)table->row * 4, 0, 4);
	}
	return result ? result : fields_decode(table, rules->nested, data, length);
}

/* A field of bytes. */
static inline int bytes_decode(struct table *table, const struct rules *rules, struct rule rule,
			       const unsigned char *data, size_t length)
{
	switch (rule.operation) {
	case ATTRIBUTE:
		return attribute_decode(table, data, length);
	case TEXT:
		return text_decode(table, rule.column, data, length);
	case ID8:
		return id_decode(table, rule.column, data, length, 8);
	case ID16:
		return id_decode(table, rule.column, data, length, 16);
	case BODY:
		return body_decode(table, rule.column, data, length);
	case CHILD:
		return child_note(table->decoder, rule.column, data, length);
	default:
		return nested_decode(table, rules, rule.column, data, length);
	}
}

/* Takes back the value of the row, if it has one. */
static void column_forget(struct column *column, uint32_t row)
{
	if (column->next == row + 1)
		column->next = row;
}

static int fields_decode(struct table *table, const struct rules *rules, const unsigned char *data,
			 size_t length)
{
	struct otlp_decoder *decoder = table->decoder;
	struct message_reader reader = message_read(data, length);
	uint32_t row = table->row, value32;
	const unsigned char *bytes;
	uint64_t tag, value;
	size_t size;
	int result;

	while (reader.at != reader.end) {
		const unsigned char *at = reader.at;
		struct rule rule;

		tag = *at;
		if (__builtin_expect(tag < 0x80, 1))
			reader.at++;
		else if (message_read_varint(&reader, &tag))
			return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
		rule = tag < RULE_COUNT ? rules->rules[tag] : (struct rule){ SKIP, 0 };
		switch (rule.operation) {
		case SKIP:
			result = field_skip(decoder, &reader, tag);
			break;
		case FIRST:
			column_forget(&table->fixed[rule.column + 1], row);
			goto fixed64;
		case SECOND:
			column_forget(&table->fixed[rule.column - 1], row);
			goto fixed64;
		case FIXED64:
		fixed64:
			if (message_read_fixed64(&reader, &value))
				return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
			result = column_place(table, rule.column);
			if (!result)
				memcpy(table->fixed[rule.column].base + (size_t)row * 8, &value, 8);
			break;
		case FIXED32:
			if (message_read_fixed32(&reader, &value))
				return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
			goto number32;
		case NUMBER32:
			if (message_read_varint(&reader, &value))
				return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
		number32:
			value32 = (uint32_t)value;
			result = column_place(table, rule.column);
			if (!result)
				memcpy(table->fixed[rule.column].base + (size_t)row * 4, &value32,
				       4);
			break;
		case POINT:
			result = otlp_point_field(decoder, (enum part)rule.column, &reader);
			if (result == -EBADMSG)
				return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
			break;
		default:
			if (message_read_bytes(&reader, &bytes, &size))
				return otlp_request_is_bad(decoder, at, FIELD_IS_CUT_OFF);
			result = bytes_decode(table, rules, rule, bytes, size);
		}
		if (result)
			return result;
	}
	return 0;
}

int otlp_row_decode(struct table *table, const struct rules *rules, const unsigned char *data,
		    size_t length)
{
	int result;

	table->keys[SONDE_SCOPE_ROW].last = 0;
	result = fields_decode(table, rules, data, length);
	if (!result && table->keys[SONDE_SCOPE_ROW].rest.length)
		result = otlp_rest_put(table, SONDE_SCOPE_ROW, table->row, table->row + 1);
	return result;
}

int otlp_row_check(struct otlp_decoder *decoder, const struct rules *rules,
		   const unsigned char *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field;
	int result = 0, next = 0;

	while (!result && (next = message_next(&reader, &field)) > 0) {
		uint32_t tag = field.number << 3 | field.wire;
		uint32_t operation =
			tag < RULE_COUNT ? rules->rules[tag].operation : (uint32_t)SKIP;

		if (operation == ATTRIBUTE)
			result = otlp_pair_check(decoder, field.data, field.length);
		else if (operation == ID8 && field.length && field.length != 8)
			result = otlp_record_is_refused(decoder, "a span id has not 8 bytes");
		else if (operation == ID16 && field.length && field.length != 16)
			result = otlp_record_is_refused(decoder, "a trace id has not 16 bytes");
	}
	if (!result && next < 0)
		result = otlp_request_is_bad(decoder, reader.at, FIELD_IS_CUT_OFF);
	return result;
}

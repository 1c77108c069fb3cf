// SPDX-License-Identifier: Apache-2.0
/* Rows of a table from their messages: each field goes where a table of rules says. This is where
 * the time goes; what records usually look like is looked for first. */
#include "decoder.h"

#define FIELD_IS_CUT_OFF "a field is cut off"

enum { TEXT_TAG = ANY_TEXT << 3 | MESSAGE_BYTES };

/* ---- attributes -------------------------------------------------------------------------- */

/* Whether the pair begins as those of the attribute do. 32 bytes may be read. */
static inline bool head_matches(const struct attribute *attribute, const unsigned char *pair)
{
	return bytes_match(pair, attribute->head, attribute->mask, attribute->head_bits) &&
	       (__builtin_expect(attribute->head_length <= sizeof(attribute->head), 1) ||
		!memcmp(pair + 2, attribute->key, attribute->key_length));
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

/* Attributes as they usually are: the key is that which came behind the one before in the row
 * before, the value of its column's type, and lengths have one byte. Returns where the first begins
 * that is not so; at: where the first has its tag. */
static const unsigned char *attributes_decode_quickly(struct table *table, const unsigned char *at,
						      const unsigned char *end)
{
	struct otlp_decoder *decoder = table->decoder;
	struct keys *keys = &table->keys[SONDE_SCOPE_ROW];
	struct attribute *attributes = keys->attributes;
	struct sonde_text *entry = decoder->entry, *entries_end = decoder->entries_end;
	const struct attribute *last = attribute_at(attributes, keys->last);
	uint32_t code = decoder->code, row = table->row;
	unsigned char tag = *at;

	if (end > decoder->loose_end)
		end = decoder->loose_end;
	while (end - at > 2 && *at == tag) {
		const unsigned char *pair = at + 2, *pair_end = pair + at[1], *value;
		struct attribute *attribute = attribute_at(attributes, last->after);
		uint32_t word, length;
		uint64_t bits;

		if (at[1] > 0x7f || pair_end > end || attribute->column.next != row ||
		    at[1] < (uint64_t)attribute->head_length + 4 || !head_matches(attribute, pair))
			break;
		value = pair + attribute->head_length;
		memcpy(&word, value, sizeof(word));
		word = le32toh(word);
		length = word >> 8 & 0xff; /* of the AnyValue */
		if ((word & 0xff00ff) != attribute->value_head || value + 2 + length != pair_end)
			break;
		switch (attribute->column.type) {
		case SONDE_TEXT:
		case SONDE_BYTES:
			length -= 2;
			if (word >> 24 != length || entry == entries_end)
				goto end;
			value += 4;
			if (!text_is_ascii(value, length) && attribute->column.type == SONDE_TEXT &&
			    !otlp_text_is_valid(value, length))
				goto end;
			*entry++ = (struct sonde_text){ .data = (const char *)value,
							.length = length };
			memcpy(attribute->column.base + (size_t)row * 4, &code, sizeof(code));
			code++;
			break;
		case SONDE_I64:
			if (!whole_varint(value + 3, pair_end, &bits))
				goto end;
			memcpy(attribute->column.base + (size_t)row * 8, &bits, sizeof(bits));
			break;
		case SONDE_DOUBLE:
			if (length != 9)
				goto end;
			memcpy(&bits, value + 3, sizeof(bits));
			bits = le64toh(bits);
			memcpy(attribute->column.base + (size_t)row * 8, &bits, sizeof(bits));
			break;
		case SONDE_BOOL:
			if (length != 2 || word >> 24 > 1)
				goto end;
			attribute->column.base[row] = (unsigned char)(word >> 24);
			break;
		default:
			goto end;
		}
		attribute->column.next = row + 1;
		last = attribute;
		at = pair_end;
	}
end:
	decoder->entry = entry;
	decoder->code = code;
	keys->last = attribute_offset(attributes, last);
	return at;
}

static int attribute_decode(struct table *table, const unsigned char *data, size_t length)
{
	struct pair pair;
	int result = otlp_pair_read(table->decoder, data, length, &pair);

	return result ? result : otlp_attribute_put(table, SONDE_SCOPE_ROW, &pair, table->row);
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

static int id_is_wrong(struct otlp_decoder *decoder, size_t size)
{
	return otlp_record_is_refused(decoder, size == 16 ? "a trace id has not 16 bytes"
							  : "a span id has not 8 bytes");
}

/* size is a constant. */
__attribute__((always_inline)) static inline int id_decode(struct table *table, uint32_t fixed,
							   const unsigned char *data, size_t length,
							   size_t size)
{
	int result;

	if (__builtin_expect(length != size, 0))
		return length ? id_is_wrong(table->decoder, size) : 0; /* there is none */
	result = column_place(table, fixed);
	if (__builtin_expect(!result, 1))
		memcpy(table->fixed[fixed].base + table->row * size, data, size);
	return result;
}

static int text_decode_slowly(struct table *table, uint32_t fixed, const unsigned char *data,
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

/* Usually it is ASCII, and the row before had one too. */
static inline int text_decode(struct table *table, uint32_t fixed, const unsigned char *data,
			      size_t length)
{
	struct otlp_decoder *decoder = table->decoder;
	struct column *column = &table->fixed[fixed];
	struct sonde_text *entry = decoder->entry;
	uint32_t row = table->row, code = decoder->code;

	if (__builtin_expect(data + length > decoder->loose_end || column->next != row ||
				     entry == decoder->entries_end ||
				     !text_is_ascii(data, (uint32_t)length),
			     0))
		return text_decode_slowly(table, fixed, data, length);
	*entry = (struct sonde_text){ .data = (const char *)data, .length = (uint32_t)length };
	decoder->entry = entry + 1;
	decoder->code = code + 1;
	column->next = row + 1;
	memcpy(column->base + (size_t)row * 4, &code, sizeof(code));
	return 0;
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
	if (__builtin_expect(length >= 2 && length < 0x80 && data[0] == TEXT_TAG &&
				     (size_t)data[1] + 2 == length &&
				     table->fixed[fixed].type == SONDE_TEXT,
			     1))
		return text_decode(table, fixed, data + 2, length - 2);
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

/* Takes back the value of the row, if it has one. */
static void column_forget(struct column *column, uint32_t row)
{
	if (column->next == row + 1)
		column->next = row;
}

/* A value of four or eight bytes. */
__attribute__((always_inline)) static inline int number_put(struct table *table, uint32_t fixed,
							    uint64_t value, uint32_t size)
{
	int result = column_place(table, fixed);

	if (__builtin_expect(!result, 1))
		memcpy(table->fixed[fixed].base + (size_t)table->row * size, &value, size);
	return result;
}

/* The content of a field of bytes. The reader is the caller's alone: its place is in a register. */
static inline bool content_read(const unsigned char **at, const unsigned char *end,
				const unsigned char **ret_data, size_t *ret_length)
{
	struct message_reader reader;

	if (__builtin_expect(*at != end && **at < 0x80 && **at < end - *at, 1)) {
		*ret_length = **at;
		*ret_data = *at + 1;
		*at += 1 + *ret_length;
		return true;
	}
	reader = (struct message_reader){ .at = *at, .end = end };
	if (message_read_bytes(&reader, ret_data, ret_length))
		return false;
	*at = reader.at;
	return true;
}

static inline bool varint_read(const unsigned char **at, const unsigned char *end,
			       uint64_t *ret_value)
{
	struct message_reader reader;

	if (__builtin_expect(*at != end && **at < 0x80, 1)) {
		*ret_value = *(*at)++;
		return true;
	}
	reader = (struct message_reader){ .at = *at, .end = end };
	if (message_read_varint(&reader, ret_value))
		return false;
	*at = reader.at;
	return true;
}

static int other_decode(struct table *table, struct rule rule, uint64_t tag,
			const unsigned char **at, const unsigned char *end)
{
	struct otlp_decoder *decoder = table->decoder;
	struct message_reader reader = { .at = *at, .end = end };
	int result = rule.operation == POINT
			     ? otlp_point_field(decoder, (enum part)rule.column, &reader)
			     : field_skip(decoder, &reader, tag);

	*at = reader.at;
	return result == -EBADMSG ? otlp_request_is_bad(decoder, *at, FIELD_IS_CUT_OFF) : result;
}

static int fields_decode(struct table *table, const struct rules *rules, const unsigned char *data,
			 size_t length)
{
	const unsigned char *at = data, *end = data + length, *content = data, *next;
	const struct rule *by_tag = rules->rules;
	size_t size = 0;
	int result = 0;

	while (!result && at != end) {
		const unsigned char *start = at;
		struct rule rule = { SKIP, 0 };
		uint64_t tag, value;
		uint32_t word;

		if (!varint_read(&at, end, &tag))
			return otlp_request_is_bad(table->decoder, start, FIELD_IS_CUT_OFF);
		if (tag < RULE_COUNT)
			rule = by_tag[tag];
		if (rule.operation >= TEXT && !content_read(&at, end, &content, &size))
			return otlp_request_is_bad(table->decoder, start, FIELD_IS_CUT_OFF);
		switch (rule.operation) {
		case TEXT:
			result = text_decode(table, rule.column, content, size);
			break;
		case ID8:
			result = id_decode(table, rule.column, content, size, 8);
			break;
		case ID16:
			result = id_decode(table, rule.column, content, size, 16);
			break;
		case BODY:
			result = body_decode(table, rule.column, content, size);
			break;
		case FIRST:
			column_forget(&table->fixed[rule.column + 1], table->row);
			goto fixed64;
		case SECOND:
			column_forget(&table->fixed[rule.column - 1], table->row);
			goto fixed64;
		case FIXED64:
		fixed64:
			if (end - at < 8)
				return otlp_request_is_bad(table->decoder, start, FIELD_IS_CUT_OFF);
			memcpy(&value, at, 8);
			at += 8;
			result = number_put(table, rule.column, le64toh(value), 8);
			break;
		case FIXED32:
			if (end - at < 4)
				return otlp_request_is_bad(table->decoder, start, FIELD_IS_CUT_OFF);
			memcpy(&word, at, 4);
			at += 4;
			result = number_put(table, rule.column, le32toh(word), 4);
			break;
		case NUMBER32:
			if (!varint_read(&at, end, &value))
				return otlp_request_is_bad(table->decoder, start, FIELD_IS_CUT_OFF);
			result = number_put(table, rule.column, value, 4);
			break;
		case SKIP:
		case POINT:
			next = at;
			result = other_decode(table, rule, tag, &next, end);
			at = next;
			break;
		case ATTRIBUTE:
			next = attributes_decode_quickly(table, start, end);
			if (next == start)
				result = attribute_decode(table, content, size);
			else
				at = next;
			break;
		case CHILD:
			result = child_note(table->decoder, rule.column, content, size);
			break;
		default:
			result = nested_decode(table, rules, rule.column, content, size);
		}
	}
	return result;
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

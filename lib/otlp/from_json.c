// SPDX-License-Identifier: Apache-2.0
/* JSON made into protobuf: the tree of the text is walked from its end, along tables. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "messages.h"
#include "number.h"
#include "protobuf.h"
#include "tree.h"

/* Where a value stands, for whoever reads of an error. */
struct place {
	const struct place *parent;
	const char *name; /* of a field; NULL: element `element` of an array */
	uint32_t element;
};

struct maker {
	struct tree tree;
	struct message_writer writer;
	unsigned char *memory; /* what is written are its last bytes */
	size_t capacity;
	struct otlp_json_error *error;
	uint32_t depth; /* messages in each other */
};

/* ---- errors ------------------------------------------------------------------------------ */

static void error_place(struct otlp_json_error *error, const char *json, size_t offset)
{
	uint32_t line = 1, column = 1;

	for (size_t place = 0; place < offset; place++) {
		column = json[place] == '\n' ? 1 : column + 1;
		line += json[place] == '\n';
	}
	error->line = line;
	error->column = column;
}

/* Appends a path: resourceLogs[0].scopeLogs[2]. */
static size_t put_path(const struct place *place, char *text, size_t size)
{
	size_t length = place->parent ? put_path(place->parent, text, size) : 0;
	int added = 0;

	if (length >= size)
		return length;
	if (place->name)
		added = snprintf(text + length, size - length, "%s%s", length ? "." : "",
				 place->name);
	else if (place->parent)
		added = snprintf(text + length, size - length, "[%u]", place->element);
	return length + (size_t)(added > 0 ? added : 0);
}

/* Says what is wrong with a value. Of a path that is too long, what matters is its end. */
__attribute__((format(printf, 4, 5))) static int
refuse(struct maker *maker, uint32_t node, const struct place *place, const char *format, ...)
{
	struct otlp_json_error *error = maker->error;
	char path[MESSAGE_DEPTH_LIMIT * 64], reason[90];
	size_t length, room;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	path[0] = 0;
	length = put_path(place, path, sizeof(path));
	if (length >= sizeof(path))
		length = sizeof(path) - 1;
	room = sizeof(error->text) - strlen(reason) - sizeof("...: ");
	(void)snprintf(error->text, sizeof(error->text), "%s%s%s%s", length > room ? "..." : "",
		       length > room ? path + length - room : path, length ? ": " : "", reason);
	error_place(error, maker->tree.json, maker->tree.nodes[node].offset);
	return -EBADMSG;
}

/* How a value is called that stands where another kind should. */
static const char *node_name(uint8_t kind)
{
	static const char *const names[] = { "null",   "false", "true",      "a number",
					     "a text", "a key", "an object", "an array" };

	return names[kind];
}

/* ---- writing, from the end --------------------------------------------------------------- */

static size_t written(const struct maker *maker)
{
	return maker->memory ? (size_t)(maker->memory + maker->capacity - maker->writer.at) : 0;
}

static int make_room(struct maker *maker, size_t bytes)
{
	size_t length = written(maker), capacity = maker->capacity;
	unsigned char *memory;

	if (maker->capacity - length >= bytes)
		return 0;
	while (capacity - length < bytes)
		capacity = capacity * 2 + 512;
	memory = malloc(capacity);
	if (!memory)
		return -ENOMEM;
	if (length)
		memcpy(memory + capacity - length, maker->writer.at, length);
	free(maker->memory);
	maker->memory = memory;
	maker->capacity = capacity;
	maker->writer.at = memory + capacity - length;
	return 0;
}

/* The tag and length before all that was written since `before`. */
static int put_head(struct maker *maker, uint32_t number, size_t before)
{
	int result = make_room(maker, MESSAGE_HEAD_SIZE);

	if (!result)
		message_put_head(&maker->writer, number, maker->memory + maker->capacity - before);
	return result;
}

static int put_number(struct maker *maker, const struct field *field, uint64_t bits)
{
	int result = make_room(maker, MESSAGE_HEAD_SIZE);

	if (result)
		return result;
	switch (field_wire(field)) {
	case MESSAGE_FIXED32:
		message_put_fixed32(&maker->writer, (uint32_t)bits);
		return 0;
	case MESSAGE_FIXED64:
		message_put_fixed64(&maker->writer, bits);
		return 0;
	default:
		message_put_varint(&maker->writer, bits);
		return 0;
	}
}

/* ---- numbers ----------------------------------------------------------------------------- */

static const char *double_bits(const char *text, size_t length, bool quoted, uint64_t *ret_bits)
{
	double value;
	const char *problem = double_parse(text, length, quoted, &value);

	if (!problem)
		memcpy(ret_bits, &value, sizeof(value));
	return problem;
}

static const char *enum_bits(const struct field *field, const char *text, size_t length,
			     bool quoted, uint64_t *ret_bits)
{
	int value = quoted ? enum_by_name(field->message, text, length) : -1;
	const char *problem;

	if (value >= 0) {
		*ret_bits = (uint64_t)value;
		return NULL;
	}
	problem = whole_parse(text, length, INT32_MIN, INT32_MAX, ret_bits);
	return problem && quoted ? "is neither a number nor a name of this enum" : problem;
}

/* What protobuf has for a number as text; NULL, or what is wrong. */
static const char *number_bits(const struct field *field, const char *text, size_t length,
			       bool quoted, uint64_t *ret_bits)
{
	const char *problem;

	switch (field->kind) {
	case FIELD_DOUBLE:
		return double_bits(text, length, quoted, ret_bits);
	case FIELD_ENUM:
		return enum_bits(field, text, length, quoted, ret_bits);
	case FIELD_INT32:
		return whole_parse(text, length, INT32_MIN, INT32_MAX, ret_bits);
	case FIELD_SINT32:
		problem = whole_parse(text, length, INT32_MIN, INT32_MAX, ret_bits);
		if (!problem) /* zigzag: the sign is the lowest bit */
			*ret_bits =
				(uint32_t)(*ret_bits << 1 ^ (*ret_bits >> 63 ? ~UINT64_C(0) : 0));
		return problem;
	case FIELD_UINT32:
	case FIELD_FIXED32:
		return whole_parse(text, length, 0, UINT32_MAX, ret_bits);
	case FIELD_INT64:
	case FIELD_SFIXED64:
		return whole_parse(text, length, INT64_MIN, INT64_MAX, ret_bits);
	default:
		return whole_parse(text, length, 0, UINT64_MAX, ret_bits);
	}
}

/* Whether a message may quote it. */
static bool is_plain(const char *text, uint32_t length)
{
	for (uint32_t place = 0; place < length; place++)
		if (text[place] <= ' ' || text[place] > '~')
			return false;
	return length && length <= 24;
}

static int read_number(struct maker *maker, const struct field *field, uint32_t place,
		       const struct place *path, uint64_t *ret_bits)
{
	const struct node *node = &maker->tree.nodes[place];
	const char *text = tree_text(&maker->tree, node), *problem;

	if (field->kind == FIELD_BOOL) {
		if (node->kind != NODE_TRUE && node->kind != NODE_FALSE)
			return refuse(maker, place, path, "%s stands where true or false should",
				      node_name(node->kind));
		*ret_bits = node->kind == NODE_TRUE;
		return 0;
	}
	if (node->kind != NODE_NUMBER && node->kind != NODE_TEXT)
		return refuse(maker, place, path, "%s stands where a number should",
			      node_name(node->kind));
	problem = number_bits(field, text, node->length, node->kind == NODE_TEXT, ret_bits);
	if (problem)
		return refuse(maker, place, path, "%.*s %s",
			      is_plain(text, node->length) ? (int)node->length : 4,
			      is_plain(text, node->length) ? text : "this", problem);
	return 0;
}

/* ---- texts and bytes --------------------------------------------------------------------- */

/* The value without its tag and length. */
static int put_bytes(struct maker *maker, const struct field *field, uint32_t place,
		     const struct place *path)
{
	const struct node *node = &maker->tree.nodes[place];
	const char *text = tree_text(&maker->tree, node);
	size_t length = node->length, size = length;
	unsigned char *at;
	int result;

	if (node->kind != NODE_TEXT)
		return refuse(maker, place, path, "%s stands where a text should",
			      node_name(node->kind));
	if (field->kind == FIELD_TEXT && !json_is_utf8(text, length)) /* the parser is not strict */
		return refuse(maker, place, path, "the text is not UTF-8");
	result = make_room(maker, length + 4);
	if (result)
		return result;
	at = maker->writer.at - length - 2; /* base64 needs the two bytes for a moment */
	if (field->kind == FIELD_TEXT) {
		message_put_bytes(&maker->writer, text, length);
		return 0;
	}
	if (field->kind == FIELD_HEX) {
		size = length / 2;
		if (!hex_parse(text, length, at))
			return length % 2
				       ? refuse(maker, place, path, "%zu hex digits, %u are needed",
						length, field->size * 2u)
				       : refuse(maker, place, path,
						"the text has other than hex digits");
	} else if (!base64_parse(text, length, at, &size)) {
		return refuse(maker, place, path, "the text is not base64");
	}
	memmove(maker->writer.at - size, at, size);
	maker->writer.at -= size;
	return 0;
}

/* ---- messages ---------------------------------------------------------------------------- */

static int put_message(struct maker *maker, uint8_t kind, uint32_t place, const struct place *path);

/* One value with its tag; not if it is the default one and that says nothing. */
static int put_value(struct maker *maker, const struct field *field, uint32_t place,
		     const struct place *path)
{
	size_t before = written(maker);
	bool always = field->flags & (FIELD_REPEATED | FIELD_PRESENT);
	uint64_t bits = 0;
	int result;

	if (field_wire(field) != MESSAGE_BYTES) {
		result = read_number(maker, field, place, path, &bits);
		if (result || (!bits && !always))
			return result;
		result = put_number(maker, field, bits);
		if (!result)
			message_put_tag(&maker->writer, field->number, field_wire(field));
		return result;
	}
	if (field->kind == FIELD_MESSAGE)
		result = put_message(maker, field->message, place, path);
	else
		result = put_bytes(maker, field, place, path);
	if (result || (written(maker) == before && !always))
		return result;
	return put_head(maker, field->number, before);
}

/* An array's values, the last one first. */
static int put_list(struct maker *maker, const struct field *field, uint32_t place,
		    const struct place *path)
{
	const struct node *nodes = maker->tree.nodes;
	bool packed = field_wire(field) != MESSAGE_BYTES;
	struct place element = { .parent = path, .element = nodes[place].length };
	size_t before = written(maker);
	uint64_t bits;
	int result = 0;

	if (nodes[place].kind != NODE_ARRAY)
		return refuse(maker, place, path, "%s stands where an array should",
			      node_name(nodes[place].kind));
	for (uint32_t at = nodes[place].last; at && !result; at = nodes[at].previous) {
		element.element--;
		if (packed) {
			result = read_number(maker, field, at, &element, &bits);
			if (!result)
				result = put_number(maker, field, bits);
		} else {
			result = put_value(maker, field, at, &element);
		}
	}
	if (result || !packed || written(maker) == before)
		return result;
	return put_head(maker, field->number, before);
}

/* Where each field's value is; 0: nowhere. Of a name that stands twice the last value counts. */
static int find_values(struct maker *maker, const struct field *fields, uint32_t place,
		       const struct place *path, uint32_t values[FIELD_COUNT_LIMIT])
{
	const struct tree *tree = &maker->tree;
	int choice = -1;

	memset(values, 0, FIELD_COUNT_LIMIT * sizeof(*values));
	for (uint32_t at = place + 1; at < tree->nodes[place].end; at = tree_next(tree, at + 1)) {
		const struct node *key = &tree->nodes[at];
		int field = field_by_name(fields, tree_text(tree, key), key->length);

		if (field >= 0)
			values[field] = tree->nodes[at + 1].kind == NODE_NULL ? 0 : at + 1;
	}
	for (int field = 0; fields[field].name; field++) {
		if (!values[field] || !(fields[field].flags & FIELD_CHOICE))
			continue;
		if (choice >= 0)
			return refuse(maker, place, path, "it has both %s and %s",
				      fields[choice].name, fields[field].name);
		choice = field;
	}
	return 0;
}

static int put_fields(struct maker *maker, const struct field *fields, uint32_t place,
		      const struct place *path)
{
	uint32_t values[FIELD_COUNT_LIMIT];
	int field = FIELD_COUNT_LIMIT, result = find_values(maker, fields, place, path, values);

	while (!result && field--) {
		struct place here = { .parent = path };

		if (!values[field])
			continue;
		here.name = fields[field].name;
		if (fields[field].flags & FIELD_REPEATED)
			result = put_list(maker, &fields[field], values[field], &here);
		else
			result = put_value(maker, &fields[field], values[field], &here);
	}
	return result;
}

static int put_message(struct maker *maker, uint8_t kind, uint32_t place, const struct place *path)
{
	uint8_t found = maker->tree.nodes[place].kind;
	int result;

	if (found != NODE_OBJECT)
		return refuse(maker, place, path, "%s stands where an object should",
			      node_name(found));
	if (maker->depth == MESSAGE_DEPTH_LIMIT)
		return refuse(maker, place, path, "nested deeper than %d messages",
			      MESSAGE_DEPTH_LIMIT);
	maker->depth++;
	result = put_fields(maker, message_fields(kind), place, path);
	maker->depth--;
	return result;
}

/* ---- the whole --------------------------------------------------------------------------- */

static int parse(struct maker *maker, const char *json, size_t length, size_t memory_limit_bytes)
{
	struct tree_error error = { 0 };
	int result = tree_parse(&maker->tree, json, length, memory_limit_bytes, &error);

	if (result == -EMSGSIZE)
		(void)snprintf(maker->error->text, sizeof(maker->error->text),
			       "taking it apart needs more than %zu bytes", memory_limit_bytes);
	if (result == -EBADMSG) {
		error_place(maker->error, json, error.offset < length ? error.offset : length);
		(void)snprintf(maker->error->text, sizeof(maker->error->text), "%s", error.text);
	}
	return result;
}

/* Which of the three requests a document is. */
static int choose(struct maker *maker, enum otlp_message *ret_message)
{
	const struct place root = { 0 };
	const struct tree *tree = &maker->tree;
	int found = -1;

	for (uint32_t at = 1; tree->nodes[0].kind == NODE_OBJECT && at < tree->node_count;
	     at = tree_next(tree, at + 1)) {
		const struct node *key = &tree->nodes[at];

		for (int message = OTLP_LOGS; message <= OTLP_METRICS; message++) {
			const struct field *fields = message_fields(message_kind(message));

			if (field_by_name(fields, tree_text(tree, key), key->length) < 0 ||
			    tree->nodes[at + 1].kind == NODE_NULL)
				continue;
			if (found >= 0 && found != message)
				return refuse(maker, at, &root, "more than one signal is in it");
			found = message;
		}
	}
	if (found < 0)
		return refuse(maker, 0, &root,
			      "neither resourceLogs, resourceSpans nor resourceMetrics is in it");
	*ret_message = (enum otlp_message)found;
	return 0;
}

/* message: NULL: the one that *ret_message becomes. */
static int make(const enum otlp_message *message, const char *json, size_t length,
		size_t memory_limit_bytes, enum otlp_message *ret_message, struct buffer *buffer,
		struct otlp_json_error *ret_error)
{
	struct otlp_json_error error = { 0 };
	struct maker maker = { .memory = buffer->data, .capacity = buffer->capacity };
	enum otlp_message chosen = message ? *message : OTLP_LOGS;
	const struct place root = { 0 };
	int result;

	buffer->length = 0;
	maker.error = &error;
	if (buffer->capacity)
		maker.writer.at = maker.memory + maker.capacity;
	result = parse(&maker, json, length, memory_limit_bytes);
	if (!result && !message)
		result = choose(&maker, &chosen);
	if (!result)
		result = make_room(&maker, length / 2 + 512);
	if (!result)
		result = put_message(&maker, message_kind(chosen), 0, &root);
	tree_release(&maker.tree);
	buffer->data = maker.memory;
	buffer->capacity = maker.capacity;
	if (result) {
		*ret_error = error;
		return result;
	}
	buffer->length = written(&maker);
	memmove(buffer->data, maker.writer.at, buffer->length);
	if (ret_message)
		*ret_message = chosen;
	return 0;
}

int otlp_from_json(enum otlp_message message, const char *json, size_t length,
		   size_t memory_limit_bytes, struct buffer *buffer,
		   struct otlp_json_error *ret_error)
{
	return make(&message, json, length, memory_limit_bytes, NULL, buffer, ret_error);
}

int otlp_data_from_json(const char *json, size_t length, size_t memory_limit_bytes,
			enum otlp_message *ret_message, struct buffer *buffer,
			struct otlp_json_error *ret_error)
{
	return make(NULL, json, length, memory_limit_bytes, ret_message, buffer, ret_error);
}

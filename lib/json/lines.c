// SPDX-License-Identifier: Apache-2.0
/* Batches as JSON lines: one object a row, written straight from the columns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lines.h"
#include "nested.h"
#include "program.h"

enum { MEMORY_SLOTS = 128 };

/* Values that are dear to write and often the same, as written for an earlier row of the batch. */
struct memory {
	const struct sonde_column *column;
	uint32_t code, start, length;
};

struct lines {
	struct sonde_instance *instance;
	bool schema;
	struct program program;
	struct json opening;
	struct json_clock clock;
	struct nested_scratch scratch;
	struct json remembered;
	struct memory memories[MEMORY_SLOTS];
};

struct lines *lines_create(struct sonde_instance *instance, bool schema)
{
	struct lines *lines = calloc(1, sizeof(*lines));

	if (lines) {
		lines->instance = instance;
		lines->schema = schema;
	}
	return lines;
}

void lines_release(struct lines *lines)
{
	if (!lines)
		return;
	lines_program_release(&lines->program);
	json_release(&lines->opening);
	json_release(&lines->remembered);
	nested_scratch_release(&lines->scratch);
	free(lines);
}

/* ---- values ------------------------------------------------------------------------------ */

static int64_t load_integer(const void *value, uint32_t type)
{
	union {
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
	} as;

	switch (type) {
	case SONDE_I8:
		memcpy(&as.i8, value, sizeof(as.i8));
		return as.i8;
	case SONDE_I16:
		memcpy(&as.i16, value, sizeof(as.i16));
		return as.i16;
	case SONDE_I32:
		memcpy(&as.i32, value, sizeof(as.i32));
		return as.i32;
	default:
		memcpy(&as.i64, value, sizeof(as.i64));
		return as.i64;
	}
}

static uint64_t load_unsigned(const void *value, uint32_t type)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} as;

	switch (type) {
	case SONDE_U8:
		memcpy(&as.u8, value, sizeof(as.u8));
		return as.u8;
	case SONDE_U16:
		memcpy(&as.u16, value, sizeof(as.u16));
		return as.u16;
	case SONDE_U32:
		memcpy(&as.u32, value, sizeof(as.u32));
		return as.u32;
	default:
		memcpy(&as.u64, value, sizeof(as.u64));
		return as.u64;
	}
}

static double load_double(const void *value)
{
	double number;

	memcpy(&number, value, sizeof(number));
	return number;
}

/* A value of fixed size; NULL: the type is not one of those. */
static inline char *put_fixed(char *at, uint32_t type, const void *value, struct json_clock *clock)
{
	switch (type) {
	case SONDE_BOOL:
		if (*(const unsigned char *)value) {
			memcpy(at, "true", 4);
			return at + 4;
		}
		memcpy(at, "false", 5);
		return at + 5;
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_I32:
	case SONDE_I64:
	case SONDE_DURATION:
		return json_put_integer(at, load_integer(value, type));
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
	case SONDE_U64:
		return json_put_unsigned(at, load_unsigned(value, type));
	case SONDE_DOUBLE:
		return json_put_double(at, load_double(value));
	case SONDE_TIME:
		return json_put_time(at, load_integer(value, SONDE_I64), clock);
	case SONDE_ID8:
		return json_put_hex(at, value, 8);
	case SONDE_ID16:
		return json_put_hex(at, value, 16);
	default:
		return NULL;
	}
}

/* A nested value or metric, from memory where an earlier row had the same. */
static void write_encoded(struct lines *lines, const struct sonde_column *column, uint32_t row,
			  struct json *out)
{
	struct sonde_text text = sonde_text_at(column, row);
	struct memory *memory;
	size_t start = out->length;
	uint32_t code;
	char *at;

	memcpy(&code, sonde_value(column, row), sizeof(code));
	memory = &lines->memories[(code ^ (uintptr_t)column >> 4) % MEMORY_SLOTS];
	if (memory->column == column && memory->code == code) {
		at = json_room(out, memory->length);
		if (at) {
			memcpy(at, lines->remembered.data + memory->start, memory->length);
			out->length += memory->length;
		}
		return;
	}
	if (column->role == SONDE_ROLE_METRIC)
		nested_write_metric(&lines->scratch, lines->instance, text, out);
	else
		nested_write_any(&lines->scratch, lines->instance, text, out);
	if (out->failed || !lines->remembered.capacity ||
	    lines->remembered.capacity - lines->remembered.length < out->length - start)
		return;
	memory->column = column;
	memory->code = code;
	memory->start = (uint32_t)lines->remembered.length;
	memory->length = (uint32_t)(out->length - start);
	memcpy(lines->remembered.data + memory->start, out->data + start, memory->length);
	lines->remembered.length += memory->length;
}

static void write_varying(struct lines *lines, const struct sonde_column *column, uint32_t row,
			  struct json *out)
{
	const void *value = sonde_value(column, row);
	struct sonde_text text;

	out->comma = false;
	switch (column->type) {
	case SONDE_TEXT:
		text = sonde_text_at(column, row);
		json_text_length(out, text.data, text.length);
		return;
	case SONDE_BYTES:
		if (column->role == SONDE_ROLE_METRIC) {
			write_encoded(lines, column, row, out);
			return;
		}
		text = sonde_text_at(column, row);
		json_base64(out, text.data, text.length);
		return;
	case SONDE_ANY:
		write_encoded(lines, column, row, out);
		return;
	case SONDE_EXPONENTIAL:
		nested_write_exponential(column, value, out);
		return;
	case SONDE_EXPLICIT:
		nested_write_explicit(column, value, out);
		return;
	case SONDE_QUANTILES:
		nested_write_quantiles(column, value, out);
		return;
	default: /* a type of a later interface: its bytes */
		json_hex(out, value, column->value_size);
	}
}

void lines_write_value(struct lines *lines, const struct sonde_column *column, uint32_t row,
		       struct json *out)
{
	char *at;

	out->comma = false;
	if (!sonde_valid(column, row)) {
		json_null(out);
		return;
	}
	at = json_room(out, JSON_TIME_SIZE);
	at = at ? put_fixed(at, column->type, sonde_value(column, row), &lines->clock) : NULL;
	if (at)
		out->length = (size_t)(at - out->data);
	else if (!out->failed)
		write_varying(lines, column, row, out);
}

/* ---- rows -------------------------------------------------------------------------------- */

static inline char *copy_block(char *at, const char *from, uint32_t length)
{
	memcpy(at, from, PROGRAM_SLACK);
	if (length > PROGRAM_SLACK)
		memcpy(at + PROGRAM_SLACK, from + PROGRAM_SLACK, length - PROGRAM_SLACK);
	return at + length;
}

/* Room for `bytes` and for all that is of fixed size in the row; NULL when memory is refused. */
static inline char *room_at(struct json *out, char *at, size_t bytes)
{
	if (out->capacity - (size_t)(at - out->data) >= bytes)
		return at;
	out->length = (size_t)(at - out->data);
	return json_room(out, bytes);
}

static inline char *put_value(struct lines *lines, const struct program *program,
			      const struct step *step, uint32_t row, struct json *out, char *at)
{
	const struct sonde_column *column = step->column;
	struct sonde_text text;
	char *end;

	if (step->type == SONDE_TEXT) {
		text = sonde_text_at(column, row);
		at = room_at(out, at, JSON_TEXT_SIZE(text.length) + program->fixed_bytes);
		return at ? json_put_text(at, text.data, text.length) : NULL;
	}
	end = put_fixed(at, step->type, sonde_value(column, row), &lines->clock);
	if (end)
		return end;
	out->length = (size_t)(at - out->data);
	write_varying(lines, column, row, out);
	return out->failed ? NULL : json_room(out, program->fixed_bytes);
}

static char *put_children(struct lines *lines, const struct program *child, uint32_t parent,
			  struct json *out, char *at, size_t rest_bytes);

/* Writes the members of a row, each with a comma before it. NULL when memory is refused. */
static char *put_members(struct lines *lines, const struct program *program, uint32_t row,
			 struct json *out, char *at)
{
	const char *texts = program->texts.data;
	size_t open_key = 0, open_place = 0; /* of the object that is open, in out */

	for (const struct step *step = program->steps, *end = step + program->step_count;
	     step < end && at; step++) {
		switch (step->kind) {
		case STEP_VALUE:
			if (!sonde_valid(step->column, row))
				continue;
			at = copy_block(at, texts + step->text, step->text_length);
			at = put_value(lines, program, step, row, out, at);
			continue;
		case STEP_OPEN:
			open_key = (size_t)(at - out->data);
			at = copy_block(at, texts + step->text, step->text_length);
			open_place = (size_t)(at - out->data);
			continue;
		case STEP_CLOSE:
			if (at == out->data + open_place) {
				at = out->data + open_key;
				continue;
			}
			out->data[open_place] = '{';
			*at++ = '}';
			continue;
		case STEP_CHILDREN:
			if (!program->children[step->child].first[row])
				continue;
			at = copy_block(at, texts + step->text, step->text_length);
			at = put_children(lines, &program->children[step->child], row, out, at,
					  program->fixed_bytes);
			continue;
		default:
			at = copy_block(at, texts + step->text, step->text_length);
		}
	}
	return at;
}

/* A row as an object: its members' first comma becomes the bracket. */
static inline char *put_object(struct lines *lines, const struct program *program, uint32_t row,
			       struct json *out, char *at)
{
	size_t start = (size_t)(at - out->data);

	at = put_members(lines, program, row, out, at);
	if (!at)
		return NULL;
	if (at == out->data + start)
		at++;
	out->data[start] = '{';
	*at++ = '}';
	return at;
}

static char *put_children(struct lines *lines, const struct program *child, uint32_t parent,
			  struct json *out, char *at, size_t rest_bytes)
{
	char separator = '[';

	for (uint32_t row = child->first[parent]; row; row = child->next[row - 1]) {
		at = room_at(out, at, child->fixed_bytes + rest_bytes);
		if (!at)
			return NULL;
		*at++ = separator;
		separator = ',';
		at = put_object(lines, child, row - 1, out, at);
		if (!at)
			return NULL;
	}
	at = room_at(out, at, rest_bytes);
	if (at)
		*at++ = ']';
	return at;
}

static void write_constant(void *data, const struct sonde_column *column, struct json *out)
{
	lines_write_value(data, column, 0, out);
}

/* ,"schema":"name" */
static void write_opening(struct lines *lines, const char *schema)
{
	json_clear(&lines->opening);
	if (!lines->schema)
		return;
	lines->opening.comma = true;
	json_key(&lines->opening, "schema");
	json_text(&lines->opening, schema);
}

int lines_bind(struct lines *lines, const struct sonde_batch *batch)
{
	write_opening(lines, batch->schema);
	memset(lines->memories, 0, sizeof(lines->memories));
	json_clear(&lines->remembered);
	if (!json_room(&lines->remembered, 16384)) /* it does not grow: texts beyond are not kept */
		json_clear(&lines->remembered);
	if (lines->opening.failed ||
	    lines_program_compile(&lines->program, batch, lines->opening.data,
				  lines->opening.length, write_constant, lines) < 0)
		return -ENOMEM;
	return 0;
}

/* The line of a row; `at` may be NULL, when memory was refused before. */
static inline char *put_line(struct lines *lines, uint32_t row, struct json *out, char *at)
{
	at = at ? room_at(out, at, lines->program.fixed_bytes) : NULL;
	at = at ? put_object(lines, &lines->program, row, out, at) : NULL;
	if (at)
		*at++ = '\n';
	return at;
}

static int end_lines(struct json *out, size_t start, const char *at)
{
	out->length = at ? (size_t)(at - out->data) : start;
	out->failed = false;
	return at ? 0 : -ENOMEM;
}

int lines_row(struct lines *lines, uint32_t row, struct json *out)
{
	size_t start = out->length;
	char *at = json_room(out, lines->program.fixed_bytes);

	return end_lines(out, start, put_line(lines, row, out, at));
}

int lines_write(struct lines *lines, const struct sonde_batch *batch, struct json *out)
{
	size_t start = out->length;
	char *at;

	if (lines_bind(lines, batch) < 0)
		return -ENOMEM;
	at = json_room(out, lines->program.fixed_bytes);
	for (uint32_t row = 0; row < batch->row_count && at; row++) {
		if (sonde_selected(batch, row))
			at = put_line(lines, row, out, at);
	}
	return end_lines(out, start, at);
}

// SPDX-License-Identifier: Apache-2.0
/* What writing a row of a table as an OTLP message takes, worked out once: steps over columns, with
 * the bytes before their values ready. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "encode_fields.h"
#include "encode_value.h"
#include "fields.h"

enum {
	PREFIX_LIMIT = 64,               /* longer ones are written piece by piece */
	STEP_BYTES = PREFIX_LIMIT + 128, /* what a step writes without asking */
	REMEMBERED_ROWS = 64,            /* it is not worth it for fewer */
};

const unsigned char step_no_value[1];

struct step *program_add(struct program *program, enum step_kind kind, uint32_t number)
{
	struct step *steps, *step;

	if (program->step_count == program->step_capacity) {
		uint32_t capacity = program->step_capacity ? program->step_capacity * 2 : 16;

		steps = reallocarray(program->steps, capacity, sizeof(*steps));
		if (!steps)
			return NULL;
		program->steps = steps;
		program->step_capacity = capacity;
	}
	step = &program->steps[program->step_count++];
	*step = (struct step){ .kind = (uint8_t)kind,
			       .number = (uint8_t)number,
			       .base = step_no_value };
	program->fixed_bytes += STEP_BYTES;
	return step;
}

/* Keeps bytes with OUTPUT_SLACK before them; false: no memory. */
static bool keep_bytes(struct program *program, struct step *step, const void *data, size_t length)
{
	size_t place = program->byte_count + OUTPUT_SLACK;

	if (place + length > UINT32_MAX / 4)
		return false;
	if (place + length > program->byte_capacity) {
		size_t capacity = 2 * (place + length);
		unsigned char *bytes = realloc(program->bytes, capacity);

		if (!bytes)
			return false;
		memset(bytes + program->byte_capacity, 0, capacity - program->byte_capacity);
		program->bytes = bytes;
		program->byte_capacity = (uint32_t)capacity;
	}
	memcpy(program->bytes + place, data, length);
	step->bytes = (uint32_t)place;
	step->byte_count = (uint32_t)length;
	program->byte_count = (uint32_t)(place + length);
	return true;
}

/* The AnyValue field of a type, its tag's last byte before the value; 0: the value is one. */
static uint32_t any_tag(uint32_t type)
{
	switch (type) {
	case SONDE_TEXT:
	case SONDE_ID8:
	case SONDE_ID16:
		return ANY_TEXT << 3 | MESSAGE_BYTES;
	case SONDE_BYTES:
		return ANY_BYTES << 3 | MESSAGE_BYTES;
	case SONDE_DOUBLE:
		return ANY_DOUBLE << 3 | MESSAGE_FIXED64;
	case SONDE_BOOL:
		return ANY_BOOL << 3 | MESSAGE_VARINT;
	case SONDE_ANY:
		return 0;
	default:
		return ANY_INTEGER << 3 | MESSAGE_VARINT;
	}
}

/* Bytes of a value whose length does not depend on the row. */
static uint32_t value_length(uint32_t type)
{
	switch (type) {
	case SONDE_ID8:
		return 16;
	case SONDE_ID16:
		return 32;
	case SONDE_DOUBLE:
		return 8;
	default:
		return 0;
	}
}

/* All of an attribute in front of its value: tag, length, key, tag, length, tag, and of texts the
 * length; the lengths are those of an empty value, or of the only length that there is. 0: it is
 * too long to be ready. */
static uint32_t write_prefix(unsigned char prefix[PREFIX_LIMIT], uint32_t number,
			     const struct sonde_column *column, uint32_t *ret_rest)
{
	size_t key_length = strlen(column->name);
	uint32_t tag = any_tag(column->type), value = value_length(column->type);
	uint32_t inner = 0; /* bytes of the AnyValue in the prefix */
	unsigned char *at = prefix;

	if (tag)
		inner = (tag & 7) == MESSAGE_BYTES ? 2 : 1;
	if (key_length + 8 > PREFIX_LIMIT || key_length + 6 + inner + value >= 0x80)
		return 0;
	*ret_rest = (uint32_t)(key_length ? key_length + 2 : 0) + 2 + inner;
	*at++ = (unsigned char)(number << 3 | MESSAGE_BYTES);
	*at++ = (unsigned char)(*ret_rest + value);
	if (key_length) {
		*at++ = PAIR_KEY << 3 | MESSAGE_BYTES;
		*at++ = (unsigned char)key_length;
		memcpy(at, column->name, key_length);
		at += key_length;
	}
	*at++ = PAIR_VALUE << 3 | MESSAGE_BYTES;
	*at++ = (unsigned char)(inner + value);
	if (tag)
		*at++ = (unsigned char)tag;
	if (inner == 2)
		*at++ = (unsigned char)value;
	return (uint32_t)(at - prefix);
}

void step_take(struct step *step, const struct sonde_column *column)
{
	step->column = column;
	step->base = column->base;
	step->valid = column->valid;
	step->stride = column->stride;
}

static bool add_column(struct program *program, enum message_kind message,
		       const struct sonde_column *column)
{
	unsigned char prefix[PREFIX_LIMIT];
	struct field_rule rule;
	uint32_t length, rest;
	struct step *step;

	if (!field_rule_of(message, column, &rule))
		return true;
	step = program_add(program, rule.kind, rule.number);
	if (!step)
		return false;
	step_take(step, column);
	if (rule.kind != STEP_ATTRIBUTE)
		return true;
	length = write_prefix(prefix, rule.number, column, &rest);
	if (!length)
		return true;
	step->kind = (uint8_t)column->type;
	step->prefix_length = (uint8_t)length;
	step->rest = (uint8_t)rest;
	return keep_bytes(program, step, prefix, length);
}

/* ---- columns that others go by ----------------------------------------------------------- */

/* A memory that is empty; NULL: none was to be had, which costs time only. */
static struct step_memory *add_memory(struct program *program)
{
	struct step_memory *memory, **grown;

	if (program->memory_count == program->memory_capacity) {
		grown = reallocarray(program->memories, program->memory_capacity + 1,
				     sizeof(*program->memories));
		if (!grown)
			return NULL;
		program->memories = grown;
		memory = calloc(1, sizeof(*memory));
		if (!memory)
			return NULL;
		program->memories[program->memory_capacity++] = memory;
	}
	memory = program->memories[program->memory_count++];
	memset(memory->codes, 0xff, sizeof(memory->codes));
	memory->has_long = false;
	memory->miss_count = 0;
	return memory;
}

/* Texts that repeat by their codes are worked out once for each code. */
static void remember_texts(struct program *program)
{
	program->memory_count = 0;
	for (uint32_t i = 0; i < program->step_count; i++) {
		struct step *step = &program->steps[i];

		if (program->batch->row_count < REMEMBERED_ROWS || !step->column ||
		    !step->column->dictionary || !step->column->dictionary->distinct)
			continue;
		if (step->kind != SONDE_TEXT && step->kind != SONDE_BYTES &&
		    step->kind != SONDE_ANY && step->kind != STEP_TEXT && step->kind != STEP_BODY &&
		    step->kind != STEP_PAIRS)
			continue;
		step->memory = add_memory(program);
		step->plain = step->kind;
		if (step->memory)
			step->kind = STEP_REMEMBERED;
	}
}

static bool step_is_plain(const struct step *step)
{
	switch (step->kind) {
	case STEP_LITERAL:
	case STEP_REMEMBERED:
	case STEP_FIXED64:
	case STEP_FIXED32:
	case STEP_VARINT:
	case STEP_TEXT:
	case STEP_ID8:
	case STEP_ID16:
		return true;
	default:
		return step->kind < STEP_LITERAL;
	}
}

/* Puts the steps that are plain before the others. */
static void part_steps(struct program *program)
{
	program->plain_count = 0;
	for (uint32_t i = 0; i < program->step_count; i++) {
		struct step step = program->steps[i];

		if (!step_is_plain(&step))
			continue;
		memmove(&program->steps[program->plain_count + 1],
			&program->steps[program->plain_count],
			(i - program->plain_count) * sizeof(step));
		program->steps[program->plain_count++] = step;
	}
}

/* To which scope the columns of a message belong. */
static uint32_t message_scope(enum message_kind message)
{
	if (message == MESSAGE_RESOURCE)
		return SONDE_SCOPE_RESOURCE;
	return message == MESSAGE_SCOPE ? SONDE_SCOPE_SCOPE : SONDE_SCOPE_ROW;
}

/* The first column of a role and a type (NONE: of any); NULL: there is none. */
static const struct sonde_column *typed_column(const struct sonde_batch *batch, uint32_t scope,
					       uint32_t role, uint32_t type)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == role && column->scope == scope)
			return !type || column->type == type ? column : NULL;
	}
	return NULL;
}

static const struct sonde_column *row_column(const struct sonde_batch *batch, uint32_t role,
					     uint32_t type)
{
	return typed_column(batch, SONDE_SCOPE_ROW, role, type);
}

static bool is_threshold(const struct sonde_column *column)
{
	return column->role == SONDE_ROLE_ATTRIBUTE && column->scope == SONDE_SCOPE_ROW &&
	       column->type == SONDE_TEXT && !strcmp(column->name, "sampling.threshold");
}

static void find_columns(struct program *program, enum message_kind message)
{
	const struct sonde_batch *batch = program->batch;
	struct program_columns *columns = &program->columns;

	memset(columns, 0, sizeof(*columns));
	if (message == MESSAGE_RESOURCE || message == MESSAGE_SCOPE)
		columns->schema_url = typed_column(batch, message_scope(message),
						   SONDE_ROLE_SCHEMA_URL, SONDE_TEXT);
	if (message == MESSAGE_EXEMPLAR)
		columns->measure =
			typed_column(batch, SONDE_SCOPE_ROW, SONDE_ROLE_METRIC, SONDE_TEXT);
	if (message != MESSAGE_SPAN && message != MESSAGE_LOG)
		return;
	columns->weight = row_column(batch, SONDE_ROLE_WEIGHT, SONDE_NONE);
	for (uint32_t i = 0; message == MESSAGE_LOG && i < batch->column_count; i++) {
		if (is_threshold(sonde_column(batch, i)))
			columns->threshold = sonde_column(batch, i);
	}
	if (message != MESSAGE_SPAN)
		return;
	columns->status_code = row_column(batch, SONDE_ROLE_STATUS_CODE, SONDE_NONE);
	if (columns->status_code && !value_is_integer(columns->status_code->type))
		columns->status_code = NULL;
	columns->status_message = row_column(batch, SONDE_ROLE_STATUS_MESSAGE, SONDE_TEXT);
	columns->start = row_column(batch, SONDE_ROLE_START_TIME, SONDE_TIME);
	columns->end = row_column(batch, SONDE_ROLE_END_TIME, SONDE_TIME);
	columns->time = row_column(batch, SONDE_ROLE_TIME, SONDE_TIME);
	columns->duration = row_column(batch, SONDE_ROLE_DURATION, SONDE_DURATION);
	columns->trace_state = row_column(batch, SONDE_ROLE_TRACE_STATE, SONDE_TEXT);
}

static bool step_add_id(struct program *program, uint32_t role, uint32_t type, uint32_t kind,
			uint32_t number)
{
	const struct sonde_column *column = row_column(program->batch, role, type);
	struct step *step = program_add(program, kind, number);

	if (!step)
		return false;
	step->column = column;
	if (!column)
		return true;
	step->base = column->base;
	step->stride = column->stride;
	if (!column->valid) /* no row is without one */
		step->kind = type == SONDE_ID8 ? STEP_ID8 : STEP_ID16;
	return true;
}

/* Whether both times of a span are what their columns say. */
static bool times_are_plain(const struct program_columns *columns)
{
	if (!columns->time && !columns->duration)
		return true;
	return columns->start && !columns->start->valid && columns->end && !columns->end->valid;
}

/* What several columns of a span make together, and what it must not be without. */
static bool add_span_steps(struct program *program)
{
	const struct program_columns *columns = &program->columns;

	if (!step_add_id(program, SONDE_ROLE_TRACE_ID, SONDE_ID16, STEP_TRACE, SPAN_TRACE_ID) ||
	    !step_add_id(program, SONDE_ROLE_SPAN_ID, SONDE_ID8, STEP_SPAN, SPAN_SPAN_ID))
		return false;
	if (columns->weight && !program_add(program, STEP_STATE, SPAN_TRACE_STATE))
		return false;
	if (!times_are_plain(columns) && !program_add(program, STEP_TIMES, SPAN_START_TIME))
		return false;
	return (!columns->status_code && !columns->status_message) ||
	       program_add(program, STEP_STATUS, SPAN_STATUS);
}

/* Whether a column is written by a step of several columns. */
static bool column_is_taken(const struct program *program, enum message_kind message,
			    const struct sonde_column *column)
{
	const struct program_columns *columns = &program->columns;

	if (message == MESSAGE_LOG)
		return columns->weight && column == columns->threshold;
	if (message != MESSAGE_SPAN)
		return false;
	if (column == columns->time || column == columns->duration)
		return true;
	if (column == columns->start || column == columns->end)
		return !times_are_plain(columns);
	return columns->weight && column == columns->trace_state;
}

/* ---- programs ---------------------------------------------------------------------------- */

static void sort_steps(struct program *program)
{
	for (uint32_t i = 1; i < program->step_count; i++) {
		struct step step = program->steps[i];
		uint32_t place = i;

		for (; place && program->steps[place - 1].number > step.number; place--)
			program->steps[place] = program->steps[place - 1];
		program->steps[place] = step;
	}
}

static void point_steps(struct program *program)
{
	for (uint32_t i = 0; i < program->step_count; i++) {
		struct step *step = &program->steps[i];

		if (step->byte_count)
			step->end = program->bytes + step->bytes + step->byte_count;
	}
}

/* Whether a step writes the same in all rows. */
static bool step_is_constant(const struct step *step)
{
	return step->column && column_is_constant(step->column) && step->kind != STEP_TRACE &&
	       step->kind != STEP_SPAN;
}

/* Steps that write the same in all rows, neighbours together, become literals. */
static bool fold_constants(struct program *program, struct otlp_encoder *encoder,
			   struct output *output)
{
	uint32_t count = 0;

	for (uint32_t i = 0, next; i < program->step_count; i = next) {
		struct step literal = { .kind = STEP_LITERAL,
					.number = program->steps[i].number,
					.base = step_no_value };

		next = i + 1;
		if (!step_is_constant(&program->steps[i])) {
			program->steps[count++] = program->steps[i];
			continue;
		}
		while (next < program->step_count && step_is_constant(&program->steps[next]))
			next++;
		output_cut(output, 0);
		for (uint32_t place = next; place > i; place--) {
			if (!output_room(output, STEP_BYTES) ||
			    !program_put_step(program, encoder, &program->steps[place - 1], 0,
					      output))
				return false;
		}
		if (!output_length(output))
			continue;
		if (!keep_bytes(program, &literal, output->writer.at, output_length(output)))
			return false;
		program->fixed_bytes += literal.byte_count;
		point_steps(program); /* the bytes may have moved */
		program->steps[count++] = literal;
	}
	program->step_count = count;
	return true;
}

int program_compile(struct program *program, struct otlp_encoder *encoder,
		    const struct sonde_batch *batch, enum message_kind kind)
{
	struct output output = { 0 };
	bool fine = true;

	program->batch = batch;
	program->step_count = 0;
	program->byte_count = 0;
	program->fixed_bytes = 2 * MESSAGE_HEAD_SIZE;
	find_columns(program, kind);
	for (uint32_t i = 0; i < batch->column_count && fine; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->scope == message_scope(kind) && !column_is_taken(program, kind, column))
			fine = add_column(program, kind, column);
	}
	if (fine && kind == MESSAGE_SPAN)
		fine = add_span_steps(program);
	if (fine && kind == MESSAGE_LOG && program->columns.weight)
		fine = program_add(program, STEP_THRESHOLD, LOG_ATTRIBUTES) != NULL;
	if (fine) {
		sort_steps(program);
		point_steps(program);
		fine = fold_constants(program, encoder, &output);
		point_steps(program);
		remember_texts(program);
		part_steps(program);
	}
	output_release(&output);
	return fine ? 0 : -ENOMEM;
}

static bool grow(uint32_t **array, uint32_t count, uint32_t *capacity)
{
	uint32_t *grown;

	if (count <= *capacity)
		return true;
	grown = reallocarray(*array, count, sizeof(**array));
	if (!grown)
		return false;
	*array = grown;
	*capacity = count;
	return true;
}

int program_thread(struct program *child, uint32_t parent_count)
{
	const struct sonde_column *parents =
		row_column(child->batch, SONDE_ROLE_PARENT_ROW, SONDE_U32);
	uint32_t row_count = parents ? child->batch->row_count : 0;

	if (!grow(&child->last, parent_count, &child->parent_capacity) ||
	    !grow(&child->previous, row_count, &child->row_capacity))
		return -ENOMEM;
	if (parent_count)
		memset(child->last, 0, parent_count * sizeof(*child->last));
	child->parent_count = parent_count;
	for (uint32_t row = 0; row < row_count; row++) {
		uint64_t parent = value_integer(sonde_value(parents, row), SONDE_U32);

		if (!sonde_valid(parents, row) || parent >= parent_count)
			continue;
		child->previous[row] = child->last[parent];
		child->last[parent] = row + 1;
	}
	return 0;
}

int program_adopt(struct program *program, const struct program *child, uint32_t number)
{
	struct step *step = program_add(program, STEP_CHILDREN, number);

	if (!step)
		return -ENOMEM;
	step->child = child;
	return 0;
}

void program_release(struct program *program)
{
	for (uint32_t i = 0; i < program->memory_capacity; i++)
		free(program->memories[i]);
	free(program->memories);
	free(program->steps);
	free(program->bytes);
	free(program->last);
	free(program->previous);
	memset(program, 0, sizeof(*program));
}

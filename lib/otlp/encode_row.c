// SPDX-License-Identifier: Apache-2.0
/* Runs the steps of one row, from its last field to its first, whatever they are. */
#include "encode_number.h"
#include "encode_put.h"
#include "encode_state.h"
#include "encode_value.h"
#include "fields.h"
#include "sampling.h"

/* ---- what several columns make, and what is rare ----------------------------------------- */

static bool valid_time(const struct sonde_column *column, uint32_t row, uint64_t *ret_time)
{
	if (!column || !sonde_valid(column, row))
		return false;
	*ret_time = load64(sonde_value(column, row));
	return true;
}

/* A span's times: END_TIME or START_TIME and DURATION or TIME; START_TIME or the end less DURATION
 * or TIME. */
static void put_times(const struct program *program, uint32_t row, struct output *output)
{
	const struct program_columns *columns = &program->columns;
	uint64_t start = 0, end = 0, duration = 0, time = 0;
	bool has_start = valid_time(columns->start, row, &start);
	bool has_end = valid_time(columns->end, row, &end);
	bool has_duration = valid_time(columns->duration, row, &duration);
	bool has_time = valid_time(columns->time, row, &time);

	if (!has_end && has_start && has_duration)
		end = start + duration;
	else if (!has_end && has_time)
		end = time;
	if (!has_start && has_duration && (has_end || has_time))
		start = end - duration;
	else if (!has_start && has_time)
		start = time;
	output->writer.at = put_fixed64(output->writer.at, SPAN_END_TIME, end);
	output->writer.at = put_fixed64(output->writer.at, SPAN_START_TIME, start);
}

static bool put_status(const struct program *program, uint32_t row, struct output *output)
{
	const struct sonde_column *code = program->columns.status_code;
	const struct sonde_column *message = program->columns.status_message;
	bool has_code = code && sonde_valid(code, row);
	bool has_message = message && sonde_valid(message, row);
	struct sonde_text text = { "", 0, 0 };
	size_t end = output_length(output);

	if (!has_code && !has_message)
		return true;
	if (has_message)
		text = sonde_text_at(message, row);
	if (!output_room(output, text.length + program->fixed_bytes))
		return false;
	if (has_code)
		output->writer.at = put_number(output->writer.at, STATUS_CODE,
					       value_integer(sonde_value(code, row), code->type));
	if (text.length)
		output_put_bytes(output, STATUS_MESSAGE, text.data, text.length);
	output_put_head(output, SPAN_STATUS, end);
	return true;
}

static bool put_state(const struct program *program, uint32_t row, struct output *output)
{
	const struct sonde_column *state = program->columns.trace_state;
	struct sonde_text before = { "", 0, 0 };
	uint64_t threshold, old;
	unsigned char *start;
	uint32_t length;

	if (state)
		before = sonde_text_at(state, row);
	length = before.length + STATE_GROWTH;
	if (!output_room(output, length + program->fixed_bytes))
		return false;
	start = output->writer.at - length;
	old = trace_state_read(before).threshold;
	threshold = threshold_of_weight(sonde_number_at(program->columns.weight, row), old);
	if (threshold == old) {
		length = before.length;
		memcpy(start, before.data, length);
	} else {
		length = trace_state_write(threshold, before, (char *)start);
	}
	if (!length)
		return true;
	memmove(output->writer.at - length, start, length);
	output->writer.at -= length;
	message_put_varint(&output->writer, length);
	message_put_tag(&output->writer, SPAN_TRACE_STATE, MESSAGE_BYTES);
	return true;
}

/* A log's weight, under the name that the collectors' own sampler gives it. */
static bool put_threshold(const struct program *program, uint32_t row, struct output *output)
{
	static const char key[] = "sampling.threshold";
	const struct sonde_column *column = program->columns.threshold;
	struct sonde_text before = { "", 0, 0 };
	size_t end = output_length(output);
	uint64_t threshold, old = 0;
	char digits[THRESHOLD_SIZE];
	uint32_t length;

	if (column)
		before = sonde_text_at(column, row);
	(void)threshold_read(before, &old);
	threshold = threshold_of_weight(sonde_number_at(program->columns.weight, row), old);
	if (threshold == old && column && sonde_valid(column, row))
		return value_put_pair(column, row, LOG_ATTRIBUTES, output) &&
		       output_room(output, program->fixed_bytes);
	if (threshold == old)
		return true;
	length = threshold_write(threshold, digits);
	output_put_bytes(output, ANY_TEXT, digits, length);
	output_put_head(output, PAIR_VALUE, end);
	output_put_bytes(output, PAIR_KEY, key, sizeof(key) - 1);
	output_put_head(output, LOG_ATTRIBUTES, end);
	return true;
}

static void put_random_id(struct otlp_encoder *encoder, uint32_t number, uint32_t length,
			  struct output *output)
{
	uint64_t words[2] = { encoder_random(encoder), encoder_random(encoder) };

	output->writer.at = put_id(output->writer.at, number, (const unsigned char *)words, length);
}

static bool put_children(const struct program *program, struct otlp_encoder *encoder,
			 const struct step *step, uint32_t parent, struct output *output)
{
	const struct program *child = step->child;

	if (parent >= child->parent_count)
		return true;
	for (uint32_t row = child->last[parent]; row; row = child->previous[row - 1]) {
		size_t end = output_length(output);

		if (!output_room(output, child->fixed_bytes) ||
		    !program_put(child, encoder, row - 1, output))
			return false;
		output_put_head(output, step->number, end);
	}
	return output_room(output, program->fixed_bytes);
}

/* Whether an exemplar belongs to a measure: wide ones say so by name; those that do not say are of
 * the first. */
static bool exemplar_fits(const struct otlp_encoder *encoder, const struct program *child,
			  const struct sonde_column *measure, uint32_t row)
{
	const struct sonde_column *name = child->columns.measure;
	struct sonde_text text;

	if (encoder->metric)
		return true;
	if (!name || !sonde_valid(name, row))
		return measure == encoder->measures[0].column;
	text = sonde_text_at(name, row);
	return text.length == strlen(measure->name) &&
	       !memcmp(text.data, measure->name, text.length);
}

static bool put_exemplars(const struct program *program, struct otlp_encoder *encoder,
			  const struct step *step, uint32_t parent, struct output *output)
{
	for (uint32_t i = encoder->child_count; i--;) {
		const struct program *child = &encoder->children[i];

		for (uint32_t row = child->last[parent]; row; row = child->previous[row - 1]) {
			size_t end = output_length(output);

			if (!exemplar_fits(encoder, child, step->column, row - 1))
				continue;
			if (!output_room(output, child->fixed_bytes) ||
			    !program_put(child, encoder, row - 1, output))
				return false;
			output_put_head(output, step->number, end);
		}
	}
	return output_room(output, program->fixed_bytes);
}

/* The value of a point, with the weight of its row if it has one. */
static bool put_value(const struct program *program, const struct otlp_encoder *encoder,
		      const struct sonde_column *column, uint32_t row, struct output *output)
{
	double weight = 1;

	if (encoder->scaled && sonde_valid(encoder->scaled, row))
		weight = sonde_number_at(encoder->scaled, row);
	return number_put(column, row, weight, output) && output_room(output, program->fixed_bytes);
}

static bool put_long_value(const struct program *program, const struct otlp_encoder *encoder,
			   uint32_t row, struct output *output)
{
	for (uint32_t i = 0; i < encoder->measure_count; i++) {
		if (sonde_valid(encoder->measures[i].column, row))
			return put_value(program, encoder, encoder->measures[i].column, row,
					 output);
	}
	return true;
}

static void put_exemplar_value(const struct step *step, uint32_t row, struct output *output)
{
	const unsigned char *value = step->base + (size_t)row * step->stride;

	if (step->column->type == SONDE_DOUBLE) {
		message_put_fixed64(&output->writer, load64(value));
		message_put_tag(&output->writer, EXEMPLAR_DOUBLE, MESSAGE_FIXED64);
	} else {
		message_put_fixed64(&output->writer, value_integer(value, step->column->type));
		message_put_tag(&output->writer, EXEMPLAR_INTEGER, MESSAGE_FIXED64);
	}
}

static bool put_body(const struct step *step, uint32_t row, struct output *output)
{
	size_t end = output_length(output);

	if (!value_put(step->column, row, output) || !output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, step->number, end);
	return true;
}

/* What asks for room; at the end there is room for the rest of the row again. */
static bool put_long(const struct program *program, const struct step *step, uint32_t row,
		     struct output *output)
{
	struct sonde_text text;
	bool fine;

	switch (step->kind) {
	case STEP_BODY:
		fine = put_body(step, row, output);
		break;
	case STEP_TEXT:
		text = sonde_text_at(step->column, row);
		fine = output_put_bytes(output, step->number, text.data, text.length);
		break;
	case STEP_PAIRS:
		text = sonde_text_at(step->column, row);
		fine = value_put_pairs(text, step->number, output);
		break;
	case STEP_ENTITIES:
		text = sonde_text_at(step->column, row);
		fine = value_put_entities(text, step->number, output);
		break;
	default:
		fine = value_put_pair(step->column, row, step->number, output);
	}
	return fine && output_room(output, program->fixed_bytes);
}

/* Steps that look at other columns than their own. */
static bool put_special(const struct program *program, struct otlp_encoder *encoder,
			const struct step *step, uint32_t row, struct output *output)
{
	switch (step->kind) {
	case STEP_STATUS:
		return put_status(program, row, output);
	case STEP_TIMES:
		put_times(program, row, output);
		return true;
	case STEP_STATE:
		return put_state(program, row, output);
	case STEP_THRESHOLD:
		return put_threshold(program, row, output);
	case STEP_CHILDREN:
		return put_children(program, encoder, step, row, output);
	case STEP_VALUE:
		return !sonde_bit(step->valid, row) ||
		       put_value(program, encoder, step->column, row, output);
	case STEP_LONG:
		return put_long_value(program, encoder, row, output);
	case STEP_EXEMPLARS:
		return put_exemplars(program, encoder, step, row, output);
	case STEP_TRACE:
		if (step->column && sonde_valid(step->column, row))
			output->writer.at = put_id(output->writer.at, step->number,
						   step->base + (size_t)row * step->stride, 16);
		else
			put_random_id(encoder, step->number, 16, output);
		return true;
	default: /* STEP_SPAN */
		if (step->column && sonde_valid(step->column, row))
			output->writer.at = put_id(output->writer.at, step->number,
						   step->base + (size_t)row * step->stride, 8);
		else
			put_random_id(encoder, step->number, 8, output);
		return true;
	}
}

/* ---- steps ------------------------------------------------------------------------------- */

/* Writes and remembers it. */
static bool put_unknown(const struct program *program, struct otlp_encoder *encoder,
			const struct step *step, uint32_t row, struct output *output)
{
	struct step_memory *memory = step->memory;
	uint32_t code = load32(step->base + (size_t)row * step->stride);
	uint32_t slot = code % MEMORY_SLOTS;
	size_t end = output_length(output), length;
	struct step plain = *step;

	plain.kind = step->plain;
	if (!program_put_step(program, encoder, &plain, row, output))
		return false;
	length = output_length(output) - end;
	if (length > MEMORY_BYTES || memory->miss_count > 4 * MEMORY_SLOTS)
		return true;
	memory->miss_count++;
	memory->codes[slot] = code;
	memory->lengths[slot] = (uint8_t)length;
	memory->has_long = memory->has_long || length > 64;
	memcpy(memory->bytes[slot] + MEMORY_BYTES - length, output->writer.at, length);
	return true;
}

/* What is short; NULL: it is not. */
static unsigned char *put_step(const struct step *step, uint32_t row, unsigned char *at)
{
	const unsigned char *value = step->base + (size_t)row * step->stride;

	switch (step->kind) {
	case SONDE_BOOL:
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_U8:
	case SONDE_U16:
		return put_integer(at, step, value_integer(value, step->kind));
	case SONDE_I32:
		return put_integer(at, step, (uint64_t)(int64_t)(int32_t)load32(value));
	case SONDE_U32:
		return put_integer(at, step, load32(value));
	case SONDE_I64:
	case SONDE_U64:
	case SONDE_TIME:
	case SONDE_DURATION:
		return put_integer(at, step, load64(value));
	case SONDE_DOUBLE:
		memcpy(at - 8, value, 8);
		return put_prefix(at - 8, step);
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		return put_text(at, step, row);
	case SONDE_ID8:
		return put_prefix(value_put_hex(at, value, 8), step);
	case SONDE_ID16:
		return put_prefix(value_put_hex(at, value, 16), step);
	case STEP_REMEMBERED:
		return put_remembered(at, step, load32(value));
	case STEP_LITERAL:
		memcpy(at - step->byte_count, step->end - step->byte_count, step->byte_count);
		return at - step->byte_count;
	case STEP_FIXED64:
		return put_fixed64(at, step->number, load64(value));
	case STEP_FIXED32:
		return put_fixed32(at, step->number,
				   (uint32_t)value_integer(value, step->column->type));
	case STEP_VARINT:
		return put_number(at, step->number, value_integer(value, step->column->type));
	case STEP_TEXT:
		return put_text_field(at, step, row);
	case STEP_ID8:
		return put_id(at, step->number, value, 8);
	case STEP_ID16:
		return put_id(at, step->number, value, 16);
	case STEP_SIGNED:
		return put_word(at, NUMBER_INTEGER, value_integer(value, step->column->type));
	case STEP_UNSIGNED:
		if (load64(value) > INT64_MAX)
			return NULL;
		return put_word(at, NUMBER_INTEGER, load64(value));
	case STEP_DOUBLE:
		return put_word(at, NUMBER_DOUBLE, load64(value));
	default:
		return NULL;
	}
}

bool program_put_step(const struct program *program, struct otlp_encoder *encoder,
		      const struct step *step, uint32_t row, struct output *output)
{
	unsigned char *at;

	if (step->kind >= STEP_STATUS)
		return put_special(program, encoder, step, row, output);
	if (!sonde_bit(step->valid, row))
		return true;
	if (step->kind == STEP_NUMBER) {
		put_exemplar_value(step, row, output);
		return true;
	}
	at = put_step(step, row, output->writer.at);
	if (!at && step->kind == STEP_UNSIGNED)
		return number_put(step->column, row, 1, output);
	if (!at && step->kind == STEP_REMEMBERED)
		return put_unknown(program, encoder, step, row, output);
	if (!at)
		return put_long(program, step, row, output);
	output->writer.at = at;
	return true;
}

bool program_put(const struct program *program, struct otlp_encoder *encoder, uint32_t row,
		 struct output *output)
{
	for (uint32_t place = program->step_count; place--;) {
		if (!program_put_step(program, encoder, &program->steps[place], row, output))
			return false;
	}
	return true;
}

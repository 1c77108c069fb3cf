// SPDX-License-Identifier: Apache-2.0
/* Runs the steps of a row, from its last field to its first: the inner loop of encoding. */
#include "encode_fields.h"
#include "encode_state.h"
#include "encode_value.h"
#include "encode_weight.h"
#include "fields.h"

/* ---- short pieces: the caller has made room ---------------------------------------------- */

static inline uint64_t load64(const unsigned char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline uint32_t load32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Seven bits into each byte of the last eight in front of `at`: what lies before the value's own
 * bytes is written over later. */
static inline unsigned char *put_varint(unsigned char *at, uint64_t value, uint32_t *ret_size)
{
	struct message_writer writer = { at };
	uint32_t size = (uint32_t)message_varint_size(value);
	uint64_t spread;

	*ret_size = size;
	if (size > 8) {
		message_put_varint(&writer, value);
		return writer.at;
	}
	spread = (value & UINT64_C(0x0fffffff)) | (value & UINT64_C(0xfffffff0000000)) << 4;
	spread = (spread & UINT64_C(0x00003fff00003fff)) | (spread & UINT64_C(0x0fffc0000fffc000))
								   << 2;
	spread = (spread & UINT64_C(0x007f007f007f007f)) | (spread & UINT64_C(0x3f803f803f803f80))
								   << 1;
	spread = spread << (64 - 8 * size) | UINT64_C(0x0080808080808080);
	spread = htole64(spread);
	memcpy(at - 8, &spread, 8);
	return at - size;
}

/* The prefix of an attribute: two blocks at most, as OUTPUT_SLACK has it. */
static inline unsigned char *put_prefix(unsigned char *at, const struct step *step)
{
	memcpy(at - 32, step->end - 32, 32);
	if (step->prefix_length > 32)
		memcpy(at - 64, step->end - 64, 32);
	return at - step->prefix_length;
}

static inline unsigned char *put_integer(unsigned char *at, const struct step *step, uint64_t value)
{
	uint32_t size;

	at = put_varint(at, value, &size);
	at = put_prefix(at, step);
	at[1] = (unsigned char)(step->rest + size);
	at[step->prefix_length - 2] = (unsigned char)(1 + size);
	return at;
}

/* A text of at most 127 bytes. */
static inline unsigned char *put_short_text(unsigned char *at, const char *data, uint32_t length)
{
	if (length >= 16) {
		for (uint32_t left = length; left > 16; left -= 16)
			memcpy(at - length + left - 16, data + left - 16, 16);
		memcpy(at - length, data, 16);
	} else if (length >= 8) {
		memcpy(at - 8, data + length - 8, 8);
		memcpy(at - length, data, 8);
	} else if (length >= 4) {
		memcpy(at - 4, data + length - 4, 4);
		memcpy(at - length, data, 4);
	} else {
		for (uint32_t place = 0; place < length; place++)
			at[(int64_t)place - length] = (unsigned char)data[place];
	}
	return at - length;
}

/* How many bytes of an attribute's prefix stand between the length of its AnyValue and its value.
 */
static inline uint32_t inner_length(uint32_t type)
{
	return type == SONDE_ANY ? 0 : 2;
}

/* NULL: it is too long for this. */
static inline unsigned char *put_text(unsigned char *at, const struct step *step, uint32_t row)
{
	struct sonde_text text =
		sonde_entry(step->column->dictionary, step->column->dictionary_length,
			    load32(step->base + (size_t)row * step->stride));
	uint32_t inner = inner_length(step->kind);

	if (step->rest + text.length >= 0x80)
		return NULL;
	at = put_short_text(at, text.data, text.length);
	at = put_prefix(at, step);
	at[1] = (unsigned char)(step->rest + text.length);
	at[step->prefix_length - 1] = (unsigned char)text.length;
	if (inner)
		at[step->prefix_length - 3] = (unsigned char)(inner + text.length);
	return at;
}

static inline unsigned char *put_fixed64(unsigned char *at, uint32_t number, uint64_t value)
{
	struct message_writer writer = { at };

	if (!value)
		return at;
	message_put_fixed64(&writer, value);
	message_put_tag(&writer, number, MESSAGE_FIXED64);
	return writer.at;
}

static inline unsigned char *put_fixed32(unsigned char *at, uint32_t number, uint32_t value)
{
	struct message_writer writer = { at };

	if (!value)
		return at;
	message_put_fixed32(&writer, value);
	message_put_tag(&writer, number, MESSAGE_FIXED32);
	return writer.at;
}

static inline unsigned char *put_number(unsigned char *at, uint32_t number, uint64_t value)
{
	struct message_writer writer = { at };

	if (value)
		message_put_field(&writer, number, value);
	return writer.at;
}

static inline unsigned char *put_id(unsigned char *at, uint32_t number, const unsigned char *id,
				    uint32_t length)
{
	at -= length;
	memcpy(at, id, length);
	at[-1] = (unsigned char)length;
	at[-2] = (unsigned char)(number << 3 | MESSAGE_BYTES);
	return at - 2;
}

/* A field of STEP_TEXT; NULL: it is too long for this. */
static inline unsigned char *put_text_field(unsigned char *at, const struct step *step,
					    uint32_t row)
{
	struct sonde_text text =
		sonde_entry(step->column->dictionary, step->column->dictionary_length,
			    load32(step->base + (size_t)row * step->stride));

	if (!text.length)
		return at;
	if (text.length >= 0x80)
		return NULL;
	at = put_short_text(at, text.data, text.length);
	at[-1] = (unsigned char)text.length;
	at[-2] = (unsigned char)(step->number << 3 | MESSAGE_BYTES);
	return at - 2;
}

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
	unsigned char *start;
	uint32_t length;

	if (state)
		before = sonde_text_at(state, row);
	length = before.length + STATE_GROWTH;
	if (!output_room(output, length + program->fixed_bytes))
		return false;
	start = output->writer.at - length;
	length = trace_state_write(sonde_number_at(program->columns.weight, row), before,
				   (char *)start);
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
	char digits[THRESHOLD_SIZE];
	uint32_t length;

	if (column)
		before = sonde_text_at(column, row);
	length = threshold_write(sonde_number_at(program->columns.weight, row), before, digits);
	if (!length && column && sonde_valid(column, row))
		return value_put_pair(column, row, LOG_ATTRIBUTES, output) &&
		       output_room(output, program->fixed_bytes);
	if (!length)
		return true;
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

/* What is short; NULL: it is not. */
static inline unsigned char *put_step(const struct step *step, uint32_t row, unsigned char *at)
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
	if (!at)
		return put_long(program, step, row, output);
	output->writer.at = at;
	return true;
}

bool program_put(const struct program *program, struct otlp_encoder *encoder, uint32_t row,
		 struct output *output)
{
	unsigned char *at = output->writer.at, *next;

	for (const struct step *step = program->steps + program->step_count;
	     step-- > program->steps;) {
		if (!sonde_bit(step->valid, row))
			continue;
		next = put_step(step, row, at);
		if (!next) {
			output->writer.at = at;
			if (!program_put_step(program, encoder, step, row, output))
				return false;
			next = output->writer.at;
		}
		at = next;
	}
	output->writer.at = at;
	return true;
}

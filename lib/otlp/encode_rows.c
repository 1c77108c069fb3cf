// SPDX-License-Identifier: Apache-2.0
/* Runs the steps of many rows column by column: the inner loop of encoding. Each row of a few has a
 * slot of its own, in which its fields grow to the front, so that a loop over a column knows all
 * but the value; then the rows go out one after the other. */
#include <stdlib.h>
#include "encode_put.h"
#include "encode_state.h"
#include "encode_value.h"

enum {
	LINE_BYTES = 64,
	SHORT_BYTES = 130, /* a text of 127 bytes, its tag and length */
	NUMBER_BYTES = 34, /* an id of 16 bytes in hexadecimal, its tag and length */
};

typedef unsigned char block __attribute__((vector_size(16)));

/* Rows on their way through the columns. */
struct lanes {
	const uint32_t *rows;
	uint32_t count;
	bool adjacent; /* the rows follow each other */
	bool any_odd;
	unsigned char *at[ENCODE_LANES]; /* what is written of a row begins here */
	bool odd[ENCODE_LANES];          /* it does not fit into its slot */
};

/* Takes `put_` of the value of each row that has one. */
#define EACH_LANE(lanes_, step_, put_)                                                             \
	if ((lanes_)->adjacent && !(step_).valid) {                                                \
		const unsigned char *value =                                                       \
			(step_).base + (size_t)(lanes_)->rows[0] * (step_).stride;                 \
                                                                                                   \
		for (uint32_t lane = 0; lane < (lanes_)->count; lane++, value += (step_).stride) { \
			unsigned char *at = (lanes_)->at[lane];                                    \
                                                                                                   \
			(lanes_)->at[lane] = (put_);                                               \
		}                                                                                  \
	} else {                                                                                   \
		for (uint32_t lane = 0; lane < (lanes_)->count; lane++) {                          \
			const uint32_t row = (lanes_)->rows[lane];                                 \
			const unsigned char *value = (step_).base + (size_t)row * (step_).stride;  \
			unsigned char *at = (lanes_)->at[lane];                                    \
                                                                                                   \
			if (sonde_bit((step_).valid, row))                                         \
				(lanes_)->at[lane] = (put_);                                       \
		}                                                                                  \
	}

/* The same for what can be too long, NULL then. */
#define EACH_LANE_OR_ODD(lanes_, step_, put_)                                                      \
	for (uint32_t lane = 0; lane < (lanes_)->count; lane++) {                                  \
		const uint32_t row = (lanes_)->rows[lane];                                         \
		unsigned char *at = (lanes_)->at[lane];                                            \
                                                                                                   \
		if (!sonde_bit((step_).valid, row))                                                \
			continue;                                                                  \
		at = (put_);                                                                       \
		if (at)                                                                            \
			(lanes_)->at[lane] = at;                                                   \
		else                                                                               \
			(lanes_)->odd[lane] = (lanes_)->any_odd = true;                            \
	}

/* ---- attributes that are integers -------------------------------------------------------- */

/* A prefix in registers: its last blocks. */
struct prefix {
	block last, before;
	uint32_t length, rest;
};

static inline struct prefix load_prefix(const struct step *step)
{
	struct prefix prefix = { .length = step->prefix_length, .rest = step->rest };

	memcpy(&prefix.last, step->end - 16, 16);
	memcpy(&prefix.before, step->end - 32, 16);
	return prefix;
}

/* An attribute whose prefix has 32 bytes at most. */
static inline __attribute__((always_inline)) unsigned char *
put_short_integer(unsigned char *at, struct prefix prefix, uint64_t value)
{
	uint32_t size;

	at = put_varint(at, value, &size);
	memcpy(at - 16, &prefix.last, 16);
	memcpy(at - 32, &prefix.before, 16);
	at -= prefix.length;
	at[1] = (unsigned char)(prefix.rest + size);
	at[prefix.length - 2] = (unsigned char)(1 + size);
	return at;
}

static void put_integers(struct lanes *lanes, const struct step *pointer)
{
	const struct step step = *pointer; /* no store can change it */
	const struct prefix prefix = load_prefix(&step);

	if (step.prefix_length > 32) {
		EACH_LANE(lanes, step, put_integer(at, &step, value_integer(value, step.kind)));
		return;
	}
	switch (step.kind) {
	case SONDE_U32:
		EACH_LANE(lanes, step, put_short_integer(at, prefix, load32(value)));
		return;
	case SONDE_I32:
		EACH_LANE(lanes, step,
			  put_short_integer(at, prefix, (uint64_t)(int64_t)(int32_t)load32(value)));
		return;
	case SONDE_I64:
	case SONDE_U64:
	case SONDE_TIME:
	case SONDE_DURATION:
		EACH_LANE(lanes, step, put_short_integer(at, prefix, load64(value)));
		return;
	default:
		EACH_LANE(lanes, step,
			  put_short_integer(at, prefix, value_integer(value, step.kind)));
	}
}

/* ---- texts ------------------------------------------------------------------------------- */

/* What is not known yet is written apart, and known then; what is too long to be known is odd. */
static bool learn(const struct program *program, struct otlp_encoder *encoder,
		  const struct step *step, struct lanes *lanes, uint32_t lane)
{
	struct output *apart = &encoder->apart;
	size_t length;

	output_cut(apart, 0);
	if (!output_room(apart, program->fixed_bytes) ||
	    !program_put_step(program, encoder, step, lanes->rows[lane], apart))
		return false;
	length = output_length(apart);
	if (length > MEMORY_BYTES) {
		lanes->odd[lane] = lanes->any_odd = true;
		return true;
	}
	lanes->at[lane] -= length;
	memcpy(lanes->at[lane], apart->writer.at, length);
	return true;
}

static bool put_texts(const struct program *program, struct otlp_encoder *encoder,
		      const struct step *pointer, struct lanes *lanes)
{
	const struct step step = *pointer;

	for (uint32_t lane = 0; lane < lanes->count; lane++) {
		const uint32_t row = lanes->rows[lane];
		unsigned char *at;

		if (!sonde_bit(step.valid, row))
			continue;
		at = put_remembered(lanes->at[lane], &step,
				    load32(step.base + (size_t)row * step.stride));
		if (at)
			lanes->at[lane] = at;
		else if (!learn(program, encoder, pointer, lanes, lane))
			return false;
	}
	return true;
}

/* Copies from the end to the front in blocks, which go over what is to be written next. */
static inline unsigned char *put_blocks(unsigned char *at, const unsigned char *end, size_t length)
{
	unsigned char *to = at;

	for (size_t left = length;; left -= 64) {
		memcpy(to - 64, end - 64, 64);
		if (left <= 64)
			return at - length;
		to -= 64;
		end -= 64;
	}
}

/* ---- columns ----------------------------------------------------------------------------- */

static inline unsigned char *put_literal(unsigned char *at, const struct step *step)
{
	return put_blocks(at, step->end, step->byte_count);
}

static inline unsigned char *put_unsigned(unsigned char *at, uint64_t value)
{
	return value > INT64_MAX ? NULL : put_word(at, NUMBER_INTEGER, value);
}

/* Values of data points and of fields. */
static void put_fields(struct lanes *lanes, const struct step *pointer)
{
	const struct step step = *pointer;
	uint32_t type = step.column ? step.column->type : SONDE_NONE;

	switch (step.kind) {
	case STEP_LITERAL:
		EACH_LANE(lanes, step, ((void)value, put_literal(at, &step)));
		return;
	case STEP_FIXED64:
		EACH_LANE(lanes, step, put_fixed64(at, step.number, load64(value)));
		return;
	case STEP_FIXED32:
		EACH_LANE(lanes, step,
			  put_fixed32(at, step.number, (uint32_t)value_integer(value, type)));
		return;
	case STEP_VARINT:
		EACH_LANE(lanes, step, put_number(at, step.number, value_integer(value, type)));
		return;
	case STEP_TEXT:
		EACH_LANE_OR_ODD(lanes, step, put_text_field(at, &step, row));
		return;
	case STEP_ID8:
		EACH_LANE(lanes, step, put_id(at, step.number, value, 8));
		return;
	case STEP_ID16:
		EACH_LANE(lanes, step, put_id(at, step.number, value, 16));
		return;
	case STEP_SIGNED:
		EACH_LANE(lanes, step, put_word(at, NUMBER_INTEGER, value_integer(value, type)));
		return;
	case STEP_UNSIGNED:
		EACH_LANE_OR_ODD(lanes, step,
				 put_unsigned(at, load64(step.base + (size_t)row * step.stride)));
		return;
	default: /* STEP_DOUBLE */
		EACH_LANE(lanes, step, put_word(at, NUMBER_DOUBLE, load64(value)));
	}
}

/* false: memory was refused. */
static bool put_column(const struct program *program, struct otlp_encoder *encoder,
		       const struct step *pointer, struct lanes *lanes)
{
	const struct step step = *pointer;

	switch (step.kind) {
	case STEP_REMEMBERED:
		return put_texts(program, encoder, pointer, lanes);
	case SONDE_DOUBLE:
		EACH_LANE(lanes, step, (memcpy(at - 8, value, 8), put_prefix(at - 8, &step)));
		return true;
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		EACH_LANE_OR_ODD(lanes, step, put_text(at, &step, row));
		return true;
	case SONDE_ID8:
		EACH_LANE(lanes, step, put_prefix(value_put_hex(at, value, 8), &step));
		return true;
	case SONDE_ID16:
		EACH_LANE(lanes, step, put_prefix(value_put_hex(at, value, 16), &step));
		return true;
	default:
		if (step.kind < STEP_LITERAL)
			put_integers(lanes, pointer);
		else
			put_fields(lanes, pointer);
		return true;
	}
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What does not go into slots, behind what does. */
static bool put_tail(const struct program *program, struct otlp_encoder *encoder, uint32_t row,
		     struct output *output)
{
	for (uint32_t place = program->step_count; place-- > program->plain_count;) {
		if (!program_put_step(program, encoder, &program->steps[place], row, output))
			return false;
	}
	return true;
}

static bool put_series(const struct series *series, const struct otlp_encoder *encoder,
		       struct output *output)
{
	if (!output_room(output, series->length + MESSAGE_HEAD_SIZE))
		return false;
	output->writer.at =
		put_blocks(output->writer.at, encoder->common.end - series->end + series->length,
			   series->length);
	return true;
}

/* The rows of the lanes, the last one first; without a number: as what their points have in common.
 */
static bool put_lanes(const struct program *program, struct otlp_encoder *encoder,
		      const struct lanes *lanes, unsigned char *const *ends, uint32_t number,
		      struct output *output)
{
	for (uint32_t lane = lanes->count; lane--;) {
		uint32_t row = lanes->rows[lane];
		struct series *series = encoder->series ? &encoder->series[row] : NULL;
		size_t end = output_length(output);
		bool odd = lanes->odd[lane];

		if (!output_room(output,
				 program->fixed_bytes + (program->series ? series->length : 0)))
			return false;
		if (odd ? !program_put(program, encoder, row, output)
			: !put_tail(program, encoder, row, output))
			return false;
		if (!odd)
			output->writer.at = put_blocks(output->writer.at, ends[lane],
						       (size_t)(ends[lane] - lanes->at[lane]));
		if (program->series && !put_series(series, encoder, output))
			return false;
		if (number)
			output_put_head(output, number, end);
		else
			*series = (struct series){ output_length(output),
						   output_length(output) - end };
	}
	return true;
}

/* The same where nothing but the slots is to be written. */
static bool put_plain_lanes(const struct lanes *lanes, unsigned char *const *ends,
			    size_t slot_bytes, uint32_t number, struct output *output)
{
	size_t longest = 0;
	unsigned char *at;

	if (!output_room(output, (slot_bytes + MESSAGE_HEAD_SIZE) * lanes->count))
		return false;
	for (uint32_t lane = 0; lane < lanes->count; lane++) {
		size_t length = (size_t)(ends[lane] - lanes->at[lane]);

		longest = length > longest ? length : longest;
	}
	at = output->writer.at;
	for (uint32_t lane = lanes->count; lane--;) {
		size_t length = (size_t)(ends[lane] - lanes->at[lane]);

		/* as many blocks for each, which no branch has to guess */
		(void)put_blocks(at, ends[lane], longest);
		at = output_head(at - length, number, length);
	}
	output->writer.at = at;
	return true;
}

/* What a plain step writes at most, if it fits into a slot. */
static size_t step_bytes(const struct step *step)
{
	switch (step->kind) {
	case STEP_LITERAL:
		return step->byte_count;
	case STEP_REMEMBERED:
		return MEMORY_BYTES;
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
	case STEP_TEXT:
		return step->prefix_length + SHORT_BYTES;
	default: /* numbers and ids */
		return step->prefix_length + NUMBER_BYTES;
	}
}

/* An odd number of lines of a cache, so that the slots of all rows do not meet in a few of its
 * sets.
 */
static size_t slot_size(const struct program *program)
{
	size_t bytes = OUTPUT_SLACK;

	for (uint32_t place = 0; place < program->plain_count; place++)
		bytes += step_bytes(&program->steps[place]);
	return ((bytes / LINE_BYTES + 1) | 1) * LINE_BYTES;
}

bool program_put_rows(const struct program *program, struct otlp_encoder *encoder,
		      const uint32_t *rows, uint32_t count, uint32_t number, struct output *output)
{
	size_t slot_bytes = slot_size(program);
	uint32_t width = (uint32_t)(ENCODE_SLOT_BYTES / slot_bytes);
	bool is_plain = number && program->plain_count == program->step_count && !program->series;
	unsigned char *ends[ENCODE_LANES];
	struct lanes lanes;

	if (width > ENCODE_LANES)
		width = ENCODE_LANES;
	if (!encoder->slots && width)
		encoder->slots = malloc(ENCODE_SLOT_BYTES);
	if (!encoder->slots && width)
		return false;
	for (uint32_t lane = 0; lane < width; lane++)
		ends[lane] = encoder->slots + (lane + 1) * slot_bytes;
	while (count) {
		lanes.count = count < width ? count : width;
		if (!width) /* a row is too long for a slot */
			lanes.count = 1;
		memset(lanes.odd, !width, lanes.count * sizeof(*lanes.odd));
		count -= lanes.count;
		lanes.rows = rows + count;
		lanes.any_odd = !width;
		lanes.adjacent = lanes.rows[lanes.count - 1] - lanes.rows[0] == lanes.count - 1;
		if (width)
			memcpy(lanes.at, ends, lanes.count * sizeof(*ends));
		for (uint32_t place = width ? program->plain_count : 0; place--;) {
			if (!put_column(program, encoder, &program->steps[place], &lanes))
				return false;
		}
		if (is_plain && !lanes.any_odd
			    ? !put_plain_lanes(&lanes, ends, slot_bytes, number, output)
			    : !put_lanes(program, encoder, &lanes, ends, number, output))
			return false;
	}
	return true;
}

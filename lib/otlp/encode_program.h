/* SPDX-License-Identifier: Apache-2.0 */
/* What writing a row of a table as an OTLP message takes, worked out once: steps over columns, with
 * the bytes before their values ready. */
#ifndef SONDE_ENCODE_PROGRAM_H
#define SONDE_ENCODE_PROGRAM_H

#include <sonde/plugin.h>
#include "encode_output.h"

/* The messages that are made of columns by their roles. */
enum message_kind {
	MESSAGE_RESOURCE,
	MESSAGE_SCOPE,
	MESSAGE_LOG,
	MESSAGE_SPAN,
	MESSAGE_EVENT,
	MESSAGE_LINK,
	MESSAGE_NUMBER, /* and the other kinds of data points: what all have in common */
	MESSAGE_EXPLICIT,
	MESSAGE_EXPONENTIAL,
	MESSAGE_SUMMARY,
	MESSAGE_EXEMPLAR,
	MESSAGE_KIND_COUNT,
};

/* How a column's value is written. Those of one column that the inner loop knows are the types
 * below STEP_LITERAL: attributes of this type whose prefix is ready. */
enum step_kind {
	STEP_LITERAL = 32, /* bytes that are the same in every row */
	STEP_REMEMBERED,   /* a text whose bytes lie ready by its code, or one of `plain` */
	STEP_ATTRIBUTE,    /* of any type and with any key */
	STEP_PAIRS,        /* the pairs of a map, each an attribute */
	STEP_FIXED64,      /* a time; 0 is left out */
	STEP_FIXED32,      /* flags; 0 is left out */
	STEP_VARINT,       /* a number; 0 is left out */
	STEP_TEXT,         /* a text that is there if it is not empty */
	STEP_ID8,
	STEP_ID16,
	STEP_BODY,      /* an AnyValue that is there if it is valid */
	STEP_NUMBER,    /* value of an exemplar */
	STEP_SIGNED,    /* value of a number point: an integer */
	STEP_UNSIGNED,  /* the same of 64 bits, which may go as a double */
	STEP_DOUBLE,    /* the same that is one */
	STEP_ENTITIES,  /* an array of maps as entities */
	STEP_STATUS,    /* of a span */
	STEP_TIMES,     /* of a span: what of them is not a column follows from the others */
	STEP_TRACE,     /* id of a span's trace: random where there is none */
	STEP_SPAN,      /* id of a span: random where there is none */
	STEP_STATE,     /* trace state of a span, with its weight */
	STEP_THRESHOLD, /* attribute of a log, of its weight */
	STEP_CHILDREN,  /* rows of a child table */
	STEP_VALUE,     /* value of a data point of any type, with its weight */
	STEP_LONG,      /* the same, in one of several columns */
	STEP_EXEMPLARS, /* of a data point */
};

enum { MEMORY_SLOTS = 128, MEMORY_BYTES = OUTPUT_SLACK };

/* What was written for the codes of a dictionary lately. */
struct step_memory {
	uint32_t codes[MEMORY_SLOTS]; /* by the code's lower bits; UINT32_MAX: none */
	uint8_t lengths[MEMORY_SLOTS];
	bool has_long;       /* one of over 64 bytes */
	uint32_t miss_count; /* when there are too many, nothing is kept any more */
	unsigned char bytes[MEMORY_SLOTS][MEMORY_BYTES]; /* each at the end of its slot */
};

struct program;

struct step {
	uint8_t kind;          /* enum step_kind, or enum sonde_type */
	uint8_t plain;         /* STEP_REMEMBERED: the kind that it was */
	uint8_t number;        /* of the field */
	uint8_t prefix_length; /* of an attribute by type */
	uint8_t rest;          /* bytes of a pair without its value */
	uint32_t stride;
	uint32_t bytes, byte_count; /* the literal, or prefix, in the program's bytes */
	const unsigned char *base, *valid;
	const unsigned char *end; /* of the literal or prefix; OUTPUT_SLACK bytes before it are
				   * readable */
	const struct sonde_column *column;
	union {
		const struct program *child; /* STEP_CHILDREN */
		struct step_memory *memory;  /* STEP_REMEMBERED */
	};
};

/* Where a step without a column has its values, which nobody reads: a place to reckon from. */
extern const unsigned char step_no_value[1];

/* The columns of a table that steps of several columns look at; NULL: there is none. */
struct program_columns {
	const struct sonde_column *status_code, *status_message, *start, *end, *time, *duration,
		*trace_state, *weight, *threshold, *schema_url, *measure;
};

struct program {
	const struct sonde_batch *batch;
	/* first those that a loop over rows can take, then the others, each by rising numbers */
	struct step *steps;
	uint32_t step_count, step_capacity;
	uint32_t plain_count;
	uint32_t common_count; /* of points: the steps that all metrics have, the first one besides
				*/
	bool series;           /* what stands first in each row was written before */
	unsigned char *bytes;
	uint32_t byte_count, byte_capacity;
	size_t fixed_bytes; /* enough for all that is short in a row */
	struct program_columns columns;
	struct step_memory **memories; /* as many as were ever needed at once */
	uint32_t memory_count, memory_capacity;
	/* of a child table */
	uint32_t *last;     /* by parent row its last row + 1; 0: none */
	uint32_t *previous; /* by row the one of the same parent before it + 1 */
	uint32_t parent_count, parent_capacity, row_capacity;
};

struct otlp_encoder;

/* Makes `program` fit the columns of a table that go into such a message; its memory is used again.
 * -ENOMEM. */
int program_compile(struct program *program, struct otlp_encoder *encoder,
		    const struct sonde_batch *batch, enum message_kind kind);
/* Adds a step behind all others; NULL: no memory. */
struct step *program_add(struct program *program, enum step_kind kind, uint32_t number);
/* Threads the rows of a child table by their parents, before a step of it is taken. -ENOMEM. */
int program_thread(struct program *child, uint32_t parent_count);
/* Adds a step that writes the rows of a threaded child table as fields of a number. -ENOMEM. */
int program_adopt(struct program *program, const struct program *child, uint32_t number);
void program_release(struct program *program);

/* Writes the fields of a row; false: memory was refused. The caller has made room for
 * fixed_bytes. */
bool program_put(const struct program *program, struct otlp_encoder *encoder, uint32_t row,
		 struct output *output);
/* Writes rows, the last one first, each as a field of a number up to 15; false: memory was refused.
 */
bool program_put_rows(const struct program *program, struct otlp_encoder *encoder,
		      const uint32_t *rows, uint32_t count, uint32_t number, struct output *output);
/* Writes one step, with the room of the whole row or without. */
bool program_put_step(const struct program *program, struct otlp_encoder *encoder,
		      const struct step *step, uint32_t row, struct output *output);

/* Takes the values of a step from a column. */
void step_take(struct step *step, const struct sonde_column *column);

/* Whether the value of a row is the same in all rows. */
static inline bool column_is_constant(const struct sonde_column *column)
{
	return !column->stride && !column->valid;
}

/* The field number of attributes in a message. */
uint32_t message_attributes(enum message_kind kind);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What an encoder holds between batches: memory that is used again, and chance. */
#ifndef SONDE_ENCODE_STATE_H
#define SONDE_ENCODE_STATE_H

#include "encode.h"
#include "encode_groups.h"
#include "encode_program.h"

enum {
	ENCODE_LANES = 32,             /* rows that are written at once, column by column */
	ENCODE_SLOT_BYTES = 128 << 10, /* of all their slots */
};

/* Which point of which measure a row becomes. */
struct measure {
	const struct sonde_column *column;
	uint32_t message; /* enum message_kind */
};

/* Where what the points of a row have in common lies. */
struct series {
	size_t end; /* so many bytes before the end of `common` */
	size_t length;
};

struct otlp_encoder {
	uint64_t chance; /* state of the random ids */
	struct groups groups;
	struct program resource, scope, row;
	struct program points[MESSAGE_KIND_COUNT]; /* of the kinds of data points */
	struct program *children;                  /* of child tables */
	uint32_t child_count, child_capacity;
	struct measure *measures; /* wide: metrics of a row; long: columns of values */
	uint32_t measure_count, measure_capacity;
	const struct sonde_text *originals; /* of rows; NULL: there are none */
	bool copies_all;                    /* every row has one: no program of rows is there */
	const struct sonde_column *weight, *metric; /* of metrics */
	const struct sonde_column *scaled; /* the weight, while a metric is written that has it */
	struct program wide;               /* of points whose rows lie in `common` */
	struct output common, apart;
	unsigned char *slots;
	struct series *series; /* by row */
	uint32_t *rows;        /* those that have a point */
	uint32_t row_capacity;
	uint32_t kind_counts[MESSAGE_KIND_COUNT]; /* measures by their kind of points */
	struct output output;                     /* the request while it grows */
	struct otlp_request *request;
	uint64_t item_count, left_out_count;
};

/* Never 0. */
uint64_t encoder_random(struct otlp_encoder *encoder);

#endif

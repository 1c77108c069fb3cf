/* SPDX-License-Identifier: Apache-2.0 */
/* Batches made into OTLP requests, by the roles and types of their columns. */
#ifndef SONDE_OTLP_ENCODE_H
#define SONDE_OTLP_ENCODE_H

#include <sonde/plugin.h>

/* What one output encodes with: scratch memory that is used again. */
struct otlp_encoder;

/* A request that grows towards its beginning; zeroed, it is empty. Batches of one signal only. */
struct otlp_request {
	unsigned char *memory; /* `capacity` bytes; what is written are the last `length` of them */
	size_t capacity, length;
	uint64_t item_count;     /* log records, spans or data points in it */
	uint64_t left_out_count; /* rows that it cannot say: without a measure, or with a value
				  * that their metric cannot have */
};

static inline const unsigned char *otlp_request_data(const struct otlp_request *request)
{
	return request->memory + request->capacity - request->length;
}

void otlp_request_clear(struct otlp_request *request); /* keeps the memory */
void otlp_request_release(struct otlp_request *request);

/* NULL: no memory. */
struct otlp_encoder *otlp_encoder_create(void);
void otlp_encoder_release(struct otlp_encoder *encoder); /* NULL is fine */

/* The signal that a batch goes out as: LOG, SPAN or METRIC; AUTO: it is a child table. */
enum sonde_signal otlp_signal(const struct sonde_batch *batch);

/* Adds ResourceX messages with the selected rows of [first_row, end_row) to the front of the
 * request, which is as it was on failure: who wants batches in order adds the last one first. Spans
 * without ids get random ones, each time others. -ENOMEM; -EINVAL: the batch is a child table. */
int otlp_encode(struct otlp_encoder *encoder, const struct sonde_batch *batch, uint32_t first_row,
		uint32_t end_row, struct otlp_request *request);

#endif

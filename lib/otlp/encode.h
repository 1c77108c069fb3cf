/* SPDX-License-Identifier: Apache-2.0 */
/* Batches made into OTLP requests, by the roles and types of their columns. */
#ifndef SONDE_OTLP_ENCODE_H
#define SONDE_OTLP_ENCODE_H

#include <sonde/plugin.h>

/* What one output encodes with: scratch memory that is used again. */
struct otlp_encoder;

/* A part of a request that is not copied into it: it lies in a batch. */
struct otlp_loan {
	const char *data;
	size_t length;
	size_t behind; /* bytes of the request's own that come behind it */
};

/* A request that grows towards its beginning; zeroed, it is empty. Batches of one signal only. */
struct otlp_request {
	unsigned char *memory; /* `capacity` bytes; the last ones of them are written */
	size_t capacity;
	size_t length; /* of the request, with what is lent */
	/* Rows that go out as they came in are not copied, as long as they are many bytes together:
	 * the batches must then be held for as long as the request is read. Set by its owner. */
	bool borrows;
	struct otlp_loan *loans; /* the last one comes first */
	uint32_t loan_count, loan_capacity;
	size_t lent_bytes;
	uint64_t item_count;     /* log records, spans or data points in it */
	uint64_t left_out_count; /* rows that it cannot say: without a measure, or with a value
				  * that their metric cannot have */
};

/* All of a request that does not borrow. */
static inline const unsigned char *otlp_request_data(const struct otlp_request *request)
{
	return request->memory + request->capacity - request->length;
}

/* Copies what lies from an offset on, whoever owns it; how many bytes, fewer than `size` only at
 * the end. */
size_t otlp_request_read(const struct otlp_request *request, size_t offset, void *to, size_t size);

void otlp_request_clear(struct otlp_request *request); /* keeps the memory */
/* Takes back what was added since it was like a copy that was made of the struct. */
void otlp_request_rewind(struct otlp_request *request, const struct otlp_request *before);
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

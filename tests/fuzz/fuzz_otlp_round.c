// SPDX-License-Identifier: Apache-2.0
/* Requests of OTLP made into batches and batches into requests, round and round: what decodes can
 * be sent on, as it came or made of its columns, says the same then, and comes to rest. The first
 * byte says which signal, and how few columns. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "encode.h"
#include "otlp_said.h"
#include "../unit/otlp_host.h"

enum {
	ROUNDS_MOST = 4,
	/* What columns may take goes by the length of a request. One that is padded with unknown
	 * fields may have more rows than can be had without them, if there are very many. */
	ROWS_MOST = 256,
};

static struct otlp_encoder *encoder;

/* A request in memory of a dictionary of its own; NULL: it is none, or says nothing. */
static struct sonde_batch *decode(struct otlp_decoder *decoder, enum sonde_signal signal,
				  const void *data, size_t size, struct otlp_decoded *ret_decoded)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(&otlp_instance, false);
	unsigned char *memory = sonde_dictionary_memory(&otlp_instance, dictionary, size);
	struct otlp_decoded decoded = { 0 };
	const char *why;
	size_t offset;

	assert(memory);
	if (size)
		memcpy(memory, data, size);
	if (otlp_decode(decoder, signal, dictionary, memory, size, &decoded, &why, &offset))
		decoded = (struct otlp_decoded){ .refused_count = UINT64_MAX };
	sonde_dictionary_release(&otlp_instance, dictionary);
	*ret_decoded = decoded;
	return decoded.batch;
}

/* Rows in front of what is in the request; none of them is left out. */
static void encode(const struct sonde_batch *batch, uint32_t first_row, uint32_t end_row,
		   struct otlp_request *request)
{
	assert(!otlp_encode(encoder, batch, first_row, end_row, request));
	assert(!request->left_out_count);
}

/* Whether each span has both ids; others have no need of them. */
static bool has_ids(const struct sonde_batch *batch)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_TRACE_ID || column->role == SONDE_ROLE_SPAN_ID)
			count += !column->valid;
	}
	return batch->signal != SONDE_SIGNAL_SPAN || count == 2;
}

/* What a request of ours says, which must be all of it; ids are made up where there were none. */
static struct sonde_batch *decode_own(struct otlp_decoder *decoder, enum sonde_signal signal,
				      const struct otlp_request *request)
{
	unsigned char *data = malloc(request->length + 1);
	struct otlp_decoded decoded;
	struct sonde_batch *batch;

	assert(data && otlp_request_read(request, 0, data, request->length + 1) == request->length);
	batch = decode(decoder, signal, data, request->length, &decoded);
	free(data);
	assert(!decoded.refused_count && !decoded.repaired_count);
	assert(decoded.row_count == request->item_count);
	if (batch)
		otlp_host_finish(batch);
	assert(!batch || has_ids(batch));
	return batch;
}

/* Whether what two batches say is the same; in any order, but *ret_in_order says if in that. */
static bool say_the_same(const struct sonde_batch *left, const struct sonde_batch *right,
			 bool with_ids, bool *ret_in_order)
{
	struct said a = said_by(left, with_ids), b = said_by(right, with_ids);
	bool same;

	*ret_in_order = said_is_same(&a, &b);
	said_sort(&a);
	said_sort(&b);
	same = said_is_same(&a, &b);
	said_release(&a);
	said_release(&b);
	return same;
}

static bool is_request(const struct otlp_request *left, const struct otlp_request *right)
{
	return left->length == right->length &&
	       (!left->length ||
		!memcmp(otlp_request_data(left), otlp_request_data(right), left->length));
}

/* Until a request is the same bytes as the one that it was made of. Fields may change their places
 * before: attributes come in the order of columns, these in that of rows, and rows move to those of
 * the same resource and scope; and what is constant comes first, which it may be only once others'
 * records have been refused. Takes over the batch. */
static void go_round(struct otlp_decoder *decoder, struct sonde_batch *batch, bool as_it_came)
{
	struct otlp_request request = { 0 }, before;
	bool rests = false, in_order = false;

	if (!as_it_came)
		batch->originals = NULL;
	encode(batch, 0, batch->row_count, &request);
	for (uint32_t round = 0; !rests; round++) {
		struct sonde_batch *next = decode_own(decoder, batch->signal, &request);

		assert(round < ROUNDS_MOST);
		assert(next && request.item_count == batch->row_count);
		assert(say_the_same(batch, next, has_ids(batch), &in_order));
		sonde_batch_release(&otlp_instance, batch);
		batch = next;
		if (!as_it_came)
			batch->originals = NULL;
		before = request;
		request = (struct otlp_request){ 0 };
		encode(batch, 0, batch->row_count, &request);
		rests = is_request(&before, &request);
		assert(rests || !round || !in_order);
		otlp_request_release(&before);
	}
	otlp_request_release(&request);
	sonde_batch_release(&otlp_instance, batch);
}

/* The same for some of the rows, in two parts, of what lies where it came in. Takes over the batch.
 */
static void go_in_parts(struct otlp_decoder *decoder, struct sonde_batch *batch)
{
	unsigned char *some = malloc(batch->row_count / 8 + 1);
	struct otlp_request request = { .borrows = true };
	struct sonde_batch *next;
	bool in_order;

	assert(some);
	for (uint32_t i = 0; i <= batch->row_count / 8; i++)
		some[i] = (unsigned char)(0xd9 >> i % 3);
	assert(!sonde_batch_select(&otlp_instance, batch, some));
	free(some);
	otlp_host_finish(batch);
	encode(batch, batch->row_count / 2, UINT32_MAX, &request);
	encode(batch, 0, batch->row_count / 2, &request);
	assert(request.item_count == batch->selected_count);
	next = decode_own(decoder, batch->signal, &request);
	assert(!next == !batch->selected_count);
	assert(!next || say_the_same(batch, next, has_ids(batch), &in_order));
	if (next)
		sonde_batch_release(&otlp_instance, next);
	sonde_batch_release(&otlp_instance, batch);
	otlp_request_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sonde_signal signals[] = { SONDE_SIGNAL_LOG, SONDE_SIGNAL_SPAN,
						     SONDE_SIGNAL_METRIC };
	struct otlp_decoder_options options;
	struct otlp_decoder *decoder;
	struct otlp_decoded decoded;
	struct sonde_batch *batch;

	if (!size)
		return 0;
	if (!encoder)
		encoder = otlp_encoder_create();
	options.column_limit = data[0] / 3;
	decoder = otlp_decoder_create(&otlp_instance, &options);
	assert(encoder && decoder);
	for (uint32_t way = 0; way < 3; way++) {
		batch = decode(decoder, signals[data[0] % 3], data + 1, size - 1, &decoded);
		if (!batch)
			continue;
		if (decoded.row_count > ROWS_MOST) {
			sonde_batch_release(&otlp_instance, batch);
		} else if (way == 2) {
			go_in_parts(decoder, batch);
		} else {
			otlp_host_finish(batch);
			go_round(decoder, batch, way == 1);
		}
	}
	otlp_decoder_release(decoder);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Rows that are just what came in as OTLP, and go out as the bytes that they came in as. Those that
 * lay one behind the other in a request, each with its tag and length, are copied at once. */
#include "encode_originals.h"

#include <stdlib.h>
#include <string.h>

#include "encode_program.h"
#include "encode_state.h"

enum { LOAN_LEAST = 1024 }; /* bytes; fewer are copied with less to do */

uint32_t originals_missing(const struct sonde_batch *batch, uint32_t first_row, uint32_t end_row)
{
	const struct sonde_text *originals = sonde_originals(batch, SONDE_FORMAT_OTLP);
	uint32_t count = 0;

	if (end_row > batch->row_count)
		end_row = batch->row_count;
	for (uint32_t row = first_row; row < end_row; row++)
		count += !originals[row].data && sonde_selected(batch, row);
	return count;
}

/* Whether a message lies behind another with nothing but its own tag and length between them. */
static inline bool follows(const struct sonde_text *message, const struct sonde_text *before,
			   uint32_t number)
{
	const unsigned char *data = (const unsigned char *)message->data;
	const unsigned char *end = (const unsigned char *)before->data + before->length;
	uint32_t length = message->length;

	if (data - end == 2)
		return end[0] == (number << 3 | MESSAGE_BYTES) && end[1] == length;
	return data - end == 3 && length < 0x4000 && end[0] == (number << 3 | MESSAGE_BYTES) &&
	       end[1] == ((length & 0x7f) | 0x80) && end[2] == length >> 7;
}

/* Copies the bytes, or has the request borrow them. */
static bool put_messages(struct otlp_encoder *encoder, const char *data, size_t length,
			 struct output *output)
{
	struct otlp_request *request = encoder->request;
	bool borrows = request->borrows && output == &encoder->output && length >= LOAN_LEAST;

	if (borrows && request->loan_count == request->loan_capacity) {
		uint32_t capacity = request->loan_capacity ? request->loan_capacity * 2 : 16;
		struct otlp_loan *grown =
			reallocarray(request->loans, capacity, sizeof(*request->loans));

		if (!grown)
			return false;
		request->loans = grown;
		request->loan_capacity = capacity;
	}
	if (!output_room(output, (borrows ? 0 : length) + MESSAGE_HEAD_SIZE))
		return false;
	if (borrows) {
		request->loans[request->loan_count++] = (struct otlp_loan){
			.data = data,
			.length = length,
			.behind = output_length(output) - output->lent_bytes,
		};
		output->lent_bytes += length;
	} else {
		output->writer.at -= length;
		memcpy(output->writer.at, data, length);
	}
	return true;
}

/* Writes rows from the last one on as long as they have originals; how many are left. */
static bool put_originals(struct otlp_encoder *encoder, const uint32_t *rows, uint32_t *count,
			  uint32_t number, struct output *output)
{
	const struct sonde_text *originals = encoder->originals;

	while (*count && originals[rows[*count - 1]].data) {
		uint32_t first = *count - 1;
		const struct sonde_text *last = &originals[rows[first]], *begin = last;
		const char *end = last->data + last->length;

		while (first && originals[rows[first - 1]].data &&
		       follows(begin, &originals[rows[first - 1]], number))
			begin = &originals[rows[--first]];
		if (!put_messages(encoder, begin->data, (size_t)(end - begin->data), output))
			return false;
		output->writer.at = output_head(output->writer.at, number, begin->length);
		*count = first;
	}
	return true;
}

bool rows_put(const struct program *program, struct otlp_encoder *encoder, const uint32_t *rows,
	      uint32_t count, uint32_t number, struct output *output)
{
	const struct sonde_text *originals = encoder->originals;
	uint32_t first;

	if (!originals)
		return program_put_rows(program, encoder, rows, count, number, output);
	while (count) {
		for (first = count; first && !originals[rows[first - 1]].data; first--)
			;
		if (first < count && !program_put_rows(program, encoder, rows + first,
						       count - first, number, output))
			return false;
		count = first;
		if (!put_originals(encoder, rows, &count, number, output))
			return false;
	}
	return true;
}

// SPDX-License-Identifier: Apache-2.0
/* Rows that are just what came in as OTLP, and go out as the bytes that they came in as. Those that
 * lay one behind the other in a request, each with its tag and length, are copied at once. */
#include "encode_originals.h"

#include <string.h>

#include "encode_program.h"
#include "encode_state.h"

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

/* Writes rows from the last one on as long as they have originals; how many are left. */
static bool put_originals(const struct sonde_text *originals, const uint32_t *rows, uint32_t *count,
			  uint32_t number, struct output *output)
{
	while (*count && originals[rows[*count - 1]].data) {
		uint32_t first = *count - 1;
		const struct sonde_text *last = &originals[rows[first]], *begin = last;
		const char *end = last->data + last->length;

		while (first && originals[rows[first - 1]].data &&
		       follows(begin, &originals[rows[first - 1]], number))
			begin = &originals[rows[--first]];
		if (!output_room(output, (size_t)(end - begin->data) + MESSAGE_HEAD_SIZE))
			return false;
		output->writer.at -= end - begin->data;
		memcpy(output->writer.at, begin->data, (size_t)(end - begin->data));
		output->writer.at =
			output_head(output->writer.at, number, output->writer.at + begin->length);
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
		if (!put_originals(originals, rows, &count, number, output))
			return false;
	}
	return true;
}

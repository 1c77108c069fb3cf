// SPDX-License-Identifier: Apache-2.0
/* Batches as lines of OTLP/JSON: an export request of one signal each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "requests.h"
#include "transcode.h"

enum {
	LINE_ROWS = 1000,             /* at most in a line */
	REQUEST_BYTES_MANY = 4 << 20, /* of protobuf; more are divided into lines of fewer rows */
};

struct requests {
	struct otlp_encoder *encoder;
	struct otlp_request request;
	struct sonde_batch view; /* the batch, with the rows of one line selected */
	enum otlp_message message;
	unsigned char *bits; /* what is selected; zeros between two lines */
	size_t bit_bytes;
	uint64_t left_out_count;
};

struct requests *requests_create(void)
{
	struct requests *requests = calloc(1, sizeof(*requests));

	if (!requests)
		return NULL;
	requests->encoder = otlp_encoder_create();
	if (!requests->encoder) {
		free(requests);
		return NULL;
	}
	return requests;
}

void requests_release(struct requests *requests)
{
	if (!requests)
		return;
	otlp_encoder_release(requests->encoder);
	otlp_request_release(&requests->request);
	free(requests->bits);
	free(requests);
}

int requests_bind(struct requests *requests, const struct sonde_batch *batch)
{
	size_t bytes = ((size_t)batch->row_count + 7) / 8;
	unsigned char *bits;

	switch (otlp_signal(batch)) {
	case SONDE_SIGNAL_LOG:
		requests->message = OTLP_LOGS;
		break;
	case SONDE_SIGNAL_SPAN:
		requests->message = OTLP_SPANS;
		break;
	case SONDE_SIGNAL_METRIC:
		requests->message = OTLP_METRICS;
		break;
	default:
		return -E2BIG;
	}
	if (bytes > requests->bit_bytes) {
		bits = calloc(1, bytes);
		if (!bits)
			return -ENOMEM;
		free(requests->bits);
		requests->bits = bits;
		requests->bit_bytes = bytes;
	}
	memcpy(&requests->view, batch, sizeof(requests->view));
	requests->view.selected = requests->bits;
	requests->left_out_count = 0;
	return 0;
}

/* Selects, or no longer selects, so many rows; returns the first behind them. */
static uint32_t flip(struct requests *requests, const uint32_t *next, uint32_t row, uint32_t count)
{
	for (; count; count--, row = next[row])
		requests->bits[row >> 3] ^= (unsigned char)(1u << (row & 7));
	return row;
}

static uint32_t count_rows(const uint32_t *next, uint32_t row)
{
	uint32_t count = 0;

	for (; row != UINT32_MAX && count < LINE_ROWS; row = next[row])
		count++;
	return count;
}

/* Makes a request of so many rows. */
static int encode(struct requests *requests, const uint32_t *next, uint32_t row, uint32_t count,
		  uint32_t *ret_behind)
{
	uint32_t behind, end;
	int result;

	behind = flip(requests, next, row, count);
	end = behind == UINT32_MAX ? requests->view.row_count : behind;
	requests->view.selected_count = count;
	otlp_request_clear(&requests->request);
	result = otlp_encode(requests->encoder, &requests->view, row, end, &requests->request);
	flip(requests, next, row, count);
	*ret_behind = behind;
	return result;
}

int requests_line(struct requests *requests, const uint32_t *next, uint32_t *row, struct json *out)
{
	const struct otlp_request *request = &requests->request;
	uint32_t count = count_rows(next, *row), behind;
	size_t before = out->length;
	int result = encode(requests, next, *row, count, &behind);

	while (result == 0 && count > 1 && request->length > REQUEST_BYTES_MANY) {
		count /= 2;
		result = encode(requests, next, *row, count, &behind);
	}
	if (result == 0 && request->length) {
		result = otlp_to_json(requests->message, otlp_request_data(request),
				      request->length, out);
		json_newline(out);
	}
	if (result < 0 || out->failed) {
		out->length = before;
		return -ENOMEM;
	}
	requests->left_out_count += request->left_out_count;
	*row = behind;
	return (int)count;
}

uint64_t requests_left_out(const struct requests *requests)
{
	return requests->left_out_count;
}

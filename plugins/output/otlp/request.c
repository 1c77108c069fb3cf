// SPDX-License-Identifier: Apache-2.0
/* Requests: rows of one signal from the batches of deliveries, as many as fit the receiver's limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "transcode.h"
#include "request.h"

/* ---- limits ------------------------------------------------------------------------------ */

void request_limit_begin(struct request_limit *limit, const struct settings *settings,
			 const struct target *target)
{
	*limit = (struct request_limit){ .wanted_bytes = settings->request_bytes };
	/* JSON of an attribute is about so much longer; what it is is learned. */
	limit->growth = target->protocol == PROTOCOL_HTTP_JSON ? 2.5 : 1;
}

void request_limit_refuse(struct request_limit *limit, size_t length)
{
	if (!limit->refused_bytes || length < limit->refused_bytes)
		limit->refused_bytes = length;
	if (length / 2 < limit->wanted_bytes)
		limit->wanted_bytes = length / 2 ? length / 2 : 1;
}

/* Whether a row alone may be so large: more than what is wanted, as halving stops too low. */
static bool fits_alone(const struct request_limit *limit, const struct settings *settings,
		       size_t length)
{
	return length <= settings->request_bytes &&
	       (!limit->refused_bytes || length < limit->refused_bytes);
}

/* ---- pieces ------------------------------------------------------------------------------ */

void request_accept(struct request *request, const struct answer *answer)
{
	uint64_t items = request->protobuf.item_count, rows = request->row_count;
	uint64_t rejected = answer->rejected_count < items ? answer->rejected_count : items;
	uint64_t before = 0;

	/* A row of several measures is several items. Of which batch the rejected ones are the
	 * answer does not say: each bears its share. */
	if (items && items != rows)
		rejected = (uint64_t)(((unsigned __int128)rejected * rows + items - 1) / items);
	for (uint32_t i = 0; i < request->piece_count; i++) {
		struct piece *piece = &request->pieces[i];
		uint64_t said = piece->row_count - piece->left_out_count;
		uint64_t after = before + said, share = 0;

		if (rows)
			share = (uint64_t)((unsigned __int128)rejected * after / rows -
					   (unsigned __int128)rejected * before / rows);
		parcel_leave_out(piece->parcel, piece->left_out_count);
		parcel_accept(piece->parcel, said, share, answer);
		before = after;
	}
	request->piece_count = 0;
}

void request_reject(struct request *request, const char *text)
{
	for (uint32_t i = 0; i < request->piece_count; i++)
		parcel_reject(request->pieces[i].parcel, request->pieces[i].row_count, text);
	request->piece_count = 0;
}

/* Backwards, so that what was one range becomes one again. */
void request_put_back(struct request *request, bool uncertain)
{
	while (request->piece_count) {
		struct piece *piece = &request->pieces[--request->piece_count];

		piece->parcel->uncertain |= uncertain;
		parcel_put_back(piece->parcel, piece->range);
	}
}

static void request_add(struct request *request, struct parcel *parcel, struct range range,
			uint64_t left_out_count)
{
	uint32_t rows = parcel_rows(parcel, range);

	/* Rows of a batch that was made may be empty: others tell what they came to. */
	if (parcel->parts[range.part] != parcel->batch)
		left_out_count = 0;
	request->pieces[request->piece_count++] =
		(struct piece){ .parcel = parcel,
				.range = range,
				.row_count = rows,
				.left_out_count = left_out_count };
	request->row_count += rows - left_out_count;
}

/* ---- filling ----------------------------------------------------------------------------- */

/* One being filled. */
struct filling {
	struct request_maker *maker;
	struct request *request;
	struct shipment *shipments;
	struct request_limit *limit;
	size_t protobuf_limit;
};

/* How many rows to try: what is left is encoded more than once otherwise, where it is much. */
static uint32_t rows_to_try(const struct filling *filling, uint32_t count)
{
	double room = (double)filling->protobuf_limit - (double)filling->request->protobuf.length;
	double fit = filling->limit->row_bytes > 0 ? room / filling->limit->row_bytes : count;

	if (fit >= count)
		return count;
	return fit < 1 ? 1 : (uint32_t)fit;
}

/* Takes rows off the parcel until they fit. 1: the request is full; 0: it may take more. */
static int fill_some(struct filling *filling, struct parcel *parcel)
{
	struct otlp_request *protobuf = &filling->request->protobuf;
	const struct otlp_request before = *protobuf;
	const struct range *next = &parcel->todo[parcel->todo_count - 1];
	uint32_t count = rows_to_try(filling, next->end - next->first);

	while (true) {
		size_t added, room = filling->protobuf_limit - before.length;
		struct range range;
		int error = parcel_take(parcel, count, &range);

		if (error)
			return error;
		count = range.end - range.first;
		error = otlp_encode(filling->maker->encoder, parcel->parts[range.part], range.first,
				    range.end, protobuf);
		if (error == -EINVAL) {
			parcel_reject(parcel, parcel_rows(parcel, range),
				      "rows that belong to others, and came without them");
			return 0;
		}
		if (error) {
			parcel_put_back(parcel, range);
			return error;
		}
		added = protobuf->length - before.length;
		if (added <= room || (count == 1 && !filling->request->piece_count)) {
			filling->limit->row_bytes = (double)added / count;
			request_add(filling->request, parcel, range,
				    protobuf->left_out_count - before.left_out_count);
			return added > room;
		}
		otlp_request_rewind(protobuf, &before);
		parcel_put_back(parcel, range);
		if (count == 1 || before.length > filling->protobuf_limit / 2)
			return 1;
		count = (uint32_t)((double)count * (double)room / (double)added * 0.9);
		if (!count)
			count = 1;
	}
}

/* As many rows of the shipments as fit, from their batches in their order. */
static int fill(struct filling *filling, enum signal signal)
{
	struct shipment *shipment = filling->shipments;
	int result = 0;

	for (; shipment && !result; shipment = shipment->next) {
		for (uint32_t i = 0; i < shipment->parcel_count && !result; i++) {
			struct parcel *parcel = &shipment->parcels[i];

			while (!result && parcel_has_work(parcel, signal))
				result = filling->request->piece_count < REQUEST_PIECES
						 ? fill_some(filling, parcel)
						 : 1;
		}
	}
	return result > 0 ? 0 : result;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static int make_plain(struct request *request, enum signal signal, const struct target *target,
		      const void **ret_data)
{
	static const enum otlp_message messages[SIGNAL_COUNT] = { OTLP_LOGS, OTLP_METRICS,
								  OTLP_SPANS };
	int error;

	*ret_data = request->protobuf.borrows ? NULL : otlp_request_data(&request->protobuf);
	request->plain_length = request->protobuf.length;
	if (target->protocol != PROTOCOL_HTTP_JSON)
		return 0;
	json_clear(&request->json);
	error = otlp_to_json(messages[signal], *ret_data, request->protobuf.length, &request->json);
	*ret_data = request->json.data;
	request->plain_length = request->json.length;
	return error ? error : request->json.failed ? -ENOMEM : 0;
}

static int make_body(struct request_maker *maker, struct request *request, const void *plain,
		     enum compress_coding coding)
{
	struct compressor **compressor = &maker->compressors[coding];

	request->transfer.coding = coding;
	request->transfer.body = plain;
	request->transfer.parts = &request->protobuf;
	request->transfer.body_length = request->plain_length;
	if (!coding)
		return 0;
	if (!*compressor)
		*compressor = compressor_create(coding, maker->settings->level);
	if (!*compressor ||
	    compressor_run(*compressor, plain, request->plain_length, &request->compressed))
		return -ENOMEM;
	request->transfer.body = request->compressed.data;
	request->transfer.body_length = request->compressed.length;
	return 0;
}

/* Whether the body may go. Else its rows are where they were, and less is to be tried, or its only
 * row is rejected. */
static bool body_fits(struct request_maker *maker, struct request *request,
		      struct request_limit *limit)
{
	bool is_one = request->piece_count == 1 &&
		      request->pieces[0].range.end - request->pieces[0].range.first == 1;

	if (request->plain_length <= limit->wanted_bytes ||
	    (is_one && fits_alone(limit, maker->settings, request->plain_length)))
		return true;
	if (is_one) {
		char text[96];

		(void)snprintf(text, sizeof(text), "a row of %zu bytes is too large for a request",
			       request->plain_length);
		maker->too_large_count += request->row_count;
		request_reject(request, text);
	} else {
		request_put_back(request, false);
	}
	return false;
}

static void request_clear(struct request *request)
{
	otlp_request_clear(&request->protobuf);
	request->piece_count = 0;
	request->row_count = 0;
	request->plain_length = 0;
}

int request_make(struct request_maker *maker, struct request *request, struct shipment *shipments,
		 enum signal signal, const struct target *target, struct request_limit *limit)
{
	struct filling filling = {
		.maker = maker, .request = request, .shipments = shipments, .limit = limit
	};
	double share = 1;
	const void *plain = NULL;
	int error;

	do {
		request_clear(request);
		request->protobuf.borrows = target->protocol != PROTOCOL_HTTP_JSON &&
					    target->compression == COMPRESS_NONE;
		if (!shipments_have_work(shipments, signal)) /* all of it was too large */
			return 0;
		filling.protobuf_limit =
			(size_t)((double)limit->wanted_bytes / limit->growth * share) + 1;
		error = fill(&filling, signal);
		if (!error)
			error = make_plain(request, signal, target, &plain);
		if (error) {
			request_put_back(request, false);
			return error;
		}
		if (request->protobuf.length)
			limit->growth =
				(double)request->plain_length / (double)request->protobuf.length;
		share *= 0.9;
	} while (!body_fits(maker, request, limit));
	error = make_body(maker, request, plain, target->compression);
	if (error)
		request_put_back(request, false);
	return error;
}

void request_release(struct transport *transport, struct request *request)
{
	transfer_release(transport, &request->transfer);
	otlp_request_release(&request->protobuf);
	json_release(&request->json);
	buffer_release(&request->compressed);
	*request = (struct request){ 0 };
}

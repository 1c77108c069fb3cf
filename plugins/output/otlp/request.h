/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: rows of one signal from the batches of deliveries, as many as fit the receiver's limit,
 * encoded and compressed. */
#ifndef SONDE_OTLP_REQUEST_H
#define SONDE_OTLP_REQUEST_H

#include "json.h"
#include "encode.h"
#include "shipment.h"
#include "transfer.h"

enum { REQUEST_PIECES = 64 };

/* How large requests of a signal may be, as learned. */
struct request_limit {
	size_t wanted_bytes;  /* of a body; what the option says, less after a refusal */
	size_t refused_bytes; /* the smallest body that was refused for its size; 0: none */
	double row_bytes;     /* protobuf of a row, of late; 0: not known */
	double growth;        /* bytes of a body for one of protobuf */
};

/* Kept and used again; zeroed at first. */
struct request {
	struct transfer transfer; /* first */
	struct otlp_request protobuf;
	struct json json;
	struct buffer compressed;
	struct piece pieces[REQUEST_PIECES];
	uint32_t piece_count;
	uint64_t row_count;        /* that it says */
	size_t plain_length;       /* of the body before compression */
	uint32_t token_generation; /* that it was sent with */
	bool is_busy;
};

/* What requests are made with. */
struct request_maker {
	struct otlp_encoder *encoder;
	struct compressor *compressors[COMPRESS_ZSTD + 1];
	const struct settings *settings;
	uint64_t too_large_count; /* rows that were rejected for their own size, to be fetched */
};

/* The limit at first. */
void request_limit_begin(struct request_limit *limit, const struct settings *settings,
			 const struct target *target);

/* After a body of this length was refused for its size. */
void request_limit_refuse(struct request_limit *limit, size_t length);

/* Fills a request from what the shipments have of the signal, which must be some. 0: it has a body
 * to send, or none (plain_length 0: the rows need none). Rows that are too large alone are rejected
 * on the way, so a request may be left without any piece. -ENOMEM and others: the rows are where
 * they were. */
int request_make(struct request_maker *maker, struct request *request, struct shipment *shipments,
		 enum signal signal, const struct target *target, struct request_limit *limit);

/* Gives every piece the answer, and empties the request. */
void request_accept(struct request *request, const struct answer *answer);
void request_reject(struct request *request, const char *text);
void request_put_back(struct request *request, bool uncertain);

void request_release(struct transport *transport, struct request *request);

#endif

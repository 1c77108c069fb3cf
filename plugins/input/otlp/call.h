/* SPDX-License-Identifier: Apache-2.0 */
/* One request to export: what it is by its head, and what is held for it until its answer. */
#ifndef SONDE_OTLP_CALL_H
#define SONDE_OTLP_CALL_H

#include <sonde/plugin.h>
#include "compress.h"
#include "server.h"

enum call_codec { CODEC_PROTOBUF, CODEC_JSON, CODEC_GRPC };

struct call {
	struct call *next, *previous;
	struct call *ahead, *behind;         /* of those that wait for room */
	uint64_t held_tick;                  /* when it came to them first */
	struct http_request *request;        /* NULL: its client is gone, or it was answered */
	uint32_t signal;                     /* LOG, SPAN or METRIC */
	uint32_t codec;                      /* enum call_codec */
	enum compress_coding compression;    /* of the body, or of gRPC's message */
	struct sonde_dictionary *dictionary; /* whose memory the message lies in; NULL: none yet */
	void *place;                         /* of it, where the body is read to; NULL: elsewhere */
	size_t reserved_bytes;
	uint64_t row_count, refused_count;
	const char *refused_why; /* constant text */
	bool is_held, was_held;  /* it waits for room: its body is not read on */
	bool is_read;            /* its body is whole */
	bool waits;              /* for settled(): it is its token */
};

/* Why a request is not taken. */
struct refusal {
	uint32_t status, code;  /* of HTTP, of gRPC */
	int64_t retry_after_ns; /* 0: it would be refused again */
	char message[256];
};

/* What the head says; 0, or -1 with the refusal. */
int call_read_head(struct call *call, const struct http_request *request, struct refusal *refusal);

__attribute__((format(printf, 4, 5))) int refuse(struct refusal *refusal, uint32_t status,
						 uint32_t code, const char *format, ...);

/* gRPC's status codes. */
enum {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What came back for a request over HTTP, gathered as it comes, and read once it is whole. */
#ifndef SONDE_OTLP_RESPONSE_H
#define SONDE_OTLP_RESPONSE_H

#include "answer.h"
#include "compress.h"
#include "target.h"

enum { RESPONSE_BODY_LIMIT = 64 * 1024, RESPONSE_HEADER_LIMIT = 8 * 1024 };

/* Zeroed, nothing came; its memory is used again. */
struct response {
	uint32_t status; /* of HTTP; 0: none came */
	struct buffer body;
	bool is_cut; /* the body was longer than the limit */
	char type[64];
	char coding[32];
	char retry_after[64];
	/* of gRPC, from the trailers or, without a body, the head */
	char grpc_coding[32];
	char grpc_status[16];
	char grpc_message[RESPONSE_HEADER_LIMIT];
	char grpc_details[RESPONSE_HEADER_LIMIT]; /* base64 */
};

void response_clear(struct response *response);
void response_release(struct response *response);

/* A line of the head or trailers as it came, its line break included; a status line begins anew. */
void response_header(struct response *response, const char *line, size_t length);

/* -ENOMEM. What is beyond the limit is thrown away. */
int response_body(struct response *response, const void *data, size_t length);

/* What a complete response to a request of this protocol and signal says. `answer` is zeros. */
void response_read(const struct response *response, enum protocol protocol, enum signal signal,
		   struct expander *expander, int64_t now_ns, struct answer *answer);

/* The same for gRPC; used by response_read(). */
void grpc_read(const struct response *response, struct expander *expander, struct answer *answer);

/* ---- gRPC's side of a request ------------------------------------------------------------- */

enum { GRPC_PREFIX_SIZE = 5, GRPC_TIMEOUT_LENGTH = 16 };

void grpc_prefix(unsigned char prefix[GRPC_PREFIX_SIZE], bool compressed, uint32_t length);

/* As grpc-timeout writes it: at most eight digits and a unit. */
void grpc_timeout(char text[GRPC_TIMEOUT_LENGTH], int64_t timeout_ns);

#endif

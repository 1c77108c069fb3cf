/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver says to a request, and what follows from it by the rules of OTLP. */
#ifndef SONDE_OTLP_ANSWER_H
#define SONDE_OTLP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_TEXT_LENGTH = 240 };

enum answer_verdict {
	ANSWER_DONE,      /* but for rejected_count items */
	ANSWER_RETRY,     /* not now */
	ANSWER_REJECTED,  /* never */
	ANSWER_TOO_LARGE, /* in smaller pieces perhaps */
};

struct answer {
	enum answer_verdict verdict;
	uint64_t rejected_count;       /* of the items of a request that was taken */
	bool is_partial;               /* there is a rejected_count or a warning */
	int64_t retry_after_ns;        /* 0: not said */
	bool uncertain;                /* the receiver may have taken it */
	bool unauthorized;             /* the credentials are not, or no longer, good */
	char text[ANSWER_TEXT_LENGTH]; /* in the receiver's words or ours; one line */
};

/* Longer waits than this are taken as this. */
extern const int64_t answer_longest_wait_ns;

/* Copies a text as one line: control characters become blanks, what is too long is cut. */
void answer_say(char text[ANSWER_TEXT_LENGTH], const char *said, size_t length);

/* A Retry-After header: seconds or a date. 0: it is neither. */
int64_t answer_retry_after_ns(const char *value, int64_t now_ns);

/* The verdict of an HTTP status; the text is not touched. */
void answer_by_http(struct answer *answer, uint32_t status);

/* The verdict of a gRPC status; after answer_read_status(), which finds RetryInfo. */
void answer_by_grpc(struct answer *answer, uint32_t code);

/* Reads a google.rpc.Status: its message, if there is one, and RetryInfo among its details.
 * -EBADMSG. */
int answer_read_status(struct answer *answer, const void *data, size_t length);

/* Reads an Export*ServiceResponse. -EBADMSG. */
int answer_read_response(struct answer *answer, const void *data, size_t length);

/* "UNAVAILABLE" and so on. */
const char *answer_grpc_name(uint32_t code);

#endif

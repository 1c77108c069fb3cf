/* SPDX-License-Identifier: Apache-2.0 */
/* A request with its answer, as both protocols have it: its head, its body, its calls to the owner.
 */
#ifndef SONDE_HTTP_EXCHANGE_H
#define SONDE_HTTP_EXCHANGE_H

#include "connection.h"

struct exchange {
	struct http_request request; /* first: what the owner sees */
	struct connection *connection;
	struct exchange *previous, *next; /* of the connection */

	struct http_header *headers;
	uint32_t header_count;
	char *text;    /* that method, path, query and headers point into */
	char **joined; /* values of headers that came several times */
	uint32_t joined_count;

	unsigned char *body; /* placed by the owner, or ours */
	size_t capacity;
	size_t committed; /* of connection->committed */
	size_t early;     /* of the server's early_bytes */
	bool body_is_ours;

	bool begun;    /* head() was called, end() is owed */
	bool later;    /* the owner does not have its body read yet */
	bool complete; /* complete() was called */
	bool answered;
	bool head_only; /* HEAD: an answer without a body */
	bool holds;     /* the answer ends only when the body has come */

	/* HTTP/2 */
	int32_t stream;
	struct pace pace;
	char *answer; /* what is still to be sent of its body, and its trailers */
	size_t answer_length, answer_at;
	struct http_header *trailers;
	uint32_t trailer_count;
	size_t received;   /* bytes of the body, also of one that nobody wants */
	size_t withheld;   /* bytes of them for which the window was not given back yet */
	size_t head_bytes; /* of headers so far, as RFC 9113 counts them */
	size_t text_length, text_capacity;
	uint32_t header_capacity;
	bool head_is_over, head_is_long;
	bool is_whole; /* the client has sent all of it */
};

/* NULL: no memory. */
struct exchange *exchange_create(struct connection *connection);

/* Calls end() if it is owed, and frees it. */
void exchange_end(struct exchange *exchange);

/* The head is whole: splits the target and asks the owner. False: it was answered, and the body is
 * to be thrown away; or it is to be read later. */
bool exchange_begin(struct exchange *exchange, const char *method, char *target);

/* The body is wanted, now or at last: makes room for one of a stated length. 0; 1: the owner
 * answered; else the status to answer with. */
uint32_t exchange_open(struct exchange *exchange);

/* Keeps what comes of a body that is to be read later. 0; else the status to answer with. */
uint32_t exchange_keep(struct exchange *exchange, const void *data, size_t length);

/* Appends to a body without a stated length, the rest of which may then be to be read later. As
 * exchange_open(). */
uint32_t exchange_append(struct exchange *exchange, const void *data, size_t length);

/* The body is whole. */
void exchange_complete(struct exchange *exchange);

/* Answers it for the owner, who learns the status. */
void exchange_answer(struct exchange *exchange, uint32_t status, const struct http_answer *answer);

/* The same, with one line of text. */
void exchange_refuse(struct exchange *exchange, uint32_t status);

const char *status_phrase(uint32_t status);

#endif

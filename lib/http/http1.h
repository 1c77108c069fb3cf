/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and 1.1 of one connection: one request after the other. */
#ifndef SONDE_HTTP_HTTP1_H
#define SONDE_HTTP_HTTP1_H

#include "exchange.h"

/* `length` bytes are at hand in the server's scratch, and more may be read. Whatever is not used
 * is kept. */
void http1_input(struct connection *connection, size_t length);

/* Reads a body of a stated length to where it belongs, once. 1: some came; 0: none at present;
 * -ENOENT: there is no such body to read. */
int http1_read_body(struct connection *connection);

/* Reads a body that was to be read later. */
void http1_admit(struct exchange *exchange);

/* Sends an answer. */
void http1_answer(struct exchange *exchange, const struct http_answer *answer);

/* All that waited is sent. */
void http1_flushed(struct connection *connection);

/* Answers what is no request with a status of the server's own, and leaves. */
void http1_refuse(struct connection *connection, uint32_t status);

void http1_release(struct connection *connection);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 of one connection, by nghttp2: streams as exchanges, windows as memory allows, and bounds
 * for frames that ask for nothing. */
#ifndef SONDE_HTTP_HTTP2_H
#define SONDE_HTTP_HTTP2_H

#include "exchange.h"

void http2_input(struct connection *connection, const unsigned char *data, size_t length);

/* Reads a body that was to be read later. */
void http2_admit(struct exchange *exchange);

/* Submits an answer, and sends it unless the input is at work. */
void http2_answer(struct exchange *exchange, const struct http_answer *answer);

/* All that waited is sent. */
void http2_flushed(struct connection *connection);

/* Looks at the limits of time of each exchange. */
void http2_tick(struct connection *connection);

/* Tells the client that no further request is taken. */
void http2_drain(struct connection *connection);

void http2_release(struct connection *connection);

#endif

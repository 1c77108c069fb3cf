/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 of one connection, by nghttp2. */
#include "http2.h"

void http2_input(struct connection *connection, const unsigned char *data, size_t length)
{
	connection->broken = true;
}

void http2_answer(struct exchange *exchange, const struct http_answer *answer)
{
}

void http2_flushed(struct connection *connection)
{
}

void http2_tick(struct connection *connection)
{
}

void http2_drain(struct connection *connection)
{
}

void http2_release(struct connection *connection)
{
}

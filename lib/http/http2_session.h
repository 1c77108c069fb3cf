/* SPDX-License-Identifier: Apache-2.0 */
/* What the two sides of HTTP/2, frames that come and answers that go, know of a connection. */
#ifndef SONDE_HTTP_HTTP2_SESSION_H
#define SONDE_HTTP_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "http2.h"

struct http2 {
	nghttp2_session *session;
	size_t window;       /* of the connection, at most */
	size_t received;     /* bytes of bodies that have earned nothing yet */
	int64_t calm;        /* what frames that ask for nothing are paid from */
	int64_t calm_ns;     /* when it was looked at last */
	const uint8_t *rest; /* of a frame that did not fit into what is sent at once */
	size_t rest_length;
	int64_t unseen; /* bytes that were in no frame that nghttp2 tells of */
	bool terminated;
};

/* Lets the client send so many more frames that ask for nothing. */
void http2_earn(struct http2 *http2, int64_t calm);

/* Gives the client as much of the connection's window as memory allows. Whether there is something
 * to send for it. */
bool http2_give_window(struct connection *connection);

/* Sends what there is to send, as far as the socket takes it. */
void http2_flush(struct connection *connection);

int http2_on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data);

#endif

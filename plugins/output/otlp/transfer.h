/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way: libcurl's multi interface on the instance's own fds and timer. */
#ifndef SONDE_OTLP_TRANSFER_H
#define SONDE_OTLP_TRANSFER_H

#include <curl/curl.h>
#include "encode.h"
#include "response.h"

/* One request. The owner embeds it, zeroed at first, and uses it again. */
struct transfer {
	/* of the owner, from transfer_send() to `ended` */
	const struct target *target;
	enum signal signal;
	const void *body;                 /* NULL: it is `parts` */
	const struct otlp_request *parts; /* that lie here and there */
	size_t body_length;
	enum compress_coding coding; /* of the body */
	const char *token;           /* bearer token; NULL: none; copied */

	/* of the transport */
	CURL *easy;
	struct curl_slist *headers;
	unsigned char prefix[GRPC_PREFIX_SIZE];
	size_t prefix_length, sent;
	bool was_sent_before; /* wholly, over a connection that then ended without an answer */
	bool is_running;
	struct response response;
	int64_t begun_ns; /* monotonic */
	char error[CURL_ERROR_SIZE];
};

struct transport {
	struct sonde_instance *instance;
	const struct settings *settings;
	int timer; /* of the instance, that is the transport's */
	void (*ended)(struct sonde_instance *instance, struct transfer *transfer,
		      const struct answer *answer, int64_t took_ns);
	CURLM *multi;
	struct expander *expander;
};

/* `transport` is filled up to `ended`. -ENOMEM. */
int transport_open(struct transport *transport);

/* Ends what runs, without a word; transfers are to be released then. */
void transport_close(struct transport *transport);

/* Sends the body. 0: `ended` is called once, later. -ENOMEM. */
int transfer_send(struct transport *transport, struct transfer *transfer);
void transfer_release(struct transport *transport, struct transfer *transfer);

/* For ready() and timer() of the instance. */
void transport_ready(struct transport *transport, int fd, uint32_t events);
void transport_timer(struct transport *transport);

/* Monotonic, ns. */
int64_t transport_now_ns(void);

#endif

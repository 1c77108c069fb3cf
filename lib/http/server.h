/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server inside an instance: HTTP/1.1 and HTTP/2 on one port, with or without TLS, on the
 * instance's own thread. It bounds everything that a client can make it hold: connections, time,
 * the size of heads and bodies, streams, and what HTTP/2 lets a client do without asking anything.
 */
#ifndef SONDE_HTTP_SERVER_H
#define SONDE_HTTP_SERVER_H

#include <sonde/plugin.h>

struct http_server;

struct http_header {
	const char *name, *value; /* names in lower case */
};

/* A request, from its head to its answer. Public members are set by the server unless said. */
struct http_request {
	const char *method;        /* "POST" */
	const char *path;          /* up to the '?', as sent */
	const char *query;         /* behind it; "" */
	const char *peer;          /* address and port, or the path of a socket */
	const char *peer_name;     /* of a verified client certificate: its subject's common name,
				      else its first alternative name (DNS, URI, e-mail); NULL:
				      none */
	uint32_t version;          /* 1 or 2 */
	int64_t content_length;    /* bytes; -1: not said; 0: there is no body */
	const unsigned char *body; /* whole, in complete(); until the answer */
	size_t body_length;        /* so far */
	uint32_t refused;          /* the status with which the server itself answered; 0: not */
	void *user;                /* the owner's; NULL at first */
};

enum { HTTP_LATER = 1 }; /* of head() and grow() */

/* What the owner of a server does. All on the instance's thread. In none of these may the server be
 * drained or released; requests may be answered, any of them. */
struct http_handler {
	/* The head is there: 0 to have its body read. HTTP_LATER: not before http_admit(), which,
	 * or an answer, is owed before long. Else the answer was given (http_answer()), and the
	 * body is thrown away: the rest of a small one is passed over, a client with more is sent
	 * away. */
	int (*head)(void *data, struct http_request *request);
	/* Where to put a body of a length that the head said; NULL: into the server's own memory.
	 * It is valid until the request is ended. May be NULL. */
	void *(*place)(void *data, struct http_request *request, size_t length);
	/* Before more of a body without a stated length is taken in, which then is `length` bytes:
	 * 0, or as head(); what is there already stays there. May be NULL. Such a body lies in the
	 * server's own memory, which may take twice its bytes. */
	int (*grow)(void *data, struct http_request *request, size_t length);
	/* The body is whole. To be answered now or later. */
	void (*complete)(void *data, struct http_request *request);
	/* The request is gone: answered and sent, or its client is. Nothing of it is valid any
	 * more. Comes once for each head(), answered or not. */
	void (*end)(void *data, struct http_request *request);
};

/* Options that every owner of a server offers; 0 means the value in brackets. */
struct http_limits {
	uint32_t connections;    /* at once; more are closed at once [1024] */
	uint32_t streams;        /* requests at once of one HTTP/2 connection [100] */
	size_t head_bytes;       /* of one request's head: 431; at most 64 KiB [16 KiB] */
	size_t body_bytes;       /* of one request's body as sent: 413 [64 MiB] */
	size_t connection_bytes; /* of bodies that one connection's requests hold at once, with what
				    stated lengths claim: 503; at least body_bytes [body_bytes] */
	size_t early_bytes;      /* of bodies of requests that are to be read later, of all
				    connections: 503 [32 MiB] */
	int64_t head_ns;         /* for a head, and for TLS to be agreed on [10 s] */
	int64_t idle_ns;         /* without a request [120 s] */
	int64_t stall_ns;        /* without a byte within a body or an answer: 408 [30 s] */
	uint64_t least_rate; /* bytes/s of a body or an answer, averaged from its beginning after
				stall_ns [1 KiB] */
};

/* Files, PEM; NULL or "": none. */
struct http_tls {
	const char *certificate; /* with its chain; none: no TLS */
	const char *key;
	const char *client_ca; /* clients must show a certificate of these; none: they need not */
};

struct http_answer {
	uint32_t status;
	const char *content_type; /* NULL: no body */
	const void *body;         /* copied */
	size_t body_length;
	const struct http_header *headers; /* more of them, without control bytes; copied */
	uint32_t header_count;
	const struct http_header *trailers; /* HTTP/2 only; copied. Without a body they stand in
					       the head, as gRPC has it */
	uint32_t trailer_count;
	bool close; /* no further request on this connection; others under way go on */
};

/* Figures since the start, for `status`. */
struct http_counts {
	uint64_t connections;         /* accepted */
	uint64_t refused_connections; /* over the limit, or there was no memory */
	uint64_t timed_out; /* connections or requests that were too slow; not idle ones */
	uint64_t requests;  /* whose head() was called */
	uint64_t malformed; /* requests, streams and handshakes against the rules */
	uint64_t floods;    /* connections ended for frames of HTTP/2 that ask for nothing */
	uint64_t crowded;   /* requests refused as too much of bodies had come early */
	uint64_t body_bytes, answer_bytes; /* of bodies; of all that was sent */
	uint32_t open_connections, open_requests;
};

/* Listens at "HOST:PORT", "[v6]:PORT", ":PORT" (loopback) or "unix:PATH"; `shared`: with
 * SO_REUSEPORT, not for a path. Names are resolved; of several addresses each that this machine
 * has. It watches an fd and uses the timer `timer` of the instance, whose ready() and timer() pass
 * on what is its own to the two functions below. `limits` and `tls` may be NULL and are copied, the
 * handler is not; `data` goes to it. -EINVAL and others: said with sonde_fail() wording in `error`.
 */
int http_server_create(struct sonde_instance *instance, const char *address, bool shared,
		       const struct http_limits *limits, const struct http_tls *tls,
		       const struct http_handler *handler, void *data, int timer,
		       struct http_server **ret_server, char *error, size_t error_size);

/* Whether the fd or timer was the server's. */
bool http_server_ready(struct http_server *server, int fd, uint32_t events);
bool http_server_timer(struct http_server *server, int timer);

/* Answers a request, once, at any time between head() and end(). Called within a callback of the
 * handler, the request stays valid until that returns; elsewhere end() may run before this returns,
 * of this request and of no other. Nothing happens if the server itself has refused it meanwhile.
 */
void http_answer(struct http_request *request, const struct http_answer *answer);

/* A request whose head() or grow() said HTTP_LATER has its turn: its body is read on. Until then
 * HTTP/1 leaves it in its socket; of HTTP/2 more may come, as far as a window lets it. body_length
 * says how much is there, for which grow() is not asked. At any time between head() and end(), but
 * not in a callback of the same request; place(), complete() and end() of it may come before this
 * returns, and none of another request. The time until then is not the client's. Nothing happens
 * if the server itself has refused it meanwhile. */
void http_admit(struct http_request *request);

/* Takes no further connection and no further request; http_server_is_idle() when all answers are
 * out. Begun requests still get their bodies, and clients are told to go elsewhere. Those that are
 * to be read later stay so until they are admitted or answered. */
void http_server_drain(struct http_server *server);
bool http_server_is_idle(const struct http_server *server);

void http_server_counts(const struct http_server *server, struct http_counts *ret_counts);

/* The port that it listens at, for port 0; 0 for a socket in a path. */
uint16_t http_server_port(const struct http_server *server);

/* Closes everything; end() is called for what is open. NULL is fine. */
void http_server_release(struct http_server *server);

/* Of the request's head, by lower-case name; NULL: not there. Several are joined by ", ". "host" is
 * there in HTTP/2, too. */
const char *http_request_header(const struct http_request *request, const char *name);

#endif

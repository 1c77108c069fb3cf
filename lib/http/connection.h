/* SPDX-License-Identifier: Apache-2.0 */
/* A client: its socket, what waits to be sent, its exchanges, and how long it may take; and the
 * server as its own parts see it. */
#ifndef SONDE_HTTP_CONNECTION_H
#define SONDE_HTTP_CONNECTION_H

#include <sys/uio.h>

#include "address.h"
#include "server.h"

struct exchange;
struct http1;
struct http2;
struct tls;
struct ssl_st;

/* What an event of the server's epoll points at. */
struct source {
	enum source_kind { SOURCE_LISTENER, SOURCE_CONNECTION, SOURCE_KICK } kind;
	int fd;
};

/* How something moves on that must not stand still. */
struct pace {
	int64_t began_ns, moved_ns; /* monotonic */
	uint64_t bytes;
};

/* Bytes that wait: [at, length) of data. */
struct waiting {
	unsigned char *data;
	size_t at, length;
};

enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

/* What a connection waits for, and so which limit holds. */
enum phase {
	PHASE_HANDSHAKE, /* TLS */
	PHASE_IDLE,      /* a request */
	PHASE_HEAD,      /* the rest of a head */
	PHASE_BODY,      /* of HTTP/1; exchanges of HTTP/2 have paces of their own */
	PHASE_OWNER,     /* an answer, or to be read at all */
	PHASE_LEAVING,   /* the client, to read its last answer and close */
};

struct connection {
	struct source source; /* first */
	struct http_server *server;
	struct connection *previous, *next; /* of the server; dead ones: next */
	struct connection *next_pending;
	struct exchange *exchanges;
	struct http1 *http1;
	struct http2 *http2;
	struct ssl_st *tls;
	char *peer_name;
	char peer[ADDRESS_PEER_BYTES];

	enum protocol protocol;
	enum phase phase;
	int64_t phase_since_ns;
	struct pace body; /* of HTTP/1 */
	struct pace sent; /* what waits in `out` */
	int queued;       /* bytes that the kernel has to send, as of the last look */
	struct waiting in, out;
	size_t committed;  /* bytes that its exchanges' bodies hold or may claim */
	uint32_t interest; /* what epoll watches */
	bool busy;         /* its input is at work: nothing of it is freed */
	bool pending;      /* is in the server's list of those with input at hand */
	bool deaf;         /* input is not read at present */
	bool broken;       /* nothing can be sent or read any more */
	bool closed;
};

struct http_server {
	struct sonde_instance *instance;
	const struct http_handler *handler;
	void *data;
	struct http_limits limits;
	struct tls *tls;

	struct source listeners[ADDRESS_SOCKETS];
	uint32_t listener_count;
	uint16_t port;
	char *path; /* of a socket; NULL */
	uint64_t path_inode;

	int epoll_fd;
	struct source kick; /* an eventfd: there are pending connections */
	int timer;
	int64_t tick_ns; /* of the timer now; 0: it rests */
	int64_t now_ns;  /* monotonic, as of the last look */

	struct connection *connections, *dead;
	struct connection *pending, *last_pending;
	unsigned char *scratch; /* where input is read to */
	size_t scratch_bytes;
	size_t early_bytes;      /* of bodies of requests that are to be read later */
	unsigned char *outgoing; /* where frames are gathered to be sent */
	char date[40];           /* of answers */
	int64_t date_second;
	bool dispatches; /* events are being looked at */
	bool draining, pauses /* accepting */;
	struct http_counts counts;
};

/* ---- connections ------------------------------------------------------------------------- */

/* Takes over the fd, also on failure. -ENOMEM and what epoll says. */
int connection_create(struct http_server *server, int fd, const char *peer);

/* Ends its exchanges and closes it; it is freed when no event can name it any more. */
void connection_close(struct connection *connection);

/* What epoll said of it. */
void connection_ready(struct connection *connection, uint32_t events);

/* Works on input that is at hand already. */
void connection_resume(struct connection *connection);

/* Has connection_resume() called soon. */
void connection_pend(struct connection *connection);

/* The same if there is input at hand that epoll does not know of. */
void connection_pend_input(struct connection *connection);

/* Nothing more is asked or answered: lets the client read its last answer, and throws away what it
 * still sends, for a while; to close at once would have the kernel throw the answer away. */
void connection_part(struct connection *connection);

/* Looks at the limits of time; closes it if one is over. */
void connection_tick(struct connection *connection);

/* No further request. */
void connection_drain(struct connection *connection);

void connection_enter(struct connection *connection, enum phase phase);

/* The number of bytes; 0: the end; -EAGAIN: none now; others: it is broken. */
int64_t connection_read(struct connection *connection, void *data, size_t size);

/* Sends what can be sent at once and keeps a copy of the rest. -ENOMEM and others: it is broken. */
int connection_send(struct connection *connection, const struct iovec *parts, int count);

/* Sends on what waits. */
int connection_flush(struct connection *connection);

/* Has epoll watch what is needed now. */
void connection_listen(struct connection *connection);

/* After an answer was sent beside its input: a broken one is closed before long. */
void connection_settle(struct connection *connection);

/* ---- bytes and paces --------------------------------------------------------------------- */

static inline size_t waiting_length(const struct waiting *waiting)
{
	return waiting->length - waiting->at;
}

/* Keeps exactly these bytes, which may be a part of those that it has. */
int waiting_keep(struct waiting *waiting, const void *data, size_t length);
void waiting_clear(struct waiting *waiting);

void pace_begin(struct pace *pace, int64_t now_ns);
void pace_move(struct pace *pace, int64_t now_ns, size_t bytes);

/* Whether it stands still, or is slower on the whole than is allowed. */
bool pace_is_slow(const struct pace *pace, const struct http_limits *limits, int64_t now_ns);

/* ---- the server's ------------------------------------------------------------------------ */

int64_t server_clock(struct http_server *server);

/* Has pending connections worked on as soon as the instance's thread is free. */
void server_kick(struct http_server *server);

/* Now as heads of answers say it. */
const char *server_date(struct http_server *server);

#endif

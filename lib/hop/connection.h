/* SPDX-License-Identifier: Apache-2.0 */
/* A hop, its connections, dialers and listeners, as the parts of the library see them.
 *
 * Locks, in the order in which they are taken: that of the listeners, a connection's, a hop's, the
 * janitor's. A connection's guards what is sent and received; a hop's guards what its owner asks
 * for. nng's functions that wait are called by the janitor alone, without a lock. */
#ifndef SONDE_HOP_CONNECTION_H
#define SONDE_HOP_CONNECTION_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "hop.h"
#include "janitor.h"
#include "pool.h"

struct hop_listener;
struct hop_secrets;
struct ssl_st;

enum {
	SMALL_BYTES = 4096,       /* where headers and small messages arrive */
	RECORD_BYTES = 16 * 1024, /* of TLS */
	BULK_BYTES = 128 * 1024,  /* what TLS takes from and hands to nng at once */
	SEND_VECTORS = 8,         /* that an aio takes */
	REFUSALS = 32,
};

/* A message that waits to be sent. */
struct hop_outgoing {
	unsigned char header[HOP_HEADER_BYTES];
	struct hop_piece pieces[HOP_PIECES];
	uint32_t count;
	size_t length; /* with its header */
};

/* What waits to be sent: a ring. Guarded by the connection's lock. */
struct hop_queue {
	struct hop_outgoing *entries;
	uint32_t first, count, capacity; /* capacity: a power of two, or 0 */
	uint32_t part;                   /* of the first: 0 is its header, then its pieces */
	size_t offset;                   /* in that part */
	atomic_size_t bytes;
	unsigned char headers[SEND_VECTORS][HOP_HEADER_BYTES]; /* that are on their way */
	bool wanted;                                           /* hop_send() said -EAGAIN */
	bool busy;                                             /* nng is sending */
};

/* What has arrived of the message that comes. Of whoever has the bytes that came: nng's callback,
 * or the owner who goes on with a suspended one. */
struct hop_intake {
	unsigned char small[SMALL_BYTES];
	size_t at, length; /* of `small`, what is not looked at yet */
	unsigned char header[HOP_HEADER_BYTES];
	size_t header_length;
	struct hop_buffer *payload; /* NULL: the header is not whole, or not admitted yet */
	size_t payload_length;
	bool is_past_first; /* a whole message has come */
};

/* TLS: encrypted bytes that came, [in_at, in_length), and that go. Guarded likewise. */
struct hop_record {
	struct ssl_st *ssl;    /* NULL: no TLS */
	struct hop_buffer *in; /* small, or BULK_BYTES while much comes */
	size_t in_at, in_length;
	struct hop_buffer *out; /* only while there is something */
	size_t out_at, out_length;
	bool established;
	bool parted; /* the peer was told that no more comes */
};

/* How far a connection is with its hop. Guarded by the hop's lock. */
enum hop_stage {
	STAGE_NONE,      /* it is in no list of the hop, which knows nothing of it any more */
	STAGE_HALF_OPEN, /* handshake, or the first message is not whole */
	STAGE_DOOMED,    /* the same, sentenced: not counted any more */
	STAGE_OPEN,
	STAGE_ENDED, /* its HOP_CLOSED has to be taken */
};

/* Bits of `fate`: it is made, so that it may be buried; somebody has the right to say why it dies;
 * that is said. */
enum { FATE_MADE = 1, FATE_SEALED = 2, FATE_DEAD = 4 };

struct hop_connection {
	struct hop_burial burial; /* first */
	struct hop *hop;
	pthread_mutex_t lock;
	atomic_uint references; /* the janitor's, and the hop's while its stage is not NONE */
	atomic_uint fate;
	bool accepted;

	nng_stream *stream;
	nng_aio *receiving, *sending;
	struct hop_intake intake;
	struct hop_record record;
	struct hop_queue queue;
	atomic_llong heard_ns;

	/* Written by whoever makes it leave or die, once, before others are told. */
	atomic_bool leaving; /* nothing is read any more, what is queued goes out */
	enum hop_reason leave_reason;
	char leave_detail[HOP_DETAIL_BYTES];
	enum hop_reason reason;
	char detail[HOP_DETAIL_BYTES];

	/* Guarded by the hop's lock. */
	enum hop_stage stage;
	struct hop_connection *previous, *next; /* of the hop's half open, or other ones */
	struct hop_connection *next_ready;
	struct hop_connection *next_waiting;
	struct hop_dialer *dialer; /* NULL: accepted, or the dialer is released */
	struct hop_pooled *inbox, *inbox_last;
	size_t inbox_bytes;
	size_t reserved_bytes; /* of the hop's received_bytes, for the message that comes */
	size_t wanted_bytes;   /* the same, while it waits for them */
	int64_t born_ns;
	int64_t leave_ns; /* when leaving is over */
	bool is_ready;    /* in the list of those with an event */
	bool suspended;   /* nothing is read until there is room in its inbox or the hop */
	bool is_waiting;  /* … in the hop, in the list of those */
	bool paused;
	bool abandoned; /* by hop_close() */
	bool tells_opened, tells_writable;

	/* The owner's thread's. */
	void *data;

	/* Made before HOP_OPENED, never changed. */
	struct hop_peer peer;
	char *peer_name;
	char peer_address[HOP_ADDRESS_BYTES];
};

struct hop_dialer {
	struct hop_burial burial; /* first */
	struct hop *hop;
	nng_stream_dialer *dialer;
	nng_aio *aio;
	void *data;
	char *host; /* of the URL, for TLS; NULL: none */
	bool uses_tls;

	/* Guarded by the hop's lock. */
	enum hop_dialing { DIALER_RESTS, DIALER_SLEEPS, DIALER_DIALS, DIALER_IS_UP } phase;
	struct hop_dialer *previous, *next;
	struct hop_dialer *next_failed;
	struct hop_connection *connection;
	bool released;
	bool has_failed;
	enum hop_reason reason;
	char detail[HOP_DETAIL_BYTES];
};

struct hop_refusal {
	enum hop_reason reason;
	char address[HOP_ADDRESS_BYTES], detail[HOP_DETAIL_BYTES];
};

struct hop_list {
	struct hop_connection *first, *last;
};

struct hop {
	pthread_mutex_t lock;
	pthread_mutex_t wake_lock;     /* of calls of `wake`, and of `silenced` */
	atomic_uint references;        /* the owner's, each connection's and each dialer's */
	struct hop_settings settings;  /* strings are copies; what was 0 is filled in */
	struct hop_listener *listener; /* the owner's thread's */
	bool stopped, awake /* `wake` was called and hop_next() has not come to an end since */;
	bool silenced;        /* `wake` must not be called any more */
	atomic_bool wake_due; /* by whoever has told something, when it has let go of its locks */
	struct hop_secrets *secrets; /* TLS; NULL: none */
	struct hop_list half_open;   /* by age */
	struct hop_list others;
	struct hop_connection *ready, *ready_last;
	struct hop_connection *waiting, *waiting_last;
	struct hop_dialer *dialers, *failed, *failed_last;
	struct hop_refusal refusals[REFUSALS];
	uint32_t first_refusal, refusal_count;
	struct hop_connection *current; /* whose HOP_CLOSED was taken last */
	struct hop_refusal told;        /* what the last event points at */

	struct hop_counts counts; /* but for those that go on beside the lock: */
	atomic_ullong bytes_out, messages_out;
	atomic_ullong accept_errors;
	atomic_uint load; /* open and half open ones, for the choice between hops */
};

int64_t hop_now_ns(void);

/* Calls `wake` if that is due: without locks, so that the owner meets none of them; at the end of
 * everything that may have had something to tell. */
void hop_wake(struct hop *hop);
void hop_acquire(struct hop *hop);
void hop_release(struct hop *hop);

/* ---- connection.c ------------------------------------------------------------------------ */

/* Takes over the stream, and makes a connection of it; `dialer`: NULL: accepted. Where that fails
 * nothing is left. On nng's threads. */
void hop_connection_make(struct hop *hop, nng_stream *stream, bool uses_tls,
			 struct hop_dialer *dialer);
void hop_connection_acquire(struct hop_connection *connection);

/* Ends it: the first time, with this reason. It is buried later, by the janitor. With any lock or
 * none. `detail` may be NULL. */
void hop_connection_die(struct hop_connection *connection, enum hop_reason reason,
			const char *detail);

/* Ends it when what is queued is sent and the peer has closed, or in so long. With its lock. */
void hop_connection_leave(struct hop_connection *connection, enum hop_reason reason,
			  const char *detail, int64_t linger_ns);

bool hop_connection_is_dead(const struct hop_connection *connection);
void hop_connection_release(struct hop_connection *connection);

/* ---- receive.c --------------------------------------------------------------------------- */

void hop_receive_callback(void *connection);

/* Has nng receive. Outside callbacks with the connection's lock. */
void hop_receive_post(struct hop_connection *connection);

/* Goes on with one that was suspended, and is not any more. Without locks; not on nng's threads. */
void hop_receive_resume(struct hop_connection *connection);

void hop_receive_clear(struct hop_connection *connection);

/* ---- send.c: with the connection's lock -------------------------------------------------- */

void hop_send_callback(void *connection);

/* Has nng send, if there is something and it is not at it. */
void hop_send_next(struct hop_connection *connection);
void hop_send_clear(struct hop_connection *connection);

/* ---- events.c: these take the hop's lock, and hop_wake() is due behind them --------------- */

/* It is new: half open; the oldest one may go for it. False: the hop is stopped, or the dialer is
 * released. */
bool hop_event_born(struct hop_connection *connection, struct hop_dialer *dialer);

/* It is open. False: there are too many. */
bool hop_event_opened(struct hop_connection *connection);

/* Whether a message of so many bytes (memory) may be received now. If not, the connection is
 * suspended, and its intake is the owner's from now on. */
bool hop_event_admit(struct hop_connection *connection, size_t memory_bytes);

/* Takes over a payload. False: the connection had to be opened for it, and could not be. */
bool hop_event_message(struct hop_connection *connection, struct hop_buffer *payload);
void hop_event_writable(struct hop_connection *connection);

/* When leaving is over. */
void hop_event_leaving(struct hop_connection *connection, int64_t leave_ns);

/* A listener's connection that came to nothing before it was one. */
void hop_event_stillborn(struct hop *hop, enum hop_reason reason);

/* It is dead. On the janitor's thread, once. */
void hop_event_ended(struct hop_connection *connection);

/* What it had reserved is free again. */
void hop_event_buried(struct hop_connection *connection);
void hop_event_failed(struct hop_dialer *dialer, enum hop_reason reason, const char *detail);

/* These are called with the lock. The first forgets a connection: nothing is told of it any more,
 * and the hop's reference to it is the caller's. What came and was not taken goes in front of
 * `inbox`, which is to be freed without the lock. */
void hop_event_forget(struct hop_connection *connection, struct hop_pooled **inbox);
void hop_inbox_take(struct hop_connection *connection, struct hop_pooled **inbox);
void hop_inbox_free(struct hop_pooled *inbox);

/* With the lock: it may have something to tell. */
void hop_event_ready(struct hop_connection *connection);

/* ---- dialer.c, listener.c ---------------------------------------------------------------- */

/* Leaves its listener, and waits so long at most for it to be gone if it was the last. */
void hop_listener_leave(struct hop *hop, int64_t patience_ns);

/* ---- url.c ------------------------------------------------------------------------------- */

/* The URL as nng wants it, and the host in it (NULL is fine); both to be freed. -ENOMEM. */
int hop_url_split(const char *url, char **ret_url, char **ret_host);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between two processes over byte streams of nng: tcp://, ipc://, and tls+tcp:// with TLS
 * 1.3 of our own above tcp. It knows where a message ends and whom it is from, not what it means.
 *
 * A `struct hop` belongs to one instance and its thread: all functions here are called on that,
 * unless said. What happens on nng's threads waits, bounded, until the owner asks hop_next(), and
 * `wake` says that there is something. Nothing here ever waits for nng or for a peer. */
#ifndef SONDE_HOP_H
#define SONDE_HOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hop;
struct hop_connection;
struct hop_dialer;

enum { HOP_HEADER_BYTES = 16, HOP_PIECES = 3, HOP_ADDRESS_BYTES = 128, HOP_DETAIL_BYTES = 192 };

/* In front of each message; on the wire in this order, without gaps, little-endian. */
struct hop_header {
	uint32_t length; /* of the payload behind it, in bytes */
	uint16_t type;
	uint16_t flags;
	uint64_t sequence;
};

/* ---- buffers ----------------------------------------------------------------------------- */

/* Counted bytes, mostly out of a pool that all hops share. Whoever has a reference may read them on
 * any thread; to be written only while there is one reference. */
struct hop_buffer {
	unsigned char *data;
	size_t length; /* may be made smaller by who made it */
};

/* One reference to so many bytes, not zeroed. NULL: no memory. Any thread. */
struct hop_buffer *hop_buffer_create(size_t length);

/* Bytes of somebody else; release(data) when the last reference is gone, on any thread (so it must
 * neither wait nor call a function of an instance). NULL: no memory, and nothing was taken over. */
struct hop_buffer *hop_buffer_wrap(const void *bytes, size_t length, void (*release)(void *data),
				   void *data);

/* Any thread. Release: NULL is fine. */
struct hop_buffer *hop_buffer_acquire(struct hop_buffer *buffer);
void hop_buffer_release(struct hop_buffer *buffer);

/* What the buffer takes of memory, which is more than its length. */
size_t hop_buffer_memory(const struct hop_buffer *buffer);

/* ---- settings ---------------------------------------------------------------------------- */

/* Files, PEM. They are read by hop_create() and hop_renew(). */
struct hop_tls {
	const char *certificate; /* with its chain */
	const char *key;
	const char *authority;   /* the peer must show a certificate of one of these */
	const char *revocations; /* lists of certificates revoked by them; NULL or "": none */
	const char *server_name; /* whom a dialer expects; NULL or "": the host of the URL */
};

/* 0 means the value in brackets. Copied. */
struct hop_settings {
	const char *name; /* the owner's; replicas of one name share a listener, see hop_listen() */
	void (*wake)(void *data); /* hop_next() has something; any thread. Never after hop_stop() */
	void *data;               /* wake's */

	size_t message_bytes;  /* of one payload; a longer one closes the connection [64 MiB] */
	size_t first_bytes;    /* of the first one to a listener [64 KiB] */
	size_t inbox_bytes;    /* received on one connection and not taken: once there are so many,
				  nothing more is read of it [8 MiB] */
	size_t received_bytes; /* the same of all, with the rest of messages that have begun: before
				  a message would exceed them it stays unread [256 MiB] */
	size_t send_bytes;     /* queued on one connection; -EAGAIN beyond [16 MiB] */
	uint32_t connections;  /* open ones at once; more are refused [4096] */
	uint32_t half_open;    /* accepted and not open yet; one more and the oldest goes [1024] */
	int64_t connect_ns;    /* for a dialer to reach the peer [10 s] */
	int64_t open_ns;       /* for all that comes before HOP_OPENED [10 s] */
	int64_t silence_ns;    /* without a byte of the peer, while we would read it [30 s] */
	uint32_t permissions;  /* of the socket of ipc:// [0660] */
	struct hop_tls tls;    /* for tls+tcp:// */
};

/* Whether the text is a URL that can be listened at (`listens`) or dialed: -EINVAL: `error` says
 * what is wrong and what would be right. Beyond loopback nothing but tls+tcp:// is one. */
int hop_url_check(const char *url, bool listens, char *error, size_t error_size);
bool hop_url_is_tls(const char *url);

/* The files of it are read as for use: -EINVAL and others: `error` names the one that is wrong, and
 * ret_option (NULL is fine) the member of hop_tls ("certificate" …). No hop is needed. */
int hop_tls_check(const struct hop_tls *tls, const char **ret_option, char *error,
		  size_t error_size);

/* ---- a hop ------------------------------------------------------------------------------- */

/* The files of TLS are read if a certificate is given. -EINVAL and others: as `error` says. */
int hop_create(const struct hop_settings *settings, struct hop **ret_hop, char *error,
	       size_t error_size);

/* Closes everything at once, forgets all events, and frees it. It waits for its listener to be
 * gone, so that another can take the address, but never longer than a second; what nng does not let
 * go of by then is left to a thread of the library. Buffers that the owner has stay valid. NULL is
 * fine. */
void hop_stop(struct hop *hop);

/* Listens. A URL at which the same `name` listens already in this process is shared: each new
 * connection goes to the one of them with the fewest. A dialer speaks first: HOP_OPENED comes
 * with its first message, and until then a connection counts as half open. -EADDRINUSE and others:
 * as `error` says. */
int hop_listen(struct hop *hop, const char *url, char *error, size_t error_size);

/* Takes no further connection; those that are there stay. */
void hop_listen_end(struct hop *hop);

/* The TCP port listened at, for port 0; 0: none. */
uint16_t hop_port(const struct hop *hop);

/* Looks at all limits of time; to be called some times within the shortest of them (a second is
 * right for the defaults). `now_ns`: CLOCK_MONOTONIC. */
void hop_tick(struct hop *hop, int64_t now_ns);

/* Reads the files of TLS again if they are others by now. 1: new ones hold from the next connection
 * on, and connections whose peer they do not admit any more are closed (HOP_UNTRUSTED,
 * HOP_EXPIRED, HOP_REVOKED); 0: nothing has changed; negative: they are no good, as `error` says,
 * once for each change, and the old ones stay in use. */
int hop_renew(struct hop *hop, char *error, size_t error_size);

/* ---- events ------------------------------------------------------------------------------ */

/* Why a connection ended or never came to be. */
enum hop_reason {
	HOP_BY_OWNER,       /* hop_close() */
	HOP_BY_PEER,        /* the peer closed it, with nothing of a message missing */
	HOP_LOST,           /* it broke */
	HOP_SILENT,         /* silence_ns */
	HOP_OVERSIZED,      /* a message longer than message_bytes or first_bytes */
	HOP_SLOW,           /* not open within open_ns */
	HOP_CROWDED,        /* too many, open or half open */
	HOP_NOT_TLS,        /* something else than TLS */
	HOP_OLD_TLS,        /* a TLS before 1.3 */
	HOP_NO_CERTIFICATE, /* the peer has none */
	HOP_UNTRUSTED,      /* … of another authority, or otherwise none that holds */
	HOP_EXPIRED,        /* … whose time is over or has not begun */
	HOP_REVOKED,
	HOP_OTHER_NAME,   /* a certificate of another name than was dialed */
	HOP_NOT_ADMITTED, /* the peer refuses ours */
	HOP_TLS_FAILED,   /* anything else that TLS has to say */
	HOP_UNREACHABLE,  /* dialed in vain */
	HOP_NO_MEMORY,
	HOP_REASONS
};

/* A word or a few, fit for a counter: "silent", "other name". */
const char *hop_reason_name(enum hop_reason reason);

enum hop_event_kind {
	HOP_OPENED,   /* `connection` may be used; its peer is known */
	HOP_MESSAGE,  /* `header`, `payload` */
	HOP_WRITABLE, /* there is room again after hop_send() said -EAGAIN */
	HOP_CLOSED,   /* once for each HOP_OPENED, behind its last message: `reason`, `detail`. The
			 connection is valid until the next hop_next() */
	HOP_REFUSED,  /* a listener's, which never was open: `address`, `reason`, `detail`; the
			 latest 32, all are counted */
	HOP_FAILED,   /* a dialer's, which never was open: `dialer`, `reason`, `detail` */
};

struct hop_event {
	enum hop_event_kind kind;
	struct hop_connection *connection;
	struct hop_dialer *dialer;  /* which dialed it; NULL: it was accepted */
	struct hop_header header;   /* of a message */
	struct hop_buffer *payload; /* of a message, never NULL; the owner releases it */
	enum hop_reason reason;
	const char *address; /* as hop_peer has it; valid until the next hop_next() */
	const char *detail;  /* for people: what is behind the reason; "" where nothing is */
};

/* Whether there was one. Connections take turns, a message each. `wake` is not called again before
 * this has said false: who stops sooner goes on without it. */
bool hop_next(struct hop *hop, struct hop_event *ret_event);

/* ---- dialers ----------------------------------------------------------------------------- */

/* Dials once: HOP_OPENED and later HOP_CLOSED, or HOP_FAILED. With TLS 1.3 a dialer's connection is
 * open before the listener has looked at our certificate: that it refuses it is a HOP_CLOSED soon
 * after (HOP_NOT_ADMITTED), so only an answer of the peer proves that it takes us. `data` is the
 * owner's. -EINVAL, -ENOMEM: as `error` says. */
int hop_dial(struct hop *hop, const char *url, void *data, struct hop_dialer **ret_dialer,
	     char *error, size_t error_size);

/* Dials once more after so long, which is the owner's to choose. Only after HOP_CLOSED or
 * HOP_FAILED was taken; -EBUSY else. */
int hop_dial_again(struct hop_dialer *dialer, int64_t delay_ns);

/* Closes its connection, too (no event of either comes any more), and frees it. NULL is fine. */
void hop_dialer_release(struct hop_dialer *dialer);

void *hop_dialer_data(const struct hop_dialer *dialer);

/* ---- connections ------------------------------------------------------------------------- */

/* Whose the other end is. */
struct hop_peer {
	const char *name;    /* of its verified certificate: the first DNS or URI among the
				alternative names, else the common name; "": no TLS */
	const char *address; /* "ADDRESS:PORT", "[v6]:PORT", or "uid N" over ipc:// */
	int64_t user;        /* its uid over ipc://; else -1 */
};

const struct hop_peer *hop_peer(const struct hop_connection *connection);

/* The owner's own, NULL at first. */
void hop_set_data(struct hop_connection *connection, void *data);
void *hop_data(const struct hop_connection *connection);

/* Bytes that `buffer` keeps in place. */
struct hop_piece {
	struct hop_buffer *buffer;
	const void *bytes; /* inside of it */
	size_t length;
};

/* Queues a message of up to HOP_PIECES pieces, which are not copied; header->length is ignored and
 * filled in. Takes over one reference to the buffer of each piece, if it returns 0, and gives it
 * back when the message is sent or the connection is gone. Several connections may send the same
 * buffer. -EAGAIN: send_bytes are queued; HOP_WRITABLE will say when there is room (a queue that is
 * empty takes any message). -EPIPE: it is closed, or is about to be. -EMSGSIZE: longer than
 * message_bytes. */
int hop_send(struct hop_connection *connection, const struct hop_header *header,
	     const struct hop_piece *pieces, uint32_t count);

/* The same for a few bytes, copied; send_bytes may be exceeded by a quarter, so that what is small
 * and urgent is not held up. -ENOMEM, too. */
int hop_send_copy(struct hop_connection *connection, const struct hop_header *header,
		  const void *bytes, size_t length);

/* Queued and not handed over to the kernel yet. */
size_t hop_queued_bytes(const struct hop_connection *connection);

/* CLOCK_MONOTONIC of the last byte from the peer, or of when it could be heard again. */
int64_t hop_heard_ns(const struct hop_connection *connection);

/* While paused, no message of it comes out of hop_next(), so that before long nothing is read any
 * more and the peer feels it; it is not called silent meanwhile. Its HOP_CLOSED waits, too. */
void hop_pause(struct hop_connection *connection, bool paused);

/* Sends what is queued and then waits for the peer to close, for `linger_ns` in all at most; 0:
 * closes at once, and what was just sent may not arrive. What comes meanwhile is thrown away: no
 * message of it is handed out any more, but HOP_CLOSED with HOP_BY_OWNER is, also if it is paused.
 */
void hop_close(struct hop_connection *connection, int64_t linger_ns);

/* ---- figures ----------------------------------------------------------------------------- */

/* Since hop_create(). */
struct hop_counts {
	uint64_t bytes_in, bytes_out; /* of whole messages with their headers, before TLS */
	uint64_t messages_in, messages_out;
	uint64_t opened;
	uint64_t refused[HOP_REASONS]; /* never open, accepted */
	uint64_t failed[HOP_REASONS];  /* never open, dialed */
	uint64_t closed[HOP_REASONS];  /* once open */
	uint64_t accept_errors;   /* accept(2) failed, mostly for want of descriptors; of a shared
				     listener each owner counts all */
	uint32_t open, half_open; /* now */
	size_t received_bytes;    /* now, as in the settings */
};

void hop_counts(const struct hop *hop, struct hop_counts *ret_counts);

/* What nng has not let go of yet, of all hops of this process: connections, dialers, listeners. */
uint32_t hop_unburied(void);

/* Waits until that is 0, for so long at most; -ETIMEDOUT. For tests. */
int hop_unburied_wait(int64_t timeout_ns);

#endif

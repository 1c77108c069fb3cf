// SPDX-License-Identifier: Apache-2.0
/* A connection's life: how it is made of a stream, how it ends, and who buries it when. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "record.h"
#include "secrets.h"

/* ---- end --------------------------------------------------------------------------------- */

void hop_connection_acquire(struct hop_connection *connection)
{
	atomic_fetch_add(&connection->references, 1);
}

void hop_connection_release(struct hop_connection *connection)
{
	if (atomic_fetch_sub(&connection->references, 1) > 1)
		return;
	(void)pthread_mutex_destroy(&connection->lock);
	hop_release(connection->hop);
	free(connection->peer_name);
	free(connection);
}

bool hop_connection_is_dead(const struct hop_connection *connection)
{
	return atomic_load(&connection->fate) & FATE_DEAD;
}

/* What nng has of it; in this order nng never hangs. The aios are freed before the stream: only to
 * free one waits for the thread of nng's that may be about to cancel it, in the stream. Not with a
 * lock. */
static void streams_end(struct hop_connection *connection)
{
	nng_stream_close(connection->stream);
	/* Who has seen it alive has given nng its work by now, and nobody will any more. */
	pthread_mutex_lock(&connection->lock);
	pthread_mutex_unlock(&connection->lock);
	nng_aio_stop(connection->receiving);
	nng_aio_stop(connection->sending);
	nng_aio_free(connection->receiving);
	nng_aio_free(connection->sending);
	nng_stream_free(connection->stream);
}

static void connection_bury(struct hop_burial *burial)
{
	struct hop_connection *connection = (struct hop_connection *)burial;

	streams_end(connection);
	pthread_mutex_lock(&connection->lock);
	hop_send_clear(connection);
	hop_receive_clear(connection);
	hop_record_free(&connection->record);
	pthread_mutex_unlock(&connection->lock);
	hop_event_buried(connection);
	hop_wake(connection->hop);
	hop_connection_release(connection);
}

static void connection_announce(struct hop_burial *burial)
{
	struct hop_connection *connection = (struct hop_connection *)burial;
	struct hop *hop = connection->hop;

	hop_event_ended(connection); /* the janitor's reference keeps it */
	hop_wake(hop);
}

void hop_connection_die(struct hop_connection *connection, enum hop_reason reason,
			const char *detail)
{
	unsigned fate;

	if (atomic_fetch_or(&connection->fate, FATE_SEALED) & FATE_SEALED)
		return;
	if (atomic_load(&connection->leaving)) {
		reason = connection->leave_reason;
		detail = connection->leave_detail;
	}
	connection->reason = reason;
	(void)snprintf(connection->detail, sizeof(connection->detail), "%s", detail ? detail : "");
	fate = atomic_fetch_or(&connection->fate, FATE_DEAD);
	if (fate & FATE_MADE)
		hop_janitor_take(&connection->burial);
}

void hop_connection_leave(struct hop_connection *connection, enum hop_reason reason,
			  const char *detail, int64_t linger_ns)
{
	if (atomic_load(&connection->leaving))
		return;
	connection->leave_reason = reason;
	(void)snprintf(connection->leave_detail, sizeof(connection->leave_detail), "%s",
		       detail ? detail : "");
	hop_event_leaving(connection, hop_now_ns() + linger_ns);
	atomic_store(&connection->leaving, true);
}

/* ---- beginning --------------------------------------------------------------------------- */

static void address_print(const nng_sockaddr *address, char text[HOP_ADDRESS_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";

	if (address->s_family == NNG_AF_INET) {
		(void)inet_ntop(AF_INET, &address->s_in.sa_addr, host, sizeof(host));
		(void)snprintf(text, HOP_ADDRESS_BYTES, "%s:%u", host,
			       ntohs(address->s_in.sa_port));
	} else if (address->s_family == NNG_AF_INET6) {
		(void)inet_ntop(AF_INET6, address->s_in6.sa_addr, host, sizeof(host));
		(void)snprintf(text, HOP_ADDRESS_BYTES, "[%s]:%u", host,
			       ntohs(address->s_in6.sa_port));
	}
}

static void peer_find(struct hop_connection *connection)
{
	nng_sockaddr address;
	uint64_t user;

	connection->peer = (struct hop_peer){ .name = "", .user = -1 };
	connection->peer.address = connection->peer_address;
	if (nng_stream_get_uint64(connection->stream, NNG_OPT_IPC_PEER_UID, &user) == 0) {
		connection->peer.user = (int64_t)user;
		(void)snprintf(connection->peer_address, HOP_ADDRESS_BYTES, "uid %" PRIu64, user);
	} else if (nng_stream_get_addr(connection->stream, NNG_OPT_REMADDR, &address) == 0) {
		address_print(&address, connection->peer_address);
	}
}

static int record_begin(struct hop_connection *connection, const char *host)
{
	struct ssl_ctx_st *context = hop_secrets_context(connection->hop->secrets);
	int result = hop_record_begin(&connection->record, context, host);

	hop_secrets_context_release(context);
	return result;
}

/* NULL: no memory, and the stream is as it was. */
static struct hop_connection *connection_create(struct hop *hop, nng_stream *stream, bool uses_tls,
						const char *host)
{
	struct hop_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	if (pthread_mutex_init(&connection->lock, NULL)) {
		free(connection);
		return NULL;
	}
	hop_acquire(hop);
	connection->hop = hop;
	connection->stream = stream;
	connection->accepted = !host;
	connection->burial.announce = connection_announce;
	connection->burial.bury = connection_bury;
	atomic_init(&connection->references, 1);
	atomic_init(&connection->heard_ns, hop_now_ns());
	peer_find(connection);
	if (nng_aio_alloc(&connection->receiving, hop_receive_callback, connection) == 0 &&
	    nng_aio_alloc(&connection->sending, hop_send_callback, connection) == 0 &&
	    (!uses_tls || record_begin(connection, host) == 0))
		return connection;
	nng_aio_free(connection->receiving);
	nng_aio_free(connection->sending);
	hop_connection_release(connection);
	return NULL;
}

/* A dialer's says hello in TLS, or is open as soon as it is there. */
static void connection_begin(struct hop_connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	if (!connection->accepted && connection->record.ssl)
		(void)hop_record_handshake(&connection->record);
	else if (!connection->accepted)
		(void)hop_event_opened(connection);
	hop_send_next(connection);
	if (!hop_connection_is_dead(connection))
		hop_receive_post(connection);
	pthread_mutex_unlock(&connection->lock);
	hop_wake(connection->hop);
	if (atomic_fetch_or(&connection->fate, FATE_MADE) & FATE_DEAD)
		hop_janitor_take(&connection->burial);
}

void hop_connection_make(struct hop *hop, nng_stream *stream, bool uses_tls,
			 struct hop_dialer *dialer)
{
	struct hop_connection *connection =
		connection_create(hop, stream, uses_tls, dialer ? dialer->host : NULL);

	if (!connection) {
		nng_stream_free(stream);
		if (dialer)
			hop_event_failed(dialer, HOP_NO_MEMORY, "");
		else
			hop_event_stillborn(hop, HOP_NO_MEMORY);
		hop_wake(hop);
		return;
	}
	hop_janitor_expect();
	if (hop_event_born(connection, dialer)) {
		connection_begin(connection);
		return;
	}
	hop_connection_die(connection, HOP_BY_OWNER, NULL);
	atomic_fetch_or(&connection->fate, FATE_MADE);
	hop_janitor_take(&connection->burial);
}

/* ---- the owner's ------------------------------------------------------------------------- */

const struct hop_peer *hop_peer(const struct hop_connection *connection)
{
	return &connection->peer;
}

void hop_set_data(struct hop_connection *connection, void *data)
{
	connection->data = data;
}

void *hop_data(const struct hop_connection *connection)
{
	return connection->data;
}

int64_t hop_heard_ns(const struct hop_connection *connection)
{
	return atomic_load_explicit(&connection->heard_ns, memory_order_relaxed);
}

void hop_pause(struct hop_connection *connection, bool paused)
{
	pthread_mutex_lock(&connection->hop->lock);
	if (connection->paused && !paused) /* it could not be heard */
		atomic_store_explicit(&connection->heard_ns, hop_now_ns(), memory_order_relaxed);
	connection->paused = paused;
	hop_event_ready(connection);
	pthread_mutex_unlock(&connection->hop->lock);
	hop_wake(connection->hop);
}

/* Whether it was suspended, and so is to be resumed. */
static bool abandon(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;
	struct hop_pooled *inbox = NULL;
	bool was_suspended;

	pthread_mutex_lock(&hop->lock);
	connection->abandoned = true;
	was_suspended = connection->suspended && !connection->is_waiting;
	if (was_suspended)
		connection->suspended = false;
	hop_inbox_take(connection, &inbox);
	hop_event_ready(connection);
	pthread_mutex_unlock(&hop->lock);
	hop_inbox_free(inbox);
	hop_wake(hop);
	return was_suspended;
}

void hop_close(struct hop_connection *connection, int64_t linger_ns)
{
	bool was_suspended = abandon(connection);

	pthread_mutex_lock(&connection->lock);
	hop_connection_leave(connection, HOP_BY_OWNER, NULL, linger_ns);
	if (linger_ns > 0)
		hop_send_next(connection);
	pthread_mutex_unlock(&connection->lock);
	if (linger_ns <= 0)
		hop_connection_die(connection, HOP_BY_OWNER, NULL);
	else if (was_suspended)
		hop_receive_resume(connection);
}

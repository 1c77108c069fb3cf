// SPDX-License-Identifier: Apache-2.0
/* What comes on a connection, taken apart into messages. One receive at a time: whoever has its
 * bytes, nng's callback or the owner who goes on with a suspended one, works on the intake. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "record.h"
#include "secrets.h"

/* What to do when all that came is looked at. */
enum intake_result { RECEIVE_MORE, RECEIVE_SUSPENDED, RECEIVE_OVER };

enum { ALERT_LINGER_MS = 250 };

/* ---- messages ---------------------------------------------------------------------------- */

static struct hop_header header_read(const unsigned char from[HOP_HEADER_BYTES])
{
	struct hop_header header;
	uint32_t length_le;
	uint16_t type_le, flags_le;
	uint64_t sequence_le;

	memcpy(&length_le, from, sizeof(length_le));
	memcpy(&type_le, from + 4, sizeof(type_le));
	memcpy(&flags_le, from + 6, sizeof(flags_le));
	memcpy(&sequence_le, from + 8, sizeof(sequence_le));
	header.length = le32toh(length_le);
	header.type = le16toh(type_le);
	header.flags = le16toh(flags_le);
	header.sequence = le64toh(sequence_le);
	return header;
}

static void refuse_length(struct hop_connection *connection, uint32_t length, size_t limit)
{
	const unsigned char *header = connection->intake.header;
	bool looks_like_tls = !connection->record.ssl && header[0] == 0x16 && header[1] == 0x03;
	char detail[HOP_DETAIL_BYTES];

	(void)snprintf(detail, sizeof(detail), "a message of %u bytes where %zu are allowed%s",
		       length, limit, looks_like_tls ? "; the peer seems to speak TLS" : "");
	hop_connection_die(connection, HOP_OVERSIZED, detail);
}

/* Its header is there. */
static enum intake_result message_begin(struct hop_connection *connection)
{
	const struct hop_settings *settings = &connection->hop->settings;
	struct hop_intake *intake = &connection->intake;
	struct hop_header header = header_read(intake->header);
	bool is_first = connection->accepted && !intake->is_past_first;
	size_t limit = is_first && settings->first_bytes < settings->message_bytes
			       ? settings->first_bytes
			       : settings->message_bytes;

	if (header.length > limit) {
		refuse_length(connection, header.length, limit);
		return RECEIVE_OVER;
	}
	if (!hop_event_admit(connection, hop_pool_memory(header.length)))
		return RECEIVE_SUSPENDED;
	intake->payload = hop_buffer_create(header.length);
	if (!intake->payload) {
		hop_connection_die(connection, HOP_NO_MEMORY, "for a message");
		return RECEIVE_OVER;
	}
	hop_pooled(intake->payload)->header = header;
	intake->payload_length = 0;
	return RECEIVE_MORE;
}

static enum intake_result message_complete(struct hop_connection *connection)
{
	struct hop_intake *intake = &connection->intake;
	struct hop_buffer *payload = intake->payload;

	intake->payload = NULL;
	intake->header_length = 0;
	intake->is_past_first = true;
	if (hop_event_message(connection, payload))
		return RECEIVE_MORE;
	hop_connection_die(connection, HOP_CROWDED, "too many connections");
	return RECEIVE_OVER;
}

static size_t intake_copy(struct hop_intake *intake, unsigned char *to, size_t length)
{
	if (length > intake->length - intake->at)
		length = intake->length - intake->at;
	memcpy(to, intake->small + intake->at, length);
	intake->at += length;
	return length;
}

/* Looks at all that is in `small`, beginning with a header that had to wait. */
static enum intake_result intake_parse(struct hop_connection *connection)
{
	struct hop_intake *intake = &connection->intake;

	for (;;) {
		enum intake_result result = RECEIVE_MORE;

		if (!intake->payload) {
			intake->header_length +=
				intake_copy(intake, intake->header + intake->header_length,
					    HOP_HEADER_BYTES - intake->header_length);
			if (intake->header_length < HOP_HEADER_BYTES)
				return RECEIVE_MORE;
			result = message_begin(connection);
		}
		if (result != RECEIVE_MORE)
			return result;
		intake->payload_length +=
			intake_copy(intake, intake->payload->data + intake->payload_length,
				    intake->payload->length - intake->payload_length);
		if (intake->payload_length < intake->payload->length)
			return RECEIVE_MORE;
		result = message_complete(connection);
		if (result != RECEIVE_MORE)
			return result;
	}
}

/* ---- plain ------------------------------------------------------------------------------- */

/* A payload takes what comes where it will lie; only what is beyond it is copied. */
static unsigned plain_vectors(struct hop_intake *intake, nng_iov vectors[2])
{
	unsigned count = 0;

	if (intake->payload && intake->payload_length < intake->payload->length)
		vectors[count++] = (nng_iov){ intake->payload->data + intake->payload_length,
					      intake->payload->length - intake->payload_length };
	vectors[count++] = (nng_iov){ intake->small, sizeof(intake->small) };
	return count;
}

static enum intake_result plain_received(struct hop_connection *connection, size_t length)
{
	struct hop_intake *intake = &connection->intake;

	if (intake->payload) {
		size_t rest = intake->payload->length - intake->payload_length;
		size_t part = length < rest ? length : rest;

		intake->payload_length += part;
		length -= part;
	}
	intake->at = 0;
	intake->length = length;
	return intake_parse(connection);
}

/* ---- TLS --------------------------------------------------------------------------------- */

static enum intake_result tls_agreed(struct hop_connection *connection)
{
	connection->peer_name = hop_secrets_peer(connection->record.ssl);
	if (!connection->peer_name) {
		hop_connection_leave(connection, HOP_UNTRUSTED,
				     "the peer's certificate has no name",
				     ALERT_LINGER_MS * INT64_C(1000000));
		return RECEIVE_MORE;
	}
	connection->peer.name = connection->peer_name;
	if (!connection->accepted)
		(void)hop_event_opened(connection);
	return RECEIVE_MORE;
}

/* The peer is to learn why: what it still sends is read and thrown away meanwhile, since to close
 * over unread bytes would have the kernel throw the alert away. */
static enum intake_result tls_failed(struct hop_connection *connection)
{
	char detail[HOP_DETAIL_BYTES];
	enum hop_reason reason = hop_secrets_reason(connection->record.ssl, detail);

	hop_connection_leave(connection, reason, detail, ALERT_LINGER_MS * INT64_C(1000000));
	return RECEIVE_MORE;
}

static enum intake_result tls_read(struct hop_connection *connection)
{
	struct hop_intake *intake = &connection->intake;

	for (;;) {
		enum intake_result result = intake_parse(connection);
		void *to = intake->small;
		size_t size = sizeof(intake->small), length;
		int error;

		if (result != RECEIVE_MORE)
			return result;
		if (intake->payload) {
			to = intake->payload->data + intake->payload_length;
			size = intake->payload->length - intake->payload_length;
		}
		error = hop_record_read(&connection->record, to, size, &length);
		if (error == -EAGAIN)
			return RECEIVE_MORE;
		if (error == -EPROTO)
			return tls_failed(connection);
		if (error == -EPIPE) {
			hop_connection_die(connection, HOP_BY_PEER, NULL);
			return RECEIVE_OVER;
		}
		if (intake->payload) {
			intake->payload_length += length;
		} else {
			intake->at = 0;
			intake->length = length;
		}
	}
}

static enum intake_result tls_received(struct hop_connection *connection, size_t length)
{
	struct hop_record *record = &connection->record;

	hop_record_received(record, length);
	if (!record->established) {
		int result = hop_record_handshake(record);

		if (result == -EAGAIN)
			return RECEIVE_MORE;
		if (result < 0)
			return tls_failed(connection);
		(void)tls_agreed(connection);
		if (atomic_load(&connection->leaving))
			return RECEIVE_MORE;
	}
	return tls_read(connection);
}

/* ---- receives ---------------------------------------------------------------------------- */

void hop_receive_post(struct hop_connection *connection)
{
	nng_iov vectors[2];
	unsigned count = 1;

	if (!connection->record.ssl) {
		count = plain_vectors(&connection->intake, vectors);
	} else if (hop_record_incoming(&connection->record, vectors) < 0) {
		hop_connection_die(connection, HOP_NO_MEMORY, "to receive");
		return;
	}
	(void)nng_aio_set_iov(connection->receiving, count, vectors);
	nng_stream_recv(connection->stream, connection->receiving);
}

static void receive_failed(struct hop_connection *connection, int error)
{
	const struct hop_intake *intake = &connection->intake;
	bool within = intake->payload || intake->header_length;

	if (error != NNG_ECONNSHUT && error != NNG_ECLOSED)
		hop_connection_die(connection, HOP_LOST, nng_strerror(error));
	else if (within)
		hop_connection_die(connection, HOP_LOST, "closed within a message");
	else
		hop_connection_die(connection, HOP_BY_PEER, NULL);
}

/* Without TLS no lock is taken: to send in the meantime disturbs nothing. */
void hop_receive_callback(void *data)
{
	struct hop_connection *connection = data;
	int error = nng_aio_result(connection->receiving);
	size_t length = nng_aio_count(connection->receiving);
	enum intake_result result = RECEIVE_MORE;

	if (error) {
		receive_failed(connection, error);
		return;
	}
	atomic_store_explicit(&connection->heard_ns, hop_now_ns(), memory_order_relaxed);
	if (connection->record.ssl) {
		pthread_mutex_lock(&connection->lock);
		if (!atomic_load(&connection->leaving))
			result = tls_received(connection, length);
		hop_send_next(connection);
		pthread_mutex_unlock(&connection->lock);
	} else if (!atomic_load(&connection->leaving)) {
		result = plain_received(connection, length);
	}
	hop_wake(connection->hop);
	if (result == RECEIVE_MORE)
		hop_receive_post(
			connection); /* the last: the next callback may come before it returns */
}

void hop_receive_resume(struct hop_connection *connection)
{
	enum intake_result result = RECEIVE_MORE;

	pthread_mutex_lock(&connection->lock);
	atomic_store_explicit(&connection->heard_ns, hop_now_ns(), memory_order_relaxed);
	if (hop_connection_is_dead(connection))
		result = RECEIVE_OVER;
	else if (!atomic_load(&connection->leaving))
		result = connection->record.ssl ? tls_read(connection) : intake_parse(connection);
	hop_send_next(connection);
	if (result == RECEIVE_MORE)
		hop_receive_post(connection);
	pthread_mutex_unlock(&connection->lock);
	hop_wake(connection->hop);
}

void hop_receive_clear(struct hop_connection *connection)
{
	hop_buffer_release(connection->intake.payload);
	connection->intake.payload = NULL;
}

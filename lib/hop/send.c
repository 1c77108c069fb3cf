// SPDX-License-Identifier: Apache-2.0
/* What waits to be sent on a connection, and how it goes out: one piece of nng's work at a time,
 * several messages in each. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "record.h"

enum { QUEUE_LIMIT = 1 << 16 /* messages */ };

/* ---- the queue --------------------------------------------------------------------------- */

static struct hop_outgoing *queue_at(const struct hop_queue *queue, uint32_t index)
{
	return &queue->entries[(queue->first + index) & (queue->capacity - 1)];
}

static int queue_grow(struct hop_queue *queue)
{
	uint32_t capacity = queue->capacity ? 2 * queue->capacity : 4;
	struct hop_outgoing *entries;

	if (queue->count < queue->capacity)
		return 0;
	if (capacity > QUEUE_LIMIT)
		return -EAGAIN;
	entries = malloc(capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->count; i++)
		entries[i] = *queue_at(queue, i);
	free(queue->entries);
	queue->entries = entries;
	queue->capacity = capacity;
	queue->first = 0;
	return 0;
}

static void header_write(unsigned char to[HOP_HEADER_BYTES], const struct hop_header *header,
			 size_t length)
{
	uint32_t length_le = htole32((uint32_t)length);
	uint16_t type_le = htole16(header->type), flags_le = htole16(header->flags);
	uint64_t sequence_le = htole64(header->sequence);

	memcpy(to, &length_le, sizeof(length_le));
	memcpy(to + 4, &type_le, sizeof(type_le));
	memcpy(to + 6, &flags_le, sizeof(flags_le));
	memcpy(to + 8, &sequence_le, sizeof(sequence_le));
}

static void outgoing_part(const struct hop_outgoing *outgoing, uint32_t part,
			  const void **ret_bytes, size_t *ret_length)
{
	*ret_bytes = part ? outgoing->pieces[part - 1].bytes : outgoing->header;
	*ret_length = part ? outgoing->pieces[part - 1].length : HOP_HEADER_BYTES;
}

static void outgoing_release(struct hop_outgoing *outgoing)
{
	for (uint32_t i = 0; i < outgoing->count; i++)
		hop_buffer_release(outgoing->pieces[i].buffer);
}

static void first_is_sent(struct hop_connection *connection)
{
	struct hop_queue *queue = &connection->queue;
	struct hop_outgoing *first = queue_at(queue, 0);

	atomic_fetch_add_explicit(&connection->hop->messages_out, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&connection->hop->bytes_out, first->length, memory_order_relaxed);
	atomic_fetch_sub_explicit(&queue->bytes, first->length, memory_order_relaxed);
	outgoing_release(first);
	queue->first = (queue->first + 1) & (queue->capacity - 1);
	queue->count--;
	queue->part = 0;
	queue->offset = 0;
}

/* So many bytes of it are sent, or encrypted. */
static void queue_advance(struct hop_connection *connection, size_t length)
{
	struct hop_queue *queue = &connection->queue;

	while (queue->count) {
		const struct hop_outgoing *first = queue_at(queue, 0);
		const void *bytes;
		size_t rest;

		outgoing_part(first, queue->part, &bytes, &rest);
		rest -= queue->offset;
		if (length < rest)
			break;
		length -= rest;
		queue->offset = 0;
		if (queue->part++ == first->count)
			first_is_sent(connection);
	}
	queue->offset += length;
}

/* What goes out next, in so many vectors at most. Headers are copied: nng may still be sending them
 * when the ring grows. */
static unsigned queue_vectors(struct hop_queue *queue, nng_iov *vectors, unsigned limit)
{
	uint32_t part = queue->part;
	size_t offset = queue->offset;
	unsigned count = 0;

	for (uint32_t i = 0; i < queue->count && count < limit; i++, part = 0) {
		const struct hop_outgoing *outgoing = queue_at(queue, i);

		for (; part <= outgoing->count && count < limit; part++, offset = 0) {
			const void *bytes;
			size_t length;

			outgoing_part(outgoing, part, &bytes, &length);
			if (length == offset)
				continue;
			if (part == 0)
				bytes = memcpy(queue->headers[count], bytes, length);
			vectors[count].iov_buf = (unsigned char *)bytes + offset;
			vectors[count++].iov_len = length - offset;
		}
	}
	return count;
}

void hop_send_clear(struct hop_connection *connection)
{
	struct hop_queue *queue = &connection->queue;

	for (uint32_t i = 0; i < queue->count; i++)
		outgoing_release(queue_at(queue, i));
	free(queue->entries);
	queue->entries = NULL;
	queue->count = queue->capacity = 0;
	atomic_store_explicit(&queue->bytes, 0, memory_order_relaxed);
}

/* ---- sending ----------------------------------------------------------------------------- */

static void tell_room(struct hop_connection *connection)
{
	struct hop_queue *queue = &connection->queue;

	if (!queue->wanted || 2 * atomic_load_explicit(&queue->bytes, memory_order_relaxed) >
				      connection->hop->settings.send_bytes)
		return;
	queue->wanted = false;
	hop_event_writable(connection);
}

/* Encrypts what there is room for: a record as large as can be, but for the end of the queue. */
static int encrypt(struct hop_connection *connection)
{
	struct hop_queue *queue = &connection->queue;

	while (queue->count && hop_record_has_room(&connection->record)) {
		nng_iov vectors[SEND_VECTORS];
		unsigned count = queue_vectors(queue, vectors, SEND_VECTORS);
		size_t length;
		int result = hop_record_write(&connection->record, vectors, count, &length);

		if (result < 0)
			return result;
		queue_advance(connection, length);
	}
	return 0;
}

void hop_send_next(struct hop_connection *connection)
{
	struct hop_queue *queue = &connection->queue;
	struct hop_record *record = &connection->record;
	nng_iov vectors[SEND_VECTORS];
	unsigned count;

	if (queue->busy || hop_connection_is_dead(connection))
		return;
	if (record->ssl) {
		if (record->established && encrypt(connection) < 0) {
			hop_connection_die(connection, HOP_NO_MEMORY, "to encrypt");
			return;
		}
		if (!queue->count && atomic_load(&connection->leaving))
			hop_record_leave(record);
		count = hop_record_outgoing(record, &vectors[0]);
	} else {
		count = queue_vectors(queue, vectors, SEND_VECTORS);
	}
	tell_room(connection);
	if (!count)
		return;
	queue->busy = true;
	(void)nng_aio_set_iov(connection->sending, count, vectors);
	nng_stream_send(connection->stream, connection->sending);
}

void hop_send_callback(void *data)
{
	struct hop_connection *connection = data;
	int error = nng_aio_result(connection->sending);
	size_t length = nng_aio_count(connection->sending);

	if (error) {
		hop_connection_die(connection, HOP_LOST, nng_strerror(error));
		return;
	}
	pthread_mutex_lock(&connection->lock);
	connection->queue.busy = false;
	if (connection->record.ssl)
		hop_record_sent(&connection->record, length);
	else
		queue_advance(connection, length);
	hop_send_next(connection);
	pthread_mutex_unlock(&connection->lock);
	hop_wake(connection->hop);
}

/* ---- the owner's ------------------------------------------------------------------------- */

static int send_message(struct hop_connection *connection, const struct hop_header *header,
			const struct hop_piece *pieces, uint32_t count, size_t limit_bytes)
{
	struct hop_queue *queue = &connection->queue;
	struct hop_outgoing *outgoing;
	size_t length = 0, queued = atomic_load_explicit(&queue->bytes, memory_order_relaxed);
	int result;

	for (uint32_t i = 0; i < count; i++)
		length += pieces[i].length;
	if (length > connection->hop->settings.message_bytes)
		return -EMSGSIZE;
	if (hop_connection_is_dead(connection) || atomic_load(&connection->leaving))
		return -EPIPE;
	result = queued && queued + length > limit_bytes ? -EAGAIN : queue_grow(queue);
	if (result == -EAGAIN)
		queue->wanted = true;
	if (result < 0)
		return result;
	outgoing = queue_at(queue, queue->count++);
	outgoing->count = count;
	outgoing->length = HOP_HEADER_BYTES + length;
	header_write(outgoing->header, header, length);
	if (count)
		memcpy(outgoing->pieces, pieces, count * sizeof(*pieces));
	atomic_fetch_add_explicit(&queue->bytes, outgoing->length, memory_order_relaxed);
	hop_send_next(connection);
	return 0;
}

int hop_send(struct hop_connection *connection, const struct hop_header *header,
	     const struct hop_piece *pieces, uint32_t count)
{
	int result;

	if (count > HOP_PIECES)
		return -EINVAL;
	pthread_mutex_lock(&connection->lock);
	result = send_message(connection, header, pieces, count,
			      connection->hop->settings.send_bytes);
	pthread_mutex_unlock(&connection->lock);
	hop_wake(connection->hop);
	return result;
}

int hop_send_copy(struct hop_connection *connection, const struct hop_header *header,
		  const void *bytes, size_t length)
{
	size_t limit_bytes = connection->hop->settings.send_bytes;
	struct hop_piece piece = { .length = length };
	int result;

	if (length) {
		piece.buffer = hop_buffer_create(length);
		if (!piece.buffer)
			return -ENOMEM;
		memcpy(piece.buffer->data, bytes, length);
		piece.bytes = piece.buffer->data;
	}
	pthread_mutex_lock(&connection->lock);
	result =
		send_message(connection, header, &piece, length > 0, limit_bytes + limit_bytes / 4);
	pthread_mutex_unlock(&connection->lock);
	hop_wake(connection->hop);
	if (result < 0)
		hop_buffer_release(piece.buffer);
	return result;
}

size_t hop_queued_bytes(const struct hop_connection *connection)
{
	return atomic_load_explicit(&connection->queue.bytes, memory_order_relaxed);
}

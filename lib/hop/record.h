/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of one connection: OpenSSL between our messages and the bytes that nng carries. All with the
 * connection's lock. */
#ifndef SONDE_HOP_RECORD_H
#define SONDE_HOP_RECORD_H

#include "connection.h"

struct ssl_ctx_st;

/* Of a listener's connection, or of a dialer's to that host. -ENOMEM. */
int hop_record_begin(struct hop_record *record, struct ssl_ctx_st *context, const char *host);
void hop_record_free(struct hop_record *record);

/* Where nng is to put what comes next. -ENOMEM. */
int hop_record_incoming(struct hop_record *record, nng_iov *ret_vector);

/* So much has come there. */
void hop_record_received(struct hop_record *record, size_t length);

/* Goes on agreeing. 0: agreed; -EAGAIN: more must come or go first; -EPROTO: it failed, and what is
 * to be sent tells the peer. */
int hop_record_handshake(struct hop_record *record);

/* At least one byte; -EAGAIN: more must come first; -EPIPE: the peer is done; -EPROTO. */
int hop_record_read(struct hop_record *record, void *data, size_t size, size_t *ret_length);

/* Encrypts what is in the vectors, up to one record. Only with room. -ENOMEM. */
int hop_record_write(struct hop_record *record, const nng_iov *vectors, unsigned count,
		     size_t *ret_length);
bool hop_record_has_room(const struct hop_record *record);

/* What is to be sent: 1 vector, or 0; and so much of it is. */
unsigned hop_record_outgoing(struct hop_record *record, nng_iov *ret_vector);
void hop_record_sent(struct hop_record *record, size_t length);

/* Tells the peer that no more comes, once. */
void hop_record_leave(struct hop_record *record);

#endif

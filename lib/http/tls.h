/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a server and its connections, by OpenSSL; certificates are read anew when their files
 * change. Plugins ask it about their options, the rest is lib/http's own. */
#ifndef SONDE_HTTP_TLS_H
#define SONDE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "server.h"

struct tls;
struct ssl_st;

/* Whether there is a certificate, and whether clients must show one. */
bool tls_is_wanted(const struct http_tls *files);
bool tls_is_mutual(const struct http_tls *files);

/* Tells an instance what is wrong with them as its options certificate_file, key_file and
 * client_ca_file. */
void tls_check(struct sonde_instance *instance, const struct http_tls *files);

/* The files are read; -EINVAL and others: `error` names the one that is wrong. */
int tls_create(const struct http_tls *files, struct tls **ret_tls, char *error, size_t error_size);
void tls_release(struct tls *tls); /* NULL is fine */

/* Reads the files again if they are others by now. 1: new ones are in use from the next connection
 * on; 0: nothing has changed; negative: they are no good, as `error` says, once for each change,
 * and the old ones stay in use. */
int tls_refresh(struct tls *tls, char *error, size_t error_size);

/* A connection's side of it. */
int tls_accept(struct tls *tls, int fd, struct ssl_st **ret_ssl);

/* Goes on agreeing: 0: agreed; -EAGAIN: once epoll has one of ret_interest; others: it failed. */
int tls_handshake(struct ssl_st *ssl, uint32_t *ret_interest);

/* Bytes, 0: the end, -EAGAIN, or it is broken. */
int64_t tls_read(struct ssl_st *ssl, void *data, size_t size);
int64_t tls_write(struct ssl_st *ssl, const struct iovec *parts, int count);

/* Whether bytes were received that tls_read() has not handed out; epoll does not know of them. */
bool tls_has_input(struct ssl_st *ssl);

/* Whom a verified certificate of the client names: its common name, else its first alternative
 * name. NULL: no certificate, or no name. To be freed. */
char *tls_peer_name(struct ssl_st *ssl);

/* Whether HTTP/2 was agreed on. */
bool tls_is_http2(struct ssl_st *ssl);

/* Says that no more is sent. */
void tls_leave(struct ssl_st *ssl);

/* tls_leave() where it was agreed on, and frees it. NULL is fine. */
void tls_close(struct ssl_st *ssl);

#endif

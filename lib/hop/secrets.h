/* SPDX-License-Identifier: Apache-2.0 */
/* What a hop shows and asks for in TLS: certificate, key, authorities, revocations, out of files
 * that may change; and what a peer's certificate is worth. */
#ifndef SONDE_HOP_SECRETS_H
#define SONDE_HOP_SECRETS_H

#include "hop.h"

struct hop_secrets;
struct ssl_st;
struct ssl_ctx_st;

/* -EINVAL and others: `error` says which file is wrong. */
int hop_secrets_create(const struct hop_tls *files, struct hop_secrets **ret_secrets, char *error,
		       size_t error_size);
void hop_secrets_release(struct hop_secrets *secrets); /* NULL is fine */

/* As hop_renew(). One thread. */
int hop_secrets_renew(struct hop_secrets *secrets, char *error, size_t error_size);

/* A reference to what is in use now. Any thread. */
struct ssl_ctx_st *hop_secrets_context(struct hop_secrets *secrets);
void hop_secrets_context_release(struct ssl_ctx_st *context);

/* Whether this peer would be admitted now, too. With the connection's lock. -EACCES: `ret_reason`
 * says why not, `ret_detail` (a constant) is for people. */
int hop_secrets_judge(struct hop_secrets *secrets, struct ssl_st *ssl, enum hop_reason *ret_reason,
		      const char **ret_detail);

/* Why a call of OpenSSL has failed, directly after it. */
enum hop_reason hop_secrets_reason(struct ssl_st *ssl, char detail[HOP_DETAIL_BYTES]);

/* Whom the certificate of the peer names; to be freed. NULL: nobody. */
char *hop_secrets_peer(struct ssl_st *ssl);

#endif

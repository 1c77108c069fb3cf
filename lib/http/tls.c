/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a server and its connections, by OpenSSL. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls.h"

enum { FILE_COUNT = 3, WRITE_BYTES = 16 * 1024 };

/* What tells one state of a file from another. */
struct stamp {
	struct timespec changed;
	uint64_t inode;
	int64_t size;
};

struct tls {
	SSL_CTX *context;
	char *files[FILE_COUNT]; /* certificate, key, client_ca; NULL */
	struct stamp stamps[FILE_COUNT];
};

/* The first of what OpenSSL has to say, and nothing of it stays behind. */
static const char *reason(void)
{
	unsigned long code = ERR_get_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text ? text : "OpenSSL gives no reason";
}

/* ---- options ----------------------------------------------------------------------------- */

static bool is_given(const char *file)
{
	return file && *file;
}

bool tls_is_wanted(const struct http_tls *files)
{
	return is_given(files->certificate);
}

bool tls_is_mutual(const struct http_tls *files)
{
	return tls_is_wanted(files) && is_given(files->client_ca);
}

static void check_file(struct sonde_instance *instance, const char *option, const char *file)
{
	if (is_given(file) && access(file, R_OK))
		sonde_problem(instance, option, "%s cannot be read: %m", file);
}

void tls_check(struct sonde_instance *instance, const struct http_tls *files)
{
	bool has_certificate = is_given(files->certificate), has_key = is_given(files->key);

	if (has_certificate && !has_key)
		sonde_problem(instance, "certificate_file", "its key is missing: give `key_file`");
	if (has_key && !has_certificate)
		sonde_problem(instance, "key_file",
			      "its certificate is missing: give `certificate_file`");
	if (is_given(files->client_ca) && !has_certificate)
		sonde_problem(instance, "client_ca_file",
			      "is only used with TLS: give `certificate_file`");
	check_file(instance, "certificate_file", files->certificate);
	check_file(instance, "key_file", files->key);
	check_file(instance, "client_ca_file", files->client_ca);
}

/* ---- files ------------------------------------------------------------------------------- */

static void stamps_take(const struct tls *tls, struct stamp stamps[FILE_COUNT])
{
	for (int i = 0; i < FILE_COUNT; i++) {
		struct stat status;

		stamps[i] = (struct stamp){ .size = -1 };
		if (tls->files[i] && stat(tls->files[i], &status) == 0)
			stamps[i] = (struct stamp){ .changed = status.st_ctim,
						    .inode = status.st_ino,
						    .size = status.st_size };
	}
}

static bool stamps_differ(const struct stamp *one, const struct stamp *other)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		if (one[i].changed.tv_sec != other[i].changed.tv_sec ||
		    one[i].changed.tv_nsec != other[i].changed.tv_nsec ||
		    one[i].inode != other[i].inode || one[i].size != other[i].size)
			return true;
	}
	return false;
}

/* HTTP/2 if the client offers it, else HTTP/1.1; a client that offers neither is not refused. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
			   const unsigned char *in, unsigned int in_length, void *data)
{
	static const unsigned char known[] = "\x02h2\x08http/1.1";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_length, known, sizeof(known) - 1, in, in_length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int context_say(SSL_CTX *context, char *error, size_t error_size, const char *what,
		       const char *file)
{
	(void)snprintf(error, error_size, "%s %s: %s", what, file, reason());
	SSL_CTX_free(context);
	return -EINVAL;
}

/* Clients must show a certificate of one of these. */
static int context_verify(SSL_CTX *context, const char *file)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

	if (!names || SSL_CTX_load_verify_file(context, file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return -EINVAL;
	}
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int context_create(const struct tls *tls, SSL_CTX **ret_context, char *error,
			  size_t error_size)
{
	static const unsigned char session_name[] = "sonde";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	if (!context) {
		(void)snprintf(error, error_size, "cannot begin with TLS: %s", reason());
		return -ENOMEM;
	}
	(void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
						   SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_id_context(context, session_name, sizeof(session_name) - 1);
	SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(context, tls->files[0]) != 1)
		return context_say(context, error, error_size, "no certificate (PEM) can be had of",
				   tls->files[0]);
	if (SSL_CTX_use_PrivateKey_file(context, tls->files[1], SSL_FILETYPE_PEM) != 1)
		return context_say(context, error, error_size,
				   "no key (PEM) of the certificate "
				   "can be had of",
				   tls->files[1]);
	if (tls->files[2] && context_verify(context, tls->files[2]) < 0)
		return context_say(context, error, error_size,
				   "no certificates (PEM) to verify "
				   "clients by can be had of",
				   tls->files[2]);
	*ret_context = context;
	return 0;
}

int tls_create(const struct http_tls *files, struct tls **ret_tls, char *error, size_t error_size)
{
	const char *names[FILE_COUNT] = { files->certificate, files->key, files->client_ca };
	struct tls *tls = calloc(1, sizeof(*tls));
	int result = tls ? 0 : -ENOMEM;

	if (!is_given(files->key)) {
		(void)snprintf(error, error_size, "a certificate needs its key");
		free(tls);
		return -EINVAL;
	}
	for (int i = 0; result == 0 && i < FILE_COUNT; i++) {
		tls->files[i] = is_given(names[i]) ? strdup(names[i]) : NULL;
		if (is_given(names[i]) && !tls->files[i])
			result = -ENOMEM;
	}
	if (result < 0)
		(void)snprintf(error, error_size, "no memory for TLS");
	if (result == 0) {
		stamps_take(tls, tls->stamps);
		result = context_create(tls, &tls->context, error, error_size);
	}
	if (result < 0)
		tls_release(tls);
	else
		*ret_tls = tls;
	return result;
}

void tls_release(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context); /* connections have references of their own */
	for (int i = 0; i < FILE_COUNT; i++)
		free(tls->files[i]);
	free(tls);
}

int tls_refresh(struct tls *tls, char *error, size_t error_size)
{
	struct stamp stamps[FILE_COUNT];
	SSL_CTX *context;
	int result;

	stamps_take(tls, stamps);
	if (!stamps_differ(stamps, tls->stamps))
		return 0;
	memcpy(tls->stamps, stamps, sizeof(stamps));
	result = context_create(tls, &context, error, error_size);
	if (result < 0)
		return result;
	SSL_CTX_free(tls->context);
	tls->context = context;
	return 1;
}

/* ---- a connection ------------------------------------------------------------------------ */

int tls_accept(struct tls *tls, int fd, struct ssl_st **ret_ssl)
{
	SSL *ssl = SSL_new(tls->context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		return -ENOMEM;
	}
	SSL_set_accept_state(ssl);
	*ret_ssl = ssl;
	return 0;
}

int tls_handshake(struct ssl_st *ssl, uint32_t *ret_interest)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(ssl);
	if (result == 1)
		return 0;
	result = SSL_get_error(ssl, result);
	ERR_clear_error();
	if (result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE)
		return -EPROTO;
	*ret_interest = result == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
	return -EAGAIN;
}

/* Why a call brought nothing. A client that closes without a word is one that has closed: bodies
 * say themselves where they end. */
static int64_t failure(SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);

	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : -EPIPE;
}

int64_t tls_read(struct ssl_st *ssl, void *data, size_t size)
{
	size_t count = 0;

	ERR_clear_error();
	if (SSL_read_ex(ssl, data, size, &count) != 1)
		return failure(ssl, 0);
	return (int64_t)count;
}

bool tls_has_input(struct ssl_st *ssl)
{
	return SSL_pending(ssl) > 0;
}

static int64_t write_one(SSL *ssl, const void *data, size_t length)
{
	size_t count = 0;
	int64_t result;

	ERR_clear_error();
	if (SSL_write_ex(ssl, data, length, &count) == 1)
		return (int64_t)count;
	result = failure(ssl, 0);
	return result ? result : -EPIPE;
}

/* Small parts go out as one record. What was refused for now may come again from elsewhere, but not
 * shorter, which it never does. */
int64_t tls_write(struct ssl_st *ssl, const struct iovec *parts, int count)
{
	unsigned char room[WRITE_BYTES];
	size_t length = 0, sent = 0;

	for (int i = 0; i < count && length + parts[i].iov_len <= sizeof(room); i++) {
		memcpy(room + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
		if (i == count - 1)
			return write_one(ssl, room, length);
	}
	for (int i = 0; i < count; i++) {
		size_t at = 0;

		while (at < parts[i].iov_len) {
			int64_t result = write_one(ssl, (const char *)parts[i].iov_base + at,
						   parts[i].iov_len - at);

			if (result < 0)
				return sent && result == -EAGAIN ? (int64_t)sent : result;
			at += (size_t)result;
			sent += (size_t)result;
		}
	}
	return (int64_t)sent;
}

/* ---- names ------------------------------------------------------------------------------- */

/* A copy, unless a zero byte would hide a part of it. */
static char *name_copy(const ASN1_STRING *string)
{
	unsigned char *text;
	int length = string ? ASN1_STRING_to_UTF8(&text, string) : -1;
	char *copy = NULL;

	if (length < 0)
		return NULL;
	if (length > 0 && !memchr(text, 0, (size_t)length))
		copy = strndup((const char *)text, (size_t)length);
	OPENSSL_free(text);
	return copy;
}

static char *alternative_name(const X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char *name = NULL;

	for (int i = 0; !name && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

		if (one->type == GEN_DNS || one->type == GEN_URI || one->type == GEN_EMAIL)
			name = name_copy(one->d.ia5);
	}
	GENERAL_NAMES_free(names);
	return name;
}

char *tls_peer_name(struct ssl_st *ssl)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
	int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
	char *name = NULL;

	if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	if (at >= 0)
		name = name_copy(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (!name)
		name = alternative_name(certificate);
	ERR_clear_error();
	return name;
}

bool tls_is_http2(struct ssl_st *ssl)
{
	const unsigned char *name;
	unsigned int length;

	SSL_get0_alpn_selected(ssl, &name, &length);
	return length == 2 && !memcmp(name, "h2", 2);
}

void tls_leave(struct ssl_st *ssl)
{
	ERR_clear_error();
	if (SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

void tls_close(struct ssl_st *ssl)
{
	if (!ssl)
		return;
	if (!(SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN))
		tls_leave(ssl);
	SSL_free(ssl);
}

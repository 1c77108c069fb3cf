// SPDX-License-Identifier: Apache-2.0
/* TLS of one connection: OpenSSL between our messages and the bytes that nng carries. */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "record.h"

enum { RECORD_OVERHEAD_BYTES = 512 /* more than a record of TLS 1.3 adds */ };

/* ---- between OpenSSL and the buffers ----------------------------------------------------- */

static size_t out_room(const struct hop_record *record)
{
	return record->out ? record->out->length - record->out_length : 0;
}

/* The longest flight of a handshake has room: OpenSSL sends chains of 100 KiB at most. */
static int bio_write(BIO *bio, const char *bytes, int length)
{
	struct hop_record *record = BIO_get_data(bio);
	size_t size = (size_t)length;

	BIO_clear_retry_flags(bio);
	if (!record->out) {
		record->out = hop_buffer_create(hop_pool_fitting(BULK_BYTES));
		record->out_at = record->out_length = 0;
		if (!record->out)
			return -1;
	}
	if (size > out_room(record))
		size = out_room(record);
	if (!size) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(record->out->data + record->out_length, bytes, size);
	record->out_length += size;
	return (int)size;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
	struct hop_record *record = BIO_get_data(bio);
	size_t length = record->in_length - record->in_at;

	BIO_clear_retry_flags(bio);
	if (!length) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (length > (size_t)size)
		length = (size_t)size;
	memcpy(bytes, record->in->data + record->in_at, length);
	record->in_at += length;
	return (int)length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_create(void)
{
	int index = BIO_get_new_index();
	BIO_METHOD *made = BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "hop");

	if (index == -1 || !made)
		return;
	(void)BIO_meth_set_write(made, bio_write);
	(void)BIO_meth_set_read(made, bio_read);
	(void)BIO_meth_set_ctrl(made, bio_control);
	(void)BIO_meth_set_create(made, bio_create);
	method = made;
}

/* ---- beginning and end ------------------------------------------------------------------- */

/* Whom the other end must be: the certificate must be for this host, a name or an address. */
static int expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1)
		return 0;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
		return -ENOMEM;
	return 0;
}

int hop_record_begin(struct hop_record *record, struct ssl_ctx_st *context, const char *host)
{
	SSL *ssl;
	BIO *bio;

	(void)pthread_once(&method_once, method_create);
	ERR_clear_error();
	ssl = SSL_new(context);
	bio = method ? BIO_new(method) : NULL;
	if (!ssl || !bio || (host && expect_host(ssl, host) < 0)) {
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return -ENOMEM;
	}
	BIO_set_data(bio, record);
	SSL_set_bio(ssl, bio, bio);
	if (host)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	record->ssl = ssl;
	return 0;
}

void hop_record_free(struct hop_record *record)
{
	SSL_free(record->ssl);
	hop_buffer_release(record->in);
	hop_buffer_release(record->out);
	*record = (struct hop_record){ 0 };
}

/* ---- what comes -------------------------------------------------------------------------- */

/* A buffer for much is kept for as long as much comes. */
int hop_record_incoming(struct hop_record *record, nng_iov *ret_vector)
{
	size_t small = hop_pool_fitting(SMALL_BYTES), bulk = hop_pool_fitting(BULK_BYTES);
	size_t size = record->in ? record->in->length : small;

	if (record->established && record->in_length == small)
		size = bulk;
	else if (record->in_length < small)
		size = small;
	if (!record->in || record->in->length != size) {
		hop_buffer_release(record->in);
		record->in = hop_buffer_create(size);
	}
	record->in_at = record->in_length = 0;
	if (!record->in)
		return -ENOMEM;
	*ret_vector = (nng_iov){ record->in->data, size };
	return 0;
}

void hop_record_received(struct hop_record *record, size_t length)
{
	record->in_at = 0;
	record->in_length = length;
}

int hop_record_handshake(struct hop_record *record)
{
	int result, error;

	ERR_clear_error();
	result = SSL_do_handshake(record->ssl);
	if (result == 1) {
		record->established = true;
		return 0;
	}
	error = SSL_get_error(record->ssl, result);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -EAGAIN : -EPROTO;
}

int hop_record_read(struct hop_record *record, void *data, size_t size, size_t *ret_length)
{
	int error;

	ERR_clear_error();
	if (SSL_read_ex(record->ssl, data, size, ret_length) == 1)
		return 0;
	error = SSL_get_error(record->ssl, 0);
	if (error == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	return error == SSL_ERROR_ZERO_RETURN ? -EPIPE : -EPROTO;
}

/* ---- what goes --------------------------------------------------------------------------- */

bool hop_record_has_room(const struct hop_record *record)
{
	return !record->out || out_room(record) >= RECORD_BYTES + RECORD_OVERHEAD_BYTES;
}

/* What is large goes in as it lies there; what is small is gathered, up to a record. */
int hop_record_write(struct hop_record *record, const nng_iov *vectors, unsigned count,
		     size_t *ret_length)
{
	unsigned char room[RECORD_BYTES];
	const void *bytes = room;
	size_t length = 0, written;

	if (vectors[0].iov_len >= RECORD_BYTES) {
		bytes = vectors[0].iov_buf;
		length = RECORD_BYTES;
	}
	for (unsigned i = 0; bytes == room && i < count && length < RECORD_BYTES; i++) {
		size_t part = vectors[i].iov_len;

		if (part > RECORD_BYTES - length)
			part = RECORD_BYTES - length;
		memcpy(room + length, vectors[i].iov_buf, part);
		length += part;
	}
	ERR_clear_error();
	if (SSL_write_ex(record->ssl, bytes, length, &written) != 1) {
		ERR_clear_error();
		return -ENOMEM; /* there was room */
	}
	*ret_length = written;
	return 0;
}

unsigned hop_record_outgoing(struct hop_record *record, nng_iov *ret_vector)
{
	if (!record->out)
		return 0;
	if (record->out_at == record->out_length) {
		hop_buffer_release(record->out);
		record->out = NULL;
		return 0;
	}
	*ret_vector = (nng_iov){ record->out->data + record->out_at,
				 record->out_length - record->out_at };
	return 1;
}

void hop_record_sent(struct hop_record *record, size_t length)
{
	record->out_at += length;
	assert(record->out_at <= record->out_length);
	if (record->out_at == record->out_length)
		record->out_at = record->out_length = 0;
}

void hop_record_leave(struct hop_record *record)
{
	if (!record->established || record->parted)
		return;
	record->parted = true;
	ERR_clear_error();
	(void)SSL_shutdown(record->ssl);
	ERR_clear_error();
}

// SPDX-License-Identifier: Apache-2.0
/* What a hop shows and asks for in TLS, out of files that may change. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "secrets.h"

enum { CERTIFICATE, KEY, AUTHORITY, REVOCATIONS, FILES };

static const char *const file_names[FILES] = {
	[CERTIFICATE] = "certificate",
	[KEY] = "key",
	[AUTHORITY] = "authority",
	[REVOCATIONS] = "revocations",
};

/* What tells one state of a file from another. */
struct stamp {
	struct timespec changed;
	uint64_t inode;
	int64_t size;
};

struct hop_secrets {
	pthread_mutex_t lock; /* of the pointer below */
	SSL_CTX *context;
	char *files[FILES]; /* NULL: none */
	struct stamp stamps[FILES];
};

/* The first of what OpenSSL has to say, and nothing of it stays behind. */
static const char *openssl_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *text = NULL;

	if (code)
		text = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
					      : ERR_reason_error_string(code);
	ERR_clear_error();
	return text ? text : "OpenSSL gives no reason";
}

/* ---- files ------------------------------------------------------------------------------- */

static void stamps_take(const struct hop_secrets *secrets, struct stamp stamps[FILES])
{
	for (int i = 0; i < FILES; i++) {
		struct stat status;

		stamps[i] = (struct stamp){ .size = -1 };
		if (secrets->files[i] && stat(secrets->files[i], &status) == 0)
			stamps[i] = (struct stamp){ .changed = status.st_ctim,
						    .inode = status.st_ino,
						    .size = status.st_size };
	}
}

static bool stamps_differ(const struct stamp *one, const struct stamp *other)
{
	for (int i = 0; i < FILES; i++) {
		if (one[i].changed.tv_sec != other[i].changed.tv_sec ||
		    one[i].changed.tv_nsec != other[i].changed.tv_nsec ||
		    one[i].inode != other[i].inode || one[i].size != other[i].size)
			return true;
	}
	return false;
}

/* A key under a passphrase is refused: nobody is there to type it. */
static int no_passphrase(char *text, int size, int writes, void *data)
{
	(void)text;
	(void)size;
	(void)writes;
	(void)data;
	return -1;
}

static int load_certificate(SSL_CTX *context, const char *file)
{
	return SSL_CTX_use_certificate_chain_file(context, file) == 1 ? 0 : -EINVAL;
}

/* A key that does not belong to the certificate is refused here, too. */
static int load_key(SSL_CTX *context, const char *file)
{
	return SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1 ? 0 : -EINVAL;
}

/* What OpenSSL works out of a certificate when it is first asked is worked out here, once, and not
 * by all the threads at the same time that the first handshakes run on. */
static int load_authority(SSL_CTX *context, const char *file)
{
	STACK_OF(X509_OBJECT) * objects;

	if (SSL_CTX_load_verify_file(context, file) != 1)
		return -EINVAL;
	objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (one)
			(void)X509_check_purpose(one, -1, 0);
	}
	ERR_clear_error();
	return 0;
}

/* Of the peers' own certificates: an authority between them and ours need not have a list. */
static int load_revocations(SSL_CTX *context, const char *file)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (!lookup || X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) < 1)
		return -EINVAL;
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1 ? 0 : -ENOMEM;
}

static SSL_CTX *context_begin(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	if (!context)
		return NULL;
	(void)SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	/* Every connection shows its certificate: none goes on from an earlier one. */
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return context;
}

static int context_create(const struct hop_secrets *secrets, SSL_CTX **ret_context,
			  const char **ret_option, char *error, size_t error_size)
{
	static int (*const loads[FILES])(SSL_CTX *, const char *) = {
		[CERTIFICATE] = load_certificate,
		[KEY] = load_key,
		[AUTHORITY] = load_authority,
		[REVOCATIONS] = load_revocations,
	};
	static const char *const whats[FILES] = {
		[CERTIFICATE] = "no certificate (PEM)",
		[KEY] = "no key (PEM) of the certificate",
		[AUTHORITY] = "no certificates (PEM) of authorities",
		[REVOCATIONS] = "no list (PEM) of revoked certificates",
	};
	SSL_CTX *context;

	ERR_clear_error();
	context = context_begin();
	if (!context) {
		(void)snprintf(error, error_size, "cannot begin with TLS: %s", openssl_reason());
		return -ENOMEM;
	}
	for (int i = 0; i < FILES; i++) {
		if (!secrets->files[i] || loads[i](context, secrets->files[i]) == 0)
			continue;
		(void)snprintf(error, error_size, "%s can be had of %s: %s", whats[i],
			       secrets->files[i], openssl_reason());
		*ret_option = file_names[i];
		SSL_CTX_free(context);
		return -EINVAL;
	}
	*ret_context = context;
	return 0;
}

static int secrets_open(const struct hop_tls *files, struct hop_secrets **ret_secrets,
			const char **ret_option, char *error, size_t error_size)
{
	const char *names[FILES] = { files->certificate, files->key, files->authority,
				     files->revocations };
	struct hop_secrets *secrets;
	int result;

	for (int i = CERTIFICATE; i <= AUTHORITY; i++) {
		if (names[i] && *names[i])
			continue;
		(void)snprintf(error, error_size,
			       "TLS needs a certificate, its key and the authority of "
			       "the peers' certificates: the %s is missing",
			       file_names[i]);
		*ret_option = file_names[i];
		return -EINVAL;
	}
	secrets = calloc(1, sizeof(*secrets));
	result = secrets ? pthread_mutex_init(&secrets->lock, NULL) : ENOMEM;
	for (int i = 0; !result && i < FILES; i++) {
		secrets->files[i] = names[i] && *names[i] ? strdup(names[i]) : NULL;
		result = names[i] && *names[i] && !secrets->files[i] ? ENOMEM : 0;
	}
	if (result) {
		(void)snprintf(error, error_size, "no memory for TLS");
		hop_secrets_release(secrets);
		return -result;
	}
	stamps_take(secrets, secrets->stamps);
	result = context_create(secrets, &secrets->context, ret_option, error, error_size);
	if (result < 0)
		hop_secrets_release(secrets);
	else
		*ret_secrets = secrets;
	return result;
}

int hop_secrets_create(const struct hop_tls *files, struct hop_secrets **ret_secrets, char *error,
		       size_t error_size)
{
	const char *option;

	return secrets_open(files, ret_secrets, &option, error, error_size);
}

int hop_tls_check(const struct hop_tls *tls, const char **ret_option, char *error,
		  size_t error_size)
{
	struct hop_secrets *secrets = NULL;
	const char *option = file_names[CERTIFICATE];
	int result = secrets_open(tls, &secrets, &option, error, error_size);

	if (result < 0 && ret_option)
		*ret_option = option;
	hop_secrets_release(secrets);
	return result;
}

void hop_secrets_release(struct hop_secrets *secrets)
{
	if (!secrets)
		return;
	SSL_CTX_free(secrets->context); /* connections have references of their own */
	for (int i = 0; i < FILES; i++)
		free(secrets->files[i]);
	(void)pthread_mutex_destroy(&secrets->lock);
	free(secrets);
}

int hop_secrets_renew(struct hop_secrets *secrets, char *error, size_t error_size)
{
	struct stamp stamps[FILES];
	SSL_CTX *context, *old;
	const char *option;
	int result;

	stamps_take(secrets, stamps);
	if (!stamps_differ(stamps, secrets->stamps))
		return 0;
	memcpy(secrets->stamps, stamps, sizeof(stamps));
	result = context_create(secrets, &context, &option, error, error_size);
	if (result < 0)
		return result;
	pthread_mutex_lock(&secrets->lock);
	old = secrets->context;
	secrets->context = context;
	pthread_mutex_unlock(&secrets->lock);
	SSL_CTX_free(old);
	return 1;
}

SSL_CTX *hop_secrets_context(struct hop_secrets *secrets)
{
	SSL_CTX *context;

	pthread_mutex_lock(&secrets->lock);
	context = secrets->context;
	(void)SSL_CTX_up_ref(context);
	pthread_mutex_unlock(&secrets->lock);
	return context;
}

void hop_secrets_context_release(SSL_CTX *context)
{
	SSL_CTX_free(context);
}

/* ---- peers ------------------------------------------------------------------------------- */

static enum hop_reason verdict(long result)
{
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return HOP_EXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return HOP_REVOKED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return HOP_OTHER_NAME;
	default:
		return HOP_UNTRUSTED;
	}
}

int hop_secrets_judge(struct hop_secrets *secrets, struct ssl_st *ssl, enum hop_reason *ret_reason,
		      const char **ret_detail)
{
	SSL_CTX *context = hop_secrets_context(secrets);
	X509_STORE_CTX *judge = X509_STORE_CTX_new();
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	int result = -EACCES, error = X509_V_ERR_OUT_OF_MEM;

	if (certificate && judge &&
	    X509_STORE_CTX_init(judge, SSL_CTX_get_cert_store(context), certificate,
				SSL_get_peer_cert_chain(ssl)) == 1) {
		(void)X509_STORE_CTX_set_default(judge,
						 SSL_is_server(ssl) ? "ssl_client" : "ssl_server");
		if (X509_verify_cert(judge) == 1)
			result = 0;
		error = X509_STORE_CTX_get_error(judge);
	}
	if (result < 0) {
		*ret_reason = verdict(error);
		*ret_detail = X509_verify_cert_error_string(error);
	}
	X509_STORE_CTX_free(judge);
	SSL_CTX_free(context);
	ERR_clear_error();
	return result;
}

/* What the peer says of us comes as a number above 1000. */
static enum hop_reason alert(int number)
{
	switch (number) {
	case SSL_AD_PROTOCOL_VERSION:
		return HOP_OLD_TLS;
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return HOP_NOT_ADMITTED;
	default:
		return HOP_TLS_FAILED;
	}
}

static enum hop_reason reason_of(int number)
{
	switch (number) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return HOP_NO_CERTIFICATE;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return HOP_OLD_TLS;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_BAD_RECORD_TYPE:
		return HOP_NOT_TLS;
	default:
		return number > SSL_AD_REASON_OFFSET ? alert(number - SSL_AD_REASON_OFFSET)
						     : HOP_TLS_FAILED;
	}
}

enum hop_reason hop_secrets_reason(struct ssl_st *ssl, char detail[HOP_DETAIL_BYTES])
{
	unsigned long code = ERR_peek_error();
	int number = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
	enum hop_reason reason = reason_of(number);
	const char *text;

	if (number == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		reason = verdict(SSL_get_verify_result(ssl));
		text = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
		ERR_clear_error();
	} else {
		text = openssl_reason();
	}
	(void)snprintf(detail, HOP_DETAIL_BYTES, "%s", text);
	return reason;
}

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

char *hop_secrets_peer(struct ssl_st *ssl)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *names;
	X509_NAME *subject;
	char *name = NULL;
	int at;

	if (!certificate)
		return NULL;
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !name && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

		if (one->type == GEN_DNS || one->type == GEN_URI)
			name = name_copy(one->d.ia5);
	}
	GENERAL_NAMES_free(names);
	subject = X509_get_subject_name(certificate);
	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (!name && at >= 0)
		name = name_copy(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	ERR_clear_error();
	return name;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the output `otlp`. */
#ifndef SONDE_OTLP_SETTINGS_H
#define SONDE_OTLP_SETTINGS_H

#include <sonde/plugin.h>

enum { SETTINGS_IN_FLIGHT = 16 }; /* requests at once at most, and deliveries */

/* One header whose value nobody may see. */
struct secret_header {
	const char *name;
	const char *value;
};

/* Texts that are NULL, and a timeout of 0, are left open: see target.h. */
struct settings {
	const char *protocol; /* "http", "http_json", "grpc" */
	const char *endpoint; /* base URL of all signals */
	const char *logs_endpoint, *metrics_endpoint, *traces_endpoint;
	const char *compression; /* "none", "gzip", "zstd" */
	uint32_t level;

	struct sonde_texts headers; /* "name=value" */
	struct sonde_groups secret_headers;
	const char *bearer_token, *bearer_token_file;

	const char *ca_file, *certificate_file, *key_file, *key_password;
	uint32_t tls_minimum; /* enum tls_minimum */
	bool verify;

	const char *proxy;
	const char *proxy_credentials; /* "user:password" */

	uint64_t request_bytes; /* of a request's body at most, before compression */
	uint32_t in_flight;     /* requests at once */
	int64_t timeout_ns;     /* a knob */

	uint32_t temporality; /* enum sonde_temporality; 0: as it is */
	uint32_t series_limit;
	uint64_t memory_bytes;
	int64_t expiry_ns;
};

enum tls_minimum { TLS_MINIMUM_12, TLS_MINIMUM_13 };

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance, and notes what is dangerous. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

/* Whether a header of this name is a secret by what it is called. */
bool settings_sounds_secret(const char *header);

/* "name=value": whether it is such, with a name that a header may have and a value of one line. */
bool settings_header_split(const char *text, size_t *ret_name_length, const char **ret_value);

#endif

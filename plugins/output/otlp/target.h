/* SPDX-License-Identifier: Apache-2.0 */
/* Where each signal goes and how: from the options, else from OTEL_EXPORTER_OTLP_* variables (those
 * of the signal before those of all), else as the specification has it. */
#ifndef SONDE_OTLP_TARGET_H
#define SONDE_OTLP_TARGET_H

#include "compress.h"
#include "settings.h"

enum signal { SIGNAL_LOGS, SIGNAL_METRICS, SIGNAL_TRACES, SIGNAL_COUNT };
enum protocol { PROTOCOL_HTTP, PROTOCOL_HTTP_JSON, PROTOCOL_GRPC };

enum { TARGET_ERROR_LENGTH = 400, TARGET_HEADERS = 64 };

struct target {
	enum protocol protocol;
	enum compress_coding compression;
	char *url;                     /* of the request, with its path */
	char *socket;                  /* path of a Unix socket; NULL: none */
	char *headers[TARGET_HEADERS]; /* "name: value", from the variables */
	uint32_t header_count;
	int64_t timeout_ns; /* where the option is left open */
	const char *ca_file, *certificate_file, *key_file;
	bool is_tls;
	bool is_loopback; /* or a Unix socket: nobody between */
};

/* How a variable is read; NULL: it is not set. */
typedef const char *target_variable(const char *name);

/* Works out all targets. -EINVAL: *ret_option (constant text; NULL: a variable) and `error` say
 * what is wrong; -ENOMEM. What was worked out is to be released either way. */
int targets_resolve(const struct settings *settings, target_variable *variable,
		    struct target targets[SIGNAL_COUNT], const char **ret_option,
		    char error[TARGET_ERROR_LENGTH]);
void targets_release(struct target targets[SIGNAL_COUNT]);

/* "logs", "metrics", "traces". */
const char *target_signal_name(enum signal signal);

#endif

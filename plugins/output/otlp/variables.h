/* SPDX-License-Identifier: Apache-2.0 */
/* The OTEL_EXPORTER_OTLP_* variables as the specification writes them. */
#ifndef SONDE_OTLP_VARIABLES_H
#define SONDE_OTLP_VARIABLES_H

#include "target.h"

enum { VARIABLE_NAME_LENGTH = 64 };

/* Reads the daemon's own. */
target_variable variable_of_environment;

/* OTEL_EXPORTER_OTLP_LOGS_TIMEOUT, say, else OTEL_EXPORTER_OTLP_TIMEOUT; `name` is "TIMEOUT".
 * ret_name says which it was. NULL: neither is set; an empty one counts as not set. */
const char *variable_read(target_variable *variable, enum signal signal, const char *name,
			  char ret_name[VARIABLE_NAME_LENGTH], bool *ret_of_signal);

/* "key1=value1,key2=value2", values and keys percent-encoded, into "name: value" texts behind those
 * that the target has. -EINVAL: `error` says what is wrong with it, without the value; -ENOMEM. */
int variable_headers(const char *text, const char *name, struct target *target,
		     char error[TARGET_ERROR_LENGTH]);

/* Milliseconds, as the specification has it. */
int variable_timeout(const char *text, const char *name, int64_t *ret_timeout_ns,
		     char error[TARGET_ERROR_LENGTH]);

#endif

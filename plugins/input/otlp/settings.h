/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the input `otlp`. */
#ifndef SONDE_OTLP_SETTINGS_H
#define SONDE_OTLP_SETTINGS_H

#include <sonde/plugin.h>

#include "server.h"

enum { ACK_RECEIVED, ACK_DURABLE, ACK_DELIVERED };

struct settings {
	const char *grpc, *http; /* addresses; "": none */
	struct http_tls tls;
	bool insecure; /* no TLS off loopback, knowingly */
	uint32_t ack;  /* ACK_... */
	uint64_t body_limit_bytes;
	uint32_t connections, streams, columns;
	int64_t idle_ns, stall_ns;
	int64_t hold_ns, retry_after_ns; /* knobs */
};

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

#endif

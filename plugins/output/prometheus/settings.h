/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the output `prometheus`. */
#ifndef SONDE_PROMETHEUS_SETTINGS_H
#define SONDE_PROMETHEUS_SETTINGS_H

#include <sonde/plugin.h>

#include "server.h"

enum { DURATIONS_SECONDS, DURATIONS_UNCHANGED };

struct settings {
	const char *listen, *path;
	struct http_tls tls;
	struct sonde_texts resource_labels;
	uint32_t durations; /* DURATIONS_... */
	uint32_t connections;

	uint32_t series_limit; /* these are knobs */
	uint64_t memory_bytes; /* 0: any */
	int64_t expiry_ns;     /* 0: never */
	uint32_t buckets;
};

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

/* Whether others than this host may ask, and nothing keeps them from listening in. */
bool settings_is_open(const struct settings *settings);

#endif

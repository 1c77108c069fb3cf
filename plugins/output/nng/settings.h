/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the output `nng`. */
#ifndef SONDE_NNG_SETTINGS_H
#define SONDE_NNG_SETTINGS_H

#include <sonde/plugin.h>

#include "hop.h"

enum { SETTINGS_REGIONS = 32, SETTINGS_WINDOW = 64 };

struct settings {
	struct sonde_texts urls;       /* of regions */
	struct sonde_texts balance_by; /* columns; none: one region at a time */
	const char *name;              /* of this sonde; NULL: the host's */
	struct sonde_texts labels;     /* "key=value" */
	struct hop_tls tls;
	uint32_t ack;    /* enum message_ack: wanted at least */
	uint32_t window; /* frames sent ahead of their acknowledgements */
	uint64_t frame_bytes;
	int64_t linger_ns; /* a knob */
	uint32_t level;    /* of zstd; 0: none */
	int64_t heartbeat_ns, silence_ns, connect_ns;
	int64_t reconnect_first_ns, reconnect_longest_ns;
	int64_t failover_after_ns;
	int64_t ledger_ns; /* 0: no statements */
	struct sonde_texts permissions;
};

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

#endif

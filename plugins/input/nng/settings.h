/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the input `nng`. */
#ifndef SONDE_NNG_SETTINGS_H
#define SONDE_NNG_SETTINGS_H

#include <sonde/plugin.h>

#include "hop.h"

enum { ACK_RECEIVED, ACK_DURABLE, ACK_DELIVERED };

struct settings {
	const char *url;
	const char *name; /* of this region; NULL: the host's */
	struct hop_tls tls;
	struct sonde_texts names; /* whom it takes; none: all */
	uint32_t ack;             /* ACK_... */
	uint32_t edges, half_open, window;
	uint64_t frame_bytes;
	int64_t heartbeat_ns, silence_ns, handshake_ns;
	bool ledger;         /* statements go on as rows, too */
	const char *command; /* a knob: "EDGE INSTANCE.KNOB=VALUE for TIME"; "": none */
};

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

/* Whether a name is one of `names`, of which one that begins with "*." stands for all below it, and
 * one that ends with '*' for all that begin so. */
bool settings_admits(const struct settings *settings, const char *name);

#endif

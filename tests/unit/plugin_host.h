/* SPDX-License-Identifier: Apache-2.0 */
/* A small host for unit tests of plugins: one instance, driven by hand, on the core's own batches.
 */
#ifndef SONDE_PLUGIN_HOST_H
#define SONDE_PLUGIN_HOST_H

#include <sonde/plugin.h>
#include "arena.h"

enum { PLUGIN_HOST_TIMERS = 8, PLUGIN_HOST_BATCHES = 64, PLUGIN_HOST_MESSAGE = 512 };

struct plugin_host {
	struct sonde_instance instance; /* what the plugin is given */
	const struct sonde_plugin *plugin;
	struct arena *arena; /* texts of options */
	bool started;

	int64_t now_ns;                          /* what sonde_now_ns() says */
	int64_t interval_ns[PLUGIN_HOST_TIMERS]; /* of sonde_every(); 0: none */
	int64_t delay_ns[PLUGIN_HOST_TIMERS];    /* of sonde_after(); negative: none */
	int watched_fd;                          /* the last one; -1: none */
	uint32_t watched_events;
	bool drained;

	uint32_t failure_count;
	char message[PLUGIN_HOST_MESSAGE]; /* of sonde_fail(), with the errno in words, or
					      sonde_log() */
	char problem[PLUGIN_HOST_MESSAGE]; /* of sonde_problem(), "option: message", the last */

	struct sonde_delivery *delivery; /* of plugin_host_write(), while it is not settled */
	struct sonde_outcome outcome;    /* of the last settled batch */
	uint32_t settled_count;          /* batches settled by sonde_settle() and its kin */
	uint64_t sequence;

	struct sonde_batch *emitted[PLUGIN_HOST_BATCHES]; /* held */
	uint32_t emitted_count;
};

/* An instance of the plugin that is linked with the test, its options as "name=value" in a list
 * that ends with NULL. A wrong option fails the test. */
struct plugin_host *plugin_host_create(sonde_plugin_function *function, const char *const *options);

/* Sets an option as a user sets a knob, and calls set(). */
int plugin_host_set(struct plugin_host *host, const char *name, const char *value);

int plugin_host_start(struct plugin_host *host);

/* Hands batches over, which it finishes and holds while they are kept. Returns what write() did. */
int plugin_host_write(struct plugin_host *host, struct sonde_batch *const *batches, uint32_t count);

/* Offers the delivery again that write() refused or settled for a retry. */
int plugin_host_retry(struct plugin_host *host);

/* Runs a timer that is due: armed by sonde_every() or sonde_after(); fails the test if it is not.
 */
int plugin_host_fire(struct plugin_host *host, int timer);

/* Calls ready() for the watched fd. */
int plugin_host_ready(struct plugin_host *host);

/* Tells it that the end is near. Returns what drain() did. */
int plugin_host_drain(struct plugin_host *host);

/* Stops the plugin and frees all. */
void plugin_host_release(struct plugin_host *host);

#endif

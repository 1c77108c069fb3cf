/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: options that change while running, by one path whoever asks, and fall back by themselves.
 */
#ifndef SONDE_KNOB_H
#define SONDE_KNOB_H

#include "graph.h"

struct knobs;

/* Lives on the main loop; all calls on its thread. NULL: no memory. */
struct knobs *knobs_create(struct graph *graph, struct loop *loop);
void knobs_release(struct knobs *knobs);

/* From now on those of another graph. What falls back later does so where the instance goes on. */
void knobs_follow(struct knobs *knobs, struct graph *graph);

/* Sets "INSTANCE.KNOB" on all replicas. for_ns > 0: the value from before the first such change
 * comes back after that time; 0: it stays, and a pending return is forgotten. actor: who decided,
 * for the record. -ENOENT: no such instance; -EINVAL: refused; -ETIMEDOUT: its thread is held up;
 * the message names the mend. */
int knob_set(struct knobs *knobs, const char *actor, const char *path, const char *value,
	     int64_t for_ns, char *error, size_t error_size);

/* How long until the knob falls back, ns; 0: it does not. */
int64_t knob_left_ns(const struct knobs *knobs, const char *instance, const char *knob);

#endif

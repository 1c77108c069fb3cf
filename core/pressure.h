/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure: while a queue stays full, the inputs before it are turned down step by step, and up
 * again when it has emptied.
 *
 * An input can be turned down if it has a knob `sample_one_in`, of the type SONDE_U32: one row in
 * so many, with that weight. A step doubles what stands there, from one in two up to one in 1,024
 * of it; of several inputs the one that sends most rows goes first. Steps are taken back in the
 * opposite order. Knobs are turned by the path of all who do (knob.h), as a plugin would. */
#ifndef SONDE_PRESSURE_H
#define SONDE_PRESSURE_H

#include "graph.h"
#include "knob.h"

struct pressure;

/* Looks every second, on the given loop (the main one), until released. NULL: no memory. */
struct pressure *pressure_create(struct graph *graph, struct knobs *knobs, struct loop *loop);
void pressure_release(struct pressure *pressure);

/* From now on at another graph, after knobs_follow(). Inputs that go on before queues that do stay
 * turned down; what is held of others falls back by itself. */
void pressure_follow(struct pressure *pressure, struct graph *graph);

/* What it does every second, at that time. */
void pressure_look(struct pressure *pressure, int64_t now_ns);

/* An input that is turned down. Texts are valid until the next call into the pressure. */
struct pressure_input {
	const char *name, *knob, *from, *to; /* from, to: of the queue that wants it most */
	uint32_t one_in;                     /* of what it would send else */
	double share;                        /* in use of that queue's limit */
	int64_t since_ns;                    /* monotonic */
};

/* The one at the index; false: there are no more. */
bool pressure_input(const struct pressure *pressure, uint32_t index,
		    struct pressure_input *ret_input);

#endif

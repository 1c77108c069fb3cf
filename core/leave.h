/* SPDX-License-Identifier: Apache-2.0 */
/* How a graph leaves whose place another has taken: what it still holds goes out, step by step, and
 * the daemon goes on meanwhile.
 *
 * Inputs are drained and end when they have heard of all their rows, outputs whose place is taken
 * hand back what is not answered; both within a bound, since others wait for their names. Pipelines
 * and outputs that are gone for good run until they are empty, or given up. All on the main thread.
 */
#ifndef SONDE_LEAVE_H
#define SONDE_LEAVE_H

#include "graph.h"

/* For a graph that is built. NULL: no memory. */
struct leave *leave_create(const struct graph *graph);
void leave_release(struct leave *leave);

/* From now on, with that bound. At once: nothing is waited for, and what is left is lost by
 * shutdown.
 */
void leave_begin(struct graph *graph, int64_t bound_ns);
void leave_at_once(struct graph *graph);

/* Does what can be done now, without waiting. */
void leave_step(struct graph *graph);

/* Whether an instance of that name is still at work there. */
bool leave_uses(const struct graph *graph, const char *name);

/* Whether nothing in it sends any more. */
bool leave_is_quiet(const struct graph *graph);

/* Whether it holds nothing any more: its routes are empty, and no row is under way of which an
 * input would hear. */
bool leave_is_done(struct graph *graph);

/* Gives up what an output of that name has not handed over; false: none leaves. */
bool leave_give_up(struct graph *graph, const char *name);

#endif

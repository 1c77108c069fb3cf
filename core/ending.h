/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs that come to their end by themselves: whoever runs them is told. */
#ifndef SONDE_ENDING_H
#define SONDE_ENDING_H

#include "graph.h"
#include "loop.h"

/* From now on the task is posted to the loop whenever an input has come to its end. NULL: no more;
 * the loop's thread. */
void ending_watch(struct loop *loop, struct loop_task *task);

/* An instance says that it is done: while it drains, or, of an input, unasked and for good. Its
 * thread. */
void ending_note(struct instance *instance);

/* Whether no input of the graph will emit anything more. */
bool ending_is_reached(const struct graph *graph);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What processors at the heads of pipelines do, done by the inputs before them instead. */
#ifndef SONDE_PUSH_H
#define SONDE_PUSH_H

#include <stdio.h>

#include "graph.h"

/* Asks the processors of a graph that runs, and tells each input what all pipelines that take from
 * it want alike, if that is something else than before. On the main thread; waits for threads that
 * are in a callback, but not long: what they would say then counts as nothing, until the next time.
 */
void push_run(struct graph *graph);

/* Of a config that does not run: prints a line for each ask that the input would take, with what
 * stands before it, or one that says that there is none. Nothing for inputs that take none. */
void push_show(const struct config *config, const struct instance_config *input, const char *before,
	       FILE *file);

/* Of an input that runs: calls back for each ask that it has taken. */
typedef void push_callback(void *context, const char *text);
void push_taken(const struct instance *instance, push_callback *callback, void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One graph in the place of another: links that come to hold, and who owns what afterwards. */
#ifndef SONDE_SUCCESSION_H
#define SONDE_SUCCESSION_H

#include "graph.h"

/* Lets rows flow as planned, but for what is adopted or late; beside a former graph pipelines take
 * none yet. Before any of it starts. */
void graph_install(struct graph *graph);

/* Takes over what was planned to be adopted, and lets rows flow as planned. No loop of any of these
 * graphs may run meanwhile. Cannot fail. What is left to the former graphs is what leaves; they are
 * the graph's `older`. */
void graph_adopt(struct graph *graph);

/* Gives up the plan instead: what is left is what the graph made itself. */
void graph_abandon(struct graph *graph);

/* Takes the routes of a graph that has ended out of the receivers of another. Its loops may not run
 * meanwhile. */
void graph_disinherit(struct graph *graph, const struct graph *ended);

#endif

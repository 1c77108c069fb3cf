/* SPDX-License-Identifier: Apache-2.0 */
/* All taps of the daemon, on a thread of their own that is there from the first one on. Main
 * thread. */
#ifndef SONDE_TAPS_H
#define SONDE_TAPS_H

#include <stdio.h>

#include "control.h"
#include "graph.h"

struct taps;

/* Zeroed at first. */
struct taps_place {
	struct graph *graph;     /* that runs */
	struct control *control; /* on which it is asked */
};

/* Answers the words of a tap: with 0 the connection is taken over, else the reply says why not.
 * Makes *taps if it is NULL. */
uint16_t taps_answer(struct taps **taps, const struct taps_place *place, char *const *words,
		     uint32_t count, FILE *reply);

/* Another graph runs: taps go on at what is called the same there, or end. NULL is fine. */
void taps_follow(struct taps *taps, struct graph *graph);

/* Ends all of them; NULL is fine. Before the control socket and the graph go. */
void taps_close(struct taps *taps);

#endif

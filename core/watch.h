/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: names callbacks that hold their thread for long, and samples rates. */
#ifndef SONDE_WATCH_H
#define SONDE_WATCH_H

#include "graph.h"

struct watch;

/* Looks every second, on the given loop (the main one), until released. NULL: no memory. */
struct watch *watch_create(struct graph *graph, struct ledger *ledger, struct loop *loop,
			   int64_t slow_ns);
void watch_release(struct watch *watch);

/* From now on over another graph, and the older ones that leave. */
void watch_follow(struct watch *watch, struct graph *graph, int64_t slow_ns);

/* The longest that a loop had not come around at the last look, ns. Any thread. */
int64_t watch_stuck_ns(void);

/* Rows and events a second that an account took in, over the last 5 to 10 s, or since the
 * daemon started. */
struct watch_rate {
	double rows, events;
};
struct watch_rate watch_rate(const struct watch *watch, const struct account *account);

#endif

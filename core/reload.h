/* SPDX-License-Identifier: Apache-2.0 */
/* Another config at work in the place of the one that runs: whole, or not at all. */
#ifndef SONDE_RELOAD_H
#define SONDE_RELOAD_H

#include <stdio.h>

#include "graph.h"
#include "knob.h"
#include "watch.h"

/* What a reload works on. */
struct reload {
	struct graph *graph; /* that runs; after a reload the new one */
	struct ledger *ledger;
	struct knobs *knobs;
	struct watch *watch;
	FILE *reply; /* why not, and what to know otherwise: lines */
};

/* Instances whose config is the same go on as they are. New ones are started beside them first; if
 * one cannot, nothing has changed. Those that changed are started when the former ones have ended;
 * if one cannot, the former config is put back in the same way. On the main thread, which is busy
 * until then: at most the former config's drain time and some seconds. -errno: refused. */
int reload_run(struct reload *reload, struct config *config);

/* Goes on with what leaves, without waiting; releases what has left. True: some still leave. */
bool reload_step(struct graph *graph);

#endif

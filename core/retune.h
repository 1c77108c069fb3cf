/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs whose values in the config changed, in instances that go on over a reload. */
#ifndef SONDE_RETUNE_H
#define SONDE_RETUNE_H

#include "knob.h"

/* Sets them as `sonde set` would; the former config is the one that the instances went by. -EINVAL
 * and others of knob_set(): one was refused, which the reply tells; some may have been set. */
int graph_retune(const struct graph *graph, const struct config *former, struct knobs *knobs,
		 FILE *reply);

#endif

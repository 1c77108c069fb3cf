/* SPDX-License-Identifier: Apache-2.0 */
/* The routes that a receiver takes from, in turns. */
#ifndef SONDE_SOURCES_H
#define SONDE_SOURCES_H

#include "route.h"

/* The routes are someone else's. Only on the receiver's loop, or while that does not run. */
struct sources {
	struct route **routes;
	uint32_t count, next;
};

/* -ENOMEM */
int sources_add(struct sources *sources, struct route *route);
void sources_remove(struct sources *sources, uint32_t position);
void sources_clear(struct sources *sources);

/* The next batch of those whose turn it is, held until it is settled with its route; NULL: all are
 * empty. */
struct sonde_batch *sources_pop(struct sources *sources, struct route **ret_route);

/* The same of routes whose receiver takes frames: the number of the record; 0: all are empty. */
uint64_t sources_take(struct sources *sources, struct sonde_frame *ret_frame,
		      struct route **ret_route);

#endif

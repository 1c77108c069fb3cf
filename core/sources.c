/* SPDX-License-Identifier: Apache-2.0 */
/* The routes that a receiver takes from, in turns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sources.h"

int sources_add(struct sources *sources, struct route *route)
{
	struct route **routes = realloc(sources->routes, (sources->count + 1) * sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	sources->routes = routes;
	routes[sources->count++] = route;
	return 0;
}

void sources_remove(struct sources *sources, uint32_t position)
{
	sources->count--;
	memmove(sources->routes + position, sources->routes + position + 1,
		(sources->count - position) * sizeof(*sources->routes));
	sources->next = 0;
}

void sources_clear(struct sources *sources)
{
	free(sources->routes);
	*sources = (struct sources){ 0 };
}

uint64_t sources_take(struct sources *sources, struct sonde_frame *ret_frame,
		      struct route **ret_route)
{
	for (uint32_t i = 0; i < sources->count; i++) {
		struct route *route = sources->routes[sources->next];
		uint64_t number = route_gives_frames(route) ? route_take(route, ret_frame) : 0;

		sources->next = sources->next + 1 < sources->count ? sources->next + 1 : 0;
		if (number) {
			*ret_route = route;
			return number;
		}
	}
	return 0;
}

struct sonde_batch *sources_pop(struct sources *sources, struct route **ret_route)
{
	for (uint32_t i = 0; i < sources->count; i++) {
		struct route *route = sources->routes[sources->next];
		struct sonde_batch *batch = route_gives_frames(route) ? NULL : route_pop(route);

		sources->next = sources->next + 1 < sources->count ? sources->next + 1 : 0;
		if (batch) {
			*ret_route = route;
			return batch;
		}
	}
	return NULL;
}

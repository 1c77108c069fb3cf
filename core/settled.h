/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are done, in whatever order: all below one, and ranges ahead of it. */
#ifndef SONDE_SETTLED_H
#define SONDE_SETTLED_H

#include <stdbool.h>
#include <stdint.h>

struct settled_range {
	uint64_t first, last; /* inclusive */
};

/* Begins as zeros with `below` set: numbers under it are done. */
struct settled {
	uint64_t below;
	uint32_t count, capacity;
	struct settled_range *ranges; /* ascending, apart from each other and from `below` */
};

/* All from first to last are done now; those that were stay so. -ENOMEM: as it was. */
int settled_add(struct settled *settled, uint64_t first, uint64_t last);
int settled_copy(struct settled *ret_copy, const struct settled *settled);
bool settled_has(const struct settled *settled, uint64_t number);

/* The first number at or after that which is not done. */
uint64_t settled_next(const struct settled *settled, uint64_t number);
void settled_clear(struct settled *settled);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Texts by codes that are the same whatever dictionary they came in, within a bound. */
#ifndef SONDE_INTERN_H
#define SONDE_INTERN_H

#include <sonde/plugin.h>
#include "budget.h"

struct arena_chunk;

struct intern {
	struct sonde_text *entries; /* hash: of the bytes */
	uint32_t *slots;            /* code + 1; 0: free */
	uint32_t count, capacity, slot_mask;
	uint32_t limit;             /* of entries */
	struct arena_chunk *chunks; /* the bytes */
	struct budget *budget;
};

enum { INTERN_FULL = UINT32_MAX };

uint64_t hash_bytes(const void *data, size_t length);

/* The code of a text, which is copied if it is new. INTERN_FULL: there is no room for another. */
uint32_t intern_text(struct intern *intern, struct sonde_text text);
void intern_clear(struct intern *intern); /* the limit and budget stay */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Texts by codes that are the same whatever dictionary they came in, within a bound. */
#ifndef SONDE_INTERN_H
#define SONDE_INTERN_H

#include <sonde/plugin.h>
#include "pool.h"

struct intern {
	struct sonde_text *entries; /* hash: of the bytes */
	uint32_t *slots;            /* code + 1; 0: free */
	uint32_t count, capacity, slot_mask;
	uint32_t limit;   /* of entries */
	struct pool pool; /* the bytes */
	struct budget *budget;
	struct sonde_dictionary *published; /* of the texts that have gone on; NULL: none yet */
	uint32_t *published_codes;          /* by code: that in there, + 1; 0: not there */
	uint32_t published_capacity;
};

enum { INTERN_FULL = UINT32_MAX };

uint64_t hash_bytes(const void *data, size_t length);

/* The code of a text, which is copied if it is new. INTERN_FULL: there is no room for another. */
uint32_t intern_text(struct intern *intern, struct sonde_text text);

/* The dictionary that texts go on in, whose entries last from one batch to the next; and the code
 * of one there. NULL; UINT32_MAX: no memory. */
struct sonde_dictionary *intern_dictionary(struct intern *intern, struct sonde_instance *instance);
uint32_t intern_publish(struct intern *intern, struct sonde_instance *instance, uint32_t code);

/* The limit and budget stay. */
void intern_clear(struct intern *intern, struct sonde_instance *instance);

#endif

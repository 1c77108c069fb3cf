/* SPDX-License-Identifier: Apache-2.0 */
/* From keys of bytes to entries of facts: a hash table that keeps copies of its keys. */
#ifndef ENRICH_INDEX_H
#define ENRICH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint32_t hash;
	uint32_t entry; /* 0: the slot is free */
	uint32_t start; /* of the key in `keys` */
	uint32_t length;
};

/* Zeroed, it is empty. */
struct index {
	struct index_slot *slots; /* a power of two, at most half of them taken */
	uint32_t slot_count, used;
	char *keys;
	size_t key_bytes, key_capacity;
};

void index_close(struct index *index);
void index_clear(struct index *index);

/* The entry of a key; 0: there is none. */
uint32_t index_find(const struct index *index, const void *key, size_t length);

/* Adds a key that is not there yet; entry is not 0. -ENOMEM. */
int index_add(struct index *index, const void *key, size_t length, uint32_t entry);

size_t index_bytes(const struct index *index);

/* A hash that nobody outside can foresee. */
uint64_t index_hash(const void *key, size_t length);
uint64_t index_secret(void);

#endif

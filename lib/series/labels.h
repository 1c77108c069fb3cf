/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of attributes: resources, scopes, and what tells series apart. Equal sets are one. */
#ifndef SONDE_SERIES_LABELS_H
#define SONDE_SERIES_LABELS_H

#include <sonde/plugin.h>

/* What a label of a set is; a scope has more than attributes. */
enum series_label_role {
	SERIES_ATTRIBUTE,
	SERIES_SCOPE_NAME,
	SERIES_SCOPE_VERSION,
	SERIES_SCHEMA_URL,
};

struct series_label {
	uint64_t hash;          /* private: of role, key and value */
	const char *key, *data; /* neither is ended by a zero byte */
	uint32_t key_length;    /* 0 but for attributes */
	uint32_t length;        /* of data: text, bytes, or an encoded array or map */
	uint16_t role;          /* enum series_label_role */
	uint16_t kind;          /* enum sonde_any_kind */
	union {
		int64_t integer; /* of bool, too */
		double number;
	} as;
};

/* Sorted by role and key. */
struct series_labels {
	uint64_t hash;       /* private */
	uint32_t references; /* private */
	uint32_t count;
	size_t bytes; /* of this struct with all that it holds */
	struct series_label items[];
};

/* ---- for the table ----------------------------------------------------------------------- */

/* Labels of a row, before it is known whether there is such a set. Zeroed, it is empty. */
struct series_list {
	struct series_label *items;
	uint32_t count, capacity;
	uint64_t hash;
};

/* Sets by value. */
struct series_sets {
	struct series_labels **slots;
	uint32_t mask, count; /* mask 0: there are no slots */
	size_t bytes;
};

static inline uint64_t series_mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t series_hash(uint64_t seed, const void *data, size_t length);

/* Fills in the label's hash. key_hash: of its role and key, by series_hash(). */
void series_label_hash(struct series_label *label, uint64_t key_hash);

void series_list_release(struct series_list *list);
void series_list_clear(struct series_list *list);

/* Appends a label, in any order; -ENOMEM. */
int series_list_add(struct series_list *list, const struct series_label *label);

/* Sorts it; to be called before it is looked up, unless it was filled in order. */
void series_list_sort(struct series_list *list);

/* What a set of it would take. */
size_t series_list_bytes(const struct series_list *list);

/* The set that is equal to the list; NULL: there is none. */
struct series_labels *series_sets_find(const struct series_sets *sets,
				       const struct series_list *list);

/* The same, or a new copy with no references. NULL: no memory. */
struct series_labels *series_sets_intern(struct series_sets *sets, const struct series_list *list);

/* Frees the sets without references, and the sets themselves at the end. */
void series_sets_sweep(struct series_sets *sets);
void series_sets_release(struct series_sets *sets);

/* The attribute of a set by key; NULL: it has none. */
const struct series_label *series_label_find(const struct series_labels *labels, const char *key);

#endif

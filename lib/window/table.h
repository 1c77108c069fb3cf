/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of one table in one slide of time, with what their measures have come to. */
#ifndef SONDE_WINDOW_TABLE_H
#define SONDE_WINDOW_TABLE_H

#include "distribution.h"
#include "intern.h"
#include "shape.h"

enum { GROUP_OTHER = 0 }; /* of each table: rows of groups that found no room */

/* A measure of every group; arrays that its function does not need are NULL. */
struct state {
	uint64_t *counts;    /* COUNT */
	__int128 *wholes;    /* SUM of whole numbers */
	double *reals;       /* COUNT, SUM: what is not whole, where there is any; MEAN: the sum */
	double *weights;     /* MEAN */
	uint64_t *bits;      /* MINIMUM, MAXIMUM, FIRST, LAST: the value, as wide as it goes */
	int64_t *times;      /* FIRST, LAST: of that value */
	unsigned char *seen; /* all but COUNT and histograms: there was a value */
	struct distribution *distributions; /* HISTOGRAM, QUANTILE */
	struct explicit_sum *explicits;     /* HISTOGRAM of explicit ones */
};

struct table {
	struct shape *shape;
	struct budget *budget;
	uint32_t group_limit;
	uint32_t count, capacity; /* groups, that of the others included */
	uint64_t *keys;           /* shape->words each */
	uint32_t *hashes;
	uint64_t *events;
	uint64_t *slots; /* hash << 32 | group; 0: free */
	uint32_t slot_mask;
	struct state *states; /* by measure */
	bool has_other;
	uint32_t *chosen; /* the groups that go on; NULL: not chosen yet */
	uint32_t chosen_count;
	struct sonde_receipts *receipts; /* for the windows' owner */
};

/* NULL: no memory. */
struct table *table_create(struct shape *shape, struct budget *budget, uint32_t group_limit);
void table_release(struct table *table); /* NULL is fine; the receipts are left alone */

/* The group of a key, which is added if there is room; else GROUP_OTHER. */
uint32_t table_find(struct table *table, const uint64_t *key, uint32_t hash);

/* The same for many keys; returns how many of them found no room. */
uint32_t table_find_all(struct table *table, const uint64_t *keys, const uint32_t *hashes,
			const unsigned char *others, uint32_t count, uint32_t *ret_groups);

uint32_t key_hash(const uint64_t *key, uint32_t words);

/* After keys have changed in place: finds them again by new hashes. They are as distinct as they
 * were. */
void table_rehash(struct table *table);

/* Gives a measure of real numbers room, at first zeros. -ENOMEM. */
int state_make_real(struct table *table, struct state *state);
int state_make_explicit(struct table *table, struct state *state);

/* Adds a group of one table to a group of another of the same shape. Returns how many values could
 * not be merged; -ENOMEM. */
int table_join(struct table *table, uint32_t group, const struct table *other,
	       uint32_t other_group);

/* All groups of another, by their keys; events only where they are to count. */
int table_join_all(struct table *table, const struct table *other, bool with_events);

#endif

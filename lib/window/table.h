/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of one table in one slide of time, with what their measures have come to. */
#ifndef SONDE_WINDOW_TABLE_H
#define SONDE_WINDOW_TABLE_H

#include "distribution.h"
#include "intern.h"
#include "shape.h"

enum { GROUP_OTHER = 0 }; /* of each table: rows of groups that found no room */

/* A measure of every group; arrays that its function does not need are NULL. What is chosen is kept
 * as words whose order is that of the values, and begins as the last of all. */
struct state {
	uint64_t *counts;  /* COUNT; NULL: as many as events */
	int64_t *wholes;   /* SUM of whole numbers, */
	__int128 *carried; /* and what did not fit there; NULL: nothing */
	double *reals;     /* COUNT, SUM: what is not whole; NULL: nothing. MEAN: the sum */
	double *weights;   /* MEAN */
	uint64_t *chosen;  /* MINIMUM, MAXIMUM, FIRST, LAST */
	int64_t *times;    /* FIRST, LAST: of that value */
	unsigned char
		*seen; /* all but COUNT and histograms: there was a value; NULL: of each group */
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
	struct pool pool; /* buckets */
	uint64_t *slots;  /* hash << 32 | group; 0: free */
	uint32_t slot_mask;
	struct state *states; /* by measure */
	bool has_other;
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

static inline uint32_t key_hash(const uint64_t *key, uint32_t words)
{
	uint64_t hash = 0x2545f4914f6cdd1dull;

	for (uint32_t i = 0; i < words; i++) {
		unsigned __int128 product =
			(unsigned __int128)(hash ^ key[i]) * 0x9e3779b97f4a7c15ull;

		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return (uint32_t)hash ^ (uint32_t)(hash >> 32);
}

/* After keys have changed in place: finds them again by new hashes. They are as distinct as they
 * were. */
void table_rehash(struct table *table);

/* Arrays that are made when they are needed, by their offset in the state: zeros. -ENOMEM. */
int state_make(struct table *table, struct state *state, size_t array_offset);

#define STATE_MAKE(table_, state_, member_)                                                        \
	state_make(table_, state_, offsetof(struct state, member_))

/* Values are missing from now on: of the groups below known_count there were some. -ENOMEM. */
int state_make_seen(struct table *table, struct state *state, uint32_t known_count,
		    bool known_other);

/* Counts are not as many as events from now on. -ENOMEM. */
int state_make_counts(struct table *table, struct state *state);

/* For tables that groups of others are added to: nothing is taken for granted. -ENOMEM. */
int table_make_all(struct table *table);

/* A value of a type as a word in the order of values, and back. */
static inline uint64_t word_ordered(uint32_t type, uint64_t bits)
{
	const uint64_t sign = 1ull << 63;

	if (type == SONDE_DOUBLE)
		return bits & sign ? ~bits : bits | sign;
	return type == SONDE_U64 || type == SONDE_TEXT ? bits : bits ^ sign;
}

static inline uint64_t word_restored(uint32_t type, uint64_t word)
{
	const uint64_t sign = 1ull << 63;

	if (type == SONDE_DOUBLE)
		return word & sign ? word ^ sign : ~word;
	return type == SONDE_U64 || type == SONDE_TEXT ? word : word ^ sign;
}

static inline bool state_seen(const struct state *state, uint32_t group)
{
	return !state->seen || state->seen[group];
}

static inline uint64_t state_count(const struct table *table, const struct state *state,
				   uint32_t group)
{
	return state->counts ? state->counts[group] : table->events[group];
}

static inline __int128 state_sum(const struct state *state, uint32_t group)
{
	return (state->carried ? state->carried[group] : 0) + state->wholes[group];
}

/* Adds a group of one table to a group of another of the same shape. Returns how many values could
 * not be merged; -ENOMEM. */
int table_join(struct table *table, uint32_t group, const struct table *other,
	       uint32_t other_group);

/* All groups of another, by their keys; events only where they are to count. */
int table_join_all(struct table *table, const struct table *other, bool with_events);

#endif

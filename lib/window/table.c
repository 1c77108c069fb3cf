// SPDX-License-Identifier: Apache-2.0
/* The groups of one table in one slide of time: found by their keys, and room for their measures.
 */
#include <errno.h>

#include "table.h"

enum { CAPACITY_FIRST = 16 };

/* The arrays of a state, and which functions have them. */
#define OF(function_) (1u << FUNCTION_##function_)

static const struct {
	size_t offset, item_bytes;
	uint32_t functions; /* bits */
} arrays[] = {
	{ offsetof(struct state, counts), sizeof(uint64_t), 0 },
	{ offsetof(struct state, wholes), sizeof(int64_t), OF(SUM) },
	{ offsetof(struct state, carried), sizeof(__int128), 0 },
	{ offsetof(struct state, reals), sizeof(double), OF(MEAN) },
	{ offsetof(struct state, weights), sizeof(double), OF(MEAN) },
	{ offsetof(struct state, chosen), sizeof(uint64_t),
	  OF(MINIMUM) | OF(MAXIMUM) | OF(FIRST) | OF(LAST) },
	{ offsetof(struct state, times), sizeof(int64_t), OF(FIRST) | OF(LAST) },
	{ offsetof(struct state, seen), 1, 0 },
	{ offsetof(struct state, distributions), sizeof(struct distribution),
	  OF(HISTOGRAM) | OF(QUANTILE) },
	{ offsetof(struct state, explicits), sizeof(struct explicit_sum), 0 },
};

enum { ARRAYS = sizeof(arrays) / sizeof(arrays[0]) };

static void **array_of(struct state *state, uint32_t array)
{
	return (void **)(void *)((char *)state + arrays[array].offset);
}

/* ---- room -------------------------------------------------------------------------------- */

static bool resize(struct budget *budget, void **array, uint32_t before, uint32_t after,
		   size_t item_bytes)
{
	void *grown = budget_resize(budget, *array, before * item_bytes, after * item_bytes);

	if (grown)
		*array = grown;
	return grown != NULL;
}

/* New groups begin as what any value takes the place of. */
static void state_begin(struct state *state, const struct shape_measure *shape, uint32_t before,
			uint32_t after)
{
	for (uint32_t group = before; group < after; group++) {
		if (state->distributions)
			state->distributions[group].scale = (int8_t)shape->scale;
		if (shape->function == FUNCTION_MINIMUM)
			state->chosen[group] = UINT64_MAX;
		if (state->times)
			state->times[group] =
				shape->function == FUNCTION_FIRST ? INT64_MAX : INT64_MIN;
	}
}

/* A failure leaves arrays of more room than is used, of which the budget knows: the smaller
 * capacity stands. */
static bool state_resize(struct table *table, uint32_t measure, uint32_t before, uint32_t after)
{
	const struct shape_measure *shape = &table->shape->measures[measure];
	struct state *state = &table->states[measure];

	for (uint32_t i = 0; i < ARRAYS; i++) {
		void **array = array_of(state, i);

		if (!*array && !(arrays[i].functions >> shape->function & 1))
			continue;
		if (!resize(table->budget, array, *array ? before : 0, after, arrays[i].item_bytes))
			return false;
	}
	state_begin(state, shape, before, after);
	return true;
}

static void slots_fill(struct table *table)
{
	memset(table->slots, 0, ((size_t)table->slot_mask + 1) * sizeof(*table->slots));
	for (uint32_t group = 1; group < table->count; group++) {
		uint32_t slot = table->hashes[group] & table->slot_mask;

		while (table->slots[slot])
			slot = (slot + 1) & table->slot_mask;
		table->slots[slot] = (uint64_t)table->hashes[group] << 32 | group;
	}
}

/* The slots, at most half of them in use. */
static bool slots_resize(struct table *table, uint32_t count)
{
	uint64_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return false;
	if (table->slots)
		budget_free(table->budget, table->slots,
			    ((size_t)table->slot_mask + 1) * sizeof(*slots));
	table->budget->used_bytes += count * sizeof(*slots);
	table->slots = slots;
	table->slot_mask = count - 1;
	slots_fill(table);
	return true;
}

static bool table_resize(struct table *table, uint32_t capacity)
{
	struct budget *budget = table->budget, as_it_was = *budget;
	uint32_t before = table->capacity;
	bool done;

	done = resize(budget, (void **)&table->keys, before, capacity,
		      table->shape->words * sizeof(*table->keys)) &&
	       resize(budget, (void **)&table->hashes, before, capacity, sizeof(*table->hashes)) &&
	       resize(budget, (void **)&table->events, before, capacity, sizeof(*table->events));
	for (uint32_t i = 0; done && i < table->shape->measure_count; i++)
		done = state_resize(table, i, before, capacity);
	if (done && table->slot_mask + 1 < 2 * capacity)
		done = slots_resize(table, 2 * capacity);
	if (done)
		table->capacity = capacity;
	else /* what did grow is not used, and grows anew the next time */
		*budget = as_it_was;
	return done;
}

struct table *table_create(struct shape *shape, struct budget *budget, uint32_t group_limit)
{
	struct table *table = calloc(1, sizeof(*table));
	uint32_t capacity = CAPACITY_FIRST;

	if (!table)
		return NULL;
	table->shape = shape;
	table->budget = table->pool.budget = budget;
	table->group_limit = group_limit;
	table->states = calloc(shape->measure_count + 1u, sizeof(*table->states));
	while (capacity < shape->group_hint)
		capacity *= 2;
	if (table->states && (table_resize(table, capacity) ||
			      (capacity > CAPACITY_FIRST && table_resize(table, CAPACITY_FIRST)))) {
		table->count = 1;
		budget->used_bytes += sizeof(*table);
		return table;
	}
	table->count = 0;
	budget->used_bytes += sizeof(*table);
	table_release(table);
	return NULL;
}

void table_release(struct table *table)
{
	struct budget *budget;

	if (!table)
		return;
	budget = table->budget;
	for (uint32_t i = 0; table->states && i < table->shape->measure_count; i++) {
		struct state *state = &table->states[i];

		for (uint32_t group = 0; state->distributions && group < table->count; group++)
			distribution_clear(&state->distributions[group], &table->pool);
		for (uint32_t array = 0; array < ARRAYS; array++)
			budget_free(budget, *array_of(state, array),
				    table->capacity * arrays[array].item_bytes);
	}
	budget_free(budget, table->keys,
		    (size_t)table->capacity * table->shape->words * sizeof(*table->keys));
	budget_free(budget, table->hashes, table->capacity * sizeof(*table->hashes));
	budget_free(budget, table->events, table->capacity * sizeof(*table->events));
	budget_free(budget, table->slots, ((size_t)table->slot_mask + 1) * sizeof(*table->slots));
	pool_clear(&table->pool);
	budget->used_bytes -= sizeof(*table);
	free(table->states);
	free(table);
}

int state_make(struct table *table, struct state *state, size_t array_offset)
{
	void **array = (void **)(void *)((char *)state + array_offset);
	size_t item_bytes = 0;

	if (*array)
		return 0;
	for (uint32_t i = 0; i < ARRAYS; i++)
		item_bytes = arrays[i].offset == array_offset ? arrays[i].item_bytes : item_bytes;
	return resize(table->budget, array, 0, table->capacity, item_bytes) ? 0 : -ENOMEM;
}

int state_make_seen(struct table *table, struct state *state, uint32_t known_count,
		    bool known_other)
{
	if (state->seen)
		return 0;
	if (STATE_MAKE(table, state, seen) < 0)
		return -ENOMEM;
	memset(state->seen, 1, known_count);
	state->seen[GROUP_OTHER] = known_other;
	return 0;
}

int state_make_counts(struct table *table, struct state *state)
{
	if (state->counts)
		return 0;
	if (STATE_MAKE(table, state, counts) < 0)
		return -ENOMEM;
	memcpy(state->counts, table->events, table->count * sizeof(*state->counts));
	return 0;
}

int table_make_all(struct table *table)
{
	for (uint32_t i = 0; i < table->shape->measure_count; i++) {
		struct state *state = &table->states[i];

		if (state->distributions)
			continue;
		if (table->shape->measures[i].function == FUNCTION_COUNT
			    ? state_make_counts(table, state) < 0
			    : state_make_seen(table, state, table->count, table->has_other) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- groups ------------------------------------------------------------------------------ */

static inline bool same_key(const uint64_t *a, const uint64_t *b, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

__attribute__((noinline)) static uint32_t group_add(struct table *table, const uint64_t *key,
						    uint32_t hash)
{
	uint32_t group = table->count, words = table->shape->words, slot;

	if (group > table->group_limit || budget_is_spent(table->budget) ||
	    (group == table->capacity && !table_resize(table, 2 * table->capacity)))
		return GROUP_OTHER;
	for (slot = hash & table->slot_mask; table->slots[slot];)
		slot = (slot + 1) & table->slot_mask;
	table->slots[slot] = (uint64_t)hash << 32 | group;
	if (words)
		memcpy(table->keys + (size_t)group * words, key, words * sizeof(*key));
	table->hashes[group] = hash;
	table->count++;
	return group;
}

static inline uint32_t find(struct table *table, const uint64_t *key, uint32_t hash, uint32_t words)
{
	uint64_t entry;

	for (uint32_t slot = hash & table->slot_mask; (entry = table->slots[slot]) != 0;
	     slot = (slot + 1) & table->slot_mask) {
		uint32_t group = (uint32_t)entry;

		if (entry >> 32 == hash &&
		    same_key(table->keys + (size_t)group * words, key, words))
			return group;
	}
	return group_add(table, key, hash);
}

uint32_t table_find(struct table *table, const uint64_t *key, uint32_t hash)
{
	return find(table, key, hash, table->shape->words);
}

/* With a constant number of words, so that there is no loop over them. */
static inline uint32_t find_all(struct table *table, const uint64_t *keys, const uint32_t *hashes,
				const unsigned char *others, uint32_t count, uint32_t *ret_groups,
				uint32_t words)
{
	uint32_t other_count = 0;

	/* First the slots' lines, then those of the keys that they point to. */
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&table->slots[hashes[i] & table->slot_mask]);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t group = (uint32_t)table->slots[hashes[i] & table->slot_mask];

		__builtin_prefetch(table->keys + (size_t)group * words);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t group = others && others[i]
					 ? GROUP_OTHER
					 : find(table, keys + (size_t)i * words, hashes[i], words);

		ret_groups[i] = group;
		other_count += group == GROUP_OTHER;
	}
	table->has_other = table->has_other || other_count > 0;
	return other_count;
}

uint32_t table_find_all(struct table *table, const uint64_t *keys, const uint32_t *hashes,
			const unsigned char *others, uint32_t count, uint32_t *ret_groups)
{
	switch (table->shape->words) {
	case 1:
		return find_all(table, keys, hashes, others, count, ret_groups, 1);
	case 2:
		return find_all(table, keys, hashes, others, count, ret_groups, 2);
	default:
		return find_all(table, keys, hashes, others, count, ret_groups,
				table->shape->words);
	}
}

void table_rehash(struct table *table)
{
	for (uint32_t group = 1; group < table->count; group++)
		table->hashes[group] = key_hash(table->keys + (size_t)group * table->shape->words,
						table->shape->words);
	slots_fill(table);
}

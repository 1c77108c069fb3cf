// SPDX-License-Identifier: Apache-2.0
/* So many rows a second for each key, chosen so that those which stay can stand for those which go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "key.h"
#include "limit.h"

enum {
	OTHER = 0,         /* bucket of the keys beyond the limit */
	FIRST_BUCKETS = 64 /* room at first */
};

static const double SECOND_NS = 1e9;
static const double LEAST_NS = 1e3;            /* of tokens that a bucket always has */
static const int64_t SWEEP_NS = 100 * 1000000; /* between two looks for keys at rest */

/* ---- the table --------------------------------------------------------------------------- */

static uint32_t *slot_of(const struct limit *limit, uint64_t key)
{
	uint32_t mask = limit->table_size - 1;
	uint32_t at = (uint32_t)key_mix(key) & mask;

	while (limit->table[at] && limit->buckets[limit->table[at]].key != key)
		at = (at + 1) & mask;
	return &limit->table[at];
}

static void table_fill(struct limit *limit)
{
	memset(limit->table, 0, limit->table_size * sizeof(*limit->table));
	for (uint32_t index = OTHER + 1; index < limit->bucket_count; index++)
		*slot_of(limit, limit->buckets[index].key) = index;
}

static bool table_grow(struct limit *limit)
{
	uint32_t capacity = limit->bucket_capacity ? limit->bucket_capacity * 2 : FIRST_BUCKETS;
	struct bucket *buckets = reallocarray(limit->buckets, capacity, sizeof(*limit->buckets));
	uint32_t *table, *touched;

	if (!buckets)
		return false;
	limit->buckets = buckets;
	touched = reallocarray(limit->touched, capacity, sizeof(*touched));
	if (!touched)
		return false;
	limit->touched = touched;
	table = reallocarray(limit->table, 2 * (size_t)capacity, sizeof(*table));
	if (!table)
		return false;
	limit->table = table;
	limit->table_size = 2 * capacity;
	limit->bucket_capacity = capacity;
	table_fill(limit);
	return true;
}

/* A second's worth; a rate below 1 has at least the one row that it is about. */
static double tokens_limit(const struct limit *limit)
{
	return limit->rate > 1 ? limit->rate : 1;
}

static double tokens_now(const struct limit *limit, const struct bucket *bucket, int64_t now_ns)
{
	double gone_ns = (double)(now_ns - bucket->then_ns);
	double tokens = bucket->tokens + limit->rate * (gone_ns > 0 ? gone_ns : 0) / SECOND_NS;
	double least = limit->rate * LEAST_NS / SECOND_NS;

	if (tokens > tokens_limit(limit))
		return tokens_limit(limit);
	return tokens > least ? tokens : least;
}

/* Forgets the keys whose buckets are full, as a new key's is: nothing changes for them. */
static void sweep(struct limit *limit, int64_t now_ns)
{
	uint32_t kept = OTHER + 1;

	limit->swept_ns = now_ns;
	for (uint32_t index = OTHER + 1; index < limit->bucket_count; index++) {
		const struct bucket *bucket = &limit->buckets[index];

		if (tokens_now(limit, bucket, now_ns) < tokens_limit(limit))
			limit->buckets[kept++] = *bucket;
	}
	limit->bucket_count = kept;
	table_fill(limit);
}

/* OTHER: there is no room for one more. */
static uint32_t bucket_add(struct limit *limit, uint64_t key, int64_t now_ns)
{
	uint32_t index = limit->bucket_count;

	if (index - (OTHER + 1) >= limit->key_limit ||
	    (index == limit->bucket_capacity && !table_grow(limit)))
		return OTHER;
	limit->buckets[index] =
		(struct bucket){ .key = key, .tokens = tokens_limit(limit), .then_ns = now_ns };
	limit->bucket_count++;
	*slot_of(limit, key) = index;
	return index;
}

/* ---- all --------------------------------------------------------------------------------- */

int limit_open(struct limit *limit, double rate, uint32_t key_limit)
{
	*limit = (struct limit){ .rate = rate, .key_limit = key_limit };
	if (!table_grow(limit)) {
		limit_close(limit);
		return -ENOMEM;
	}
	limit->buckets[OTHER] = (struct bucket){ .tokens = tokens_limit(limit) };
	limit->bucket_count = OTHER + 1;
	return 0;
}

void limit_close(struct limit *limit)
{
	free(limit->buckets);
	free(limit->touched);
	free(limit->table);
	*limit = (struct limit){ 0 };
}

void limit_begin(struct limit *limit, int64_t now_ns)
{
	limit->touched_count = 0;
	if (limit->bucket_count - (OTHER + 1) >= limit->key_limit &&
	    now_ns - limit->swept_ns >= SWEEP_NS)
		sweep(limit, now_ns);
}

uint32_t limit_count(struct limit *limit, uint64_t key, int64_t now_ns)
{
	uint32_t index = *slot_of(limit, key);

	if (!index)
		index = bucket_add(limit, key, now_ns);
	if (!limit->buckets[index].count++)
		limit->touched[limit->touched_count++] = index;
	return index;
}

bool limit_settle(struct limit *limit, int64_t now_ns, uint64_t random)
{
	bool some_go = false;

	for (uint32_t i = 0; i < limit->touched_count; i++) {
		struct bucket *bucket = &limit->buckets[limit->touched[i]];
		double tokens = tokens_now(limit, bucket, now_ns);

		random = key_mix(random + bucket->key + i);
		bucket->place = (double)(random >> 11) * 0x1p-53;
		if (bucket->count <= tokens) {
			bucket->chance = 1;
			bucket->tokens = tokens - bucket->count;
		} else { /* what comes at once behind it must not go for nearly nothing */
			bucket->chance = tokens / 2 / bucket->count;
			bucket->tokens = tokens / 2;
		}
		bucket->then_ns = now_ns;
		bucket->count = 0;
		some_go = some_go || bucket->chance < 1;
	}
	return some_go;
}

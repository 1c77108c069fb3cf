/* SPDX-License-Identifier: Apache-2.0 */
/* So many rows a second for each key, chosen so that those which stay can stand for those which go.
 *
 * A key has a bucket of tokens, which fills at the rate and holds those of one second. Of a batch
 * it keeps all of its n rows where there are tokens for them; else it spends half of them on it,
 * and each row has the chance tokens / 2 / n (a systematic sample from a random start), whose
 * inverse is what a kept row stands for, whatever came before. Half, so that of a burst in many
 * batches the last ones still have a fair chance; and tokens never come to nothing, so that no row
 * is without one. What is kept is at most one row above what was spent. */
#ifndef SONDE_SAMPLE_LIMIT_H
#define SONDE_SAMPLE_LIMIT_H

#include <sonde/plugin.h>

struct bucket {
	uint64_t key;
	double tokens;
	int64_t then_ns; /* when the tokens were so many */
	uint32_t count;  /* rows of the batch that is looked at */
	double chance;   /* of each of them */
	double place;    /* of the next one in the systematic sample */
};

struct limit {
	double rate; /* rows a second and key, above 0 */
	uint32_t key_limit;
	struct bucket *buckets; /* owned; [0]: of all keys beyond the limit */
	uint32_t bucket_count, bucket_capacity;
	uint32_t *table; /* owned; index of a bucket, or 0 where none is; by key */
	uint32_t table_size;
	uint32_t *touched; /* owned; buckets of the batch that is looked at */
	uint32_t touched_count;
	int64_t swept_ns;
};

/* -ENOMEM. */
int limit_open(struct limit *limit, double rate, uint32_t key_limit);
void limit_close(struct limit *limit);

/* What is kept of a batch, begun, filled and asked row by row, twice in the same order. */
void limit_begin(struct limit *limit, int64_t now_ns);
/* The bucket of a row of this key, which it is counted in. */
uint32_t limit_count(struct limit *limit, uint64_t key, int64_t now_ns);
/* All are counted. random: number of 64 random bits. Returns whether any row has to go. */
bool limit_settle(struct limit *limit, int64_t now_ns, uint64_t random);

/* Whether the next row of a bucket stays; each of them has the bucket's chance. */
static inline bool limit_keep(struct limit *limit, uint32_t index)
{
	struct bucket *bucket = &limit->buckets[index];

	bucket->place += bucket->chance;
	if (bucket->place < 1)
		return false;
	bucket->place -= 1;
	return true;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows go together: a number for the values that a row has in some columns, the same on every
 * host, in every version and under any dictionary. docs/sample.md specifies it. */
#ifndef SONDE_SAMPLE_KEY_H
#define SONDE_SAMPLE_KEY_H

#include <sonde/plugin.h>

/* Remembers the texts of one column, by code. */
enum { KEY_MEMO_SLOTS = 1024 /* a power of two */ };

struct key_memo {
	uint32_t stamp; /* of the column that it is about; 0: of none */
	uint32_t code;
	uint64_t value;
};

struct key {
	struct sonde_texts columns;
	uint64_t start; /* of every key: what the seed comes to */
	uint32_t stamp;
	struct key_memo *memos; /* owned; NULL: texts are looked at row by row */
};

/* A bijection of 64 bits in which every bit depends on every other. */
static inline uint64_t key_mix(uint64_t value)
{
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

/* Borrows the names. -ENOMEM. */
int key_open(struct key *key, const struct sonde_texts *columns, uint64_t seed);
void key_close(struct key *key);

/* The column of a table that a name means: of the row, the scope, the resource; else of the role
 * that is called so. NULL: there is none. */
const struct sonde_column *key_find(const struct sonde_batch *batch, const char *name);

uint64_t key_of_text(const void *data, size_t length);

/* The number of each row of the batch into `keys`, and a bit for each that has a value in one of
 * the columns at least. */
void key_run(struct key *key, struct sonde_instance *instance, const struct sonde_batch *batch,
	     uint64_t *keys, unsigned char *known);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a rule: one for each combination of values of its columns, within a bound. */
#ifndef CONTROL_KEY_H
#define CONTROL_KEY_H

#include "window.h"

enum { KEY_COLUMNS = 8, KEY_IDENTITY_BYTES = 4096, KEY_TEXT_BYTES = 512 };

/* What one combination of values comes to, and whether the rule holds for it. */
struct key {
	struct key *next;    /* in its bucket */
	struct key *touched; /* by the batch that is looked at */
	bool is_touched;
	uint64_t hash;
	struct window *window;
	int64_t held_ns;  /* when its knobs were asked for last */
	int64_t until_ns; /* they are held until then; 0: they are not */
	int64_t quiet_ns; /* nothing happens before then */
	bool refused;     /* as too many hold already; said once */
	double value;     /* when it was judged last */
	uint32_t identity_bytes;
	char *texts[KEY_COLUMNS]; /* its values, as they are written; in the same block */
	unsigned char identity[]; /* the same as bytes */
};

struct keys {
	struct key **buckets;
	uint32_t bucket_count, count, limit;
};

/* -ENOMEM. keys_close() has to follow. */
int keys_open(struct keys *keys, uint32_t limit);
void keys_close(struct keys *keys);

/* A row's values in columns, as bytes. 0: one of them has none, or they are too long. */
uint32_t key_identity(const struct sonde_column *const *columns, uint32_t count, uint32_t row,
		      unsigned char identity[KEY_IDENTITY_BYTES]);

/* The key with that identity; NULL: there is none. */
struct key *keys_find(const struct keys *keys, const unsigned char *identity, uint32_t bytes);

/* A new one, of the row. NULL: there are too many, or no memory. */
struct key *keys_add(struct keys *keys, const unsigned char *identity, uint32_t bytes,
		     const struct sonde_column *const *columns, uint32_t count, uint32_t row);

/* All keys in turn, from NULL on. The one given may not be taken out before. */
struct key *keys_next(const struct keys *keys, const struct key *key);
void keys_remove(struct keys *keys, struct key *key);

#endif

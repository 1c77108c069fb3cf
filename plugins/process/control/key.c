// SPDX-License-Identifier: Apache-2.0
/* The keys of a rule: one for each combination of values of its columns, within a bound. */
#include "key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int keys_open(struct keys *keys, uint32_t limit)
{
	uint32_t bucket_count = 16;

	while (bucket_count < limit)
		bucket_count *= 2;
	*keys = (struct keys){ .bucket_count = bucket_count, .limit = limit };
	keys->buckets = calloc(bucket_count, sizeof(struct key *));
	return keys->buckets ? 0 : -ENOMEM;
}

static void key_free(struct key *key)
{
	window_release(key->window);
	free(key->texts[0]);
	free(key);
}

void keys_close(struct keys *keys)
{
	for (uint32_t i = 0; keys->buckets && i < keys->bucket_count; i++) {
		while (keys->buckets[i]) {
			struct key *key = keys->buckets[i];

			keys->buckets[i] = key->next;
			key_free(key);
		}
	}
	free(keys->buckets);
	*keys = (struct keys){ 0 };
}

/* ---- identities -------------------------------------------------------------------------- */

uint32_t key_identity(const struct sonde_column *const *columns, uint32_t count, uint32_t row,
		      unsigned char identity[KEY_IDENTITY_BYTES])
{
	uint32_t length = 1;

	identity[0] = 0; /* no columns: one key */
	for (uint32_t i = 0; i < count; i++) {
		struct sonde_text value = { sonde_value(columns[i], row), columns[i]->value_size,
					    0 };

		if (!sonde_valid(columns[i], row))
			return 0;
		if (columns[i]->type == SONDE_TEXT)
			value = sonde_text_at(columns[i], row);
		if (value.length > KEY_TEXT_BYTES ||
		    length + sizeof(value.length) + value.length > KEY_IDENTITY_BYTES)
			return 0;
		memcpy(identity + length, &value.length, sizeof(value.length));
		length += (uint32_t)sizeof(value.length);
		memcpy(identity + length, value.data, value.length);
		length += value.length;
	}
	return length;
}

static uint64_t hash_of(const unsigned char *data, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a; the number of keys is bounded */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ data[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static struct key **bucket_of(const struct keys *keys, uint64_t hash)
{
	return &keys->buckets[hash & (keys->bucket_count - 1)];
}

struct key *keys_find(const struct keys *keys, const unsigned char *identity, uint32_t bytes)
{
	uint64_t hash = hash_of(identity, bytes);
	struct key *key = *bucket_of(keys, hash);

	while (key && (key->hash != hash || key->identity_bytes != bytes ||
		       memcmp(key->identity, identity, bytes)))
		key = key->next;
	return key;
}

/* ---- keys -------------------------------------------------------------------------------- */

/* Writes what the columns have into one block, whose begin is texts[0]. */
static bool texts_write(struct key *key, const struct sonde_column *const *columns, uint32_t count,
			uint32_t row)
{
	const size_t room = KEY_TEXT_BYTES + 1;
	char *block = malloc((count + 1) * room), *at = block;

	if (!block)
		return false;
	*block = '\0';
	key->texts[0] = block;
	for (uint32_t i = 0; i < count; i++) {
		key->texts[i] = at;
		at += column_print(columns[i], row, at, room) + 1;
	}
	return true;
}

struct key *keys_add(struct keys *keys, const unsigned char *identity, uint32_t bytes,
		     const struct sonde_column *const *columns, uint32_t count, uint32_t row)
{
	struct key *key = keys->count < keys->limit ? calloc(1, sizeof(*key) + bytes) : NULL;
	struct key **bucket;

	if (!key)
		return NULL;
	key->hash = hash_of(identity, bytes);
	key->identity_bytes = bytes;
	memcpy(key->identity, identity, bytes);
	if (!texts_write(key, columns, count, row)) {
		free(key);
		return NULL;
	}
	bucket = bucket_of(keys, key->hash);
	key->next = *bucket;
	*bucket = key;
	keys->count++;
	return key;
}

struct key *keys_next(const struct keys *keys, const struct key *key)
{
	uint32_t bucket = 0;

	if (key && key->next)
		return key->next;
	if (key)
		bucket = (uint32_t)(key->hash & (keys->bucket_count - 1)) + 1;
	while (keys->buckets && bucket < keys->bucket_count && !keys->buckets[bucket])
		bucket++;
	return keys->buckets && bucket < keys->bucket_count ? keys->buckets[bucket] : NULL;
}

void keys_remove(struct keys *keys, struct key *key)
{
	struct key **link = bucket_of(keys, key->hash);

	while (*link != key)
		link = &(*link)->next;
	*link = key->next;
	keys->count--;
	key_free(key);
}

// SPDX-License-Identifier: Apache-2.0
/* Open addressing over hashes with a secret: keys come from anyone on the host. */
#include "index.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { SLOTS_FIRST = 128, KEYS_FIRST = 4096 };

static uint64_t secret;

static void secret_make(void)
{
	struct timespec now;

	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret)) {
		clock_gettime(CLOCK_REALTIME, &now);
		secret = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)now.tv_sec;
	}
	secret |= 1;
}

uint64_t index_secret(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, secret_make);
	return secret;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t index_hash(const void *key, size_t length)
{
	const unsigned char *bytes = key;
	uint64_t hash = index_secret() ^ length, word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash ^ word, 0x9e3779b97f4a7c15u);
	}
	word = 0;
	if (length)
		memcpy(&word, bytes, length);
	return mix(hash ^ word, 0xc2b2ae3d27d4eb4fu);
}

void index_close(struct index *index)
{
	free(index->slots);
	free(index->keys);
	*index = (struct index){ 0 };
}

void index_clear(struct index *index)
{
	if (index->slot_count)
		memset(index->slots, 0, index->slot_count * sizeof(*index->slots));
	index->used = 0;
	index->key_bytes = 0;
}

/* The slot of a key, or the free one where it belongs. */
static struct index_slot *slot_find(const struct index *index, const void *key, size_t length,
				    uint32_t hash)
{
	uint32_t mask = index->slot_count - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct index_slot *slot = &index->slots[i];

		if (!slot->entry)
			return slot;
		if (slot->hash == hash && slot->length == length &&
		    (!length || memcmp(index->keys + slot->start, key, length) == 0))
			return slot;
	}
}

uint32_t index_find(const struct index *index, const void *key, size_t length)
{
	if (!index->used)
		return 0;
	return slot_find(index, key, length, (uint32_t)index_hash(key, length))->entry;
}

static int slots_grow(struct index *index)
{
	uint32_t count = index->slot_count ? 2 * index->slot_count : SLOTS_FIRST;
	struct index_slot *slots = count ? calloc(count, sizeof(*slots)) : NULL;

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < index->slot_count; i++) {
		uint32_t place = index->slots[i].hash & (count - 1);

		if (!index->slots[i].entry)
			continue;
		while (slots[place].entry)
			place = (place + 1) & (count - 1);
		slots[place] = index->slots[i];
	}
	free(index->slots);
	index->slots = slots;
	index->slot_count = count;
	return 0;
}

static int keys_grow(struct index *index, size_t length)
{
	size_t needed = index->key_bytes + length, capacity = index->key_capacity;
	char *keys;

	if (needed <= capacity)
		return 0;
	if (needed > UINT32_MAX)
		return -ENOMEM;
	capacity = capacity ? capacity : KEYS_FIRST;
	while (capacity < needed)
		capacity *= 2;
	keys = realloc(index->keys, capacity);
	if (!keys)
		return -ENOMEM;
	index->keys = keys;
	index->key_capacity = capacity;
	return 0;
}

int index_add(struct index *index, const void *key, size_t length, uint32_t entry)
{
	uint32_t hash = (uint32_t)index_hash(key, length);

	if (keys_grow(index, length) || (index->used >= index->slot_count / 2 && slots_grow(index)))
		return -ENOMEM;
	*slot_find(index, key, length, hash) = (struct index_slot){
		.hash = hash,
		.entry = entry,
		.start = (uint32_t)index->key_bytes,
		.length = (uint32_t)length,
	};
	if (length)
		memcpy(index->keys + index->key_bytes, key, length);
	index->key_bytes += length;
	index->used++;
	return 0;
}

size_t index_bytes(const struct index *index)
{
	return index->slot_count * sizeof(*index->slots) + index->key_capacity;
}

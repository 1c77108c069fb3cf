// SPDX-License-Identifier: Apache-2.0
/* Dictionaries: entries in chunks that double, their bytes in blocks that never move, and an index
 * of those that can be found again. One thread appends; any number read what was published. */
#include "dictionary.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "memory.h"
#include "storage.h"

enum {
	CHUNK_SHIFT = 6,             /* the first chunk holds 64 entries */
	BLOCK_BYTES_FIRST = 1 << 10, /* of a block with its head */
	BLOCK_BYTES_LAST = 1 << 16,
	SLOT_COUNT_FIRST = 128,
	LENGTH_LIMIT = 0xffffffbf - 1, /* the last code that sonde_entry() reads, less one */
};

/* From the recycled blocks, as chunks are: dictionaries of requests come and go by the thousand. */
struct block {
	struct block *next;
	size_t size; /* this included */
};

/* Of the index: free where code_after is 0. */
struct slot {
	uint32_t hash;
	uint32_t code_after; /* code + 1 */
};

struct dictionary {
	struct sonde_dictionary head; /* first: what readers see */
	uint32_t references;          /* atomic */
	uint32_t chunk_count;
	size_t bytes; /* atomic */
	struct block *blocks;
	char *room; /* free bytes of the newest block */
	size_t room_bytes, block_bytes;
	struct slot *slots; /* open addressing, a power of two, at most half full */
	uint32_t slot_count, slot_used;
};

/* Texts come from anyone on the host: without secrets they could be made to collide. */
static uint64_t secrets[2];
static pthread_once_t secrets_once = PTHREAD_ONCE_INIT;

static void secrets_fill(void)
{
	struct timespec now;

	if (getrandom(secrets, sizeof(secrets), GRND_NONBLOCK) != sizeof(secrets)) {
		clock_gettime(CLOCK_REALTIME, &now);
		secrets[0] = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uintptr_t)&now;
		secrets[1] = (uint64_t)now.tv_sec * 0xc2b2ae3d27d4eb4fu ^ secrets[0] >> 29;
	}
	secrets[0] |= 1;
	secrets[1] |= 1;
}

static uint64_t load(const unsigned char *bytes, size_t count)
{
	uint64_t word = 0;

	if (count) /* or there may be no bytes at all */
		memcpy(&word, bytes, count);
	return word;
}

/* Both halves of a product depend on every bit of both factors. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t text_hash(const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t state = secrets[0] ^ length;

	for (; length > 16; bytes += 16, length -= 16)
		state = mix(load(bytes, 8) ^ secrets[1], load(bytes + 8, 8) ^ state);
	if (length > 8)
		state = mix(load(bytes, 8) ^ secrets[1], load(bytes + 8, length - 8) ^ state);
	else
		state = mix(load(bytes, length) ^ secrets[1], state);
	state = mix(state ^ secrets[0], 0x9e3779b97f4a7c15u);
	return (uint32_t)(state ^ state >> 32);
}

static void bytes_count(struct dictionary *dictionary, size_t bytes)
{
	__atomic_store_n(&dictionary->bytes, dictionary->bytes + bytes, __ATOMIC_RELAXED);
}

struct sonde_dictionary *dictionary_create(bool distinct)
{
	struct dictionary *dictionary = memory_allocate_zeroed(sizeof(*dictionary));

	if (!dictionary)
		return NULL;
	pthread_once(&secrets_once, secrets_fill);
	dictionary->head.size = sizeof(dictionary->head);
	dictionary->head.distinct = distinct;
	dictionary->references = 1;
	dictionary->bytes = sizeof(*dictionary);
	dictionary->block_bytes = BLOCK_BYTES_FIRST;
	return &dictionary->head;
}

struct sonde_dictionary *dictionary_hold(struct sonde_dictionary *head)
{
	struct dictionary *dictionary = (struct dictionary *)head;

	__atomic_fetch_add(&dictionary->references, 1, __ATOMIC_RELAXED);
	return head;
}

static size_t chunk_bytes(uint32_t chunk)
{
	return sizeof(struct sonde_text) << (CHUNK_SHIFT + chunk);
}

void dictionary_release(struct sonde_dictionary *head)
{
	struct dictionary *dictionary = (struct dictionary *)head;
	struct block *block, *next;

	if (!head || __atomic_fetch_sub(&dictionary->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	for (block = dictionary->blocks; block; block = next) {
		next = block->next;
		storage_give(block, block->size);
	}
	for (uint32_t i = 0; i < dictionary->chunk_count; i++)
		storage_give(head->chunks[i], chunk_bytes(i));
	memory_free(dictionary->slots, dictionary->slot_count * sizeof(struct slot));
	memory_free(dictionary, sizeof(*dictionary));
}

/* A block of at least `size` bytes, its head included. NULL: no memory. */
static struct block *block_add(struct dictionary *dictionary, size_t size)
{
	size_t block_bytes;
	struct block *block = storage_take(size, &block_bytes);

	if (!block)
		return NULL;
	*block = (struct block){ .next = dictionary->blocks, .size = block_bytes };
	dictionary->blocks = block;
	bytes_count(dictionary, block_bytes);
	return block;
}

void *dictionary_memory(struct sonde_dictionary *head, size_t size)
{
	struct block *block;

	if (size > SIZE_MAX / 2)
		return NULL;
	block = block_add((struct dictionary *)head, sizeof(*block) + size);
	return block ? block + 1 : NULL;
}

/* A copy of a text in the blocks; a long one has a block of its own. NULL: no memory. */
static const char *bytes_copy(struct dictionary *dictionary, const void *data, size_t length)
{
	struct block *block;
	char *copy;

	if (!length)
		return "";
	if (length > dictionary->room_bytes) {
		if (length > dictionary->block_bytes / 4) {
			copy = dictionary_memory(&dictionary->head, length);
			return copy ? memcpy(copy, data, length) : NULL;
		}
		block = block_add(dictionary, dictionary->block_bytes);
		if (!block)
			return NULL;
		dictionary->room = (char *)(block + 1);
		dictionary->room_bytes = block->size - sizeof(*block);
		if (dictionary->block_bytes < BLOCK_BYTES_LAST)
			dictionary->block_bytes *= 2;
	}
	copy = memcpy(dictionary->room, data, length);
	dictionary->room += length;
	dictionary->room_bytes -= length;
	return copy;
}

/* Where the entry of a code goes, and how many fit from there on; makes its chunk. NULL: no memory.
 */
static struct sonde_text *entry_place(struct dictionary *dictionary, uint32_t code,
				      uint32_t *ret_count)
{
	uint32_t place = code + (1u << CHUNK_SHIFT);
	uint32_t shift = 31u - (uint32_t)__builtin_clz(place);
	uint32_t chunk = shift - CHUNK_SHIFT, first = 1u << shift;

	if (chunk == dictionary->chunk_count) {
		size_t bytes;
		struct sonde_text *entries = storage_take(chunk_bytes(chunk), &bytes);

		if (!entries)
			return NULL;
		dictionary->head.chunks[chunk] = entries;
		dictionary->chunk_count++;
		bytes_count(dictionary, chunk_bytes(chunk));
	}
	*ret_count = first - (place - first);
	return &dictionary->head.chunks[chunk][place - first];
}

static uint32_t append(struct dictionary *dictionary, const void *data, size_t length,
		       uint32_t hash)
{
	uint32_t code = dictionary->head.length, room;
	struct sonde_text *entry;
	const char *copy;

	if (length > DICTIONARY_TEXT_LIMIT || code >= LENGTH_LIMIT)
		return UINT32_MAX;
	entry = entry_place(dictionary, code, &room);
	if (!entry)
		return UINT32_MAX;
	copy = bytes_copy(dictionary, data, length);
	if (!copy)
		return UINT32_MAX;
	*entry = (struct sonde_text){ .data = copy, .length = (uint32_t)length, .hash = hash };
	__atomic_store_n(&dictionary->head.length, code + 1, __ATOMIC_RELEASE);
	return code;
}

/* The slot of an equal text, or the free one where it belongs. */
static struct slot *slot_find(const struct dictionary *dictionary, const void *data, size_t length,
			      uint32_t hash)
{
	uint32_t mask = dictionary->slot_count - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *slot = &dictionary->slots[i];
		struct sonde_text text;

		if (!slot->code_after)
			return slot;
		if (slot->hash != hash)
			continue;
		text = sonde_entry(&dictionary->head, dictionary->head.length,
				   slot->code_after - 1);
		if (text.length == length && (!length || !memcmp(text.data, data, length)))
			return slot;
	}
}

static bool slots_grow(struct dictionary *dictionary)
{
	uint32_t count = dictionary->slot_count ? dictionary->slot_count * 2 : SLOT_COUNT_FIRST;
	struct slot *slots = count ? memory_allocate_zeroed(count * sizeof(*slots)) : NULL;

	if (!slots)
		return false;
	for (uint32_t i = 0; i < dictionary->slot_count; i++) {
		uint32_t place = dictionary->slots[i].hash & (count - 1);

		if (!dictionary->slots[i].code_after)
			continue;
		while (slots[place].code_after)
			place = (place + 1) & (count - 1);
		slots[place] = dictionary->slots[i];
	}
	bytes_count(dictionary, (size_t)(count - dictionary->slot_count) * sizeof(*slots));
	memory_free(dictionary->slots, dictionary->slot_count * sizeof(*slots));
	dictionary->slots = slots;
	dictionary->slot_count = count;
	return true;
}

uint32_t dictionary_intern(struct sonde_dictionary *head, const void *data, size_t length)
{
	struct dictionary *dictionary = (struct dictionary *)head;
	uint32_t hash = text_hash(data, length), code;
	struct slot *slot;

	if (dictionary->slot_used >= dictionary->slot_count / 2 && !slots_grow(dictionary))
		return UINT32_MAX;
	slot = slot_find(dictionary, data, length, hash);
	if (slot->code_after)
		return slot->code_after - 1;
	code = append(dictionary, data, length, hash);
	if (code != UINT32_MAX) {
		*slot = (struct slot){ .hash = hash, .code_after = code + 1 };
		dictionary->slot_used++;
	}
	return code;
}

uint32_t dictionary_add(struct sonde_dictionary *head, const void *data, size_t length)
{
	if (head->distinct)
		return dictionary_intern(head, data, length);
	return append((struct dictionary *)head, data, length, 0);
}

struct sonde_text *dictionary_room(struct sonde_dictionary *head, uint32_t *ret_count)
{
	struct sonde_text *place;
	uint32_t room;

	if (head->distinct || head->length >= LENGTH_LIMIT)
		return NULL;
	place = entry_place((struct dictionary *)head, head->length, &room);
	if (place)
		*ret_count =
			room < LENGTH_LIMIT - head->length ? room : LENGTH_LIMIT - head->length;
	return place;
}

int dictionary_grow(struct sonde_dictionary *head, uint32_t count)
{
	uint32_t room;

	if (!count)
		return 0;
	if (!dictionary_room(head, &room) || count > room)
		return -ERANGE;
	__atomic_store_n(&head->length, head->length + count, __ATOMIC_RELEASE);
	return 0;
}

uint32_t dictionary_length(const struct sonde_dictionary *head)
{
	return __atomic_load_n(&head->length, __ATOMIC_ACQUIRE);
}

size_t dictionary_bytes(const struct sonde_dictionary *head)
{
	return __atomic_load_n(&((const struct dictionary *)head)->bytes, __ATOMIC_RELAXED);
}

size_t dictionary_share_bytes(const struct sonde_dictionary *head)
{
	const struct dictionary *dictionary = (const struct dictionary *)head;

	return dictionary_bytes(head) / __atomic_load_n(&dictionary->references, __ATOMIC_RELAXED);
}

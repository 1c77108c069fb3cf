// SPDX-License-Identifier: Apache-2.0
/* Texts by codes that are the same whatever dictionary they came in, within a bound. */
#include "intern.h"

enum { SLOTS_FIRST = 256 };

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(const void *data, size_t length)
{
	const unsigned char *at = data;
	uint64_t hash = length ^ 0x2d358dccaa6c78a5ull, word;

	for (; length >= 8; length -= 8, at += 8) {
		memcpy(&word, at, sizeof(word));
		hash = mix(hash ^ word, 0x9e3779b97f4a7c15ull);
	}
	word = 0;
	if (length)
		memcpy(&word, at, length);
	return mix(hash ^ word ^ 0x8bb84b93962eacc9ull, 0xd6e8feb86659fd93ull);
}

/* The slots are at most half full. */
static bool slots_grow(struct intern *intern)
{
	uint32_t before = intern->slot_mask ? intern->slot_mask + 1 : 0;
	uint32_t count = before ? 2 * before : SLOTS_FIRST;
	struct sonde_text *entries;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return false;
	entries = budget_resize(intern->budget, intern->entries,
				intern->capacity * sizeof(*entries), count / 2 * sizeof(*entries));
	if (!entries) {
		free(slots);
		return false;
	}
	free(intern->slots);
	intern->budget->used_bytes += (count - before) * sizeof(*slots);
	intern->entries = entries;
	intern->capacity = count / 2;
	intern->slots = slots;
	intern->slot_mask = count - 1;
	for (uint32_t code = 0; code < intern->count; code++) {
		uint32_t slot = entries[code].hash & intern->slot_mask;

		while (slots[slot])
			slot = (slot + 1) & intern->slot_mask;
		slots[slot] = code + 1;
	}
	return true;
}

static uint32_t entry_add(struct intern *intern, struct sonde_text text, uint32_t hash)
{
	uint32_t slot;
	char *room;

	if (intern->count >= intern->limit || budget_is_spent(intern->budget) ||
	    (intern->count == intern->capacity && !slots_grow(intern)))
		return INTERN_FULL;
	intern->pool.budget = intern->budget;
	room = pool_take(&intern->pool, text.length ? text.length : 1);
	if (!room)
		return INTERN_FULL;
	if (text.length)
		memcpy(room, text.data, text.length);
	for (slot = hash & intern->slot_mask; intern->slots[slot];)
		slot = (slot + 1) & intern->slot_mask;
	intern->entries[intern->count] = (struct sonde_text){ room, text.length, hash };
	intern->slots[slot] = ++intern->count;
	return intern->count - 1;
}

uint32_t intern_text(struct intern *intern, struct sonde_text text)
{
	uint32_t hash = (uint32_t)hash_bytes(text.data, text.length);
	uint32_t slot = hash & intern->slot_mask, code;

	while (intern->slots && (code = intern->slots[slot]) != 0) {
		const struct sonde_text *entry = &intern->entries[code - 1];

		if (entry->hash == hash && entry->length == text.length &&
		    (!text.length || !memcmp(entry->data, text.data, text.length)))
			return code - 1;
		slot = (slot + 1) & intern->slot_mask;
	}
	return entry_add(intern, text, hash);
}

struct sonde_dictionary *intern_dictionary(struct intern *intern, struct sonde_instance *instance)
{
	uint32_t *codes;

	if (!intern->published)
		intern->published = sonde_dictionary_create(instance, true);
	if (intern->published_capacity < intern->capacity) {
		codes = budget_resize(intern->budget, intern->published_codes,
				      intern->published_capacity * sizeof(*codes),
				      intern->capacity * sizeof(*codes));
		if (!codes)
			return NULL;
		intern->published_codes = codes;
		intern->published_capacity = intern->capacity;
	}
	return intern->published;
}

uint32_t intern_publish(struct intern *intern, struct sonde_instance *instance, uint32_t code)
{
	const struct sonde_text *text = &intern->entries[code];
	uint32_t published = intern->published_codes[code];

	if (published)
		return published - 1;
	published = sonde_dictionary_add(instance, intern->published, text->data, text->length);
	if (published != UINT32_MAX)
		intern->published_codes[code] = published + 1;
	return published;
}

void intern_clear(struct intern *intern, struct sonde_instance *instance)
{
	pool_clear(&intern->pool);
	budget_free(intern->budget, intern->slots,
		    ((size_t)intern->slot_mask + 1) * sizeof(*intern->slots));
	budget_free(intern->budget, intern->entries, intern->capacity * sizeof(*intern->entries));
	budget_free(intern->budget, intern->published_codes,
		    intern->published_capacity * sizeof(*intern->published_codes));
	sonde_dictionary_release(instance, intern->published);
	*intern = (struct intern){ .limit = intern->limit, .budget = intern->budget };
}

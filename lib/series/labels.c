// SPDX-License-Identifier: Apache-2.0
/* Sets of attributes, found by value: a list of a row is hashed, compared, and copied once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "labels.h"

enum { SLOTS_FIRST = 64, LIST_FIRST = 32 };

static const uint64_t prime_one = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t prime_two = UINT64_C(0xd6e8feb86659fd93);

/* ---- hashes ------------------------------------------------------------------------------ */

uint64_t series_hash(uint64_t seed, const void *data, size_t length)
{
	const unsigned char *at = data;
	uint64_t hash = seed ^ length * prime_one, words[2];

	for (; length > 16; at += 16, length -= 16) {
		memcpy(words, at, 16);
		hash = series_mix(words[0] ^ hash ^ prime_one, words[1] ^ prime_two);
	}
	words[0] = words[1] = 0;
	if (length >= 8) { /* both halves overlap instead of being gathered byte by byte */
		memcpy(&words[0], at, 8);
		memcpy(&words[1], at + length - 8, 8);
	} else if (length) {
		memcpy(&words[0], at, length);
	}
	return series_mix(words[0] ^ hash ^ prime_one, words[1] ^ prime_two ^ (hash >> 32));
}

static bool has_data(const struct series_label *label)
{
	return label->kind == SONDE_ANY_TEXT || label->kind == SONDE_ANY_BYTES ||
	       label->kind == SONDE_ANY_ARRAY || label->kind == SONDE_ANY_MAP;
}

static uint64_t number_bits(const struct series_label *label)
{
	uint64_t bits = 0;

	if (label->kind == SONDE_ANY_DOUBLE)
		memcpy(&bits, &label->as.number, sizeof(bits));
	else if (label->kind != SONDE_ANY_EMPTY)
		bits = (uint64_t)label->as.integer;
	return bits;
}

void series_label_hash(struct series_label *label, uint64_t key_hash)
{
	uint64_t seed = key_hash + label->kind * prime_two;

	label->hash = has_data(label)
			      ? series_hash(seed, label->data, label->length)
			      : series_mix(seed ^ prime_one, number_bits(label) ^ prime_two);
}

/* ---- order and equality ------------------------------------------------------------------ */

static int compare_bytes(const char *one, uint32_t one_length, const char *two, uint32_t two_length)
{
	uint32_t shorter = one_length < two_length ? one_length : two_length;
	int order = shorter ? memcmp(one, two, shorter) : 0;

	return order ? order : (one_length > two_length) - (one_length < two_length);
}

static int compare_keys(const struct series_label *one, const struct series_label *two)
{
	if (one->role != two->role)
		return one->role < two->role ? -1 : 1;
	return compare_bytes(one->key, one->key_length, two->key, two->key_length);
}

/* By value too, so that two values of one key have an order. */
static int compare_labels(const void *a, const void *b)
{
	const struct series_label *one = a, *two = b;
	int order = compare_keys(one, two);
	uint64_t one_bits, two_bits;

	if (order)
		return order;
	if (one->kind != two->kind)
		return one->kind < two->kind ? -1 : 1;
	if (has_data(one))
		return compare_bytes(one->data, one->length, two->data, two->length);
	one_bits = number_bits(one);
	two_bits = number_bits(two);
	return (one_bits > two_bits) - (one_bits < two_bits);
}

static bool is_same(const struct series_labels *labels, const struct series_list *list)
{
	if (labels->hash != list->hash || labels->count != list->count)
		return false;
	for (uint32_t i = 0; i < list->count; i++)
		if (labels->items[i].hash != list->items[i].hash ||
		    compare_labels(&labels->items[i], &list->items[i]) != 0)
			return false;
	return true;
}

/* ---- lists ------------------------------------------------------------------------------- */

void series_list_release(struct series_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

void series_list_clear(struct series_list *list)
{
	list->count = 0;
	list->hash = 0;
}

int series_list_add(struct series_list *list, const struct series_label *label)
{
	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity ? list->capacity * 2 : LIST_FIRST;
		struct series_label *items = reallocarray(list->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = *label;
	list->hash += label->hash;
	return 0;
}

void series_list_sort(struct series_list *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare_labels);
}

/* ---- sets -------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct series_sets *sets, uint64_t hash)
{
	return (uint32_t)(series_mix(hash, prime_one) >> 32) & sets->mask;
}

struct series_labels *series_sets_find(const struct series_sets *sets,
				       const struct series_list *list)
{
	if (!sets->mask)
		return NULL;
	for (uint32_t slot = slot_of(sets, list->hash); sets->slots[slot];
	     slot = (slot + 1) & sets->mask)
		if (is_same(sets->slots[slot], list))
			return sets->slots[slot];
	return NULL;
}

static void sets_put(struct series_sets *sets, struct series_labels *labels)
{
	uint32_t slot = slot_of(sets, labels->hash);

	while (sets->slots[slot])
		slot = (slot + 1) & sets->mask;
	sets->slots[slot] = labels;
}

/* Makes room for one more, at most two thirds full. */
static int sets_grow(struct series_sets *sets)
{
	struct series_sets grown = *sets;

	if (sets->mask && (sets->count + 1) * UINT64_C(3) <= (sets->mask + UINT64_C(1)) * 2)
		return 0;
	grown.mask = sets->mask ? sets->mask * 2 + 1 : SLOTS_FIRST - 1;
	grown.slots = calloc((size_t)grown.mask + 1, sizeof(struct series_labels *));
	if (!grown.slots)
		return -ENOMEM;
	for (uint32_t slot = 0; sets->mask && slot <= sets->mask; slot++)
		if (sets->slots[slot])
			sets_put(&grown, sets->slots[slot]);
	free(sets->slots);
	*sets = grown;
	return 0;
}

size_t series_list_bytes(const struct series_list *list)
{
	size_t bytes = sizeof(struct series_labels) + list->count * sizeof(*list->items);

	for (uint32_t i = 0; i < list->count; i++)
		bytes += list->items[i].key_length +
			 (has_data(&list->items[i]) ? list->items[i].length : 0);
	return bytes;
}

static struct series_labels *copy_list(const struct series_list *list)
{
	size_t bytes = series_list_bytes(list);
	struct series_labels *labels = malloc(bytes);
	char *at;

	if (!labels)
		return NULL;
	*labels =
		(struct series_labels){ .hash = list->hash, .count = list->count, .bytes = bytes };
	at = (char *)&labels->items[list->count];
	for (uint32_t i = 0; i < list->count; i++) {
		struct series_label *label = &labels->items[i];

		*label = list->items[i];
		if (label->key_length)
			memcpy(at, label->key, label->key_length);
		label->key = at;
		at += label->key_length;
		if (!has_data(label))
			continue;
		if (label->length)
			memcpy(at, label->data, label->length);
		label->data = at;
		at += label->length;
	}
	return labels;
}

struct series_labels *series_sets_intern(struct series_sets *sets, const struct series_list *list)
{
	struct series_labels *labels = series_sets_find(sets, list);

	if (labels || sets_grow(sets) < 0)
		return labels;
	labels = copy_list(list);
	if (!labels)
		return NULL;
	sets_put(sets, labels);
	sets->count++;
	sets->bytes += labels->bytes;
	return labels;
}

/* Without memory for the new slots all stay, until the next time. */
void series_sets_sweep(struct series_sets *sets)
{
	struct series_sets swept = { .mask = sets->mask, .bytes = sets->bytes };

	if (!sets->mask)
		return;
	swept.slots = calloc((size_t)sets->mask + 1, sizeof(struct series_labels *));
	if (!swept.slots)
		return;
	for (uint32_t slot = 0; slot <= sets->mask; slot++) {
		struct series_labels *labels = sets->slots[slot];

		if (labels && labels->references) {
			sets_put(&swept, labels);
			swept.count++;
		} else if (labels) {
			swept.bytes -= labels->bytes;
			free(labels);
		}
	}
	free(sets->slots);
	*sets = swept;
}

void series_sets_release(struct series_sets *sets)
{
	for (uint32_t slot = 0; sets->mask && slot <= sets->mask; slot++)
		free(sets->slots[slot]);
	free(sets->slots);
	memset(sets, 0, sizeof(*sets));
}

const struct series_label *series_label_find(const struct series_labels *labels, const char *key)
{
	uint32_t length = (uint32_t)strlen(key);

	for (uint32_t i = 0; i < labels->count; i++) {
		const struct series_label *label = &labels->items[i];

		if (label->role == SERIES_ATTRIBUTE && label->key_length == length &&
		    memcmp(label->key, key, length) == 0)
			return label;
	}
	return NULL;
}

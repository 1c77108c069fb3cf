// SPDX-License-Identifier: Apache-2.0
/* Constant columns, whose texts all batches share. */
#include "labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAP_ITEMS = 1024 };

int labels_open(struct labels *labels, struct sonde_instance *instance)
{
	*labels = (struct labels){ .instance = instance,
				   .dictionary = sonde_dictionary_create(instance, true) };
	return labels->dictionary ? 0 : -ENOMEM;
}

void labels_close(struct labels *labels)
{
	if (!labels->instance)
		return;
	for (uint32_t i = 0; i < labels->count; i++)
		free(labels->items[i].name);
	free(labels->items);
	sonde_dictionary_release(labels->instance, labels->dictionary);
	*labels = (struct labels){ 0 };
}

static struct label *label_find(const struct labels *labels, const char *name, size_t length)
{
	for (uint32_t i = 0; i < labels->count; i++)
		if (strlen(labels->items[i].name) == length &&
		    memcmp(labels->items[i].name, name, length) == 0)
			return &labels->items[i];
	return NULL;
}

static struct label *label_new(struct labels *labels, const char *name, size_t length)
{
	uint32_t capacity = labels->capacity ? 2 * labels->capacity : 8;
	struct label *label, *grown;

	if (labels->count == labels->capacity) {
		grown = reallocarray(labels->items, capacity, sizeof(*grown));
		if (!grown)
			return NULL;
		labels->items = grown;
		labels->capacity = capacity;
	}
	label = &labels->items[labels->count];
	*label = (struct label){ .name = strndup(name, length) };
	if (!label->name)
		return NULL;
	labels->count++;
	return label;
}

int labels_set(struct labels *labels, const char *name, size_t name_length, const char *value,
	       enum sonde_scope scope)
{
	struct label *label;
	uint32_t code;

	if (!*value)
		return 0;
	code = sonde_dictionary_add(labels->instance, labels->dictionary, value, strlen(value));
	if (code == UINT32_MAX)
		return -ENOMEM;
	label = label_find(labels, name, name_length);
	if (!label)
		label = label_new(labels, name, name_length);
	if (!label)
		return -ENOMEM;
	label->code = code;
	label->scope = (uint8_t)scope;
	return 0;
}

struct sonde_text labels_get(const struct labels *labels, const char *name)
{
	const struct label *label = label_find(labels, name, strlen(name));

	if (!label)
		return (struct sonde_text){ 0 };
	return sonde_entry(labels->dictionary, labels->dictionary->length, label->code);
}

/* ---- what rows say themselves ------------------------------------------------------------ */

static const struct sonde_column *map_of(const struct sonde_batch *batch, uint32_t scope)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_ATTRIBUTES && column->scope == scope &&
		    column->type == SONDE_ANY)
			return column;
	}
	return NULL;
}

/* A map that cannot be read is taken to have the key. */
static bool map_has(struct sonde_instance *instance, struct sonde_text text, const char *key,
		    struct sonde_any *items)
{
	size_t length = strlen(key);
	uint32_t count;

	if (!text.length)
		return false;
	if (sonde_any_decode(instance, text.data, text.length, items, MAP_ITEMS, &count) < 0 ||
	    items[0].kind != SONDE_ANY_MAP)
		return true;
	for (uint32_t i = 0; i < items[0].length; i++) {
		const struct sonde_any *item = &items[0].as.items[i];

		if (item->key_length == length && memcmp(item->key, key, length) == 0)
			return true;
	}
	return false;
}

/* Whether any row has the key in its map. Neighbours mostly have the same. */
static bool maps_have(struct sonde_instance *instance, const struct sonde_batch *batch,
		      const struct sonde_column *map, const char *key)
{
	struct sonde_text text, before = { 0 };
	struct sonde_any *items = malloc(MAP_ITEMS * sizeof(*items));
	bool has = !items;

	for (uint32_t row = 0; row < batch->row_count && !has; row++) {
		if (!sonde_selected(batch, row))
			continue;
		text = sonde_text_at(map, row);
		if (text.data == before.data && text.length == before.length)
			continue;
		before = text;
		has = map_has(instance, text, key, items);
	}
	free(items);
	return has;
}

int labels_add(const struct labels *labels, struct enriched *enriched)
{
	for (uint32_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->items[i];
		const struct sonde_field field = { .name = label->name,
						   .type = SONDE_TEXT,
						   .scope = label->scope };
		const struct sonde_column *map = map_of(enriched->from, label->scope);
		struct sonde_batch *batch;

		if (!labels->overwrite &&
		    (enriched_has(enriched, label->name) ||
		     (map && maps_have(labels->instance, enriched->from, map, label->name))))
			continue;
		batch = enriched_open(labels->instance, enriched);
		if (!batch || !sonde_batch_constant(labels->instance, batch, &field,
						    labels->dictionary, &label->code))
			return -ENOMEM;
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Attributes for every batch: constant columns, whose texts all batches share. */
#include "resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"

struct attribute {
	char *key;
	uint32_t code; /* of its value */
};

struct resource {
	struct sonde_dictionary *dictionary;
	uint32_t count;
	struct attribute attributes[];
};

static int attribute_fill(struct resource *resource, const char *text)
{
	struct attribute *attribute = &resource->attributes[resource->count];
	size_t length = strcspn(text, "=");
	const char *value = text[length] ? text + length + 1 : "";

	attribute->key = strndup(text, length);
	attribute->code = dictionary_add(resource->dictionary, value, strlen(value));
	if (!attribute->key)
		return -ENOMEM;
	resource->count++;
	return attribute->code == UINT32_MAX ? -ENOMEM : 0;
}

int resource_create(const struct sonde_texts *texts, struct resource **ret_resource)
{
	struct resource *resource;
	int result = 0;

	if (!texts->count) {
		*ret_resource = NULL;
		return 0;
	}
	resource = calloc(1, sizeof(*resource) + texts->count * sizeof(*resource->attributes));
	if (!resource)
		return -ENOMEM;
	resource->dictionary = dictionary_create(true);
	if (!resource->dictionary)
		result = -ENOMEM;
	for (uint32_t i = 0; i < texts->count && !result; i++)
		result = attribute_fill(resource, texts->items[i]);
	if (result) {
		resource_release(resource);
		return result;
	}
	*ret_resource = resource;
	return 0;
}

void resource_release(struct resource *resource)
{
	if (!resource)
		return;
	for (uint32_t i = 0; i < resource->count; i++)
		free(resource->attributes[i].key);
	dictionary_release(resource->dictionary);
	free(resource);
}

/* The column that says it, or column_count. */
static uint32_t column_find(const struct sonde_batch *batch, const char *key)
{
	uint32_t i = 0;

	for (; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->scope == SONDE_SCOPE_RESOURCE && column->role == SONDE_ROLE_ATTRIBUTE &&
		    !strcmp(column->name, key))
			break;
	}
	return i;
}

int resource_add(const struct resource *resource, struct sonde_batch *batch)
{
	for (uint32_t i = 0; resource && i < resource->count; i++) {
		const struct attribute *attribute = &resource->attributes[i];
		const struct sonde_field field = { .name = attribute->key,
						   .type = SONDE_TEXT,
						   .scope = SONDE_SCOPE_RESOURCE };
		int result;

		if (column_find(batch, attribute->key) < batch->column_count)
			continue;
		result = batch_describe(batch, &field, resource->dictionary, &attribute->code);
		if (result)
			return result;
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Attributes for every batch: constant columns, whose texts all batches share; and where some rows
 * say one themselves, their column with the others filled. */
#include "resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"
#include "value.h"

struct attribute {
	char *key;
	uint32_t code, any_code; /* of its value, and of that as one of any type */
};

struct resource {
	struct sonde_dictionary *dictionary;
	uint32_t count;
	struct attribute attributes[];
};

static int any_add(struct sonde_dictionary *dictionary, const char *value, uint32_t *ret_code)
{
	const struct sonde_any any = { .kind = SONDE_ANY_TEXT,
				       .length = (uint32_t)strlen(value),
				       .as.data = value };
	int64_t size = any_encode(&any, NULL, 0);
	unsigned char *encoded = malloc((size_t)size);

	if (!encoded)
		return -ENOMEM;
	any_encode(&any, encoded, (size_t)size);
	*ret_code = dictionary_add(dictionary, encoded, (size_t)size);
	free(encoded);
	return *ret_code == UINT32_MAX ? -ENOMEM : 0;
}

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
	if (attribute->code == UINT32_MAX)
		return -ENOMEM;
	return any_add(resource->dictionary, value, &attribute->any_code);
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

/* The first column of a role of the resource's, and of that name if there is one; or column_count.
 */
static uint32_t column_find(const struct sonde_batch *batch, uint32_t role, const char *name)
{
	uint32_t i = 0;

	for (; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->scope == SONDE_SCOPE_RESOURCE && column->role == role &&
		    (!name || !strcmp(column->name, name)))
			break;
	}
	return i;
}

/* Clears the bits of rows whose map has the key: whether there are any. Neighbours have the same.
 */
static bool rows_clear(const struct sonde_batch *batch, const struct sonde_column *map,
		       const char *key, unsigned char *rows)
{
	uint32_t length = dictionary_length(map->dictionary), code; /* it may not be finished */
	struct sonde_text text, before = { 0 };
	bool has = false, any = false;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_valid(map, row))
			continue;
		memcpy(&code, sonde_value(map, row), sizeof(code));
		text = sonde_entry(map->dictionary, length, code);
		if (text.data != before.data || text.length != before.length)
			has = any_has_key(text, key);
		before = text;
		any = any || has;
		if (has)
			rows[row >> 3] &= (unsigned char)~(1u << (row & 7));
	}
	return any;
}

/* The rows that do not say it in their map of attributes without a column, as bits to be freed; not
 * set where none does. -ENOMEM. */
static int rows_without(const struct sonde_batch *batch, const char *key, unsigned char **ret_rows)
{
	uint32_t index = column_find(batch, SONDE_ROLE_ATTRIBUTES, NULL);
	const struct sonde_column *map = sonde_column(batch, index);
	size_t size = (size_t)batch->row_count / 8 + 1;
	unsigned char *rows;

	if (index == batch->column_count || map->type != SONDE_ANY || !map->dictionary)
		return 0;
	rows = malloc(size);
	if (!rows)
		return -ENOMEM;
	memset(rows, 0xff, size);
	if (rows_clear(batch, map, key, rows))
		*ret_rows = rows;
	else
		free(rows);
	return 0;
}

static int attribute_add(const struct resource *resource, const struct attribute *attribute,
			 struct sonde_batch *batch, const unsigned char *rows)
{
	const struct sonde_field field = { .name = attribute->key,
					   .type = SONDE_TEXT,
					   .scope = SONDE_SCOPE_RESOURCE };
	uint32_t index = column_find(batch, SONDE_ROLE_ATTRIBUTE, attribute->key), type;
	struct sonde_text text;

	if (index == batch->column_count)
		return batch_describe(batch, &field, resource->dictionary, &attribute->code, rows);
	type = sonde_column(batch, index)->type;
	if ((type != SONDE_TEXT && type != SONDE_ANY) || !sonde_column(batch, index)->dictionary)
		return 0;
	text = sonde_entry(resource->dictionary, resource->dictionary->length,
			   type == SONDE_ANY ? attribute->any_code : attribute->code);
	return batch_fill(batch, index, text.data, text.length, rows);
}

int resource_add(const struct resource *resource, struct sonde_batch *batch)
{
	for (uint32_t i = 0; resource && i < resource->count; i++) {
		const struct attribute *attribute = &resource->attributes[i];
		unsigned char *rows = NULL;
		int result = rows_without(batch, attribute->key, &rows);

		if (!result)
			result = attribute_add(resource, attribute, batch, rows);
		free(rows);
		if (result)
			return result;
	}
	return 0;
}

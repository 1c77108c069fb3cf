// SPDX-License-Identifier: Apache-2.0
/* A decoder and what it made of the last request. */
#include "otlp_decode_fixture.h"

struct otlp_decoder *decoder;
static struct sonde_dictionary *dictionary;
struct otlp_decoded decoded;
const char *why;
size_t offset;

int begin(void **state)
{
	const struct otlp_decoder_options options = { .column_limit = 8 };

	(void)state;
	decoder = otlp_decoder_create(&otlp_instance, &options);
	decoded = (struct otlp_decoded){ 0 };
	return !decoder;
}

int end(void **state)
{
	(void)state;
	sonde_batch_release(&otlp_instance, decoded.batch);
	sonde_dictionary_release(&otlp_instance, dictionary);
	otlp_decoder_release(decoder);
	dictionary = NULL;
	return 0;
}

int decode_bytes(enum sonde_signal signal, const void *data, size_t length)
{
	void *memory;
	int result;

	sonde_batch_release(&otlp_instance, decoded.batch);
	sonde_dictionary_release(&otlp_instance, dictionary);
	decoded = (struct otlp_decoded){ 0 };
	dictionary = sonde_dictionary_create(&otlp_instance, false);
	memory = sonde_dictionary_memory(&otlp_instance, dictionary, length);
	assert_non_null(memory);
	if (length)
		memcpy(memory, data, length);
	why = NULL;
	result = otlp_decode(decoder, signal, dictionary, memory, length, &decoded, &why, &offset);
	if (!result && decoded.batch)
		otlp_host_finish(decoded.batch);
	return result;
}

/* The items of one scope of one resource. */
int decode_items(enum sonde_signal signal, const struct built *items)
{
	static struct built resource, request;

	resource.length = request.length = 0;
	build_message(&resource, RESOURCE_SCOPES, items);
	build_message(&request, REQUEST_RESOURCES, &resource);
	return decode_bytes(signal, request.data, request.length);
}

/* An item that is to be added to a scope. */
void add_item(struct built *items, const struct built *item)
{
	build_message(items, SCOPE_ITEMS, item);
}

void add_pair(struct built *item, uint32_t number, const char *key, const struct built *value)
{
	struct built pair = { .length = 0 };

	build_text(&pair, PAIR_KEY, key);
	build_message(&pair, PAIR_VALUE, value);
	build_message(item, number, &pair);
}

void add_text_pair(struct built *item, uint32_t number, const char *key, const char *text)
{
	struct built value = { .length = 0 };

	build_text(&value, ANY_TEXT, text);
	add_pair(item, number, key, &value);
}

void add_integer_pair(struct built *item, uint32_t number, const char *key, int64_t integer)
{
	struct built value = { .length = 0 };

	build_number(&value, ANY_INTEGER, (uint64_t)integer);
	add_pair(item, number, key, &value);
}

/* Arrays in arrays; a text is the last. */
struct built nested_value(uint32_t depth)
{
	struct built value = { .length = 0 };

	build_text(&value, ANY_TEXT, "deep");
	for (uint32_t i = 1; i < depth; i++) {
		struct built list = { .length = 0 }, outer = { .length = 0 };

		build_message(&list, LIST_VALUES, &value);
		build_message(&outer, ANY_ARRAY, &list);
		value = outer;
	}
	return value;
}

const struct sonde_column *find(const struct sonde_batch *batch, uint32_t role, uint32_t scope,
				const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == role && column->scope == scope &&
		    (!name || !strcmp(column->name, name)))
			return column;
	}
	return NULL;
}

const struct sonde_column *attribute(const char *name)
{
	const struct sonde_column *column =
		find(decoded.batch, SONDE_ROLE_ATTRIBUTE, SONDE_SCOPE_ROW, name);

	assert_non_null(column);
	return column;
}

void assert_text(const struct sonde_column *column, uint32_t row, const char *text)
{
	struct sonde_text found = sonde_text_at(column, row);

	assert_true(sonde_valid(column, row));
	assert_int_equal(found.length, strlen(text));
	assert_memory_equal(found.data, text, found.length);
}

struct sonde_any any_at(const struct sonde_column *column, uint32_t row)
{
	static struct sonde_any items[64];
	struct sonde_text text = sonde_text_at(column, row);
	uint32_t count;

	assert_int_equal(column->type, SONDE_ANY);
	assert_true(sonde_valid(column, row));
	assert_int_equal(
		sonde_any_decode(&otlp_instance, text.data, text.length, items, 64, &count), 0);
	return items[0];
}

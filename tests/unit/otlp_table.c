// SPDX-License-Identifier: Apache-2.0
/* Tables filled and read through the plugin header alone, over a host that has batches only. */
#include "otlp_table.h"

#include "batch.h"
#include "dictionary.h"
#include "value.h"

static struct sonde_dictionary *dictionary;

static struct sonde_batch *table_create(struct sonde_instance *self, const char *schema,
					uint32_t signal, uint32_t row_count)
{
	return batch_table(schema, signal, row_count);
}

static struct sonde_dictionary *create_dictionary(struct sonde_instance *self, bool distinct)
{
	return dictionary_create(distinct);
}

/* The end of the pipeline. */
static int keep_emitted(struct sonde_instance *self, struct sonde_batch *batch,
			const uint64_t *token)
{
	batch_finish(batch);
	batch_release(emitted);
	emitted = batch;
	return 0;
}

static struct sonde_column *table_batch_add(struct sonde_instance *base, struct sonde_batch *batch,
					    const struct sonde_field *field,
					    struct sonde_dictionary *texts)
{
	(void)base;
	return batch_add(batch, field, texts);
}

static struct sonde_column *table_batch_constant(struct sonde_instance *base,
						 struct sonde_batch *batch,
						 const struct sonde_field *field,
						 struct sonde_dictionary *texts, const void *value)
{
	(void)base;
	return batch_constant(batch, field, texts, value);
}

static struct sonde_batch *table_batch_derive(struct sonde_instance *base,
					      struct sonde_batch *batch)
{
	(void)base;
	return batch_derive(batch);
}

static size_t table_batch_bytes(struct sonde_batch *batch)
{
	batch_finish(batch);
	return 0; /* which nobody asks for here */
}

static const struct sonde_host host = {
	.size = sizeof(host),
	.abi_major = SONDE_ABI_MAJOR,
	.abi_minor = SONDE_ABI_MINOR,
	.dictionary_create = create_dictionary,
	.dictionary_add = dictionary_add,
	.dictionary_release = dictionary_release,
	.batch_table = table_create,
	.batch_add = table_batch_add,
	.batch_constant = table_batch_constant,
	.batch_derive = table_batch_derive,
	.batch_remove = batch_remove,
	.batch_select = batch_select,
	.batch_hold = batch_hold,
	.batch_bytes = table_batch_bytes,
	.batch_valid = batch_valid,
	.batch_heap = batch_heap,
	.batch_adopt = batch_adopt,
	.batch_release = batch_release,
	.batch_emit = keep_emitted,
	.any_encode = any_encode,
	.any_decode = any_decode,
	.metric_encode = metric_encode,
	.metric_decode = metric_decode,
	.metric_metadata = metric_metadata,
};

struct sonde_instance instance = { .size = sizeof(instance), .name = "test", .host = &host };
struct sonde_batch *emitted;

int table_begin(void **state)
{
	dictionary = sonde_dictionary_create(&instance, true);
	return !dictionary;
}

int table_end(void **state)
{
	sonde_batch_release(&instance, emitted);
	emitted = NULL;
	sonde_dictionary_release(&instance, dictionary);
	return 0;
}

static struct sonde_dictionary *dictionary_for(const struct sonde_field *field)
{
	return field->type == SONDE_TEXT || field->type == SONDE_BYTES || field->type == SONDE_ANY
		       ? dictionary
		       : NULL;
}

uint32_t table_add(struct sonde_batch *batch, const struct sonde_field *field)
{
	assert_non_null(sonde_batch_add(&instance, batch, field, dictionary_for(field)));
	return batch->column_count - 1;
}

void table_constant(struct sonde_batch *batch, const struct sonde_field *field, const void *value)
{
	assert_non_null(
		sonde_batch_constant(&instance, batch, field, dictionary_for(field), value));
}

void table_set(struct sonde_batch *batch, uint32_t index, uint32_t row, const void *value)
{
	const struct sonde_column *column = sonde_column(batch, index);

	assert_true(row < batch->row_count);
	memcpy(column->base + (size_t)row * column->stride, value, column->value_size);
}

void table_null(struct sonde_batch *batch, uint32_t index, uint32_t row)
{
	unsigned char *bits = sonde_batch_valid(&instance, batch, index);

	assert_non_null(bits);
	bits[row >> 3] &= (unsigned char)~(1u << (row & 7));
}

uint32_t code_of_bytes(const void *data, size_t length)
{
	uint32_t code = sonde_dictionary_add(&instance, dictionary, data, length);

	assert_int_not_equal(code, UINT32_MAX);
	return code;
}

uint32_t code_of(const char *text)
{
	return code_of_bytes(text, strlen(text));
}

uint32_t code_of_any(const struct sonde_any *any)
{
	unsigned char buffer[512];
	int64_t length = sonde_any_encode(&instance, any, buffer, sizeof(buffer));

	assert_true(length >= 0 && (size_t)length <= sizeof(buffer));
	return code_of_bytes(buffer, (size_t)length);
}

const struct sonde_column *table_find(const struct sonde_batch *batch, uint32_t role,
				      uint32_t scope, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == role && column->scope == scope &&
		    (!name || !strcmp(column->name, name)))
			return column;
	}
	fail_msg("there is no column of role %u and scope %u called %s", role, scope,
		 name ? name : "anything");
	return NULL;
}

void check_value(const struct sonde_column *column, uint32_t row, const void *value)
{
	assert_true(sonde_valid(column, row));
	assert_memory_equal(sonde_value(column, row), value, column->value_size);
}

void check_text(const struct sonde_column *column, uint32_t row, const char *text)
{
	struct sonde_text found = sonde_text_at(column, row);

	assert_true(sonde_valid(column, row));
	assert_int_equal(found.length, strlen(text));
	assert_memory_equal(found.data, text, found.length);
}

void check_any(const struct sonde_column *column, uint32_t row, struct sonde_any items[16])
{
	struct sonde_text found = sonde_text_at(column, row);
	uint32_t count;

	assert_int_equal(column->type, SONDE_ANY);
	assert_true(sonde_valid(column, row));
	assert_int_equal(sonde_any_decode(&instance, found.data, found.length, items, 16, &count),
			 0);
}

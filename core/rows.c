/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into batches: what sonde_row() hands out and sonde_emit() commits, for each schema. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"
#include "rows.h"

enum {
	ROWS_CAPACITY_FIRST = 16,
	ROWS_DICTIONARY_BYTES = 1 << 20, /* beyond it a new one begins with the next batches */
};

/* A batch that filled up while its rows were not committed yet. */
struct rows_full {
	struct sonde_batch *batch;
	uint32_t committed;
};

struct rows_builder {
	const struct sonde_schema *schema;
	uint32_t field_count;
	struct sonde_dictionary **dictionaries; /* one a field; NULL: the instance's own */
	struct sonde_batch *batch;              /* being filled; NULL: none */
	uint32_t handed, committed;
	bool scratch;      /* the last row that was given out is not in it */
	uint32_t capacity; /* of the next batch: grows with what comes */
	struct rows_full *full;
	uint32_t full_count, full_capacity;
};

static uint32_t field_count(const struct sonde_schema *schema)
{
	uint32_t count = 0;

	while (schema->fields[count].name)
		count++;
	return count;
}

int rows_init(struct rows *rows, const struct sonde_plugin *plugin, uint32_t schema_count,
	      void (*send)(void *, struct sonde_batch *), void *data)
{
	size_t scratch_bytes = 1;

	*rows = (struct rows){
		.plugin = plugin, .count = schema_count, .send = send, .data = data
	};
	rows->builders = calloc(schema_count ? schema_count : 1, sizeof(*rows->builders));
	if (!rows->builders)
		return -ENOMEM;
	for (uint32_t i = 0; i < schema_count; i++) {
		struct rows_builder *builder = &rows->builders[i];

		builder->schema = &plugin->schemas[i];
		builder->field_count = field_count(builder->schema);
		builder->capacity = ROWS_CAPACITY_FIRST;
		builder->dictionaries =
			calloc(builder->field_count + 1, sizeof(*builder->dictionaries));
		if (!builder->dictionaries)
			return -ENOMEM;
		if (builder->schema->row_size > scratch_bytes)
			scratch_bytes = builder->schema->row_size;
	}
	rows->scratch = malloc(scratch_bytes);
	return rows->scratch ? 0 : -ENOMEM;
}

void rows_clear(struct rows *rows)
{
	for (uint32_t i = 0; rows->builders && i < rows->count; i++) {
		struct rows_builder *builder = &rows->builders[i];

		for (uint32_t f = 0; builder->dictionaries && f < builder->field_count; f++)
			dictionary_release(builder->dictionaries[f]);
		free(builder->dictionaries);
		for (uint32_t b = 0; b < builder->full_count; b++)
			batch_release(builder->full[b].batch);
		free(builder->full);
		batch_release(builder->batch);
	}
	free(rows->builders);
	free(rows->scratch);
	dictionary_release(rows->dictionary);
	*rows = (struct rows){ 0 };
}

static bool type_has_dictionary(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
}

/* The instance's own dictionary; entry 0 is the empty text, so that a zeroed row reads well. */
static struct sonde_dictionary *rows_dictionary(struct rows *rows)
{
	if (!rows->dictionary) {
		rows->dictionary = dictionary_create(false);
		if (rows->dictionary)
			dictionary_intern(rows->dictionary, "", 0);
	}
	return rows->dictionary;
}

struct sonde_batch *rows_batch(struct rows *rows, uint32_t schema, uint32_t capacity)
{
	struct rows_builder *builder;
	struct sonde_dictionary *dictionaries[512];
	const struct sonde_field *fields;

	assert(schema < rows->count);
	builder = &rows->builders[schema];
	fields = builder->schema->fields;
	assert(builder->field_count <= 512); /* the loader refuses more */
	for (uint32_t i = 0; i < builder->field_count; i++) {
		dictionaries[i] = builder->dictionaries[i];
		if (dictionaries[i] || !type_has_dictionary(fields[i].type))
			continue;
		dictionaries[i] = rows_dictionary(rows);
		if (!dictionaries[i])
			return NULL;
	}
	return batch_create(builder->schema, capacity, dictionaries);
}

static int builder_set_aside(struct rows_builder *builder)
{
	if (builder->full_count == builder->full_capacity) {
		uint32_t capacity = builder->full_capacity ? builder->full_capacity * 2 : 4;
		struct rows_full *full = realloc(builder->full, capacity * sizeof(*full));

		if (!full)
			return -ENOMEM;
		builder->full = full;
		builder->full_capacity = capacity;
	}
	builder->full[builder->full_count++] =
		(struct rows_full){ .batch = builder->batch, .committed = builder->committed };
	builder->batch = NULL;
	return 0;
}

void *rows_row(struct rows *rows, uint32_t schema)
{
	struct rows_builder *builder;
	uint32_t row_size;
	void *row;

	assert(schema < rows->count);
	builder = &rows->builders[schema];
	row_size = builder->schema->row_size;
	if (builder->batch && builder->handed == batch_capacity(builder->batch)) {
		builder->capacity = ROWS_PER_BATCH;
		if (builder_set_aside(builder))
			goto refused;
		builder->handed = 0;
		builder->committed = 0;
	}
	if (!builder->batch) {
		builder->batch = rows_batch(rows, schema, builder->capacity);
		if (!builder->batch)
			goto refused;
	}
	row = (char *)batch_rows(builder->batch) + (size_t)builder->handed++ * row_size;
	memset(row, 0, row_size);
	builder->scratch = false;
	return row;
refused:
	rows->refused_rows++;
	builder->scratch = true;
	memset(rows->scratch, 0, row_size);
	return rows->scratch;
}

void rows_null(struct rows *rows, uint32_t schema, uint32_t field)
{
	struct rows_builder *builder;
	unsigned char *valid;
	uint32_t row;

	assert(schema < rows->count && field < rows->builders[schema].field_count);
	builder = &rows->builders[schema];
	if (!builder->batch || !builder->handed || builder->scratch)
		return;
	row = builder->handed - 1;
	valid = batch_valid(builder->batch, field);
	if (valid)
		valid[row >> 3] &= (unsigned char)~(1u << (row & 7));
}

uint32_t rows_text(struct rows *rows, const void *data, size_t length, bool intern)
{
	struct sonde_dictionary *dictionary = rows_dictionary(rows);
	uint32_t code;

	if (!dictionary)
		return 0; /* and no batch can be made without one */
	code = intern ? dictionary_intern(dictionary, data, length)
		      : dictionary_add(dictionary, data, length);
	if (code != UINT32_MAX)
		return code;
	rows->refused_texts++;
	return 0;
}

uint64_t *rows_heap(struct rows *rows, uint32_t schema, uint32_t field, uint32_t count,
		    uint32_t *ret_start)
{
	assert(schema < rows->count && field < rows->builders[schema].field_count);
	if (!rows->builders[schema].batch || rows->builders[schema].scratch)
		return NULL;
	return batch_heap(rows->builders[schema].batch, field, count, ret_start);
}

int rows_bind(struct rows *rows, uint32_t schema, uint32_t field,
	      struct sonde_dictionary *dictionary)
{
	struct rows_builder *builder;

	if (schema >= rows->count || field >= rows->builders[schema].field_count)
		return -ERANGE;
	builder = &rows->builders[schema];
	if (!type_has_dictionary(builder->schema->fields[field].type))
		return -EINVAL;
	if (dictionary)
		dictionary_hold(dictionary);
	dictionary_release(builder->dictionaries[field]);
	builder->dictionaries[field] = dictionary;
	return 0;
}

static void rows_send(struct rows *rows, struct sonde_batch *batch, uint32_t row_count)
{
	if (!row_count) {
		batch_release(batch);
		return;
	}
	batch_resize(batch, row_count);
	rows->send(rows->data, batch);
}

/* Sends what is committed of the batch that is being filled. The next has room for `capacity`. */
static void builder_send(struct rows *rows, struct rows_builder *builder, uint32_t capacity)
{
	struct sonde_batch *batch = builder->batch;
	uint32_t count = builder->committed;

	builder->batch = NULL;
	builder->handed = 0;
	builder->committed = 0;
	builder->capacity = capacity;
	rows_send(rows, batch, count);
}

void rows_emit(struct rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct rows_builder *builder = &rows->builders[i];

		for (uint32_t b = 0; b < builder->full_count; b++)
			rows_send(rows, builder->full[b].batch,
				  batch_capacity(builder->full[b].batch));
		builder->full_count = 0;
		builder->committed = builder->handed;
		/* Now rather than with the next row, so that a dictionary can be changed before it.
		 */
		if (builder->batch && builder->handed == batch_capacity(builder->batch))
			builder_send(rows, builder, ROWS_PER_BATCH);
	}
}

/* Rows that will be given out again had values or not; the next ones begin with all of theirs. */
static void builder_take_back(struct rows_builder *builder)
{
	for (uint32_t f = 0; f < builder->field_count; f++) {
		unsigned char *valid = sonde_column(builder->batch, f)->valid
					       ? batch_valid(builder->batch, f)
					       : NULL;

		for (uint32_t r = builder->committed; valid && r < builder->handed; r++)
			valid[r >> 3] |= (unsigned char)(1u << (r & 7));
	}
	builder->handed = builder->committed;
}

bool rows_waiting(const struct rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		if (rows->builders[i].committed)
			return true;
	}
	return false;
}

void rows_flush(struct rows *rows, int64_t now_ns)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct rows_builder *builder = &rows->builders[i];
		uint32_t wanted = 2 * builder->committed, capacity = builder->capacity;

		/* A row that is being filled stays where it is, and those before it. */
		if (!builder->committed || builder->handed > builder->committed)
			continue;
		if (wanted > capacity)
			capacity = wanted < ROWS_PER_BATCH ? wanted : ROWS_PER_BATCH;
		builder_send(rows, builder, capacity);
		rows->sent_ns = now_ns;
	}
}

/* A new dictionary when the old one has grown. Between callbacks, since a text may be given its
 * code before there is a row for it. */
static void rows_rotate(struct rows *rows)
{
	if (!rows->dictionary || dictionary_bytes(rows->dictionary) < ROWS_DICTIONARY_BYTES)
		return;
	rows_flush(rows, rows->sent_ns);
	for (uint32_t i = 0; i < rows->count; i++) {
		batch_release(rows->builders[i].batch);
		rows->builders[i].batch = NULL;
	}
	dictionary_release(rows->dictionary);
	rows->dictionary = NULL;
}

void rows_settle(struct rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct rows_builder *builder = &rows->builders[i];

		for (uint32_t b = 0; b < builder->full_count; b++)
			rows_send(rows, builder->full[b].batch, builder->full[b].committed);
		builder->full_count = 0;
		if (builder->handed > builder->committed)
			builder_take_back(builder);
	}
	rows_rotate(rows);
}

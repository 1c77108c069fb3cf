// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"
#include "resource.h"
#include "value.h"

static const char *const items[] = { "host.name=probe", "empty=", "equation=a=b" };
static const struct sonde_texts texts = { items, 3 };

static struct resource *make(void)
{
	struct resource *resource = NULL;

	assert_int_equal(resource_create(&texts, &resource), 0);
	assert_non_null(resource);
	return resource;
}

static const struct sonde_field host_name = { .name = "host.name",
					      .type = SONDE_TEXT,
					      .scope = SONDE_SCOPE_RESOURCE };

static struct sonde_any text_any(const char *text)
{
	return (struct sonde_any){ .kind = SONDE_ANY_TEXT,
				   .length = (uint32_t)strlen(text),
				   .as.data = text };
}

/* The code of an encoded value. */
static uint32_t add_any(struct sonde_dictionary *dictionary, const struct sonde_any *any)
{
	unsigned char bytes[128];
	int64_t size = any_encode(any, bytes, sizeof(bytes));

	assert_in_range(size, 1, sizeof(bytes));
	return dictionary_add(dictionary, bytes, (size_t)size);
}

static void check_row(const struct sonde_column *column, uint32_t row, const char *wanted)
{
	struct sonde_text text = sonde_text_at(column, row);
	struct sonde_any any = text_any("");
	uint32_t count;

	assert_true(sonde_valid(column, row));
	if (column->type == SONDE_ANY) {
		assert_int_equal(any_decode(text.data, text.length, &any, 1, &count), 0);
		assert_int_equal(any.kind, SONDE_ANY_TEXT);
		text = (struct sonde_text){ any.as.data, any.length, 0 };
	}
	assert_int_equal(text.length, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.length);
}

static void check_text(const struct sonde_batch *batch, const char *name, const char *wanted)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		struct sonde_text text;

		if (strcmp(column->name, name))
			continue;
		assert_int_equal(column->scope, SONDE_SCOPE_RESOURCE);
		text = sonde_text_at(column, 0);
		assert_int_equal(text.length, strlen(wanted));
		assert_memory_equal(text.data, wanted, text.length);
		return;
	}
	fail_msg("there is no column %s", name);
}

static void every_batch_says_what_the_config_says(void **state)
{
	struct resource *resource = make();
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 2);

	assert_int_equal(resource_add(resource, batch), 0);
	resource_release(resource); /* the batch has what it needs */
	batch_finish(batch);
	assert_int_equal(batch->column_count, 3);
	check_text(batch, "host.name", "probe");
	check_text(batch, "empty", "");
	check_text(batch, "equation", "a=b");
	batch_release(batch);
}

static void what_rows_say_themselves_stays(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct resource *resource = make();
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 1);
	uint32_t code = dictionary_add(dictionary, "other", 5);

	batch_constant(batch, &host_name, dictionary, &code);
	assert_int_equal(resource_add(resource, batch), 0);
	assert_int_equal(resource_add(resource, batch), 0); /* once is enough */
	batch_finish(batch);
	assert_int_equal(batch->column_count, 3);
	check_text(batch, "host.name", "other");
	batch_release(batch);
	dictionary_release(dictionary);
	resource_release(resource);
}

static void a_finished_batch_takes_them_at_the_size_that_it_had(void **state)
{
	struct resource *resource = make();
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 1);
	size_t bytes;

	batch_finish(batch);
	bytes = batch_bytes(batch);
	assert_int_equal(resource_add(resource, batch), 0);
	assert_int_equal(batch_bytes(batch), bytes);
	check_text(batch, "host.name", "probe");
	assert_null(batch_constant(batch, &(const struct sonde_field){ .name = "late" }, NULL, ""));
	batch_release(batch);
	resource_release(resource);
}

static void a_batch_that_others_hold_stays_as_it_is(void **state)
{
	struct resource *resource = make();
	struct sonde_batch *batch = batch_hold(batch_table("rows", SONDE_SIGNAL_LOG, 1));

	assert_int_equal(resource_add(resource, batch), 0);
	assert_int_equal(batch->column_count, 0);
	batch_release(batch);
	batch_release(batch);
	resource_release(resource);
}

/* ---- what only some rows say ------------------------------------------------------------- */

static void rows_that_do_not_say_it_get_what_the_config_says(void **state)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct sonde_dictionary *dictionary = dictionary_create(false);
		struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 3);
		const struct sonde_any other = text_any("other");
		struct sonde_field field = host_name;
		struct resource *resource = make();
		struct sonde_column *column;
		uint32_t code;

		field.type = i ? SONDE_ANY : SONDE_TEXT;
		column = batch_add(batch, &field, dictionary);
		code = i ? add_any(dictionary, &other) : dictionary_add(dictionary, "other", 5);
		memcpy(column->base + 4, &code, sizeof(code));
		batch_valid(batch, 0)[0] = 2;
		if (i)
			batch_finish(batch);
		assert_int_equal(resource_add(resource, batch), 0);
		assert_int_equal(resource_add(resource, batch), 0);
		batch_finish(batch);
		assert_int_equal(batch->column_count, 3);
		check_row(sonde_column(batch, 0), 0, "probe");
		check_row(sonde_column(batch, 0), 1, "other");
		check_row(sonde_column(batch, 0), 2, "probe");
		batch_release(batch);
		dictionary_release(dictionary);
		resource_release(resource);
	}
}

static void a_constant_of_some_rows_stays_theirs(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 2);
	struct resource *resource = make();
	uint32_t code = dictionary_add(dictionary, "other", 5);

	batch_constant(batch, &host_name, dictionary, &code);
	batch_valid(batch, 0)[0] = 1;
	assert_int_equal(resource_add(resource, batch), 0);
	batch_finish(batch);
	check_row(sonde_column(batch, 0), 0, "other");
	check_row(sonde_column(batch, 0), 1, "probe");
	batch_release(batch);
	dictionary_release(dictionary);
	resource_release(resource);
}

static void rows_of_structs_are_filled_too(void **state)
{
	static const struct sonde_field fields[] = {
		{ .name = "host.name",
		  .type = SONDE_TEXT,
		  .offset = 0,
		  .scope = SONDE_SCOPE_RESOURCE,
		  .zero_is_null = true },
		{ .name = "count", .type = SONDE_U32, .offset = 4 },
		{ 0 }
	};
	static const struct sonde_schema schema = { .name = "rows",
						    .row_size = 8,
						    .fields = fields };
	struct sonde_dictionary *dictionaries[2] = { dictionary_create(true), NULL };
	uint32_t empty = dictionary_add(dictionaries[0], "", 0);
	uint32_t other = dictionary_add(dictionaries[0], "other", 5);
	struct sonde_batch *batch = batch_create(&schema, 4, dictionaries);
	uint32_t rows[4] = { other, 7, empty, 8 };
	struct resource *resource = make();

	memcpy(batch_rows(batch), rows, sizeof(rows));
	assert_int_equal(batch_resize(batch, 2), 0);
	assert_int_equal(resource_add(resource, batch), 0);
	batch_finish(batch);
	check_row(sonde_column(batch, 0), 0, "other");
	check_row(sonde_column(batch, 0), 1, "probe");
	assert_memory_equal(batch_rows(batch), rows, sizeof(rows));
	batch_release(batch);
	dictionary_release(dictionaries[0]);
	resource_release(resource);
}

static void whom_a_batch_derives_from_stays_as_it_is(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct sonde_batch *parent = batch_table("rows", SONDE_SIGNAL_LOG, 1), *batch;
	struct resource *resource = make();

	batch_add(parent, &host_name, dictionary);
	batch_valid(parent, 0)[0] = 0;
	batch = batch_derive(parent);
	assert_int_equal(resource_add(resource, batch), 0);
	batch_finish(batch);
	check_row(sonde_column(batch, 0), 0, "probe");
	assert_int_equal(parent->column_count, 1);
	assert_false(sonde_valid(sonde_column(parent, 0), 0));
	batch_release(batch);
	batch_release(parent);
	dictionary_release(dictionary);
	resource_release(resource);
}

static void a_column_of_numbers_keeps_its_nulls(void **state)
{
	const struct sonde_field field = { .name = "host.name",
					   .type = SONDE_I64,
					   .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 1);
	struct resource *resource = make();

	batch_add(batch, &field, NULL);
	batch_valid(batch, 0)[0] = 0;
	assert_int_equal(resource_add(resource, batch), 0);
	batch_finish(batch);
	assert_int_equal(sonde_column(batch, 0)->type, SONDE_I64);
	assert_false(sonde_valid(sonde_column(batch, 0), 0));
	batch_release(batch);
	resource_release(resource);
}

static void what_rows_say_in_a_map_stays_as_well(void **state)
{
	const struct sonde_field field = { .name = "attributes",
					   .type = SONDE_ANY,
					   .role = SONDE_ROLE_ATTRIBUTES,
					   .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_any pairs[2] = { text_any("a"), text_any("other") };
	const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 2, .as.items = pairs };
	struct sonde_dictionary *dictionary = dictionary_create(false);
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 3);
	struct sonde_column *column = batch_add(batch, &field, dictionary);
	struct resource *resource = make();
	uint32_t codes[3] = { 0 };

	pairs[0].key = "host.names";
	pairs[0].key_length = 10;
	pairs[1].key = "host.name";
	pairs[1].key_length = 9;
	codes[1] = add_any(dictionary, &map);
	pairs[1].key_length = 4;
	codes[2] = add_any(dictionary, &map);
	memcpy(column->base, codes, sizeof(codes));
	batch_valid(batch, 0)[0] = 6;
	assert_int_equal(resource_add(resource, batch), 0);
	assert_int_equal(resource_add(resource, batch), 0);
	batch_finish(batch);
	assert_int_equal(batch->column_count, 4);
	check_row(sonde_column(batch, 1), 0, "probe");
	assert_false(sonde_valid(sonde_column(batch, 1), 1));
	check_row(sonde_column(batch, 1), 2, "probe");
	assert_null(sonde_column(batch, 2)->valid);
	batch_release(batch);
	dictionary_release(dictionary);
	resource_release(resource);
}

static void nothing_is_made_of_no_attributes(void **state)
{
	struct resource *resource = NULL;

	assert_int_equal(resource_create(&(const struct sonde_texts){ 0 }, &resource), 0);
	assert_null(resource);
	assert_int_equal(resource_add(NULL, NULL), 0);
	resource_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_batch_says_what_the_config_says),
		cmocka_unit_test(what_rows_say_themselves_stays),
		cmocka_unit_test(a_finished_batch_takes_them_at_the_size_that_it_had),
		cmocka_unit_test(a_batch_that_others_hold_stays_as_it_is),
		cmocka_unit_test(rows_that_do_not_say_it_get_what_the_config_says),
		cmocka_unit_test(a_constant_of_some_rows_stays_theirs),
		cmocka_unit_test(rows_of_structs_are_filled_too),
		cmocka_unit_test(whom_a_batch_derives_from_stays_as_it_is),
		cmocka_unit_test(a_column_of_numbers_keeps_its_nulls),
		cmocka_unit_test(what_rows_say_in_a_map_stays_as_well),
		cmocka_unit_test(nothing_is_made_of_no_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

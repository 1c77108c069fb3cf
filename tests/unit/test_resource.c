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

static const char *const items[] = { "host.name=probe", "empty=", "equation=a=b" };
static const struct sonde_texts texts = { items, 3 };

static struct resource *make(void)
{
	struct resource *resource = NULL;

	assert_int_equal(resource_create(&texts, &resource), 0);
	assert_non_null(resource);
	return resource;
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
	const struct sonde_field field = { .name = "host.name",
					   .type = SONDE_TEXT,
					   .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct resource *resource = make();
	struct sonde_batch *batch = batch_table("rows", SONDE_SIGNAL_LOG, 1);
	uint32_t code = dictionary_add(dictionary, "other", 5);

	batch_constant(batch, &field, dictionary, &code);
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
		cmocka_unit_test(nothing_is_made_of_no_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

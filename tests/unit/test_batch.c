// SPDX-License-Identifier: Apache-2.0
/* What core/batch.h promises of batches that are made, derived, selected from and finished. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"

struct call_row {
	int64_t time_ns;
	uint64_t count;
	double seconds;
	uint32_t name;
	int16_t error;
	uint8_t kind;
	bool compat;
	unsigned char span[8];
};

static const struct sonde_field call_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct call_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "calls",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct call_row, count),
	  .role = SONDE_ROLE_EVENTS,
	  .unit = "{call}",
	  .help = "calls made" },
	{ .name = "seconds", .type = SONDE_DOUBLE, SONDE_MEMBER(struct call_row, seconds) },
	{ .name = "name", .type = SONDE_TEXT, SONDE_MEMBER(struct call_row, name) },
	{ .name = "error",
	  .type = SONDE_I16,
	  SONDE_MEMBER(struct call_row, error),
	  .zero_is_null = true },
	{ .name = "span",
	  .type = SONDE_ID8,
	  SONDE_MEMBER(struct call_row, span),
	  .role = SONDE_ROLE_SPAN_ID,
	  .zero_is_null = true },
	{ 0 }
};

enum { TIME, CALLS, SECONDS, NAME, ERROR, SPAN, CALL_COLUMNS };

static const struct sonde_schema call_schema = {
	.name = "call",
	.row_size = sizeof(struct call_row),
	.fields = call_fields,
};

/* `count` rows whose values follow from their number; the caller finishes it. */
static struct sonde_batch *make_calls(uint32_t count, struct sonde_dictionary *dictionary)
{
	struct sonde_dictionary *dictionaries[CALL_COLUMNS] = { [NAME] = dictionary };
	struct sonde_batch *batch = batch_create(&call_schema, count + 10, dictionaries);
	struct call_row *rows = batch_rows(batch);

	memset(rows, 0, (count + 10) * sizeof(*rows));
	for (uint32_t i = 0; i < count; i++) {
		rows[i].time_ns = 1000 + i;
		rows[i].count = i;
		rows[i].seconds = i / 2.0;
		rows[i].name = i % 3;
		rows[i].error = i % 4 ? 0 : (int16_t)-i;
		memcpy(rows[i].span, &i, sizeof(i));
	}
	assert_int_equal(batch_resize(batch, count), 0);
	return batch;
}

static struct sonde_dictionary *make_names(void)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);

	dictionary_add(dictionary, "read", 4);
	dictionary_add(dictionary, "write", 5);
	dictionary_add(dictionary, "openat", 6);
	return dictionary;
}

static int64_t integer_at(const struct sonde_batch *batch, uint32_t column, uint32_t row)
{
	int64_t value;

	memcpy(&value, sonde_value(sonde_column(batch, column), row), sizeof(value));
	return value;
}

static void assert_text_at(const struct sonde_batch *batch, uint32_t column, uint32_t row,
			   const char *wanted)
{
	struct sonde_text text = sonde_text_at(sonde_column(batch, column), row);

	assert_int_equal(text.length, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.length);
}

/* ---- making ------------------------------------------------------------------------------ */

static void the_columns_of_a_created_batch_are_views_of_its_rows(void **state)
{
	struct sonde_dictionary *names = make_names();
	struct sonde_batch *batch = make_calls(100, names);

	dictionary_release(names);
	batch_finish(batch);
	assert_int_equal(batch->column_count, CALL_COLUMNS);
	assert_int_equal(batch->row_count, 100);
	assert_string_equal(batch->schema, "call");
	assert_true((uintptr_t)batch_rows(batch) % 64 == 0);
	for (uint32_t i = 0; i < CALL_COLUMNS; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		assert_string_equal(column->name, call_fields[i].name);
		assert_int_equal(column->type, call_fields[i].type);
		assert_int_equal(column->role, call_fields[i].role);
		assert_int_equal(column->stride, sizeof(struct call_row));
		assert_int_equal(column->value_size, call_fields[i].size);
	}
	for (uint32_t row = 0; row < 100; row++) {
		static const char *const texts[] = { "read", "write", "openat" };

		assert_int_equal(integer_at(batch, TIME, row), 1000 + row);
		assert_true(sonde_number_at(sonde_column(batch, SECONDS), row) == row / 2.0);
		assert_text_at(batch, NAME, row, texts[row % 3]);
	}
	batch_release(batch);
}

static void a_batch_has_at_most_its_capacity_of_rows(void **state)
{
	struct sonde_batch *batch = batch_create(&call_schema, 5, NULL);

	assert_int_equal(batch_capacity(batch), 5);
	assert_int_equal(batch->row_count, 0);
	assert_int_equal(batch_resize(batch, 6), -ERANGE);
	assert_int_equal(batch_resize(batch, 5), 0);
	assert_int_equal(batch_resize(batch, 3), 0);
	assert_int_equal(batch->row_count, 3);
	assert_int_equal(batch->selected_count, 3);
	batch_release(batch);
	batch_release(NULL);
}

static void a_finished_batch_does_not_change(void **state)
{
	static const struct sonde_field field = { .name = "more", .type = SONDE_U32 };
	static const unsigned char bits[1] = { 0 };
	struct sonde_batch *batch = make_calls(5, NULL), *child = batch_table("child", 0, 1);
	uint32_t start = 0, value = 0;

	batch_finish(batch);
	assert_int_equal(batch_resize(batch, 2), -EROFS);
	assert_int_equal(batch_select(batch, bits), -EROFS);
	assert_int_equal(batch_remove(batch, 0), -EROFS);
	assert_null(batch_add(batch, &field, NULL));
	assert_null(batch_constant(batch, &field, NULL, &value));
	assert_null(batch_valid(batch, 0));
	assert_null(batch_heap(batch, 0, 1, &start));
	assert_non_null(batch_add(child,
				  &(struct sonde_field){ .name = "row",
							 .type = SONDE_U32,
							 .role = SONDE_ROLE_PARENT_ROW },
				  NULL));
	assert_int_equal(batch_adopt(batch, child), -EROFS);
	assert_int_equal(batch->row_count, 5);
	assert_int_equal(batch->selected_count, 5);
	assert_int_equal(batch->column_count, CALL_COLUMNS);
	batch_finish(batch);
	batch_release(batch);
}

static void a_batch_publishes_the_dictionary_entries_that_there_were(void **state)
{
	struct sonde_dictionary *names = make_names();
	struct sonde_batch *batch = make_calls(3, names), *derived;

	batch_finish(batch);
	dictionary_add(names, "close", 5);
	assert_int_equal(sonde_column(batch, NAME)->dictionary_length, 3);
	derived = batch_derive(batch);
	batch_finish(derived);
	assert_int_equal(sonde_column(derived, NAME)->dictionary_length, 3);
	dictionary_release(names);
	batch_release(batch);
	assert_text_at(derived, NAME, 2, "openat");
	batch_release(derived);
}

/* ---- signals and events ------------------------------------------------------------------ */

static uint32_t signal_of(uint32_t signal, uint16_t role)
{
	struct sonde_field field = { .name = "x", .type = SONDE_U64, .role = role };
	struct sonde_batch *batch = batch_table("t", signal, 1);

	assert_non_null(batch_add(batch, &field, NULL));
	batch_finish(batch);
	signal = batch->signal;
	batch_release(batch);
	return signal;
}

static void the_signal_follows_from_the_columns_where_it_is_not_said(void **state)
{
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_GAUGE), SONDE_SIGNAL_METRIC);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_SUM), SONDE_SIGNAL_METRIC);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_HISTOGRAM), SONDE_SIGNAL_METRIC);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_VALUE), SONDE_SIGNAL_METRIC);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_SPAN_NAME), SONDE_SIGNAL_SPAN);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_TRACE_ID), SONDE_SIGNAL_LOG);
	assert_int_equal(signal_of(SONDE_SIGNAL_AUTO, SONDE_ROLE_BODY), SONDE_SIGNAL_LOG);
	assert_int_equal(signal_of(SONDE_SIGNAL_EXEMPLAR, SONDE_ROLE_VALUE), SONDE_SIGNAL_EXEMPLAR);
}

/* ---- selecting and deriving -------------------------------------------------------------- */

static void selections_intersect(void **state)
{
	static const unsigned char first[2] = { 0xff, 0x00 }, second[2] = { 0xf0, 0xff };
	struct sonde_batch *batch = make_calls(12, NULL), *derived, *further;

	derived = batch_derive(batch);
	assert_int_equal(batch_select(derived, first), 0);
	assert_int_equal(derived->selected_count, 8);
	further = batch_derive(derived);
	assert_int_equal(batch_select(further, second), 0);
	assert_int_equal(further->selected_count, 4);
	batch_finish(further);
	for (uint32_t row = 0; row < 12; row++) {
		assert_true(sonde_selected(batch, row));
		assert_int_equal(sonde_selected(derived, row), row < 8);
		assert_int_equal(sonde_selected(further, row), row >= 4 && row < 8);
	}
	batch_release(batch);
	batch_release(derived);
	assert_int_equal(integer_at(further, TIME, 7), 1007);
	batch_release(further);
}

static void bits_behind_the_last_row_select_nothing(void **state)
{
	static const unsigned char bits[2] = { 0xff, 0xff };
	struct sonde_batch *batch = batch_table("t", SONDE_SIGNAL_LOG, 11);

	assert_int_equal(batch_select(batch, bits), 0);
	assert_int_equal(batch->selected_count, 11);
	batch_finish(batch);
	assert_null(batch->selected);
	batch_release(batch);
}

static void rows_added_behind_a_selection_are_not_selected(void **state)
{
	static const unsigned char bits[1] = { 0xff };
	struct sonde_batch *batch = make_calls(5, NULL);

	assert_int_equal(batch_select(batch, bits), 0);
	assert_int_equal(batch_resize(batch, 9), 0);
	assert_int_equal(batch->selected_count, 5);
	assert_int_equal(batch_resize(batch, 2), 0);
	assert_int_equal(batch->selected_count, 2);
	batch_release(batch);
}

static void a_derived_batch_shares_columns_and_adds_its_own(void **state)
{
	static const struct sonde_field host = { .name = "host.name",
						 .type = SONDE_TEXT,
						 .scope = SONDE_SCOPE_RESOURCE };
	static const struct sonde_field rank = { .name = "rank", .type = SONDE_U16, .unit = "1" };
	struct sonde_batch *batch = make_calls(10, NULL), *derived;
	struct sonde_dictionary *hosts = dictionary_create(true);
	uint32_t code = dictionary_add(hosts, "edge-7", 6);
	struct sonde_column *column;

	derived = batch_derive(batch);
	assert_non_null(batch_constant(derived, &host, hosts, &code));
	dictionary_release(hosts);
	column = batch_add(derived, &rank, NULL);
	for (uint32_t row = 0; row < 10; row++) {
		uint16_t value = (uint16_t)(row * 7);

		assert_int_equal(sonde_number_at(column, row), 0);
		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	batch_finish(derived);
	batch_release(batch);
	assert_int_equal(derived->column_count, CALL_COLUMNS + 2);
	for (uint32_t row = 0; row < 10; row++) {
		assert_int_equal(integer_at(derived, TIME, row), 1000 + row);
		assert_text_at(derived, CALL_COLUMNS, row, "edge-7");
		assert_true(sonde_number_at(sonde_column(derived, CALL_COLUMNS + 1), row) ==
			    row * 7);
	}
	assert_int_equal(sonde_column(derived, CALL_COLUMNS)->scope, SONDE_SCOPE_RESOURCE);
	assert_int_equal(sonde_column(derived, CALL_COLUMNS)->stride, 0);
	assert_string_equal(sonde_column(derived, CALL_COLUMNS + 1)->unit, "1");
	batch_release(derived);
}

static void a_derived_batch_has_its_own_nulls_and_columns_less(void **state)
{
	struct sonde_batch *batch = make_calls(10, NULL), *derived;
	unsigned char *bits;

	batch_finish(batch);
	derived = batch_derive(batch);
	bits = batch_valid(derived, ERROR);
	bits[1] = 0;
	assert_int_equal(batch_remove(derived, TIME), 0);
	assert_int_equal(batch_remove(derived, CALL_COLUMNS - 1), -ERANGE);
	assert_int_equal(batch_resize(derived, 3), -EINVAL);
	assert_null(batch_rows(derived));
	batch_finish(derived);
	assert_int_equal(derived->column_count, CALL_COLUMNS - 1);
	assert_string_equal(sonde_column(derived, ERROR - 1)->name, "error");
	for (uint32_t row = 0; row < 10; row++) {
		assert_int_equal(sonde_valid(sonde_column(derived, ERROR - 1), row), row == 4);
		assert_int_equal(sonde_valid(sonde_column(batch, ERROR), row),
				 row == 4 || row == 8);
	}
	batch_release(derived);
	batch_release(batch);
}

/* Whether a batch that is derived so has originals still. */
static bool keeps_originals(struct sonde_batch *batch, void (*change)(struct sonde_batch *))
{
	struct sonde_batch *derived = batch_derive(batch);
	bool kept;

	change(derived);
	batch_finish(derived);
	kept = sonde_originals(derived, SONDE_FORMAT_OTLP) != NULL;
	assert_non_null(sonde_originals(batch, SONDE_FORMAT_OTLP));
	batch_release(derived);
	return kept;
}

static void change_nothing(struct sonde_batch *batch)
{
	(void)batch;
}

static void change_selection(struct sonde_batch *batch)
{
	assert_int_equal(batch_select(batch, (const unsigned char *)"\x0f\x00"), 0);
}

static void change_resource(struct sonde_batch *batch)
{
	static const struct sonde_field rack = { .name = "rack",
						 .type = SONDE_I64,
						 .scope = SONDE_SCOPE_RESOURCE };

	assert_non_null(batch_constant(batch, &rack, NULL, &(const int64_t){ 7 }));
	assert_non_null(batch_valid(batch, batch->column_count - 1));
	assert_int_equal(batch_remove(batch, batch->column_count - 1), 0);
}

static void change_by_column(struct sonde_batch *batch)
{
	static const struct sonde_field rank = { .name = "rank", .type = SONDE_U16 };

	assert_non_null(batch_add(batch, &rank, NULL));
}

static void change_by_constant(struct sonde_batch *batch)
{
	static const struct sonde_field rank = { .name = "rank", .type = SONDE_U16 };

	assert_non_null(batch_constant(batch, &rank, NULL, &(const uint16_t){ 7 }));
}

static void change_by_removal(struct sonde_batch *batch)
{
	assert_int_equal(batch_remove(batch, NAME), 0);
}

static void change_by_nulls(struct sonde_batch *batch)
{
	assert_non_null(batch_valid(batch, CALLS));
}

static void change_by_child(struct sonde_batch *batch)
{
	static const struct sonde_field parent = { .name = "parent",
						   .type = SONDE_U32,
						   .role = SONDE_ROLE_PARENT_ROW };
	struct sonde_batch *child = batch_table("events", SONDE_SIGNAL_SPAN_EVENT, 1);

	assert_non_null(batch_add(child, &parent, NULL));
	assert_int_equal(batch_adopt(batch, child), 0);
}

static void rows_have_originals_as_long_as_nothing_of_them_changes(void **state)
{
	struct sonde_dictionary *memory = dictionary_create(false);
	struct sonde_batch *batch = make_calls(10, NULL), *compact;
	struct sonde_text *originals;

	assert_null(sonde_originals(batch, SONDE_FORMAT_OTLP));
	originals = batch_originals(batch, SONDE_FORMAT_OTLP, memory);
	assert_null(batch_originals(batch, SONDE_FORMAT_OTLP, memory));
	for (uint32_t row = 0; row < 10; row++) {
		assert_null(originals[row].data);
		originals[row].data = dictionary_memory(memory, 8);
		originals[row].length = 8;
		memset((char *)(uintptr_t)originals[row].data, 'a' + (int)row, 8);
	}
	dictionary_release(memory); /* the batch holds it */
	batch_finish(batch);
	assert_null(batch_originals(batch, SONDE_FORMAT_OTLP, memory));
	assert_null(sonde_originals(batch, SONDE_FORMAT_NONE));
	assert_int_equal(sonde_originals(batch, SONDE_FORMAT_OTLP)[9].data[7], 'j');
	assert_true(keeps_originals(batch, change_nothing));
	assert_true(keeps_originals(batch, change_selection));
	assert_true(keeps_originals(batch, change_resource));
	assert_false(keeps_originals(batch, change_by_column));
	assert_false(keeps_originals(batch, change_by_constant));
	assert_false(keeps_originals(batch, change_by_removal));
	assert_false(keeps_originals(batch, change_by_nulls));
	assert_false(keeps_originals(batch, change_by_child));
	compact = batch_derive(batch);
	change_selection(compact);
	batch_finish(compact);
	batch_release(batch);
	assert_int_equal(sonde_originals(compact, SONDE_FORMAT_OTLP)[3].data[0], 'd');
	batch = batch_compact(compact);
	batch_release(compact);
	assert_null(sonde_originals(batch, SONDE_FORMAT_OTLP));
	batch_release(batch);
}

static uint32_t settled_count;

static void count_settled(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	settled_count++;
}

static void deriving_carries_the_receipts_on(void **state)
{
	struct receipt *receipt = receipt_create(count_settled, NULL, 0);
	struct sonde_batch *batch = make_calls(10, NULL), *derived;

	settled_count = 0;
	assert_int_equal(receipts_add(batch_receipts(batch), receipt, 10), 0);
	receipt_release(receipt);
	derived = batch_derive(batch);
	assert_int_equal(batch_receipts(derived)->count, 1);
	assert_int_equal(batch_receipts(derived)->items[0].rows, 10);
	batch_release(batch);
	assert_int_equal(settled_count, 0);
	batch_release(derived);
	assert_int_equal(settled_count, 1);
}

/* ---- columns ----------------------------------------------------------------------------- */

/* ---- memory and threads ------------------------------------------------------------------ */

static void its_bytes_are_those_of_all_that_it_keeps(void **state)
{
	static const struct sonde_field field = { .name = "big", .type = SONDE_ID16 };
	struct sonde_dictionary *names = dictionary_create(false);
	struct sonde_batch *batch, *derived;
	char text[1000] = { 0 };
	size_t bytes;

	for (uint32_t i = 0; i < 1000; i++)
		dictionary_add(names, text, sizeof(text));
	batch = make_calls(1000, names);
	dictionary_release(names);
	assert_int_equal(batch_bytes(batch), 0);
	batch_finish(batch);
	bytes = batch_bytes(batch);
	assert_true(bytes >= 1000 * sizeof(struct call_row) + 1000 * sizeof(text));
	assert_true(bytes < 1.3 * (1000 * sizeof(struct call_row) + 1000 * sizeof(text)));
	derived = batch_derive(batch);
	assert_non_null(batch_add(derived, &field, NULL));
	batch_finish(derived);
	assert_true(batch_bytes(derived) >= bytes + 16000);
	assert_true(batch_bytes(derived) < bytes + 22000);
	batch_release(batch);
	batch_release(derived);
}

static void *read_and_release(void *data)
{
	struct sonde_batch *batch = data;
	int64_t sum = 0;

	for (uint32_t i = 0; i < 100; i++) {
		struct sonde_batch *derived = batch_derive(batch);

		batch_finish(derived);
		for (uint32_t row = 0; row < derived->row_count; row++)
			sum += integer_at(derived, TIME, row) +
			       sonde_text_at(sonde_column(derived, NAME), row).length;
		batch_release(batch_compact(derived));
		batch_release(derived);
	}
	batch_release(batch);
	return (void *)(intptr_t)sum;
}

static void threads_share_a_finished_batch(void **state)
{
	struct sonde_dictionary *names = make_names();
	struct sonde_batch *batch = make_calls(300, names);
	pthread_t threads[4];
	void *sums[4];

	dictionary_release(names);
	batch_finish(batch);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, read_and_release, batch_hold(batch)), 0);
	batch_release(batch);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &sums[i]), 0);
		assert_int_equal((intptr_t)sums[i],
				 100 * (300 * 1000 + 299 * 300 / 2 + 100 * (4 + 5 + 6)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_columns_of_a_created_batch_are_views_of_its_rows),
		cmocka_unit_test(a_batch_has_at_most_its_capacity_of_rows),
		cmocka_unit_test(a_finished_batch_does_not_change),
		cmocka_unit_test(a_batch_publishes_the_dictionary_entries_that_there_were),
		cmocka_unit_test(the_signal_follows_from_the_columns_where_it_is_not_said),
		cmocka_unit_test(selections_intersect),
		cmocka_unit_test(bits_behind_the_last_row_select_nothing),
		cmocka_unit_test(rows_added_behind_a_selection_are_not_selected),
		cmocka_unit_test(a_derived_batch_shares_columns_and_adds_its_own),
		cmocka_unit_test(a_derived_batch_has_its_own_nulls_and_columns_less),
		cmocka_unit_test(rows_have_originals_as_long_as_nothing_of_them_changes),
		cmocka_unit_test(deriving_carries_the_receipts_on),
		cmocka_unit_test(its_bytes_are_those_of_all_that_it_keeps),
		cmocka_unit_test(threads_share_a_finished_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

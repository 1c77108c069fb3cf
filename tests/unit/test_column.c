// SPDX-License-Identifier: Apache-2.0
/* What core/batch.h promises of the columns of a batch: adding, validity, heaps, events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"

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
static struct sonde_batch *make_calls(uint32_t count)
{
	struct sonde_batch *batch = batch_create(&call_schema, count + 10, NULL);
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

static void a_column_is_replaced_by_one_of_the_same_name_role_and_scope(void **state)
{
	struct sonde_field field = { .name = "time", .type = SONDE_U32 };
	struct sonde_batch *batch = make_calls(4), *derived = batch_derive(batch);
	char name[] = "time";

	field.name = name;
	assert_non_null(batch_add(derived, &field, NULL)); /* an attribute beside the role */
	assert_int_equal(derived->column_count, CALL_COLUMNS + 1);
	field.scope = SONDE_SCOPE_RESOURCE;
	assert_non_null(batch_add(derived, &field, NULL));
	assert_int_equal(derived->column_count, CALL_COLUMNS + 2);
	field.scope = SONDE_SCOPE_ROW;
	field.type = SONDE_DOUBLE;
	assert_non_null(batch_add(derived, &field, NULL)); /* in the place of the first */
	assert_int_equal(derived->column_count, CALL_COLUMNS + 2);
	memset(name, 'x', 4); /* texts are copied */
	assert_int_equal(sonde_column(derived, CALL_COLUMNS)->type, SONDE_DOUBLE);
	assert_string_equal(sonde_column(derived, CALL_COLUMNS)->name, "time");
	batch_release(batch);
	batch_release(derived);
}

static void a_batch_may_have_many_columns(void **state)
{
	struct sonde_batch *batch = batch_table("wide", SONDE_SIGNAL_METRIC, 3);
	char name[16];

	for (uint32_t i = 0; i < 500; i++) {
		struct sonde_field field = { .name = name,
					     .type = SONDE_U32,
					     .role = SONDE_ROLE_GAUGE };
		struct sonde_column *column;

		(void)snprintf(name, sizeof(name), "gauge.%u", i);
		column = batch_add(batch, &field, NULL);
		assert_non_null(column);
		memcpy(column->base + 8, &i, sizeof(i));
	}
	batch_finish(batch);
	assert_int_equal(batch->column_count, 500);
	for (uint32_t i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "gauge.%u", i);
		assert_string_equal(sonde_column(batch, i)->name, name);
		assert_true(sonde_number_at(sonde_column(batch, i), 2) == i);
		assert_true(sonde_number_at(sonde_column(batch, i), 1) == 0);
	}
	batch_release(batch);
}

static void what_is_no_type_of_a_column_is_refused(void **state)
{
	struct sonde_batch *batch = batch_table("t", SONDE_SIGNAL_LOG, 3);
	struct sonde_field field = { .name = "x", .type = SONDE_SIZE };

	assert_null(batch_add(batch, &field, NULL));
	field.type = SONDE_NONE;
	assert_null(batch_add(batch, &field, NULL));
	assert_int_equal(batch->column_count, 0);
	batch_release(batch);
}

static void roles_are_found_in_order(void **state)
{
	struct sonde_batch *batch = make_calls(1);

	assert_int_equal(batch_column_of(batch, SONDE_ROLE_EVENTS, 0), CALLS);
	assert_int_equal(batch_column_of(batch, SONDE_ROLE_ATTRIBUTE, 0), SECONDS);
	assert_int_equal(batch_column_of(batch, SONDE_ROLE_ATTRIBUTE, NAME + 1), ERROR);
	assert_int_equal(batch_column_of(batch, SONDE_ROLE_BODY, 0), CALL_COLUMNS);
	batch_release(batch);
}

static void a_heap_grows_and_is_zeroed(void **state)
{
	static const struct sonde_field field = { .name = "latency",
						  .type = SONDE_EXPONENTIAL,
						  .role = SONDE_ROLE_HISTOGRAM,
						  .temporality = SONDE_DELTA };
	struct sonde_batch *batch = batch_table("h", SONDE_SIGNAL_METRIC, 1000), *derived;
	struct sonde_column *column = batch_add(batch, &field, NULL);
	uint32_t start = 0;

	for (uint32_t row = 0; row < 1000; row++) {
		struct sonde_exponential value = { .count = row, .positive_length = row % 50 };
		uint64_t *counts = batch_heap(batch, 0, row % 50, &value.positive_start);

		assert_non_null(counts);
		for (uint32_t i = 0; i < row % 50; i++) {
			assert_int_equal(counts[i], 0);
			counts[i] = row * 100 + i;
		}
		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	assert_null(batch_heap(batch, 0, UINT32_MAX, &start));
	assert_null(batch_heap(batch, 1, 1, &start));
	derived = batch_derive(batch);
	assert_null(batch_heap(derived, 0, 1, &start));
	batch_release(batch);
	for (uint32_t row = 0; row < 1000; row++) {
		const struct sonde_column *read = sonde_column(derived, 0);
		struct sonde_exponential value;

		memcpy(&value, sonde_value(read, row), sizeof(value));
		assert_true(value.positive_start + value.positive_length <= read->heap_length);
		for (uint32_t i = 0; i < value.positive_length; i++)
			assert_int_equal(read->heap[value.positive_start + i], row * 100 + i);
	}
	batch_release(derived);
}

static void a_zero_where_zero_is_null_is_no_value(void **state)
{
	struct sonde_batch *batch = make_calls(77);

	batch_finish(batch);
	for (uint32_t row = 0; row < 77; row++) {
		assert_int_equal(sonde_valid(sonde_column(batch, ERROR), row),
				 row % 4 == 0 && row != 0);
		assert_int_equal(sonde_valid(sonde_column(batch, SPAN), row), row != 0);
		assert_true(sonde_valid(sonde_column(batch, CALLS), row));
	}
	batch_release(batch);
}

static void a_column_without_nulls_has_no_bits(void **state)
{
	struct sonde_batch *batch = make_calls(20);
	struct call_row *rows = batch_rows(batch);

	for (uint32_t row = 0; row < 20; row++)
		rows[row].error = 5;
	batch_finish(batch);
	assert_null(sonde_column(batch, ERROR)->valid);
	assert_null(sonde_column(batch, CALLS)->valid);
	batch_release(batch);
}

static void nulls_that_were_set_stay_beside_those_that_are_zero(void **state)
{
	struct sonde_batch *batch = make_calls(20);
	unsigned char *bits = batch_valid(batch, ERROR);

	assert_ptr_equal(batch_valid(batch, ERROR), bits);
	for (uint32_t row = 0; row < 20; row++)
		assert_true(sonde_bit(bits, row));
	bits[0] &= (unsigned char)~(1 << 4);
	batch_finish(batch);
	for (uint32_t row = 0; row < 20; row++)
		assert_int_equal(sonde_valid(sonde_column(batch, ERROR), row),
				 row % 4 == 0 && row != 0 && row != 4);
	batch_release(batch);
}

static void events_are_the_sum_over_the_selected_rows(void **state)
{
	static const unsigned char bits[3] = { 0x0f, 0x00, 0x01 };
	struct sonde_batch *batch = make_calls(20), *derived;

	batch_finish(batch);
	assert_int_equal(batch->event_count, 190);
	derived = batch_derive(batch);
	assert_int_equal(batch_select(derived, bits), 0);
	batch_finish(derived);
	assert_int_equal(derived->event_count, 0 + 1 + 2 + 3 + 16);
	assert_int_equal(batch->event_count, 190);
	batch_release(derived);
	batch_release(batch);
}

static void every_row_is_one_event_without_a_column_of_events(void **state)
{
	static const unsigned char bits[1] = { 0x15 };
	struct sonde_batch *batch = batch_table("plain", SONDE_SIGNAL_LOG, 6);

	assert_int_equal(batch_select(batch, bits), 0);
	batch_finish(batch);
	assert_int_equal(batch->event_count, 3);
	batch_release(batch);
}

/* The events of four rows with these values, the last of which is null. */
static uint64_t events_of(uint32_t type, const void *values, uint32_t size)
{
	struct sonde_field field = { .name = "n", .type = type, .role = SONDE_ROLE_EVENTS };
	struct sonde_batch *batch = batch_table("t", SONDE_SIGNAL_LOG, 4);
	struct sonde_column *column = batch_add(batch, &field, NULL);
	uint64_t events;

	memcpy(column->base, values, 4 * size);
	batch_valid(batch, 0)[0] = 0x07;
	batch_finish(batch);
	events = batch->event_count;
	batch_release(batch);
	return events;
}

static void events_may_have_any_type_of_integer(void **state)
{
	assert_int_equal(events_of(SONDE_U8, (const uint8_t[]){ 255, 1, 0, 9 }, 1), 257);
	assert_int_equal(events_of(SONDE_U16, (const uint16_t[]){ 65535, 1, 0, 9 }, 2), 65537);
	assert_int_equal(events_of(SONDE_U32, (const uint32_t[]){ UINT32_MAX, 1, 0, 9 }, 4),
			 UINT32_MAX + 2ull);
	assert_int_equal(events_of(SONDE_U64, (const uint64_t[]){ 1ull << 40, 1, 0, 9 }, 8),
			 (1ull << 40) + 2);
	assert_int_equal(events_of(SONDE_I8, (const int8_t[]){ 127, -1, 0, 9 }, 1), 128);
	assert_int_equal(events_of(SONDE_I16, (const int16_t[]){ 300, -1, 0, 9 }, 2), 301);
	assert_int_equal(events_of(SONDE_I32, (const int32_t[]){ 70000, -1, 0, 9 }, 4), 70001);
	assert_int_equal(events_of(SONDE_I64, (const int64_t[]){ 1ll << 40, -1, 0, 9 }, 8),
			 (1ull << 40) + 1);
	assert_int_equal(events_of(SONDE_DOUBLE, (const double[]){ 7, 7, 7, 7 }, 8), 4);
	assert_int_equal(events_of(SONDE_U64, (const uint64_t[]){ UINT64_MAX, 1, 0, 9 }, 8),
			 UINT64_MAX);
}

static void events_that_overflow_stop_at_the_top(void **state)
{
	struct sonde_batch *batch = make_calls(3);
	struct call_row *rows = batch_rows(batch);

	rows[1].count = UINT64_MAX;
	batch_finish(batch);
	assert_int_equal(batch->event_count, UINT64_MAX);
	batch_release(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_column_is_replaced_by_one_of_the_same_name_role_and_scope),
		cmocka_unit_test(a_batch_may_have_many_columns),
		cmocka_unit_test(what_is_no_type_of_a_column_is_refused),
		cmocka_unit_test(roles_are_found_in_order),
		cmocka_unit_test(a_heap_grows_and_is_zeroed),
		cmocka_unit_test(a_zero_where_zero_is_null_is_no_value),
		cmocka_unit_test(a_column_without_nulls_has_no_bits),
		cmocka_unit_test(nulls_that_were_set_stay_beside_those_that_are_zero),
		cmocka_unit_test(events_are_the_sum_over_the_selected_rows),
		cmocka_unit_test(every_row_is_one_event_without_a_column_of_events),
		cmocka_unit_test(events_may_have_any_type_of_integer),
		cmocka_unit_test(events_that_overflow_stop_at_the_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/batch.h promises of compaction. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"

struct point_row {
	int64_t time_ns;
	uint64_t events;
	uint32_t host;
	uint16_t port;
	unsigned char trace[16];
};

static const struct sonde_field point_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct point_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "events",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct point_row, events),
	  .role = SONDE_ROLE_EVENTS },
	{ .name = "host",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct point_row, host),
	  .zero_is_null = true },
	{ .name = "port", .type = SONDE_U16, SONDE_MEMBER(struct point_row, port) },
	{ .name = "trace",
	  .type = SONDE_ID16,
	  SONDE_MEMBER(struct point_row, trace),
	  .role = SONDE_ROLE_TRACE_ID },
	{ 0 }
};

enum { TIME, EVENTS, HOST, PORT, TRACE, ROWS = 200 };

static const struct sonde_schema point_schema = {
	.name = "point",
	.row_size = sizeof(struct point_row),
	.signal = SONDE_SIGNAL_LOG,
	.fields = point_fields,
};

static struct sonde_batch *make_points(struct sonde_dictionary *hosts)
{
	struct sonde_dictionary *dictionaries[] = { [HOST] = hosts, [TRACE] = NULL };
	struct sonde_batch *batch = batch_create(&point_schema, ROWS, dictionaries);
	struct point_row *rows = batch_rows(batch);

	memset(rows, 0, ROWS * sizeof(*rows));
	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i].time_ns = i;
		rows[i].events = i + 1;
		rows[i].host = i % 5;
		rows[i].port = (uint16_t)(i * 3);
		memset(rows[i].trace, (int)i, 16);
	}
	batch_resize(batch, ROWS);
	return batch;
}

static struct sonde_dictionary *make_hosts(uint32_t count)
{
	struct sonde_dictionary *hosts = dictionary_create(true);
	char text[16];

	for (uint32_t i = 0; i < count; i++)
		dictionary_add(hosts, text, (size_t)snprintf(text, sizeof(text), "host%u", i));
	return hosts;
}

/* Every `step`th row of a batch, in a derived one that is finished; takes over the reference. */
static struct sonde_batch *keep_every(struct sonde_batch *batch, uint32_t step)
{
	unsigned char bits[(ROWS + 7) / 8] = { 0 };
	struct sonde_batch *derived = batch_derive(batch);

	for (uint32_t row = 0; row < batch->row_count; row += step)
		bits[row >> 3] |= (unsigned char)(1 << (row & 7));
	assert_int_equal(batch_select(derived, bits), 0);
	batch_finish(derived);
	batch_release(batch);
	return derived;
}

/* The compacted batch alone; takes over the reference. */
static struct sonde_batch *compact(struct sonde_batch *batch)
{
	struct sonde_batch *compacted = batch_compact(batch);

	assert_non_null(compacted);
	batch_release(batch);
	return compacted;
}

static void a_batch_of_which_all_rows_are_selected_stays_itself(void **state)
{
	struct sonde_batch *batch = make_points(NULL), *compacted;

	batch_finish(batch);
	compacted = batch_compact(batch);
	assert_ptr_equal(compacted, batch);
	batch_release(batch);
	assert_int_equal(compacted->row_count, ROWS);
	batch_release(compacted);
}

static void the_selected_rows_are_all_that_is_left(void **state)
{
	struct sonde_dictionary *hosts = make_hosts(5);
	struct sonde_batch *batch = make_points(hosts);
	uint64_t events;

	dictionary_release(hosts);
	batch = keep_every(batch, 7);
	events = batch->event_count;
	batch = compact(batch);
	assert_null(batch->selected);
	assert_int_equal(batch->row_count, ROWS / 7 + 1);
	assert_int_equal(batch->selected_count, ROWS / 7 + 1);
	assert_int_equal(batch->event_count, events);
	assert_int_equal(batch->signal, SONDE_SIGNAL_LOG);
	assert_string_equal(batch->schema, "point");
	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t i = row * 7;
		unsigned char trace[16];
		char host[16];
		struct sonde_text text = sonde_text_at(sonde_column(batch, HOST), row);

		memset(trace, (int)i, sizeof(trace));
		(void)snprintf(host, sizeof(host), "host%u", i % 5);
		assert_true(sonde_number_at(sonde_column(batch, TIME), row) == i);
		assert_true(sonde_number_at(sonde_column(batch, EVENTS), row) == i + 1);
		assert_true(sonde_number_at(sonde_column(batch, PORT), row) == i * 3);
		assert_memory_equal(sonde_value(sonde_column(batch, TRACE), row), trace, 16);
		assert_int_equal(sonde_valid(sonde_column(batch, HOST), row), i % 5 != 0);
		assert_int_equal(text.length, i % 5 ? 5 : 0);
		assert_memory_equal(text.data, host, text.length);
	}
	batch_release(batch);
}

static void it_keeps_less_memory(void **state)
{
	struct sonde_dictionary *hosts = make_hosts(5000);
	struct sonde_batch *batch = make_points(hosts);
	size_t before;

	dictionary_release(hosts);
	batch = keep_every(batch, 50);
	before = batch_bytes(batch);
	batch = compact(batch);
	assert_true(batch_bytes(batch) * 10 < before);
	batch_release(batch);
}

static void a_dictionary_is_copied_where_few_of_its_entries_are_used(void **state)
{
	struct sonde_dictionary *small = make_hosts(5), *large = make_hosts(5000);
	struct sonde_batch *one = compact(keep_every(make_points(small), 7));
	struct sonde_batch *two = compact(keep_every(make_points(large), 7));

	assert_ptr_equal(sonde_column(one, HOST)->dictionary, small);
	assert_ptr_not_equal(sonde_column(two, HOST)->dictionary, large);
	assert_int_equal(sonde_column(two, HOST)->dictionary_length, 5);
	assert_int_not_equal(sonde_column(two, HOST)->dictionary->distinct, 0);
	dictionary_release(small);
	dictionary_release(large);
	for (uint32_t row = 0; row < one->row_count; row++) {
		struct sonde_text a = sonde_text_at(sonde_column(one, HOST), row);
		struct sonde_text b = sonde_text_at(sonde_column(two, HOST), row);

		assert_int_equal(a.length, b.length);
		assert_memory_equal(a.data, b.data, a.length);
	}
	batch_release(one);
	batch_release(two);
}

static void columns_that_shared_a_copied_dictionary_share_the_copy(void **state)
{
	static const struct sonde_field fields[] = { { .name = "source", .type = SONDE_TEXT },
						     { .name = "target", .type = SONDE_TEXT } };
	struct sonde_dictionary *hosts = make_hosts(5000);
	struct sonde_batch *batch = batch_table("flow", SONDE_SIGNAL_LOG, ROWS);

	for (uint32_t i = 0; i < 2; i++) {
		struct sonde_column *column = batch_add(batch, &fields[i], hosts);

		for (uint32_t row = 0; row < ROWS; row++) {
			uint32_t code = row * 11 + i;

			memcpy(column->base + (size_t)row * 4, &code, sizeof(code));
		}
	}
	dictionary_release(hosts);
	batch = compact(keep_every(batch, 10));
	assert_ptr_equal(sonde_column(batch, 0)->dictionary, sonde_column(batch, 1)->dictionary);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		for (uint32_t i = 0; i < 2; i++) {
			struct sonde_text text = sonde_text_at(sonde_column(batch, i), row);
			char host[16];
			int length = snprintf(host, sizeof(host), "host%u", row * 110 + i);

			assert_int_equal(text.length, length);
			assert_memory_equal(text.data, host, text.length);
		}
	}
	batch_release(batch);
}

static void constants_stay_constants(void **state)
{
	static const struct sonde_field field = {
		.name = "zone", .type = SONDE_I32, .unit = "1", .help = "where"
	};
	static const int32_t zone = -4;
	struct sonde_batch *points = make_points(NULL), *batch = batch_derive(points);
	const struct sonde_column *column;

	batch_release(points);
	assert_non_null(batch_constant(batch, &field, NULL, &zone));
	batch = compact(keep_every(batch, 3));
	column = sonde_column(batch, TRACE + 1);
	assert_int_equal(column->stride, 0);
	assert_string_equal(column->name, "zone");
	assert_string_equal(column->unit, "1");
	assert_string_equal(column->help, "where");
	for (uint32_t row = 0; row < batch->row_count; row++)
		assert_true(sonde_number_at(column, row) == -4);
	batch_release(batch);
}

static void no_rows_at_all_make_an_empty_batch(void **state)
{
	static const unsigned char none[(ROWS + 7) / 8] = { 0 };
	struct sonde_batch *points = make_points(NULL), *batch = batch_derive(points);

	batch_release(points);
	assert_int_equal(batch_select(batch, none), 0);
	batch_finish(batch);
	batch = compact(batch);
	assert_int_equal(batch->row_count, 0);
	assert_int_equal(batch->event_count, 0);
	assert_int_equal(batch->column_count, TRACE + 1);
	batch_release(batch);
}

static uint32_t settled_count;

static void count_settled(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	settled_count++;
}

static void the_receipts_are_carried_on(void **state)
{
	struct receipt *receipt = receipt_create(count_settled, NULL, 0);
	struct sonde_batch *batch = make_points(NULL);

	settled_count = 0;
	receipts_add(batch_receipts(batch), receipt, ROWS);
	receipt_release(receipt);
	batch = compact(keep_every(batch, 9));
	assert_int_equal(settled_count, 0);
	assert_int_equal(batch_receipts(batch)->count, 1);
	batch_release(batch);
	assert_int_equal(settled_count, 1);
}

/* ---- heaps ------------------------------------------------------------------------------- */

static uint32_t words_add(struct sonde_batch *batch, uint32_t column, uint32_t count,
			  uint64_t first)
{
	uint32_t start = 0;
	uint64_t *words = batch_heap(batch, column, count, &start);

	for (uint32_t i = 0; i < count; i++)
		words[i] = first + i;
	return start;
}

static void assert_words(const struct sonde_column *column, uint32_t start, uint32_t count,
			 uint64_t first)
{
	assert_true(start + count <= column->heap_length);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(column->heap[start + i], first + i);
}

static struct sonde_batch *make_histograms(void)
{
	static const struct sonde_field fields[] = {
		{ .name = "a", .type = SONDE_EXPONENTIAL, .role = SONDE_ROLE_HISTOGRAM },
		{ .name = "b", .type = SONDE_EXPLICIT, .role = SONDE_ROLE_HISTOGRAM },
		{ .name = "c", .type = SONDE_QUANTILES, .role = SONDE_ROLE_HISTOGRAM },
	};
	struct sonde_batch *batch = batch_table("h", SONDE_SIGNAL_METRIC, ROWS);

	for (uint32_t i = 0; i < 3; i++)
		assert_non_null(batch_add(batch, &fields[i], NULL));
	for (uint32_t row = 0; row < ROWS; row++) {
		struct sonde_exponential a = { .count = row,
					       .positive_length = row % 7,
					       .negative_length = row % 3 };
		struct sonde_explicit b = { .count = row, .length = row % 5 };
		struct sonde_quantiles c = { .count = row, .length = row % 4 };

		a.positive_start = words_add(batch, 0, row % 7, row * 1000);
		a.negative_start = words_add(batch, 0, row % 3, row * 2000);
		b.bounds_start = words_add(batch, 1, b.length ? b.length - 1 : 0, row * 3000);
		b.counts_start = words_add(batch, 1, b.length, row * 4000);
		c.pairs_start = words_add(batch, 2, c.length * 2, row * 5000);
		memcpy(sonde_column(batch, 0)->base + row * sizeof(a), &a, sizeof(a));
		memcpy(sonde_column(batch, 1)->base + row * sizeof(b), &b, sizeof(b));
		memcpy(sonde_column(batch, 2)->base + row * sizeof(c), &c, sizeof(c));
	}
	return batch;
}

static void histograms_take_their_part_of_the_heap_along(void **state)
{
	struct sonde_batch *batch = compact(keep_every(make_histograms(), 11));

	assert_true(sonde_column(batch, 0)->heap_length <= 19 * 8);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t i = row * 11;
		struct sonde_exponential a;
		struct sonde_explicit b;
		struct sonde_quantiles c;

		memcpy(&a, sonde_value(sonde_column(batch, 0), row), sizeof(a));
		memcpy(&b, sonde_value(sonde_column(batch, 1), row), sizeof(b));
		memcpy(&c, sonde_value(sonde_column(batch, 2), row), sizeof(c));
		assert_int_equal(a.count, i);
		assert_int_equal(a.positive_length, i % 7);
		assert_int_equal(a.negative_length, i % 3);
		assert_int_equal(b.length, i % 5);
		assert_int_equal(c.length, i % 4);
		assert_words(sonde_column(batch, 0), a.positive_start, i % 7, i * 1000);
		assert_words(sonde_column(batch, 0), a.negative_start, i % 3, i * 2000);
		assert_words(sonde_column(batch, 1), b.bounds_start, b.length ? b.length - 1 : 0,
			     i * 3000);
		assert_words(sonde_column(batch, 1), b.counts_start, b.length, i * 4000);
		assert_words(sonde_column(batch, 2), c.pairs_start, c.length * 2, i * 5000);
	}
	batch_release(batch);
}

static void lengths_beyond_the_heap_are_not_followed(void **state)
{
	struct sonde_batch *batch = make_histograms();
	struct sonde_exponential a = { .positive_start = 5,
				       .positive_length = UINT32_MAX,
				       .negative_start = UINT32_MAX,
				       .negative_length = 1 };
	struct sonde_explicit b = { .length = UINT32_MAX };
	struct sonde_quantiles c = { .length = UINT32_MAX };

	memcpy(sonde_column(batch, 0)->base, &a, sizeof(a));
	memcpy(sonde_column(batch, 1)->base, &b, sizeof(b));
	memcpy(sonde_column(batch, 2)->base, &c, sizeof(c));
	batch = compact(keep_every(batch, 2));
	memcpy(&a, sonde_value(sonde_column(batch, 0), 0), sizeof(a));
	memcpy(&b, sonde_value(sonde_column(batch, 1), 0), sizeof(b));
	memcpy(&c, sonde_value(sonde_column(batch, 2), 0), sizeof(c));
	assert_int_equal(a.positive_length + a.negative_length, 0);
	assert_int_equal(b.length, 0);
	assert_int_equal(c.length, 0);
	batch_release(batch);
}

/* ---- children ---------------------------------------------------------------------------- */

/* A child with `each` rows for every row of its parent, and numbers that say which is which. */
static struct sonde_batch *make_child(uint32_t parent_count, uint32_t each)
{
	static const struct sonde_field parent = { .name = "parent",
						   .type = SONDE_U32,
						   .role = SONDE_ROLE_PARENT_ROW };
	static const struct sonde_field number = { .name = "number", .type = SONDE_U64 };
	struct sonde_batch *child =
		batch_table("event", SONDE_SIGNAL_SPAN_EVENT, parent_count * each);
	struct sonde_column *column;

	column = batch_add(child, &parent, NULL);
	for (uint32_t row = 0; row < parent_count * each; row++) {
		uint32_t place = row / each;

		memcpy(column->base + (size_t)row * 4, &place, sizeof(place));
	}
	column = batch_add(child, &number, NULL);
	for (uint64_t row = 0; row < parent_count * each; row++)
		memcpy(column->base + row * 8, &row, sizeof(row));
	return child;
}

static void children_follow_their_parents(void **state)
{
	struct sonde_batch *batch = make_points(NULL), *child = make_child(ROWS, 3);
	const struct sonde_batch *copy, *grandchild;

	assert_int_equal(batch_adopt(child, make_child(ROWS * 3, 2)), 0);
	assert_int_equal(batch_adopt(batch, child), 0);
	batch = compact(keep_every(batch, 13));
	assert_int_equal(batch->child_count, 1);
	copy = batch->children[0];
	assert_int_equal(copy->signal, SONDE_SIGNAL_SPAN_EVENT);
	assert_int_equal(copy->row_count, batch->row_count * 3);
	for (uint32_t row = 0; row < copy->row_count; row++) {
		assert_true(sonde_number_at(sonde_column(copy, 0), row) == row / 3);
		assert_true(sonde_number_at(sonde_column(copy, 1), row) == row / 3 * 39 + row % 3);
	}
	grandchild = copy->children[0];
	assert_int_equal(grandchild->row_count, batch->row_count * 6);
	for (uint32_t row = 0; row < grandchild->row_count; row++) {
		assert_true(sonde_number_at(sonde_column(grandchild, 0), row) == row / 2);
		assert_true(sonde_number_at(sonde_column(grandchild, 1), row) ==
			    row / 6 * 78 + row % 6);
	}
	batch_release(batch);
}

static void children_of_no_row_are_left_behind(void **state)
{
	struct sonde_batch *batch = make_points(NULL), *child = make_child(ROWS, 1);
	const uint32_t beyond[] = { ROWS, UINT32_MAX };

	memcpy(sonde_column(child, 0)->base, beyond, sizeof(beyond));
	batch_valid(child, 0)[0] = 0xfb; /* row 2 has no parent */
	assert_int_equal(batch_adopt(batch, child), 0);
	batch = compact(keep_every(batch, 2));
	assert_int_equal(batch->children[0]->row_count, ROWS / 2 - 2);
	assert_true(sonde_number_at(sonde_column(batch->children[0], 1), 0) == 4);
	assert_true(sonde_number_at(sonde_column(batch->children[0], 0), 0) == 2);
	batch_release(batch);
}

static void all_children_may_have_one_parent(void **state)
{
	static const struct sonde_field parent = { .name = "parent",
						   .type = SONDE_U32,
						   .role = SONDE_ROLE_PARENT_ROW };
	static const uint32_t place = 10;
	struct sonde_batch *batch = make_points(NULL);
	struct sonde_batch *child = batch_table("event", SONDE_SIGNAL_SPAN_EVENT, 5);

	assert_non_null(batch_constant(child, &parent, NULL, &place));
	assert_int_equal(batch_adopt(batch, child), 0);
	batch = compact(keep_every(batch, 5));
	assert_int_equal(batch->children[0]->row_count, 5);
	assert_true(sonde_number_at(sonde_column(batch->children[0], 0), 4) == 2);
	batch_release(batch);
}

static void a_table_without_a_parent_row_or_nested_too_deep_is_not_adopted(void **state)
{
	struct sonde_batch *batch = make_child(1, 1), *orphan = batch_table("o", 0, 1);
	int result = 0;

	assert_true(batch_adopt(batch, orphan) < 0);
	assert_int_equal(batch->child_count, 0);
	for (uint32_t depth = 0; depth < 6; depth++) {
		struct sonde_batch *parent = make_child(1, 1);

		result = batch_adopt(parent, batch);
		batch = parent;
		if (result)
			break;
		assert_true(depth < 4);
	}
	assert_true(result < 0);
	batch_release(batch);
}

static void a_derived_batch_may_have_more_children_than_its_parent(void **state)
{
	struct sonde_batch *batch = make_points(NULL), *derived;

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(batch_adopt(batch, make_child(ROWS, 1)), 0);
	derived = batch_derive(batch);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(batch_adopt(derived, make_child(ROWS, 2)), 0);
	batch_finish(derived);
	assert_int_equal(batch->child_count, 3);
	batch_release(batch);
	assert_int_equal(derived->child_count, 12);
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(derived->children[i]->row_count, i < 3 ? ROWS : ROWS * 2);
	batch_release(derived);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_of_which_all_rows_are_selected_stays_itself),
		cmocka_unit_test(the_selected_rows_are_all_that_is_left),
		cmocka_unit_test(it_keeps_less_memory),
		cmocka_unit_test(a_dictionary_is_copied_where_few_of_its_entries_are_used),
		cmocka_unit_test(columns_that_shared_a_copied_dictionary_share_the_copy),
		cmocka_unit_test(constants_stay_constants),
		cmocka_unit_test(no_rows_at_all_make_an_empty_batch),
		cmocka_unit_test(the_receipts_are_carried_on),
		cmocka_unit_test(histograms_take_their_part_of_the_heap_along),
		cmocka_unit_test(lengths_beyond_the_heap_are_not_followed),
		cmocka_unit_test(children_follow_their_parents),
		cmocka_unit_test(children_of_no_row_are_left_behind),
		cmocka_unit_test(all_children_may_have_one_parent),
		cmocka_unit_test(a_table_without_a_parent_row_or_nested_too_deep_is_not_adopted),
		cmocka_unit_test(a_derived_batch_may_have_more_children_than_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

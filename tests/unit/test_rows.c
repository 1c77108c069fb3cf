// SPDX-License-Identifier: Apache-2.0
/* What core/rows.h promises. Memory is refused through wrappers of malloc() and its kin, which the
 * linker puts in place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "dictionary.h"
#include "made.h"
#include "rows.h"
#include "storage.h"

enum { MADE, OTHER };

struct other_row {
	uint64_t number;
	struct sonde_exponential latency;
};

static const struct sonde_field other_fields[] = {
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct other_row, number) },
	{ .name = "latency",
	  .type = SONDE_EXPONENTIAL,
	  SONDE_MEMBER(struct other_row, latency),
	  .role = SONDE_ROLE_HISTOGRAM,
	  .temporality = SONDE_DELTA },
	{ 0 }
};

enum { FIELD_NUMBER, FIELD_EVENTS, FIELD_TEXT };
enum { FIELD_LATENCY = 1 };

static struct sonde_schema schemas[3];
static const struct sonde_plugin plugin = { SONDE_PLUGIN_INPUT, .schemas = schemas };

/* Everything that was sent, in the order of coming; held. */
struct sent {
	struct sonde_batch *batches[64];
	uint32_t count;
	uint64_t rows;
};

static void take(void *data, struct sonde_batch *batch)
{
	struct sent *sent = data;

	batch_finish(batch);
	sent->rows += batch->selected_count;
	if (sent->count < 64)
		sent->batches[sent->count++] = batch;
	else
		batch_release(batch);
}

static void open_rows(struct rows *rows, struct sent *sent)
{
	*sent = (struct sent){ 0 };
	schemas[MADE] = made_schemas[0];
	schemas[OTHER] = (struct sonde_schema){ .name = "other",
						.row_size = sizeof(struct other_row),
						.fields = other_fields };
	assert_int_equal(rows_init(rows, &plugin, 2, take, sent), 0);
}

static void close_rows(struct rows *rows, struct sent *sent)
{
	rows_clear(rows);
	for (uint32_t i = 0; i < sent->count; i++)
		batch_release(sent->batches[i]);
}

static struct made_row *add_row(struct rows *rows, uint64_t number)
{
	struct made_row *row = rows_row(rows, MADE);

	row->number = number;
	row->events = 1;
	return row;
}

/* Every row that was sent, in order: numbered from 0 without a gap. */
static void assert_numbered(const struct sent *sent, uint64_t count)
{
	uint64_t expected = 0;

	for (uint32_t b = 0; b < sent->count; b++) {
		const struct sonde_batch *batch = sent->batches[b];

		for (uint32_t i = 0; i < batch->row_count; i++) {
			uint64_t number;

			memcpy(&number, sonde_value(sonde_column(batch, 0), i), sizeof(number));
			assert_int_equal(number, expected++);
		}
	}
	assert_int_equal(expected, count);
}

/* ---- refusing memory --------------------------------------------------------------------- */

static bool refusing;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **ret_memory, size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_posix_memalign(void **ret_memory, size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	return refusing ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refusing ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return refusing ? NULL : __real_realloc(memory, size);
}

int __wrap_posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
	return refusing ? ENOMEM : __real_posix_memalign(ret_memory, alignment, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return refusing ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void a_row_comes_zeroed(void **state)
{
	static const struct made_row zero;
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2500; i++) {
			struct made_row *row = rows_row(&rows, MADE);

			assert_memory_equal(row, &zero, sizeof(zero));
			memset(row, 0xff, sizeof(*row));
		}
		rows_settle(&rows); /* not emitted: the same memory comes again */
	}
	close_rows(&rows, &sent);
}

static void thousands_of_rows_without_an_emit_between_them_arrive_in_order(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	for (uint64_t i = 0; i < 12345; i++)
		add_row(&rows, i);
	assert_int_equal(sent.count, 0);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_numbered(&sent, 12345);
	close_rows(&rows, &sent);
}

static void rows_emitted_one_by_one_arrive_in_order_in_batches_of_a_thousand(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	for (uint64_t i = 0; i < 12345; i++) {
		add_row(&rows, i);
		rows_emit(&rows);
	}
	rows_settle(&rows);
	assert_true(sent.rows >= 11000);
	rows_flush(&rows, 1);
	assert_numbered(&sent, 12345);
	assert_int_equal(sent.batches[sent.count - 2]->row_count, ROWS_PER_BATCH);
	close_rows(&rows, &sent);
}

static void rows_that_were_not_emitted_are_dropped_and_the_others_are_not(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	for (uint64_t i = 0; i < 10; i++)
		add_row(&rows, i);
	rows_emit(&rows);
	for (int i = 0; i < 5000; i++)
		add_row(&rows, 999999);
	rows_settle(&rows);
	for (uint64_t i = 10; i < 20; i++)
		add_row(&rows, i);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_numbered(&sent, 20);
	close_rows(&rows, &sent);
}

static void committed_rows_wait_until_they_are_flushed(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	assert_false(rows_waiting(&rows));
	add_row(&rows, 0);
	assert_false(rows_waiting(&rows));
	rows_emit(&rows);
	assert_true(rows_waiting(&rows));
	assert_int_equal(sent.count, 0);
	rows_flush(&rows, 77);
	assert_false(rows_waiting(&rows));
	assert_int_equal(sent.count, 1);
	assert_int_equal(rows.sent_ns, 77);
	rows_flush(&rows, 78);
	assert_int_equal(sent.count, 1);
	close_rows(&rows, &sent);
}

static void a_flush_amid_a_callback_leaves_the_row_being_filled_to_its_owner(void **state)
{
	struct made_row *row;
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	add_row(&rows, 0);
	rows_emit(&rows);
	row = add_row(&rows, 0);
	rows_flush(&rows, 1); /* as a whole batch is emitted in between */
	row->number = 1;
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 2);
	assert_numbered(&sent, 2);
	close_rows(&rows, &sent);
}

static void schemas_fill_batches_of_their_own(void **state)
{
	struct other_row *other;
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	add_row(&rows, 0);
	other = rows_row(&rows, OTHER);
	other->number = 5;
	add_row(&rows, 1);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_int_equal(sent.count, 2);
	assert_string_equal(sent.batches[0]->schema, "made");
	assert_int_equal(sent.batches[0]->row_count, 2);
	assert_string_equal(sent.batches[1]->schema, "other");
	assert_int_equal(first_number(sent.batches[1]), 5);
	close_rows(&rows, &sent);
}

static void a_field_without_a_value_is_that_of_the_last_row_only(void **state)
{
	const struct sonde_column *column;
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	rows_null(&rows, MADE, FIELD_NUMBER); /* before any row: nothing happens */
	for (uint64_t i = 0; i < 4000; i++) {
		add_row(&rows, i);
		if (i % 3 == 1)
			rows_null(&rows, MADE, FIELD_NUMBER);
	}
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	for (uint32_t b = 0, i = 0; b < sent.count; b++) {
		column = sonde_column(sent.batches[b], FIELD_NUMBER);
		for (uint32_t r = 0; r < sent.batches[b]->row_count; r++, i++)
			assert_int_equal(sonde_valid(column, r), i % 3 != 1);
	}
	close_rows(&rows, &sent);
}

static void a_row_that_was_dropped_leaves_no_null_behind(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	add_row(&rows, 0);
	rows_null(&rows, MADE, FIELD_NUMBER);
	rows_settle(&rows);
	add_row(&rows, 0);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_true(sonde_valid(sonde_column(sent.batches[0], FIELD_NUMBER), 0));
	close_rows(&rows, &sent);
}

static void histograms_keep_their_buckets(void **state)
{
	const struct sonde_exponential *latency;
	const struct sonde_column *column;
	struct other_row *row;
	struct rows rows;
	uint64_t *counts;
	struct sent sent;
	uint32_t start;

	open_rows(&rows, &sent);
	assert_null(rows_heap(&rows, OTHER, FIELD_LATENCY, 4, &start)); /* no row yet */
	for (uint32_t i = 0; i < 3000; i++) {
		row = rows_row(&rows, OTHER);
		row->number = i;
		row->latency.positive_length = 2;
		counts = rows_heap(&rows, OTHER, FIELD_LATENCY, 2, &row->latency.positive_start);
		assert_non_null(counts);
		counts[0] = i;
		counts[1] = 2 * i;
	}
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	for (uint32_t b = 0, i = 0; b < sent.count; b++) {
		column = sonde_column(sent.batches[b], FIELD_LATENCY);
		for (uint32_t r = 0; r < sent.batches[b]->row_count; r++, i++) {
			latency = sonde_value(column, r);
			assert_int_equal(column->heap[latency->positive_start], i);
			assert_int_equal(column->heap[latency->positive_start + 1], 2 * i);
		}
	}
	close_rows(&rows, &sent);
}

/* ---- texts ------------------------------------------------------------------------------- */

static void assert_text(const struct sonde_batch *batch, uint32_t row, const char *expected)
{
	struct sonde_text text = sonde_text_at(sonde_column(batch, FIELD_TEXT), row);

	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(text.data, expected, text.length);
}

static void a_text_that_was_not_given_is_empty(void **state)
{
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	add_row(&rows, 0);
	add_row(&rows, 1)->text = rows_text(&rows, "some", 4, true);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_text(sent.batches[0], 0, "");
	assert_text(sent.batches[0], 1, "some");
	close_rows(&rows, &sent);
}

static uint32_t texts_sent(struct rows *rows, const struct sent *sent)
{
	uint32_t number = 0;
	char expected[32];

	for (uint32_t b = 0; b < sent->count; b++) {
		for (uint32_t r = 0; r < sent->batches[b]->row_count; r++) {
			snprintf(expected, sizeof(expected), "text %u", number++);
			assert_text(sent->batches[b], r, expected);
		}
	}
	return number;
}

static void a_grown_dictionary_gives_way_to_a_new_one_and_old_batches_keep_theirs(void **state)
{
	const struct sonde_dictionary *first, *last;
	struct rows rows;
	struct sent sent;
	char text[32];

	open_rows(&rows, &sent);
	for (uint32_t i = 0; i < 40000; i++) {
		int length = snprintf(text, sizeof(text), "text %u", i);

		uint32_t code =
			rows_text(&rows, text, (size_t)length, i % 2 == 0); /* before its row */

		add_row(&rows, i)->text = code;
		rows_emit(&rows);
		if (i % 777 == 0) /* the end of a callback */
			rows_settle(&rows);
	}
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_int_equal(texts_sent(&rows, &sent), 40000);
	first = sonde_column(sent.batches[0], FIELD_TEXT)->dictionary;
	last = sonde_column(sent.batches[sent.count - 1], FIELD_TEXT)->dictionary;
	assert_ptr_not_equal(first, last);
	close_rows(&rows, &sent);
}

static void texts_of_one_callback_stay_readable_however_much_they_grow(void **state)
{
	struct rows rows;
	struct sent sent;
	char text[32];

	open_rows(&rows, &sent);
	for (uint32_t i = 0; i < 30000; i++) {
		struct made_row *row = add_row(&rows, i);
		int length = snprintf(text, sizeof(text), "text %u", i);

		row->text = rows_text(&rows, text, (size_t)length, false);
	}
	rows_emit(&rows);
	rows_settle(&rows);
	assert_int_equal(sent.count, 30); /* and what follows waits to be flushed */
	rows_flush(&rows, 1);
	assert_int_equal(texts_sent(&rows, &sent), 30000);
	close_rows(&rows, &sent);
}

static void a_bound_dictionary_is_used_from_the_next_batch_on(void **state)
{
	struct sonde_dictionary *own = dictionary_create(true);
	uint32_t code = dictionary_add(own, "own", 3);
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	assert_int_equal(rows_bind(&rows, MADE, FIELD_TEXT, own), 0);
	dictionary_release(own); /* the rows hold it */
	add_row(&rows, 0)->text = code;
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_text(sent.batches[0], 0, "own");
	assert_int_equal(rows_bind(&rows, MADE, FIELD_TEXT, NULL), 0);
	add_row(&rows, 1)->text = rows_text(&rows, "shared", 6, true);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_text(sent.batches[1], 0, "shared");
	close_rows(&rows, &sent);
}

static void only_a_field_of_texts_can_be_bound(void **state)
{
	struct sonde_dictionary *own = dictionary_create(true);
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	assert_int_equal(rows_bind(&rows, MADE, FIELD_NUMBER, own), -EINVAL);
	assert_int_equal(rows_bind(&rows, MADE, 3, own), -ERANGE);
	assert_int_equal(rows_bind(&rows, 2, 0, own), -ERANGE);
	dictionary_release(own);
	close_rows(&rows, &sent);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* So that blocks that wait to be used again cannot hide a refusal. */
static void refuse(bool now)
{
	storage_trim();
	storage_trim();
	refusing = now;
}

static void a_row_that_memory_is_refused_for_is_a_scratch_row_and_counted(void **state)
{
	struct made_row *row;
	struct rows rows;
	struct sent sent;

	open_rows(&rows, &sent);
	refuse(true);
	for (int i = 0; i < 5; i++) {
		row = add_row(&rows, 999999);
		row->text = rows_text(&rows, "lost", 4, true);
		rows_null(&rows, MADE, FIELD_NUMBER);
		rows_emit(&rows);
	}
	refuse(false);
	assert_int_equal(rows.refused_rows, 5);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_int_equal(sent.count, 0);
	add_row(&rows, 0);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_numbered(&sent, 1);
	close_rows(&rows, &sent);
}

static void a_refusal_amid_a_callback_spoils_no_row_before_it(void **state)
{
	const struct sonde_column *column;
	struct rows rows;
	struct sent sent;
	uint64_t given = 0;

	open_rows(&rows, &sent);
	for (; given < 16; given++) /* the first batch is full, and none of it is emitted */
		add_row(&rows, given);
	refuse(true);
	add_row(&rows, 999999);
	rows_null(&rows, MADE, FIELD_NUMBER); /* of the scratch row, not of the one before it */
	refuse(false);
	assert_int_equal(rows.refused_rows, 1);
	rows_emit(&rows);
	rows_settle(&rows);
	rows_flush(&rows, 1);
	assert_numbered(&sent, given);
	column = sonde_column(sent.batches[0], FIELD_NUMBER);
	for (uint32_t i = 0; i < given; i++)
		assert_true(sonde_valid(column, i));
	close_rows(&rows, &sent);
}

static void the_heap_of_a_scratch_row_is_refused_as_well(void **state)
{
	struct rows rows;
	struct sent sent;
	uint32_t start;

	open_rows(&rows, &sent);
	for (uint32_t i = 0; i < 16; i++)
		rows_row(&rows, OTHER);
	refuse(true);
	rows_row(&rows, OTHER);
	refuse(false); /* only the row was refused */
	assert_null(rows_heap(&rows, OTHER, FIELD_LATENCY, 2, &start));
	close_rows(&rows, &sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_comes_zeroed),
		cmocka_unit_test(thousands_of_rows_without_an_emit_between_them_arrive_in_order),
		cmocka_unit_test(rows_emitted_one_by_one_arrive_in_order_in_batches_of_a_thousand),
		cmocka_unit_test(rows_that_were_not_emitted_are_dropped_and_the_others_are_not),
		cmocka_unit_test(committed_rows_wait_until_they_are_flushed),
		cmocka_unit_test(a_flush_amid_a_callback_leaves_the_row_being_filled_to_its_owner),
		cmocka_unit_test(schemas_fill_batches_of_their_own),
		cmocka_unit_test(a_field_without_a_value_is_that_of_the_last_row_only),
		cmocka_unit_test(a_row_that_was_dropped_leaves_no_null_behind),
		cmocka_unit_test(histograms_keep_their_buckets),
		cmocka_unit_test(a_text_that_was_not_given_is_empty),
		cmocka_unit_test(
			a_grown_dictionary_gives_way_to_a_new_one_and_old_batches_keep_theirs),
		cmocka_unit_test(texts_of_one_callback_stay_readable_however_much_they_grow),
		cmocka_unit_test(a_bound_dictionary_is_used_from_the_next_batch_on),
		cmocka_unit_test(only_a_field_of_texts_can_be_bound),
		cmocka_unit_test(a_row_that_memory_is_refused_for_is_a_scratch_row_and_counted),
		cmocka_unit_test(a_refusal_amid_a_callback_spoils_no_row_before_it),
		cmocka_unit_test(the_heap_of_a_scratch_row_is_refused_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance under test has emitted, row by row. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "test_host.h"

/* Rows that were emitted one by one and wait to be gathered. */
static void emitted_gather(struct sonde_test *test)
{
	struct instance *instance = test->instance;

	test_enter(test);
	if (!instance->rows.count || !rows_waiting(&instance->rows))
		return;
	rows_flush(&instance->rows, test->loop.now_ns);
	loop_timer_end(&test->loop, &instance->linger);
}

uint32_t sonde_test_batch_count(struct sonde_test *test)
{
	emitted_gather(test);
	return test->batch_count;
}

struct sonde_batch *sonde_test_batch(struct sonde_test *test, uint32_t index)
{
	return index < sonde_test_batch_count(test) ? test->batches[index] : NULL;
}

uint32_t sonde_test_row_count(struct sonde_test *test)
{
	uint32_t count = 0;

	emitted_gather(test);
	for (uint32_t i = 0; i < test->batch_count; i++)
		count += test->batches[i]->selected_count;
	return count;
}

/* ---- one row ----------------------------------------------------------------------------- */

/* Where a row lies: its batch, and its number in the storage of it. */
static const struct sonde_batch *row_find(struct sonde_test *test, uint32_t row, uint32_t *ret_row)
{
	uint32_t left = row;

	emitted_gather(test);
	for (uint32_t i = 0; i < test->batch_count; i++) {
		const struct sonde_batch *batch = test->batches[i];

		for (uint32_t r = 0; r < batch->row_count; r++) {
			if (!sonde_selected(batch, r) || left-- > 0)
				continue;
			*ret_row = r;
			return batch;
		}
	}
	test_die("%s: there is no row %u: %u were emitted", test->config.name, row,
		 sonde_test_row_count(test));
}

static const struct sonde_column *column_find(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (!strcmp(sonde_column(batch, i)->name, name))
			return sonde_column(batch, i);
	}
	return NULL;
}

/* A column in which the row has a value. */
static const struct sonde_column *value_find(struct sonde_test *test, uint32_t row,
					     const char *name, uint32_t *ret_row)
{
	const struct sonde_batch *batch = row_find(test, row, ret_row);
	const struct sonde_column *column = column_find(batch, name);

	if (!column)
		test_die("%s: rows of %s have no column \"%s\"", test->config.name, batch->schema,
			 name);
	if (!sonde_valid(column, *ret_row))
		test_die("%s: row %u has no value in \"%s\"", test->config.name, row, name);
	return column;
}

const char *sonde_test_schema(struct sonde_test *test, uint32_t row)
{
	return row_find(test, row, &row)->schema;
}

bool sonde_test_has(struct sonde_test *test, uint32_t row, const char *name)
{
	const struct sonde_column *column;
	uint32_t at;

	column = column_find(row_find(test, row, &at), name);
	return column && sonde_valid(column, at);
}

static bool is_number(uint32_t type)
{
	return (type >= SONDE_BOOL && type <= SONDE_DOUBLE) || type == SONDE_TIME ||
	       type == SONDE_DURATION;
}

static const struct sonde_column *number_find(struct sonde_test *test, uint32_t row,
					      const char *name, uint32_t *ret_row)
{
	const struct sonde_column *column = value_find(test, row, name, ret_row);

	if (!is_number(column->type))
		test_die("%s: \"%s\" is no number but %s", test->config.name, name,
			 type_name(column->type));
	return column;
}

double sonde_test_number(struct sonde_test *test, uint32_t row, const char *name)
{
	uint32_t at;
	const struct sonde_column *column = number_find(test, row, name, &at);

	return sonde_number_at(column, at);
}

static bool is_wide(uint32_t type)
{
	return type == SONDE_I64 || type == SONDE_U64 || type == SONDE_TIME ||
	       type == SONDE_DURATION;
}

int64_t sonde_test_integer(struct sonde_test *test, uint32_t row, const char *name)
{
	uint32_t at;
	const struct sonde_column *column = number_find(test, row, name, &at);
	int64_t value;

	if (!is_wide(column->type)) /* a double holds it whole */
		return (int64_t)sonde_number_at(column, at);
	memcpy(&value, sonde_value(column, at), sizeof(value));
	return value;
}

const char *sonde_test_text(struct sonde_test *test, uint32_t row, const char *name)
{
	uint32_t at;
	const struct sonde_column *column = value_find(test, row, name, &at);
	struct sonde_text text = sonde_text_at(column, at);

	if (column->type == SONDE_TEXT)
		return test_memory(arena_copy_length(test->arena, text.data, text.length));
	test->printed.length = 0;
	test_print_value(&test->printed, column, at);
	return test_memory(arena_copy(test->arena, test->printed.data));
}

/* ---- all of them ------------------------------------------------------------------------- */

static void print_hex(struct test_text *text, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	test_text_add(text, "0x");
	for (size_t i = 0; i < length; i++)
		test_text_add(text, "%02x", bytes[i]);
}

static void print_wide(struct test_text *text, const struct sonde_column *column, uint32_t row)
{
	uint64_t value;

	memcpy(&value, sonde_value(column, row), sizeof(value));
	if (column->type == SONDE_U64)
		test_text_add(text, "%" PRIu64, value);
	else
		test_text_add(text, "%" PRId64, (int64_t)value);
}

/* Every kind of histogram begins with its count. */
static void print_histogram(struct test_text *text, const struct sonde_column *column, uint32_t row)
{
	uint64_t count;

	memcpy(&count, sonde_value(column, row), sizeof(count));
	test_text_add(text, "(%" PRIu64 " values)", count);
}

void test_print_value(struct test_text *text, const struct sonde_column *column, uint32_t row)
{
	struct sonde_text value = sonde_text_at(column, row);

	if (column->type == SONDE_TEXT)
		test_text_add(text, "\"%.*s\"", (int)value.length, value.data);
	else if (column->type == SONDE_BYTES || column->type == SONDE_ANY)
		print_hex(text, value.data, value.length);
	else if (column->type == SONDE_ID8 || column->type == SONDE_ID16)
		print_hex(text, sonde_value(column, row), column->value_size);
	else if (column->type == SONDE_BOOL)
		test_text_add(text, sonde_number_at(column, row) != 0 ? "true" : "false");
	else if (is_wide(column->type))
		print_wide(text, column, row);
	else if (is_number(column->type))
		test_text_add(text, "%.15g", sonde_number_at(column, row));
	else
		print_histogram(text, column, row);
}

static void print_row(struct test_text *text, const struct sonde_batch *batch, uint32_t row)
{
	test_text_add(text, "%s", batch->schema);
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!sonde_valid(column, row))
			continue;
		test_text_add(text, " %s=", column->name);
		test_print_value(text, column, row);
	}
	test_text_add(text, "\n");
}

const char *sonde_test_print(struct sonde_test *test)
{
	struct test_text text = { 0 };
	const char *copy;

	emitted_gather(test);
	test_text_add(&text, "%s", "");
	for (uint32_t i = 0; i < test->batch_count; i++) {
		for (uint32_t row = 0; row < test->batches[i]->row_count; row++) {
			if (sonde_selected(test->batches[i], row))
				print_row(&text, test->batches[i], row);
		}
	}
	copy = test_memory(arena_copy(test->arena, text.data));
	free(text.data);
	return copy;
}

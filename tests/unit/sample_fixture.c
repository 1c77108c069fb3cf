// SPDX-License-Identifier: Apache-2.0
/* Tables for tests of the processor `sample`, and sums over what it emitted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "key.h"
#include "sample_fixture.h"

enum { OPTION_LIMIT = 16, NAMES = 100 };

struct sonde_test *sample_create(const char *option, ...)
{
	const char *options[OPTION_LIMIT + 1] = { option };
	struct sonde_test *test;
	va_list rest;

	va_start(rest, option);
	for (uint32_t i = 1; i < OPTION_LIMIT && options[i - 1]; i++)
		options[i] = va_arg(rest, const char *);
	va_end(rest);
	test = sonde_test_create_replica(sonde_plugin, 0, 1, options);
	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

static void put(struct sonde_column *column, uint32_t row, const void *value)
{
	memcpy(column->base + (size_t)row * column->stride, value, column->value_size);
}

static struct sonde_column *add(struct sonde_test *test, struct sonde_batch *batch,
				const char *name, uint32_t type, uint32_t role,
				struct sonde_dictionary *dictionary)
{
	struct sonde_field field = { .name = name, .type = type, .role = (uint16_t)role };
	struct sonde_column *column =
		sonde_batch_add(sonde_test_instance(test), batch, &field, dictionary);

	assert_non_null(column);
	return column;
}

static void add_names(struct sonde_test *test, struct sonde_batch *batch,
		      const struct sample_shape *shape)
{
	struct sonde_dictionary *names = sonde_dictionary_create(sonde_test_instance(test), true);
	struct sonde_column *column;
	char text[32];

	for (uint32_t i = 0; i < shape->texts_before; i++) {
		int length = snprintf(text, sizeof(text), "unused-%u", i);

		sonde_dictionary_add(sonde_test_instance(test), names, text, (size_t)length);
	}
	column = add(test, batch, "name", SONDE_TEXT, 0, names);
	for (uint32_t row = 0; row < shape->count; row++) {
		int length = snprintf(text, sizeof(text), "name-%u",
				      (shape->first + row * shape->step) % NAMES);
		uint32_t code = sonde_dictionary_add(sonde_test_instance(test), names, text,
						     (size_t)length);

		put(column, row, &code);
	}
	sonde_dictionary_release(sonde_test_instance(test), names);
}

struct sonde_batch *sample_rows(struct sonde_test *test, struct sample_shape shape)
{
	uint32_t signal = shape.signal ? shape.signal : SONDE_SIGNAL_LOG;
	struct sonde_batch *batch = sonde_batch_table(sonde_test_instance(test), "rows",
						      (enum sonde_signal)signal, shape.count);
	struct sonde_column *column;

	assert_non_null(batch);
	column = add(test, batch, "process.pid", SONDE_U32, 0, NULL);
	for (uint32_t row = 0; row < shape.count; row++)
		put(column, row, &(uint32_t){ shape.first + row * shape.step });
	column = add(test, batch, "number", SONDE_I64, 0, NULL);
	for (uint32_t row = 0; row < shape.count; row++)
		put(column, row, &(int64_t){ shape.first + row * shape.step });
	add_names(test, batch, &shape);
	column = add(test, batch, "trace", SONDE_ID16, SONDE_ROLE_TRACE_ID, NULL);
	for (uint32_t row = 0; row < shape.count; row++) {
		uint64_t number = shape.first + row * shape.step;
		uint64_t words[2] = { key_mix(number), key_mix(number + UINT64_C(0x123456789)) };

		put(column, row, words);
	}
	if (shape.weight > 0) {
		struct sonde_field field = { .name = "weight",
					     .type = SONDE_DOUBLE,
					     .role = SONDE_ROLE_WEIGHT };

		assert_non_null(sonde_batch_constant(sonde_test_instance(test), batch, &field, NULL,
						     &shape.weight));
	}
	return batch;
}

const struct sonde_column *sample_column(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (!strcmp(sonde_column(batch, i)->name, name))
			return sonde_column(batch, i);
	}
	return NULL;
}

const struct sonde_column *sample_role(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (sonde_column(batch, i)->role == role)
			return sonde_column(batch, i);
	}
	return NULL;
}

double sample_weights(struct sonde_test *test)
{
	double sum = 0;

	for (uint32_t i = 0; i < sonde_test_batch_count(test); i++) {
		const struct sonde_batch *batch = sonde_test_batch(test, i);
		const struct sonde_column *weight = sample_role(batch, SONDE_ROLE_WEIGHT);

		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (sonde_selected(batch, row))
				sum += weight ? sonde_number_at(weight, row) : 1;
		}
	}
	return sum;
}

void sample_mark(struct sonde_test *test, unsigned char *marks, uint32_t size)
{
	for (uint32_t i = 0; i < sonde_test_batch_count(test); i++) {
		const struct sonde_batch *batch = sonde_test_batch(test, i);
		const struct sonde_column *number = sample_column(batch, "number");

		for (uint32_t row = 0; row < batch->row_count; row++) {
			uint32_t at = (uint32_t)sonde_number_at(number, row);

			if (sonde_selected(batch, row) && at < size)
				marks[at]++;
		}
	}
}

void sample_pass(struct sonde_test *from, struct sonde_test *to)
{
	for (uint32_t i = 0; i < sonde_test_batch_count(from); i++) {
		struct sonde_batch *batch =
			sonde_batch_derive(sonde_test_instance(to), sonde_test_batch(from, i));

		assert_non_null(batch);
		sonde_test_process(to, batch);
	}
}

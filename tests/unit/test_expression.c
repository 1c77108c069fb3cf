// SPDX-License-Identifier: Apache-2.0
/* What lib/expression makes of tables: which columns names mean, what null is, what is worked out
 * again and what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"
#include "expression.h"
#include "otlp_host.h"

enum { ROWS = 4 };

struct row {
	int64_t wait_ns;
	uint32_t word; /* code of a text */
	uint8_t level;
};

#define AT(member_) SONDE_MEMBER(struct row, member_)

static const struct sonde_field fields[] = {
	{ .name = "wait", .type = SONDE_DURATION, AT(wait_ns), .zero_is_null = true },
	{ .name = "word", .type = SONDE_TEXT, AT(word) },
	{ .name = "grade", .type = SONDE_U8, AT(level), .role = SONDE_ROLE_SEVERITY },
	{ 0 },
};

static const struct sonde_schema schema = { .name = "rows",
					    .row_size = sizeof(struct row),
					    .fields = fields };

static const char *const words[ROWS] = { "red", "green", "blue", "red" };

/* wait: null, 1ms, 2ms, 3ms; grade: 10 to 13. */
static struct sonde_batch *batch_make(struct sonde_dictionary *texts)
{
	struct sonde_dictionary *dictionaries[] = { NULL, texts, NULL };
	struct sonde_batch *batch = batch_create(&schema, ROWS, dictionaries);
	struct row *rows = batch_rows(batch);

	for (uint32_t row = 0; row < ROWS; row++)
		rows[row] =
			(struct row){ .wait_ns = row * 1000000,
				      .word = dictionary_add(texts, words[row], strlen(words[row])),
				      .level = (uint8_t)(10 + row) };
	batch_resize(batch, ROWS);
	batch_finish(batch);
	return batch;
}

/* ---- helpers ----------------------------------------------------------------------------- */

static struct expression *parse(const char *text)
{
	struct expression_error error = { 0 };
	struct expression *expression = NULL;

	if (expression_parse(text, &expression, &error) < 0)
		fail_msg("%s: at %u: %s", text, error.column, error.text);
	return expression;
}

/* The rows for which it is true, as bits. */
static unsigned rows_of(const char *text)
{
	struct sonde_dictionary *texts = dictionary_create(true);
	struct sonde_batch *batch = batch_make(texts);
	struct expression *expression = parse(text);
	struct matcher *matcher = matcher_create(expression, NULL, NULL, NULL);
	unsigned char bits[1] = { 0xff };

	assert_true(matcher_run(matcher, batch, bits) >= 0);
	matcher_release(matcher);
	expression_release(expression);
	batch_release(batch);
	dictionary_release(texts);
	return bits[0];
}

static void assert_check(const char *text, int result, uint32_t column, const char *said)
{
	struct expression *expression = parse(text);
	struct expression_error error = { 0 };

	assert_int_equal(expression_check(expression, fields, &error), result);
	if (result && (error.column != column || !strstr(error.text, said)))
		fail_msg("%s: at %u: %s", text, error.column, error.text);
	expression_release(expression);
}

struct told {
	uint32_t count, column;
	char schema[32], text[256];
};

static void on_problem(void *data, const char *name, const struct expression_error *error)
{
	struct told *told = data;

	told->count++;
	told->column = error->column;
	(void)snprintf(told->schema, sizeof(told->schema), "%s", name);
	(void)snprintf(told->text, sizeof(told->text), "%s", error->text);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void rows_without_a_value_are_neither_kept_nor_kept_by_not(void **state)
{
	assert_int_equal(rows_of("wait >= 2ms"), 0xc);
	assert_int_equal(rows_of("not wait >= 2ms"), 0x2);
	assert_int_equal(rows_of("wait is null"), 0x1);
	assert_int_equal(rows_of("wait is null or wait < 3ms"), 0x7);
	assert_int_equal(rows_of("wait + 1ms > 3000us"), 0x8);
	assert_int_equal(rows_of("wait + 1ms is null"), 0x1);
	assert_int_equal(rows_of("wait in (1ms, 3ms)"), 0xa);
	assert_int_equal(rows_of("wait not in (1ms, 3ms)"), 0x4);
}

static void a_column_that_is_not_there_is_null(void **state)
{
	assert_int_equal(rows_of("nowhere = 5"), 0);
	assert_int_equal(rows_of("not nowhere = 5"), 0);
	assert_int_equal(rows_of("nowhere is null"), 0xf);
	assert_int_equal(rows_of("nowhere = 5 or word = 'blue'"), 0x4);
	assert_int_equal(rows_of("resource[word] = 'blue'"), 0);
	assert_int_equal(rows_of("row[word] = 'blue'"), 0x4);
}

static void a_role_is_a_name_where_no_column_has_it(void **state)
{
	assert_int_equal(rows_of("severity >= 12"), 0xc);
	assert_int_equal(rows_of("grade >= 12"), 0xc);
	assert_int_equal(rows_of("role[severity] < 12"), 0x3);
}

static void texts_are_compared_byte_by_byte(void **state)
{
	assert_int_equal(rows_of("word = 'red'"), 0x9);
	assert_int_equal(rows_of("word != 'red'"), 0x6);
	assert_int_equal(rows_of("word < 'green'"), 0x4);
	assert_int_equal(rows_of("word in ('red', 'blue')"), 0xd);
	assert_int_equal(rows_of("word contains 'e' and word ends with 'n'"), 0x2);
	assert_int_equal(rows_of("word =~ '^(r|b)'"), 0xd);
	assert_int_equal(rows_of("word !~ '^(r|b)'"), 0x2);
}

/* ---- checks ------------------------------------------------------------------------------ */

static void a_check_names_what_is_missing_and_the_nearest_name(void **state)
{
	assert_check("wait > 5ms and word contains 'x' and severity > 5", 0, 0, "");
	assert_check("wait > 5ms and wrod = 'x'", -ENOENT, 16,
		     "there is no column \"wrod\" (did you mean \"word\"?)");
	assert_check("resource[word] = 'x'", -ENOENT, 1, "there is no column \"word\"");
	assert_check("nothing.like.it = 5", -ENOENT, 1, "there is no column \"nothing.like.it\"");
}

static void a_check_names_what_is_of_another_type(void **state)
{
	assert_check("wait = 'x'", -EINVAL, 1, "wait is a number here, and a text or an id");
	assert_check("wait contains 'x'", -EINVAL, 1, "wait is a number here, and a text is");
	assert_check("1 < word", -EINVAL, 5, "word is a text here, and a number is needed");
	assert_check("wait + word > 5", -EINVAL, 8, "word is a text here, and a number is needed");
	assert_check("wait > 1 and word", -EINVAL, 14, "word is a text here, and true or false");
	assert_check("word", -EINVAL, 1, "word is a text here, and true or false");
	assert_check("word in (1, 2)", -EINVAL, 1, "word is a text here, and a number");
	assert_check("wait in ('a')", -EINVAL, 1, "wait is a number here");
	assert_check("word > wait", -EINVAL, 6, "the left side is a text here, the right side a");
}

static void a_column_of_another_type_is_null_and_told_once(void **state)
{
	struct sonde_dictionary *texts = dictionary_create(true);
	struct sonde_batch *batch = batch_make(texts);
	struct expression *expression = parse("wait = 'x' or severity = 11 or nowhere = 1");
	struct told told = { 0 };
	struct matcher *matcher = matcher_create(expression, NULL, on_problem, &told);
	unsigned char bits[1];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(matcher_run(matcher, batch, bits), 1);
		assert_int_equal(bits[0], 0x2);
	}
	assert_int_equal(told.count, 1);
	assert_int_equal(told.column, 1);
	assert_string_equal(told.schema, "rows");
	assert_non_null(strstr(told.text, "wait is a number here"));
	assert_int_equal(matcher_counts(matcher).mismatch_batch_count, 3);
	assert_int_equal(matcher_counts(matcher).missing_batch_count, 3);
	matcher_release(matcher);
	expression_release(expression);
	batch_release(batch);
	dictionary_release(texts);
}

/* ---- what is remembered ------------------------------------------------------------------ */

static void tables_of_the_same_columns_are_tied_once(void **state)
{
	static const struct sonde_field extra = { .name = "extra", .type = SONDE_BOOL };
	struct sonde_dictionary *texts = dictionary_create(true);
	struct expression *expression = parse("extra or word = 'red'");
	struct matcher *matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	unsigned char bits[1];

	for (int i = 0; i < 10; i++) {
		struct sonde_batch *batch = batch_make(texts), *wider = batch_derive(batch);
		struct sonde_column *column = batch_add(wider, &extra, NULL);

		column->base[2 * (size_t)column->stride] = 1;
		batch_finish(wider);
		assert_int_equal(matcher_run(matcher, batch, bits), 2);
		assert_int_equal(matcher_run(matcher, wider, bits), 3);
		assert_int_equal(bits[0], 0xd);
		batch_release(wider);
		batch_release(batch);
	}
	assert_int_equal(matcher_counts(matcher).layout_count, 2);
	assert_int_equal(matcher_counts(matcher).missing_batch_count, 10);
	matcher_release(matcher);
	expression_release(expression);
	dictionary_release(texts);
}

static void more_layouts_than_are_remembered_are_tied_again(void **state)
{
	struct expression *expression = parse("column = 5");
	struct matcher *matcher = matcher_create(expression, NULL, NULL, NULL);
	unsigned char bits[1];

	for (int round = 0; round < 3; round++) {
		for (uint32_t shape = 0; shape < 20; shape++) {
			struct sonde_batch *batch = batch_table("shapes", SONDE_SIGNAL_LOG, 1);
			const struct sonde_field column = { .name = "column", .type = SONDE_U8 };
			char name[16];

			for (uint32_t i = 0; i < shape; i++) {
				const struct sonde_field other = { .name = name,
								   .type = SONDE_BOOL };

				(void)snprintf(name, sizeof(name), "other%u", i);
				assert_non_null(batch_add(batch, &other, NULL));
			}
			*batch_add(batch, &column, NULL)->base = 5;
			batch_finish(batch);
			assert_int_equal(matcher_run(matcher, batch, bits), 1);
			batch_release(batch);
		}
	}
	assert_true(matcher_counts(matcher).layout_count >= 20);
	matcher_release(matcher);
	expression_release(expression);
}

static void a_text_of_a_dictionary_that_stays_is_judged_once(void **state)
{
	struct sonde_dictionary *texts = dictionary_create(true);
	struct expression *expression = parse("word =~ '^r'");
	struct matcher *matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	uint64_t judged = 0;
	unsigned char bits[1];

	for (int i = 0; i < 10; i++) {
		struct sonde_batch *batch = batch_make(texts);

		assert_int_equal(matcher_run(matcher, batch, bits), 2);
		batch_release(batch);
		if (i == 1) /* seen twice, it is held from now on */
			judged = matcher_counts(matcher).judged_text_count;
	}
	assert_int_equal(judged, 6);
	assert_int_equal(matcher_counts(matcher).judged_text_count, judged);
	matcher_release(matcher);
	expression_release(expression);
	dictionary_release(texts);
}

static void a_dictionary_in_the_place_of_another_is_not_taken_for_it(void **state)
{
	struct expression *expression = parse("word = 'red'");
	struct matcher *matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	unsigned char bits[1];

	for (int i = 0; i < 50; i++) {
		struct sonde_dictionary *texts = dictionary_create(true);
		struct sonde_batch *batch;

		for (int before = 0; before < i % 7; before++) {
			char text[16];

			(void)snprintf(text, sizeof(text), "text%d", before);
			dictionary_add(texts, text, strlen(text));
		}
		batch = batch_make(texts);
		dictionary_release(texts);
		assert_int_equal(matcher_run(matcher, batch, bits), 2);
		assert_int_equal(bits[0], 0x9);
		batch_release(batch);
	}
	matcher_release(matcher);
	expression_release(expression);
}

static void a_pattern_that_takes_too_long_is_counted(void **state)
{
	static const char hard[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	const struct sonde_field field = { .name = "text", .type = SONDE_TEXT };
	struct sonde_dictionary *texts = dictionary_create(true);
	struct sonde_batch *batch = batch_table("texts", SONDE_SIGNAL_LOG, 3);
	struct expression *expression = parse("text =~ '^(a|a)*$'");
	struct matcher *matcher = matcher_create(expression, NULL, NULL, NULL);
	struct sonde_column *column = batch_add(batch, &field, texts);
	const uint32_t codes[] = { dictionary_add(texts, hard, strlen(hard)),
				   dictionary_add(texts, "aaa", 3), 0 };
	unsigned char bits[1];

	for (uint32_t row = 0; row < 3; row++)
		memcpy(column->base + (size_t)row * column->stride, &codes[row], sizeof(codes[0]));
	batch_finish(batch);
	assert_int_equal(matcher_run(matcher, batch, bits), 1);
	assert_int_equal(bits[0], 0x2);
	assert_int_equal(matcher_counts(matcher).abandoned_count, 1);
	matcher_release(matcher);
	expression_release(expression);
	batch_release(batch);
	dictionary_release(texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_without_a_value_are_neither_kept_nor_kept_by_not),
		cmocka_unit_test(a_column_that_is_not_there_is_null),
		cmocka_unit_test(a_role_is_a_name_where_no_column_has_it),
		cmocka_unit_test(texts_are_compared_byte_by_byte),
		cmocka_unit_test(a_check_names_what_is_missing_and_the_nearest_name),
		cmocka_unit_test(a_check_names_what_is_of_another_type),
		cmocka_unit_test(a_column_of_another_type_is_null_and_told_once),
		cmocka_unit_test(tables_of_the_same_columns_are_tied_once),
		cmocka_unit_test(more_layouts_than_are_remembered_are_tied_again),
		cmocka_unit_test(a_text_of_a_dictionary_that_stays_is_judged_once),
		cmocka_unit_test(a_dictionary_in_the_place_of_another_is_not_taken_for_it),
		cmocka_unit_test(a_pattern_that_takes_too_long_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

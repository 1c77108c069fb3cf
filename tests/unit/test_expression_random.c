// SPDX-License-Identifier: Apache-2.0
/* Random expressions over random tables: a column at a time comes to what row by row does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch.h"
#include "expression_table.h"
#include "otlp_host.h"

enum { ROUNDS = 300, EXPRESSIONS = 40, TEXT_BYTES = 4096, ROWS_MAXIMUM = 2500 };

static const uint32_t row_counts[] = { 0, 1, 63, 64, 65, 200, 1000, 1024, 1025, ROWS_MAXIMUM };

struct tried {
	char text[TEXT_BYTES];
	struct expression *expression;
	struct matcher *matcher;
};

static uint64_t judged[3]; /* by verdict: a property that only ever sees null proves little */

static void try_create(struct chance *chance, struct tried *tried)
{
	struct expression_error error;
	char explained[320];

	expression_write(chance, tried->text, sizeof(tried->text));
	if (expression_parse(tried->text, &tried->expression, &error) < 0) {
		/* Types that do not go together are refused; the words are right. */
		expression_explain(&error, explained, sizeof(explained));
		if (strstr(explained, "expected") || strstr(explained, "missing"))
			fail_msg("%s: %s", tried->text, explained);
		tried->expression = NULL;
		tried->matcher = NULL;
		return;
	}
	tried->matcher = matcher_create(
		tried->expression, chance_below(chance, 2) ? &otlp_instance : NULL, NULL, NULL);
	assert_non_null(tried->matcher);
}

static void try_release(struct tried *tried)
{
	matcher_release(tried->matcher);
	expression_release(tried->expression);
}

static void try_run(struct tried *tried, const struct sonde_batch *batch, uint64_t seed)
{
	unsigned char kept[ROWS_MAXIMUM / 8 + 1], rest[ROWS_MAXIMUM / 8 + 1];
	int64_t kept_count = 0, rest_count = 0;

	if (!tried->matcher)
		return;
	memset(kept, 0xa5, sizeof(kept));
	assert_true(matcher_run(tried->matcher, batch, kept) >= 0);
	assert_true(matcher_run_not(tried->matcher, batch, rest) >= 0);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		enum verdict verdict = oracle_judge(tried->expression, batch, row);
		bool selected = sonde_selected(batch, row);
		bool keep = sonde_bit(kept, row), other = sonde_bit(rest, row);

		judged[verdict]++;
		kept_count += keep;
		rest_count += other;
		if (keep == (selected && verdict == VERDICT_YES) &&
		    other == (selected && verdict != VERDICT_YES))
			continue;
		fail_msg("seed %llu, row %u of %u: %s is %s, and found %s and %s",
			 (unsigned long long)seed, row, batch->row_count, tried->text,
			 verdict == VERDICT_YES  ? "true"
			 : verdict == VERDICT_NO ? "false"
						 : "null",
			 keep ? "true" : "not true", other ? "not true" : "true");
	}
	assert_int_equal(kept_count, matcher_run(tried->matcher, batch, kept));
	assert_int_equal(rest_count, matcher_run_not(tried->matcher, batch, rest));
	for (uint32_t row = batch->row_count; row % 8; row++)
		assert_true(!sonde_bit(kept, row) && !sonde_bit(rest, row));
}

static void columns_come_to_what_rows_do(void **state)
{
	struct tried *tried = calloc(EXPRESSIONS, sizeof(*tried));
	struct table_texts texts;

	assert_non_null(tried);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct chance chance = { seed };

		table_texts_create(&texts);
		for (int i = 0; i < EXPRESSIONS; i++)
			try_create(&chance, &tried[i]);
		for (int table = 0; table < 4; table++) {
			uint32_t rows = row_counts[chance_below(&chance, seed % 10 ? 6 : 10)];
			struct sonde_batch *batch = table_create(&chance, &texts, rows);

			for (int i = 0; i < EXPRESSIONS; i++)
				try_run(&tried[i], batch, seed);
			batch_release(batch);
		}
		for (int i = 0; i < EXPRESSIONS; i++)
			try_release(&tried[i]);
		table_texts_release(&texts);
	}
	free(tried);
	printf("# %llu false, %llu true, %llu null\n", (unsigned long long)judged[VERDICT_NO],
	       (unsigned long long)judged[VERDICT_YES], (unsigned long long)judged[VERDICT_NULL]);
	for (int verdict = VERDICT_NO; verdict <= VERDICT_NULL; verdict++)
		assert_true(judged[verdict] > 100000);
}

static uint64_t made_values, made_nulls, made_columns;

static void try_make(const char *text, struct matcher *matcher, const struct expression *expression,
		     const struct sonde_batch *batch)
{
	struct made made;

	assert_int_equal(matcher_make(matcher, batch, &made), 0);
	if (made.column != UINT32_MAX) {
		assert_int_equal(sonde_column(batch, made.column)->type, made.type);
		made_columns++;
		return;
	}
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!oracle_agrees(expression, batch, row, &made))
			fail_msg("row %u of %u: %s", row, batch->row_count, text);
		if (made.type && (made.constant || sonde_bit(made.valid, row)))
			made_values++;
		else
			made_nulls++;
	}
}

static void values_come_to_what_rows_do(void **state)
{
	for (uint64_t seed = 1; seed <= ROUNDS / 3; seed++) {
		struct chance chance = { seed };
		struct table_texts texts;
		struct sonde_batch *batch;

		table_texts_create(&texts);
		batch = table_create(&chance, &texts, row_counts[chance_below(&chance, 10)]);
		for (int i = 0; i < EXPRESSIONS / 4; i++) {
			struct expression *expression;
			struct expression_error error;
			struct matcher *matcher;
			char text[TEXT_BYTES];

			expression_write_value(&chance, text, sizeof(text));
			if (expression_parse_value(text, &expression, &error) < 0)
				continue;
			matcher = matcher_create(expression, NULL, NULL, NULL);
			assert_non_null(matcher);
			try_make(text, matcher, expression, batch);
			try_make(text, matcher, expression, batch);
			matcher_release(matcher);
			expression_release(expression);
		}
		batch_release(batch);
		table_texts_release(&texts);
	}
	printf("# %llu values, %llu null, %llu columns\n", (unsigned long long)made_values,
	       (unsigned long long)made_nulls, (unsigned long long)made_columns);
	assert_true(made_values > 100000 && made_nulls > 100000 && made_columns > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_come_to_what_rows_do),
		cmocka_unit_test(values_come_to_what_rows_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_come_to_what_rows_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

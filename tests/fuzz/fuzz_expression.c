// SPDX-License-Identifier: Apache-2.0
/* Fuzzes conditions: what is read is worked out over a table of every kind of column, with and
 * without a memory of its texts, and comes to the same for each row that is asked alone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/expression_table.h"
#include "../unit/otlp_host.h"
#include "batch.h"
#include "expression.h"

enum { ROWS = 96 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Built once: every run reads the same. */
static struct sonde_batch *table(void)
{
	static struct table_texts texts;
	static struct sonde_batch *batch;
	struct chance chance = { 7 };

	if (!batch) {
		table_texts_create(&texts);
		batch = table_create(&chance, &texts, ROWS);
	}
	return batch;
}

static void check_rows(const struct expression *expression, const struct sonde_batch *batch)
{
	unsigned char first[ROWS / 8], again[ROWS / 8], rest[ROWS / 8];
	struct matcher *matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	int64_t kept;

	assert(matcher);
	kept = matcher_run(matcher, batch, first);
	assert(kept >= 0);
	assert(matcher_run(matcher, batch, again) == kept); /* its dictionaries are held now */
	assert(matcher_run(matcher, batch, again) == kept);
	assert(!memcmp(first, again, sizeof(first)));
	assert(matcher_run_not(matcher, batch, rest) == (int64_t)batch->selected_count - kept);
	for (uint32_t row = 0; row < ROWS; row++) {
		bool keep = sonde_bit(first, row), selected = sonde_selected(batch, row);

		assert(sonde_bit(rest, row) == (selected && !keep));
		assert(keep == (selected && oracle_judge(expression, batch, row) == VERDICT_YES));
	}
	matcher_release(matcher);
}

static void check_values(const struct expression *expression, const struct sonde_batch *batch)
{
	struct matcher *matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	struct made made;

	assert(matcher && !matcher_make(matcher, batch, &made));
	for (uint32_t row = 0; row < ROWS && made.column == UINT32_MAX; row++)
		assert(oracle_agrees(expression, batch, row, &made));
	matcher_release(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sonde_field fields[] = {
		{ .name = "word", .type = SONDE_TEXT },
		{ .name = "big", .type = SONDE_I64 },
		{ .name = "trace", .type = SONDE_ID16, .role = SONDE_ROLE_TRACE_ID },
		{ 0 },
	};
	struct expression *expression = NULL;
	struct expression_error error;
	struct expression_name name;
	char *text = malloc(size + 1), explained[320];

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (expression_parse(text, &expression, &error) < 0) {
		assert(!expression && error.offset <= strlen(text) && error.line && error.column);
		assert(strlen(expression_explain(&error, explained, sizeof(explained))) > 6);
	} else {
		(void)expression_check(expression, fields, &error);
		check_rows(expression, table());
		expression_release(expression);
	}
	if (expression_parse_value(text, &expression, &error) >= 0) {
		check_values(expression, table());
		expression_release(expression);
	}
	if (expression_parse_name(text, &name, &error) >= 0)
		(void)expression_find(&name, table());
	free(text);
	return 0;
}

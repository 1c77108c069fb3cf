// SPDX-License-Identifier: Apache-2.0
/* What processors ask: copied, refused where it makes no sense, and printed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"

static struct sonde_any text_value(const char *text)
{
	return (struct sonde_any){ .kind = SONDE_ANY_TEXT,
				   .length = (uint32_t)strlen(text),
				   .as.data = text };
}

static struct sonde_any integer_value(int64_t integer)
{
	return (struct sonde_any){ .kind = SONDE_ANY_INTEGER, .as.integer = integer };
}

static struct sonde_ask filter_ask(const char *column, uint32_t comparison,
				   const struct sonde_any *values, uint32_t count)
{
	return (struct sonde_ask){ .size = sizeof(struct sonde_ask),
				   .kind = SONDE_ASK_FILTER,
				   .condition = { .column = column,
						  .comparison = comparison,
						  .value_count = count,
						  .values = values } };
}

static void assert_prints(const struct sonde_ask *ask, const char *expected)
{
	char *text = ask_text(ask);

	assert_string_equal(text, expected);
	free(text);
}

static void asks_are_copied_with_all_that_they_point_at(void **state)
{
	struct asks *asks = asks_create();
	struct sonde_asks *view = asks_view(asks);
	char column[] = "name", word[] = "red";
	struct sonde_any values[] = { text_value(word), text_value("it's") };
	struct sonde_ask ask = filter_ask(column, SONDE_EQUAL, values, 2);

	assert_int_equal(asks_add(view, &ask), 0);
	memset(column, 'x', 4);
	memset(word, 'x', 3);
	memset(values, 0, sizeof(values));
	assert_int_equal(view->count, 1);
	assert_prints(sonde_ask(view, 0), "name in ('red', 'it\\'s')");
	asks_release(asks);
}

static void every_kind_is_printed_as_people_write_it(void **state)
{
	struct sonde_any five = integer_value(5);
	struct sonde_any yes = { .kind = SONDE_ANY_BOOL, .as.boolean = true };
	struct sonde_any half = { .kind = SONDE_ANY_DOUBLE, .as.number = 0.5 };
	struct sonde_any odd = text_value("a\nb");
	struct sonde_condition failed = { .column = "error.type", .comparison = SONDE_IS_NOT_NULL };
	const char *by[] = { "cgroup.id", "name" };
	struct sonde_measure measures[] = {
		{ .name = "calls", .function = SONDE_COUNT },
		{ .name = "errors",
		  .function = SONDE_COUNT,
		  .conditions = &failed,
		  .condition_count = 1 },
		{ .name = "wait", .function = SONDE_HISTOGRAM, .column = "wait", .scale = 3 },
	};
	struct sonde_ask ask = filter_ask("a", SONDE_LESS_OR_EQUAL, &five, 1);

	assert_prints(&ask, "a <= 5");
	ask = filter_ask("a", SONDE_NOT_EQUAL, &yes, 1);
	assert_prints(&ask, "a != true");
	ask = filter_ask("a", SONDE_MORE, &half, 1);
	assert_prints(&ask, "a > 0.5");
	ask = filter_ask("a", SONDE_EQUAL, &odd, 1);
	assert_prints(&ask, "a = 'a\\x0ab'");
	ask = filter_ask("a", SONDE_IS_NULL, NULL, 0);
	assert_prints(&ask, "a is null");
	ask = (struct sonde_ask){ .size = sizeof(ask), .kind = SONDE_ASK_SAMPLE, .ratio = 0.01 };
	assert_prints(&ask, "1 row in 100");
	ask = (struct sonde_ask){ .size = sizeof(ask),
				  .kind = SONDE_ASK_AGGREGATE,
				  .by = by,
				  .by_count = 2,
				  .measures = measures,
				  .measure_count = 3,
				  .window_ns = 10000000000 };
	assert_prints(&ask, "by cgroup.id, name: calls = count(), errors = count() where "
			    "error.type is not null, wait = histogram(wait, 3), every 10s");
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct asks *asks = asks_create();
	struct sonde_any five[] = { integer_value(5), integer_value(6) };
	struct sonde_any nested = { .kind = SONDE_ANY_ARRAY };
	struct sonde_measure no_column = { .name = "sum", .function = SONDE_SUM };
	struct sonde_ask wrong[] = {
		filter_ask("", SONDE_EQUAL, five, 1),
		filter_ask("a", SONDE_EQUAL, five, 0),
		filter_ask("a", SONDE_LESS, five, 2),
		filter_ask("a", SONDE_IS_NULL, five, 1),
		filter_ask("a", SONDE_MORE_OR_EQUAL + 1, five, 1),
		filter_ask("a", SONDE_EQUAL, &nested, 1),
		{ .size = sizeof(struct sonde_ask), .kind = SONDE_ASK_SAMPLE, .ratio = 0 },
		{ .size = sizeof(struct sonde_ask), .kind = SONDE_ASK_SAMPLE, .ratio = 1.5 },
		{ .size = sizeof(struct sonde_ask),
		  .kind = SONDE_ASK_AGGREGATE,
		  .measures = &no_column,
		  .measure_count = 1,
		  .window_ns = 1 },
		{ .size = sizeof(struct sonde_ask), .kind = SONDE_ASK_AGGREGATE, .window_ns = 1 },
		{ .size = sizeof(struct sonde_ask), .kind = 99 },
		{ .size = 8, .kind = SONDE_ASK_SAMPLE, .ratio = 0.5 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(asks_add(asks_view(asks), &wrong[i]), -EINVAL);
	assert_int_equal(asks_view(asks)->count, 0);
	asks_release(asks);
}

static void there_is_a_bound_to_how_many_there_are(void **state)
{
	struct asks *asks = asks_create();
	struct sonde_any five = integer_value(5);
	struct sonde_ask ask = filter_ask("a", SONDE_EQUAL, &five, 1);

	for (int i = 0; i < SONDE_ASKS; i++)
		assert_int_equal(asks_add(asks_view(asks), &ask), 0);
	assert_int_equal(asks_add(asks_view(asks), &ask), -ENOSPC);
	asks_cut(asks, 3);
	assert_int_equal(asks_view(asks)->count, 3);
	asks_release(asks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_are_copied_with_all_that_they_point_at),
		cmocka_unit_test(every_kind_is_printed_as_people_write_it),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(there_is_a_bound_to_how_many_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

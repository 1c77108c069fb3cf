// SPDX-License-Identifier: Apache-2.0
/* The processor control under the test host: when rules hold, for which keys, and what is set. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

static const char columns[] = "time:time:time cgroup:text wait:duration calls:u64:sum:delta "
			      "errors:u64:sum:delta total:u64:sum:cumulative";

/* A processor of one rule, of the text of its members. */
static struct sonde_test *control_create(const char *rule)
{
	char option[1024];
	struct sonde_test *test;

	snprintf(option, sizeof(option), "rules=( { name = \"slow\"; for = \"4s\"; %s } )", rule);
	test = sonde_test_create(sonde_plugin, option, NULL);
	if (!test)
		fprintf(stderr, "%s\n", sonde_test_error());
	assert_non_null(test);
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

/* One row of these cells, `ago` before now; it goes on. */
static void feed(struct sonde_test *test, int64_t ago_ns, const char *cells)
{
	char row[256];
	struct sonde_batch *batch;

	snprintf(row, sizeof(row), "%lld %s", (long long)(sonde_test_now_ns(test) - ago_ns), cells);
	batch = sonde_test_table(test, "runq", columns, row, NULL);
	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
}

static uint32_t occurrences(const char *text, const char *part)
{
	uint32_t count = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		count++;
	return count;
}

static uint32_t set_count(struct sonde_test *test)
{
	return occurrences(sonde_test_sets(test), "\n");
}

#define SLOW                                                                                       \
	"by = [\"cgroup\"]; value = \"p99(wait)\"; above = \"10ms\"; over = \"5s\"; "              \
	"set = [\"runq.cgroups=[%{cgroup}]\", \"runq.mode=both\"];"

/* ---- holding ----------------------------------------------------------------------------- */

static void a_rule_sets_its_knobs_once_its_condition_holds_for_a_key(void **state)
{
	struct sonde_test *test = control_create(SLOW);

	feed(test, 0, "/a 9000000 - - -");
	feed(test, 0, "/b 11000000 - - -");
	assert_string_equal(
		sonde_test_sets(test),
		"runq.cgroups=[\"/b\"] for 4000000000 ns by slow /b: rule slow /b: p99(wait) = "
		"11ms, above 10ms\n"
		"runq.mode=both for 4000000000 ns by slow /b: rule slow /b: p99(wait) = 11ms, "
		"above 10ms\n");
	assert_int_equal(sonde_test_counter(test, "fired"), 1);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_true(sonde_test_report_number(test, "rules", "slow", "keys") == 2);
	assert_true(sonde_test_report_number(test, "rules", "slow", "holding") == 1);
	sonde_test_release(test);
}

static void a_condition_that_holds_on_is_prolonged_now_and_then_and_not_by_each_row(void **state)
{
	struct sonde_test *test = control_create(SLOW);

	for (uint32_t i = 0; i < 100; i++)
		feed(test, 0, "/a 20000000 - - -");
	assert_int_equal(set_count(test), 2);
	sonde_test_advance(test, SONDE_TEST_SECOND); /* the window still has them */
	assert_int_equal(set_count(test), 4);
	for (uint32_t i = 0; i < 3; i++)
		sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_counter(test, "fired"), 1);
	assert_true(sonde_test_report_number(test, "holding", "slow /a", "for") == 4);
	sonde_test_release(test);
}

static void what_does_not_hold_any_more_is_over_when_its_time_is(void **state)
{
	struct sonde_test *test = control_create(SLOW);
	uint32_t sets;

	feed(test, 0, "/a 20000000 - - -");
	sonde_test_advance(test, 5 * SONDE_TEST_SECOND); /* the row has slid out */
	sets = set_count(test);
	sonde_test_advance(test, 4 * SONDE_TEST_SECOND);
	assert_int_equal(set_count(test), sets); /* the knobs fall back by themselves */
	assert_true(sonde_test_report_number(test, "rules", "slow", "holding") == 0);
	feed(test, 0, "/a 20000000 - - -");
	assert_int_equal(sonde_test_counter(test, "fired"), 2);
	sonde_test_release(test);
}

static void again_keeps_a_key_quiet_for_a_while(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"0\"; over = \"1s\"; set = [\"a.b=1\"]; "
		"again = \"10s\";");

	feed(test, 0, "/a - - - -");
	sonde_test_advance(test, 6 * SONDE_TEST_SECOND);
	feed(test, 0, "/a - - - -");
	assert_int_equal(sonde_test_counter(test, "fired"), 1);
	sonde_test_advance(test, 9 * SONDE_TEST_SECOND);
	feed(test, 0, "/a - - - -");
	assert_int_equal(sonde_test_counter(test, "fired"), 2);
	sonde_test_release(test);
}

static void no_more_keys_hold_than_may_at_once(void **state)
{
	struct sonde_test *test = control_create(SLOW "at_once = 2;");

	feed(test, 0, "/a 20000000 - - -");
	feed(test, 0, "/b 20000000 - - -");
	feed(test, 0, "/c 20000000 - - -");
	feed(test, 0, "/c 20000000 - - -");
	assert_int_equal(sonde_test_counter(test, "fired"), 2);
	assert_int_equal(sonde_test_counter(test, "held_back"), 1); /* once for the key */
	sonde_test_release(test);
}

static void a_dry_run_only_says_what_it_would_do(void **state)
{
	struct sonde_test *test = control_create(SLOW);

	assert_int_equal(sonde_test_set(test, "dry_run", "true"), 0);
	feed(test, 0, "/a 20000000 - - -");
	assert_string_equal(sonde_test_sets(test), "");
	assert_true(sonde_test_logged(test, "rule slow /a would set its knobs: p99(wait) = 20ms"));
	sonde_test_release(test);
}

/* ---- what is measured -------------------------------------------------------------------- */

static void a_ratio_is_one_sum_over_another_of_the_whole_window(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"sum(errors) / sum(calls)\"; above = \"5%\"; over = \"5s\"; "
		"set = [\"a.b=1\"];");

	feed(test, 2 * SONDE_TEST_SECOND, "/a - 900 0 -");
	feed(test, 0, "/a - 100 40 -");
	assert_int_equal(set_count(test), 0);
	feed(test, 0, "/b - 10 20 -");
	assert_int_equal(set_count(test), 1);
	assert_non_null(
		strstr(sonde_test_sets(test), "sum(errors) / sum(calls) = 0.05941, above 5%"));
	sonde_test_release(test);
}

static void only_rows_for_which_where_is_true_count(void **state)
{
	struct sonde_test *test =
		control_create("where = \"cgroup starts with '/x' and wait > 1ms\"; value = "
			       "\"count\"; above = \"1\"; set = [\"a.b=1\"];");

	feed(test, 0, "/x1 2000000 - - -");
	feed(test, 0, "/x1 100 - - -");
	feed(test, 0, "/y 2000000 - - -");
	assert_int_equal(set_count(test), 0);
	feed(test, 0, "/x2 2000000 - - -");
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void rows_count_for_what_they_stand_for(void **state)
{
	struct sonde_test *test =
		control_create("value = \"count\"; above = \"59\"; set = [\"a.b=1\"];");
	const char *with = "weight:u32:weight events:u64:events";

	sonde_test_process(test, sonde_test_table(test, "t", with, "10 5", NULL));
	assert_int_equal(set_count(test), 0);
	sonde_test_process(test, sonde_test_table(test, "t", with, "1 10", NULL));
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void a_window_with_too_few_events_says_nothing(void **state)
{
	struct sonde_test *test = control_create(SLOW "minimum = 3;");

	feed(test, 0, "/a 20000000 - - -");
	feed(test, 0, "/a 20000000 - - -");
	assert_int_equal(set_count(test), 0);
	feed(test, 0, "/a 20000000 - - -");
	assert_int_equal(set_count(test), 2);
	sonde_test_release(test);
}

static void a_value_rises_against_the_windows_before_it(void **state)
{
	struct sonde_test *test = control_create(
		"by = [\"cgroup\"]; value = \"sum(errors)\"; rises = 3; baseline = 4; "
		"over = \"1s\"; set = [\"a.b=1\"];");

	feed(test, 0, "/a - - 10000 -"); /* there is nothing yet to compare it with */
	for (uint32_t i = 0; i < 6; i++) {
		sonde_test_advance(test, SONDE_TEST_SECOND);
		feed(test, 0, "/a - - 100 -");
	}
	assert_int_equal(set_count(test), 0); /* those after the first are lower */
	sonde_test_advance(test, SONDE_TEST_SECOND);
	feed(test, 0, "/a - - 299 -");
	assert_int_equal(set_count(test), 0);
	feed(test, 0, "/a - - 2 -");
	assert_int_equal(set_count(test), 1);
	assert_non_null(strstr(sonde_test_sets(test), "sum(errors) = 301, over 3 times 100"));
	sonde_test_release(test);
}

static void from_nothing_any_value_is_a_rise_that_has_enough_events(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"sum(errors) / sum(calls)\"; rises = 3; baseline = 4; over "
		"= \"1s\"; minimum = 2; set = [\"a.b=1\"];");

	for (uint32_t i = 0; i < 4; i++) {
		feed(test, 0, "/a - 100 0 -");
		feed(test, 0, "/a - 100 0 -");
		sonde_test_advance(test, SONDE_TEST_SECOND);
	}
	feed(test, 0, "/a - 100 1 -");
	assert_int_equal(set_count(test), 0);
	feed(test, 0, "/a - 100 1 -");
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void below_is_judged_once_a_window_is_full_and_by_the_clock_in_silence(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; below = \"1\"; over = \"5s\"; set = [\"a.b=1\"];");

	for (uint32_t i = 0; i < 8; i++) {
		feed(test, 0, "/a - - - -");
		sonde_test_advance(test, SONDE_TEST_SECOND);
	}
	assert_int_equal(set_count(test), 0);
	sonde_test_advance(test, 5 * SONDE_TEST_SECOND);
	assert_true(set_count(test) > 0);
	assert_non_null(strstr(sonde_test_sets(test), "count = 0, below 1"));
	sonde_test_release(test);
}

/* What a sampler has made rarer counts as often. */
static void histograms_merge_into_one_quantile(void **state)
{
	static const struct sonde_field field = { .name = "delay",
						  .type = SONDE_EXPONENTIAL,
						  .role = SONDE_ROLE_HISTOGRAM,
						  .temporality = SONDE_DELTA,
						  .unit = "ns" };
	struct sonde_test *test = control_create(
		"value = \"quantile(delay, 0.9)\"; above = \"10ms\"; set = [\"a.b=1\"];");
	struct sonde_instance *instance = sonde_test_instance(test);
	const int32_t buckets[] = { 23 * 8, 24 * 8 }; /* from 8.4 ms, from 16.8 ms, at scale 3 */

	for (uint32_t i = 0; i < 2; i++) {
		struct sonde_batch *batch =
			sonde_batch_table(instance, "runq", SONDE_SIGNAL_METRIC, 1);
		struct sonde_column *column = sonde_batch_add(instance, batch, &field, NULL);
		struct sonde_exponential head = {
			.count = 80, .scale = 3, .positive_offset = buckets[i], .positive_length = 1
		};
		uint64_t *words;

		words = sonde_batch_heap(instance, batch, 0, 1, &head.positive_start);
		*words = 80;
		memcpy(column->base, &head, sizeof(head));
		assert_int_equal(set_count(test), 0);
		assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	}
	assert_int_equal(set_count(test), 1);
	assert_non_null(strstr(sonde_test_sets(test), "quantile(delay, 0.9) = 1"));
	assert_non_null(strstr(sonde_test_sets(test), "ms, above 10ms"));
	sonde_test_release(test);
}

static void what_covers_everything_since_a_start_is_not_measured(void **state)
{
	struct sonde_test *test =
		control_create("value = \"sum(total)\"; above = \"1\"; set = [\"a.b=1\"];");

	feed(test, 0, "/a - - - 5");
	feed(test, 0, "/a - - - 5");
	assert_int_equal(set_count(test), 0);
	assert_int_equal(sonde_test_counter(test, "mismatched_batches"), 2);
	assert_int_equal(occurrences(sonde_test_log(test),
				     "rule slow: total cannot be measured so in rows of runq"),
			 1);
	sonde_test_release(test);
}

static void tables_without_its_columns_are_none_of_a_rules_business(void **state)
{
	struct sonde_test *test = control_create(SLOW);

	sonde_test_process(test,
			   sonde_test_table(test, "other", "wait:duration", "20000000", NULL));
	sonde_test_process(test, sonde_test_table(test, "other", "cgroup:text", "/a", NULL));
	assert_int_equal(sonde_test_counter(test, "missing_batches"), 2);
	assert_int_equal(sonde_test_row_count(test), 2);
	sonde_test_release(test);
}

/* ---- time -------------------------------------------------------------------------------- */

static void windows_go_by_the_rows_own_time(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"2\"; over = \"5s\"; set = [\"a.b=1\"];");
	const int64_t hour = 3600 * SONDE_TEST_SECOND;

	for (uint32_t i = 0; i < 4; i++) /* all at once, ten seconds apart when they happened */
		feed(test, hour - i * 10 * SONDE_TEST_SECOND, "/a - - - -");
	assert_int_equal(set_count(test), 0);
	for (uint32_t i = 0; i < 3; i++)
		feed(test, hour / 2, "/a - - - -");
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void rows_older_than_the_window_are_left_out_and_counted(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"1\"; over = \"5s\"; set = [\"a.b=1\"];");

	feed(test, 0, "/a - - - -");
	feed(test, 6 * SONDE_TEST_SECOND, "/a - - - -");
	assert_int_equal(set_count(test), 0);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 1);
	feed(test, 3 * SONDE_TEST_SECOND, "/a - - - -"); /* late, and in time */
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void rows_that_are_long_on_their_way_are_judged_like_others(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"1\"; over = \"1s\"; set = [\"a.b=1\"];");

	feed(test, 0, "/a - - - -");
	sonde_test_advance(test, 10 * SONDE_TEST_SECOND);
	feed(test, 8 * SONDE_TEST_SECOND, "/a - - - -");
	assert_int_equal(set_count(test), 0);
	feed(test, 8 * SONDE_TEST_SECOND, "/a - - - -");
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void what_held_in_the_middle_of_a_batch_is_not_overlooked(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"2\"; over = \"1s\"; set = [\"a.b=1\"];");

	sonde_test_process(test,
			   sonde_test_table(test, "t", "time:time:time", "1000000000", "5000000000",
					    "5000000001", "5000000002", "90000000000", NULL));
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

static void rows_from_the_future_count_as_of_now(void **state)
{
	struct sonde_test *test = control_create(
		"value = \"count\"; above = \"1\"; over = \"5s\"; set = [\"a.b=1\"];");

	feed(test, -1000 * SONDE_TEST_SECOND, "/a - - - -");
	feed(test, 0, "/a - - - -");
	assert_int_equal(set_count(test), 1);
	sonde_test_release(test);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void rows_without_a_value_of_the_key_are_not_judged(void **state)
{
	struct sonde_test *test = control_create(SLOW);

	feed(test, 0, "- 20000000 - - -");
	assert_int_equal(set_count(test), 0);
	assert_int_equal(sonde_test_counter(test, "keyless_rows"), 1);
	sonde_test_release(test);
}

static void keys_are_bounded_and_those_that_fall_silent_make_room(void **state)
{
	struct sonde_test *test = control_create(SLOW "keys = 2;");

	feed(test, 0, "/a 1 - - -");
	feed(test, 0, "/b 1 - - -");
	feed(test, 0, "/c 20000000 - - -");
	assert_int_equal(sonde_test_counter(test, "crowded_rows"), 1);
	assert_int_equal(set_count(test), 0);
	sonde_test_advance(test, 60 * SONDE_TEST_SECOND);
	feed(test, 0, "/c 20000000 - - -");
	assert_int_equal(set_count(test), 2);
	sonde_test_release(test);
}

static void values_of_keys_are_quoted_in_lists_and_plain_elsewhere(void **state)
{
	struct sonde_test *test = control_create(
		"by = [\"cgroup\", \"calls\"]; value = \"count\"; above = \"0\"; set = "
		"[\"a.list=[%{cgroup}, \\\"x%{calls}\\\"]\", \"a.text=%{cgroup}-%{calls}\", "
		"\"a.kept=%%{cgroup} 100%\"];");

	feed(test, 0, "'/a \"b\\c' - 7 - -");
	assert_non_null(strstr(sonde_test_sets(test), "a.list=[\"/a \\\"b\\\\c\", \"x7\"] for"));
	assert_non_null(strstr(sonde_test_sets(test), "a.text=/a \"b\\c-7 for"));
	assert_non_null(strstr(sonde_test_sets(test), "a.kept=%{cgroup} 100% for"));
	sonde_test_release(test);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void assert_refused(const char *rule, const char *message)
{
	char option[1024];
	struct sonde_test *test;

	snprintf(option, sizeof(option), "rules=( { name = \"slow\"; for = \"4s\"; %s } )", rule);
	test = sonde_test_create(sonde_plugin, option, NULL);
	assert_null(test);
	if (!strstr(sonde_test_error(), message))
		fprintf(stderr, "%s\nlacks: %s\n", sonde_test_error(), message);
	assert_non_null(strstr(sonde_test_error(), message));
}

static void a_rule_that_is_wrong_is_refused_with_its_place(void **state)
{
	assert_refused("value = \"count\"; set = [\"a.b=1\"];",
		       "rules[0]: exactly one of above, below and rises");
	assert_refused("value = \"count\"; above = \"1\"; rises = 2.0; set = [\"a.b=1\"];",
		       "rules[0].rises: exactly one of above, below and rises");
	assert_refused("value = \"count\"; rises = 1.0; set = [\"a.b=1\"];",
		       "rules[0].rises: 1 is not more than 1");
	assert_refused("value = \"median(x)\"; above = \"1\"; set = [\"a.b=1\"];",
		       "rules[0].value: at 1: \"median\" is none of count, sum");
	assert_refused("value = \"quantile(x)\"; above = \"1\"; set = [\"a.b=1\"];",
		       "rules[0].value: at 11: which quantile?");
	assert_refused("value = \"count / count / count\"; above = \"1\"; set = [\"a.b=1\"];",
		       "rules[0].value: at 15: one measure is possible");
	assert_refused("value = \"count\"; above = \"10 lightyears\"; set = [\"a.b=1\"];",
		       "rules[0].above: at 4:");
	assert_refused("value = \"count\"; above = \"1\"; where = \"a >\"; set = [\"a.b=1\"];",
		       "rules[0].where: at ");
	assert_refused("value = \"count\"; above = \"1\"; set = [\"a.b\"];",
		       "rules[0].set: \"a.b\" is not INSTANCE.KNOB=VALUE");
	assert_refused("value = \"count\"; above = \"1\"; set = [];",
		       "rules[0].set: holds 0 knobs");
	assert_refused("by = [\"cgroup\"]; value = \"count\"; above = \"1\"; set = "
		       "[\"a.b=%{cgruop}\"];",
		       "rules[0].set: %{cgruop} is none of the columns in `by`");
}

static void knobs_are_looked_up_when_rules_are_checked(void **state)
{
	sonde_test_refuse_knob("runq.mode", "runq has no knob \"mode\"");
	assert_refused(SLOW, "rules[0].set: runq has no knob \"mode\"");
	sonde_test_refuse_knob(NULL, NULL);
}

static void names_of_rules_are_their_own(void **state)
{
	const char *rules =
		"rules=( { name = \"a\"; for = \"4s\"; value = \"count\"; above = \"1\"; "
		"set = [\"a.b=1\"]; }, { name = \"a\"; for = \"4s\"; value = \"count\"; "
		"above = \"1\"; set = [\"a.b=1\"]; } )";

	assert_null(sonde_test_create(sonde_plugin, rules, NULL));
	assert_non_null(strstr(sonde_test_error(), "rules[1].name: another rule is called so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_sets_its_knobs_once_its_condition_holds_for_a_key),
		cmocka_unit_test(
			a_condition_that_holds_on_is_prolonged_now_and_then_and_not_by_each_row),
		cmocka_unit_test(what_does_not_hold_any_more_is_over_when_its_time_is),
		cmocka_unit_test(again_keeps_a_key_quiet_for_a_while),
		cmocka_unit_test(no_more_keys_hold_than_may_at_once),
		cmocka_unit_test(a_dry_run_only_says_what_it_would_do),
		cmocka_unit_test(a_ratio_is_one_sum_over_another_of_the_whole_window),
		cmocka_unit_test(only_rows_for_which_where_is_true_count),
		cmocka_unit_test(rows_count_for_what_they_stand_for),
		cmocka_unit_test(a_window_with_too_few_events_says_nothing),
		cmocka_unit_test(a_value_rises_against_the_windows_before_it),
		cmocka_unit_test(from_nothing_any_value_is_a_rise_that_has_enough_events),
		cmocka_unit_test(below_is_judged_once_a_window_is_full_and_by_the_clock_in_silence),
		cmocka_unit_test(histograms_merge_into_one_quantile),
		cmocka_unit_test(what_covers_everything_since_a_start_is_not_measured),
		cmocka_unit_test(tables_without_its_columns_are_none_of_a_rules_business),
		cmocka_unit_test(windows_go_by_the_rows_own_time),
		cmocka_unit_test(rows_older_than_the_window_are_left_out_and_counted),
		cmocka_unit_test(rows_that_are_long_on_their_way_are_judged_like_others),
		cmocka_unit_test(what_held_in_the_middle_of_a_batch_is_not_overlooked),
		cmocka_unit_test(rows_from_the_future_count_as_of_now),
		cmocka_unit_test(rows_without_a_value_of_the_key_are_not_judged),
		cmocka_unit_test(keys_are_bounded_and_those_that_fall_silent_make_room),
		cmocka_unit_test(values_of_keys_are_quoted_in_lists_and_plain_elsewhere),
		cmocka_unit_test(a_rule_that_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(knobs_are_looked_up_when_rules_are_checked),
		cmocka_unit_test(names_of_rules_are_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

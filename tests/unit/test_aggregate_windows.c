// SPDX-License-Identifier: Apache-2.0
/* The processor aggregate under the test host: when windows close, what finds no room, knobs. */
#include "aggregate_fixture.h"

/* ---- windows ----------------------------------------------------------------------------- */

static void a_window_closes_when_its_source_has_passed_its_end_and_the_lateness(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=2s");

	sonde_test_advance(test, 20 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(03) " read 1"));
	sonde_test_process(test, calls(test, SECOND(11) " read 1"));
	sonde_test_process(test, calls(test, SECOND(09) " read 1")); /* not too late */
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, calls(test, SECOND(12) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 2);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	sonde_test_release(test);
}

static const char hosts[] = "time:time:time host:text";

static struct sonde_batch *from(struct sonde_test *test, const char *row)
{
	return sonde_test_table(test, "calls", hosts, row, NULL);
}

static void a_source_that_is_behind_keeps_its_windows_open(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, from(test, SECOND(01) " a"));
	sonde_test_process(test, from(test, SECOND(02) " b"));
	sonde_test_process(test, from(test, SECOND(15) " a"));
	sonde_test_process(test, from(test, SECOND(25) " a"));
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, from(test, SECOND(08) " b"));
	sonde_test_process(test, from(test, SECOND(10) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 3);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void a_source_that_is_ahead_closes_nobodys_window(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s", "idle=30s");

	for (int second = 0; second < 10; second++) {
		char ahead[64], right[64];

		snprintf(ahead, sizeof(ahead), "%lld a",
			 1000001800000000000ll + second * 1000000000ll);
		snprintf(right, sizeof(right), "%lld b",
			 1000000000000000000ll + second * 1000000000ll);
		sonde_test_process(test, from(test, ahead));
		sonde_test_process(test, from(test, right));
		sonde_test_advance(test, SONDE_TEST_SECOND);
	}
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_process(test, from(test, SECOND(10) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 10);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "late_rows"), 0);
	sonde_test_release(test);
}

static void a_silent_source_is_not_waited_for(void **state)
{
	struct sonde_test *test = CREATE("source=host", "lateness=0s", "idle=5s");

	sonde_test_process(test, from(test, SECOND(00) " silent"));
	sonde_test_advance(test, 12 * SONDE_TEST_SECOND);
	sonde_test_process(test, from(test, SECOND(12) " b"));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_release(test);
}

static void when_no_more_rows_come_windows_close_by_the_clock(void **state)
{
	struct sonde_test *test = CREATE("by=call", "idle=5s");

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_advance(test, 4 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_advance(test, 2 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_account(test).held, 0);
	sonde_test_release(test);
}

static void late_rows_get_a_window_of_their_own(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(20) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_process(test, calls(test, SECOND(02) " read 1"));
	sonde_test_process(test, calls(test, SECOND(03) " read 1"));
	assert_int_equal(sonde_test_counter(test, "late_rows"), 2);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_int_equal(sonde_test_integer(test, 1, "start_time"), 1000000000000000000);
	assert_int_equal(sonde_test_integer(test, 1, "count"), 2);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void late_rows_are_rejected_where_that_is_asked_for(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s", "late=drop");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(20) " read 1"));
	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(02) " read 1",
						  SECOND(22) " read 1", NULL));
	assert_int_equal(sonde_test_counter(test, "late_rows"), 1);
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_integer(test, 0, "count"), 2);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_REJECTED], 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void rows_far_ahead_are_rejected(void **state)
{
	struct sonde_test *test = CREATE("by=call", "future=1m");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(61) " read 1",
						  SECOND(02) " read 1", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_counter(test, "future_rows"), 1);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_REJECTED], 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void rows_without_a_time_are_taken_as_of_now(void **state)
{
	struct sonde_test *test = CREATE("by=call");

	sonde_test_process(test, calls(test, "- read 1"));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_integer(test, 0, "start_time"), 1000000000000000000);
	assert_int_equal(sonde_test_counter(test, "untimed_rows"), 1);
	sonde_test_release(test);
}

static void windows_slide_and_each_event_goes_with_the_last(void **state)
{
	struct sonde_test *test = CREATE("measures=count", "slide=5s");
	struct sonde_test_account account;

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(06) " read 1"));
	sonde_test_process(test, calls(test, SECOND(07) " read 1"));
	sonde_test_drain(test);
	assert_string_equal(sonde_test_print(test),
			    "aggregate time=1000000005000000000 start_time=999999995000000000 "
			    "count=1 events=0\n"
			    "aggregate time=1000000010000000000 start_time=1000000000000000000 "
			    "count=3 events=1\n"
			    "aggregate time=1000000015000000000 start_time=1000000005000000000 "
			    "count=2 events=2\n");
	account = sonde_test_account(test);
	assert_int_equal(account.held, 0);
	assert_int_equal(account.settled, 0);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 3);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void receipts_wait_for_their_window(void **state)
{
	struct sonde_test *test = CREATE("by=call", "lateness=0s");

	sonde_test_advance(test, 30 * SONDE_TEST_SECOND);
	sonde_test_process(test,
			   sonde_test_table(test, "calls", columns, SECOND(01) " read 1",
					    SECOND(12) " read 1", SECOND(02) " read 1", NULL));
	assert_int_equal(sonde_test_row_count(test), 1); /* of the first window, which has closed */
	assert_int_equal(sonde_test_account(test).held, 1);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 0); /* a row of the batch is held */
	sonde_test_drain(test);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 3);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_AGGREGATED], 1);
	sonde_test_release(test);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void groups_beyond_the_limit_are_one(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count, sum(wait)", "groups=2");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " a 1",
						  SECOND(00) " b 2", SECOND(00) " c 3",
						  SECOND(00) " d 4", SECOND(00) " a 5", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_int_equal(sonde_test_integer(test, 0, "wait"), 6);
	assert_false(sonde_test_has(test, 0, "aggregate.other"));
	assert_false(sonde_test_has(test, 2, "call"));
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	assert_int_equal(sonde_test_integer(test, 2, "wait"), 7);
	assert_int_equal(sonde_test_integer(test, 2, "events"), 2);
	assert_int_equal(sonde_test_counter(test, "other_rows"), 2);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void only_the_top_groups_go_on_by_themselves(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count, max(wait)", "top=2", "top_by=wait.max");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " a 1",
						  SECOND(00) " b 9", SECOND(00) " c 3",
						  SECOND(00) " d 4", SECOND(00) " a 2", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_string_equal(sonde_test_text(test, 0, "call"), "b");
	assert_string_equal(sonde_test_text(test, 1, "call"), "d");
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	assert_int_equal(sonde_test_integer(test, 2, "count"), 3);
	assert_int_equal(sonde_test_integer(test, 2, "wait.max"), 3);
	assert_int_equal(sonde_test_integer(test, 2, "events"), 3);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void others_of_others_stay_others(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count");

	sonde_test_process(test, sonde_test_table(test, "calls",
						  "time:time:time call:text aggregate.other:bool",
						  SECOND(00) " a -", SECOND(00) " - true",
						  SECOND(00) " - -", NULL));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_false(sonde_test_has(test, 1, "aggregate.other"));
	assert_int_equal(sonde_test_integer(test, 2, "aggregate.other"), 1);
	sonde_test_release(test);
}

/* Texts that differ in every row, window after window: what is held stays within the bound. */
static void memory_stays_within_its_bound(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count", "groups=100000", "memory=1MiB", "lateness=0s");
	uint64_t rows = 0;

	for (int second = 0; second < 40; second++) {
		struct sonde_instance *instance = sonde_test_instance(test);
		struct sonde_batch *batch =
			sonde_batch_table(instance, "calls", SONDE_SIGNAL_LOG, 2000);
		static const struct sonde_field time = { .name = "time",
							 .type = SONDE_TIME,
							 .role = SONDE_ROLE_TIME };
		static const struct sonde_field call = { .name = "call", .type = SONDE_TEXT };
		struct sonde_dictionary *texts = sonde_dictionary_create(instance, false);
		int64_t now = sonde_test_now_ns(test);
		struct sonde_column *column;
		char text[64];

		sonde_batch_constant(instance, batch, &time, NULL, &now);
		column = sonde_batch_add(instance, batch, &call, texts);
		for (uint32_t row = 0; row < 2000; row++) {
			int length = snprintf(text, sizeof(text), "a text of its own: %d %u",
					      second, row);
			uint32_t code = sonde_dictionary_add(instance, texts, text, (size_t)length);

			memcpy(column->base + row * column->stride, &code, sizeof(code));
		}
		sonde_dictionary_release(instance, texts);
		sonde_test_process(test, batch);
		sonde_test_advance(test, SONDE_TEST_SECOND);
		assert_true(sonde_test_report_number(test, "windows", "open", "memory") <
			    1.5 * 1024 * 1024);
	}
	sonde_test_drain(test);
	assert_true(sonde_test_counter(test, "other_rows") > 0);
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++)
		rows += (uint64_t)sonde_test_integer(test, row, "count");
	assert_int_equal(rows, 80000);
	assert_true(sonde_test_row_count(test) > 8000); /* texts of old windows have left */
	assert_closed_books(test);
	sonde_test_release(test);
}

static void refused_memory_loses_no_row_unseen(void **state)
{
	uint32_t n = 0;
	bool came;

	do {
		struct sonde_test *test = CREATE("by=call", "slide=5s",
						 "measures=count, last(call), "
						 "histogram(wait)");
		struct sonde_batch *batches[] = { calls(test, SECOND(01) " read 1"),
						  calls(test, SECOND(06) " write 2") };

		sonde_test_refuse_memory(test, ++n);
		for (int i = 0; i < 2; i++)
			sonde_test_process(test, batches[i]);
		sonde_test_drain(test);
		came = sonde_test_refuse_memory(test, 0);
		sonde_test_drain(test); /* what could not be emitted is still held */
		assert_int_equal(sonde_test_account(test).held, 0);
		assert_closed_books(test);
		sonde_test_release(test);
	} while (came);
	assert_true(n > 10);
}

/* ---- options ----------------------------------------------------------------------------- */

static void a_changed_knob_emits_what_is_open_first(void **state)
{
	struct sonde_test *test = CREATE("by=call", "measures=count");

	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	assert_true(sonde_test_set(test, "slide", "3s") < 0);
	assert_non_null(strstr(sonde_test_error(), "a whole part of the window"));
	assert_int_equal(sonde_test_row_count(test), 0);
	assert_int_equal(sonde_test_set(test, "by", "wait"), 0);
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_drain(test);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_false(sonde_test_has(test, 1, "call"));
	assert_int_equal(sonde_test_integer(test, 1, "wait"), 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void what_is_wrong_is_a_problem_with_its_place(void **state)
{
	static const struct {
		const char *option, *problem;
	} wrong[] = {
		{ "measures=cnt", "\"cnt\": at 1: a function is expected: count, sum" },
		{ "measures=sum(wait", "at 5: a closing bracket is missing" },
		{ "measures=sum", "at 4: a column in brackets is expected" },
		{ "measures=count(wait)", "count takes no column" },
		{ "measures=slow = count where wait >", "at 26: a name or a value is missing" },
		{ "measures=count if wait > 5", "\"where\" and a condition are expected" },
		{ "measures=[\"histogram(wait, 99)\"]",
		  "a scale is a whole number from -10 to 20" },
		{ "measures=sum(wait), histogram(wait)", "two measures are called wait" },
		{ "measures=p101(wait)", "a function is expected" },
		{ "by=a = 5", "the name of a column is expected" },
		{ "top_by=nothing", "" },
		{ "slide=3s", "a whole part of the window" },
	};

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sonde_test *test =
			sonde_test_create(sonde_plugin, wrong[i].option,
					  *wrong[i].problem ? NULL : "measures=count", NULL);

		if (test || !strstr(sonde_test_error(), wrong[i].problem))
			fail_msg("%s: %s", wrong[i].option, sonde_test_error());
		sonde_test_release(test);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_window_closes_when_its_source_has_passed_its_end_and_the_lateness),
		cmocka_unit_test(a_source_that_is_behind_keeps_its_windows_open),
		cmocka_unit_test(a_source_that_is_ahead_closes_nobodys_window),
		cmocka_unit_test(a_silent_source_is_not_waited_for),
		cmocka_unit_test(when_no_more_rows_come_windows_close_by_the_clock),
		cmocka_unit_test(late_rows_get_a_window_of_their_own),
		cmocka_unit_test(late_rows_are_rejected_where_that_is_asked_for),
		cmocka_unit_test(rows_far_ahead_are_rejected),
		cmocka_unit_test(rows_without_a_time_are_taken_as_of_now),
		cmocka_unit_test(windows_slide_and_each_event_goes_with_the_last),
		cmocka_unit_test(receipts_wait_for_their_window),
		cmocka_unit_test(groups_beyond_the_limit_are_one),
		cmocka_unit_test(only_the_top_groups_go_on_by_themselves),
		cmocka_unit_test(others_of_others_stay_others),
		cmocka_unit_test(memory_stays_within_its_bound),
		cmocka_unit_test(refused_memory_loses_no_row_unseen),
		cmocka_unit_test(a_changed_knob_emits_what_is_open_first),
		cmocka_unit_test(what_is_wrong_is_a_problem_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

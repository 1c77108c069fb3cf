// SPDX-License-Identifier: Apache-2.0
/* The processor filter under the test host: what goes on, what is booked, what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

static struct sonde_batch *table(struct sonde_test *test)
{
	return sonde_test_table(test, "calls", "time:time:time call:text wait:duration errors:u32",
				"1000 read 5000000 0", "2000 write 20000000 1", "3000 read - 2",
				NULL);
}

static struct sonde_test *filter_create(const char *option)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, option, NULL);

	assert_non_null(test);
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void rows_for_which_keep_is_true_go_on(void **state)
{
	struct sonde_test *test = filter_create("keep=wait >= 10ms or errors > 1");
	struct sonde_test_account account;

	assert_int_equal(sonde_test_process(test, table(test)), 0);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_string_equal(sonde_test_text(test, 0, "call"), "write");
	assert_int_equal(sonde_test_number(test, 1, "errors"), 2);
	account = sonde_test_account(test);
	assert_int_equal(account.in, 3);
	assert_int_equal(account.out, 2);
	assert_int_equal(account.reduced[SONDE_FILTERED], 1);
	sonde_test_release(test);
}

static void rows_for_which_drop_is_not_true_go_on(void **state)
{
	struct sonde_test *test = filter_create("drop=wait < 10ms");

	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 2); /* null is not true */
	assert_int_equal(sonde_test_number(test, 1, "errors"), 2);
	sonde_test_release(test);
}

static void a_batch_that_is_kept_whole_is_passed_as_it_is(void **state)
{
	struct sonde_test *test = filter_create("keep=call in ('read', 'write')");
	struct sonde_batch *batch = table(test);

	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_ptr_equal(sonde_test_batch(test, 0), batch);
	assert_int_equal(sonde_test_counter(test, "passed_batches"), 1);
	sonde_test_release(test);
}

static void a_batch_of_which_nothing_is_kept_is_dropped(void **state)
{
	struct sonde_test *test = filter_create("keep=call = 'openat'");

	assert_int_equal(sonde_test_process(test, table(test)), SONDE_OK);
	assert_int_equal(sonde_test_batch_count(test), 0);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_FILTERED], 3);
	assert_int_equal(sonde_test_counter(test, "dropped_batches"), 1);
	sonde_test_release(test);
}

static void rows_that_others_dropped_stay_dropped(void **state)
{
	struct sonde_test *test = filter_create("keep=errors >= 1");
	struct sonde_batch *batch = table(test);
	struct sonde_batch *derived = sonde_batch_derive(sonde_test_instance(test), batch);

	assert_int_equal(sonde_batch_select(sonde_test_instance(test), derived,
					    (const unsigned char[]){ 0x3 }),
			 0);
	sonde_batch_release(sonde_test_instance(test), batch);
	sonde_test_process(test, derived);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(sonde_test_text(test, 0, "call"), "write");
	sonde_test_release(test);
}

static void columns_that_are_missing_or_of_another_type_are_counted(void **state)
{
	struct sonde_test *test =
		filter_create("keep=wait contains 'x' or nowhere = 5 or errors = 1");

	sonde_test_process(test, table(test));
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_int_equal(sonde_test_counter(test, "missing_batches"), 2);
	assert_int_equal(sonde_test_counter(test, "mismatched_batches"), 2);
	assert_true(sonde_test_logged(test, "warning: keep, at 1: wait is a number here, and a "
					    "text is needed, in rows of calls: it is null there"));
	sonde_test_release(test);
}

/* ---- conditions -------------------------------------------------------------------------- */

static void a_wrong_condition_is_a_problem_with_its_place(void **state)
{
	assert_null(sonde_test_create(sonde_plugin, "keep=wait > 5 adn errors", NULL));
	assert_non_null(strstr(sonde_test_error(), "at 10: an operator or the end is expected, not "
						   "adn (did you mean \"and\"?)"));
	assert_null(sonde_test_create(sonde_plugin, "drop=call =~ 'a('", NULL));
	assert_non_null(strstr(sonde_test_error(), "at 12: the regular expression is wrong here"));
}

static void a_condition_is_needed(void **state)
{
	assert_null(sonde_test_create(sonde_plugin, NULL));
	assert_non_null(strstr(sonde_test_error(), "a condition is missing"));
}

static void with_both_rows_go_on_that_are_kept_and_not_dropped(void **state)
{
	struct sonde_test *test =
		sonde_test_create(sonde_plugin, "keep=errors >= 1", "drop=call = 'write'", NULL);

	assert_non_null(test);
	assert_int_equal(sonde_test_start(test), 0);
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_number(test, 0, "errors"), 2);
	assert_int_equal(sonde_test_set(test, "keep", ""), 0);
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_int_equal(sonde_test_set(test, "drop", ""), 0);
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 6);
	sonde_test_release(test);
}

static void a_condition_changes_while_it_runs(void **state)
{
	struct sonde_test *test = filter_create("keep=errors = 0");

	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_set(test, "keep", "errors > 0"), 0);
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 3);
	sonde_test_release(test);
}

static void a_wrong_condition_leaves_the_one_in_force(void **state)
{
	struct sonde_test *test = filter_create("keep=errors = 0");

	assert_true(sonde_test_set(test, "keep", "errors = ") < 0);
	assert_non_null(strstr(sonde_test_error(), "keep, at 10: a name or a value is missing"));
	assert_true(sonde_test_set(test, "drop", "errors = 1 or 5") < 0);
	assert_non_null(strstr(sonde_test_error(), "drop, at 15: or takes true or false"));
	assert_null(sonde_test_degraded(test));
	sonde_test_process(test, table(test));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_release(test);
}

static void refused_memory_loses_no_row_unseen(void **state)
{
	struct sonde_test *test = filter_create("keep=call = 'read'");
	uint32_t n = 0;

	do {
		struct sonde_test_account account;

		/* Rows of one batch at a time: the table is made before memory is refused. */
		struct sonde_batch *batch = table(test);

		sonde_test_refuse_memory(test, ++n);
		sonde_test_process(test, batch);
		account = sonde_test_account(test);
		assert_int_equal(account.in, account.out + account.reduced[SONDE_FILTERED] +
						     account.lost[SONDE_LOST_FAILED]);
		assert_int_equal(account.in, 3 * n);
	} while (sonde_test_refuse_memory(test, 0));
	assert_true(n > 1);
	sonde_test_release(test);
}

/* ---- what inputs may do ------------------------------------------------------------------ */

static void assert_asks(const char *option, const char *expected)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, option, NULL);

	assert_string_equal(sonde_test_asks(test), expected);
	sonde_test_release(test);
}

static void it_asks_for_the_comparisons_that_must_all_hold(void **state)
{
	assert_asks("keep=a = 5 and (10ms < wait and 'x' != b) and c in ('y', 'z')",
		    "a = 5\nwait > 10000000\nb != 'x'\nc in ('y', 'z')\n");
	assert_asks("keep=`odd name` is not null and row[flag] and a not in (1, 2)",
		    "odd name is not null\nflag = true\na not in (1, 2)\n");
	assert_asks("keep=a = 1.5 and b is null", "a = 1.5\nb is null\n");
}

static void it_says_where_there_is_more_to_it(void **state)
{
	assert_asks("keep=a = 5 and (b = 6 or c = 7)", "a = 5\n...\n");
	assert_asks("keep=a + 1 = 5 or b = 2", "...\n");
	assert_asks("keep=resource[a] = 5 and b = a and not (a = 6) and a =~ 'x'", "...\n");
	assert_asks("drop=a = 5", "...\n");
}

static void it_lets_rows_pass_that_were_folded_at_the_source(void **state)
{
	struct sonde_test *test = filter_create("keep=wait >= 10ms");
	struct sonde_batch *batch = table(test);

	sonde_batch_done(sonde_test_instance(test), batch, SONDE_ASK_AGGREGATE);
	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_int_equal(sonde_test_row_count(test), 3);
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_for_which_keep_is_true_go_on),
		cmocka_unit_test(rows_for_which_drop_is_not_true_go_on),
		cmocka_unit_test(a_batch_that_is_kept_whole_is_passed_as_it_is),
		cmocka_unit_test(a_batch_of_which_nothing_is_kept_is_dropped),
		cmocka_unit_test(rows_that_others_dropped_stay_dropped),
		cmocka_unit_test(columns_that_are_missing_or_of_another_type_are_counted),
		cmocka_unit_test(a_wrong_condition_is_a_problem_with_its_place),
		cmocka_unit_test(a_condition_is_needed),
		cmocka_unit_test(with_both_rows_go_on_that_are_kept_and_not_dropped),
		cmocka_unit_test(a_condition_changes_while_it_runs),
		cmocka_unit_test(a_wrong_condition_leaves_the_one_in_force),
		cmocka_unit_test(refused_memory_loses_no_row_unseen),
		cmocka_unit_test(it_asks_for_the_comparisons_that_must_all_hold),
		cmocka_unit_test(it_says_where_there_is_more_to_it),
		cmocka_unit_test(it_lets_rows_pass_that_were_folded_at_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/judge.h promises: expectations beside rows that came. */
#include "judge.h"
#include "made.h"
#include "trial_fixture.h"

enum { ROWS = 10 };

/* What is told of expectations of the output `out`, to which rows numbered from 0 came, and of a
 * ledger. */
static char *told(const char *expectations, struct ledger *ledger, int64_t *ret_failed)
{
	static const char *const outputs[] = { "none", "out" };
	struct scripted scripted = script_expecting(expectations);
	struct sonde_batch *first = finished_batch(0, ROWS / 2);
	struct sonde_batch *second = finished_batch(ROWS / 2, ROWS / 2);
	struct judge *judge;
	char *text = NULL;
	size_t length;
	FILE *file;

	assert_string_equal(scripted.messages, "");
	for (uint32_t at = 0; at < scripted.script->expectation_count; at++)
		if (!scripted.script->expectations[at].of_ledger)
			scripted.script->expectations[at].output = "out";
	judge = judge_create(scripted.script->expectations, scripted.script->expectation_count,
			     outputs, 2, 2);
	judge_take(judge, 1, first);
	judge_take(judge, 1, second);
	assert_int_equal(judge_rows(judge, 1), ROWS);
	assert_int_equal(judge_rows(judge, 0), 0);
	file = open_memstream(&text, &length);
	*ret_failed = judge_tell(judge, ledger, file);
	fclose(file);
	judge_release(judge);
	batch_release(first);
	batch_release(second);
	scripted_release(&scripted);
	return text;
}

static void assert_told(const char *expectations, int64_t failed, const char *text)
{
	struct ledger *ledger = NULL;
	int64_t found;
	char *said;

	assert_int_equal(ledger_open(NULL, &ledger), 0);
	said = told(expectations, ledger, &found);
	assert_string_equal(said, text);
	assert_int_equal(found, failed);
	free(said);
	ledger_close(ledger);
}

static void what_holds_is_not_spoken_of(void **state)
{
	assert_told("{ rows = 10; every = \"number < 10\"; }, "
		    "{ where = \"number >= 7\"; rows = 3; sum = \"number\"; is = 24; }, "
		    "{ min = \"number\"; is = 0; }, { max = \"number\"; is = \"> 8\"; }, "
		    "{ absent = [\"nothing\"]; }, { others = 7; }, { rows = \"1..10\"; }",
		    0, "");
}

static void too_many_rows_are_counted_and_the_first_shown(void **state)
{
	assert_told("{ where = \"number > 4\"; rows = \"< 3\"; }", 1,
		    "edge.test:2: expect[0]: rows of out where number > 4: expected < 3, found 5\n"
		    "    {\"schema\":\"made\",\"number\":5,\"events\":3,\"text\":\"\"}\n"
		    "    {\"schema\":\"made\",\"number\":6,\"events\":3,\"text\":\"\"}\n"
		    "    and 3 more\n");
}

static void too_few_rows_are_counted(void **state)
{
	assert_told("{ where = \"number > 8\"; rows = 2; }", 1,
		    "edge.test:2: expect[0]: rows of out where number > 8: expected 2, found 1\n");
}

static void rows_for_which_a_condition_is_not_true_are_shown(void **state)
{
	assert_told(
		"{ every = \"number != 6\"; }", 1,
		"edge.test:2: expect[0]: 1 rows of out for which this is not true: number != 6\n"
		"    {\"schema\":\"made\",\"number\":6,\"events\":3,\"text\":\"\"}\n");
}

static void sums_and_extremes_say_what_they_are(void **state)
{
	assert_told("{ sum = \"number\"; is = 44; },\n{ min = \"number\"; is = 1; },\n"
		    "{ where = \"number < 3\"; max = \"number\"; is = \">= 3\"; },\n"
		    "{ where = \"number > 90\"; max = \"number\"; is = 5; }",
		    4,
		    "edge.test:2: expect[0]: sum number of rows of out: expected 44, found 45\n"
		    "edge.test:3: expect[1]: least number of rows of out: expected 1, found 0\n"
		    "edge.test:4: expect[2]: greatest number of rows of out where number < 3: "
		    "expected >= 3, found 2\n"
		    "edge.test:5: expect[3]: greatest number of rows of out where number > 90: "
		    "expected 5, found no number\n");
}

static void a_column_that_never_was_there_is_a_failure_with_the_nearest_name(void **state)
{
	assert_told("{ where = \"numbre = 1\"; rows = 0; },\n{ sum = \"numbre\"; is = 0; }", 2,
		    "edge.test:2: expect[0]: where, at 1: there is no column \"numbre\" (did you "
		    "mean \"number\"?), in rows of made\n"
		    "edge.test:3: expect[1]: no row of out has a column numbre\n");
}

static void a_table_is_compared_in_its_order(void **state)
{
	assert_told("{ where = \"number > 7\"; columns = [\"number\", \"text\"]; "
		    "table = ( (8, \"\"), (9, \"\") ); }",
		    0, "");
	assert_told("{ where = \"number > 7\"; columns = [\"number\", \"text\"]; "
		    "table = ( (9, \"\"), (8, \"\") ); }",
		    1,
		    "edge.test:2: expect[0]: table of rows of out where number > 7: row 1: number: "
		    "expected 9, found 8\n"
		    "    {\"schema\":\"made\",\"number\":8,\"events\":3,\"text\":\"\"}\n"
		    "    {\"schema\":\"made\",\"number\":9,\"events\":3,\"text\":\"\"}\n");
}

static void a_table_may_come_in_any_order(void **state)
{
	assert_told("{ where = \"number > 7\"; columns = [\"number\"]; in_order = false; "
		    "table = ( (9), (8) ); }",
		    0, "");
	assert_told("{ where = \"number > 7\"; columns = [\"number\"]; in_order = false; "
		    "table = ( (9), (9) ); }",
		    1,
		    "edge.test:2: expect[0]: table of rows of out where number > 7: rows that are "
		    "not in it: 1\n"
		    "    {\"schema\":\"made\",\"number\":8,\"events\":3,\"text\":\"\"}\n"
		    "    row 2 did not come: (9)\n");
}

static void a_table_has_all_rows_and_no_others(void **state)
{
	assert_told("{ where = \"number > 8\"; columns = [\"number\", \"text\"]; "
		    "table = ( (9, \"\"), (10, \"x\") ); },\n"
		    "{ where = \"number > 7\"; columns = [\"number\", \"none\"]; "
		    "table = ( (8, ()) ); }",
		    2,
		    "edge.test:2: expect[0]: table of rows of out where number > 8: expected 2 "
		    "rows, found 1\n"
		    "    row 2 did not come: (10, \"x\")\n"
		    "edge.test:3: expect[1]: no row of out has a column none\n"
		    "edge.test:3: expect[1]: table of rows of out where number > 7: expected 1 "
		    "rows, found 2\n"
		    "    {\"schema\":\"made\",\"number\":9,\"events\":3,\"text\":\"\"}\n");
}

static void others_are_rows_that_no_where_takes(void **state)
{
	assert_told("{ where = \"number < 5\"; rows = 5; }, { where = \"number > 5\"; rows = 4; }, "
		    "{ others = 0; }",
		    1,
		    "edge.test:2: expect[2]: rows of out that no `where` takes: expected 0, found "
		    "1\n"
		    "    {\"schema\":\"made\",\"number\":5,\"events\":3,\"text\":\"\"}\n");
}

static void absent_columns_have_no_value(void **state)
{
	assert_told("{ where = \"number = 3\"; absent = [\"number\"]; }", 1,
		    "edge.test:2: expect[0]: 1 rows of out where number = 3 that have a value in a "
		    "column of `absent`\n"
		    "    {\"schema\":\"made\",\"number\":3,\"events\":3,\"text\":\"\"}\n");
}

/* ---- the ledger -------------------------------------------------------------------------- */

static struct ledger *ledger_of_losses(void)
{
	struct ledger *ledger = NULL;
	struct account *account;

	assert_int_equal(ledger_open(NULL, &ledger), 0);
	account = ledger_account(ledger, ACCOUNT_PROCESSOR, "main / some");
	tally_add(&account->in, 10, 10);
	tally_add(&account->out, 3, 3);
	tally_add(&account->reduced[SONDE_FILTERED], 5, 5);
	tally_add(&account->lost[SONDE_LOST_QUEUE_FULL], 2, 2);
	return ledger;
}

static void the_ledger_is_judged_by_account_and_reason(void **state)
{
	struct ledger *ledger = ledger_of_losses();
	int64_t failed;
	char *said =
		told("{ ledger = \"main / some\"; in = 10; out = 3; filtered = 5; reduced = 5; "
		     "queue_full = 2; lost = 2; }, { lost = 2; }",
		     ledger, &failed);

	assert_string_equal(said, "");
	assert_int_equal(failed, 0);
	free(said);
	said = told("{ ledger = \"main / some\"; filtered = 4; queue_full = 2; },\n"
		    "{ ledger = \"main / one\"; lost = 0; }",
		    ledger, &failed);
	assert_string_equal(said,
			    "edge.test:2: expect[0]: rows filtered of main / some: expected 4, "
			    "found 5\n"
			    "edge.test:3: expect[1]: the ledger has no account \"main / one\"; "
			    "there are \"main / some\"\n");
	assert_int_equal(failed, 2);
	free(said);
	ledger_close(ledger);
}

static void losses_of_which_nobody_speaks_are_a_failure(void **state)
{
	struct ledger *ledger = ledger_of_losses();
	int64_t failed;
	char *said = told("{ rows = 10; }", ledger, &failed);

	assert_string_equal(said, "2 rows of main / some were lost: queue full (say `lost` in an "
				  "expectation if that is meant)\n");
	assert_int_equal(failed, 1);
	free(said);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_is_not_spoken_of),
		cmocka_unit_test(too_many_rows_are_counted_and_the_first_shown),
		cmocka_unit_test(too_few_rows_are_counted),
		cmocka_unit_test(rows_for_which_a_condition_is_not_true_are_shown),
		cmocka_unit_test(sums_and_extremes_say_what_they_are),
		cmocka_unit_test(a_column_that_never_was_there_is_a_failure_with_the_nearest_name),
		cmocka_unit_test(a_table_is_compared_in_its_order),
		cmocka_unit_test(a_table_may_come_in_any_order),
		cmocka_unit_test(a_table_has_all_rows_and_no_others),
		cmocka_unit_test(others_are_rows_that_no_where_takes),
		cmocka_unit_test(absent_columns_have_no_value),
		cmocka_unit_test(the_ledger_is_judged_by_account_and_reason),
		cmocka_unit_test(losses_of_which_nobody_speaks_are_a_failure),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

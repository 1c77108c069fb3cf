// SPDX-License-Identifier: Apache-2.0
/* What core/script.h and core/expectation.h promise: test files as structs, every problem at once.
 */
#include "trial_fixture.h"

static void assert_said(struct scripted scripted, const char *messages)
{
	assert_int_equal(scripted.result, -EINVAL);
	assert_string_equal(scripted.messages, messages);
	scripted_release(&scripted);
}

static void a_test_names_a_config_recordings_and_what_is_expected(void **state)
{
	struct scripted scripted =
		script_of("config = \"conf/edge.conf\";\n"
			  "inputs: { calls = [\"a.frame\", \"/b-*.frame\"]; };\n"
			  "without = [\"who\"]; environment = [\"A=b\"];\n"
			  "expect: ( { output = \"out\"; where = \"a = 1\"; rows = 12; sum = "
			  "\"b\"; is = \">= 2\"; },\n"
			  "  { ledger = \"main / who\"; lost = 0; queue_full = 1; } );\n");
	const struct script *script = scripted.script;

	assert_int_equal(scripted.result, 0);
	assert_string_equal(script->config, "./conf/edge.conf");
	assert_int_equal(script->input_count, 1);
	assert_string_equal(script->inputs[0].name, "calls");
	assert_string_equal(script->inputs[0].paths.items[0], "./a.frame");
	assert_string_equal(script->inputs[0].paths.items[1], "/b-*.frame");
	assert_string_equal(script->without.items[0], "who");
	assert_int_equal(script->expectation_count, 2);
	assert_string_equal(script->expectations[0].output, "out");
	assert_int_equal(script->expectations[0].rows.comparison, AMOUNT_EQUAL);
	assert_true(script->expectations[0].rows.number == 12);
	assert_int_equal(script->expectations[0].is.comparison, AMOUNT_MORE_OR_EQUAL);
	assert_non_null(script->expectations[0].condition);
	assert_int_equal(script->expectations[0].place.line, 4);
	assert_true(script->expectations[1].of_ledger && !script->expectations[0].of_ledger);
	assert_int_equal(script->expectations[1].tallies[TALLY_LOST].comparison, AMOUNT_EQUAL);
	assert_int_equal(
		script->expectations[1].tallies[TALLY_LOST_BY + SONDE_LOST_QUEUE_FULL].number, 1);
	scripted_release(&scripted);
}

static void cells_are_texts_numbers_truth_values_and_nothing(void **state)
{
	struct scripted scripted = script_expecting(
		"{ columns = [\"a\", \"b\", \"c\", \"d\", \"e\"]; "
		"table = ( (\"x\", 5, 0.5, true, ()), (\"y\", 9000000000L, -1, false, \"\") ); }");
	const struct cell *cells = scripted.script->expectations[0].cells;

	assert_int_equal(scripted.script->expectations[0].row_count, 2);
	assert_string_equal(cells[0].text, "x");
	assert_true(cells[1].kind == CELL_NUMBER && cells[1].number == 5);
	assert_true(cells[2].number == 0.5L);
	assert_true(cells[3].kind == CELL_BOOLEAN && cells[3].boolean);
	assert_int_equal(cells[4].kind, CELL_NOTHING);
	assert_true(cells[6].number == 9000000000.0L);
	assert_int_equal(cells[9].kind, CELL_TEXT);
	scripted_release(&scripted);
}

static void what_is_missing_is_named(void **state)
{
	assert_said(script_of("expect: ();\n"),
		    "edge.test: test: config is missing: which config is tried: a file, or a "
		    "directory\n"
		    "edge.test: test: inputs is missing: which recordings are played (inputs: { "
		    "calls = \"calls.frame\"; })\n");
}

static void unknown_keys_get_the_nearest_name(void **state)
{
	assert_said(script_of(HEAD_LINE "expects: ();\nexpect: ( { roows = 1; rows = 1; } );\n"),
		    "edge.test:2: test.expects: unknown key (did you mean \"expect\"?)\n"
		    "edge.test:3: expect[0].roows: unknown key (did you mean \"rows\"?)\n");
}

static void conditions_and_names_are_checked_with_their_place(void **state)
{
	assert_said(
		script_expecting("{ where = \"a = = 1\"; rows = 1; },\n"
				 "{ every = \"a >\"; },\n{ sum = \"a b\"; is = 1; }"),
		"edge.test:2: expect[0].where: at 5: a name or a value is expected, not =\n"
		"edge.test:3: expect[1].every: at 4: a name or a value is missing at the end\n"
		"edge.test:4: expect[2].sum: at 3: an operator or the end is expected, not b\n");
}

static void amounts_are_checked(void **state)
{
	assert_said(script_expecting("{ rows = \"many\"; },\n{ lost = true; }"),
		    "edge.test:2: expect[0].rows: \"many\" is no number, duration or size (try "
		    "\">= 3\", \"10ms\" or \"1..5\")\n"
		    "edge.test:3: expect[1].lost: is no number, and no text such as \">= 3\"\n");
}

static void keys_that_do_not_go_together_are_refused(void **state)
{
	assert_said(script_expecting(
			    "{ output = \"out\"; },\n{ rows = 1; lost = 1; },\n"
			    "{ sum = \"a\"; min = \"a\"; is = 1; },\n{ sum = \"a\"; },\n"
			    "{ is = 1; rows = 1; },\n{ table = (); },\n"
			    "{ columns = [\"a\"]; rows = 1; },\n{ others = 0; where = \"a\"; }"),
		    "edge.test:2: expect[0]: expects nothing: say `rows`, `every`, `sum`, `table`, "
		    "`others`, `absent` or `lost`\n"
		    "edge.test:3: expect[1]: tells of rows and of the ledger: make two of it\n"
		    "edge.test:4: expect[2]: names several of `sum`, `min` and `max`: make an "
		    "expectation of each\n"
		    "edge.test:5: expect[3]: does not say what it `is`\n"
		    "edge.test:6: expect[4]: does not say of what it `is`: name a column as `sum`, "
		    "`min` or `max`\n"
		    "edge.test:7: expect[5]: has a `table`, but does not say of which `columns`\n"
		    "edge.test:8: expect[6]: names `columns`, but no `table` of what they hold\n"
		    "edge.test:9: expect[7]: has `others` and `where`: others are those that no "
		    "`where` takes\n");
}

static void rows_of_a_table_have_a_value_for_each_column(void **state)
{
	assert_said(script_expecting("{ columns = [\"a\", \"b\"]; table = ( (1, 2), (3) ); },\n"
				     "{ columns = [\"a\"]; table = ( ((1)) ); },\n"
				     "{ columns = [\"a\"]; table = 5; }"),
		    "edge.test:2: expect[0].table[1]: is no list of 2 values, one for each of "
		    "`columns`\n"
		    "edge.test:3: expect[1].table[0]: is a list or a group where a value belongs: "
		    "() is none\n"
		    "edge.test:4: expect[2].table: is no list of rows (try ( (\"a\", 1), (\"b\", "
		    "2) ))\n");
}

static void variables_of_the_environment_have_a_name(void **state)
{
	assert_said(script_of(HEAD_LINE "environment = [\"A=1\", \"B\"];\n"),
		    "edge.test:2: test.environment: item 2 is not \"NAME=value\"\n");
}

static void a_directory_is_no_test(void **state)
{
	struct problems *problems = problems_create();
	struct script *script = NULL;

	assert_int_equal(script_load(".", problems, &script), -EISDIR);
	assert_int_equal(script_load("none.test", problems, &script), -ENOENT);
	problems_release(problems);
}

/* ---- beside a config --------------------------------------------------------------------- */

static void assert_beside(struct fixture *fixture, const char *text, const char *messages)
{
	struct problems *problems = problems_create();
	struct scripted scripted = script_of(text);
	char *said = NULL;
	size_t length;
	FILE *file;

	assert_non_null(scripted.script);
	load(fixture, "inputs: { calls: { plugin = \"load\"; }; };\n"
		      "processors: { who: { plugin = \"enrich\"; }; };\n"
		      "outputs: { file: { plugin = \"file\"; }; more: { plugin = \"file\"; }; };\n"
		      "pipelines: { main: { from = \"calls\"; through = \"who\"; to = [\"file\", "
		      "\"more\"]; }; };\n");
	assert_int_equal(fixture->result, 0);
	script_check(scripted.script, fixture->config, problems);
	file = open_memstream(&said, &length);
	problems_print(problems, file, false);
	fclose(file);
	assert_string_equal(said, messages);
	free(said);
	problems_release(problems);
	scripted_release(&scripted);
}

static void names_that_the_config_does_not_have_are_found(void **state)
{
	assert_beside(*state,
		      "config = \"edge.conf\"; inputs: { cals = \"a\"; };\nwithout = [\"whoo\"];\n"
		      "expect: ( { output = \"fil\"; rows = 1; } );\n",
		      "edge.test:1: test.inputs: the config has no input \"cals\" in a pipeline "
		      "(did you mean \"calls\"?)\n"
		      "edge.test:2: test.without: the config has no processor \"whoo\" in a "
		      "pipeline (did you mean \"who\"?)\n"
		      "edge.test:3: expect[0].output: the config has no output \"fil\" in a "
		      "pipeline (did you mean \"file\"?)\n");
}

static void of_several_outputs_one_is_to_be_named(void **state)
{
	assert_beside(
		*state,
		"config = \"edge.conf\"; inputs: { calls = \"a\"; };\n"
		"expect: ( { rows = 1; }, { lost = 0; }, { output = \"more\"; rows = 1; } );\n",
		"edge.test:2: expect[0]: say of which output, as the config has several\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_names_a_config_recordings_and_what_is_expected),
		cmocka_unit_test(cells_are_texts_numbers_truth_values_and_nothing),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(unknown_keys_get_the_nearest_name),
		cmocka_unit_test(conditions_and_names_are_checked_with_their_place),
		cmocka_unit_test(amounts_are_checked),
		cmocka_unit_test(keys_that_do_not_go_together_are_refused),
		cmocka_unit_test(rows_of_a_table_have_a_value_for_each_column),
		cmocka_unit_test(variables_of_the_environment_have_a_name),
		cmocka_unit_test(a_directory_is_no_test),
		cmocka_unit_test(names_that_the_config_does_not_have_are_found),
		cmocka_unit_test(of_several_outputs_one_is_to_be_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

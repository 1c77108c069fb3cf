// SPDX-License-Identifier: Apache-2.0
/* Configs: from files to structs, every problem at once. */
#include "config_fixture.h"

static void a_config_becomes_structs(void **state)
{
	struct config *config =
		load(*state,
		     "sonde: { drain = \"2s\"; log = \"debug\"; resource = "
		     "[\"service.namespace=shop\"]; };\n"
		     "inputs: { calls: { plugin = \"load\"; interval = \"2s\"; threads = 3; }; };\n"
		     "processors: { who: { plugin = \"enrich\"; }; };\n"
		     "outputs: { file: { plugin = \"file\"; queue: { memory = \"1MiB\"; }; retry: "
		     "{ first = \"2s\"; }; }; };\n"
		     "pipelines: { main: { from = [\"calls\"]; through = (\"who\"); to = \"file\"; "
		     "}; };\n");

	assert_int_equal(((struct fixture *)*state)->result, 0);
	assert_int_equal(config->daemon.drain_ns, 2000000000);
	assert_int_equal(config->daemon.slow_ns, 1000000000);
	assert_int_equal(config->daemon.log.level, SONDE_DEBUG);
	assert_int_equal(config->daemon.log.format, LOG_TEXT);
	assert_int_equal(config->daemon.log.target, LOG_TO_AUTO);
	assert_int_equal(config->daemon.resource.count, 1);
	assert_null(config->daemon.state);
	assert_int_equal(config->instance_count, 3);
	assert_string_equal(config->instances[0].name, "calls");
	assert_int_equal(config->instances[0].kind, SONDE_INPUT);
	assert_int_equal(config->instances[0].threads, 3);
	assert_int_equal(((struct fake_load *)config->instances[0].self)->interval_ns, 2000000000);
	assert_int_equal(config->instances[2].queue.memory_bytes, 1 << 20);
	assert_int_equal(config->instances[2].queue.when_full, WHEN_FULL_DROP_OLDEST);
	assert_int_equal(config->instances[2].retry.first_ns, 2000000000);
	assert_int_equal(config->instances[2].retry.longest_ns, 60000000000);
	assert_int_equal(config->instances[2].retry.give_up_ns, 0);
	assert_int_equal(config->pipeline_count, 1);
	assert_ptr_equal(config->pipelines[0].from[0].instance, &config->instances[0]);
	assert_ptr_equal(config->pipelines[0].through[0].instance, &config->instances[1]);
	assert_ptr_equal(config->pipelines[0].to[0].instance, &config->instances[2]);
	assert_int_equal(config->pipelines[0].to[0].queue.memory_bytes, 1 << 20);
	assert_int_equal(config->pipelines[0].queue.memory_bytes, 16 << 20);
	assert_int_equal(config->pipelines[0].queue.when_full, WHEN_FULL_DROP_NEWEST);
	assert_true(config->instances[0].routed && config->instances[2].routed);
}

static void values_come_in_every_form_that_fits(void **state)
{
	const struct fake_load *load =
		input_load(*state, "rows = 0x10; wide = 0xffffffffffffffffL; level = \"-0x10\"; "
				   "verbose = TRUE; factor = 3; "
				   "sample = \"1/4\"; memory = \"2KiB\"; title = \"a\" \"b\"; "
				   "names = (\"x\", \"y, z\");");

	assert_int_equal(load->rows, 16);
	assert_true(load->wide == UINT64_MAX);
	assert_int_equal(load->level, -16);
	assert_true(load->verbose && load->factor == 3 && load->sample == 0.25);
	assert_int_equal(load->memory_bytes, 2048);
	assert_string_equal(load->title, "ab");
	assert_int_equal(load->names.count, 2);
	assert_string_equal(load->names.items[1], "y, z");
	load = input_load(*state,
			  "names = \"only, one\"; wide = \"18446744073709551615\"; rows = 5.0;");
	assert_int_equal(load->names.count, 1);
	assert_true(load->wide == UINT64_MAX);
	assert_int_equal(load->rows, 5);
}

static void groups_in_a_list_have_their_own_table(void **state)
{
	const struct fake_load *load =
		input_load(*state, "rules = ({ name = \"a\"; }, { name = \"b\"; limit = 2; });");
	const struct fake_rule *rules = load->rules.items;

	assert_int_equal(load->rules.count, 2);
	assert_string_equal(rules[0].name, "a");
	assert_int_equal(rules[0].limit, 7);
	assert_int_equal(rules[1].limit, 2);
	load = input_load(*state, "rules: { name = \"alone\"; };");
	assert_int_equal(load->rules.count, 1);
}

static void texts_expand_and_secrets_must(void **state)
{
	const struct fake_load *load = input_load(*state, "title = \"${SONDE_TEST_TOKEN}-$$\"; "
							  "token = \"${SONDE_TEST_TOKEN}\";");

	assert_string_equal(load->title, "hunter2-$");
	assert_string_equal(load->token, "hunter2");
	file_write("token", "from a file\n");
	load = input_load(*state, "token = \"${file:token}\";");
	assert_string_equal(load->token, "from a file");
}

static void directories_of_plugins_are_searched_first_to_last(void **state)
{
	fake_directories[0] = '\0';
	load(*state, "sonde: { plugins = [\"/a\", \"/b\"]; };\ninputs: { calls: { plugin = "
		     "\"load\"; }; };\n" OUTPUTS PIPELINE);
	assert_string_equal(fake_directories, "/a:/b:");
}

static void every_problem_is_told_at_once(void **state)
{
	assert_problems(
		*state,
		"sonde: { drain = 5; };\n"
		"inputs: {\n"
		"  calls: { plugin = \"load\";\n"
		"           rows = 3000000000;\n"
		"           interval = \"5 lightyears\"; };\n"
		"};\n" OUTPUTS "pipelines: { main: { from = [\"cals\"]; to = [\"file\"]; }; };\n"
		"outputz: { };\n",
		"edge.conf:1: sonde.drain: 5 has no unit (try \"5s\")\n"
		"edge.conf:3: warning: inputs.calls: no pipeline names it, so it does nothing\n"
		"edge.conf:4:19: inputs.calls.rows: 3000000000 does not fit 32 bits: write an L "
		"behind it\n"
		"edge.conf:5: inputs.calls.interval: \"5 lightyears\" is not a duration (try "
		"\"5s\")\n"
		"edge.conf:8: pipelines.main.from: nothing is called \"cals\" (did you mean "
		"\"calls\"?)\n"
		"edge.conf:9: outputz: unknown section (did you mean \"outputs\"?)\n");
}

static void an_option_is_checked(void **state)
{
	assert_input_problem(*state, "intervall = \"5s\";",
			     ".intervall: unknown key (did you mean \"interval\"?)");
	assert_input_problem(*state, "budget = \"1%\";", ".budget: unknown key");
	assert_input_problem(*state, "rows = 0;", ".rows: 0 is out of range (1 to 65535)");
	assert_input_problem(*state, "rows = \"0\";", ".rows: \"0\" is out of range (1 to 65535)");
	assert_input_problem(*state, "mode = \"evnts\";",
			     ".mode: \"evnts\" is none of aggregate, events, both, off "
			     "(did you mean \"events\"?)");
	assert_input_problem(*state, "mode = 1;", ".mode: 1 is not a text (write \"1\")");
	assert_input_problem(*state, "title = true;",
			     ".title: true is not a text (write \"true\")");
	assert_input_problem(*state, "memory = 4096;", ".memory: 4096 has no unit (try \"4096B\")");
	assert_input_problem(*state, "rows = [1];",
			     ".rows: is a list where a single value belongs");
	assert_input_problem(*state, "rows = { };",
			     ".rows: is a group where a single value belongs");
	assert_input_problem(*state, "names = { };",
			     ".names: is a group where a list of texts belongs");
	assert_input_problem(*state, "names = [1];", ".names: 1 is not a text (write \"1\")");
	assert_input_problem(*state, "rules = 5;",
			     ".rules: is a single value where a list of groups "
			     "( { … }, { … } ) belongs");
	assert_input_problem(*state, "rules = ({ name = \"a\"; }, { limit = 1; });",
			     ".rules[1]: name is missing: it is required");
	assert_input_problem(*state, "rules = ({ name = \"a\"; limt = 1; });",
			     ".rules[0].limt: unknown key (did you mean \"limit\"?)");
	assert_input_problem(*state, "queue: { };", ".queue: unknown key");
	assert_input_problem(*state, "title = \"${SONDE_TEST_UNSET}\";",
			     ".title: the environment has no SONDE_TEST_UNSET (set it, or write "
			     "${SONDE_TEST_UNSET:-default})");
}

static void a_secret_appears_nowhere(void **state)
{
	struct fixture *fixture = *state;
	char *text;

	assert_input_problem(
		fixture, "token = \"hunter2\";",
		".token: a secret must not stand in the config (write ${NAME} or ${file:PATH})");
	assert_null(strstr(fixture->messages, "hunter2"));
	input_load(fixture, "token = \"${SONDE_TEST_TOKEN}\";");
	text = shown(fixture->config);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "token = \"***\";"));
	assert_null(strstr(fixture->config->instances[0].source, "hunter2"));
	free(text);
}

static void an_instance_needs_its_plugin(void **state)
{
	assert_problem(*state, "inputs: { load: { interval = \"5s\"; }; };",
		       "edge.conf:1: inputs.load: plugin is missing (write plugin = \"load\" if "
		       "that is meant)\n");
	assert_problem(*state, "inputs: { calls: { interval = \"5s\"; }; };",
		       "edge.conf:1: inputs.calls: plugin is missing: which one is this?\n");
	assert_problem(*state, "inputs: { calls: { plugin = \"nope\"; }; };",
		       "edge.conf:1: inputs.calls.plugin: there is no plugin \"nope\"\n");
	assert_problem(*state, "inputs: { con: { plugin = \"console\"; }; };",
		       "edge.conf:1: inputs.con.plugin: \"console\" is an output plugin and "
		       "belongs under `outputs`\n");
	assert_problem(*state, "inputs: { con: { plugin = \"fold\"; }; };",
		       "\"fold\" is a processor plugin");
}

static void all_names_are_of_one_space(void **state)
{
	assert_problem(
		*state,
		"inputs: { calls: { plugin = \"load\"; }; };\noutputs: { calls: { plugin = "
		"\"file\"; }; };",
		"edge.conf:2: outputs.calls: the name is taken by inputs.calls in edge.conf:1\n");
	assert_problem(
		*state, "inputs: { calls: { plugin = \"load\"; }; };\npipelines: { calls: { }; };",
		"edge.conf:2: pipelines.calls: the name is taken by inputs.calls in edge.conf:1\n");
	assert_problem(*state, "inputs: { a*: { plugin = \"load\"; }; };",
		       "a name has letters, digits, _ and -");
}

static void a_condition_of_a_route_is_checked(void **state)
{
	assert_pipeline_problem(
		*state, "p: { from = \"a\"; to = ({ output = \"x\"; where = \"n == 1 or\"; }); };",
		"pipelines.p.to.where: at 10: a name or a value is missing at the end\n");
	assert_string_equal(((struct fixture *)*state)->config->pipelines[0].to[0].where,
			    "n == 1 or");
}

static void queue_and_retry_are_checked(void **state)
{
	assert_problem(*state,
		       "outputs: { x: { plugin = \"file\"; queue: { memory = \"1B\"; when_full = "
		       "\"drop\"; }; }; };",
		       "outputs.x.queue.memory: \"1B\" is too small (at least 4KiB)\n");
	assert_problem(*state,
		       "outputs: { x: { plugin = \"file\"; queue: { when_full = \"wat\"; }; }; };",
		       "outputs.x.queue.when_full: \"wat\" is none of drop_oldest, drop_newest, "
		       "wait (did you mean \"wait\"?)\n");
	assert_problem(*state, "outputs: { x: { plugin = \"file\"; queue = 5; }; };",
		       "outputs.x.queue: is a single value where a group { … } belongs\n");
	assert_problem(*state,
		       "outputs: { x: { plugin = \"file\"; retry: { first = \"2m\"; }; }; };",
		       "outputs.x.retry: `first` is longer than `longest`\n");
	assert_problem(*state, "sonde: { resource = [\"a=1\", \"b\", \"a=2\"]; };",
		       "sonde.resource: item 2 is not \"key=value\"\nedge.conf:1: sonde.resource: "
		       "\"a\" stands twice\n");
}

static void what_is_no_config_is_only_told_of_its_syntax(void **state)
{
	struct fixture *fixture = *state;

	assert_problems(fixture, "inputs: { calls: { plugin = load; }; };\nnonsense: { };\n",
			"edge.conf:1:29: expected a value: a number, true, false, or a text, which "
			"stands in quotes "
			"(\"5s\")\n");
	assert_null(fixture->config);
}

static void places_of_options_are_known(void **state)
{
	struct config *config =
		load(*state, "inputs: { calls: { plugin = \"load\";\n interval = \"2s\"; }; };\n"
			     "outputs: { file: { plugin = \"file\";\n\n queue: {\n memory = "
			     "\"1MiB\"; }; }; };\n" PIPELINE);

	assert_int_equal(config_place(&config->instances[0], "interval").line, 2);
	assert_int_equal(config_place(&config->instances[0], "rows").line, 1);
	assert_int_equal(config_place(&config->instances[1], "queue.memory").line, 6);
	assert_string_equal(config_place(&config->instances[1], "queue.disk").file, "edge.conf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_config_becomes_structs),
		TEST(values_come_in_every_form_that_fits),
		TEST(groups_in_a_list_have_their_own_table),
		TEST(texts_expand_and_secrets_must),
		TEST(directories_of_plugins_are_searched_first_to_last),
		TEST(every_problem_is_told_at_once),
		TEST(an_option_is_checked),
		TEST(a_secret_appears_nowhere),
		TEST(an_instance_needs_its_plugin),
		TEST(all_names_are_of_one_space),
		TEST(a_condition_of_a_route_is_checked),
		TEST(queue_and_retry_are_checked),
		TEST(what_is_no_config_is_only_told_of_its_syntax),
		TEST(places_of_options_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Configs: from files to structs, every problem at once, and back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "fake_catalog.h"

#define OUTPUTS  "outputs: { file: { plugin = \"file\"; }; };\n"
#define PIPELINE "pipelines: { main: { from = \"calls\"; to = \"file\"; }; };\n"

/* A directory to write files into, which tests run in, so that problems name plain files. */
struct fixture {
	char directory[64];
	struct config *config;
	char *messages;
	int result;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/sonde-config-XXXXXX");
	*state = fixture;
	setenv("SONDE_TEST_TOKEN", "hunter2", 1);
	unsetenv("SONDE_TEST_UNSET");
	return mkdtemp(fixture->directory) ? chdir(fixture->directory) : -1;
}

static void forget(struct fixture *fixture)
{
	config_release(fixture->config);
	free(fixture->messages);
	fixture->config = NULL;
	fixture->messages = NULL;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	forget(fixture);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->directory);
	if (chdir("/") || system(command))
		return -1;
	free(fixture);
	return 0;
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void path_load(struct fixture *fixture, const char *path)
{
	struct problems *problems = problems_create();
	size_t length;
	FILE *file;

	forget(fixture);
	fixture->result = config_load(path, NULL, problems, &fixture->config);
	file = open_memstream(&fixture->messages, &length);
	problems_print(problems, file, false);
	fclose(file);
	problems_release(problems);
}

static struct config *load(struct fixture *fixture, const char *text)
{
	file_write("edge.conf", text);
	path_load(fixture, "edge.conf");
	return fixture->config;
}

/* The config is refused, with just these messages. */
static void assert_problems(struct fixture *fixture, const char *text, const char *messages)
{
	load(fixture, text);
	assert_string_equal(fixture->messages, messages);
	assert_int_equal(fixture->result, -EINVAL);
}

/* The one that is asked for stands among the messages. */
static void assert_problem(struct fixture *fixture, const char *text, const char *message)
{
	load(fixture, text);
	if (!strstr(fixture->messages, message))
		fail_msg("\"%s\" is not among:\n%s", message, fixture->messages);
}

/* An input `calls` with the options, an output, a pipeline: what is wrong is in line 1. */
static void assert_input_problem(struct fixture *fixture, const char *options, const char *message)
{
	char text[2048], messages[2048];

	snprintf(text, sizeof(text),
		 "inputs: { calls: { plugin = \"load\"; %s }; };\n" OUTPUTS PIPELINE, options);
	snprintf(messages, sizeof(messages), "edge.conf:1: inputs.calls%s\n", message);
	assert_problems(fixture, text, messages);
}

static const struct fake_load *input_load(struct fixture *fixture, const char *options)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "inputs: { calls: { plugin = \"load\"; %s }; };\n" OUTPUTS PIPELINE, options);
	load(fixture, text);
	assert_string_equal(fixture->messages, "");
	assert_int_equal(fixture->result, 0);
	return fixture->config->instances[0].self;
}

static char *shown(const struct config *config)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	config_show(config, file);
	fclose(file);
	return text;
}

/* ---- what is right ----------------------------------------------------------------------------
 */

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
	assert_int_equal(config->daemon.log_level, SONDE_DEBUG);
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

static void a_route_may_differ_from_its_output(void **state)
{
	struct config *config =
		load(*state,
		     "inputs: { calls: { plugin = \"load\"; }; };\n"
		     "outputs: { file: { plugin = \"file\"; queue: { memory = \"1MiB\"; }; }; con: "
		     "{ plugin = \"console\"; }; };\n"
		     "pipelines: { main: { from = \"calls\"; to = (\"con\", { output = \"file\"; "
		     "queue: { when_full = \"drop_newest\"; }; }); }; };\n");
	const struct config_reference *route = &config->pipelines[0].to[1];

	assert_int_equal(((struct fixture *)*state)->result, 0);
	assert_string_equal(route->instance->name, "file");
	assert_int_equal(route->queue.memory_bytes, 1 << 20);
	assert_int_equal(route->queue.when_full, WHEN_FULL_DROP_NEWEST);
}

static void pipelines_are_put_in_order_sources_first(void **state)
{
	struct config *config = load(*state, "inputs: { calls: { plugin = \"load\"; }; };\n" OUTPUTS
					     "pipelines: { c: { from = \"b\"; to = \"file\"; }; b: "
					     "{ from = [\"a\", \"calls\"]; to = \"file\"; };\n"
					     "a: { from = \"calls\"; }; };\n");

	assert_int_equal(((struct fixture *)*state)->result, 0);
	assert_int_equal(config->pipelines[0].order, 2);
	assert_int_equal(config->pipelines[1].order, 1);
	assert_int_equal(config->pipelines[2].order, 0);
	assert_ptr_equal(config->pipelines[0].from[0].pipeline, &config->pipelines[1]);
}

static void directories_of_plugins_are_searched_first_to_last(void **state)
{
	fake_directories[0] = '\0';
	load(*state, "sonde: { plugins = [\"/a\", \"/b\"]; };\ninputs: { calls: { plugin = "
		     "\"load\"; }; };\n" OUTPUTS PIPELINE);
	assert_string_equal(fake_directories, "/a:/b:");
}

/* ---- what is wrong ----------------------------------------------------------------------------
 */

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

static void elements_of_a_list_have_the_line_that_they_stand_in(void **state)
{
	assert_problem(*state,
		       "inputs: { calls: { plugin = \"load\"; }; };\n" OUTPUTS
		       "pipelines: { main: { from = [\n\"calls\",\n\"nobody\"\n\n]; to = \"file\"; "
		       "}; };\n",
		       "edge.conf:5: pipelines.main.from: nothing is called \"nobody\" (inputs and "
		       "pipelines: calls, main)\n");
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
	assert_input_problem(*state, "memory = 4096;",
			     ".memory: 4096 has no unit (try \"4096MiB\")");
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

/* The inputs a and b, processors one (single) and any, outputs x and y, and these pipelines in
 * line 4. */
static void assert_pipeline_problem(struct fixture *fixture, const char *pipelines,
				    const char *message)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "inputs: { a: { plugin = \"load\"; }; b: { plugin = \"load\"; }; };\n"
		 "processors: { one: { plugin = \"fold\"; }; any: { plugin = \"enrich\"; }; };\n"
		 "outputs: { x: { plugin = \"file\"; }; y: { plugin = \"console\"; }; };\n"
		 "pipelines: { %s };\n",
		 pipelines);
	assert_problem(fixture, text, message);
}

static void a_list_takes_what_fits(void **state)
{
	assert_pipeline_problem(*state, "p: { from = \"x\"; to = \"y\"; };",
				"edge.conf:4: pipelines.p.from: \"x\" is an output, and `from` "
				"takes inputs and pipelines\n");
	assert_pipeline_problem(
		*state, "p: { from = \"a\"; through = \"b\"; to = \"y\"; };",
		"pipelines.p.through: \"b\" is an input, and `through` takes processors\n");
	assert_pipeline_problem(*state, "p: { from = \"a\"; to = \"any\"; };",
				"pipelines.p.to: \"any\" is a processor, and `to` takes outputs\n");
	assert_pipeline_problem(
		*state, "p: { from = \"a\"; to = \"q\"; }; q: { from = \"a\"; to = \"x\"; };",
		"pipelines.p.to: \"q\" is a pipeline, and `to` takes outputs (a pipeline feeds "
		"another one that names it in `from`)\n");
	assert_pipeline_problem(*state, "p: { from = (\"a\", { output = \"a\"; }); to = \"x\"; };",
				"pipelines.p.from: takes names only\n");
	assert_pipeline_problem(*state, "p: { from = [\"a\", \"a\"]; to = \"x\"; };",
				"pipelines.p.from: \"a\" stands here twice\n");
	assert_pipeline_problem(*state, "p: { from = [\"a\"]; to = [{ output = \"x\"; }]; };",
				"pipelines.p.to: [ ] holds plain values only; write ( ) around a "
				"list that holds groups\n");
	assert_pipeline_problem(*state, "p: { from = 5; to = \"x\"; };",
				"pipelines.p.from: 5 is not a text (write \"5\")\n");
	assert_pipeline_problem(*state, "p: { frm = \"a\"; to = \"x\"; };",
				"pipelines.p.frm: unknown key (did you mean \"from\"?)\n");
}

static void a_pipeline_has_two_ends(void **state)
{
	assert_pipeline_problem(*state, "p: { to = \"x\"; };",
				"pipelines.p: `from` is missing: nothing would come in\n");
	assert_pipeline_problem(
		*state, "p: { from = \"a\"; to = [ ]; };",
		"pipelines.p: `to` is missing, and no pipeline names this one in `from`: its rows "
		"would go nowhere\n");
	assert_problems(*state, "",
			"edge.conf: pipelines: there is none, so nothing would be done\n");
}

static void a_cycle_is_named(void **state)
{
	struct fixture *fixture = *state;

	assert_pipeline_problem(
		fixture,
		"p: { from = [\"a\", \"r\"]; to = \"x\"; }; q: { from = \"p\"; to = \"x\"; }; "
		"r: { from = \"q\"; to = \"x\"; }; s: { from = \"r\"; to = \"x\"; };",
		"edge.conf:4: pipelines.p.from: a cycle: p takes from r takes from q takes from "
		"p\n");
	assert_null(strstr(strstr(fixture->messages, "a cycle") + 1, "a cycle"));
	assert_pipeline_problem(fixture, "p: { from = \"p\"; to = \"x\"; };",
				"pipelines.p.from: a cycle: p takes from p\n");
}

static void a_single_processor_is_in_one_pipeline(void **state)
{
	assert_pipeline_problem(
		*state,
		"p: { from = \"a\"; through = \"one\"; to = \"x\"; };\n"
		"q: { from = \"b\"; through = \"one\"; to = \"x\"; };",
		"edge.conf:5: pipelines.q.through: \"one\" can be in one pipeline only (plugin "
		"\"fold\"), "
		"and already is in edge.conf:4; give this one an instance of its own\n");
	assert_pipeline_problem(*state,
				"p: { from = \"a\"; through = \"one\"; to = \"x\"; threads = 2; };",
				"pipelines.p.through: \"one\" cannot be replicated (plugin "
				"\"fold\"), so this pipeline "
				"can have one thread only\n");
	assert_problem(*state, "processors: { one: { plugin = \"fold\"; threads = 2; }; };",
		       "edge.conf:1: processors.one.threads: plugin \"fold\" cannot be replicated: "
		       "0 and 1 are possible\n");
	assert_problem(*state, "inputs: { a: { plugin = \"load\"; threads = 257; }; };",
		       "edge.conf:1: inputs.a.threads: 257 is out of range (0 to 256)\n");
}

static void what_this_version_has_not_is_refused_not_ignored(void **state)
{
	assert_pipeline_problem(
		*state, "p: { from = \"a\"; to = ({ output = \"x\"; where = \"n == 1\"; }); };",
		"pipelines.p.to.where: conditions are not available in this version\n");
	assert_string_equal(((struct fixture *)*state)->config->pipelines[0].to[0].where, "n == 1");
	assert_problem(*state,
		       "outputs: { x: { plugin = \"file\"; queue: { disk = \"1GiB\"; }; }; };",
		       "outputs.x.queue.disk: queues on disk are not available in this version\n");
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

static void what_is_likely_a_mistake_is_warned_of(void **state)
{
	struct fixture *fixture = *state;

	load(fixture, "inputs: { calls: { plugin = \"load\"; }; spare: { plugin = \"load\"; }; };\n"
		      "outputs: { file: { plugin = \"file\"; queue: { when_full = \"wait\"; }; }; "
		      "con: { plugin = \"console\"; }; };\n"
		      "pipelines: { main: { from = \"calls\"; to = [\"con\", \"file\"]; }; };\n");
	assert_int_equal(fixture->result, 0);
	assert_string_equal(
		fixture->messages,
		"edge.conf:1: warning: inputs.spare: no pipeline names it, so it does nothing\n"
		"edge.conf:3: warning: pipelines.main.to: when the queue of \"file\" is full, "
		"`wait` also "
		"holds up \"con\" beside it\n");
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

/* ---- files ------------------------------------------------------------------------------------
 */

static void a_directory_is_one_config(void **state)
{
	struct fixture *fixture = *state;

	mkdir("conf.d", 0755);
	file_write("conf.d/20-output.conf", "sonde: { drain = \"2s\"; };\n" OUTPUTS);
	file_write("conf.d/10-input.conf",
		   "sonde: { slow = \"3s\"; };\ninputs: { calls: { plugin = \"load\"; }; };\n");
	file_write("conf.d/30-pipeline.conf", PIPELINE);
	file_write("conf.d/ignored.conf~", "nonsense");
	file_write("conf.d/.hidden.conf", "nonsense");
	path_load(fixture, "conf.d");
	assert_string_equal(fixture->messages, "");
	assert_int_equal(fixture->result, 0);
	assert_int_equal(fixture->config->instance_count, 2);
	assert_int_equal(fixture->config->daemon.drain_ns, 2000000000);
	assert_int_equal(fixture->config->daemon.slow_ns, 3000000000);
}

static void each_problem_names_its_own_file(void **state)
{
	struct fixture *fixture = *state;

	mkdir("conf.d", 0755);
	file_write("conf.d/a.conf",
		   "sonde: { drain = \"2s\"; };\ninputs: { calls: { plugin = \"load\"; }; };\n");
	file_write("conf.d/b.conf",
		   "sonde: { drain = \"3s\"; };\ninputs: { calls: { plugin = \"load\"; }; };\n");
	path_load(fixture, "conf.d/");
	assert_int_equal(fixture->result, -EINVAL);
	assert_string_equal(
		fixture->messages,
		"conf.d/a.conf:2: warning: inputs.calls: no pipeline names it, so it does nothing\n"
		"conf.d/b.conf:1: sonde.drain: stands twice, also in conf.d/a.conf:1\n"
		"conf.d/b.conf:2: inputs.calls: the name is taken by inputs.calls in "
		"conf.d/a.conf:2\n");
	file_write("conf.d/a.conf", "a = ;\n");
	file_write("conf.d/b.conf", "b = ;\n");
	path_load(fixture, "conf.d");
	assert_string_equal(fixture->messages, "conf.d/a.conf:1:5: expected a value, found ;\n"
					       "conf.d/b.conf:1:5: expected a value, found ;\n");
}

static void a_secret_file_lies_beside_the_config_that_names_it(void **state)
{
	struct fixture *fixture = *state;

	mkdir("conf.d", 0755);
	file_write("conf.d/token", "hunter2\n");
	file_write(
		"conf.d/a.conf",
		"inputs: { calls: { plugin = \"load\"; token = \"${file:token}\"; }; };\n" OUTPUTS
			PIPELINE);
	path_load(fixture, "conf.d/a.conf");
	assert_int_equal(fixture->result, 0);
	path_load(fixture, "conf.d");
	assert_int_equal(fixture->result, 0);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	FILE *file;

	path_load(fixture, "none.conf");
	assert_int_equal(fixture->result, -ENOENT);
	path_load(fixture, "");
	assert_int_equal(fixture->result, -ENOENT);
	mkdir("empty", 0755);
	path_load(fixture, "empty");
	assert_int_equal(fixture->result, -EINVAL);
	assert_string_equal(fixture->messages, "empty: holds no *.conf\n");
	file = fopen("large.conf", "w");
	for (int i = 0; i <= 1 << 20; i++)
		putc(' ', file);
	fclose(file);
	path_load(fixture, "large.conf");
	assert_int_equal(fixture->result, -EINVAL);
	assert_string_equal(fixture->messages, "large.conf: cannot be read: it is over 1 MiB\n");
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

/* ---- back to text -----------------------------------------------------------------------------
 */

static void what_is_shown_reads_back_as_the_same_config(void **state)
{
	struct fixture *fixture = *state;
	char *first, *second;

	load(fixture,
	     "sonde: { resource = [\"a=$$1\"]; };\n"
	     "inputs: { calls: { plugin = \"load\"; title = \"q\\\"\\\\\\n$${x}\"; wide = "
	     "0xffffffffffffffffL; "
	     "names = []; rules = ({ name = \"r\"; }); factor = 1e100; sample = \"1/3\"; }; };\n"
	     "processors: { any: { plugin = \"enrich\"; }; };\n"
	     "outputs: { file: { plugin = \"file\"; }; con: { plugin = \"console\"; threads = 1; "
	     "}; };\n"
	     "pipelines: { p: { from = \"calls\"; through = \"any\"; to = (\"con\", { output = "
	     "\"file\"; "
	     "queue: { memory = \"5MiB\"; }; }); }; q: { from = \"p\"; to = \"con\"; }; };\n");
	assert_string_equal(fixture->messages, "");
	first = shown(fixture->config);
	load(fixture, first);
	assert_string_equal(fixture->messages, "");
	assert_int_equal(fixture->result, 0);
	second = shown(fixture->config);
	assert_non_null(strstr(first, "mode = \"aggregate\";                      # default\n"));
	assert_null(strstr(second, "# default")); /* everything was said */
	free(first);
	free(second);
}

static void equal_configs_have_equal_sources(void **state)
{
	struct fixture *fixture = *state;
	char *source, *secret;

	input_load(fixture, "token = \"${SONDE_TEST_TOKEN}\";");
	secret = strdup(fixture->config->instances[0].source);
	input_load(fixture, "");
	source = strdup(fixture->config->instances[0].source);
	input_load(fixture, "interval = \"5000ms\"; names = (\"a\", \"b\");");
	assert_string_equal(source, fixture->config->instances[0].source);
	input_load(fixture, "interval = \"5001ms\";");
	assert_string_not_equal(source, fixture->config->instances[0].source);
	input_load(fixture, "token = \"${SONDE_TEST_UNSET:-hunter2}\";");
	assert_string_equal(secret, fixture->config->instances[0].source);
	setenv("SONDE_TEST_TOKEN", "hunter3", 1);
	input_load(fixture, "token = \"${SONDE_TEST_TOKEN}\";");
	assert_string_not_equal(secret, fixture->config->instances[0].source);
	free(source);
	free(secret);
}

#define TEST(function_) cmocka_unit_test_setup_teardown(function_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_config_becomes_structs),
		TEST(values_come_in_every_form_that_fits),
		TEST(groups_in_a_list_have_their_own_table),
		TEST(texts_expand_and_secrets_must),
		TEST(a_route_may_differ_from_its_output),
		TEST(pipelines_are_put_in_order_sources_first),
		TEST(directories_of_plugins_are_searched_first_to_last),
		TEST(every_problem_is_told_at_once),
		TEST(elements_of_a_list_have_the_line_that_they_stand_in),
		TEST(an_option_is_checked),
		TEST(a_secret_appears_nowhere),
		TEST(an_instance_needs_its_plugin),
		TEST(all_names_are_of_one_space),
		TEST(a_list_takes_what_fits),
		TEST(a_pipeline_has_two_ends),
		TEST(a_cycle_is_named),
		TEST(a_single_processor_is_in_one_pipeline),
		TEST(what_this_version_has_not_is_refused_not_ignored),
		TEST(queue_and_retry_are_checked),
		TEST(what_is_likely_a_mistake_is_warned_of),
		TEST(what_is_no_config_is_only_told_of_its_syntax),
		TEST(a_directory_is_one_config),
		TEST(each_problem_names_its_own_file),
		TEST(a_secret_file_lies_beside_the_config_that_names_it),
		TEST(what_cannot_be_read_is_an_error),
		TEST(places_of_options_are_known),
		TEST(what_is_shown_reads_back_as_the_same_config),
		TEST(equal_configs_have_equal_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

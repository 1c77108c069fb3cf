// SPDX-License-Identifier: Apache-2.0
/* Pipelines: what they name, and whether they make sense together. */
#include "config_fixture.h"

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

static void elements_of_a_list_have_the_line_that_they_stand_in(void **state)
{
	assert_problem(*state,
		       "inputs: { calls: { plugin = \"load\"; }; };\n" OUTPUTS
		       "pipelines: { main: { from = [\n\"calls\",\n\"nobody\"\n\n]; to = \"file\"; "
		       "}; };\n",
		       "edge.conf:5: pipelines.main.from: nothing is called \"nobody\" (inputs and "
		       "pipelines: calls, main)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pipelines_are_put_in_order_sources_first),
		TEST(a_route_may_differ_from_its_output),
		TEST(a_list_takes_what_fits),
		TEST(a_pipeline_has_two_ends),
		TEST(a_cycle_is_named),
		TEST(a_single_processor_is_in_one_pipeline),
		TEST(what_is_likely_a_mistake_is_warned_of),
		TEST(elements_of_a_list_have_the_line_that_they_stand_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

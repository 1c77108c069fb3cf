// SPDX-License-Identifier: Apache-2.0
/* A config back as text. */
#include "config_fixture.h"

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
	     "queue: { memory = \"5MiB\"; }; where = \"body =~ '\\\\d\\\"'\"; }); }; "
	     "q: { from = \"p\"; to = \"con\"; }; };\n");
	assert_string_equal(fixture->messages, "");
	first = shown(fixture->config);
	load(fixture, first);
	assert_string_equal(fixture->messages, "");
	assert_int_equal(fixture->result, 0);
	second = shown(fixture->config);
	assert_non_null(strstr(first, "mode = \"aggregate\";                      # default\n"));
	assert_non_null(strstr(first, "where = \"body =~ '\\\\d\\\"'\";"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_shown_reads_back_as_the_same_config),
		TEST(equal_configs_have_equal_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

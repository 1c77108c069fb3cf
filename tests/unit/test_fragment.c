// SPDX-License-Identifier: Apache-2.0
/* The files of a config: one, or a directory of them. */
#include "config_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_is_one_config),
		TEST(each_problem_names_its_own_file),
		TEST(a_secret_file_lies_beside_the_config_that_names_it),
		TEST(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

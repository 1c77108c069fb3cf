/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of configs share: a directory to write files into, and what loading them says. */
#ifndef SONDE_TEST_CONFIG_FIXTURE_H
#define SONDE_TEST_CONFIG_FIXTURE_H

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

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/sonde-config-XXXXXX");
	*state = fixture;
	setenv("SONDE_TEST_TOKEN", "hunter2", 1);
	unsetenv("SONDE_TEST_UNSET");
	return mkdtemp(fixture->directory) ? chdir(fixture->directory) : -1;
}

static inline void forget(struct fixture *fixture)
{
	config_release(fixture->config);
	free(fixture->messages);
	fixture->config = NULL;
	fixture->messages = NULL;
}

static inline int teardown(void **state)
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

static inline void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void path_load(struct fixture *fixture, const char *path)
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

static inline struct config *load(struct fixture *fixture, const char *text)
{
	file_write("edge.conf", text);
	path_load(fixture, "edge.conf");
	return fixture->config;
}

/* The config is refused, with just these messages. */
static inline void assert_problems(struct fixture *fixture, const char *text, const char *messages)
{
	load(fixture, text);
	assert_string_equal(fixture->messages, messages);
	assert_int_equal(fixture->result, -EINVAL);
}

/* The one that is asked for stands among the messages. */
static inline void assert_problem(struct fixture *fixture, const char *text, const char *message)
{
	load(fixture, text);
	if (!strstr(fixture->messages, message))
		fail_msg("\"%s\" is not among:\n%s", message, fixture->messages);
}

/* An input `calls` with the options, an output, a pipeline: what is wrong is in line 1. */
static inline void assert_input_problem(struct fixture *fixture, const char *options,
					const char *message)
{
	char text[2048], messages[2048];

	snprintf(text, sizeof(text),
		 "inputs: { calls: { plugin = \"load\"; %s }; };\n" OUTPUTS PIPELINE, options);
	snprintf(messages, sizeof(messages), "edge.conf:1: inputs.calls%s\n", message);
	assert_problems(fixture, text, messages);
}

static inline const struct fake_load *input_load(struct fixture *fixture, const char *options)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "inputs: { calls: { plugin = \"load\"; %s }; };\n" OUTPUTS PIPELINE, options);
	load(fixture, text);
	assert_string_equal(fixture->messages, "");
	assert_int_equal(fixture->result, 0);
	return fixture->config->instances[0].self;
}

static inline char *shown(const struct config *config)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	config_show(config, file);
	fclose(file);
	return text;
}

/* The inputs a and b, processors one (single) and any, outputs x and y, and these pipelines in
 * line 4. */
static inline void assert_pipeline_problem(struct fixture *fixture, const char *pipelines,
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

#define TEST(function_) cmocka_unit_test_setup_teardown(function_, setup, teardown)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Test files for tests of what reads and judges them: a directory of their own, and what is said.
 */
#ifndef SONDE_TEST_TRIAL_FIXTURE_H
#define SONDE_TEST_TRIAL_FIXTURE_H

#include "config_fixture.h"
#include "script.h"

struct scripted {
	struct script *script;
	char *messages;
	int result;
};

/* Reads a test file of that text. */
__attribute__((unused)) static struct scripted script_of(const char *text)
{
	struct problems *problems = problems_create();
	struct scripted scripted = { 0 };
	size_t length;
	FILE *file;

	file_write("edge.test", text);
	scripted.result = script_load("edge.test", problems, &scripted.script);
	file = open_memstream(&scripted.messages, &length);
	problems_print(problems, file, false);
	fclose(file);
	problems_release(problems);
	return scripted;
}

__attribute__((unused)) static void scripted_release(struct scripted *scripted)
{
	script_release(scripted->script);
	free(scripted->messages);
}

#define HEAD_LINE "config = \"edge.conf\"; inputs: { calls = \"calls.frame\"; };\n"

/* A test of these expectations, which begin in line 2. */
__attribute__((unused)) static struct scripted script_expecting(const char *expectations)
{
	char text[4096];

	snprintf(text, sizeof(text), HEAD_LINE "expect: ( %s );\n", expectations);
	return script_of(text);
}

#endif

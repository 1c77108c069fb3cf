// SPDX-License-Identifier: Apache-2.0
/* The commands of the program as tables, and what is told about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "command.h"
#include "manual.h"

static char *usage_text(void)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	commands_usage(file);
	fclose(file);
	return text;
}

static char *manual_text(const struct command *command)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	struct markup markup = manual_markup(file, MARKUP_TERMINAL, false, 200);

	if (command)
		command_manual(command, &markup);
	else
		commands_manual(&markup);
	fclose(file);
	return text;
}

static void an_option_stands_where_its_bit_says(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++) {
		assert_int_equal(command_options[i].bit, 1u << i);
		assert_non_null(command_options[i].help);
	}
}

static void a_command_is_found_by_its_name(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->name; command++)
		assert_ptr_equal(command_find(command->name), command);
	assert_null(command_find("dance"));
	assert_null(command_find(""));
}

static void a_mistyped_command_is_told_the_nearest_one(void **state)
{
	char hint[64];

	(void)state;
	assert_string_equal(command_hint("stauts", hint, sizeof(hint)),
			    " (did you mean \"status\"?)");
	assert_string_equal(command_hint("xyzzy", hint, sizeof(hint)), "");
}

static void usage_names_every_command_and_fits_a_screen(void **state)
{
	char *text = usage_text(), line[128], *rest = text, *part;
	uint32_t count = 0;

	(void)state;
	for (const struct command *command = commands; command->name; command++) {
		snprintf(line, sizeof(line), "\n  %s %s", command->name, command->words);
		assert_non_null(strstr(text, line));
		assert_non_null(strstr(text, command->summary));
	}
	for (; (part = strsep(&rest, "\n")); count++)
		assert_true(strlen(part) <= 100);
	assert_true(count <= 24);
	free(text);
}

static void a_command_is_told_of_with_its_own_options_only(void **state)
{
	char *text = manual_text(command_find("status"));

	(void)state;
	assert_non_null(strstr(text, "    sonde status [--json]\n"));
	assert_non_null(strstr(text, "    --state DIRECTORY  the state"));
	assert_null(strstr(text, "--for"));
	free(text);
}

static void the_manual_of_the_program_has_every_command_and_option(void **state)
{
	char *text = manual_text(NULL), line[128];

	(void)state;
	for (const struct command *command = commands; command->name; command++) {
		snprintf(line, sizeof(line), "\n    %s %s", command->name, command->words);
		assert_non_null(strstr(text, line));
	}
	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++) {
		snprintf(line, sizeof(line), "\n    --%s", command_options[i].name);
		assert_non_null(strstr(text, line));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_option_stands_where_its_bit_says),
		cmocka_unit_test(a_command_is_found_by_its_name),
		cmocka_unit_test(a_mistyped_command_is_told_the_nearest_one),
		cmocka_unit_test(usage_names_every_command_and_fits_a_screen),
		cmocka_unit_test(a_command_is_told_of_with_its_own_options_only),
		cmocka_unit_test(the_manual_of_the_program_has_every_command_and_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

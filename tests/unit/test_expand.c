// SPDX-License-Identifier: Apache-2.0
/* ${NAME}, ${NAME:-default} and ${file:PATH}. */
#include <errno.h>
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
#include "expand.h"

struct fixture {
	struct arena *arena;
	char directory[64];
	char error[512];
	bool expanded;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->arena = arena_create();
	strcpy(fixture->directory, "/tmp/sonde-expand-XXXXXX");
	*state = fixture;
	setenv("SONDE_TEST_NAME", "value", 1);
	setenv("SONDE_TEST_EMPTY", "", 1);
	unsetenv("SONDE_TEST_UNSET");
	return mkdtemp(fixture->directory) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/file", fixture->directory);
	unlink(path);
	rmdir(fixture->directory);
	arena_release(fixture->arena);
	free(fixture);
	return 0;
}

static void file_write(struct fixture *fixture, const void *content, size_t length)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/file", fixture->directory);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static const char *expanded(struct fixture *fixture, const char *text)
{
	char *result = NULL;

	fixture->error[0] = '\0';
	if (text_expand(text, fixture->directory, fixture->arena, &result, &fixture->expanded,
			fixture->error, sizeof(fixture->error)))
		return NULL;
	return result;
}

static void assert_refused(struct fixture *fixture, const char *text, const char *message)
{
	assert_null(expanded(fixture, text));
	assert_string_equal(fixture->error, message);
}

static void a_variable_stands_for_its_value(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(expanded(fixture, "a ${SONDE_TEST_NAME} b${SONDE_TEST_NAME}"),
			    "a value bvalue");
	assert_true(fixture->expanded);
	assert_string_equal(expanded(fixture, "${SONDE_TEST_EMPTY}"), "");
	assert_string_equal(expanded(fixture, "plain"), "plain");
	assert_false(fixture->expanded);
	assert_string_equal(expanded(fixture, ""), "");
}

static void a_default_holds_where_the_variable_is_unset_or_empty(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(expanded(fixture, "${SONDE_TEST_UNSET:-else}"), "else");
	assert_string_equal(expanded(fixture, "${SONDE_TEST_EMPTY:-else}"), "else");
	assert_string_equal(expanded(fixture, "${SONDE_TEST_NAME:-else}"), "value");
	assert_string_equal(expanded(fixture, "${SONDE_TEST_UNSET:-}"), "");
	assert_string_equal(expanded(fixture, "${SONDE_TEST_UNSET:-a:-b}"), "a:-b");
}

static void a_variable_that_is_unset_is_named(void **state)
{
	assert_refused(*state, "${SONDE_TEST_UNSET}",
		       "the environment has no SONDE_TEST_UNSET (set it, or write "
		       "${SONDE_TEST_UNSET:-default})");
}

static void two_dollars_are_one_and_a_lone_one_stands_for_itself(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(expanded(fixture, "$${SONDE_TEST_NAME}"), "${SONDE_TEST_NAME}");
	assert_false(fixture->expanded);
	assert_string_equal(expanded(fixture, "^a$|$b$$"), "^a$|$b$");
	assert_string_equal(expanded(fixture, "$$${SONDE_TEST_NAME}"), "$value");
}

static void what_is_written_wrong_is_told_the_right_way(void **state)
{
	struct fixture *fixture = *state;

	assert_refused(fixture, "a${b", "a ${ has no } (write $$ for a dollar)");
	assert_refused(fixture, "${}",
		       "${} is no variable (write ${NAME}, ${NAME:-default} or ${file:PATH}; "
		       "$$ for a dollar)");
	assert_refused(fixture, "${1a}",
		       "${1a} is no variable (write ${NAME}, ${NAME:-default} or "
		       "${file:PATH}; $$ for a dollar)");
	assert_refused(fixture, "${A:-${B}}", "a ${…} cannot stand in another one");
}

static void a_value_is_not_expanded_again(void **state)
{
	setenv("SONDE_TEST_NAME", "${SONDE_TEST_UNSET} $$", 1);
	assert_string_equal(expanded(*state, "${SONDE_TEST_NAME}"), "${SONDE_TEST_UNSET} $$");
}

static void a_file_stands_for_its_content_without_its_last_line_break(void **state)
{
	struct fixture *fixture = *state;
	char text[128];

	file_write(fixture, "one\ntwo\n\n", 9);
	assert_string_equal(expanded(fixture, "<${file:file}>"), "<one\ntwo\n>");
	snprintf(text, sizeof(text), "${file:%s/file}", fixture->directory);
	assert_string_equal(expanded(fixture, text), "one\ntwo\n");
	file_write(fixture, "", 0);
	assert_string_equal(expanded(fixture, "<${file:file}>"), "<>");
}

static void a_file_holds_64_kib_at_most(void **state)
{
	struct fixture *fixture = *state;
	static char content[65537], message[256];

	memset(content, 'x', sizeof(content));
	file_write(fixture, content, 65536);
	assert_int_equal(strlen(expanded(fixture, "${file:file}")), 65536);
	file_write(fixture, content, 65537);
	snprintf(message, sizeof(message), "%s/file cannot be read: it is over 64 KiB",
		 fixture->directory);
	assert_refused(fixture, "${file:file}", message);
}

static void what_is_no_text_file_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[128], message[256];

	snprintf(message, sizeof(message), "%s/none cannot be read: No such file or directory",
		 fixture->directory);
	assert_refused(fixture, "${file:none}", message);
	assert_refused(fixture, "${file:/}", "/ cannot be read: Is a directory");
	assert_refused(fixture, "${file:/dev/zero}",
		       "/dev/zero cannot be read: it is no regular file");
	file_write(fixture, "a\0b", 3);
	snprintf(message, sizeof(message), "%s/file holds a zero byte, so it is no text",
		 fixture->directory);
	assert_refused(fixture, "${file:file}", message);
	snprintf(path, sizeof(path), "%s/file", fixture->directory);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* which nobody will ever write to */
	snprintf(message, sizeof(message), "%s/file cannot be read: it is no regular file",
		 fixture->directory);
	assert_refused(fixture, "${file:file}", message);
}

static void an_expansion_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	static char content[65536], text[17 * 12 + 1];

	memset(content, 'x', sizeof(content));
	file_write(fixture, content, sizeof(content));
	for (int i = 0; i < 17; i++)
		strcat(text, "${file:file}");
	assert_refused(fixture, text, "is over 1 MiB when it is expanded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_variable_stands_for_its_value, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_default_holds_where_the_variable_is_unset_or_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(a_variable_that_is_unset_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_dollars_are_one_and_a_lone_one_stands_for_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_written_wrong_is_told_the_right_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_value_is_not_expanded_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_stands_for_its_content_without_its_last_line_break, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_holds_64_kib_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_text_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_expansion_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

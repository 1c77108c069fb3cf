// SPDX-License-Identifier: Apache-2.0
/* Problems: gathered, sorted, and printed so that nothing in a config can steer a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "problem.h"

/* What is printed; to be freed. */
static char *printed(const struct problems *problems, bool colour)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	problems_print(problems, file, colour);
	fclose(file);
	return text;
}

static void assert_printed(struct problems *problems, bool colour, const char *expected)
{
	char *text = printed(problems, colour);

	assert_string_equal(text, expected);
	free(text);
	problems_release(problems);
}

static void problems_come_in_the_order_of_the_files(void **state)
{
	struct problems *problems = problems_create();

	(void)state;
	problems_add(problems, PROBLEM_ERROR, (struct place){ "b.conf", 1, 0 }, "last");
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a.conf", 12, 0 }, "fourth");
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a.conf", 2, 7 }, "third");
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a.conf", 2, 3 }, "second");
	problems_add(problems, PROBLEM_ERROR, (struct place){ NULL, 0, 0 }, "first");
	assert_printed(problems, false,
		       "first\na.conf:2:3: second\na.conf:2:7: third\n"
		       "a.conf:12: fourth\nb.conf:1: last\n");
}

static void problems_of_one_line_keep_the_order_in_which_they_came(void **state)
{
	struct problems *problems = problems_create();
	char expected[2048] = "";

	(void)state;
	for (int i = 0; i < 50; i++) {
		problems_add(problems, PROBLEM_ERROR, (struct place){ "a", 1, 0 }, "%d", i);
		sprintf(expected + strlen(expected), "a:1: %d\n", i);
	}
	assert_printed(problems, false, expected);
}

static void warnings_and_notes_bear_their_word_and_are_counted_apart(void **state)
{
	struct problems *problems = problems_create();

	(void)state;
	problems_add(problems, PROBLEM_WARNING, (struct place){ "a", 1, 0 }, "w");
	problems_add(problems, PROBLEM_NOTE, (struct place){ "a", 2, 0 }, "n");
	problems_add(problems, PROBLEM_NOTE, (struct place){ "a", 3, 0 }, "n");
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a", 0, 0 }, "e");
	assert_int_equal(problems_count(problems, PROBLEM_ERROR), 1);
	assert_int_equal(problems_count(problems, PROBLEM_WARNING), 1);
	assert_int_equal(problems_count(problems, PROBLEM_NOTE), 2);
	assert_printed(problems, false, "a: e\na:1: warning: w\na:2: note: n\na:3: note: n\n");
}

static void colour_is_there_only_when_asked_for(void **state)
{
	struct problems *problems = problems_create();
	char *text;

	(void)state;
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a", 1, 0 }, "e");
	text = printed(problems, false);
	assert_null(strchr(text, '\033'));
	free(text);
	assert_printed(problems, true, "\033[1;31ma:1:\033[0m \033[1;31m\033[0me\n");
}

static void control_characters_are_shown_instead_of_obeyed(void **state)
{
	struct problems *problems = problems_create();

	(void)state;
	problems_add(problems, PROBLEM_ERROR, (struct place){ "a\nb", 1, 0 },
		     "x\033[2J\x7f\xc2\x9b"
		     "ü…");
	assert_printed(problems, false, "a\\x0ab:1: x\\x1b[2J\\x7f\\xc2\\x9bü…\n");
}

static void files_may_go_once_their_problem_is_added(void **state)
{
	struct problems *problems = problems_create();
	char file[] = "a.conf";

	(void)state;
	problems_add(problems, PROBLEM_ERROR, (struct place){ file, 1, 0 }, "e");
	memset(file, 'x', sizeof(file) - 1);
	assert_printed(problems, false, "a.conf:1: e\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems_come_in_the_order_of_the_files),
		cmocka_unit_test(problems_of_one_line_keep_the_order_in_which_they_came),
		cmocka_unit_test(warnings_and_notes_bear_their_word_and_are_counted_apart),
		cmocka_unit_test(colour_is_there_only_when_asked_for),
		cmocka_unit_test(control_characters_are_shown_instead_of_obeyed),
		cmocka_unit_test(files_may_go_once_their_problem_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The light pass over the text of a config: every mistake with its place, and what libconfig lets
 * slip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libconfig.h>
#include <cmocka.h>
#include "lint.h"

/* A text after the pass, and what was said about it. */
struct linted {
	char *text, *messages;
	struct lint lint;
	uint32_t error_count;
};

static struct linted linted(const char *text, size_t length)
{
	struct linted result = { .text = malloc(length + 1) };
	struct problems *problems = problems_create();
	size_t size;
	FILE *file = open_memstream(&result.messages, &size);

	memcpy(result.text, text, length);
	result.text[length] = '\0';
	assert_int_equal(lint_check(result.text, length, "f", problems, &result.lint), 0);
	problems_print(problems, file, false);
	result.error_count = problems_count(problems, PROBLEM_ERROR);
	fclose(file);
	problems_release(problems);
	return result;
}

static void linted_release(struct linted *result)
{
	lint_release(&result->lint);
	free(result->text);
	free(result->messages);
}

/* The pass says just this, and finds the text broken or not. */
static void assert_says(const char *text, bool broken, const char *messages)
{
	struct linted result = linted(text, strlen(text));

	assert_string_equal(result.messages, messages);
	assert_int_equal(result.lint.broken, broken);
	linted_release(&result);
}

/* libconfig reads what the pass has left of the text. */
static void assert_mended(const char *text, const char *mended)
{
	struct linted result = linted(text, strlen(text));
	config_t tree;

	assert_string_equal(result.text, mended);
	config_init(&tree);
	assert_true(config_read_string(&tree, result.text));
	config_destroy(&tree);
	linted_release(&result);
}

static void what_is_right_is_left_alone(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"# nothing",
		"// nothing",
		"/* nothing */",
		"a = 1",
		"a : 1, b = 2;\nc = -3",
		"a = { }; b = [ ]; c = ( );",
		"a = [1, 2]; b = [1L, 2LL]; c = (1, \"x\", [true], { d = 1.5; });",
		"a = \"x\" \"y\"\n\"z\";",
		"a = \"\\\" \\\\ \\x41 \\q\";",
		"a-b_c = TRUE; b=False",
		"a = 1e5; b = .5; c = 5.; d = -1.5E-3;",
		"a = 0xffffffff; b = 0xffffffffffffffffL;",
		"a = 2147483647; b = -2147483648; c = 9223372036854775807L;",
		"a={b={c={d=({e=1;});};};};",
		"a = \"ü\"; # ü\r\n\fb = 1;",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *ended = malloc(strlen(texts[i]) + 2);

		assert_says(texts[i], false, "");
		sprintf(ended, "%s\n",
			texts[i]); /* libconfig wants a line break behind a comment */
		assert_mended(ended, ended);
		free(ended);
	}
}

static void every_mistake_is_told_with_line_and_column(void **state)
{
	(void)state;
	assert_says("a = ;\nb = {\n\tc 5;\n\td = [1, 2;\n};\n\xc3\xbc = 3;\n", true,
		    "f:1:5: expected a value, found ;\n"
		    "f:3:4: expected = or : after c, found a number\n"
		    "f:4:11: expected , or ] (to close the [ of line 4), found ;\n"
		    "f:6:1: expected a setting (name = value;), found a word that is no name "
		    "(letters, digits, "
		    "_ and -)\n");
}

static void an_unquoted_text_is_told_of_quotes(void **state)
{
	(void)state;
	assert_says("a = 5s;\nb = [x];", true,
		    "f:1:5: expected a value: a number, true, false, or a text, which stands in "
		    "quotes (\"5s\")\n"
		    "f:2:6: expected a value: a number, true, false, or a text, which stands in "
		    "quotes (\"5s\")\n");
}

static void a_text_ends_in_its_line(void **state)
{
	(void)state;
	assert_says("a = \"x;\nb = 1 2;\n", true,
		    "f:1:5: expected \" at the end of this text, in its line (\\n is a line break "
		    "in a text, and "
		    "texts side by side are one)\n"
		    "f:2:7: expected a setting (name = value;), found a number\n");
}

static void what_is_not_closed_is_told_where_it_opens(void **state)
{
	(void)state;
	assert_says("a = {\n b = (1", true,
		    "f:1:5: expected } to close this {, found the end of the file\n"
		    "f:2:6: expected ) to close this (, found the end of the file\n");
	assert_says("a = { b = [ };", true, "f:1:13: expected a value or ], found }\n");
	assert_says("a = [", true,
		    "f:1:5: expected ] to close this [, found the end of the file\n");
	assert_says("a = [1, 2\nb = 3;", true,
		    "f:2:1: expected , or ] (to close the [ of line 1), found a word\n");
	assert_says("a = (\nb = 3;", true, "f:2:1: expected a value, found the next setting\n");
	assert_says("a = 1; /* never\nends", true,
		    "f:1:8: expected */ to close this comment, found the end of the file\n");
}

static void a_wrong_bracket_does_not_hide_what_follows(void **state)
{
	(void)state;
	assert_says("a = [1, 2};\n]\nb = (1];\nc = ;\n", true,
		    "f:1:10: expected , or ] (to close the [ of line 1), found }\n"
		    "f:1:10: expected a setting, found }, which closes nothing\n"
		    "f:2:1: expected a setting, found ], which closes nothing\n"
		    "f:3:7: expected , or ) (to close the ( of line 3), found ]\n"
		    "f:4:5: expected a value, found ;\n");
}

static void a_missing_comma_between_texts_is_seen(void **state)
{
	(void)state;
	assert_says("a = [\"x\"\n\"y\"];", true,
		    "f:2:1: expected , between two texts (side by side they are one)\n");
	assert_says("a = [\"x\",];", true, "f:1:10: expected a value after the comma, found ]\n");
}

static void a_number_that_libconfig_would_wrap_is_caught(void **state)
{
	(void)state;
	assert_says("a = { rows = 3000000000; };", false,
		    "f:1:14: a.rows: 3000000000 does not fit 32 bits: write an L behind it\n");
	assert_says("a = -2147483649; b = 0x100000000; c = 9223372036854775808L; d = 1e999;", false,
		    "f:1:5: a: -2147483649 does not fit 32 bits: write an L behind it\n"
		    "f:1:22: b: 0x100000000 does not fit 32 bits: write an L behind it\n"
		    "f:1:39: c: 9223372036854775808L does not fit 64 bits (a text can hold it)\n"
		    "f:1:65: d: 1e999 is too large for a number\n");
}

static void a_setting_that_stands_twice_is_told_both_lines_and_taken_out(void **state)
{
	(void)state;
	assert_says("s = {\n a = 1;\n b = 2;\n a = { c = 3; };\n};", false,
		    "f:4:2: s.a: stands here twice, first in line 2\n");
	assert_mended("s={a=1;b=2;a={\nc=3;};d=4;};", "s={a=1;b=2;   \n      d=4;};");
	assert_says("s = { };\ns = { };", true, "f:2:1: s: stands here twice, first in line 1\n");
}

static void a_group_in_square_brackets_is_told_of_round_ones(void **state)
{
	(void)state;
	assert_says("p = { to = [\"f\", { output = \"a\"; }]; };", false,
		    "f:1:18: p.to: [ ] holds plain values only; write ( ) around a list that holds "
		    "groups\n");
	assert_mended("a = [1, { b = 1; }];", "a = (1, { b = 1; });");
	assert_mended("a = [[1]];", "a = ([1]);");
	assert_mended("a = [1, 2L];", "a = (1, 2L);");
	assert_says("a = [1, \"x\"];", false, "");
}

static void include_is_refused(void **state)
{
	(void)state;
	assert_says("@include \"x\"\n  @include \"y\"\na = 1;", true,
		    "f:1:1: @include cannot be used: give a directory instead of a file, whose "
		    "*.conf are read "
		    "together\n"
		    "f:2:3: @include cannot be used: give a directory instead of a file, whose "
		    "*.conf are read "
		    "together\n");
}

static void what_is_no_text_is_refused(void **state)
{
	struct linted result = linted("a = 1;\n\0b", 9);

	(void)state;
	assert_string_equal(result.messages, "f:2:1: a zero byte: this is no text file\n");
	linted_release(&result);
	assert_says("a = \"\xff\";", true, "f:1:6: the byte 0xff: this is not UTF-8\n");
	assert_says("a = \"\\x00b\"; b = \"\\\\x00\";", true,
		    "f:1:5: a text cannot hold the zero byte \\x00\n");
}

static void no_text_is_repeated_since_it_could_be_a_secret(void **state)
{
	struct linted result =
		linted("a = hunter2;\nb = \"hunter2\" = ;\nc = [\"hunter2\" \"hunter2\"];\n"
		       "hunter2.x = 5;\nd = \"hunter2\n",
		       82);

	(void)state;
	assert_int_equal(result.error_count, 5);
	assert_null(strstr(result.messages, "hunter2"));
	linted_release(&result);
}

static void a_byte_order_mark_is_no_mistake(void **state)
{
	(void)state;
	assert_says("\xef\xbb\xbf"
		    "a = 1;",
		    false, "");
}

static void places_are_in_the_order_of_the_text(void **state)
{
	static const char text[] = "a = {\n b = [1,\n  3000000000];\n};\nc = 1;";
	struct linted result = linted(text, strlen(text));
	const uint32_t lines[] = { 1, 2, 2, 3, 5 };

	(void)state;
	assert_int_equal(result.lint.count, 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(result.lint.places[i].line, lines[i]);
		assert_int_equal(result.lint.places[i].unreadable, i == 3);
	}
	linted_release(&result);
}

/* A text of one part again and again. */
static struct linted linted_many(const char *part, int count)
{
	size_t length = strlen(part);
	char *text = calloc(1, length * (size_t)count + 1);
	struct linted result;

	for (int i = 0; i < count; i++)
		memcpy(text + length * (size_t)i, part, length);
	result = linted(text, length * (size_t)count);
	free(text);
	return result;
}

static void what_is_endless_meets_a_bound(void **state)
{
	struct linted result = linted_many("a={", 300000);

	(void)state;
	assert_string_equal(result.messages, "f:1:99: more than 32 brackets in brackets\n");
	linted_release(&result);
	result = linted_many(";", 1000000);
	assert_int_equal(result.error_count, LINT_PROBLEMS_LIMIT);
	assert_non_null(strstr(result.messages, "note: the rest of this file was not looked at"));
	linted_release(&result);
	result = linted_many("a=1;", 200000);
	assert_true(result.lint.broken);
	linted_release(&result);
}

static void a_file_has_so_many_settings(void **state)
{
	char *text = malloc(1 << 20), *end = text;
	struct linted result;

	(void)state;
	for (int i = 0; i <= LINT_NAMES_LIMIT; i++)
		end += sprintf(end, "a%d=1;", i);
	result = linted(text, (size_t)(end - text));
	assert_non_null(strstr(result.messages, "more than 4096 settings in one group"));
	linted_release(&result);
	end = text + sprintf(text, "a=(1");
	for (int i = 0; i < LINT_PLACES_LIMIT; i++)
		end += sprintf(end, ",1");
	result = linted(text, (size_t)(end - text));
	assert_non_null(strstr(result.messages, "more than 65536 settings in one file"));
	linted_release(&result);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_left_alone),
		cmocka_unit_test(every_mistake_is_told_with_line_and_column),
		cmocka_unit_test(an_unquoted_text_is_told_of_quotes),
		cmocka_unit_test(a_text_ends_in_its_line),
		cmocka_unit_test(what_is_not_closed_is_told_where_it_opens),
		cmocka_unit_test(a_wrong_bracket_does_not_hide_what_follows),
		cmocka_unit_test(a_missing_comma_between_texts_is_seen),
		cmocka_unit_test(a_number_that_libconfig_would_wrap_is_caught),
		cmocka_unit_test(a_setting_that_stands_twice_is_told_both_lines_and_taken_out),
		cmocka_unit_test(a_group_in_square_brackets_is_told_of_round_ones),
		cmocka_unit_test(include_is_refused),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(no_text_is_repeated_since_it_could_be_a_secret),
		cmocka_unit_test(a_byte_order_mark_is_no_mistake),
		cmocka_unit_test(places_are_in_the_order_of_the_text),
		cmocka_unit_test(what_is_endless_meets_a_bound),
		cmocka_unit_test(a_file_has_so_many_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

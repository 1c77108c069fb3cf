// SPDX-License-Identifier: Apache-2.0
/* What lib/expression reads, and what it refuses: where, and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch.h"
#include "expression.h"
#include "pattern.h"

/* Whether a condition without names holds. */
static bool holds(const char *text)
{
	struct sonde_batch *batch = batch_table("one", SONDE_SIGNAL_LOG, 1);
	struct expression_error error = { 0 };
	struct expression *expression;
	struct matcher *matcher;
	unsigned char bits[1];
	int64_t count;

	if (expression_parse(text, &expression, &error) < 0)
		fail_msg("%s: at %u: %s", text, error.column, error.text);
	matcher = matcher_create(expression, NULL, NULL, NULL);
	assert_non_null(batch);
	assert_non_null(matcher);
	batch_finish(batch);
	count = matcher_run(matcher, batch, bits);
	matcher_release(matcher);
	expression_release(expression);
	batch_release(batch);
	return count == 1;
}

/* Refused, with these words, at this character. */
static void assert_refused(const char *text, uint32_t column, const char *words)
{
	struct expression *expression = NULL;
	struct expression_error error = { 0 };
	int result = expression_parse(text, &expression, &error);

	if (result >= 0)
		fail_msg("%s is taken", text);
	if (error.line != 1 || error.column != column || !strstr(error.text, words))
		fail_msg("%s: at %u:%u: %s; not at %u: %s", text, error.line, error.column,
			 error.text, column, words);
	assert_int_equal(result, -EINVAL);
	assert_null(expression);
}

/* ---- what is read ------------------------------------------------------------------------ */

static void products_bind_stronger_than_sums_and_and_than_or(void **state)
{
	assert_true(holds("1 + 2 * 3 = 7"));
	assert_true(holds("(1 + 2) * 3 = 9"));
	assert_true(holds("10 - 4 - 3 = 3"));
	assert_true(holds("7 % 4 + 1 = 4"));
	assert_true(holds("-2 * -3 = 6"));
	assert_true(holds("true or true and false"));
	assert_false(holds("(true or true) and false"));
	assert_true(holds("not false and true"));
	assert_false(holds("not (false or true)"));
	assert_true(holds("not 1 = 2"));
	assert_true(holds("not not true"));
	assert_true(holds("1 < 2 and 2 < 3 and 3 < 4 and not 4 < 4"));
}

static void operators_have_words_and_signs(void **state)
{
	assert_true(holds("true && !false || false"));
	assert_true(holds("1 == 1 AND 1 <> 2 and 1 != 2 Or false"));
	assert_true(holds("NOT 'a' IN ('b', 'c')"));
	assert_true(holds("'a' not in ('b', 'c')"));
	assert_true(holds("'warning' STARTS WITH 'warn' and 'warning' ends with \"ing\""));
	assert_true(holds("'warning' contains 'rni' and 'warning' not contains 'x'"));
	assert_true(holds("'warning' =~ '^w.*g$' and 'warning' !~ '^g'"));
	assert_true(holds("5 in (1, -2, 5) and 1.5 not in (1, 2)"));
	assert_true(holds("2 >= 2 and 2 <= 2 and 3 > 2 and 2 < 3"));
	assert_true(holds("5 is not null and not 'x' is null"));
}

static void numbers_are_written_as_elsewhere(void **state)
{
	assert_true(holds("10ms = 10000000"));
	assert_true(holds("1.5s = 1500000000"));
	assert_true(holds("1m30s = 90s"));
	assert_true(holds("64KiB = 65536 and 2MB = 2000000"));
	assert_true(holds("0xff = 255"));
	assert_true(holds("1e3 = 1000 and 2.5e-1 = 0.25"));
	assert_true(holds("-9223372036854775808 < 0"));
	assert_true(holds("--9223372036854775808 = 9223372036854775808"));
	assert_true(holds("18446744073709551615 > 9223372036854775807"));
	assert_true(holds("9007199254740993 > 9007199254740992.0"));
}

static void texts_have_escapes_and_patterns_need_none(void **state)
{
	assert_true(holds("'it\\'s' = \"it's\""));
	assert_true(holds("'a\\tb\\n' = 'a\\x09b\\x0a'"));
	assert_true(holds("'\\\\' = \"\\x5c\""));
	assert_true(holds("'a\\0b' > 'a'"));
	assert_true(holds("'v1.2' =~ '^v\\d+\\.\\d$'"));
	assert_true(holds("'it\\'s' =~ 't\\'s'"));
	assert_true(holds("'a\\\\b' =~ 'a\\\\b'"));
	assert_true(holds("'\xc3\x84rger' =~ '(?i)^\xc3\xa4'"));
	assert_true(holds("'' = \"\" and '' < 'a' and 'a' < 'ab' and 'b' > 'ab'"));
	assert_true(holds("'x' contains '' and 'x' starts with '' and '' ends with ''"));
}

static void arithmetic_without_a_result_is_null(void **state)
{
	assert_true(holds("(9223372036854775807 + 1) is null"));
	assert_true(holds("(-9223372036854775808 - 1) is null"));
	assert_true(holds("(4611686018427387904 * 2) is null"));
	assert_true(holds("(-(-9223372036854775808 + 0)) is null"));
	assert_true(holds("(18446744073709551615 + 0) is null"));
	assert_true(holds("(1 / 0) is null and (1 % 0) is null and (1.5 % 0) is null"));
	assert_true(holds("(-9223372036854775808 % -1) = 0"));
	assert_true(holds("7 / 2 = 3.5"));
	assert_true(holds("-7 % 4 = -3"));
	assert_true(holds("7.5 % 2 = 1.5"));
	assert_false(holds("1 / 0 = 1"));
	assert_false(holds("not 1 / 0 = 1"));
	assert_true(holds("1 / 0 = 1 or true"));
	assert_true(holds("(1 / 0 = 1) is null"));
	assert_false(holds("1 / 0 in (1, 2)"));
	assert_false(holds("1 / 0 not in (1, 2)"));
}

static void names_may_be_dotted_quoted_and_scoped(void **state)
{
	static const char *const texts[] = {
		"service.name = 'a'",
		"`k8s.pod/label-1` = 'a'",
		"`and` = 1 and `true` = 2",
		"resource[\"service.name\"] = 'a'",
		"scope['name'] = 'a' and row[x] = 1",
		"role[\"body\"] contains 'x'",
		"resource = 5 and role > 1",
		"_a.b.c_9 is null",
		"http.response.status_code >= 500 and\n\turl.path starts with '/api'",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct expression *expression = NULL;
		struct expression_error error = { 0 };

		if (expression_parse(texts[i], &expression, &error) < 0)
			fail_msg("%s: at %u: %s", texts[i], error.column, error.text);
		expression_release(expression);
	}
}

/* ---- what is refused --------------------------------------------------------------------- */

static void what_is_missing_is_named_with_its_place(void **state)
{
	assert_refused("", 1, "there is no expression");
	assert_refused("  ", 1, "there is no expression");
	assert_refused("a =", 4, "a name or a value is missing at the end");
	assert_refused("a = )", 5, "a name or a value is expected, not )");
	assert_refused("(a = 1", 7, ") is missing at the end");
	assert_refused("a = 1)", 6, "an operator or the end is expected, not )");
	assert_refused("a = 1 b = 2", 7, "an operator or the end is expected, not b");
	assert_refused("a = 1 adn b = 2", 7, "(did you mean \"and\"?)");
	assert_refused("a contians 'x'", 3, "(did you mean \"contains\"?)");
	assert_refused("a starts 'x'", 10, "with is expected");
	assert_refused("a contains b", 12, "a text in quotes is expected");
	assert_refused("a =~ b", 6, "a regular expression in quotes");
	assert_refused("a in 5", 6, "( and a list of values is expected");
	assert_refused("a in ()", 7, "a name or a value is expected");
	assert_refused("a in (1, 2", 11, ", or ) is missing");
	assert_refused("a is 5", 6, "null or not null is expected");
	assert_refused("a not 5", 7, "in, contains, starts with or ends with is expected");
	assert_refused("and a", 1, "a name or a value is expected, not and");
	assert_refused("a = 'x", 5, "the text that begins here has no end");
	assert_refused("`a = 5", 1, "the name that begins here has no end");
	assert_refused("resource[5] = 1", 10, "a name in quotes is expected");
	assert_refused("other['a'] = 1", 6, "only resource, scope, row and role");
	assert_refused("role['bdoy'] = 'x'", 6, "there is no role \"bdoy\"");
	assert_refused("`` = 1", 1, "no name between these backquotes");
}

static void letters_that_mean_nothing_are_named(void **state)
{
	assert_refused("a = 5 & b = 6", 7, "(did you mean \"and\"?)");
	assert_refused("a = 5 | b = 6", 7, "(did you mean \"or\"?)");
	assert_refused("a = $5", 5, "$ means nothing here");
	assert_refused("\xc3\xa4 = 5", 1, "the byte 0xc3 means nothing here");
	assert_refused("a = 5 lightyears", 7, "not lightyears");
	assert_refused("a > 5lightyears", 5, "5lightyears is not a number, duration or size");
	assert_refused("a = 5b8efff798038103", 5, "an id stands in quotes");
	assert_refused("a > 99999999999999999999", 5, "does not fit 64 bits");
	assert_refused("a > -9223372036854775809", 5, "does not fit 64 bits");
	assert_refused("a = 'x\\y'", 7, "no such escape");
	assert_refused("a = '\\xg0'", 6, "two hexadecimal digits");
	assert_refused("a > 1e999", 5, "is not a number");
	assert_refused("\xc3\xa4\xc3\xa4", 1, "means nothing");
	assert_refused("a = '\xc3\xa4\xc3\xa4' $", 10, "$ means nothing");
}

static void types_that_do_not_go_together_are_refused(void **state)
{
	assert_refused("5", 1, "a condition takes true or false, and this is a number");
	assert_refused("'x'", 1, "a condition takes true or false, and this is a text");
	assert_refused("a + 1", 3, "a condition takes true or false, and this is a number");
	assert_refused("5 and a", 1, "and takes true or false, and this is a number");
	assert_refused("a or 'x'", 6, "or takes true or false, and this is a text");
	assert_refused("not 5", 5, "not takes true or false");
	assert_refused("a + 'x' > 1", 5, "+ takes a number, and this is a text");
	assert_refused("true * 2 > 1", 1, "* takes a number, and this is true or false");
	assert_refused("-'x' > 1", 2, "- takes a number, and this is a text");
	assert_refused("1 = 'x'", 3, "a number cannot be compared with a text");
	assert_refused("true < false", 6, "true and false have no order");
	assert_refused("5 contains 'x'", 1, "takes a text, and this is a number");
	assert_refused("5 =~ 'x'", 1, "takes a text, and this is a number");
	assert_refused("a in (1, 'x')", 10, "either numbers or texts");
	assert_refused("a in (1, b)", 10, "numbers or texts as they are");
	assert_refused("a in (true)", 7, "numbers or texts as they are");
	assert_refused("5 in ('x')", 1, "this list takes a text, and this is a number");
	assert_refused("a = null", 5, "ask \"is null\"");
	assert_refused("1 < a < 3", 7, "join two by \"and\"");
}

static void a_wrong_pattern_is_refused_at_its_wrong_character(void **state)
{
	assert_refused("a =~ 'x(y'", 10, "the regular expression is wrong here: missing closing");
	assert_refused("a =~ '[z-a]'", 10, "the regular expression is wrong here");
	assert_refused("a =~ 'a\\C'", 10, "the regular expression is wrong here");
}

static void lines_are_counted(void **state)
{
	struct expression *expression;
	struct expression_error error;
	char explained[320];

	assert_int_equal(expression_parse("a = 1 and\n\tb = $", &expression, &error), -EINVAL);
	assert_int_equal(error.line, 2);
	assert_int_equal(error.column, 6);
	assert_int_equal(error.offset, 15);
	assert_memory_equal(expression_explain(&error, explained, sizeof(explained)), "at 2:6: $ ",
			    10);
	assert_int_equal(expression_parse("a = $", &expression, &error), -EINVAL);
	assert_memory_equal(expression_explain(&error, explained, sizeof(explained)), "at 5: $ ",
			    8);
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* `before` so many times, then `middle`, then `after` as often; owned by the caller. */
static char *repeat(const char *before, const char *middle, const char *after, size_t count)
{
	char *text = calloc(1, (strlen(before) + strlen(after)) * count + strlen(middle) + 1);
	char *at = text;

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, before);
	at = stpcpy(at, middle);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, after);
	return text;
}

static void assert_bound(const char *before, const char *middle, const char *after, size_t most,
			 const char *words)
{
	char *within = repeat(before, middle, after, most);
	char *beyond = repeat(before, middle, after, most + 1);
	struct expression *expression;
	struct expression_error error = { 0 };

	if (expression_parse(within, &expression, &error) < 0)
		fail_msg("%zu times %s%s: %s", most, before, after, error.text);
	expression_release(expression);
	assert_int_equal(expression_parse(beyond, &expression, &error), -EINVAL);
	if (!strstr(error.text, words))
		fail_msg("%zu times %s%s: %s", most + 1, before, after, error.text);
	free(within);
	free(beyond);
}

static void depth_length_and_number_are_bounded(void **state)
{
	assert_bound("(", "a = 1", ")", EXPRESSION_DEPTH - 1, "stand within each other");
	assert_bound("not ", "a", "", EXPRESSION_DEPTH - 1, "stand within each other");
	assert_bound("", "0 < a", " + 1", EXPRESSION_DEPTH - 1, "stand within each other");
	assert_bound("", "a", "||a", EXPRESSION_NODES - 2, "names, values and operators");
	assert_bound("a", " = 1", "", EXPRESSION_NAME_BYTES, "a name has at most");
	assert_bound(" ", "a = 1", "", EXPRESSION_BYTES - 5, "more than");
	assert_bound("a =~ 'x' or ", "true", "", EXPRESSION_PATTERNS, "regular expressions");
}

static void a_pattern_is_bounded(void **state)
{
	char *within = repeat("", "a =~ '", "x", EXPRESSION_PATTERN_BYTES);
	char *beyond = repeat("", "a =~ '", "x", EXPRESSION_PATTERN_BYTES + 1);
	char text[EXPRESSION_PATTERN_BYTES + 32];
	struct expression *expression;
	struct expression_error error = { 0 };

	snprintf(text, sizeof(text), "%s'", within);
	assert_int_equal(expression_parse(text, &expression, &error), 0);
	expression_release(expression);
	snprintf(text, sizeof(text), "%s'", beyond);
	assert_int_equal(expression_parse(text, &expression, &error), -EINVAL);
	assert_non_null(strstr(error.text, "at most 1024 bytes"));
	free(within);
	free(beyond);
	assert_refused("a =~ '((a{999}){999}){999}'", 27, "the regular expression is wrong here");
}

/* A condition that begins with a text of the letter a, so many times. */
static bool holds_of_letters(size_t count, const char *rest)
{
	struct sonde_text text = { .length = (uint32_t)count };
	char *letters = malloc(count);
	struct pattern_scratch *scratch = pattern_scratch_create();
	struct pattern *pattern;
	char error[160];
	uint32_t offset;
	int result;

	assert_non_null(letters);
	assert_non_null(scratch);
	memset(letters, 'a', count);
	letters[count - 1] = 'b';
	text.data = letters;
	assert_int_equal(pattern_create((struct sonde_text){ rest, (uint32_t)strlen(rest), 0 },
					&pattern, &offset, error, sizeof(error)),
			 0);
	result = pattern_match(pattern, scratch, text);
	pattern_release(pattern);
	pattern_scratch_release(scratch);
	free(letters);
	assert_true(result >= -ELOOP && result <= 1);
	if (result < 0)
		assert_int_equal(result, -ELOOP);
	return result > 0;
}

static void a_pattern_is_bounded_over_all_places_of_a_text(void **state)
{
	/* Each place alone takes few steps, all of them the square of the length. */
	assert_false(holds_of_letters(EXPRESSION_TEXT_BYTES, "(?:a|x)*+[yz][bc]"));
	assert_false(holds_of_letters(EXPRESSION_TEXT_BYTES, "(?:a+)+[yz]"));
	assert_false(holds_of_letters(EXPRESSION_TEXT_BYTES, "a.*[yz]"));
	assert_false(holds_of_letters(EXPRESSION_TEXT_BYTES, "a*[yz]"));
	/* What is found within the bounds is found. */
	assert_true(holds_of_letters(EXPRESSION_TEXT_BYTES, "b$"));
	assert_true(holds_of_letters(EXPRESSION_TEXT_BYTES, "a.*b"));
	assert_true(holds_of_letters(10000, "^(?:a|x)*b$"));
	assert_true(holds_of_letters(20000, "aaaaa(?=b)"));
	assert_false(holds_of_letters(EXPRESSION_TEXT_BYTES + 1, "b"));
}

static void a_pattern_that_takes_too_long_is_given_up(void **state)
{
	/* Backtracks through all ways to part the letters. */
	assert_true(holds("('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' =~ '^(a|a)*$') is null"));
}

/* ---- roles ------------------------------------------------------------------------------- */

static void roles_are_called_as_in_the_manual(void **state)
{
	uint32_t found = 0;

	for (uint32_t role = 1; role <= SONDE_ROLE_DROPPED_LINKS; role++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", role_name(role));
		for (char *at = name; *at; at++)
			*at = *at == ' ' ? '_' : *at;
		if (!strcmp(name, "unknown") || !expression_role(name))
			continue;
		found++;
		assert_int_equal(expression_role(name), role);
	}
	assert_int_equal(found, 25);
	assert_int_equal(expression_role("sum"), 0);
	assert_int_equal(expression_role("attribute"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_bind_stronger_than_sums_and_and_than_or),
		cmocka_unit_test(operators_have_words_and_signs),
		cmocka_unit_test(numbers_are_written_as_elsewhere),
		cmocka_unit_test(texts_have_escapes_and_patterns_need_none),
		cmocka_unit_test(arithmetic_without_a_result_is_null),
		cmocka_unit_test(names_may_be_dotted_quoted_and_scoped),
		cmocka_unit_test(what_is_missing_is_named_with_its_place),
		cmocka_unit_test(letters_that_mean_nothing_are_named),
		cmocka_unit_test(types_that_do_not_go_together_are_refused),
		cmocka_unit_test(a_wrong_pattern_is_refused_at_its_wrong_character),
		cmocka_unit_test(lines_are_counted),
		cmocka_unit_test(depth_length_and_number_are_bounded),
		cmocka_unit_test(a_pattern_is_bounded),
		cmocka_unit_test(a_pattern_is_bounded_over_all_places_of_a_text),
		cmocka_unit_test(a_pattern_that_takes_too_long_is_given_up),
		cmocka_unit_test(roles_are_called_as_in_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

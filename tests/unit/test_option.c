// SPDX-License-Identifier: Apache-2.0
/* Options, quantities and names: from text to member and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake_catalog.h"
#include "option.h"
#include "text.h"

struct fixture {
	struct arena *arena;
	struct fake_load load;
	char error[512];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->arena = arena_create();
	*state = fixture;
	return option_defaults(fake_load_options, &fixture->load, fixture->arena, fixture->error,
			       sizeof(fixture->error));
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	arena_release(fixture->arena);
	free(fixture);
	return 0;
}

static int set(struct fixture *fixture, const char *name, const char *text)
{
	const struct sonde_option *option = option_find(fake_load_options, name);

	assert_non_null(option);
	return option_parse(option, text, &fixture->load, fixture->arena, fixture->error,
			    sizeof(fixture->error));
}

/* The text is refused with the message, and the struct is as it was. */
static void assert_refused(struct fixture *fixture, const char *name, const char *text,
			   const char *message)
{
	struct fake_load before = fixture->load;

	assert_int_equal(set(fixture, name, text), -EINVAL);
	assert_string_equal(fixture->error, message);
	assert_memory_equal(&before, &fixture->load, sizeof(before));
}

static void assert_shown(struct fixture *fixture, const char *name, const char *plain,
			 const char *shown)
{
	const struct sonde_option *option = option_find(fake_load_options, name);
	char buffer[256];

	assert_int_equal(option_print(option, &fixture->load, buffer, sizeof(buffer)),
			 strlen(plain));
	assert_string_equal(buffer, plain);
	assert_int_equal(option_show(option, &fixture->load, NULL, buffer, sizeof(buffer)),
			 strlen(shown));
	assert_string_equal(buffer, shown);
}

static void defaults_fill_every_member_that_has_one(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fixture->load.interval_ns, 5000000000);
	assert_int_equal(fixture->load.mode, 0);
	assert_int_equal(fixture->load.rows, 1000);
	assert_int_equal(fixture->load.level, -3);
	assert_true(fixture->load.factor == 0.5 && fixture->load.sample == 1);
	assert_int_equal(fixture->load.memory_bytes, 1 << 20);
	assert_int_equal(fixture->load.names.count, 2);
	assert_string_equal(fixture->load.names.items[1], "b");
	assert_null(fixture->load.title);
}

static void a_bad_default_is_named(void **state)
{
	struct fixture *fixture = *state;
	const struct sonde_option options[] = { { .name = "rows",
						  .type = SONDE_U32,
						  SONDE_MEMBER(struct fake_load, rows),
						  .value = "x" },
						{ 0 } };

	assert_int_equal(
		option_defaults(options, &fixture->load, fixture->arena, fixture->error, 512),
		-EINVAL);
	assert_string_equal(fixture->error, "rows: its default: \"x\" is not a whole number");
}

static void what_is_no_value_of_its_type_is_refused_with_an_example(void **state)
{
	struct fixture *fixture = *state;

	assert_refused(fixture, "interval", "5 lightyears",
		       "\"5 lightyears\" is not a duration (try \"5s\")");
	assert_refused(fixture, "interval", "5", "\"5\" has no unit (try \"5s\")");
	assert_refused(fixture, "interval", "-5s", "\"-5s\" is not a duration (try \"5s\")");
	assert_refused(fixture, "memory", "4096", "\"4096\" has no unit (try \"4096B\")");
	assert_refused(fixture, "memory", "much", "\"much\" is not a size (try \"64MiB\")");
	assert_refused(fixture, "sample", "2",
		       "\"2\" is not a ratio from 0 to 1 (try \"1%\", \"1/16\" or 0.25)");
	assert_refused(fixture, "verbose", "yes", "\"yes\" is neither true nor false");
	assert_refused(fixture, "rows", "1.5", "\"1.5\" is not a whole number");
	assert_refused(fixture, "rows", "", "\"\" is not a whole number");
	assert_refused(fixture, "rows", "0x", "\"0x\" is not a whole number");
	assert_refused(fixture, "factor", "nan", "\"nan\" is not a number");
	assert_refused(fixture, "factor", "1e999", "\"1e999\" is not a number");
	assert_refused(
		fixture, "mode", "event",
		"\"event\" is none of aggregate, events, both, off (did you mean \"events\"?)");
	assert_refused(fixture, "title", "\xff", "is not UTF-8 text");
	assert_refused(fixture, "names", "[\"a\", b]",
		       "\"[\"a\", b]\" is not a list (try [\"a\", \"b\"])");
}

static void what_is_out_of_range_is_told_the_range(void **state)
{
	struct fixture *fixture = *state;

	assert_refused(fixture, "rows", "0", "\"0\" is out of range (1 to 65535)");
	assert_refused(fixture, "rows", "65536", "\"65536\" is out of range (1 to 65535)");
	assert_refused(fixture, "interval", "99ms", "\"99ms\" is too small (at least 100ms)");
	assert_refused(fixture, "memory", "1025MiB", "\"1025MiB\" is too large (at most 1GiB)");
	assert_refused(fixture, "level", "2147483648",
		       "\"2147483648\" is out of range (-2147483648 to 2147483647)");
	assert_refused(fixture, "wide", "-1", "\"-1\" is out of range (0 to 18446744073709551615)");
	assert_refused(fixture, "wide", "18446744073709551616",
		       "\"18446744073709551616\" is out of range (0 to 18446744073709551615)");
}

static void bounds_belong_to_their_range(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(set(fixture, "rows", "65535"), 0);
	assert_int_equal(set(fixture, "rows", "1"), 0);
	assert_int_equal(set(fixture, "interval", "100ms"), 0);
	assert_int_equal(set(fixture, "level", "-2147483648"), 0);
	assert_int_equal(fixture->load.level, INT32_MIN);
	assert_int_equal(set(fixture, "wide", "0xffffffffffffffff"), 0);
	assert_true(fixture->load.wide == UINT64_MAX);
	assert_int_equal(set(fixture, "rows", "010"), 0);
	assert_int_equal(fixture->load.rows, 10); /* never octal */
}

static void a_value_prints_as_text_and_as_the_config_says_it(void **state)
{
	struct fixture *fixture = *state;

	assert_shown(fixture, "interval", "5s", "\"5s\"");
	assert_shown(fixture, "mode", "aggregate", "\"aggregate\"");
	assert_shown(fixture, "rows", "1000", "1000");
	assert_shown(fixture, "verbose", "false", "false");
	assert_shown(fixture, "sample", "100%", "\"100%\"");
	assert_shown(fixture, "title", "", "\"\"");
	set(fixture, "factor", "3");
	assert_shown(fixture, "factor", "3.0", "3.0");
	set(fixture, "wide", "5000000000");
	assert_shown(fixture, "wide", "5000000000", "5000000000L");
	set(fixture, "wide", "0xffffffffffffffff");
	assert_shown(fixture, "wide", "18446744073709551615", "\"18446744073709551615\"");
	set(fixture, "title", "a \"$\" \\ \n");
	assert_shown(fixture, "title", "a \"$\" \\ \n", "\"a \\\"$$\\\" \\\\ \\n\"");
}

static void a_list_with_commas_in_it_goes_there_and_back(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(set(fixture, "names", "[\"x, y\", \"q\\\"\\\\$\", \"\"]"), 0);
	assert_int_equal(fixture->load.names.count, 3);
	assert_string_equal(fixture->load.names.items[0], "x, y");
	assert_string_equal(fixture->load.names.items[1], "q\"\\$");
	assert_shown(fixture, "names", "[\"x, y\", \"q\\\"\\\\$\", \"\"]",
		     "[\"x, y\", \"q\\\"\\\\$$\", \"\"]");
	assert_int_equal(set(fixture, "names", " a ,b,  c d "), 0);
	assert_shown(fixture, "names", "[\"a\", \"b\", \"c d\"]", "[\"a\", \"b\", \"c d\"]");
	assert_int_equal(set(fixture, "names", ""), 0);
	assert_shown(fixture, "names", "[]", "[]");
	assert_int_equal(set(fixture, "names", "[]"), 0);
	assert_int_equal(fixture->load.names.count, 0);
}

static void every_printed_value_parses_back_to_itself(void **state)
{
	struct fixture *fixture = *state;

	for (const struct sonde_option *option = fake_load_options; option->name; option++) {
		struct fake_load again = fixture->load;
		char before[256], after[256];

		if (option->type == SONDE_GROUPS || option->type == SONDE_SECRET)
			continue;
		option_print(option, &fixture->load, before, sizeof(before));
		assert_int_equal(
			option_parse(option, before, &again, fixture->arena, fixture->error, 512),
			0);
		option_print(option, &again, after, sizeof(after));
		assert_string_equal(before, after);
	}
}

static void a_secret_is_printed_by_nobody(void **state)
{
	struct fixture *fixture = *state;
	const struct sonde_option *option = option_find(fake_load_options, "token");
	const uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 };
	char first[64], second[64];

	assert_int_equal(set(fixture, "token", "hunter2"), 0);
	assert_shown(fixture, "token", "***", "\"***\"");
	option_show(option, &fixture->load, key, first, sizeof(first));
	assert_null(strstr(first, "hunter2"));
	option_show(option, &fixture->load, other, second, sizeof(second));
	assert_string_not_equal(first, second);
	assert_int_equal(set(fixture, "token", "hunter3"), 0);
	option_show(option, &fixture->load, key, second, sizeof(second));
	assert_string_not_equal(first, second);
	assert_int_equal(set(fixture, "token", "hun\xffter"), -EINVAL);
	assert_null(strstr(fixture->error, "hun"));
}

static void a_short_buffer_is_filled_and_the_whole_length_told(void **state)
{
	struct fixture *fixture = *state;
	const struct sonde_option *option = option_find(fake_load_options, "names");
	char buffer[8];

	assert_int_equal(option_print(option, &fixture->load, buffer, sizeof(buffer)), 10);
	assert_string_equal(buffer, "[\"a\", \"");
	assert_int_equal(option_print(option, &fixture->load, NULL, 0), 10);
}

static void durations_read_and_print_exactly(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		const char *printed;
	} cases[] = {
		{ "0s", 0, "0s" },
		{ "1ns", 1, "1ns" },
		{ "1500us", 1500000, "1.5ms" },
		{ "500ms", 500000000, "500ms" },
		{ "1.5s", 1500000000, "1.5s" },
		{ "90s", 90000000000, "1m30s" },
		{ "1m30s", 90000000000, "1m30s" },
		{ "60s", 60000000000, "1m" },
		{ "24h", 86400000000000, "1d" },
		{ "1h 1ms", 3600001000000, "1h1ms" },
		{ "1.000000001s", 1000000001, "1.000000001s" },
		{ "9223372036854775807ns", INT64_MAX, "106751d23h47m16.854775807s" },
	};
	char buffer[32];
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(duration_parse(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
		assert_string_equal(duration_print(ns, buffer), cases[i].printed);
		assert_int_equal(duration_parse(buffer, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
	assert_string_equal(duration_print(-1500000000, buffer), "-1.5s");
	assert_string_equal(duration_print(INT64_MIN, buffer), "-106751d23h47m16.854775808s");
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const texts[] = { "",
					     "s",
					     "5",
					     "5x",
					     "1s1m",
					     "1s1s",
					     "5 s x",
					     ".5s",
					     "5.s",
					     "-1s",
					     "1.5ns",
					     "9223372036854775808ns",
					     "99999999999999999999d",
					     "1e3s" };
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(duration_parse(texts[i], &ns), -EINVAL);
	assert_int_equal(ns, 42);
}

static void sizes_need_a_unit_and_print_in_the_largest(void **state)
{
	static const char *const wrong[] = { "",     "5",           "MiB",  "-1B",
					     "1.5B", "99999999TiB", "5mib", "1MiB 1B" };
	char buffer[32];
	uint64_t bytes;

	(void)state;
	assert_int_equal(size_parse("64MiB", &bytes), 0);
	assert_int_equal(bytes, 64 << 20);
	assert_int_equal(size_parse("1.5 KiB", &bytes), 0);
	assert_int_equal(bytes, 1536);
	assert_int_equal(size_parse("2GB", &bytes), 0);
	assert_int_equal(bytes, 2000000000);
	assert_string_equal(size_print(64 << 20, buffer), "64MiB");
	assert_string_equal(size_print(1536, buffer), "1536B");
	assert_string_equal(size_print(0, buffer), "0B");
	assert_string_equal(size_print(1ull << 43, buffer), "8TiB");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(size_parse(wrong[i], &bytes), -EINVAL);
}

static void ratios_are_percents_fractions_or_numbers(void **state)
{
	static const char *const wrong[] = { "",    "%",  "101%", "2",   "-1%",
					     "1/0", "1/", "nan",  "0x1", "1%%" };
	char buffer[32];
	double ratio;

	(void)state;
	assert_int_equal(ratio_parse("1%", &ratio), 0);
	assert_true(ratio == 0.01);
	assert_int_equal(ratio_parse("1/16", &ratio), 0);
	assert_true(ratio == 0.0625);
	assert_int_equal(ratio_parse("0.25", &ratio), 0);
	assert_true(ratio == 0.25);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(ratio_parse(wrong[i], &ratio), -EINVAL);
	for (int i = 0; i <= 1000; i++) {
		assert_int_equal(ratio_parse(ratio_print(i / 1000.0, buffer), &ratio), 0);
		assert_true(ratio == i / 1000.0);
	}
}

static void the_nearest_name_forgives_slips_but_does_not_guess(void **state)
{
	static const char *const names[] = { "interval", "mode", "when_full", "to", "calls" };

	(void)state;
	assert_string_equal(nearest_name("intervall", names, 5), "interval");
	assert_string_equal(nearest_name("inetrval", names, 5), "interval");
	assert_string_equal(nearest_name("Interval", names, 5), "interval");
	assert_string_equal(nearest_name("when-full", names, 5), "when_full");
	assert_string_equal(nearest_name("cals", names, 5), "calls");
	assert_string_equal(nearest_name("ot", names, 5), "to");
	assert_null(nearest_name("xyz", names, 5));
	assert_null(nearest_name("x", names, 5));
	assert_null(nearest_name("", names, 5));
	assert_null(nearest_name("moderate", names, 5));
	assert_null(nearest_name("interval", names, 0));
}

static void the_hash_of_a_text_is_siphash(void **state)
{
	/* The first test vector of its authors with a text: key 00 to 0f, no input. */
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	(void)state;
	assert_true(text_hash("", key) == 0x726fdb47dd0e0e31);
	assert_true(text_hash("a", key) != text_hash("b", key));
	assert_true(text_hash("12345678", key) != text_hash("1234567", key));
}

static void utf8_is_told_from_what_only_looks_like_it(void **state)
{
	(void)state;
	assert_int_equal(text_valid_length("aü€😀", 10), 10);
	assert_int_equal(text_valid_length("a\xc3", 2), 1);
	assert_int_equal(text_valid_length("\xc0\x80", 2), 0);         /* overlong */
	assert_int_equal(text_valid_length("\xe0\x80\x80", 3), 0);     /* overlong */
	assert_int_equal(text_valid_length("\xed\xa0\x80", 3), 0);     /* a surrogate */
	assert_int_equal(text_valid_length("\xf4\x90\x80\x80", 4), 0); /* past the last one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_fill_every_member_that_has_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_bad_default_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_no_value_of_its_type_is_refused_with_an_example, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_out_of_range_is_told_the_range, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bounds_belong_to_their_range, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_prints_as_text_and_as_the_config_says_it,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_with_commas_in_it_goes_there_and_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_printed_value_parses_back_to_itself, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_secret_is_printed_by_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_short_buffer_is_filled_and_the_whole_length_told,
						setup, teardown),
		cmocka_unit_test(durations_read_and_print_exactly),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(sizes_need_a_unit_and_print_in_the_largest),
		cmocka_unit_test(ratios_are_percents_fractions_or_numbers),
		cmocka_unit_test(the_nearest_name_forgives_slips_but_does_not_guess),
		cmocka_unit_test(the_hash_of_a_text_is_siphash),
		cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

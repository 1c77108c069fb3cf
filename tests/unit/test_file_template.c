// SPDX-License-Identifier: Apache-2.0
/* Path templates of the output `file`: what they say, what they make of values, what they match. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "batch.h"
#include "dictionary.h"
#include "../../plugins/output/file/split.h"
#include <cmocka.h>

static struct template parsed(const char *text)
{
	struct template template;
	char error[160] = "";

	if (template_parse(&template, text, error) < 0)
		fail_msg("%s: %s", text, error);
	return template;
}

static void assert_refused(const char *text, const char *reason)
{
	struct template template;
	char error[160] = "";

	assert_int_equal(template_parse(&template, text, error), -EINVAL);
	if (!strstr(error, reason))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, error, reason);
}

/* ---- values ------------------------------------------------------------------------------ */

static void assert_clean(const char *value, const char *expected)
{
	char out[TEMPLATE_VALUE_BYTES + 1];

	assert_int_equal(template_clean(value, strlen(value), out), strlen(expected));
	assert_string_equal(out, expected);
}

static void a_value_never_leaves_its_place_in_a_name(void **state)
{
	(void)state;
	assert_clean("web", "web");
	assert_clean("/system.slice/ssh.service", "_system.slice_ssh.service");
	assert_clean("..", "_.");
	assert_clean(".", "_");
	assert_clean("../../etc/passwd", "_._.._etc_passwd");
	assert_clean(".hidden", "_hidden");
	assert_clean("", "_");
	assert_clean("a\nb\x7f\x01", "a_b__");
	assert_clean("rows~20260701T120000Z", "rows_20260701T120000Z");
	assert_clean("größe", "größe");
}

static void long_values_are_bounded_and_stay_apart(void **state)
{
	char one[300], other[300], out[TEMPLATE_VALUE_BYTES + 1], again[TEMPLATE_VALUE_BYTES + 1];

	(void)state;
	memset(one, 'x', sizeof(one));
	memset(other, 'x', sizeof(other));
	other[299] = 'y';
	assert_int_equal(template_clean(one, sizeof(one), out), TEMPLATE_VALUE_BYTES);
	assert_int_equal(template_clean(other, sizeof(other), again), TEMPLATE_VALUE_BYTES);
	assert_string_not_equal(out, again);
	assert_int_equal(template_clean(one, TEMPLATE_VALUE_BYTES, out), TEMPLATE_VALUE_BYTES);
	assert_null(strchr(out, '~'));
	for (size_t at = 0; at < sizeof(one); at += 2) /* no character is cut in two */
		memcpy(one + at, "ä", 2);
	one[0] = 'a';
	one[1] = 'b';
	(void)template_clean(one + 1, sizeof(one) - 1, out);
	assert_int_equal(strchr(out, '~') - out, 1 + 62);
}

/* ---- parsing ----------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
	char deep[128] = "", wide[1024] = "";

	(void)state;
	assert_refused("/x/%{", "begins a name");
	assert_refused("/x/%{}", "begins a name");
	assert_refused("/x/%{a/b}", "begins a name");
	assert_refused("/x/%q", "after \"%\" stands");
	assert_refused("/x/100%", "after \"%\" stands");
	assert_refused("/x/", "names no file");
	assert_refused("/x/%{a}%{b}%{c}", "too long");
	assert_refused("/x/a~b", "marks closed files");
	for (int at = 0; at < 20; at++)
		strcat(deep, "%Y/");
	assert_refused(strcat(deep, "x"), "too deep");
	for (int at = 0; at < 70; at++)
		strcat(wide, "%Y.");
	assert_refused(wide, "too many parts");
}

static void what_config_and_shell_expand_stands_for_itself(void **state)
{
	struct template template = parsed("/x/{a}$%%{b}%%Y");
	char path[TEMPLATE_PATH_BYTES];

	(void)state;
	assert_false(template.varies);
	(void)template_expand(&template, 0, path);
	assert_string_equal(path, "/x/{a}$%{b}%Y");
	template_release(&template);
}

/* ---- rows -------------------------------------------------------------------------------- */

enum { ROWS = 6 };

static void put(struct sonde_batch *batch, uint32_t index, uint32_t row, const void *value,
		size_t size)
{
	const struct sonde_column *column = sonde_column(batch, index);

	memcpy(column->base + (size_t)row * column->stride, value, size);
}

/* Rows with a text, a number and a time; the last has neither text nor time. */
static struct sonde_batch *rows(void)
{
	static const struct sonde_field fields[] = {
		{ .name = "time", .type = SONDE_TIME, .role = SONDE_ROLE_TIME },
		{ .name = "cgroup", .type = SONDE_TEXT },
		{ .name = "cpu", .type = SONDE_U32 },
		{ .name = "cgroup", .type = SONDE_U32, .scope = SONDE_SCOPE_RESOURCE },
	};
	static const char *const texts[ROWS] = { "a", "/b", "a", "..", "a", "" };
	static const int64_t seconds[ROWS] = { 0, 59, 1767225599, 1767225600, 59, 0 };
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct sonde_batch *batch = batch_table("calls", SONDE_SIGNAL_LOG, ROWS);

	for (uint32_t index = 0; index < 4; index++)
		(void)batch_add(batch, &fields[index], index == 1 ? dictionary : NULL);
	for (uint32_t row = 0; row < ROWS; row++) {
		int64_t time_ns = seconds[row] * INT64_C(1000000000);
		uint32_t code = dictionary_add(dictionary, texts[row], strlen(texts[row]));
		uint32_t cpu = row % 2;

		put(batch, 0, row, &time_ns, sizeof(time_ns));
		put(batch, 1, row, &code, sizeof(code));
		put(batch, 2, row, &cpu, sizeof(cpu));
	}
	batch_valid(batch, 0)[0] &= (unsigned char)~(1u << (ROWS - 1));
	batch_valid(batch, 1)[0] &= (unsigned char)~(1u << (ROWS - 1));
	dictionary_release(dictionary);
	batch_finish(batch);
	return batch;
}

static void assert_paths(const char *text, const char *const expected[ROWS])
{
	const int64_t now_ns = INT64_C(86400000000000);
	struct template template = parsed(text);
	struct lines *lines = lines_create(NULL, false);
	struct sonde_batch *batch = rows();
	char path[TEMPLATE_PATH_BYTES];

	template_bind(&template, batch, lines, now_ns);
	for (uint32_t row = 0; row < ROWS; row++) {
		(void)template_expand(&template, row, path);
		assert_string_equal(path, expected[row]);
	}
	template_release(&template);
	lines_release(lines);
	batch_release(batch);
}

static void columns_schema_and_the_rows_own_time_are_filled_in(void **state)
{
	(void)state;
	assert_paths("/l/%{cgroup}/%{schema}-%{cpu}.json",
		     (const char *[]){ "/l/a/calls-0.json", "/l/_b/calls-1.json",
				       "/l/a/calls-0.json", "/l/_./calls-1.json",
				       "/l/a/calls-0.json", "/l/_/calls-1.json" });
	assert_paths("%Y-%m-%d/%H%M",
		     (const char *[]){ "1970-01-01/0000", "1970-01-01/0000", "2025-12-31/2359",
				       "2026-01-01/0000", "1970-01-01/0000", "1970-01-02/0000" });
	assert_paths("%{signal}.json", (const char *[]){ "logs.json", "logs.json", "logs.json",
							 "logs.json", "logs.json", "logs.json" });
	assert_paths("x%{no.such.column}", (const char *[]){ "x_", "x_", "x_", "x_", "x_", "x_" });
}

static void rows_are_split_by_path_in_their_order(void **state)
{
	struct template template = parsed("/l/%{cgroup}");
	struct lines *lines = lines_create(NULL, false);
	struct sonde_batch *batch = rows();
	struct split split = { 0 };

	(void)state;
	for (int again = 0; again < 2; again++) {
		template_bind(&template, batch, lines, 0);
		assert_int_equal(split_batch(&split, &template, batch), 0);
		assert_int_equal(split.group_count, 4);
		assert_string_equal(split_path(&split, &split.groups[0]), "/l/a");
		assert_string_equal(split_path(&split, &split.groups[1]), "/l/_b");
		assert_string_equal(split_path(&split, &split.groups[2]), "/l/_.");
		assert_string_equal(split_path(&split, &split.groups[3]), "/l/_");
		assert_int_equal(split.groups[0].first, 0);
		assert_int_equal(split.next[0], 2);
		assert_int_equal(split.next[2], 4);
		assert_int_equal(split.next[4], UINT32_MAX);
		assert_int_equal(split.next[1], UINT32_MAX);
	}
	split_release(&split);
	template_release(&template);
	lines_release(lines);
	batch_release(batch);
}

static void thousands_of_paths_stay_apart(void **state)
{
	enum { COUNT = 5000 };
	static const struct sonde_field field = { .name = "n", .type = SONDE_U32 };
	struct template template = parsed("/l/%{n}");
	struct lines *lines = lines_create(NULL, false);
	struct sonde_batch *batch = batch_table("numbers", SONDE_SIGNAL_LOG, 2 * COUNT);
	struct sonde_column *column = batch_add(batch, &field, NULL);
	struct split split = { 0 };
	char path[32];

	(void)state;
	for (uint32_t row = 0; row < 2 * COUNT; row++) {
		uint32_t value = row % COUNT;

		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	batch_finish(batch);
	template_bind(&template, batch, lines, 0);
	assert_int_equal(split_batch(&split, &template, batch), 0);
	assert_int_equal(split.group_count, COUNT);
	for (uint32_t index = 0; index < COUNT; index++) {
		(void)snprintf(path, sizeof(path), "/l/%u", index);
		assert_string_equal(split_path(&split, &split.groups[index]), path);
		assert_int_equal(split.groups[index].first, index);
		assert_int_equal(split.groups[index].last, index + COUNT);
	}
	split_release(&split);
	template_release(&template);
	lines_release(lines);
	batch_release(batch);
}

/* ---- matching ---------------------------------------------------------------------------- */

static void a_template_knows_its_own_names(void **state)
{
	struct template template = parsed("/var/log/%{cgroup}/%Y-%m/rows.%d.json");
	char base[TEMPLATE_PATH_BYTES], now[16];
	struct match match;

	(void)state;
	template_base(&template, base);
	assert_string_equal(base, "/var/log");
	assert_int_equal(template_depth(&template), 3);
	assert_true(template_match(&template, 0, "web", &match));
	assert_string_equal(match.series, "web");
	assert_false(template_match(&template, 0, ".web", &match));
	assert_true(template_match(&template, 1, "2026-07", &match));
	assert_string_equal(match.series, "0000-00");
	assert_memory_equal(match.digits, "202607000000", 12);
	assert_false(template_match(&template, 1, "2026-7", &match));
	assert_false(template_match(&template, 1, "2026-07x", &match));
	assert_true(template_match(&template, 2, "rows.31.json", &match));
	assert_memory_equal(match.digits, "000000310000", 12);
	assert_false(template_match(&template, 2, "rows.31.json.bak", &match));
	assert_false(template_match(&template, 2, "rowsX31.json", &match));
	assert_false(template_match(&template, 2, "", &match));
	template_now(&template, INT64_C(1767225600000000000), now);
	assert_string_equal(now, "202601010000");
	template_release(&template);
}

static void values_beside_literals_are_found(void **state)
{
	struct template template = parsed("logs//%{a}-%{b}.json");
	char base[TEMPLATE_PATH_BYTES];
	struct match match;

	(void)state;
	template_base(&template, base);
	assert_string_equal(base, "logs");
	assert_int_equal(template_depth(&template), 1);
	assert_true(template_match(&template, 0, "x-y-z.json.json", &match));
	assert_false(template_match(&template, 0, "xy.json", &match));
	assert_false(template_match(&template, 0, "-y.json", &match));
	template_release(&template);
	template = parsed("%{signal}.json");
	assert_true(template_match(&template, 0, "traces.json", &match));
	assert_true(template_match(&template, 0, "metrics.json", &match));
	assert_false(template_match(&template, 0, "logsx.json", &match));
	assert_false(template_match(&template, 0, "mine.json", &match));
	template_release(&template);
	template = parsed("rows");
	template_base(&template, base);
	assert_string_equal(base, ".");
	assert_true(template_match(&template, 0, "rows", &match));
	template_release(&template);
	template = parsed("/rows");
	template_base(&template, base);
	assert_string_equal(base, "/");
	template_release(&template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_never_leaves_its_place_in_a_name),
		cmocka_unit_test(long_values_are_bounded_and_stay_apart),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(what_config_and_shell_expand_stands_for_itself),
		cmocka_unit_test(columns_schema_and_the_rows_own_time_are_filled_in),
		cmocka_unit_test(rows_are_split_by_path_in_their_order),
		cmocka_unit_test(thousands_of_paths_stay_apart),
		cmocka_unit_test(a_template_knows_its_own_names),
		cmocka_unit_test(values_beside_literals_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

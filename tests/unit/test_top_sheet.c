// SPDX-License-Identifier: Apache-2.0
/* What lib/top/sheet.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sheet.h"

enum { NAME, KIND, RATE, BYTES };

static const struct sheet_column columns[] = { { .title = "NAME", .least = 6, .keep = 4 },
					       { .title = "KIND", .least = 4, .keep = 1 },
					       { .title = "RATE", .kind = SHEET_COUNT, .keep = 3 },
					       { .title = "BYTES", .kind = SHEET_BYTES, .keep = 2 },
					       { 0 } };

static const struct sheet_view by_name = { .sort = NAME };

static void row(struct sheet *sheet, const char *name, const char *kind, double rate)
{
	struct sheet_cell *cells = sheet_row(sheet);

	assert_non_null(cells);
	sheet_words(&cells[NAME], name);
	sheet_words(&cells[KIND], kind);
	if (rate >= 0)
		sheet_number(&cells[RATE], rate);
	sheet_number(&cells[BYTES], 2048);
}

static void fill(struct sheet *sheet)
{
	sheet_begin(sheet, columns);
	row(sheet, "calls", "input", 100);
	row(sheet, "Audit", "output", 2500);
	row(sheet, "a name that is quite long for a column", "output", -1);
	row(sheet, "bulk", "input", 100);
}

/* The first letters of the names, in order. */
static const char *order(struct sheet *sheet, struct sheet_view view)
{
	static char letters[16];

	sheet_arrange(sheet, &view);
	memset(letters, 0, sizeof(letters));
	for (uint32_t i = 0; i < sheet->shown_count; i++)
		letters[i] = sheet_at(sheet, i, NAME)->text[0];
	return letters;
}

static void rows_are_sorted_by_any_column_either_way(void **state)
{
	struct sheet sheet = { 0 };

	fill(&sheet);
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = NAME }), "aAbc");
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = NAME, .descending = true }),
			    "cbAa");
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = RATE }), "acbA");
	sheet_release(&sheet);
}

static void equal_rows_stay_as_they_came_and_the_unknown_is_least(void **state)
{
	struct sheet sheet = { 0 };

	fill(&sheet);
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = RATE, .descending = true }),
			    "Acba");
	sheet_release(&sheet);
}

static void only_rows_with_the_text_are_shown_whatever_its_case(void **state)
{
	struct sheet sheet = { 0 };

	fill(&sheet);
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = NAME, .filter = "OUT" }),
			    "aA");
	assert_string_equal(order(&sheet, (struct sheet_view){ .sort = NAME, .filter = "ul" }),
			    "b");
	assert_string_equal(order(&sheet, (struct sheet_view){ .filter = "no such" }), "");
	sheet_release(&sheet);
}

static uint32_t line_width(const uint32_t *widths)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < 4; i++)
		total += widths[i] ? widths[i] + (total ? SHEET_GAP : 0) : 0;
	return total;
}

static void all_is_shown_where_there_is_room(void **state)
{
	uint32_t widths[SHEET_COLUMNS];
	struct sheet sheet = { 0 };

	fill(&sheet);
	sheet_arrange(&sheet, &by_name);
	sheet_layout(&sheet, &by_name, 200, false, widths);
	assert_int_equal(widths[NAME], strlen("a name that is quite long for a column"));
	assert_int_equal(widths[KIND], strlen("output"));
	assert_int_equal(widths[RATE], 6); /* 2.50 k */
	assert_int_equal(widths[BYTES], 7);
	sheet_release(&sheet);
}

static void texts_give_before_columns_go(void **state)
{
	uint32_t widths[SHEET_COLUMNS];
	struct sheet sheet = { 0 };

	fill(&sheet);
	sheet_arrange(&sheet, &by_name);
	sheet_layout(&sheet, &by_name, 45, false, widths);
	assert_int_equal(line_width(widths), 45);
	assert_true(widths[KIND] && widths[RATE] && widths[BYTES]);
	assert_in_range(widths[NAME], 6, 30);
	sheet_release(&sheet);
}

static void columns_go_by_how_little_they_are_worth(void **state)
{
	uint32_t widths[SHEET_COLUMNS];
	struct sheet sheet = { 0 };

	fill(&sheet);
	sheet_arrange(&sheet, &by_name);
	sheet_layout(&sheet, &by_name, 23, false, widths);
	assert_int_equal(widths[KIND], 0);
	assert_true(widths[NAME] && widths[RATE] && widths[BYTES]);
	sheet_layout(&sheet, &by_name, 14, false, widths);
	assert_int_equal(widths[BYTES], 0);
	assert_true(widths[NAME] && widths[RATE]);
	sheet_release(&sheet);
}

static void what_is_sorted_by_stays(void **state)
{
	const struct sheet_view view = { .sort = KIND };
	uint32_t widths[SHEET_COLUMNS];
	struct sheet sheet = { 0 };

	fill(&sheet);
	sheet_arrange(&sheet, &view);
	sheet_layout(&sheet, &view, 5, false, widths);
	assert_int_equal(widths[KIND], 5);
	assert_int_equal(line_width(widths), 5);
	sheet_release(&sheet);
}

static void nothing_is_ever_wider_than_the_terminal(void **state)
{
	uint32_t widths[SHEET_COLUMNS];
	struct sheet sheet = { 0 };

	fill(&sheet);
	sheet_arrange(&sheet, &by_name);
	for (uint32_t width = 1; width < 120; width++) {
		sheet_layout(&sheet, &by_name, width, false, widths);
		assert_in_range(line_width(widths), 1, width);
	}
	sheet_release(&sheet);
}

static void numbers_are_texts_by_what_they_are_of(void **state)
{
	static const struct {
		enum sheet_kind kind;
		double number;
		const char *text;
	} cases[] = {
		{ SHEET_NUMBER, 123456, "123456" },    { SHEET_COUNT, 123456, "123 k" },
		{ SHEET_BYTES, 1536, "1.5 KiB" },      { SHEET_SHARE, 12, "12 %" },
		{ SHEET_DURATION, 4500000, "4.5 ms" },
	};
	char buffer[SHEET_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct sheet_column column = { .title = "X", .kind = cases[i].kind };
		const struct sheet_cell cell = { .number = cases[i].number, .known = true };
		const struct sheet_cell unknown = { 0 };

		assert_string_equal(sheet_text(&column, &cell, false, buffer), cases[i].text);
		assert_string_equal(sheet_text(&column, &unknown, true, buffer), "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sorted_by_any_column_either_way),
		cmocka_unit_test(equal_rows_stay_as_they_came_and_the_unknown_is_least),
		cmocka_unit_test(only_rows_with_the_text_are_shown_whatever_its_case),
		cmocka_unit_test(all_is_shown_where_there_is_room),
		cmocka_unit_test(texts_give_before_columns_go),
		cmocka_unit_test(columns_go_by_how_little_they_are_worth),
		cmocka_unit_test(what_is_sorted_by_stays),
		cmocka_unit_test(nothing_is_ever_wider_than_the_terminal),
		cmocka_unit_test(numbers_are_texts_by_what_they_are_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

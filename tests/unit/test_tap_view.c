// SPDX-License-Identifier: Apache-2.0
/* What core/tap_view.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "made.h"
#include "tap_view.h"

enum { ROWS = 100 };

/* What was written of a batch of ROWS rows, numbered from 0. */
struct shown {
	struct json out;
	struct tap_counts counts;
	char note[512];
};

static struct tap_view *view_of(const struct tap_request *request)
{
	struct tap_view *view = NULL;
	char error[256];

	assert_int_equal(tap_view_create(request, &view, error, sizeof(error)), 0);
	return view;
}

static void show(struct tap_view *view, uint64_t budget, struct shown *shown)
{
	struct sonde_batch *batch = finished_batch(0, ROWS);

	assert_int_equal(tap_view_write(view, batch, budget, &shown->out, &shown->counts), 0);
	batch_release(batch);
	snprintf(shown->note, sizeof(shown->note), "%s", tap_view_note(view));
	*json_room(&shown->out, 1) = '\0';
}

static struct shown shown_of(struct tap_request request, uint64_t budget)
{
	struct tap_view *view = view_of(&request);
	struct shown shown = { 0 };

	show(view, budget, &shown);
	tap_view_release(view);
	return shown;
}

static void assert_counts(const struct shown *shown, uint64_t written, uint64_t unmatched,
			  uint64_t left_out)
{
	assert_int_equal(shown->counts.shown, written);
	assert_int_equal(shown->counts.unmatched, unmatched);
	assert_int_equal(shown->counts.left_out, left_out);
	assert_int_equal(written + unmatched + left_out, ROWS);
}

static void rows_are_lines_of_json(void **state)
{
	struct shown shown = shown_of((struct tap_request){ .json = true }, 2);

	assert_string_equal(shown.out.data,
			    "{\"schema\":\"made\",\"number\":0,\"events\":3,\"text\":\"\"}\n"
			    "{\"schema\":\"made\",\"number\":1,\"events\":3,\"text\":\"\"}\n");
	assert_counts(&shown, 2, 0, ROWS - 2);
	json_release(&shown.out);
}

static void only_rows_for_which_the_condition_holds_are_shown(void **state)
{
	struct shown shown =
		shown_of((struct tap_request){ .json = true, .where = "number >= 97" }, UINT64_MAX);

	assert_string_equal(shown.out.data,
			    "{\"schema\":\"made\",\"number\":97,\"events\":3,\"text\":\"\"}\n"
			    "{\"schema\":\"made\",\"number\":98,\"events\":3,\"text\":\"\"}\n"
			    "{\"schema\":\"made\",\"number\":99,\"events\":3,\"text\":\"\"}\n");
	assert_counts(&shown, 3, 97, 0);
	assert_string_equal(shown.note, "");
	json_release(&shown.out);
}

static void rows_beyond_the_budget_are_left_out(void **state)
{
	struct shown shown =
		shown_of((struct tap_request){ .json = true, .where = "number % 2 = 1" }, 1);

	assert_string_equal(shown.out.data,
			    "{\"schema\":\"made\",\"number\":1,\"events\":3,\"text\":\"\"}\n");
	assert_counts(&shown, 1, 50, 49);
	json_release(&shown.out);
}

static void only_columns_that_fit_a_pattern_are_shown(void **state)
{
	struct shown shown =
		shown_of((struct tap_request){ .json = true, .columns = "no?e,num*" }, 1);

	assert_string_equal(shown.out.data, "{\"schema\":\"made\",\"number\":0}\n");
	json_release(&shown.out);
}

static void a_condition_may_name_columns_that_are_not_shown(void **state)
{
	struct shown shown = shown_of(
		(struct tap_request){ .json = true, .columns = "events", .where = "number = 5" },
		5);

	assert_string_equal(shown.out.data, "{\"schema\":\"made\",\"events\":3}\n");
	json_release(&shown.out);
}

static void rows_without_any_such_column_are_not_shown(void **state)
{
	struct shown shown =
		shown_of((struct tap_request){ .json = true, .columns = "nowhere" }, 5);

	assert_string_equal(shown.out.data, "");
	assert_counts(&shown, 0, ROWS, 0);
	json_release(&shown.out);
}

static void a_table_is_as_wide_as_asked_for(void **state)
{
	struct shown shown = shown_of((struct tap_request){ .width = 40, .ascii = true }, 3);
	const char *line = shown.out.data;
	int count = 0;

	for (; *line; line = strchr(line, '\n') + 1, count++)
		assert_in_range(strcspn(line, "\n"), 1, 40);
	assert_in_range(count, 3, 4); /* headings too */
	assert_counts(&shown, 3, 0, ROWS - 3);
	json_release(&shown.out);
}

static void a_column_that_is_not_there_is_said_once_with_the_nearest_name(void **state)
{
	struct tap_view *view =
		view_of(&(struct tap_request){ .json = true, .where = "nummber = 1" });
	struct shown shown = { 0 };

	show(view, 1, &shown);
	assert_non_null(strstr(shown.note, "at 1: "));
	assert_non_null(strstr(shown.note, "did you mean \"number\"?"));
	assert_non_null(strstr(shown.note, "in rows of made"));
	show(view, 1, &shown);
	assert_string_equal(shown.note, "");
	assert_int_equal(shown.counts.unmatched, 2 * ROWS);
	json_release(&shown.out);
	tap_view_release(view);
}

static void a_column_of_a_type_that_does_not_fit_is_said(void **state)
{
	struct shown shown =
		shown_of((struct tap_request){ .json = true, .where = "number contains 'x'" }, 1);

	assert_non_null(strstr(shown.note, "--where, at 1: "));
	assert_counts(&shown, 0, ROWS, 0);
	json_release(&shown.out);
}

static void assert_refused(const struct tap_request *request, const char *part)
{
	struct tap_view *view = NULL;
	char error[256];

	assert_int_equal(tap_view_create(request, &view, error, sizeof(error)), -EINVAL);
	assert_null(view);
	assert_non_null(strstr(error, part));
}

static void what_is_wrong_with_a_condition_is_said_with_its_place(void **state)
{
	assert_refused(&(struct tap_request){ .where = "number = " }, "--where, at ");
	assert_refused(&(struct tap_request){ .where = "5 contains 'x'" }, "--where, at 1: ");
}

static void an_empty_name_of_a_column_is_refused(void **state)
{
	assert_refused(&(struct tap_request){ .columns = "a,,b" }, "--columns: ");
	assert_refused(&(struct tap_request){ .columns = "" }, "--columns: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_lines_of_json),
		cmocka_unit_test(only_rows_for_which_the_condition_holds_are_shown),
		cmocka_unit_test(rows_beyond_the_budget_are_left_out),
		cmocka_unit_test(only_columns_that_fit_a_pattern_are_shown),
		cmocka_unit_test(a_condition_may_name_columns_that_are_not_shown),
		cmocka_unit_test(rows_without_any_such_column_are_not_shown),
		cmocka_unit_test(a_table_is_as_wide_as_asked_for),
		cmocka_unit_test(a_column_that_is_not_there_is_said_once_with_the_nearest_name),
		cmocka_unit_test(a_column_of_a_type_that_does_not_fit_is_said),
		cmocka_unit_test(what_is_wrong_with_a_condition_is_said_with_its_place),
		cmocka_unit_test(an_empty_name_of_a_column_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

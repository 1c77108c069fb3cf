// SPDX-License-Identifier: Apache-2.0
/* A manual in one of three forms: for a terminal, in Markdown, or as man(1) reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "manual.h"

/* A manual that is being written into memory. */
struct written {
	struct markup markup;
	char *text;
	size_t length;
};

static struct markup *begin(struct written *written, enum markup_form form)
{
	FILE *file = open_memstream(&written->text, &written->length);

	assert_non_null(file);
	written->markup = manual_markup(file, form, false, 80);
	return &written->markup;
}

static void assert_written(struct written *written, const char *text)
{
	fclose(written->markup.page.file);
	assert_string_equal(written->text, text);
	free(written->text);
}

/* ---- Markdown ---------------------------------------------------------------------------- */

static void markdown_has_entries_as_a_list_and_their_parts_below(void **state)
{
	struct written written;
	struct markup *markup = begin(&written, MARKUP_MARKDOWN);

	(void)state;
	markup_heading(markup, "Options");
	markup_entry(markup, &(struct markup_entry){ .name = "queue", .help = "a group" });
	markup_entry(markup,
		     &(struct markup_entry){
			     .depth = 1, .name = "memory", .help = "bytes", .detail = "size" });
	markup_entry(markup, &(struct markup_entry){ .name = "plain", .detail = "text" });
	assert_written(&written, "\n## Options\n\n- `queue`: a group\n"
				 "  - `memory`: bytes; *size*\n- `plain`: *text*\n");
}

static void markdown_shows_what_it_would_take_for_its_own(void **state)
{
	struct written written;

	(void)state;
	markup_prose(begin(&written, MARKUP_MARKDOWN), "a *b* <c> \\ `*<d>`\n  and so\n\non");
	assert_written(&written, "\na \\*b\\* &lt;c> \\\\ `*<d>` and so\n\non\n");
}

static void a_schema_is_a_table_in_markdown(void **state)
{
	static const struct sonde_field fields[] = { { .name = "calls",
						       .type = SONDE_U64,
						       .role = SONDE_ROLE_SUM,
						       .temporality = SONDE_DELTA,
						       .unit = "{call}",
						       .help = "a|b" },
						     { 0 } };
	struct written written;

	(void)state;
	markup_schema(begin(&written, MARKUP_MARKDOWN),
		      &(struct sonde_schema){ .name = "s", .fields = fields });
	assert_written(&written, "\n### `s`\n\n| column | type | role | unit | meaning |\n"
				 "|---|---|---|---|---|\n"
				 "| `calls` | u64 | sum, delta | {call} | a\\|b |\n");
}

/* ---- man --------------------------------------------------------------------------------- */

static void a_man_page_shows_what_a_formatter_would_take_for_its_own(void **state)
{
	struct written written;

	(void)state;
	markup_prose(begin(&written, MARKUP_MAN), ".so \\fB --for 'x' \"y\" ^~\n\n`--to` and `on");
	assert_written(&written, "\\&.so \\efB \\-\\-for \\(aqx\\(aq \\(dqy\\(dq \\(ha\\(ti\n"
				 ".PP\n\\fB\\-\\-to\\fR and \\fBon\\fR\n");
}

static void a_man_page_has_the_parts_of_an_entry_indented_and_leaves_them(void **state)
{
	struct written written;
	struct markup *markup = begin(&written, MARKUP_MAN);

	(void)state;
	markup_entry(markup, &(struct markup_entry){ .name = "queue", .help = "a group" });
	markup_entry(markup,
		     &(struct markup_entry){
			     .depth = 1, .name = "memory", .help = "bytes", .detail = "size" });
	markup_heading(markup, "Rows");
	assert_written(&written, ".TP\n\\fBqueue\\fR\na group\n.RS\n"
				 ".TP\n\\fBmemory\\fR\nbytes\n.br\n\\fIsize\\fR\n.RE\n"
				 ".SH \"ROWS\"\n");
}

static void lines_that_stand_as_they_are_do_so_in_a_man_page(void **state)
{
	struct written written;

	(void)state;
	markup_code(begin(&written, MARKUP_MAN), ".dot\n  a - `b`\n");
	assert_written(&written, ".RS 4\n.nf\n\\&.dot\n  a \\- \\(gab\\(ga\n.fi\n.RE\n");
}

static void a_man_page_begins_with_its_name_and_section(void **state)
{
	static const char begins[] = ".TH \"SONDE\\-LOAD\" 7 \"\" \"sonde ";
	struct written written;

	(void)state;
	markup_title(begin(&written, MARKUP_MAN), &(struct markup_title){ .name = "load",
									  .page = "sonde-load",
									  .section = "7",
									  .summary = "tasks" });
	fclose(written.markup.page.file);
	assert_memory_equal(written.text, begins, strlen(begins));
	assert_string_equal(strchr(written.text, '\n'), "\n.SH \"NAME\"\nsonde\\-load \\- tasks\n");
	free(written.text);
}

/* ---- terminal ---------------------------------------------------------------------------- */

static void a_terminal_has_lines_that_stand_as_they_are_indented(void **state)
{
	struct written written;
	struct markup *markup = begin(&written, MARKUP_TERMINAL);

	(void)state;
	markup_entry(markup, &(struct markup_entry){ .name = "a", .help = "b" });
	markup_code(markup, "one\n\ntwo");
	assert_written(&written, "    a                 b\n\n    one\n\n    two\n");
}

/* ---- paragraphs -------------------------------------------------------------------------- */

static void paragraphs_are_taken_without_the_blanks_around_them(void **state)
{
	const char *text = "\n one\ntwo \n \n\n three  ", *paragraph;
	size_t length;

	(void)state;
	assert_true(paragraph_take(&text, &paragraph, &length));
	assert_int_equal(length, strlen("one\ntwo"));
	assert_memory_equal(paragraph, "one\ntwo", length);
	assert_true(paragraph_take(&text, &paragraph, &length));
	assert_int_equal(length, strlen("three"));
	assert_false(paragraph_take(&text, &paragraph, &length));
	text = "";
	assert_false(paragraph_take(&text, &paragraph, &length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markdown_has_entries_as_a_list_and_their_parts_below),
		cmocka_unit_test(markdown_shows_what_it_would_take_for_its_own),
		cmocka_unit_test(a_schema_is_a_table_in_markdown),
		cmocka_unit_test(a_man_page_shows_what_a_formatter_would_take_for_its_own),
		cmocka_unit_test(a_man_page_has_the_parts_of_an_entry_indented_and_leaves_them),
		cmocka_unit_test(lines_that_stand_as_they_are_do_so_in_a_man_page),
		cmocka_unit_test(a_man_page_begins_with_its_name_and_section),
		cmocka_unit_test(a_terminal_has_lines_that_stand_as_they_are_indented),
		cmocka_unit_test(paragraphs_are_taken_without_the_blanks_around_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

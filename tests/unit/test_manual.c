// SPDX-License-Identifier: Apache-2.0
/* The manual of a plugin, made from its tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "fake_catalog.h"
#include "manual.h"

static char *manual_of(const struct plugin *plugin, bool colour, int width)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	struct markup markup = manual_markup(file, MARKUP_TERMINAL, colour, width);

	assert_non_null(plugin);
	manual_print(plugin, &markup);
	fclose(file);
	return text;
}

static char *manual(const char *name, bool colour, int width)
{
	return manual_of(fake_plugin(name), colour, width);
}

static void assert_in_manual(const char *name, int width, const char *part)
{
	char *text = manual(name, false, width);

	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
	free(text);
}

static void it_says_what_the_plugin_is(void **state)
{
	(void)state;
	assert_in_manual("load", 80,
			 "NAME\n    load - tasks that want a CPU\n"
			 "    input · version 1.2 · any number of replicas ·\n"
			 "    /usr/lib/sonde/plugins/fake.so\n");
	assert_in_manual("fold", 80, "    processor · one replica only · ");
}

static void paragraphs_are_wrapped_and_kept_apart(void **state)
{
	(void)state;
	assert_in_manual(
		"load", 80,
		"ABOUT\n"
		"    Reads /proc/loadavg again and again, and makes a row of what stands there,\n"
		"    for as long as it runs.\n\n"
		"    A second paragraph follows the first one.\n");
}

static void an_option_has_help_type_range_default_and_knob(void **state)
{
	(void)state;
	assert_in_manual(
		"load", 80,
		"    interval          time between two readings\n"
		"                      duration from 100ms · default 5s · knob\n"
		"    mode              what becomes of a call\n"
		"                      one of aggregate, events, both, off · default aggregate ·\n"
		"                      knob\n"
		"    rows              rows of a batch\n"
		"                      whole number from 1 to 65535 · default 1000\n");
	assert_in_manual("load", 80, "    token             secret, as ${NAME} or ${file:PATH}\n");
	assert_in_manual("load", 80,
			 "    rules             list of groups\n"
			 "      name              text · required\n"
			 "      limit             whole number · default 7\n");
}

static void what_the_daemon_understands_is_there_where_it_applies(void **state)
{
	char *input = manual("load", false, 80);

	(void)state;
	assert_non_null(strstr(input, "    threads           replicas"));
	assert_null(strstr(input, "when_full"));
	free(input);
	assert_in_manual("file", 80,
			 "      when_full         what gives way when the queue is full\n"
			 "                        one of drop_oldest, drop_newest, wait · default\n"
			 "                        drop_oldest\n");
	assert_in_manual("file", 80, "      give_up           ");
}

static void columns_of_rows_are_aligned(void **state)
{
	(void)state;
	assert_in_manual("load", 140,
			 "ROWS\n    load  one row a reading\n"
			 "      time                   time  time                when it was read\n"
			 "      system.tasks.runnable  u32   sum, delta  {task}  tasks that run,");
}

static void a_narrow_terminal_has_the_meaning_under_the_column(void **state)
{
	(void)state;
	assert_in_manual("load", 60,
			 "      time                   time · time\n"
			 "        when it was read\n"
			 "      system.tasks.runnable  u32 · sum, delta · {task}\n"
			 "        tasks that run, or are ready to run as soon as a\n");
}

static void counters_have_their_unit(void **state)
{
	(void)state;
	assert_in_manual("load", 80,
			 "COUNTERS\n    readings          readings since the start  {reading}\n");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	static const int widths[] = { 40, 60, 80, 100, 140 };

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		for (int j = 0; j < FAKE_COUNT; j++) {
			char *text = manual(fake_descriptors[j].name, false, widths[i]),
			     *rest = text, *line;

			while ((line = strsep(&rest, "\n")))
				if (text_columns(line) > (unsigned)widths[i] &&
				    strchr(line + 20, ' '))
					fail_msg("at %d columns: %s", widths[i], line);
			free(text);
		}
}

/* What a line loses when colours are taken out of it. */
static void colours_remove(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
}

static void colour_is_there_when_asked_for_and_changes_nothing_else(void **state)
{
	char *plain = manual("load", false, 80), *colour = manual("load", true, 80);

	(void)state;
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(colour, "\033[1mOPTIONS\033[0m"));
	colours_remove(colour);
	assert_string_equal(plain, colour);
	free(plain);
	free(colour);
}

static void the_example_has_a_group_with_what_one_requires(void **state)
{
	static const struct sonde_option options[] = { { .name = "rules",
							 .type = SONDE_GROUPS,
							 SONDE_MEMBER(struct fake_load, rules),
							 .options = fake_rule_options,
							 .item_size = sizeof(struct fake_rule),
							 .required = true },
						       { 0 } };
	static const struct sonde_plugin descriptor = { SONDE_PLUGIN_PROCESSOR, .name = "ruled",
							.summary = "rows by rules",
							.self_size = sizeof(struct fake_load),
							.options = options };
	struct plugin plugin = { .descriptor = &descriptor,
				 .path = "/usr/lib/sonde/plugins/ruled.so",
				 .option_count = 1 };
	char *text = manual_of(&plugin, false, 80);

	(void)state;
	assert_non_null(strstr(text, "            rules = ( { name = \"…\"; } );\n"));
	free(text);
}

static void the_example_is_a_config(void **state)
{
	char *text = manual("load", false, 80), *example = strstr(text, "EXAMPLE\n");
	char path[] = "/tmp/sonde-manual-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	struct problems *problems = problems_create();
	struct config *config = NULL;

	(void)state;
	assert_non_null(example);
	fprintf(file,
		"%soutputs: { o: { plugin = \"file\"; }; };\n"
		"pipelines: { p: { from = \"my_load\"; to = \"o\"; }; };\n",
		example + 8);
	fclose(file);
	assert_int_equal(config_load(path, NULL, problems, &config), 0);
	assert_int_equal(problems_count(problems, PROBLEM_WARNING), 0);
	unlink(path);
	config_release(config);
	problems_release(problems);
	free(text);
}

static char *manual_in(const char *name, enum markup_form form)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	struct markup markup = manual_markup(file, form, false, 80);

	if (name)
		manual_print(fake_plugin(name), &markup);
	else
		manual_print_config(&markup);
	fclose(file);
	return text;
}

static void a_page_that_is_kept_says_nothing_of_the_build(void **state)
{
	char *text = manual_in("load", MARKUP_MARKDOWN);

	(void)state;
	assert_non_null(strstr(text, "# load\n\ntasks that want a CPU\n\n"
				     "*input · any number of replicas*\n"));
	assert_non_null(strstr(text, "\n- `interval`: time between two readings; "
				     "*duration from 100ms · default 5s · knob*\n"));
	assert_non_null(strstr(text, "\n- `rules`: *list of groups*\n  - `name`: *text · "
				     "required*\n"));
	assert_null(strstr(text, "fake.so"));
	assert_null(strstr(text, "1.2"));
	free(text);
}

static void a_man_page_is_called_after_the_plugin(void **state)
{
	char *text = manual_in("load", MARKUP_MAN);

	(void)state;
	assert_non_null(strstr(text, ".TH \"SONDE\\-LOAD\" 7"));
	assert_non_null(strstr(text, "\n.SH \"ROWS\"\n.SS \"load\"\none row a reading\n"));
	assert_null(strstr(text, "fake.so"));
	free(text);
}

static void assert_options_in(const char *text, const struct sonde_option *options)
{
	char name[64];

	for (; options && options->name; options++) {
		snprintf(name, sizeof(name), "- `%s`: ", options->name);
		if (!strstr(text, name))
			fail_msg("%s is missing", options->name);
		assert_non_null(options->help);
	}
}

static void assert_parts_in(const char *text, const struct section_part *parts)
{
	char name[64];

	for (; parts->name; parts++) {
		snprintf(name, sizeof(name), "- `%s`: ", parts->name);
		if (!strstr(text, name))
			fail_msg("%s is missing", parts->name);
		assert_options_in(text, parts->options);
	}
}

static void the_manual_of_the_config_has_every_key_that_is_understood(void **state)
{
	char *text = manual_in(NULL, MARKUP_MARKDOWN);

	(void)state;
	assert_options_in(text, daemon_options);
	assert_options_in(text, instance_options);
	assert_options_in(text, pipeline_options);
	assert_options_in(text, route_options);
	assert_parts_in(text, output_parts);
	assert_parts_in(text, pipeline_parts);
	assert_parts_in(text, route_parts);
	assert_non_null(strstr(text, "size from 4KiB · default 16MiB*"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_the_plugin_is),
		cmocka_unit_test(paragraphs_are_wrapped_and_kept_apart),
		cmocka_unit_test(an_option_has_help_type_range_default_and_knob),
		cmocka_unit_test(what_the_daemon_understands_is_there_where_it_applies),
		cmocka_unit_test(columns_of_rows_are_aligned),
		cmocka_unit_test(a_narrow_terminal_has_the_meaning_under_the_column),
		cmocka_unit_test(counters_have_their_unit),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(colour_is_there_when_asked_for_and_changes_nothing_else),
		cmocka_unit_test(the_example_has_a_group_with_what_one_requires),
		cmocka_unit_test(the_example_is_a_config),
		cmocka_unit_test(a_page_that_is_kept_says_nothing_of_the_build),
		cmocka_unit_test(a_man_page_is_called_after_the_plugin),
		cmocka_unit_test(the_manual_of_the_config_has_every_key_that_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

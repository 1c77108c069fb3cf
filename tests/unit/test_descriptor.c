// SPDX-License-Identifier: Apache-2.0
/* Descriptors of plugins: what is copied, and what is refused in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arena.h"
#include "descriptor.h"

struct match {
	const char *pattern;
	int64_t wait_ns;
};

struct self {
	int64_t interval_ns;
	uint32_t mode, limit;
	struct sonde_groups matches;
	uint64_t reads, others;
	const char *text;
};

struct row {
	int64_t time_ns;
	double value;
	uint64_t total;
	uint32_t word;
	struct sonde_exponential latency;
};

static const char *const modes[] = { "fast", "slow", NULL };

/* A descriptor with all its tables, to be spoiled by a test. */
struct sample {
	struct sonde_option match_options[3], options[5];
	struct sonde_counter counters[3];
	struct sonde_field fields[6];
	struct sonde_schema schemas[3];
	struct sonde_plugin plugin;
};

static int sample_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	(void)instance;
	(void)batch;
	return SONDE_PASS;
}

static void sample_fill_rows(struct sample *sample)
{
	sample->fields[0] = (struct sonde_field){ .name = "time",
						  .type = SONDE_TIME,
						  SONDE_MEMBER(struct row, time_ns),
						  .role = SONDE_ROLE_TIME };
	sample->fields[1] = (struct sonde_field){ .name = "value",
						  .type = SONDE_DOUBLE,
						  SONDE_MEMBER(struct row, value),
						  .role = SONDE_ROLE_GAUGE };
	sample->fields[2] = (struct sonde_field){ .name = "total",
						  .type = SONDE_U64,
						  SONDE_MEMBER(struct row, total),
						  .role = SONDE_ROLE_SUM,
						  .temporality = SONDE_DELTA };
	sample->fields[3] = (struct sonde_field){ .name = "word",
						  .type = SONDE_TEXT,
						  SONDE_MEMBER(struct row, word) };
	sample->fields[4] = (struct sonde_field){ .name = "latency",
						  .type = SONDE_EXPONENTIAL,
						  SONDE_MEMBER(struct row, latency),
						  .role = SONDE_ROLE_HISTOGRAM,
						  .temporality = SONDE_CUMULATIVE };
	sample->schemas[0] = (struct sonde_schema){ .name = "rows",
						    .row_size = sizeof(struct row),
						    .fields = sample->fields };
	sample->schemas[1] = (struct sonde_schema){ .name = "same",
						    .row_size = sizeof(struct row),
						    .fields = sample->fields };
}

/* In place, as its tables point at each other. */
static void sample_fill(struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->match_options[0] = (struct sonde_option){ .name = "pattern",
							  .type = SONDE_TEXT,
							  SONDE_MEMBER(struct match, pattern),
							  .required = true };
	sample->match_options[1] = (struct sonde_option){ .name = "wait",
							  .type = SONDE_DURATION,
							  SONDE_MEMBER(struct match, wait_ns),
							  .value = "1s" };
	sample->options[0] = (struct sonde_option){ .name = "interval",
						    .type = SONDE_DURATION,
						    SONDE_MEMBER(struct self, interval_ns),
						    .value = "5s",
						    .minimum = "100ms" };
	sample->options[1] = (struct sonde_option){ .name = "mode",
						    .type = SONDE_CHOICE,
						    SONDE_MEMBER(struct self, mode),
						    .value = "slow",
						    .choices = modes };
	sample->options[2] = (struct sonde_option){ .name = "limit",
						    .type = SONDE_U32,
						    SONDE_MEMBER(struct self, limit),
						    .value = "7",
						    .maximum = "10" };
	sample->options[3] = (struct sonde_option){ .name = "match",
						    .type = SONDE_GROUPS,
						    SONDE_MEMBER(struct self, matches),
						    .options = sample->match_options,
						    .item_size = sizeof(struct match) };
	sample->counters[0] = (struct sonde_counter){ .name = "reads",
						      SONDE_MEMBER(struct self, reads),
						      .unit = "{read}" };
	sample_fill_rows(sample);
	sample->plugin =
		(struct sonde_plugin){ SONDE_PLUGIN_PROCESSOR,     .name = "sample",
				       .summary = "a sample",      .self_size = sizeof(struct self),
				       .options = sample->options, .counters = sample->counters,
				       .schemas = sample->schemas, .process = sample_process };
}

static int copy(const struct sonde_plugin *theirs, struct arena *arena, struct plugin *plugin,
		char line[512])
{
	const struct refusal refusal = { "/d/sample.so", line, 512 };

	return descriptor_copy(theirs, "9.9", arena, &refusal, plugin);
}

/* It is refused, and the line has the file, and the words. */
static void assert_refused(const struct sample *sample, int result, const char *words)
{
	struct plugin plugin = { .path = "unchanged" };
	struct arena *arena = arena_create();
	char line[512] = "";

	assert_int_equal(copy(&sample->plugin, arena, &plugin, line), result);
	assert_ptr_equal(strstr(line, "/d/sample.so: "), line);
	if (!strstr(line, words))
		fail_msg("\"%s\" does not say \"%s\"", line, words);
	assert_null(plugin.descriptor);
	arena_release(arena);
}

#define REFUSED(spoil_, result_, words_)                                                           \
	do {                                                                                       \
		struct sample sample;                                                              \
		sample_fill(&sample);                                                              \
		spoil_;                                                                            \
		assert_refused(&sample, result_, words_);                                          \
	} while (0)

static void a_good_descriptor_is_copied_with_its_tables(void **state)
{
	struct arena *arena = arena_create();
	struct plugin plugin = { 0 };
	struct sample sample;
	char line[512] = "";

	sample_fill(&sample);
	assert_int_equal(copy(&sample.plugin, arena, &plugin, line), 0);
	assert_string_equal(line, "");
	assert_int_equal(plugin.option_count, 4);
	assert_int_equal(plugin.counter_count, 1);
	assert_int_equal(plugin.schema_count, 2);
	memset(&sample.options, 0xff, sizeof(sample.options));
	memset(&sample.match_options, 0xff, sizeof(sample.match_options));
	memset(&sample.fields, 0xff, sizeof(sample.fields));
	assert_string_equal(plugin.descriptor->options[3].options[1].name, "wait");
	assert_null(plugin.descriptor->options[3].options[2].name);
	assert_null(plugin.descriptor->options[4].name);
	assert_string_equal(plugin.descriptor->schemas[1].fields[4].name, "latency");
	assert_null(plugin.descriptor->schemas[1].fields[5].name);
	assert_ptr_equal(plugin.descriptor->process, sample_process);
	arena_release(arena);
}

static void what_is_left_out_has_its_default(void **state)
{
	struct arena *arena = arena_create();
	struct plugin plugin = { 0 };
	struct sample sample;
	char line[512];

	sample_fill(&sample);
	sample.plugin.summary = NULL;
	sample.plugin.options = NULL;
	sample.plugin.counters = NULL;
	sample.plugin.schemas = NULL;
	sample.plugin.self_size = 0;
	assert_int_equal(copy(&sample.plugin, arena, &plugin, line), 0);
	assert_string_equal(plugin.descriptor->summary, "");
	assert_string_equal(plugin.descriptor->version, "9.9");
	assert_int_equal(plugin.descriptor->in_flight, 1);
	assert_int_equal(plugin.descriptor->batch_limit, 1);
	assert_null(plugin.descriptor->options);
	assert_int_equal(plugin.option_count + plugin.counter_count + plugin.schema_count, 0);
	arena_release(arena);
}

/* A table of larger entries than ours, as a header with more members at their end would make. */
static void entries_larger_than_ours_are_walked_by_their_own_size(void **state)
{
	struct {
		struct sonde_counter counter;
		uint64_t more;
	} counters[3] = {
		{ { .name = "reads", SONDE_MEMBER(struct self, reads) }, 42 },
		{ { .name = "others", SONDE_MEMBER(struct self, others) }, 43 },
	};
	struct arena *arena = arena_create();
	struct plugin plugin = { 0 };
	struct sample sample;
	char line[512];

	sample_fill(&sample);
	sample.plugin.counters = &counters[0].counter;
	sample.plugin.counter_size = sizeof(counters[0]);
	assert_int_equal(copy(&sample.plugin, arena, &plugin, line), 0);
	assert_int_equal(plugin.counter_count, 2);
	assert_string_equal(plugin.descriptor->counters[1].name, "others");
	assert_int_equal(plugin.descriptor->counter_size, sizeof(struct sonde_counter));
	arena_release(arena);
}

static void another_interface_is_refused_by_its_number(void **state)
{
	REFUSED(sample.plugin.magic = 1, -EPROTO, "magic is 0x00000001, expected 0x646e6f73");
	REFUSED(sample.plugin.abi_major++, -EPROTO, "abi_major is 2, expected 1");
	REFUSED(sample.plugin.abi_major--, -EPROTO, "abi_major is 0, expected 1");
	REFUSED(sample.plugin.abi_minor = SONDE_ABI_MINOR + 3, -EPROTO,
		"upgrade sonde, or rebuild");
}

static void sizes_below_those_of_version_1_0_are_refused(void **state)
{
	REFUSED(sample.plugin.size = 64, -EPROTO, "size is 64, expected at least 2");
	REFUSED(sample.plugin.option_size--, -EPROTO, "option_size is ");
	REFUSED(sample.plugin.counter_size = 0, -EPROTO, "counter_size is 0, expected at least 32");
	REFUSED(sample.plugin.field_size = 1 << 20, -EPROTO, "field_size is 1048576");
	REFUSED(sample.plugin.schema_size -= 8, -EPROTO, "schema_size is ");
}

static void members_that_are_missing_or_out_of_range_are_named(void **state)
{
	REFUSED(sample.plugin.kind = 4, -EINVAL, "kind is 4, expected SONDE_INPUT");
	REFUSED(sample.plugin.name = NULL, -EINVAL, "name is missing");
	REFUSED(sample.plugin.name = "", -EINVAL, "name is missing");
	REFUSED(sample.plugin.replication = 3, -EINVAL, "replication is 3");
	REFUSED(sample.plugin.reduces = 99, -EINVAL, "reduces is 99");
	REFUSED(sample.plugin.self_size = 1 << 30, -EINVAL, "self_size is 1073741824");
	REFUSED(sample.plugin.process = NULL, -EINVAL, "process is NULL");
	REFUSED(sample.plugin.kind = SONDE_OUTPUT, -EINVAL, "write is NULL");
}

static void an_option_of_the_wrong_size_or_place_is_refused(void **state)
{
	REFUSED(sample.options[2].size = 8, -EINVAL,
		"option \"limit\": size is 8, expected 4 for SONDE_U32: make the member a "
		"`uint32_t`");
	REFUSED(sample.options[0].size = 4, -EINVAL, "expected 8 for SONDE_DURATION");
	REFUSED(sample.options[0].offset = 4, -EINVAL, "offset is 4, expected a multiple of 8");
	REFUSED(sample.options[0].offset = sizeof(struct self), -EINVAL, "reach past the struct");
	REFUSED(sample.options[0].offset = UINT32_MAX - 7, -EINVAL, "reach past the struct");
	REFUSED(sample.options[2].offset = sample.options[1].offset, -EINVAL,
		"where option \"mode\" lies already");
	REFUSED(sample.options[2].type = SONDE_U16, -EINVAL, "type is 7 (SONDE_U16)");
	REFUSED(sample.options[2].type = 77, -EINVAL, "type is 77 (unknown)");
}

static void options_in_groups_are_checked_as_well(void **state)
{
	REFUSED(sample.match_options[1].size = 4, -EINVAL, "option \"match.wait\": size is 4");
	REFUSED(sample.match_options[1].value = "5 lightyears", -EINVAL, "option \"match.wait\"");
	REFUSED(sample.match_options[1].offset = sizeof(struct match), -EINVAL,
		"whose item_size is 16");
	REFUSED(sample.match_options[1].name = "pattern", -EINVAL, "options of \"match\"[1].name");
	REFUSED(sample.options[3].options = NULL, -EINVAL, "option \"match\": options is empty");
	REFUSED(sample.match_options[0] = sample.options[3]; sample.match_options[0].offset = 0;
		sample.options[3].item_size = sizeof(struct self);
		sample.match_options[1].offset = 16, -EINVAL, "expected none so deep");
}

static void a_default_that_does_not_parse_is_refused(void **state)
{
	REFUSED(sample.options[0].value = "5 lightyears", -EINVAL,
		"option \"interval\": value is refused: \"5 lightyears\"");
	REFUSED(sample.options[0].value = "1ms", -EINVAL, "option \"interval\": value is refused");
	REFUSED(sample.options[0].minimum = "much", -EINVAL, "minimum is refused");
	REFUSED(sample.options[2].maximum = "x", -EINVAL, "maximum is refused");
	REFUSED(sample.options[1].value = "medium", -EINVAL, "option \"mode\": value is refused");
	REFUSED(sample.options[1].choices = NULL, -EINVAL, "option \"mode\": choices is empty");
	REFUSED(sample.options[1].choices = modes + 2, -EINVAL, "choices is empty");
	REFUSED(sample.options[0].required = true, -EINVAL, "as required is set");
	REFUSED(sample.options[3].value = "x", -EINVAL, "SONDE_GROUPS has no default");
}

static void names_in_a_table_are_unique_and_usable(void **state)
{
	REFUSED(sample.options[2].name = "interval", -EINVAL,
		"options[2].name is \"interval\", which options[0] has already");
	REFUSED(sample.options[2].name = NULL, -EINVAL, "options[2].name is NULL");
	REFUSED(sample.options[2].name = "Limit", -EINVAL, "option \"Limit\": name has other");
	REFUSED(sample.options[2].name = "a.b", -EINVAL, "option \"a.b\": name has other");
	REFUSED(sample.options[2].name = "queue", -EINVAL, "the name is taken");
	REFUSED(sample.counters[1] = sample.counters[0], -EINVAL, "counters[1].name is \"reads\"");
	REFUSED(sample.fields[1].name = "time", -EINVAL, "fields of schema \"rows\"[1].name");
	REFUSED(sample.schemas[1].name = "rows", -EINVAL, "schemas[1].name is \"rows\"");
}

static void a_table_without_an_end_is_refused(void **state)
{
	struct sonde_counter *counters = calloc(2000, sizeof(*counters));

	for (int i = 0; i < 2000; i++)
		counters[i].name = "x";
	REFUSED(sample.plugin.counters = counters, -EINVAL, "counters has no end within 1024");
	free(counters);
}

static void a_counter_is_a_uint64_of_its_own(void **state)
{
	REFUSED(sample.counters[0].size = 4, -EINVAL, "counter \"reads\": size is 4");
	REFUSED(sample.counters[0].offset += 4, -EINVAL, "expected 8 at a multiple of 8");
	REFUSED(sample.counters[0].offset = 8192, -EINVAL, "reach past the struct");
	REFUSED(sample.counters[1] = sample.counters[0];
		sample.counters[1].name = "b", -EINVAL, "where counter \"reads\" lies already");
	REFUSED(sample.counters[0].offset = 0, -EINVAL, "where option \"interval\" lies already");
}

static void a_field_of_the_wrong_size_or_place_is_refused(void **state)
{
	REFUSED(sample.fields[1].size = 4, -EINVAL,
		"field \"rows/value\": size is 4, expected 8 for SONDE_DOUBLE");
	REFUSED(sample.fields[3].size = 8, -EINVAL, "expected 4 for SONDE_TEXT");
	REFUSED(sample.fields[4].size = 8, -EINVAL, "for SONDE_EXPONENTIAL");
	REFUSED(sample.fields[1].offset = sizeof(struct row) - 4, -EINVAL, "whose row_size is");
	REFUSED(sample.schemas[0].row_size = 0, -EINVAL, "whose row_size is 0");
	REFUSED(sample.fields[1].type = SONDE_SECRET, -EINVAL, "up to SONDE_ANY");
	REFUSED(sample.fields[1].type = SONDE_NONE, -EINVAL, "type is 0");
	REFUSED(sample.schemas[1].fields = NULL, -EINVAL, "there are none, expected at least one");
	REFUSED(sample.schemas[1].signal = 50, -EINVAL, "schema \"same\": signal is 50");
}

static void a_role_fits_its_column(void **state)
{
	REFUSED(sample.fields[1].role = 30, -EINVAL, "role is 30, expected a member");
	REFUSED(sample.fields[1].role = 5000, -EINVAL, "role is 5000");
	REFUSED(sample.fields[1].role = SONDE_ROLE_TRACE_ID, -EINVAL,
		"type is SONDE_DOUBLE, expected for SONDE_ROLE_TRACE_ID: SONDE_ID16");
	REFUSED(sample.fields[1].role = SONDE_ROLE_BODY, -EINVAL, "SONDE_TEXT, SONDE_ANY");
	REFUSED(sample.fields[2].temporality = 0, -EINVAL,
		"field \"rows/total\": temporality is missing, expected for SONDE_ROLE_SUM");
	REFUSED(sample.fields[4].temporality = 0, -EINVAL, "for SONDE_ROLE_HISTOGRAM");
	REFUSED(sample.fields[4].temporality = 3, -EINVAL, "temporality is 3");
	REFUSED(sample.fields[0].scope = 3, -EINVAL, "scope is 3");
}

static void a_long_message_is_cut_to_its_buffer(void **state)
{
	struct arena *arena = arena_create();
	struct plugin plugin = { 0 };
	struct sample sample;
	char line[32] = "", tiny[4] = "";
	const struct refusal refusal = { "/d/sample.so", line, sizeof(line) };
	const struct refusal smaller = { "/d/sample.so", tiny, sizeof(tiny) };

	sample_fill(&sample);
	sample.plugin.magic = 0;
	assert_int_equal(descriptor_copy(&sample.plugin, "", arena, &refusal, &plugin), -EPROTO);
	assert_string_equal(line, "/d/sample.so: magic is 0x000000");
	assert_int_equal(descriptor_copy(&sample.plugin, "", arena, &smaller, &plugin), -EPROTO);
	assert_string_equal(tiny, "/d/");
	arena_release(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_descriptor_is_copied_with_its_tables),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(entries_larger_than_ours_are_walked_by_their_own_size),
		cmocka_unit_test(another_interface_is_refused_by_its_number),
		cmocka_unit_test(sizes_below_those_of_version_1_0_are_refused),
		cmocka_unit_test(members_that_are_missing_or_out_of_range_are_named),
		cmocka_unit_test(an_option_of_the_wrong_size_or_place_is_refused),
		cmocka_unit_test(options_in_groups_are_checked_as_well),
		cmocka_unit_test(a_default_that_does_not_parse_is_refused),
		cmocka_unit_test(names_in_a_table_are_unique_and_usable),
		cmocka_unit_test(a_table_without_an_end_is_refused),
		cmocka_unit_test(a_counter_is_a_uint64_of_its_own),
		cmocka_unit_test(a_field_of_the_wrong_size_or_place_is_refused),
		cmocka_unit_test(a_role_fits_its_column),
		cmocka_unit_test(a_long_message_is_cut_to_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The processor transform under the test host: what each step makes of rows, what it leaves, what
 * is refused before anything starts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

#define KEY "hash_key=0123456789abcdef"

static struct sonde_batch *table(struct sonde_test *test)
{
	return sonde_test_table(
		test, "calls", "time:time:time call:text user:text wait:duration errors:u32",
		"1000 read alice 5000000 0", "2000 write bob 20000000 1", "3000 read - - 2", NULL);
}

static struct sonde_test *start(const char *steps)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, steps, KEY, NULL);

	if (!test)
		fail_msg("%s: %s", steps, sonde_test_error());
	assert_null(strstr(sonde_test_log(test), "problem"));
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

/* The rows as they are printed after the steps, one table. */
static void assert_made(const char *steps, const char *rows)
{
	struct sonde_test *test = start(steps);

	assert_true(sonde_test_process(test, table(test)) >= 0);
	assert_string_equal(sonde_test_print(test), rows);
	assert_int_equal(sonde_test_account(test).out, 3);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_FILTERED], 0);
	sonde_test_release(test);
}

static void assert_refused(const char *steps, const char *words)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, steps, NULL);

	assert_null(test);
	if (!strstr(sonde_test_error(), words))
		fail_msg("%s: %s; not %s", steps, sonde_test_error(), words);
}

#define READ  "calls time=1000 call=\"read\" user=\"alice\" wait=5000000 errors=0"
#define WRITE "calls time=2000 call=\"write\" user=\"bob\" wait=20000000 errors=1"
#define LAST  "calls time=3000 call=\"read\" errors=2"

/* ---- set --------------------------------------------------------------------------------- */

static void a_constant_is_set_in_all_rows(void **state)
{
	assert_made("steps=( { set = \"tier\"; value = \"'gold'\"; } )",
		    READ " tier=\"gold\"\n" WRITE " tier=\"gold\"\n" LAST " tier=\"gold\"\n");
}

static void what_is_reckoned_is_set_and_null_leaves_rows_as_they_are(void **state)
{
	assert_made("steps=( { set = \"ms\"; value = \"wait / 1ms\"; } )",
		    READ " ms=5\n" WRITE " ms=20\n" LAST "\n");
	assert_made("steps=( { set = \"errors\"; value = \"errors * 10\"; } )",
		    "calls time=1000 call=\"read\" user=\"alice\" wait=5000000 errors=0\n"
		    "calls time=2000 call=\"write\" user=\"bob\" wait=20000000 errors=10\n"
		    "calls time=3000 call=\"read\" errors=20\n");
	assert_made("steps=( { set = \"user\"; value = \"nowhere\"; } )",
		    READ "\n" WRITE "\n" LAST "\n");
}

static void texts_are_joined(void **state)
{
	assert_made("steps=( { set = \"what\"; value = \"concat(call, ':', errors)\"; } )", READ
		    " what=\"read:0\"\n" WRITE " what=\"write:1\"\n" LAST " what=\"read:2\"\n");
}

static void rows_of_a_condition_are_set(void **state)
{
	assert_made("steps=( { set = \"user\"; value = \"'nobody'\"; where = \"user is null\"; } )",
		    READ "\n" WRITE "\n"
			 "calls time=3000 call=\"read\" user=\"nobody\" errors=2\n");
	assert_made("steps=( { set = \"errors\"; value = \"5\"; where = \"call = 'write'\"; } )",
		    READ "\n"
			 "calls time=2000 call=\"write\" user=\"bob\" wait=20000000 errors=5\n" LAST
			 "\n");
}

static void another_type_for_some_rows_makes_a_column_of_any(void **state)
{
	struct sonde_test *test =
		start("steps=( { set = \"user\"; value = \"errors\"; where = \"errors = 1\"; } )");

	sonde_test_process(test, table(test));
	assert_int_equal(sonde_column(sonde_test_batch(test, 0), 2)->type, SONDE_ANY);
	assert_string_equal(sonde_test_text(test, 0, "user"), "0x0a05616c696365");
	assert_string_equal(sonde_test_text(test, 1, "user"), "0x1801");
	assert_false(sonde_test_has(test, 2, "user"));
	sonde_test_release(test);
}

static void a_role_is_set_by_its_name_as_its_type(void **state)
{
	struct sonde_test *test =
		start("steps=( { set = \"severity\"; value = \"9 + errors\"; }, "
		      "{ set = \"body\"; value = \"call\"; }, "
		      "{ set = \"resource['service.name']\"; value = \"'pay'\"; } )");
	const struct sonde_batch *batch;
	const struct sonde_column *column;

	sonde_test_process(test, table(test));
	batch = sonde_test_batch(test, 0);
	column = sonde_column(batch, 5);
	assert_int_equal(column->role, SONDE_ROLE_SEVERITY);
	assert_int_equal(column->type, SONDE_I32);
	assert_int_equal(sonde_number_at(column, 1), 10);
	assert_int_equal(sonde_column(batch, 6)->role, SONDE_ROLE_BODY);
	assert_int_equal(sonde_column(batch, 7)->scope, SONDE_SCOPE_RESOURCE);
	assert_string_equal(sonde_test_text(test, 2, "service.name"), "pay");
	sonde_test_release(test);
}

static void what_a_role_does_not_hold_stays_and_is_told_once(void **state)
{
	struct sonde_test *test = start("steps=( { set = \"severity\"; value = \"call\"; } )");

	assert_int_equal(sonde_test_process(test, table(test)), SONDE_PASS);
	sonde_test_process(test, table(test));
	assert_true(sonde_test_logged(test, "step 1, set: column \"severity\" in rows of calls"));
	assert_int_equal(sonde_test_counter(test, "mismatched_batches"), 2);
	sonde_test_release(test);
}

static void times_stay_times_where_that_makes_sense(void **state)
{
	struct sonde_test *test = start("steps=( { set = \"end\"; value = \"time + wait\"; }, "
					"{ set = \"took\"; value = \"end - time\"; }, "
					"{ set = \"limit\"; value = \"10ms\"; } )");
	const struct sonde_batch *batch;

	sonde_test_process(test, table(test));
	batch = sonde_test_batch(test, 0);
	assert_int_equal(sonde_column(batch, 5)->type, SONDE_TIME);
	assert_int_equal(sonde_column(batch, 6)->type, SONDE_DURATION);
	assert_int_equal(sonde_column(batch, 7)->type, SONDE_DURATION);
	assert_int_equal(sonde_test_integer(test, 1, "end"), 20002000);
	assert_int_equal(sonde_test_integer(test, 1, "took"), 20000000);
	sonde_test_release(test);
}

/* ---- rename and drop --------------------------------------------------------------------- */

static void a_column_gets_another_name_without_being_copied(void **state)
{
	struct sonde_test *test = start("steps=( { rename = \"call\"; to = \"syscall.name\"; } )");
	struct sonde_batch *batch = table(test);
	const unsigned char *base = sonde_column(batch, 1)->base;
	const struct sonde_column *column;

	sonde_test_process(test, batch);
	assert_int_equal(sonde_test_batch(test, 0)->column_count, 5);
	column = sonde_column(sonde_test_batch(test, 0), 4);
	assert_string_equal(column->name, "syscall.name");
	assert_ptr_equal(column->base, base);
	assert_string_equal(sonde_test_text(test, 1, "syscall.name"), "write");
	assert_int_equal(sonde_test_counter(test, "changed_rows"), 3);
	sonde_test_release(test);
}

static void a_name_that_is_taken_needs_overwrite(void **state)
{
	struct sonde_test *test = start("steps=( { rename = \"call\"; to = \"user\"; } )");

	assert_int_equal(sonde_test_process(test, table(test)), SONDE_PASS);
	assert_true(sonde_test_logged(test, "overwrite = true"));
	sonde_test_release(test);
	assert_made("steps=( { rename = \"call\"; to = \"user\"; overwrite = true; } )",
		    "calls time=1000 user=\"read\" wait=5000000 errors=0\n"
		    "calls time=2000 user=\"write\" wait=20000000 errors=1\n"
		    "calls time=3000 user=\"read\" errors=2\n");
}

static void columns_are_dropped_and_values_where_a_condition_holds(void **state)
{
	assert_made(
		"steps=( { drop = [\"user\", \"wait\", \"no.such\"]; } )",
		"calls time=1000 call=\"read\" errors=0\ncalls time=2000 call=\"write\" errors=1\n"
		"calls time=3000 call=\"read\" errors=2\n");
	assert_made("steps=( { drop = \"user\"; where = \"errors = 0\"; } )",
		    "calls time=1000 call=\"read\" wait=5000000 errors=0\n" WRITE "\n" LAST "\n");
}

static void roles_that_rows_are_placed_by_are_not_dropped_by_accident(void **state)
{
	struct sonde_test *test = start("steps=( { drop = \"time\"; } )");

	assert_int_equal(sonde_test_process(test, table(test)), SONDE_PASS);
	assert_true(sonde_test_logged(test, "role[time]"));
	sonde_test_release(test);
	assert_made("steps=( { drop = [\"role[time]\", \"user\", \"wait\"]; } )",
		    "calls call=\"read\" errors=0\ncalls call=\"write\" errors=1\n"
		    "calls call=\"read\" errors=2\n");
}

static void weights_and_events_are_never_dropped(void **state)
{
	struct sonde_test *test =
		start("steps=( { drop = [\"role[weight]\", \"role[events]\"]; } )");
	struct sonde_batch *batch =
		sonde_test_table(test, "calls", "w:u64:weight e:u64:events", "2 3", NULL);

	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_int_equal(sonde_test_counter(test, "mismatched_batches"), 2);
	sonde_test_release(test);
}

/* ---- hash -------------------------------------------------------------------------------- */

static void equal_values_have_equal_hashes_which_only_the_key_tells(void **state)
{
	struct sonde_test *test = start("steps=( { hash = [\"call\", \"errors\"]; } )");
	struct sonde_test *other =
		sonde_test_create(sonde_plugin, "steps=( { hash = [\"call\", \"errors\"]; } )",
				  "hash_key=another-key-of-bytes", NULL);
	char first[33];

	sonde_test_start(other);
	sonde_test_process(test, table(test));
	sonde_test_process(test, table(test));
	sonde_test_process(other, table(other));
	strcpy(first, sonde_test_text(test, 0, "call"));
	/* HMAC-SHA-256 of "read", its first half */
	assert_string_equal(first, "16d5d04f8a6eaf8da2d71c8825a48d49");
	assert_string_equal(sonde_test_text(test, 2, "call"), first);
	assert_string_equal(sonde_test_text(test, 3, "call"), first);
	assert_string_not_equal(sonde_test_text(test, 1, "call"), first);
	assert_string_not_equal(sonde_test_text(other, 0, "call"), first);
	assert_int_equal(strlen(sonde_test_text(test, 0, "errors")), 32);
	assert_int_equal(sonde_test_counter(test, "hashed_values"), 12);
	sonde_test_release(other);
	sonde_test_release(test);
}

static void rows_that_are_not_meant_keep_what_they_have(void **state)
{
	struct sonde_test *test = start("steps=( { hash = \"user\"; where = \"errors = 1\"; } )");

	sonde_test_process(test, table(test));
	assert_string_equal(sonde_test_text(test, 0, "user"), "alice");
	assert_int_equal(strlen(sonde_test_text(test, 1, "user")), 32);
	assert_false(sonde_test_has(test, 2, "user"));
	assert_int_equal(sonde_test_counter(test, "changed_rows"), 1);
	sonde_test_release(test);
}

/* ---- mask -------------------------------------------------------------------------------- */

static struct sonde_batch *lines(struct sonde_test *test)
{
	return sonde_test_table(test, "lines", "line:text:body note:text",
				"'login --password=s3cret now' one", "'all is well' two",
				"'login --password=s3cret now' -", NULL);
}

static void a_template_writes_groups(void **state)
{
	struct sonde_test *test =
		start("steps=( { mask = \"body\"; pattern = \"(?<what>pass)word=(\\\\S+)\"; "
		      "with = \"$<what>:$$:$2\"; } )");

	sonde_test_process(test, lines(test));
	assert_string_equal(sonde_test_text(test, 0, "line"), "login --pass:$:s3cret now");
	assert_string_equal(sonde_test_text(test, 1, "line"), "all is well");
	assert_string_equal(sonde_test_text(test, 2, "line"), "login --pass:$:s3cret now");
	assert_int_equal(sonde_test_counter(test, "masked_values"), 2);
	assert_int_equal(sonde_test_counter(test, "changed_rows"), 2);
	sonde_test_release(test);
}

static void a_batch_in_which_nothing_is_to_be_hidden_is_passed_as_it_is(void **state)
{
	struct sonde_test *test = start("steps=( { mask = [\"note\", \"nowhere\"]; preset = "
					"[\"argv\", \"email\"]; } )");
	struct sonde_batch *batch = lines(test);

	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_ptr_equal(sonde_test_batch(test, 0), batch);
	assert_int_equal(sonde_test_counter(test, "passed_batches"), 1);
	sonde_test_release(test);
}

static void what_takes_too_long_is_masked_whole(void **state)
{
	struct sonde_test *test = start("steps=( { mask = \"x\"; pattern = \"(a+)+$\"; }, "
					"{ mask = \"long\"; pattern = \"b\"; } )");
	static const struct sonde_field x = { .name = "x", .type = SONDE_TEXT };
	static const struct sonde_field longer = { .name = "long", .type = SONDE_TEXT };
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	struct sonde_batch *batch = sonde_batch_table(instance, "t", SONDE_SIGNAL_LOG, 1);
	char *text = malloc(40001);
	uint32_t code;

	assert_non_null(text);
	memset(text, 'a', 40000);
	text[39] = 'b';
	code = sonde_dictionary_add(instance, dictionary, text, 40);
	sonde_batch_constant(instance, batch, &x, dictionary, &code);
	code = sonde_dictionary_add(instance, dictionary, text, 40000);
	sonde_batch_constant(instance, batch, &longer, dictionary, &code);
	sonde_test_process(test, batch);
	assert_string_equal(sonde_test_text(test, 0, "x"), "***");
	assert_string_equal(sonde_test_text(test, 0, "long"), "***");
	assert_int_equal(sonde_test_counter(test, "abandoned_texts"), 2);
	sonde_dictionary_release(instance, dictionary);
	sonde_test_release(test);
	free(text);
}

static void texts_within_nested_values_are_masked_too(void **state)
{
	struct sonde_test *test = start("steps=( { mask = \"body\"; preset = \"email\"; } )");
	static const struct sonde_field field = { .name = "body",
						  .type = SONDE_ANY,
						  .role = SONDE_ROLE_BODY };
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	struct sonde_batch *batch = sonde_batch_table(instance, "t", SONDE_SIGNAL_LOG, 1);
	const struct sonde_any inner[] = {
		{ .kind = SONDE_ANY_TEXT, .length = 14, .as.data = "from a@b.c.com" },
		{ .kind = SONDE_ANY_INTEGER, .as.integer = 5 },
	};
	const struct sonde_any any = { .kind = SONDE_ANY_ARRAY, .length = 2, .as.items = inner };
	char bytes[128];
	int64_t length = sonde_any_encode(instance, &any, bytes, sizeof(bytes));
	uint32_t code = sonde_dictionary_add(instance, dictionary, bytes, (size_t)length);

	sonde_batch_constant(instance, batch, &field, dictionary, &code);
	sonde_test_process(test, batch);
	assert_string_equal(sonde_test_text(test, 0, "body"),
			    "0x2a100a0a0a0866726f6d202a2a2a0a021805");
	sonde_dictionary_release(instance, dictionary);
	sonde_test_release(test);
}

static void a_star_masks_all_texts_and_no_numbers(void **state)
{
	struct sonde_test *test = start("steps=( { mask = \"*\"; preset = \"email\"; } )");
	struct sonde_batch *batch =
		sonde_test_table(test, "t", "a:text n:i64 b:text:body c:text:trace_state d:text",
				 "x@y.zz 5 'to x@y.zz' x@y.zz -", "plain 6 q@y.zz - fine", NULL);

	sonde_test_process(test, batch);
	assert_string_equal(sonde_test_print(test), "t a=\"***\" n=5 b=\"to ***\" c=\"x@y.zz\"\n"
						    "t a=\"plain\" n=6 b=\"***\" d=\"fine\"\n");
	sonde_test_release(test);
}

/* ---- convert and extract ----------------------------------------------------------------- */

static void what_converts_does_and_the_rest_becomes_null(void **state)
{
	struct sonde_test *test = start(
		"steps=( { convert = \"n\"; to = \"int\"; }, { convert = \"r\"; to = \"double\"; "
		"}, "
		"{ convert = \"b\"; to = \"bool\"; }, { convert = \"d\"; to = \"duration\"; }, "
		"{ convert = \"t\"; to = \"time\"; unit = \"ms\"; }, { convert = \"u\"; to = "
		"\"text\"; } )");
	struct sonde_batch *batch = sonde_test_table(
		test, "t", "n:text r:text b:text d:text t:text u:duration",
		"42 1.5 TRUE 10ms 2026-03-01T12:30:00.25+02:00 1500000000",
		"4.0 -7 0 2 1000 90000000000", "x 1e999 maybe soon 2026-02-30T00:00:00Z -", NULL);

	sonde_test_process(test, batch);
	assert_string_equal(sonde_test_print(test),
			    "t n=42 r=1.5 b=true d=10000000 t=1772361000250000000 u=\"1.5s\"\n"
			    "t n=4 r=-7 b=false d=2000000000 t=1000000000 u=\"1m30s\"\n"
			    "t\n");
	assert_int_equal(sonde_test_counter(test, "failed_conversions"), 5);
	sonde_test_release(test);
}

static void numbers_convert_to_times_by_their_unit_and_back(void **state)
{
	assert_made("steps=( { convert = \"errors\"; to = \"duration\"; unit = \"ms\"; }, "
		    "{ convert = \"wait\"; to = \"double\"; unit = \"ms\"; } )",
		    "calls time=1000 call=\"read\" user=\"alice\" wait=5 errors=0\n"
		    "calls time=2000 call=\"write\" user=\"bob\" wait=20 errors=1000000\n"
		    "calls time=3000 call=\"read\" errors=2000000\n");
}

static void groups_with_names_become_columns(void **state)
{
	struct sonde_test *test =
		start("steps=( { extract = \"line\"; pattern = \"(?<verb>[A-Z]+) (?<path>\\\\S+) "
		      "(?<code>\\\\d+)(?: (?<note>\\\\w+))?\"; types = [\"code=int\"]; } )");
	struct sonde_batch *batch =
		sonde_test_table(test, "t", "line:text note:text", "'GET /a 200 fast' -",
				 "'nothing here' kept", "'PUT /b 99999999999999999999' old", NULL);

	sonde_test_process(test, batch);
	assert_string_equal(
		sonde_test_print(test),
		"t line=\"GET /a 200 fast\" note=\"fast\" verb=\"GET\" path=\"/a\" code=200\n"
		"t line=\"nothing here\" note=\"kept\"\n"
		"t line=\"PUT /b 99999999999999999999\" note=\"old\" verb=\"PUT\" path=\"/b\"\n");
	assert_int_equal(sonde_test_counter(test, "failed_conversions"), 1);
	sonde_test_release(test);
}

static void steps_see_what_those_before_them_made(void **state)
{
	assert_made("steps=( { rename = \"call\"; to = \"name\"; }, "
		    "{ set = \"name\"; value = \"concat('sys_', name)\"; }, "
		    "{ mask = \"name\"; pattern = \"wri\"; with = \"RI\"; }, "
		    "{ drop = [\"user\", \"wait\"]; }, "
		    "{ set = \"hit\"; value = \"true\"; where = \"name = 'sys_RIte'\"; } )",
		    "calls time=1000 errors=0 name=\"sys_read\"\n"
		    "calls time=2000 errors=1 name=\"sys_RIte\" hit=true\n"
		    "calls time=3000 errors=2 name=\"sys_read\"\n");
}

/* ---- limits ------------------------------------------------------------------------------ */

static void a_batch_of_no_rows_is_passed(void **state)
{
	struct sonde_test *test = start("steps=( { set = \"a\"; value = \"'x'\"; } )");
	struct sonde_batch *batch =
		sonde_batch_table(sonde_test_instance(test), "t", SONDE_SIGNAL_LOG, 0);

	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	sonde_test_release(test);
}

static void the_same_dictionary_is_masked_once(void **state)
{
	struct sonde_test *test = start("steps=( { mask = \"word\"; pattern = \"^(s)ecret\"; "
					"with = \"$1\"; } )");
	static const struct sonde_field field = { .name = "word", .type = SONDE_TEXT };
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	const struct sonde_dictionary *made[4];
	char word[32];

	for (int round = 0; round < 4; round++) {
		struct sonde_batch *batch =
			sonde_batch_table(instance, "t", SONDE_SIGNAL_LOG, 1500);
		struct sonde_column *column = sonde_batch_add(instance, batch, &field, dictionary);

		for (uint32_t row = 0; row < 1500; row++) {
			int length = snprintf(word, sizeof(word), "%s%u",
					      row % 3 ? "secret" : "plain", row % 700 + round);
			uint32_t code =
				sonde_dictionary_add(instance, dictionary, word, (size_t)length);

			memcpy(column->base + (size_t)row * column->stride, &code, sizeof(code));
		}
		sonde_test_process(test, batch);
		made[round] = sonde_column(sonde_test_batch(test, (uint32_t)round), 0)->dictionary;
	}
	assert_ptr_equal(made[2], made[3]); /* held from its second time on */
	for (uint32_t row = 0; row < 6000; row++) {
		(void)snprintf(word, sizeof(word), "%s%u", row % 1500 % 3 ? "s" : "plain",
			       row % 1500 % 700 + row / 1500);
		assert_string_equal(sonde_test_text(test, row, "word"), word);
	}
	sonde_dictionary_release(instance, dictionary);
	sonde_test_release(test);
}

static void rows_are_lost_and_never_shown_where_memory_is_refused(void **state)
{
	uint32_t lost = 0;

	for (uint32_t n = 1; n < 200; n++) {
		struct sonde_test *test =
			start("steps=( { mask = \"user\"; pattern = \"alice\"; }, "
			      "{ set = \"a\"; value = \"concat(call, errors)\"; }, "
			      "{ set = \"b\"; value = \"'x'\"; where = \"errors > 0\"; }, "
			      "{ rename = \"call\"; to = \"c\"; }, { hash = \"errors\"; }, "
			      "{ convert = \"wait\"; to = \"text\"; }, "
			      "{ extract = \"c\"; pattern = \"(?<d>.)\"; } )");
		struct sonde_batch *batch = table(test);
		bool came;

		sonde_test_refuse_memory(test, n);
		if (sonde_test_process(test, batch) >= 0) {
			assert_string_equal(sonde_test_text(test, 0, "user"), "***");
		} else {
			assert_int_equal(sonde_test_row_count(test), 0);
			assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_FAILED], 3);
			lost++;
		}
		came = sonde_test_refuse_memory(test, 0);
		sonde_test_release(test);
		if (!came)
			break;
	}
	assert_true(lost > 20);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	assert_refused("steps=( { where = \"a = 1\"; } )", "steps[0]: does nothing");
	assert_refused("steps=( { drop = \"a\"; }, { set = \"b\"; drop = \"c\"; } )",
		       "steps[1].drop: a step does one thing");
	assert_refused("steps=( { set = \"b\"; } )", "set needs a value");
	assert_refused("steps=( { set = \"b\"; value = \"1 +\"; } )", "steps[0].value: at 4");
	assert_refused("steps=( { set = \"http-url\"; value = \"1\"; } )",
		       "steps[0].set: \"http-url\"");
	assert_refused("steps=( { set = \"b\"; value = \"1\"; where = \"c\" ; }, { rename = \"a\"; "
		       "to = \"b\"; where = \"c\"; } )",
		       "steps[1].where: does not go with rename");
	assert_refused("steps=( { rename = \"b\"; to = \"role[body]\"; } )", "is a new name");
	assert_refused("steps=( { mask = \"b\"; } )", "mask needs a pattern or a preset");
	assert_refused("steps=( { mask = \"b\"; pattern = \"(\"; } )", "steps[0].pattern: at 2");
	assert_refused("steps=( { mask = \"b\"; pattern = \"x\"; with = \"$1\"; } )",
		       "steps[0].with: at 1: the pattern has 0 groups, and no $1");
	assert_refused("steps=( { mask = \"b\"; preset = \"passwords\"; } )",
		       "steps[0].preset: there is no \"passwords\"");
	assert_refused("steps=( { mask = \"b\"; preset = [\"argv\", \"argv\", \"argv\", "
		       "\"argv\"]; } )",
		       "steps[0].preset: there are too many of them");
	assert_refused("steps=( { hash = \"b\"; } )", "needs a hash_key");
	assert_refused("steps=( { convert = \"b\"; to = \"float\"; } )", "\"float\" is no type");
	assert_refused("steps=( { extract = \"b\"; pattern = \"(x)\"; } )",
		       "no group in it has a name");
	assert_refused("steps=( { extract = \"b\"; pattern = \"(?<x>.)\"; types = \"y=int\"; } )",
		       "the pattern has no group \"y\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_constant_is_set_in_all_rows),
		cmocka_unit_test(what_is_reckoned_is_set_and_null_leaves_rows_as_they_are),
		cmocka_unit_test(texts_are_joined),
		cmocka_unit_test(rows_of_a_condition_are_set),
		cmocka_unit_test(another_type_for_some_rows_makes_a_column_of_any),
		cmocka_unit_test(a_role_is_set_by_its_name_as_its_type),
		cmocka_unit_test(what_a_role_does_not_hold_stays_and_is_told_once),
		cmocka_unit_test(times_stay_times_where_that_makes_sense),
		cmocka_unit_test(a_column_gets_another_name_without_being_copied),
		cmocka_unit_test(a_name_that_is_taken_needs_overwrite),
		cmocka_unit_test(columns_are_dropped_and_values_where_a_condition_holds),
		cmocka_unit_test(roles_that_rows_are_placed_by_are_not_dropped_by_accident),
		cmocka_unit_test(weights_and_events_are_never_dropped),
		cmocka_unit_test(equal_values_have_equal_hashes_which_only_the_key_tells),
		cmocka_unit_test(rows_that_are_not_meant_keep_what_they_have),
		cmocka_unit_test(a_template_writes_groups),
		cmocka_unit_test(a_batch_in_which_nothing_is_to_be_hidden_is_passed_as_it_is),
		cmocka_unit_test(what_takes_too_long_is_masked_whole),
		cmocka_unit_test(texts_within_nested_values_are_masked_too),
		cmocka_unit_test(a_star_masks_all_texts_and_no_numbers),
		cmocka_unit_test(what_converts_does_and_the_rest_becomes_null),
		cmocka_unit_test(numbers_convert_to_times_by_their_unit_and_back),
		cmocka_unit_test(groups_with_names_become_columns),
		cmocka_unit_test(steps_see_what_those_before_them_made),
		cmocka_unit_test(a_batch_of_no_rows_is_passed),
		cmocka_unit_test(the_same_dictionary_is_masked_once),
		cmocka_unit_test(rows_are_lost_and_never_shown_where_memory_is_refused),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

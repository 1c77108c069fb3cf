// SPDX-License-Identifier: Apache-2.0
/* The processor sample under the test host: what goes on and what it then stands for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "choice.h"
#include "sample_fixture.h"

enum { ROWS = 2000 };

/* ---- ratios ------------------------------------------------------------------------------ */

static void a_kept_row_stands_for_those_that_went(void **state)
{
	struct sonde_test *test = sample_create("ratio=10%", "seed=1", NULL);
	struct sonde_test_account account;

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
	account = sonde_test_account(test);
	assert_in_range(account.out, 140, 260); /* 200 within 4.5 sigma */
	assert_int_equal(account.in, account.out + account.reduced[SONDE_SAMPLED]);
	assert_int_equal(sonde_test_row_count(test), account.out);
	assert_true(sonde_test_number(test, 0, "weight") == 10);
	assert_true(sample_weights(test) == 10.0 * (double)account.out);
	sonde_test_release(test);
}

static void weights_multiply_and_events_do_not(void **state)
{
	struct sonde_test *test = sample_create("ratio=1/4", "seed=1", NULL);
	double weights = 0;

	for (uint32_t i = 0; i < 64; i++)
		sonde_test_process(test, sonde_test_table(test, "calls",
							  "call:text w:u32:weight n:u32:events",
							  "read 10 3", "write - 5", NULL));
	assert_in_range(sonde_test_row_count(test), 10, 60);
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++) {
		bool read = !strcmp(sonde_test_text(test, row, "call"), "read");

		assert_true(sonde_test_number(test, row, "w") == (read ? 40 : 4));
		assert_int_equal(sonde_test_number(test, row, "n"), read ? 3 : 5);
		weights += sonde_test_number(test, row, "w");
	}
	assert_true(weights > 0);
	sonde_test_release(test);
}

static void where_all_is_kept_batches_pass_as_they_are(void **state)
{
	struct sonde_test *test = sample_create("ratio=100%", NULL);
	struct sonde_batch *batch = sample_rows(test, (struct sample_shape){ 0, 1, 10 });

	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_ptr_equal(sonde_test_batch(test, 0), batch);
	assert_int_equal(sonde_test_counter(test, "passed_batches"), 1);
	assert_int_equal(sonde_test_set(test, "ratio", "0"), 0);
	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, 10 }));
	assert_int_equal(sonde_test_row_count(test), 10);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_FILTERED], 10);
	assert_int_equal(sonde_test_counter(test, "dropped_batches"), 1);
	sonde_test_release(test);
}

static void rows_that_others_dropped_stay_dropped(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", "seed=3", NULL);
	struct sonde_batch *batch = sample_rows(test, (struct sample_shape){ 0, 1, 8 });
	struct sonde_batch *derived = sonde_batch_derive(sonde_test_instance(test), batch);

	sonde_batch_select(sonde_test_instance(test), derived, (const unsigned char[]){ 0 });
	assert_int_equal(sonde_test_process(test, derived), SONDE_PASS);
	sonde_batch_release(sonde_test_instance(test), batch);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_release(test);
}

static void rows_that_measure_all_go_on_unless_asked_for(void **state)
{
	static const char columns[] = "load:double:gauge calls:u64:sum:delta";
	struct sonde_test *test = sample_create("ratio=0", NULL);

	sonde_test_process(test, sonde_test_table(test, "m", columns, "0.5 7", NULL));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_counter(test, "metric_batches"), 1);
	sonde_test_release(test);
	test = sample_create("ratio=0", "metrics=true", NULL);
	sonde_test_process(test, sonde_test_table(test, "m", columns, "0.5 7", NULL));
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_release(test);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void the_hash_of_a_key_is_the_one_of_the_manual(void **state)
{
	struct sonde_test *test = sample_create("ratio=1", NULL);
	struct sonde_batch *batch = sonde_test_table(
		test, "t",
		"a:text b:text pid:u32 start_time:time neg:i8 none:u32 half:double id:id8",
		"pay checkout-service 4242 1700000000000000000 -1 - 0.5 0102030405060708", NULL);
	static const struct {
		const char *names[2];
		uint64_t seed, wanted;
	} cases[] = {
		{ { "a", NULL }, 0, UINT64_C(0xfb5764e82e4c907e) },
		{ { "b", NULL }, 0, UINT64_C(0xf228b6b579324e32) },
		{ { "pid", "start_time" }, 0, UINT64_C(0xd6f3a6fca3a3f892) },
		{ { "pid", "start_time" }, 7, UINT64_C(0x2080e6ae4cd0328e) },
		{ { "neg", "none" }, 0, UINT64_C(0x5ca7a790cbb3cf30) },
		{ { "neg", "nowhere" }, 0, UINT64_C(0x5ca7a790cbb3cf30) },
		{ { "half", NULL }, 0, UINT64_C(0xdce19dc2cd7f9bd7) },
		{ { "id", NULL }, 0, UINT64_C(0xe18842e6d11b69c7) },
	};

	sonde_test_process(test, batch);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sonde_texts names = { cases[i].names, cases[i].names[1] ? 2 : 1 };
		unsigned char known[1];
		struct key key;
		uint64_t found;

		assert_int_equal(key_open(&key, &names, cases[i].seed), 0);
		key_run(&key, sonde_test_instance(test), batch, &found, known);
		assert_int_equal(found, cases[i].wanted);
		assert_int_equal(known[0] & 1, 1);
		key_close(&key);
	}
	sonde_test_release(test);
}

static void a_key_is_kept_or_not_whatever_batch_and_dictionary_it_comes_in(void **state)
{
	static const char *const keys[] = { "key=name", "key=name, process.pid", "key=trace_id" };

	for (uint32_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct sonde_test *one = sample_create("ratio=30%", keys[i], NULL);
		struct sonde_test *other = sample_create("ratio=30%", keys[i], NULL);
		unsigned char kept[ROWS] = { 0 }, also[ROWS] = { 0 };

		sonde_test_process(one, sample_rows(one, (struct sample_shape){ 0, 1, ROWS }));
		for (uint32_t first = 0; first < ROWS; first += 100)
			sonde_test_process(other, sample_rows(other, (struct sample_shape){
									     first, 1, 100, 77 }));
		sample_mark(one, kept, ROWS);
		sample_mark(other, also, ROWS);
		assert_memory_equal(kept, also, ROWS);
		assert_in_range(sonde_test_row_count(one), ROWS / 10, ROWS * 6 / 10);
		sonde_test_release(one);
		sonde_test_release(other);
	}
}

static void a_lower_ratio_keeps_some_of_what_a_higher_one_keeps(void **state)
{
	struct sonde_test *much = sample_create("ratio=60%", "key=process.pid", NULL);
	struct sonde_test *little = sample_create("ratio=20%", "key=process.pid", NULL);
	unsigned char kept[ROWS] = { 0 };

	sonde_test_process(much, sample_rows(much, (struct sample_shape){ 0, 1, ROWS }));
	sonde_test_process(little, sample_rows(little, (struct sample_shape){ 0, 1, ROWS }));
	sample_mark(much, kept, ROWS);
	for (uint32_t row = 0; row < sonde_test_row_count(little); row++)
		assert_int_equal(kept[sonde_test_integer(little, row, "number")], 1);
	assert_true(sonde_test_row_count(little) * 2 < sonde_test_row_count(much));
	sonde_test_release(much);
	sonde_test_release(little);
}

static void another_seed_chooses_others(void **state)
{
	struct sonde_test *one = sample_create("ratio=50%", "key=process.pid", NULL);
	struct sonde_test *other = sample_create("ratio=50%", "key=process.pid", "seed=9", NULL);
	unsigned char kept[ROWS] = { 0 };
	uint32_t both = 0;

	sonde_test_process(one, sample_rows(one, (struct sample_shape){ 0, 1, ROWS }));
	sonde_test_process(other, sample_rows(other, (struct sample_shape){ 0, 1, ROWS }));
	sample_mark(one, kept, ROWS);
	sample_mark(other, kept, ROWS);
	for (uint32_t i = 0; i < ROWS; i++)
		both += kept[i] == 2;
	assert_in_range(both, ROWS / 4 - 100, ROWS / 4 + 100); /* 5 sigma */
	sonde_test_release(one);
	sonde_test_release(other);
}

static void rows_without_a_key_are_chosen_at_random_and_counted(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", "key=nowhere", "seed=5", NULL);

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
	assert_in_range(sonde_test_row_count(test), ROWS / 2 - 120, ROWS / 2 + 120);
	assert_int_equal(sonde_test_counter(test, "keyless_rows"), ROWS);
	sonde_test_release(test);
}

/* ---- traces ------------------------------------------------------------------------------ */

static const char span_columns[] = "trace:id16:trace_id name:text:span_name state:text:trace_state";

/* A span of this randomness, with a trace state or "-", through the test. */
static void span(struct sonde_test *test, const char *randomness, const char *trace_state)
{
	char row[256];

	(void)snprintf(row, sizeof(row), "0102030405060708ff%s GET '%s'", randomness, trace_state);
	if (!strcmp(trace_state, "-"))
		(void)snprintf(row, sizeof(row), "0102030405060708ff%s GET -", randomness);
	sonde_test_process(test, sonde_test_table(test, "spans", span_columns, row, NULL));
}

static void a_trace_is_kept_where_its_randomness_is_not_below_the_threshold(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", NULL);

	span(test, "7fffffffffffff", "-");
	assert_int_equal(sonde_test_row_count(test), 0);
	span(test, "80000000000000", "-");
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(sonde_test_text(test, 0, "state"), "ot=th:8");
	assert_true(sonde_test_number(test, 0, "weight") == 2);
	span(test, "00000000000000", "a=1,ot=rv:ffffffffffffff"); /* it has its own randomness */
	assert_string_equal(sonde_test_text(test, 1, "state"), "ot=th:8;rv:ffffffffffffff,a=1");
	span(test, "ffffffffffffff", "ot=rv:00000000000000");
	assert_int_equal(sonde_test_row_count(test), 2);
	sonde_test_release(test);
}

static void thresholds_compose_by_the_higher_one(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", NULL);

	span(test, "d0000000000000", "ot=th:c"); /* kept at a quarter: it stays as it is */
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(sonde_test_text(test, 0, "state"), "ot=th:c");
	assert_false(sonde_test_has(test, 0, "weight"));
	assert_int_equal(sonde_test_counter(test, "passed_batches"), 1);
	assert_int_equal(sonde_test_set(test, "ratio", "1/8"), 0);
	span(test, "d0000000000000", "ot=th:c");
	assert_int_equal(sonde_test_row_count(test), 1);
	span(test, "e1000000000000", "ot=th:c");
	assert_string_equal(sonde_test_text(test, 1, "state"), "ot=th:e");
	assert_true(sonde_test_number(test, 1, "weight") == 8); /* all in all, not 4 times 8 */
	sonde_test_release(test);
}

static void samplers_of_traces_one_after_the_other_come_to_the_lowest_ratio(void **state)
{
	struct sonde_test *first = sample_create("ratio=50%", NULL);
	struct sonde_test *second = sample_create("ratio=25%", NULL);
	struct sonde_test *alone = sample_create("ratio=25%", NULL);
	struct sample_shape shape = { 0, 1, ROWS, 0, SONDE_SIGNAL_SPAN, 0 };
	unsigned char kept[ROWS] = { 0 }, also[ROWS] = { 0 };

	sonde_test_process(first, sample_rows(first, shape));
	sample_pass(first, second);
	sonde_test_process(alone, sample_rows(alone, shape));
	sample_mark(second, kept, ROWS);
	sample_mark(alone, also, ROWS);
	assert_memory_equal(kept, also, ROWS);
	assert_true(sample_weights(second) == sample_weights(alone));
	assert_string_equal(sonde_test_text(second, 0, "trace_state"), "ot=th:c");
	sonde_test_release(second);
	sonde_test_release(first);
	sonde_test_release(alone);
}

static void a_weight_that_no_threshold_says_multiplies(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", NULL);
	static const char columns[] =
		"trace:id16:trace_id name:text:span_name state:text:trace_state w:u32:weight";

	sonde_test_process(test, sonde_test_table(test, "spans", columns,
						  "0102030405060708ffd0000000000000 GET - 10",
						  "0102030405060708ffd0000000000000 GET ot=th:c 10",
						  "0102030405060708ffd0000000000000 GET ot=th:8 10",
						  NULL));
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_true(sonde_test_number(test, 0, "w") == 20);
	assert_true(sonde_test_number(test, 1, "w") == 10);
	assert_true(sonde_test_number(test, 2, "w") == 10);
	assert_string_equal(sonde_test_text(test, 0, "state"), "ot=th:8");
	sonde_test_release(test);
}

static void a_threshold_that_the_trace_belies_is_chance(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", NULL);

	span(test, "90000000000000", "ot=th:c");
	assert_int_equal(sonde_test_counter(test, "inconsistent_rows"), 1);
	assert_true(sonde_test_number(test, 0, "weight") == 8);
	sonde_test_release(test);
}

static void logs_go_by_their_trace_where_it_is_the_key(void **state)
{
	struct sonde_test *test = sample_create("ratio=25%", "key=trace_id", NULL);
	static const char columns[] = "trace:id16:trace_id body:text:body sampling.threshold:text "
				      "sampling.randomness:text";

	sonde_test_process(test,
			   sonde_test_table(test, "logs", columns,
					    "0102030405060708ffd0000000000000 a - -",
					    "0102030405060708ffd0000000000000 b 8 -",
					    "0102030405060708ffd0000000000000 c f fffffffffffff0",
					    "0102030405060708ffb0000000000000 d - -", NULL));
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_string_equal(sonde_test_text(test, 0, "sampling.threshold"), "c");
	assert_string_equal(sonde_test_text(test, 1, "sampling.threshold"), "c");
	assert_string_equal(sonde_test_text(test, 2, "sampling.threshold"), "f");
	assert_true(sonde_test_number(test, 0, "weight") == 4);
	assert_true(sonde_test_number(test, 1, "weight") == 4);
	assert_true(sonde_test_number(test, 2, "weight") == 16);
	sonde_test_release(test);
}

/* ---- rules ------------------------------------------------------------------------------- */

static void what_always_names_is_kept_as_it_is(void **state)
{
	struct sonde_test *test =
		sample_create("ratio=0", "always=number >= 90 and number < 100", NULL);

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
	assert_int_equal(sonde_test_row_count(test), 10);
	assert_false(sonde_test_has(test, 0, "weight"));
	assert_int_equal(sonde_test_account(test).reduced[SONDE_FILTERED], ROWS - 10);
	sonde_test_release(test);
}

static void the_first_rule_that_is_true_counts(void **state)
{
	struct sonde_test *test = sample_create("ratio=10%", "seed=2", "always=number = 5",
						"rules=( { when = \"number < 10\"; ratio = 0.0; }, "
						"{ when = \"number < 1000\"; ratio = \"50%\"; }, "
						"{ when = \"number < 2000\"; ratio = 1.0; } )",
						NULL);
	uint32_t halves = 0, whole = 0, tenths = 0;

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, 4000 }));
	assert_int_equal(sonde_test_integer(test, 0, "number"), 5);
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++) {
		int64_t number = sonde_test_integer(test, row, "number");
		double weight = sonde_test_number(test, row, "weight");

		assert_true(number == 5 || number >= 10);
		halves += number < 1000 && weight == 2;
		whole += number >= 1000 && number < 2000 && weight == 1;
		tenths += number >= 2000 && weight == 10;
	}
	assert_int_equal(whole, 1000);
	assert_in_range(halves, 420, 570);
	assert_in_range(tenths, 135, 265);
	assert_int_equal(halves + whole + tenths + 1, sonde_test_row_count(test));
	assert_int_equal(sonde_test_account(test).reduced[SONDE_FILTERED], 9);
	sonde_test_release(test);
}

static void a_wrong_condition_is_a_problem_with_its_place(void **state)
{
	assert_null(sonde_test_create(sonde_plugin, "always=wait > 5 adn errors", NULL));
	assert_non_null(strstr(sonde_test_error(), "at 10: an operator or the end is expected"));
	assert_null(sonde_test_create(sonde_plugin, "rules=( { when = \"a = \"; ratio = 0.5; } )",
				      NULL));
	assert_non_null(strstr(sonde_test_error(), "at 5: a name or a value is missing"));
	assert_null(sonde_test_create(sonde_plugin, "rules=( { when = \"a = 1\"; } )", NULL));
	assert_non_null(strstr(sonde_test_error(), "ratio"));
	assert_null(sonde_test_create(sonde_plugin, "ratio=1.5", NULL));
}

static void knobs_change_what_is_kept_and_a_wrong_one_leaves_it(void **state)
{
	struct sonde_test *test = sample_create("ratio=0", NULL);

	assert_int_equal(sonde_test_set(test, "always", "number = 3"), 0);
	assert_true(sonde_test_set(test, "always", "number = ") < 0);
	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, 10 }));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_set(test, "rate", "5"), 0);
	assert_int_equal(sonde_test_set(test, "ratio", "1"), 0);
	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, 1000 }));
	assert_in_range(sonde_test_row_count(test), 4, 5); /* half of 5, and what is always kept */
	assert_int_equal(sonde_test_set(test, "rate", "0"), 0);
	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, 1000 }));
	assert_in_range(sonde_test_row_count(test), 1004, 1005);
	sonde_test_release(test);
}

/* ---- rates ------------------------------------------------------------------------------- */

static void above_its_rate_a_key_keeps_rows_that_stand_for_all(void **state)
{
	struct sonde_test *test = sample_create("rate=4", "key=name", "seed=1", NULL);
	struct sonde_test_account account;

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
	account = sonde_test_account(test);
	assert_int_equal(account.out, 200); /* 100 names of 20 rows each: half of the 4 of each */
	assert_int_equal(account.in, account.out + account.reduced[SONDE_LIMITED]);
	assert_true(fabs(sonde_test_number(test, 0, "weight") - 10) < 1e-3);
	assert_true(fabs(sample_weights(test) - ROWS) < 1);
	sonde_test_release(test);
}

static void what_is_below_its_rate_passes(void **state)
{
	struct sonde_test *test = sample_create("rate=1000", "key=name", NULL);

	assert_int_equal(
		sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS })),
		SONDE_PASS);
	sonde_test_release(test);
}

static void keys_beyond_the_bound_share_a_rate(void **state)
{
	struct sonde_test *test = sample_create("rate=4", "key=name", "rate_keys=10", NULL);

	sonde_test_process(test, sample_rows(test, (struct sample_shape){ 0, 1, ROWS }));
	assert_int_equal(sonde_test_row_count(test),
			 22); /* half of 4 each, of 10 and of the rest */
	assert_int_equal(sonde_test_counter(test, "other_rows"), ROWS * 9 / 10);
	sonde_test_release(test);
}

/* ---- inputs ------------------------------------------------------------------------------ */

static void check_asks(const char *option, const char *other, const char *wanted)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, option, other, NULL);

	assert_non_null(test);
	assert_string_equal(sonde_test_asks(test), wanted);
	sonde_test_release(test);
}

static void a_ratio_alone_is_asked_of_inputs(void **state)
{
	check_asks("ratio=1/4", NULL, "1 row in 4\n");
	check_asks("ratio=1", NULL, "");
	check_asks("ratio=0", NULL, "...\n");
	check_asks("ratio=1/4", "key=name", "...\n");
	check_asks("ratio=1/4", "always=number = 5", "...\n");
	check_asks("ratio=1/4", "rate=100", "...\n");
}

/* ---- failures ---------------------------------------------------------------------------- */

static void refused_memory_loses_no_row_unseen(void **state)
{
	struct sonde_test *test = sample_create("ratio=50%", NULL);
	uint32_t n = 0;

	do {
		struct sonde_test_account account;
		struct sonde_batch *batch = sonde_test_table(
			test, "spans", span_columns, "0102030405060708ffd0000000000000 GET ot=th:4",
			"0102030405060708ff50000000000000 PUT -", NULL);

		sonde_test_refuse_memory(test, ++n);
		sonde_test_process(test, batch);
		account = sonde_test_account(test);
		assert_int_equal(account.in, account.out + account.reduced[SONDE_SAMPLED] +
						     account.lost[SONDE_LOST_FAILED]);
		assert_int_equal(account.in, 2 * n);
	} while (sonde_test_refuse_memory(test, 0));
	assert_true(n > 3);
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kept_row_stands_for_those_that_went),
		cmocka_unit_test(weights_multiply_and_events_do_not),
		cmocka_unit_test(where_all_is_kept_batches_pass_as_they_are),
		cmocka_unit_test(rows_that_others_dropped_stay_dropped),
		cmocka_unit_test(rows_that_measure_all_go_on_unless_asked_for),
		cmocka_unit_test(the_hash_of_a_key_is_the_one_of_the_manual),
		cmocka_unit_test(a_key_is_kept_or_not_whatever_batch_and_dictionary_it_comes_in),
		cmocka_unit_test(a_lower_ratio_keeps_some_of_what_a_higher_one_keeps),
		cmocka_unit_test(another_seed_chooses_others),
		cmocka_unit_test(rows_without_a_key_are_chosen_at_random_and_counted),
		cmocka_unit_test(a_trace_is_kept_where_its_randomness_is_not_below_the_threshold),
		cmocka_unit_test(thresholds_compose_by_the_higher_one),
		cmocka_unit_test(samplers_of_traces_one_after_the_other_come_to_the_lowest_ratio),
		cmocka_unit_test(a_weight_that_no_threshold_says_multiplies),
		cmocka_unit_test(a_threshold_that_the_trace_belies_is_chance),
		cmocka_unit_test(logs_go_by_their_trace_where_it_is_the_key),
		cmocka_unit_test(what_always_names_is_kept_as_it_is),
		cmocka_unit_test(the_first_rule_that_is_true_counts),
		cmocka_unit_test(a_wrong_condition_is_a_problem_with_its_place),
		cmocka_unit_test(knobs_change_what_is_kept_and_a_wrong_one_leaves_it),
		cmocka_unit_test(above_its_rate_a_key_keeps_rows_that_stand_for_all),
		cmocka_unit_test(what_is_below_its_rate_passes),
		cmocka_unit_test(keys_beyond_the_bound_share_a_rate),
		cmocka_unit_test(a_ratio_alone_is_asked_of_inputs),
		cmocka_unit_test(refused_memory_loses_no_row_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

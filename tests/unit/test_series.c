// SPDX-License-Identifier: Apache-2.0
/* What lib/series/series.h promises: which rows are one series, and what points make of it. */
#include "series_fixture.h"

/* ---- identity ---------------------------------------------------------------------------- */

static void a_series_is_its_attributes_whatever_their_order_and_place(void **state)
{
	const struct sonde_any pair = {
		.kind = SONDE_ANY_TEXT, .length = 1, .key = "b", .key_length = 1, .as.data = "2"
	};
	const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = &pair };
	const struct sonde_any number = { .kind = SONDE_ANY_INTEGER, .as.integer = 7 };
	struct series_table *table = make_table(10);

	for (int way = 0; way < 3; way++) {
		struct sonde_batch *batch = make_rows(1, 500, 600 + way);

		if (way == 0)
			add_text(batch, "b", "2");
		add_text(batch, "a", "1");
		if (way == 1)
			add_text(batch, "b", "2");
		if (way == 2)
			table_constant(batch, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES),
				       VALUE(uint32_t, code_of_any(&map)));
		if (way == 1)
			table_constant(batch, FIELD("n", SONDE_ANY, SONDE_ROLE_ATTRIBUTE),
				       VALUE(uint32_t, code_of_any(&number)));
		else
			table_constant(batch, FIELD("n", SONDE_U8, SONDE_ROLE_ATTRIBUTE),
				       VALUE(uint8_t, 7));
		table_constant(batch, &calls, VALUE(uint64_t, 1));
		assert_int_equal(fold(table, batch), 0);
	}
	assert_int_equal(only(table)->as.integer, 3);
	assert_int_equal(only(table)->attributes->count, 3);
	series_table_release(table);
}

static void another_value_type_resource_scope_unit_or_name_is_another_series(void **state)
{
	struct series_table *table = make_table(20);
	struct sonde_field other = calls;

	for (int way = 0; way < 7; way++) {
		struct sonde_batch *batch = make_rows(1, 500, 600);
		struct sonde_field resource = { .name = "host",
						.type = SONDE_TEXT,
						.scope = SONDE_SCOPE_RESOURCE };
		struct sonde_field scope = { .name = "scope",
					     .type = SONDE_TEXT,
					     .role = SONDE_ROLE_SCOPE_NAME,
					     .scope = SONDE_SCOPE_SCOPE };

		if (way == 1)
			add_text(batch, "a", "1");
		if (way == 2)
			table_constant(batch, FIELD("a", SONDE_I64, SONDE_ROLE_ATTRIBUTE),
				       VALUE(int64_t, 1));
		if (way == 3)
			table_constant(batch, &resource, VALUE(uint32_t, code_of("h")));
		if (way == 4)
			table_constant(batch, &scope, VALUE(uint32_t, code_of("h")));
		other.unit = way == 5 ? "By" : calls.unit;
		other.name = way == 6 ? "answers" : calls.name;
		table_constant(batch, &other, VALUE(uint64_t, 1));
		assert_int_equal(fold(table, batch), 0);
	}
	assert_int_equal(counts_of(table).series, 7);
	series_table_release(table);
}

static void an_attribute_that_is_null_is_none(void **state)
{
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(2, 500, 600);
	uint32_t name = table_add(batch, FIELD("a", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE));

	table_set(batch, name, 0, VALUE(uint32_t, code_of("x")));
	table_null(batch, name, 1);
	table_constant(batch, &calls, VALUE(uint64_t, 1));
	fold(table, batch);
	assert_int_equal(counts_of(table).series, 2);
	fold_one(table, &calls, 500, 700, VALUE(uint64_t, 5));
	assert_int_equal(counts_of(table).series, 2);
	assert_int_equal(series_metric_at(table, 0)->first->as.integer, 6);
	series_table_release(table);
}

/* ---- delta ------------------------------------------------------------------------------- */

static void deltas_add_up_over_gaps_repeats_and_any_order(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, 500, 600, VALUE(uint64_t, 1));
	fold_one(table, &calls, 600, 700, VALUE(uint64_t, 2));
	fold_one(table, &calls, 900, 950, VALUE(uint64_t, 4)); /* a gap */
	fold_one(table, &calls, 700, 800, VALUE(uint64_t, 8)); /* late */
	fold_one(table, &calls, 700, 800, VALUE(uint64_t, 8)); /* the same from a replica */
	assert_int_equal(only(table)->as.integer, 23);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(only(table)->time_ns, 950);
	assert_int_equal(counts_of(table).points, 5);
	assert_int_equal(counts_of(table).late, 0);
	series_table_release(table);
}

static void without_a_start_a_series_begins_when_the_table_began_to_count(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, TIMES_UNKNOWN, 1700, VALUE(uint64_t, 1));
	assert_int_equal(only(table)->start_ns, moment.wall_ns);
	assert_int_equal(only(table)->time_ns, 1700);
	series_table_release(table);
}

static void weights_multiply_deltas_and_leave_gauges_alone(void **state)
{
	const uint64_t counts[] = { 2, 3 };
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(1, 500, 600);

	table_constant(batch, FIELD("weight", SONDE_U32, SONDE_ROLE_WEIGHT), VALUE(uint32_t, 10));
	table_constant(batch, &calls, VALUE(uint64_t, 7));
	table_constant(batch, &level, VALUE(double, 1.5));
	set_exponential(batch, table_add(batch, &spread), 0, 2, 0, counts, 2);
	fold(table, batch);
	assert_int_equal(series_metric_at(table, 0)->first->as.integer, 70);
	assert_true(series_metric_at(table, 1)->first->as.number == 1.5);
	assert_int_equal(series_metric_at(table, 2)->first->as.exponential->head.count, 50);
	assert_int_equal(series_metric_at(table, 2)->first->as.exponential->positive[1], 30);
	assert_true(series_metric_at(table, 2)->first->as.exponential->head.sum == 10);
	series_table_release(table);
}

static void a_sum_stops_at_the_end_of_its_range(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &calls, 500, 600, VALUE(uint64_t, UINT64_MAX));
	fold_one(table, &calls, 500, 600, VALUE(uint64_t, 1));
	assert_true(only(table)->as.integer == INT64_MAX);
	series_table_release(table);
}

static void exponential_histograms_of_different_scales_merge_exactly(void **state)
{
	const uint64_t fine[] = { 1, 2, 3, 4 }, coarse[] = { 10, 20 };
	struct series_table *table = make_table(10);
	const struct histogram *histogram;

	fold_exponential(table, &spread, 600, 3, 4, fine, 4);   /* indices 4 to 7 */
	fold_exponential(table, &spread, 700, 2, 2, coarse, 2); /* 2 and 3: twice as wide */
	histogram = only(table)->as.exponential;
	assert_int_equal(histogram->head.scale, 2);
	assert_int_equal(histogram->head.count, 40);
	assert_int_equal(histogram->head.positive_offset, 2);
	assert_int_equal(histogram->positive[0], 1 + 2 + 10);
	assert_int_equal(histogram->positive[1], 3 + 4 + 20);
	assert_true(histogram->head.sum == 2);
	series_table_release(table);
}

static void explicit_histograms_add_and_begin_anew_with_other_bounds(void **state)
{
	struct series_table *table = make_table(10);

	fold_explicit(table, 500, 600, 1, 2, 3);
	fold_explicit(table, 600, 700, 1, 20, 30);
	assert_int_equal(only(table)->as.distribution->counts[0], 22);
	assert_int_equal(only(table)->as.distribution->counts[1], 33);
	assert_int_equal(only(table)->as.distribution->count, 55);
	assert_int_equal(only(table)->start_ns, 500);
	fold_explicit(table, 700, 800, 2, 5, 6);
	assert_int_equal(only(table)->as.distribution->count, 11);
	assert_int_equal(only(table)->start_ns, 700);
	assert_int_equal(counts_of(table).resets, 1);
	series_table_release(table);
}

static void buckets_that_do_not_lie_in_the_heap_are_refused(void **state)
{
	struct sonde_exponential head = { .positive_start = 5, .positive_length = 9, .count = 1 };
	struct series_table *table = make_table(10);
	struct sonde_batch *batch = make_rows(1, 500, 600);

	table_constant(batch, &spread, &head);
	assert_int_equal(fold(table, batch), 1);
	assert_int_equal(counts_of(table).refused, 1);
	series_table_release(table);
}

/* ---- cumulative -------------------------------------------------------------------------- */

static void a_cumulative_point_takes_the_place_of_an_older_one_and_late_ones_do_not(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &total, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &total, 500, 800, VALUE(int64_t, 30));
	fold_one(table, &total, 500, 700, VALUE(int64_t, 20)); /* late */
	fold_one(table, &total, 500, 800, VALUE(int64_t, 30)); /* repeated */
	fold_one(table, &total, 400, 900, VALUE(int64_t, 99)); /* of a process before */
	assert_int_equal(only(table)->as.integer, 30);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(counts_of(table).late, 3);
	assert_int_equal(counts_of(table).resets, 0);
	series_table_release(table);
}

static void a_later_start_or_a_fallen_value_is_a_reset(void **state)
{
	struct series_table *table = make_table(10);

	fold_one(table, &total, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &total, 650, 700, VALUE(int64_t, 20));
	assert_int_equal(only(table)->start_ns, 650);
	assert_int_equal(counts_of(table).resets, 1);
	fold_one(table, &total, 650, 800, VALUE(int64_t, 5));
	assert_int_equal(only(table)->start_ns, 700); /* when it was seen last */
	assert_int_equal(only(table)->as.integer, 5);
	assert_int_equal(counts_of(table).resets, 2);
	fold_one(table, &total, 650, 900, VALUE(int64_t, 8)); /* its source knows nothing of that */
	assert_int_equal(only(table)->start_ns, 700);
	assert_int_equal(only(table)->as.integer, 8);
	series_table_release(table);
}

static void what_is_not_monotonic_may_fall(void **state)
{
	struct sonde_field open = total;
	struct series_table *table = make_table(10);

	open.monotonic = false;
	fold_one(table, &open, 500, 600, VALUE(int64_t, 10));
	fold_one(table, &open, 500, 700, VALUE(int64_t, 5));
	assert_int_equal(only(table)->as.integer, 5);
	assert_int_equal(only(table)->start_ns, 500);
	assert_int_equal(counts_of(table).resets, 0);
	series_table_release(table);
}

static void a_row_that_says_there_is_no_value_hides_the_series(void **state)
{
	struct series_table *table = make_table(10);

	for (uint32_t flags = 0; flags < 3; flags++) {
		struct sonde_batch *batch = make_rows(1, 500, 600 + flags);

		table_constant(batch, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS),
			       VALUE(uint32_t, flags));
		table_constant(batch, &level, VALUE(double, flags));
		fold(table, batch);
		assert_int_equal(only(table)->is_absent, flags == 1);
	}
	assert_true(only(table)->as.number == 2);
	series_table_release(table);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_begin, table_end)
	const struct CMUnitTest tests[] = {
		CASE(a_series_is_its_attributes_whatever_their_order_and_place),
		CASE(another_value_type_resource_scope_unit_or_name_is_another_series),
		CASE(an_attribute_that_is_null_is_none),
		CASE(deltas_add_up_over_gaps_repeats_and_any_order),
		CASE(without_a_start_a_series_begins_when_the_table_began_to_count),
		CASE(weights_multiply_deltas_and_leave_gauges_alone),
		CASE(a_sum_stops_at_the_end_of_its_range),
		CASE(exponential_histograms_of_different_scales_merge_exactly),
		CASE(explicit_histograms_add_and_begin_anew_with_other_bounds),
		CASE(buckets_that_do_not_lie_in_the_heap_are_refused),
		CASE(a_cumulative_point_takes_the_place_of_an_older_one_and_late_ones_do_not),
		CASE(a_later_start_or_a_fallen_value_is_a_reset),
		CASE(what_is_not_monotonic_may_fall),
		CASE(a_row_that_says_there_is_no_value_hides_the_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

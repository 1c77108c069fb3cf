// SPDX-License-Identifier: Apache-2.0
/* What a program has done since the reading before, and which links are whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "links.h"
#include "programs.h"

#define S 1000000000ull

static struct programs programs;

static int take(uint32_t id, uint64_t load_time_ns, uint64_t runs, struct program_delta *ret_delta)
{
	struct sonde_inventory_program record = {
		.id = id,
		.load_time_ns = load_time_ns,
		.runs = runs,
		.run_ns = runs * 100,
		.misses = runs / 10,
	};

	return programs_take(&programs, &record, ret_delta);
}

/* Readings are at whole seconds of boottime; the epoch began 1,000 s before the boot. */
static void begin(uint64_t second)
{
	programs_begin(&programs, second * S, (int64_t)((second + 1000) * S));
}

static int cleanup(void **state)
{
	(void)state;
	programs_free(&programs);
	return 0;
}

static void a_program_that_was_there_before_has_no_counts_at_first(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	assert_int_equal(take(7, 3 * S, 5000, &delta), 1);
	assert_false(delta.is_known);
	assert_int_equal(delta.loaded_ns, 1003 * S);
	programs_end(&programs);
	begin(12);
	assert_int_equal(take(7, 3 * S, 5400, &delta), 1);
	assert_true(delta.is_known);
	assert_int_equal(delta.runs, 400);
	assert_int_equal(delta.run_ns, 40000);
	assert_int_equal(delta.misses, 40);
	assert_int_equal(delta.start_ns, 1010 * S);
	assert_int_equal(delta.span_ns, 2 * S);
}

static void a_program_that_is_loaded_later_counts_from_its_load(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	programs_end(&programs);
	begin(20);
	assert_int_equal(take(8, 16 * S, 30, &delta), 1);
	assert_true(delta.is_known);
	assert_int_equal(delta.runs, 30);
	assert_int_equal(delta.start_ns, 1016 * S);
	assert_int_equal(delta.span_ns, 4 * S);
}

static void a_program_loaded_during_a_reading_is_for_the_next(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	programs_end(&programs);
	begin(20);
	assert_int_equal(take(8, 20 * S + 1, 30, &delta), 0);
	programs_end(&programs);
	begin(30);
	assert_int_equal(take(8, 20 * S + 1, 50, &delta), 1);
	assert_true(delta.is_known);
	assert_int_equal(delta.runs, 50);
}

static void an_id_that_is_used_again_begins_anew(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	take(7, 3 * S, 5000, &delta);
	programs_end(&programs);
	begin(12);
	assert_int_equal(take(7, 11 * S, 60, &delta), 1);
	assert_true(delta.is_known);
	assert_int_equal(delta.runs, 60);
	assert_int_equal(delta.start_ns, 1011 * S);
	assert_int_equal(delta.loaded_ns, 1011 * S);
}

static void one_that_a_reading_left_out_makes_no_delta_when_it_is_seen(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	programs_end(&programs);
	begin(12);
	take(7, 3 * S, 5000, &delta);
	assert_false(delta.is_known);
}

static void counts_never_fall_and_are_not_counted_twice(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	take(7, 3 * S, 5000, &delta);
	programs_end(&programs);
	begin(11);
	take(7, 3 * S, 4990, &delta);
	assert_int_equal(delta.runs, 0);
	programs_end(&programs);
	begin(12);
	take(7, 3 * S, 5010, &delta);
	assert_int_equal(delta.runs, 10);
}

static void a_reading_that_failed_is_made_good_by_the_next(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	take(7, 3 * S, 5000, &delta);
	programs_end(&programs);
	begin(11);
	take(7, 3 * S, 5100, &delta);
	begin(12); /* without an end */
	take(7, 3 * S, 5200, &delta);
	assert_int_equal(delta.runs, 200);
	assert_int_equal(delta.start_ns, 1010 * S);
	assert_int_equal(delta.span_ns, 2 * S);
}

static void the_load_time_stays_the_same_when_the_clock_is_stepped(void **state)
{
	struct program_delta delta;

	(void)state;
	begin(10);
	take(7, 3 * S, 0, &delta);
	programs_end(&programs);
	programs_begin(&programs, 12 * S, (int64_t)(5000 * S));
	take(7, 3 * S, 0, &delta);
	assert_int_equal(delta.loaded_ns, 1003 * S);
}

static void many_programs_are_told_apart(void **state)
{
	struct program_delta delta;

	(void)state;
	for (uint64_t reading = 1; reading <= 3; reading++) {
		begin(reading * 10);
		for (uint32_t id = 1; id <= 1000; id++) {
			assert_int_equal(take(id * 3, id, reading * id, &delta), 1);
			assert_true(reading == 1 ? !delta.is_known : delta.runs == id);
		}
		programs_end(&programs);
	}
}

static void links_are_found_by_their_program(void **state)
{
	struct links links = { 0 };
	const struct sonde_inventory_link *first;

	(void)state;
	links_sort(&links);
	assert_int_equal(links_of(&links, 1, &first), 0);
	assert_null(first);
	for (uint32_t id = 1; id <= 300; id++)
		assert_int_equal(links_take(&links,
					    &(struct sonde_inventory_link){
						    .id = id, .program_id = id % 3 + 5 }),
				 0);
	links_sort(&links);
	assert_int_equal(links_of(&links, 5, &first), 100);
	assert_int_equal(first->id, 3);
	assert_int_equal(links_of(&links, 7, &first), 100);
	assert_int_equal(first->id, 2);
	assert_int_equal(links_of(&links, 4, &first), 0);
	assert_int_equal(links_of(&links, 8, &first), 0);
	links_free(&links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_program_that_was_there_before_has_no_counts_at_first,
					  cleanup),
		cmocka_unit_test_teardown(a_program_that_is_loaded_later_counts_from_its_load,
					  cleanup),
		cmocka_unit_test_teardown(a_program_loaded_during_a_reading_is_for_the_next,
					  cleanup),
		cmocka_unit_test_teardown(an_id_that_is_used_again_begins_anew, cleanup),
		cmocka_unit_test_teardown(
			one_that_a_reading_left_out_makes_no_delta_when_it_is_seen, cleanup),
		cmocka_unit_test_teardown(counts_never_fall_and_are_not_counted_twice, cleanup),
		cmocka_unit_test_teardown(a_reading_that_failed_is_made_good_by_the_next, cleanup),
		cmocka_unit_test_teardown(the_load_time_stays_the_same_when_the_clock_is_stepped,
					  cleanup),
		cmocka_unit_test_teardown(many_programs_are_told_apart, cleanup),
		cmocka_unit_test(links_are_found_by_their_program),
	};

	return cmocka_run_group_tests_name("bpf_programs", tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Which events the input `processes` lets through, and what it makes of them by cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "choice.h"
#include "counts.h"

static const struct sonde_process_image image = { .tgid = 1u << 30, .start_ns = 1000 };

static struct sonde_process_event event_of(uint32_t change, uint64_t cgroup_id)
{
	return (struct sonde_process_event){ .change = change,
					     .time_ns = 5000,
					     .image = &image,
					     .user_id = 7,
					     .cgroup_id = cgroup_id };
}

static struct lists lists;
static struct counts counts;

static int setup(void **state)
{
	(void)state;
	memset(&lists, 0, sizeof(lists));
	return counts_open(&counts, 4);
}

static int teardown(void **state)
{
	(void)state;
	counts_close(&counts);
	return 0;
}

static void lists_let_through_what_they_name_and_empty_ones_everything(void **state)
{
	struct sonde_process_event event = event_of(SONDE_PROCESS_EXECED, 3);

	(void)state;
	assert_true(choice_of_process(&lists, &event));
	lists.cgroup_ids[0] = 2;
	lists.cgroup_ids[1] = 3;
	lists.cgroup_count = 2;
	assert_true(choice_of_process(&lists, &event));
	lists.user_ids[0] = 8;
	lists.user_count = 1;
	assert_false(choice_of_process(&lists, &event));
	event.user_id = 8;
	assert_true(choice_of_process(&lists, &event));
	lists.cgroup_count = 1;
	assert_false(choice_of_process(&lists, &event));
}

static void events_are_known_by_name(void **state)
{
	struct sonde_process_event event = event_of(SONDE_PROCESS_EXITED, 3);
	struct rules rules = { 0 };

	(void)state;
	assert_false(choice_of_event(&rules, &lists, &event));
	assert_true(choice_add_change(&lists, "exit"));
	assert_true(choice_of_event(&rules, &lists, &event));
	event.change = SONDE_PROCESS_FORKED;
	assert_false(choice_of_event(&rules, &lists, &event));
	assert_false(choice_add_change(&lists, "exits"));
	assert_false(choice_add_change(&lists, ""));
}

static void only_exits_have_a_duration_and_an_outcome(void **state)
{
	struct sonde_process_event event = event_of(SONDE_PROCESS_EXITED, 3);
	struct rules rules = { .minimum_duration_ns = 4001, .failures_only = true };

	(void)state;
	choice_add_change(&lists, "exit");
	choice_add_change(&lists, "fork");
	event.status = 1;
	assert_false(choice_of_event(&rules, &lists, &event));
	rules.minimum_duration_ns = 4000;
	assert_true(choice_of_event(&rules, &lists, &event));
	event.status = 0;
	assert_false(choice_of_event(&rules, &lists, &event));
	event.change = SONDE_PROCESS_FORKED;
	assert_true(choice_of_event(&rules, &lists, &event));
}

static void a_process_is_chosen_or_not_and_one_in_so_many_is(void **state)
{
	struct sonde_process_image each = image;
	uint32_t chosen = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		each.tgid = 100 + i;
		each.start_ns = 1000ull * i; /* in a rhythm */
		chosen += choice_of_sample(&each, 12345, 10);
		assert_int_equal(choice_of_sample(&each, 12345, 10),
				 choice_of_sample(&each, 12345, 10));
		assert_true(choice_of_sample(&each, 12345, 1));
	}
	assert_in_range(chosen, 9500, 10500); /* five standard deviations */
}

static void events_are_added_up_by_cgroup_and_what_finds_no_room_together(void **state)
{
	struct sonde_process_event event;
	uint64_t events = 0;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint64_t cgroup = 1; cgroup <= 5; cgroup++) {
			event = event_of(SONDE_PROCESS_FORKED, cgroup);
			counts_add(&counts, &event);
		}
	assert_int_equal(counts.used, 4);
	assert_int_equal(counts.groups[0].cgroup_id, 0);
	assert_int_equal(counts.groups[0].forks, 4);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(counts.groups[i].forks, 2);
	for (uint32_t i = 0; i < 4; i++)
		events += counts.groups[i].events;
	assert_int_equal(events, 10);
	counts_clear(&counts);
	event = event_of(SONDE_PROCESS_EXECED, 5);
	counts_add(&counts, &event);
	assert_int_equal(counts.used, 2);
	assert_int_equal(counts.groups[1].cgroup_id, 5);
	assert_int_equal(counts.groups[1].execs, 1);
	assert_int_equal(counts.groups[0].forks, 0);
}

static void ends_are_told_apart_and_lifetimes_have_their_bucket(void **state)
{
	struct sonde_process_event event = event_of(SONDE_PROCESS_EXITED, 5);
	const struct counts_group *group = &counts.groups[1];

	(void)state;
	event.usage.user_ns = 30;
	event.usage.system_ns = 4;
	event.time_ns = image.start_ns + 4096; /* the upper bound of bucket 95 at scale 3 */
	counts_add(&counts, &event);
	event.status = 1 << 8;
	counts_add(&counts, &event);
	event.status = 9;
	event.time_ns = image.start_ns; /* nothing is shorter, */
	counts_add(&counts, &event);
	event.time_ns = image.start_ns - 1; /* and nothing longer */
	counts_add(&counts, &event);
	assert_int_equal(group->exits, 4);
	assert_int_equal(group->failures, 3);
	assert_int_equal(group->signals, 2);
	assert_int_equal(group->user_ns, 120);
	assert_int_equal(group->system_ns, 16);
	assert_int_equal(group->buckets[95 - COUNTS_FIRST_BUCKET], 2);
	assert_int_equal(group->buckets[0], 1);
	assert_int_equal(group->buckets[COUNTS_BUCKETS - 1], 1);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lists_let_through_what_they_name_and_empty_ones_everything),
		CASE(events_are_known_by_name),
		CASE(only_exits_have_a_duration_and_an_outcome),
		CASE(a_process_is_chosen_or_not_and_one_in_so_many_is),
		CASE(events_are_added_up_by_cgroup_and_what_finds_no_room_together),
		CASE(ends_are_told_apart_and_lifetimes_have_their_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

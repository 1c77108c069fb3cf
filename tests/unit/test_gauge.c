// SPDX-License-Identifier: Apache-2.0
/* What core/gauge.h promises, by a clock of the test's own and queues that are simulated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "gauge.h"

static const int64_t second = NS_PER_SECOND;

/* A queue of a thousand bytes, and a sender that can be turned down by halves. */
struct simulation {
	struct gauge gauge;
	double used, sent_a_second, taken_a_second;
	int level;
	int64_t now_ns;
	uint32_t downs, backs;
};

static enum gauge_wish tick(struct simulation *s)
{
	enum gauge_wish wish;
	bool loses = false;

	s->now_ns += second;
	s->used += s->sent_a_second / (double)(1 << s->level) - s->taken_a_second;
	if (s->used > 1000) {
		loses = true;
		s->used = 1000;
	}
	if (s->used < 0)
		s->used = 0;
	wish = gauge_look(&s->gauge, s->used / 1000, loses, s->now_ns);
	if (wish == GAUGE_LESS && s->level < 10) {
		s->level++;
		s->downs++;
		gauge_moved(&s->gauge, wish, false);
	} else if (wish == GAUGE_MORE) {
		s->level--;
		s->backs++;
		gauge_moved(&s->gauge, wish, !s->level);
	}
	return wish;
}

static void run(struct simulation *s, int seconds)
{
	while (seconds--)
		tick(s);
}

static void a_queue_that_is_not_full_asks_for_nothing(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 90, .taken_a_second = 100 };

	s.used = 740;
	run(&s, 3600);
	assert_int_equal(s.downs + s.backs, 0);
}

static void a_short_rush_asks_for_nothing(void **state)
{
	struct simulation s = { .now_ns = second, .taken_a_second = 200 };

	s.used = 1000;
	run(&s, 600);
	assert_int_equal(s.downs + s.backs, 0);
}

static void a_queue_that_nobody_empties_asks_for_less_until_there_is_no_less(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 1000 };

	run(&s, 600);
	assert_int_equal(s.level, 10);
	assert_int_equal(s.downs, 10);
	assert_int_equal(s.backs, 0);
}

static void steps_down_are_some_seconds_apart(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 1000 };
	int64_t last_ns = 0;

	for (int i = 0; i < 60; i++) {
		uint32_t before = s.downs;

		tick(&s);
		if (s.downs == before)
			continue;
		assert_true(!last_ns || s.now_ns - last_ns >= gauge_step_ns);
		last_ns = s.now_ns;
	}
	assert_true(s.downs > 5);
}

static void when_it_is_emptied_again_all_steps_are_taken_back_one_by_one(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 100 };

	run(&s, 300);
	assert_int_equal(s.level, 10);
	s.taken_a_second = 1000;
	run(&s, 300);
	assert_int_equal(s.level, 0);
	assert_int_equal(s.backs, 10);
	assert_int_equal(s.downs, 10);
}

static void a_queue_that_empties_slowly_is_given_time(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 100, .taken_a_second = 60 };

	s.used = 1000;
	run(&s, 80);
	assert_int_equal(s.downs, 1); /* half of 100 is less than 60 */
}

/* Whatever the rates are, an hour sees few steps, and later hours fewer. */
static void it_does_not_swing(void **state)
{
	static const double taken[] = { 3, 11, 26, 49, 51, 70, 99 };

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct simulation s = { .now_ns = second,
					.sent_a_second = 100,
					.taken_a_second = taken[i] };
		uint32_t moves;

		run(&s, 6 * 3600);
		moves = s.downs + s.backs;
		assert_in_range(moves, 1, 100);
		run(&s, 6 * 3600);
		assert_in_range(s.downs + s.backs - moves, 0, 20);
	}
}

static void what_was_learnt_is_forgotten_when_it_has_done_without_for_long(void **state)
{
	struct simulation s = { .now_ns = second, .sent_a_second = 100, .taken_a_second = 60 };

	run(&s, 3600);
	assert_true(s.gauge.patience_ns > 0);
	s.taken_a_second = 1000;
	run(&s, 4 * 3600);
	assert_int_equal(s.level, 0);
	assert_int_equal(s.gauge.patience_ns, 0);
}

static void lost_rows_tell_of_a_queue_that_is_smaller_than_a_batch(void **state)
{
	struct gauge gauge = { 0 };
	enum gauge_wish wish = GAUGE_STAYS;

	for (int i = 1; i < 20 && wish == GAUGE_STAYS; i++)
		wish = gauge_look(&gauge, i % 2 ? 0 : 1.5, true, i * second);
	assert_int_equal(wish, GAUGE_LESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_that_is_not_full_asks_for_nothing),
		cmocka_unit_test(a_short_rush_asks_for_nothing),
		cmocka_unit_test(a_queue_that_nobody_empties_asks_for_less_until_there_is_no_less),
		cmocka_unit_test(steps_down_are_some_seconds_apart),
		cmocka_unit_test(when_it_is_emptied_again_all_steps_are_taken_back_one_by_one),
		cmocka_unit_test(a_queue_that_empties_slowly_is_given_time),
		cmocka_unit_test(it_does_not_swing),
		cmocka_unit_test(what_was_learnt_is_forgotten_when_it_has_done_without_for_long),
		cmocka_unit_test(lost_rows_tell_of_a_queue_that_is_smaller_than_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* What core/clock.h promises of a clock that is pretended, and what loops make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "loop.h"

static const int64_t begin_ns = 1700000000ll * NS_PER_SECOND;

static int forget(void **state)
{
	(void)state;
	clock_pretend(0);
	return 0;
}

static void a_pretended_clock_stands_still(void **state)
{
	int64_t monotonic_ns = clock_monotonic_ns();

	clock_pretend(begin_ns);
	clock_sleep_ns(NS_PER_MS);
	assert_int_equal(clock_wall_ns(), begin_ns);
	assert_int_equal(clock_timer_ns(), begin_ns);
	assert_true(clock_monotonic_ns() > monotonic_ns);
}

static void without_it_clocks_go_on(void **state)
{
	clock_pretend(begin_ns);
	clock_pretend(0);
	assert_true(clock_wall_ns() > begin_ns);
	assert_true(clock_timer_ns() <= clock_monotonic_ns());
}

static void count(void *data)
{
	++*(uint32_t *)data;
}

static void nothing(void *data)
{
	(void)data;
}

/* Two turns: timers run behind the tasks of a turn. */
static void let_pass(struct loop *loop, int64_t now_ns)
{
	clock_pretend(now_ns);
	assert_int_equal(loop_call(loop, nothing, NULL, 30ll * NS_PER_SECOND), 0);
	assert_int_equal(loop_call(loop, nothing, NULL, 30ll * NS_PER_SECOND), 0);
}

struct timers {
	struct loop *loop;
	struct loop_timer once, every;
};

static void set_timers(void *data)
{
	struct timers *timers = data;

	loop_timer_after(timers->loop, &timers->once, 3600ll * NS_PER_SECOND);
	loop_timer_every(timers->loop, &timers->every, 60ll * NS_PER_SECOND);
}

static void timers_of_loops_go_by_it(void **state)
{
	uint32_t once = 0, every = 0;
	struct timers timers = { .once = { .run = count, .data = &once },
				 .every = { .run = count, .data = &every } };

	clock_pretend(begin_ns);
	timers.loop = loop_create("pretended");
	assert_non_null(timers.loop);
	assert_int_equal(loop_start(timers.loop), 0);
	assert_int_equal(loop_call(timers.loop, set_timers, &timers, 30ll * NS_PER_SECOND), 0);
	let_pass(timers.loop, begin_ns + 59ll * NS_PER_SECOND);
	assert_true(every <= 1 && !once);
	let_pass(timers.loop, begin_ns + 119ll * NS_PER_SECOND);
	assert_true(every >= 1 && every <= 2 && !once);
	let_pass(timers.loop, begin_ns + 3600ll * NS_PER_SECOND);
	assert_int_equal(once, 1);
	assert_int_equal(loop_join(timers.loop, clock_monotonic_ns() + 30ll * NS_PER_SECOND), 0);
	loop_release(timers.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_pretended_clock_stands_still, forget),
		cmocka_unit_test_teardown(without_it_clocks_go_on, forget),
		cmocka_unit_test_teardown(timers_of_loops_go_by_it, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

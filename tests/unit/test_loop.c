// SPDX-License-Identifier: Apache-2.0
/* What core/loop.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sonde/plugin.h>
#include "loop.h"
#include "made.h"

static int64_t in_s(int64_t seconds)
{
	return clock_monotonic_ns() + seconds * NS_PER_SECOND;
}

static void join(struct loop *loop)
{
	assert_int_equal(loop_join(loop, in_s(10)), 0);
	loop_release(loop);
}

static void count_run(void *data)
{
	count_up(data);
}

static void count_ready(void *data, int fd, uint32_t events)
{
	count_up(data);
}

static void end_run(void *data)
{
	loop_end(data);
}

/* ---- tasks ------------------------------------------------------------------------------- */

static void a_task_runs_once_for_many_posts_that_come_before_it_runs(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;
	struct loop_task task = { .run = count_run, .data = &runs };
	struct loop_task end = { .run = end_run, .data = loop };

	for (int i = 0; i < 100; i++)
		loop_post(loop, &task);
	loop_post(loop, &end);
	loop_run(loop);
	assert_int_equal(runs, 1);
	loop_release(loop);
}

struct posting {
	struct loop *loop;
	struct loop_task task;
	uint32_t runs;
};

static void run_and_post_again(void *data)
{
	struct posting *posting = data;

	if (++posting->runs < 1000)
		loop_post(posting->loop, &posting->task);
	else
		loop_end(posting->loop);
}

static void a_task_may_post_itself_again(void **state)
{
	struct posting posting = { .loop = loop_create("test") };

	posting.task = (struct loop_task){ .run = run_and_post_again, .data = &posting };
	loop_post(posting.loop, &posting.task);
	loop_run(posting.loop);
	assert_int_equal(posting.runs, 1000);
	loop_release(posting.loop);
}

struct forever {
	struct loop *loop;
	struct loop_task task;
	struct loop_timer timer;
};

static void post_forever(void *data)
{
	struct forever *forever = data;

	loop_post(forever->loop, &forever->task);
}

static void tasks_that_never_end_do_not_keep_timers_and_fds_from_their_turn(void **state)
{
	struct forever forever = { .loop = loop_create("test") };
	struct loop_fd *watch = calloc(1, sizeof(*watch));
	uint32_t timer_runs = 0, fd_runs = 0;
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	forever.task = (struct loop_task){ .run = post_forever, .data = &forever };
	forever.timer = (struct loop_timer){ .run = count_run, .data = &timer_runs };
	*watch = (struct loop_fd){ .run = count_ready, .data = &fd_runs, .fd = pipes[0] };
	assert_int_equal(loop_watch(forever.loop, watch, SONDE_READABLE), 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	loop_timer_every(forever.loop, &forever.timer, NS_PER_MS);
	loop_post(forever.loop, &forever.task);
	assert_int_equal(loop_start(forever.loop), 0);
	assert_true(wait_for(&timer_runs, 3));
	assert_true(wait_for(&fd_runs, 3));
	assert_int_equal(loop_join(forever.loop, in_s(10)), 0);
	loop_watch_end(forever.loop, watch);
	loop_cancel(forever.loop, &forever.task);
	loop_release(forever.loop);
	close(pipes[0]);
	close(pipes[1]);
}

struct poster {
	struct loop *loop;
	struct loop_task *task;
};

static void *post_from_a_thread(void *data)
{
	struct poster *poster = data;

	for (int i = 0; i < 20000; i++)
		loop_post(poster->loop, poster->task);
	return NULL;
}

static void no_wake_up_is_lost_between_threads_that_post_and_a_loop_that_falls_asleep(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs[2] = { 0, 0 };
	struct loop_task tasks[2] = { { .run = count_run, .data = &runs[0] },
				      { .run = count_run, .data = &runs[1] } };
	struct poster posters[2] = { { loop, &tasks[0] }, { loop, &tasks[1] } };
	pthread_t threads[2];

	assert_int_equal(loop_start(loop), 0);
	for (int round = 0; round < 20; round++) {
		uint32_t before[2] = { __atomic_load_n(&runs[0], __ATOMIC_ACQUIRE),
				       __atomic_load_n(&runs[1], __ATOMIC_ACQUIRE) };

		clock_sleep_ns(NS_PER_MS); /* it sleeps now */
		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, post_from_a_thread, &posters[i]);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < 2; i++)
			assert_true(wait_for(&runs[i], before[i] + 1));
	}
	join(loop);
}

static void a_task_that_was_taken_back_does_not_run(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs[3] = { 0 };
	struct loop_task tasks[3];
	struct loop_task end = { .run = end_run, .data = loop };

	for (int i = 0; i < 3; i++) {
		tasks[i] = (struct loop_task){ .run = count_run, .data = &runs[i] };
		loop_post(loop, &tasks[i]);
	}
	loop_cancel(loop, &tasks[2]); /* the last, so that the end of the list moves */
	loop_cancel(loop, &tasks[0]);
	loop_cancel(loop, &tasks[0]); /* not posted any more: nothing happens */
	loop_post(loop, &end);
	loop_run(loop);
	assert_int_equal(runs[0], 0);
	assert_int_equal(runs[1], 1);
	assert_int_equal(runs[2], 0);
	loop_release(loop);
}

static void a_task_that_was_taken_back_can_be_posted_again(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;
	struct loop_task task = { .run = count_run, .data = &runs };
	struct loop_task end = { .run = end_run, .data = loop };

	loop_post(loop, &task);
	loop_cancel(loop, &task);
	loop_post(loop, &task);
	loop_post(loop, &end);
	loop_run(loop);
	assert_int_equal(runs, 1);
	loop_release(loop);
}

/* ---- timers ------------------------------------------------------------------------------ */

struct stamp {
	struct loop *loop;
	uint64_t turns[8]; /* in which it fired */
	uint32_t count, limit;
};

static void stamp_run(void *data)
{
	struct stamp *stamp = data;

	if (stamp->count < 8)
		stamp->turns[stamp->count++] = loop_turn_count(stamp->loop);
	if (stamp->count == stamp->limit)
		loop_end(stamp->loop);
}

static void timers_of_equal_interval_fire_together_whenever_they_were_set(void **state)
{
	struct loop *loop = loop_create("test");
	struct stamp early = { .loop = loop }, late = { .loop = loop, .limit = 4 };
	struct loop_timer first = { .run = stamp_run, .data = &early };
	struct loop_timer second = { .run = stamp_run, .data = &late };

	loop_timer_every(loop, &first, 20 * NS_PER_MS);
	clock_sleep_ns(7 * NS_PER_MS);
	loop_timer_every(loop, &second, 20 * NS_PER_MS);
	loop_run(loop);
	/* The first may have fired once before the second was set. */
	assert_in_range(early.count, 4, 5);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(late.turns[i], early.turns[early.count - 4 + i]);
	loop_release(loop);
}

static void a_timer_fires_once_and_not_before_its_time(void **state)
{
	struct loop *loop = loop_create("test");
	struct loop_timer timer = { .run = end_run, .data = loop };
	int64_t set_ns = clock_monotonic_ns();

	loop_timer_after(loop, &timer, 15 * NS_PER_MS);
	loop_run(loop);
	assert_true(clock_monotonic_ns() - set_ns >= 15 * NS_PER_MS);
	assert_int_equal(timer.due_ns, 0);
	loop_release(loop);
}

static void a_timer_that_was_ended_does_not_fire(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;
	struct loop_timer ended = { .run = count_run, .data = &runs };
	struct loop_timer last = { .run = end_run, .data = loop };

	loop_timer_after(loop, &ended, 0);
	loop_timer_end(loop, &ended);
	loop_timer_end(loop, &ended); /* twice is fine */
	loop_timer_after(loop, &last, 5 * NS_PER_MS);
	loop_run(loop);
	assert_int_equal(runs, 0);
	loop_release(loop);
}

static void a_timer_that_is_set_anew_fires_at_its_new_time_only(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;
	struct loop_timer moved = { .run = count_run, .data = &runs };
	struct loop_timer last = { .run = end_run, .data = loop };

	loop_timer_every(loop, &moved, NS_PER_MS);
	loop_timer_after(loop, &moved, 2 * NS_PER_MS);
	loop_timer_after(loop, &last, 20 * NS_PER_MS);
	loop_run(loop);
	assert_int_equal(runs, 1);
	loop_release(loop);
}

struct pair {
	struct loop *loop;
	struct loop_timer timers[2];
	uint32_t runs;
};

static void end_the_other(void *data)
{
	struct pair *pair = data;

	pair->runs++;
	loop_timer_end(pair->loop, &pair->timers[0]);
	loop_timer_end(pair->loop, &pair->timers[1]);
}

static void a_timer_may_end_itself_and_another_that_is_due_as_well(void **state)
{
	struct pair pair = { .loop = loop_create("test") };
	struct loop_timer last = { .run = end_run, .data = pair.loop };

	for (int i = 0; i < 2; i++) {
		pair.timers[i] = (struct loop_timer){ .run = end_the_other, .data = &pair };
		loop_timer_every(pair.loop, &pair.timers[i], NS_PER_MS);
	}
	loop_timer_after(pair.loop, &last, 10 * NS_PER_MS);
	loop_run(pair.loop);
	assert_int_equal(pair.runs, 1);
	loop_release(pair.loop);
}

static void an_interval_below_a_millisecond_is_one_millisecond(void **state)
{
	struct loop *loop = loop_create("test");
	struct loop_timer timer = { .run = end_run, .data = loop };

	loop_timer_every(loop, &timer, 1);
	assert_int_equal(timer.interval_ns, NS_PER_MS);
	loop_timer_end(loop, &timer);
	loop_release(loop);
}

static void an_idle_loop_hardly_wakes(void **state)
{
	struct loop *loop = loop_create("test");
	struct loop_timer timers[3];
	struct loop_timer last = { .run = end_run, .data = loop };
	uint32_t runs = 0;

	for (int i = 0; i < 3; i++) {
		timers[i] = (struct loop_timer){ .run = count_run, .data = &runs };
		loop_timer_every(loop, &timers[i], 50 * NS_PER_MS);
		clock_sleep_ns(NS_PER_MS);
	}
	loop_timer_after(loop, &last, 210 * NS_PER_MS);
	loop_run(loop);
	/* Five wake-ups, each with a turn that finds that there is nothing else. */
	assert_true(loop_turn_count(loop) <= 16);
	for (int i = 0; i < 3; i++)
		loop_timer_end(loop, &timers[i]);
	loop_release(loop);
}

/* ---- calls ------------------------------------------------------------------------------- */

struct held_up {
	uint32_t entered, leave;
};

static void hold_up(void *data)
{
	struct held_up *held_up = data;

	count_up(&held_up->entered);
	wait_for(&held_up->leave, 1);
}

static void a_call_runs_on_the_loop_and_is_waited_for(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;

	assert_int_equal(loop_start(loop), 0);
	assert_int_equal(loop_call(loop, count_run, &runs, NS_PER_SECOND), 0);
	assert_int_equal(runs, 1);
	assert_false(loop_is_current(loop));
	join(loop);
}

static void a_call_that_did_not_start_in_time_never_runs(void **state)
{
	struct loop *loop = loop_create("test");
	struct held_up held_up = { 0 };
	struct loop_task task = { .run = hold_up, .data = &held_up };
	uint32_t runs = 0;

	assert_int_equal(loop_start(loop), 0);
	loop_post(loop, &task);
	assert_true(wait_for(&held_up.entered, 1));
	assert_int_equal(loop_call(loop, count_run, &runs, 5 * NS_PER_MS), -ETIMEDOUT);
	count_up(&held_up.leave);
	assert_int_equal(loop_call(loop, count_run, &(uint32_t){ 0 }, 10ll * NS_PER_SECOND), 0);
	assert_int_equal(runs, 0);
	join(loop);
}

/* Data of a call that is left behind; its release says that it was. */
struct left {
	uint32_t *run_count;
};

static uint32_t left_run_count;
static bool left_released;

static void left_run(void *data)
{
	struct left *left = data;

	clock_sleep_ns(200ll * NS_PER_MS);
	++*left->run_count;
}

static void left_release(void *data)
{
	left_released = true;
	free(data);
}

static void left_look(void *data)
{
	(void)data;
}

static void a_call_that_does_not_return_in_time_is_left_behind_with_its_data(void **state)
{
	struct loop *loop = loop_create("test");
	struct left *left = calloc(1, sizeof(*left));

	left->run_count = &left_run_count;
	assert_int_equal(loop_start(loop), 0);
	assert_int_equal(loop_call_owned(loop, left_run, left_release, left, 10 * NS_PER_MS),
			 -EINPROGRESS);
	assert_int_equal(loop_call(loop, left_look, NULL, 10ll * NS_PER_SECOND), 0);
	assert_int_equal(left_run_count, 1); /* it came to its end, and its data went after that */
	assert_true(left_released);
	assert_int_equal(loop_join(loop, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	loop_release(loop);
}

static void a_call_that_a_loop_never_came_to_goes_with_the_loop(void **state)
{
	struct loop *loop = loop_create("test");
	uint32_t runs = 0;

	assert_int_equal(loop_call(loop, count_run, &runs, 0), -ETIMEDOUT);
	loop_release(loop); /* a leak is the sanitizer's to find */
	assert_int_equal(runs, 0);
}

static void a_callback_that_does_not_return_cannot_be_joined_until_it_does(void **state)
{
	struct loop *loop = loop_create("test");
	struct held_up held_up = { 0 };
	struct loop_task task = { .run = hold_up, .data = &held_up };

	assert_int_equal(loop_start(loop), 0);
	loop_post(loop, &task);
	assert_true(wait_for(&held_up.entered, 1));
	assert_int_equal(loop_join(loop, clock_monotonic_ns() + 5 * NS_PER_MS), -ETIMEDOUT);
	count_up(&held_up.leave);
	join(loop);
}

/* ---- fds --------------------------------------------------------------------------------- */

struct seen {
	struct loop *loop;
	struct loop_fd *watches[2];
	uint32_t runs, events;
};

static void see(void *data, int fd, uint32_t events)
{
	struct seen *seen = data;

	seen->runs++;
	seen->events |= events;
	loop_end(seen->loop);
}

static struct loop_fd *watch_of(void (*run)(void *, int, uint32_t), void *data, int fd)
{
	struct loop_fd *watch = calloc(1, sizeof(*watch));

	assert_non_null(watch);
	*watch = (struct loop_fd){ .run = run, .data = data, .fd = fd };
	return watch;
}

static void a_watched_fd_is_told_of_what_is_asked_for_and_of_its_end(void **state)
{
	struct seen seen = { .loop = loop_create("test") };
	struct loop_fd *watch;
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	watch = watch_of(see, &seen, pipes[0]);
	assert_int_equal(loop_watch(seen.loop, watch, SONDE_READABLE), 0);
	close(pipes[1]);
	loop_run(seen.loop);
	assert_int_equal(seen.runs, 1);
	assert_true(seen.events & SONDE_HANGUP);
	loop_watch_end(seen.loop, watch);
	loop_release(seen.loop);
	close(pipes[0]);
}

static void an_fd_that_cannot_be_watched_is_refused(void **state)
{
	struct loop *loop = loop_create("test");
	char path[] = "/tmp/sonde-loop-XXXXXX";
	int file = mkstemp(path);
	struct loop_fd *watch = watch_of(see, NULL, file);

	assert_int_equal(loop_watch(loop, watch, SONDE_READABLE), -EPERM);
	free(watch);
	unlink(path);
	close(file);
	loop_release(loop);
}

static void end_both(void *data, int fd, uint32_t events)
{
	struct seen *seen = data;

	seen->runs++;
	for (int i = 0; i < 2; i++)
		loop_watch_end(seen->loop, seen->watches[i]);
	loop_end(seen->loop);
}

static void a_watch_that_ended_is_not_told_even_of_what_was_ready_with_it(void **state)
{
	struct seen seen = { .loop = loop_create("test") };
	int pipes[2][2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
		seen.watches[i] = watch_of(end_both, &seen, pipes[i][0]);
		assert_int_equal(loop_watch(seen.loop, seen.watches[i], SONDE_READABLE), 0);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
	}
	loop_run(seen.loop);
	assert_int_equal(seen.runs, 1);
	loop_release(seen.loop);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_runs_once_for_many_posts_that_come_before_it_runs),
		cmocka_unit_test(a_task_may_post_itself_again),
		cmocka_unit_test(tasks_that_never_end_do_not_keep_timers_and_fds_from_their_turn),
		cmocka_unit_test(
			no_wake_up_is_lost_between_threads_that_post_and_a_loop_that_falls_asleep),
		cmocka_unit_test(a_task_that_was_taken_back_does_not_run),
		cmocka_unit_test(a_task_that_was_taken_back_can_be_posted_again),
		cmocka_unit_test(timers_of_equal_interval_fire_together_whenever_they_were_set),
		cmocka_unit_test(a_timer_fires_once_and_not_before_its_time),
		cmocka_unit_test(a_timer_that_was_ended_does_not_fire),
		cmocka_unit_test(a_timer_that_is_set_anew_fires_at_its_new_time_only),
		cmocka_unit_test(a_timer_may_end_itself_and_another_that_is_due_as_well),
		cmocka_unit_test(an_interval_below_a_millisecond_is_one_millisecond),
		cmocka_unit_test(an_idle_loop_hardly_wakes),
		cmocka_unit_test(a_call_runs_on_the_loop_and_is_waited_for),
		cmocka_unit_test(a_call_that_did_not_start_in_time_never_runs),
		cmocka_unit_test(a_call_that_does_not_return_in_time_is_left_behind_with_its_data),
		cmocka_unit_test(a_call_that_a_loop_never_came_to_goes_with_the_loop),
		cmocka_unit_test(a_callback_that_does_not_return_cannot_be_joined_until_it_does),
		cmocka_unit_test(a_watched_fd_is_told_of_what_is_asked_for_and_of_its_end),
		cmocka_unit_test(an_fd_that_cannot_be_watched_is_refused),
		cmocka_unit_test(a_watch_that_ended_is_not_told_even_of_what_was_ready_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* All loops held between two callbacks, so that what they share may be changed. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "pause.h"

/* Whoever is held waits no longer than this for the others; those that are in a long callback are
 * waited for before. */
static const int64_t pause_longest_ns = NS_PER_SECOND;
enum { PAUSE_TRIES = 3 };

/* Where one loop is held. */
struct pause_point {
	struct loop_task task;
	struct pause *pause;
	bool held;
};

/* On the heap: a thread that is held up in a callback may come to it after we have gone on. */
struct pause {
	pthread_mutex_t mutex;
	pthread_cond_t arrived, over;
	uint32_t held_count, count;
	uint32_t users; /* the caller, and the loops that have not come by */
	bool ended;
	struct pause_point points[];
};

/* Locked; unlocks. */
static void pause_leave(struct pause *pause)
{
	bool last = --pause->users == 0;

	pthread_mutex_unlock(&pause->mutex);
	if (!last)
		return;
	pthread_cond_destroy(&pause->arrived);
	pthread_cond_destroy(&pause->over);
	pthread_mutex_destroy(&pause->mutex);
	free(pause);
}

static void pause_hold(void *data)
{
	struct pause_point *point = data;
	struct pause *pause = point->pause;

	pthread_mutex_lock(&pause->mutex);
	point->held = true;
	pause->held_count++;
	pthread_cond_signal(&pause->arrived);
	while (!pause->ended)
		pthread_cond_wait(&pause->over, &pause->mutex);
	pause_leave(pause);
}

static struct pause *pause_create(uint32_t count)
{
	struct pause *pause = calloc(1, sizeof(*pause) + count * sizeof(*pause->points));

	if (!pause)
		return NULL;
	pause->count = count;
	pause->users = count + 1;
	pthread_mutex_init(&pause->mutex, NULL);
	pthread_cond_init(&pause->over, NULL);
	clock_condition_init(&pause->arrived);
	return pause;
}

static int pause_try(struct loop *const *loops, uint32_t count, int64_t timeout_ns,
		     struct pause **ret_pause, uint32_t *ret_stuck)
{
	struct timespec deadline = clock_timespec(clock_monotonic_ns() + timeout_ns);
	struct pause *pause = pause_create(count);
	int error = 0;

	if (!pause)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct pause_point *point = &pause->points[i];

		point->pause = pause;
		point->task = (struct loop_task){ .run = pause_hold, .data = point };
		loop_post(loops[i], &point->task);
	}
	pthread_mutex_lock(&pause->mutex);
	while (pause->held_count < count && !error)
		error = pthread_cond_timedwait(&pause->arrived, &pause->mutex, &deadline);
	if (pause->held_count == count) {
		pthread_mutex_unlock(&pause->mutex);
		*ret_pause = pause;
		return 0;
	}
	*ret_stuck = 0;
	while (pause->points[*ret_stuck].held)
		++*ret_stuck;
	pthread_mutex_unlock(&pause->mutex);
	pause_end(pause);
	return -ETIMEDOUT;
}

static void do_nothing(void *data)
{
	(void)data;
}

/* Whether all come to their next callback within the time; nobody waits for anybody. */
static int loops_answer(struct loop *const *loops, uint32_t count, int64_t timeout_ns,
			uint32_t *ret_stuck)
{
	int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;

	for (uint32_t i = 0; i < count; i++) {
		int64_t left_ns = deadline_ns - clock_monotonic_ns();
		int result = loop_call_owned(loops[i], do_nothing, NULL, NULL,
					     left_ns > 0 ? left_ns : 0);

		if (result) {
			*ret_stuck = i;
			return result == -ENOMEM ? result : -ETIMEDOUT;
		}
	}
	return 0;
}

int pause_begin(struct loop *const *loops, uint32_t count, int64_t timeout_ns,
		struct pause **ret_pause, uint32_t *ret_stuck)
{
	int result = -ETIMEDOUT;

	for (uint32_t i = 0; i < PAUSE_TRIES && result == -ETIMEDOUT; i++) {
		result = loops_answer(loops, count, timeout_ns, ret_stuck);
		if (result)
			return result;
		result = pause_try(loops, count, pause_longest_ns, ret_pause, ret_stuck);
	}
	return result;
}

void pause_end(struct pause *pause)
{
	pthread_mutex_lock(&pause->mutex);
	pause->ended = true;
	pthread_cond_broadcast(&pause->over);
	pause_leave(pause);
}

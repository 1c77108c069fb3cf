/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: monotonic for intervals, wall clock for stamps. */
#include <errno.h>
#include <time.h>

#include "clock.h"

static int64_t pretended_ns; /* atomic; 0: none */

static int64_t clock_read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
	int64_t pretended = __atomic_load_n(&pretended_ns, __ATOMIC_ACQUIRE);

	return pretended ? pretended : clock_read_ns(CLOCK_REALTIME);
}

int64_t clock_timer_ns(void)
{
	int64_t pretended = __atomic_load_n(&pretended_ns, __ATOMIC_ACQUIRE);

	return pretended ? pretended : clock_monotonic_ns();
}

void clock_pretend(int64_t wall_ns)
{
	__atomic_store_n(&pretended_ns, wall_ns, __ATOMIC_RELEASE);
}

struct timespec clock_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };
}

void clock_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

void clock_sleep_ns(int64_t ns)
{
	struct timespec left = clock_timespec(ns);

	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: monotonic for intervals, wall clock for stamps. */
#include <errno.h>
#include <time.h>

#include "clock.h"

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
	return clock_read_ns(CLOCK_REALTIME);
}

void clock_sleep_ns(int64_t ns)
{
	struct timespec left = { .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };

	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

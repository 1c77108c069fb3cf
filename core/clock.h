/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: monotonic for intervals, wall clock for stamps. */
#ifndef SONDE_CLOCK_H
#define SONDE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000 };

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);

/* What the timers of loops go by: monotonic. */
int64_t clock_timer_ns(void);

/* From now on the wall clock and the one of timers show this time and stand still, which is how
 * recorded rows are taken as they were when they came. 0: they go on as they are. Loops see it in
 * their next turn. */
void clock_pretend(int64_t wall_ns);

/* The same as the system calls take it. */
struct timespec clock_timespec(int64_t ns);

/* A condition whose deadlines are monotonic. */
void clock_condition_init(pthread_cond_t *condition);

/* Sleeps on the calling thread. */
void clock_sleep_ns(int64_t ns);

#endif

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

/* The same as the system calls take it. */
struct timespec clock_timespec(int64_t ns);

/* A condition whose deadlines are monotonic. */
void clock_condition_init(pthread_cond_t *condition);

/* Sleeps on the calling thread. */
void clock_sleep_ns(int64_t ns);

#endif

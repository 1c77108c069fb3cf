/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: monotonic for intervals, wall clock for stamps. */
#ifndef SONDE_CLOCK_H
#define SONDE_CLOCK_H

#include <stdint.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000 };

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);

/* Sleeps on the calling thread. */
void clock_sleep_ns(int64_t ns);

#endif

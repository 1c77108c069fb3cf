/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes on one CPU that wake each other in turn, and what a round trip took. */
#ifndef BENCH_SCHEDULER_MEASURE_H
#define BENCH_SCHEDULER_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

struct pair {
	pid_t driver;
	int to, from; /* pipes to the driver */
};

/* Starts both on the CPU. They end with pair_stop or with their parent. Exits on failure. */
struct pair pair_start(int cpu);
void pair_stop(struct pair *pair);

/* Sends a byte there and back `trips` times, after a warm-up, in 20 parts: two wake-ups and two
 * switches each. Returns the CPU time of both for a round trip, ns, in the part that is quicker
 * than three quarters of them. */
double pair_measure(struct pair *pair, uint32_t trips);

#endif

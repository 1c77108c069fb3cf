/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark of the way from the rings into batches. */
#ifndef BENCH_SYSCALLS_CONSUME_H
#define BENCH_SYSCALLS_CONSUME_H

void consume_run(void);

#endif

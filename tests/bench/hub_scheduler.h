/* SPDX-License-Identifier: Apache-2.0 */
/* The input `scheduler`, for a benchmark that has another input's probe too. */
#ifndef BENCH_HUB_SCHEDULER_H
#define BENCH_HUB_SCHEDULER_H

#include <stdbool.h>

bool hub_scheduler_open(void); /* says why on stderr and returns false where it cannot */
void hub_scheduler_close(void);
void hub_scheduler_set(bool on); /* exits on failure */

#endif

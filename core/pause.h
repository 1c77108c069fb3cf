/* SPDX-License-Identifier: Apache-2.0 */
/* All loops held between two callbacks, so that what they share may be changed. */
#ifndef SONDE_PAUSE_H
#define SONDE_PAUSE_H

#include "loop.h"

struct pause;

/* Holds the threads of loops that run, none of them the caller's; the others run on while it waits
 * for those that are in a callback. -ETIMEDOUT: the one at
 * *ret_stuck did not come to its next callback in time, and none is held. -ENOMEM. */
int pause_begin(struct loop *const *loops, uint32_t count, int64_t timeout_ns,
		struct pause **ret_pause, uint32_t *ret_stuck);

/* Lets them go on. */
void pause_end(struct pause *pause);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The pulse of loops: which of them has been in the same turn for longest, and so may be stuck. */
#ifndef SONDE_PULSE_H
#define SONDE_PULSE_H

#include "loop.h"

/* A loop as it was when it was looked at last. */
struct pulse_loop {
	const struct loop *loop;
	uint64_t turn_count;
	int64_t since_ns; /* first look that saw it in this turn, monotonic; 0: it was in none */
};

/* Zeroed, it has seen none. */
struct pulse {
	struct pulse_loop *loops;
	uint32_t count;
};

void pulse_release(struct pulse *pulse);

/* Looks at the loops, which may be others than before. How long the slowest has been seen in the
 * turn that it is in; 0: every one has come around since the last look, or sleeps. *ret_slowest is
 * then untouched. -ENOMEM. */
int64_t pulse_look(struct pulse *pulse, struct loop *const *loops, uint32_t count, int64_t now_ns,
		   const struct loop **ret_slowest);

#endif

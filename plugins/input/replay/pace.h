/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a recording is played: when what happened then is due now. */
#ifndef SONDE_REPLAY_PACE_H
#define SONDE_REPLAY_PACE_H

#include <stdint.h>

struct pace {
	double factor;       /* times as fast as it was recorded; 0: as fast as it is taken */
	int64_t recorded_ns; /* of the recording's time, */
	int64_t played_ns;   /* which was played then, by the caller's clock */
};

/* "recorded", "full", or a factor from 0.001 to 1,000,000 such as "10x". -EINVAL. */
int pace_parse(const char *text, double *ret_factor);

/* From now on: what was recorded at `recorded_ns` is due at `now_ns`. */
void pace_begin(struct pace *pace, double factor, int64_t recorded_ns, int64_t now_ns);

/* Another factor from now on, without a jump: what is due next was recorded at `next_ns`. */
void pace_change(struct pace *pace, double factor, int64_t next_ns, int64_t now_ns);

/* How long to wait until what was recorded then is due; 0: it is. */
int64_t pace_wait(const struct pace *pace, int64_t recorded_ns, int64_t now_ns);

#endif

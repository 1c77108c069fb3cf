/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What every program of sonde counts for itself, in a block of its CPU: runs, cost, losses. */
#ifndef SONDE_BPF_CPU_H
#define SONDE_BPF_CPU_H

#include <linux/types.h>

/* Why a program could not hand over what it had. */
enum sonde_kernel_loss {
	SONDE_KERNEL_LOSS_RING_FULL,    /* the reader was too slow for this CPU's ring */
	SONDE_KERNEL_LOSS_MAP_FULL,     /* no memory for the state of one more task */
	SONDE_KERNEL_LOSS_FAULT,        /* memory that had to be read could not be */
	SONDE_KERNEL_LOSS_RATE_LIMITED, /* more events than the knob allows this CPU in a second */
	SONDE_KERNEL_LOSS_COUNT,
};

/* One program's own account. `runs` counts all runs, one in SONDE_METER_EVERY of them is clocked.
 */
struct sonde_meter {
	__u64 runs;
	__u64 clocked_runs;
	__u64 clocked_ns; /* sum over the clocked runs, the clock's own price included */
};

#define SONDE_METER_EVERY 1024 /* a power of two */

/* The state of a choice of one in N (sonde_choose); zeros are a good start. */
struct sonde_choice {
	__u32 left;   /* until the next one chosen; 0: not drawn yet */
	__u32 random; /* a number generator's state */
};

/* The state of this CPU's side of a ring. */
struct sonde_ring_state {
	__u64 events;          /* records handed over since the load */
	__u64 bytes;           /* the same in bytes, record headers included */
	__u64 limit_start_ns;  /* monotonic time when the second that is being counted began */
	__u32 limit_events;    /* events in that second */
	__u32 unchecked_bytes; /* handed over since the fill was last compared with the watermark */
};

#endif

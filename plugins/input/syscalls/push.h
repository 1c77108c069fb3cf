/* SPDX-License-Identifier: Apache-2.0 */
/* What pipelines ask of the input that its programs can do, in the words of their settings. */
#ifndef SYSCALLS_PUSH_H
#define SYSCALLS_PUSH_H

#include <sonde/plugin.h>

#include "asked.h"
#include "probe.h"

/* Columns that groups may be made by, and what measures may be made of. */
enum push_by { PUSH_BY_CGROUP = 1, PUSH_BY_PROCESS = 2, PUSH_BY_NAME = 4, PUSH_BY_COMPAT = 8 };
enum push_what { PUSH_CALLS = 1, PUSH_ERRORS, PUSH_DURATION, PUSH_DURATION_SUM };

enum { PUSH_MEASURES = 16 };

struct push_measure {
	const char *name; /* of its column: the ask's */
	uint32_t what;    /* enum push_what */
};

/* An aggregate that is made in the kernel. */
struct push_fold {
	int64_t window_ns; /* 0: none is asked */
	uint32_t by;       /* enum push_by, together */
	uint32_t measure_count;
	struct push_measure measures[PUSH_MEASURES];
};

/* What holds besides the options. Zeros: nothing is asked. */
struct push {
	struct asked_targets targets;
	bool has_calls; /* only those that are set */
	bool calls[SONDE_SYSCALL_INDEXES];
	uint64_t minimum_duration_ns;
	bool errors_only;
	uint32_t sample_one_in; /* 0: every event goes on */
	struct push_fold fold;
};

/* What rows the input makes, as far as it matters here. */
struct push_shape {
	bool events, aggregates;
	bool per_process; /* aggregates are grouped so */
	bool whole;       /* every call that is wanted is timed and becomes an event */
};

/* Fills `ret_push` with what can be done exactly, and the bits of those asks. */
uint64_t push_take(const struct sonde_asks *asks, struct push_shape shape, struct push *ret_push);

/* Narrows a list of calls, of which none means all, down to those that are asked for too. False:
 * nothing is left. */
bool push_calls(const struct push *push, uint32_t calls[SONDE_SYSCALL_INDEXES], uint32_t *count);

/* Narrows down all other settings, but for targets. */
void push_apply(const struct push *push, struct probe_settings *settings);

#endif

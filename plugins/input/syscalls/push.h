/* SPDX-License-Identifier: Apache-2.0 */
/* What pipelines ask of the input that its programs can do, in the words of their settings. */
#ifndef SYSCALLS_PUSH_H
#define SYSCALLS_PUSH_H

#include <sonde/plugin.h>

#include "probe.h"

enum { PUSH_IDS = 64 }; /* cgroups or processes of all conditions together */

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
	bool has_calls, has_cgroups, has_tgids; /* only those that the lists name */
	bool calls[SONDE_SYSCALL_INDEXES];
	uint64_t cgroup_ids[PUSH_IDS];
	uint32_t tgids[PUSH_IDS];
	uint32_t cgroup_count, tgid_count;
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

/* Narrows settings down to what is asked as well. `room` keeps the lists. False: nothing is left
 * that both the options and the asks let through. */
struct push_room {
	uint64_t cgroup_ids[PUSH_IDS];
	uint32_t tgids[PUSH_IDS];
	uint32_t calls[SONDE_SYSCALL_INDEXES];
};
bool push_apply(const struct push *push, struct probe_settings *settings, struct push_room *room);

#endif

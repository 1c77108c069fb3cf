/* SPDX-License-Identifier: Apache-2.0 */
/* What pipelines ask of the input that its programs can do, in the words of their settings. */
#ifndef SYSCALLS_PUSH_H
#define SYSCALLS_PUSH_H

#include <sonde/plugin.h>

#include "probe.h"

enum { PUSH_IDS = 64 }; /* cgroups or processes of all conditions together */

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
};

/* What rows the input makes, as far as it matters here. */
struct push_shape {
	bool events, aggregates;
	bool per_process; /* aggregates are grouped so */
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

/* SPDX-License-Identifier: Apache-2.0 */
/* What was counted since the last reading: the kernel's cumulative slots, less what they held then.
 */
#ifndef SYSCALLS_AGGREGATE_H
#define SYSCALLS_AGGREGATE_H

#include "probe.h"

struct aggregate;

/* The calls of one kind that one group made since the last reading. */
struct aggregate_delta {
	uint64_t calls;
	uint64_t timed;       /* of them, with a duration: the sum of the buckets */
	uint64_t duration_ns; /* of the timed ones together */
	uint64_t error_count; /* the sum of the errors */
	uint64_t errors[SONDE_SYSCALL_ERRORS];
	uint64_t buckets[SONDE_SYSCALL_BUCKETS];
};

/* Who made them. */
struct aggregate_group {
	uint64_t cgroup_id; /* 0: the group of all that found no room, or that are not told apart */
	uint32_t tgid;      /* 0 unless grouped by process */
	const char *comm;   /* ends with a zero, empty unless grouped by process */
	const char *path;   /* of the cgroup; NULL: it was gone before it could be asked */
};

typedef void aggregate_callback(void *context, const struct aggregate_group *group,
				uint32_t call_index, const struct aggregate_delta *delta);

/* The probe must be open and outlive it. NULL: no memory. */
struct aggregate *aggregate_create(struct probe *probe);
void aggregate_free(struct aggregate *aggregate);

/* Calls back for each (group, call) with calls since the last reading; returns how many calls that
 * was. top, unless it is 0: only for so many, those with most calls, and once more for all others
 * together. Groups that were silent for a while are given up afterwards, so that others find room.
 */
uint64_t aggregate_read(struct aggregate *aggregate, uint32_t top, aggregate_callback *callback,
			void *context);

/* How many groups and slots are in use. */
void aggregate_fill(const struct aggregate *aggregate, uint32_t *ret_groups, uint32_t *ret_slots);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What was counted since the last reading: the kernel's cumulative slots, less what they held then.
 */
#ifndef SCHEDULER_AGGREGATE_H
#define SCHEDULER_AGGREGATE_H

#include "probe.h"

struct aggregate;

/* Who waited, or ran. */
struct aggregate_who {
	uint64_t cgroup_id; /* 0: not known, or the group of all that found no room */
	uint32_t tgid;      /* 0 unless grouped by process */
	const char *comm;   /* ends with a zero; NULL: not known, or not grouped by process */
	const char *path;   /* of the cgroup; NULL: it was gone before it could be asked */
};

/* What the tasks of one group did since the last reading. */
struct aggregate_delta {
	uint64_t waits;    /* that ended */
	uint64_t timed;    /* of them, with a delay: the sum of the buckets */
	uint64_t delay_ns; /* of the timed ones together */
	uint64_t ns[SONDE_SCHEDULER_STATES];
	uint64_t voluntary, forced;
	uint64_t buckets[SONDE_SCHEDULER_BUCKETS];
};

/* Whom tasks of one group waited for. */
struct aggregate_wait {
	enum sonde_scheduler_culprit kind; /* SONDE_SCHEDULER_CULPRITS: the one that is named */
	struct aggregate_who culprit;
	struct sonde_scheduler_wait delta;
};

struct aggregate_callbacks {
	void (*group)(void *context, const struct aggregate_who *who,
		      const struct aggregate_delta *delta);
	void (*wait)(void *context, const struct aggregate_who *who,
		     const struct aggregate_wait *wait);
	void *context;
};

/* The probe must be open and outlive it. NULL: no memory. */
struct aggregate *aggregate_create(struct probe *probe);
void aggregate_free(struct aggregate *aggregate);

/* Calls back for each group for which something was counted since the last reading, and for each
 * that it waited for; returns how many waits ended. top, unless it is 0: only for so many groups,
 * those that waited longest, and once more for all others together. Groups that were silent for a
 * while are given up afterwards, so that others find room. */
uint64_t aggregate_read(struct aggregate *aggregate, uint32_t top,
			const struct aggregate_callbacks *callbacks);

/* How many groups and pairs are in use. */
void aggregate_fill(const struct aggregate *aggregate, uint32_t *ret_groups, uint32_t *ret_pairs);

#endif

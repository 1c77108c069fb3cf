/* SPDX-License-Identifier: Apache-2.0 */
/* What happened since the last reading, added up by cgroup. */
#ifndef PROCESSES_COUNTS_H
#define PROCESSES_COUNTS_H

#include <sonde/processes.h>

enum { COUNTS_BUCKETS = 513 }; /* at scale 3: all that 64 bits can hold */

struct counts_group {
	uint64_t cgroup_id; /* 0: all that found no room */
	uint64_t events;
	uint64_t forks, execs, exits, failures, signals;
	uint64_t lifetime_ns, user_ns, system_ns;
	uint64_t buckets[COUNTS_BUCKETS]; /* of lifetimes; their first is COUNTS_FIRST_BUCKET */
};

#define COUNTS_FIRST_BUCKET (-1)

struct counts {
	struct counts_group *groups; /* limit of them; the first is "other" */
	uint32_t *places;            /* hash: twice as many as groups; 0: free */
	uint32_t limit, used;
	uint32_t place_count;
};

/* -ENOMEM. counts_close may follow in any case. */
int counts_open(struct counts *counts, uint32_t limit);
void counts_close(struct counts *counts);

void counts_add(struct counts *counts, const struct sonde_process_event *event);

/* Forgets all groups, once they have been read. */
void counts_clear(struct counts *counts);

#endif

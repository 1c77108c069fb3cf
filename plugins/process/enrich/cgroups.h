/* SPDX-License-Identifier: Apache-2.0 */
/* Which container, pod and unit a row is about, by its cgroup. */
#ifndef ENRICH_CGROUPS_H
#define ENRICH_CGROUPS_H

#include "facts.h"
#include "index.h"
#include "origin.h"
#include "processes.h"

enum cgroup_column {
	CGROUP_PATH,
	CGROUP_CONTAINER_ID,
	CGROUP_CONTAINER_RUNTIME,
	CGROUP_POD_UID,
	CGROUP_UNIT,
	CGROUP_SLICE,
	CGROUP_COLUMNS,
};

extern const struct sonde_field cgroup_fields[CGROUP_COLUMNS];

enum { CGROUP_RECENT = 256 };

struct cgroups {
	int places[CGROUP_COLUMNS]; /* among the facts; -1: not wanted */
	struct facts facts;
	struct index by_id, by_path;
	uint32_t entry_limit;
	uint32_t unknown; /* the entry of those that are gone */
	struct {
		uint64_t id;
		uint32_t entry, batch; /* that used it */
	} recent_ids[CGROUP_RECENT];
	struct {
		uint32_t code, batch, entry;
	} recent_codes[CGROUP_RECENT]; /* of the path's column in one batch */
	uint64_t found_count, missed_count, begun_anew_count;
};

/* -ENOMEM. cgroups_close() follows in any case. */
int cgroups_open(struct cgroups *cgroups, struct sonde_instance *instance,
		 const bool wanted[CGROUP_COLUMNS], uint32_t entry_limit);
void cgroups_close(struct cgroups *cgroups);

/* Finds the cgroup of each row: by its path, its id, or, where they were found, the id that its
 * process had (processes may be NULL). 0: nothing can be said of any; 1: facts.places are set;
 * -ENOMEM. */
int cgroups_look_up(struct cgroups *cgroups, const struct sonde_batch *batch,
		    const struct origin_columns *columns, const struct processes *processes);

size_t cgroups_bytes(const struct cgroups *cgroups);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which process a row is about, by the process table of lib/kernel. */
#ifndef ENRICH_PROCESSES_H
#define ENRICH_PROCESSES_H

#include <sonde/processes.h>

#include "facts.h"
#include "origin.h"
#include "users.h"

/* Columns that a process may have, and where they stand among the facts; -1: it is not wanted. */
enum process_column {
	PROCESS_EXECUTABLE_NAME,
	PROCESS_EXECUTABLE_PATH,
	PROCESS_COMMAND,
	PROCESS_COMMAND_LINE,
	PROCESS_COMMAND_ARGS,
	PROCESS_PARENT_PID,
	PROCESS_PARENT_EXECUTABLE_NAME,
	PROCESS_REAL_USER_ID,
	PROCESS_REAL_USER_NAME,
	PROCESS_START_TIME,
	PROCESS_COLUMNS,
};

extern const struct sonde_field process_fields[PROCESS_COLUMNS];

/* What is remembered of an entry besides its values. What each row looks at stands in front. */
struct known_process {
	uint32_t tgid;                           /* of the key */
	uint32_t used;                           /* the last batch that used it, if it was found */
	uint64_t start_ns;                       /* of the key; 0: asked by pid alone */
	uint64_t since_ns;                       /* when the entry begins to hold, boottime */
	uint64_t lasts_ns;                       /* how long; UINT64_MAX - since_ns: for good */
	const struct sonde_process_image *image; /* held until it has ended */
	uint64_t image_start_ns;                 /* of the process that was found */
	uint64_t cgroup_id;                      /* 0: not known */
	uint32_t batch; /* in which lasts_ns was looked at; if it was not found: which it is for */
	bool found;
};

struct processes {
	struct sonde_instance *instance;
	struct sonde_processes *table;
	const struct users *users;
	uint32_t users_version; /* that names are of */
	int places[PROCESS_COLUMNS];
	struct facts facts;
	struct known_process *known; /* by entry */
	uint32_t known_capacity;
	uint32_t *slots; /* entries by hash of (tgid, start) */
	uint32_t slot_count;
	uint32_t entry_limit;
	int64_t swept_ns; /* monotonic: when images that have ended were let go last */
	uint64_t found_count, missed_count, begun_anew_count;
};

/* wanted: of each column whether it is. Takes the table. A negative errno and a message: it cannot
 * be had, or -ENOMEM. processes_close() follows in any case. */
int processes_open(struct processes *processes, struct sonde_instance *instance,
		   const bool wanted[PROCESS_COLUMNS], const struct users *users,
		   uint32_t entry_limit, char *message, size_t message_bytes);
void processes_close(struct processes *processes);

/* Finds the process of each row. 0: nothing can be said of any; 1: facts.places are set; -ENOMEM.
 */
int processes_look_up(struct processes *processes, const struct sonde_batch *batch,
		      const struct origin_columns *columns, int64_t offset_ns);

size_t processes_bytes(const struct processes *processes);

#endif

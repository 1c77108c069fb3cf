/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the input `processes`, and the tables that describe them. */
#ifndef PROCESSES_ROWS_H
#define PROCESSES_ROWS_H

#include <sonde/plugin.h>

enum { SCHEMA_COUNTS, SCHEMA_EVENT }; /* indexes into rows_schemas */

/* What happened to the processes of a cgroup in an interval. */
struct counts_row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id;
	uint32_t cgroup; /* code of its path */
	uint32_t reserved;
	uint64_t fork_count, exec_count, exit_count;
	uint64_t failure_count, signal_count; /* of the exits */
	struct sonde_exponential lifetime;
	double user_s, system_s; /* CPU time of those that ended */
	uint64_t event_count;
};

/* One thing that happened to one process. */
struct event_row {
	int64_t time_ns, start_time_ns, parent_start_time_ns;
	uint64_t cgroup_id;
	uint32_t name; /* codes of texts, if nothing else is said */
	uint32_t cgroup;
	uint32_t tgid, parent_tgid, session_id;
	uint32_t command, executable, command_line, arguments;
	uint32_t user_id, user, group_id;
	int32_t exit_code;
	uint32_t signal;
	uint32_t weight;
	bool truncated, core_dumped;
	uint64_t duration_ns; /* from here on, of exits only */
	uint64_t user_ns, system_ns;
	uint64_t resident_bytes;
	uint64_t minor_faults, major_faults;
	uint64_t voluntary_switches, involuntary_switches;
	uint64_t read_bytes, written_bytes;
};

/* Fields that code needs by index. */
enum { COUNTS_CGROUP = 3, COUNTS_LIFETIME = 9 };
enum {
	EVENT_CGROUP = 5,
	EVENT_EXECUTABLE = 9,
	EVENT_COMMAND_LINE,
	EVENT_ARGUMENTS,
	EVENT_TRUNCATED,
	EVENT_USER = 14,
	EVENT_EXIT_CODE = 17,
	EVENT_SIGNAL,
	EVENT_CORE_DUMPED,
	EVENT_DURATION,
	EVENT_USAGE,                  /* the first of them */
	EVENT_READ = EVENT_USAGE + 7, /* of storage; this and the next */
	EVENT_USAGE_END = EVENT_READ + 2,
};

extern const struct sonde_schema rows_schemas[];

#endif

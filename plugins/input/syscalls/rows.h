/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the input `syscalls`, and the tables that describe them. */
#ifndef SYSCALLS_ROWS_H
#define SYSCALLS_ROWS_H

#include <sonde/plugin.h>

enum { SCHEMA_CALLS, SCHEMA_ERRORS, SCHEMA_EVENT, SCHEMA_DETAIL }; /* indexes into rows_schemas */

/* The calls of one kind that a cgroup (or one of its processes) made in an interval. */
struct calls_row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id;
	uint32_t cgroup;  /* code of its path */
	uint32_t process; /* pid; 0: grouped by cgroup alone */
	uint32_t command; /* code; null likewise */
	uint32_t call;    /* code of the call's name */
	uint64_t call_count, error_count;
	struct sonde_exponential duration;
	bool compat;
};

/* The calls among them that failed with one error. */
struct errors_row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id;
	uint32_t cgroup, process, command, call;
	uint64_t call_count;
	uint64_t events; /* 0: the calls are counted in the other schema already */
	uint32_t error;  /* code of the error's name */
	bool compat;
};

/* Fields that code needs by index. */
enum { CALLS_CGROUP = 3, CALLS_COMMAND = 5, CALLS_CALL = 6, CALLS_DURATION = 10 };
enum { ERRORS_CGROUP = 3, ERRORS_COMMAND = 5, ERRORS_CALL = 6, ERRORS_ERROR = 8 };
enum { EVENT_CALL = 5, EVENT_ERROR = 7, EVENT_DURATION = 9, DETAIL_TEXT = 17 };

extern const struct sonde_schema rows_schemas[];

#endif

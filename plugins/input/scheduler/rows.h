/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the input `scheduler`, and the tables that describe them. */
#ifndef SCHEDULER_ROWS_H
#define SCHEDULER_ROWS_H

#include <sonde/plugin.h>

enum { SCHEMA_GROUP, SCHEMA_WAIT, SCHEMA_EVENT }; /* indexes into rows_schemas */

/* Who waited, ran or slept. */
struct who_row {
	uint64_t cgroup_id;
	uint32_t cgroup;  /* code of its path */
	uint32_t process; /* pid; 0: grouped by cgroup alone */
	uint32_t command; /* code; null likewise */
	uint32_t reserved;
};

/* What the tasks of a cgroup (or one of its processes) did in an interval. */
struct group_row {
	int64_t time_ns, start_time_ns;
	struct who_row who;
	uint64_t waits;
	struct sonde_exponential delay;
	uint64_t running_ns, preempted_ns, woken_ns, sleeping_ns, disk_ns, blocked_ns;
	uint64_t voluntary, forced;
};

/* Whom they waited for. */
struct wait_row {
	int64_t time_ns, start_time_ns;
	struct who_row who, culprit;
	uint64_t wait_ns, turns, preemptions;
	uint64_t events; /* 0: the waits are counted in the other schema already */
	uint32_t kind;   /* code */
};

/* One wait of one task. */
struct event_row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id, previous_cgroup_id;
	uint64_t delay_ns;
	uint32_t tgid, tid, name; /* name: code of the thread's command */
	uint32_t previous_tgid, previous_tid, previous_name;
	uint32_t cpu, weight;
	bool preempted, throttled;
};

/* Fields that code needs by index; those of `who` follow one another. */
enum { WHO_ID, WHO_PATH, WHO_PID, WHO_COMMAND, WHO_FIELDS };
enum { GROUP_WHO = 2, GROUP_DELAY = 7 };
enum { WAIT_WHO = 2, WAIT_CULPRIT = 7 };
enum { EVENT_PREVIOUS_NAME = 10 };

extern const struct sonde_schema rows_schemas[];

#endif

// SPDX-License-Identifier: Apache-2.0
/* Describes the rows of the input `scheduler`. */
#include "rows.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

#define GROUP(member_) SONDE_MEMBER(struct group_row, member_)
#define WAIT(member_)  SONDE_MEMBER(struct wait_row, member_)
#define EVENT(member_) SONDE_MEMBER(struct event_row, member_)

#define TIME_FIELDS(at_) \
	{ .name = "time", .type = SONDE_TIME, at_(time_ns), .role = SONDE_ROLE_TIME, \
	  .help = "when the counts were read" }, \
	{ .name = "start_time", .type = SONDE_TIME, at_(start_time_ns), \
	  .role = SONDE_ROLE_START_TIME, .help = "when they were read before" }

#define WHO_FIELDS(prefix_, at_, member_, what_) \
	{ .name = prefix_ "cgroup.id", .type = SONDE_U64, at_(member_.cgroup_id), .zero_is_null = true, \
	  .help = "v2 cgroup of " what_ }, \
	{ .name = prefix_ "cgroup.path", .type = SONDE_TEXT, at_(member_.cgroup), \
	  .help = "its path below the root" }, \
	{ .name = prefix_ "process.pid", .type = SONDE_U32, at_(member_.process), .zero_is_null = true, \
	  .help = "process of " what_ ", where they are grouped by process" }, \
	{ .name = prefix_ "process.command", .type = SONDE_TEXT, at_(member_.command), \
	  .help = "its command when it was first seen, at most 15 bytes" }

#define SUM(name_, at_, member_, unit_, help_) \
	{ .name = name_, .type = SONDE_U64, at_(member_), .role = SONDE_ROLE_SUM, \
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = unit_, .help = help_ }

static const struct sonde_field group_fields[] = {
	TIME_FIELDS(GROUP),
	WHO_FIELDS("", GROUP, who, "the tasks; none: all that found no room of their own"),
	SUM("scheduler.waits", GROUP, waits, "{wait}", "how often a task got a CPU"),
	{ .name = "scheduler.delay", .type = SONDE_EXPONENTIAL, GROUP(delay),
	  .role = SONDE_ROLE_HISTOGRAM, .temporality = SONDE_DELTA, .unit = "ns",
	  .help = "how long tasks that could run waited for a CPU; its count tells how many waits were timed" },
	SUM("scheduler.time.running", GROUP, running_ns, "ns", "time on a CPU"),
	SUM("scheduler.time.preempted", GROUP, preempted_ns, "ns",
	    "time for which they waited after they had been made to leave a CPU"),
	SUM("scheduler.time.woken", GROUP, woken_ns, "ns",
	    "time for which they waited after they had been woken, or made"),
	SUM("scheduler.time.sleeping", GROUP, sleeping_ns, "ns",
	    "time asleep, where a signal would have woken them, that ended by a wake-up"),
	SUM("scheduler.time.disk", GROUP, disk_ns, "ns",
	    "the same where no signal would have, waiting for a device"),
	SUM("scheduler.time.blocked", GROUP, blocked_ns, "ns",
	    "the same where no signal would have, for another reason: a lock of the kernel"),
	SUM("scheduler.switches.voluntary", GROUP, voluntary, "{switch}", "how often they left a CPU to sleep"),
	SUM("scheduler.switches.forced", GROUP, forced, "{switch}",
	    "how often they left a CPU although they could have gone on"),
	{ .name = "events", .type = SONDE_U64, GROUP(waits), .role = SONDE_ROLE_EVENTS,
	  .unit = "{wait}", .help = "waits folded into the row" },
	{ 0 }
};

static const struct sonde_field wait_fields[] = {
	TIME_FIELDS(WAIT),
	WHO_FIELDS("", WAIT, who, "those who waited"),
	{ .name = "culprit.kind", .type = SONDE_TEXT, WAIT(kind),
	  .help = "who had the CPU: task (another's, who is named), own, idle, "
		  "other (no room to name them), unknown; quota: the CPU quota of those who waited was used up" },
	WHO_FIELDS("culprit.", WAIT, culprit, "those who had the CPU meanwhile"),
	SUM("scheduler.wait.time", WAIT, wait_ns, "ns", "time for which the one waited while the other had the CPU"),
	SUM("scheduler.wait.turns", WAIT, turns, "{turn}", "turns on the CPU that the other had in it"),
	SUM("scheduler.wait.preemptions", WAIT, preemptions, "{turn}",
	    "of them, those for which the one was made to leave the CPU"),
	{ .name = "events", .type = SONDE_U64, WAIT(events), .role = SONDE_ROLE_EVENTS,
	  .unit = "{wait}", .help = "0, as the waits are counted by their other rows" },
	{ 0 }
};

static const struct sonde_field event_fields[] = {
	{ .name = "time", .type = SONDE_TIME, EVENT(time_ns), .role = SONDE_ROLE_TIME,
	  .help = "when the task got the CPU" },
	{ .name = "process.start_time", .type = SONDE_TIME, EVENT(start_time_ns),
	  .help = "when its process started: with the pid, its identity" },
	{ .name = "cgroup.id", .type = SONDE_U64, EVENT(cgroup_id), .zero_is_null = true,
	  .help = "v2 cgroup of the task" },
	{ .name = "process.pid", .type = SONDE_U32, EVENT(tgid), .zero_is_null = true, .help = "its process" },
	{ .name = "thread.id", .type = SONDE_U32, EVENT(tid), .help = "the task" },
	{ .name = "thread.name", .type = SONDE_TEXT, EVENT(name), .help = "its command, at most 15 bytes" },
	{ .name = "cpu.logical_number", .type = SONDE_U32, EVENT(cpu), .help = "the CPU that it got" },
	{ .name = "scheduler.previous.cgroup.id", .type = SONDE_U64, EVENT(previous_cgroup_id),
	  .zero_is_null = true, .help = "v2 cgroup of the task that had the CPU until then" },
	{ .name = "scheduler.previous.process.pid", .type = SONDE_U32, EVENT(previous_tgid),
	  .zero_is_null = true, .help = "its process" },
	{ .name = "scheduler.previous.thread.id", .type = SONDE_U32, EVENT(previous_tid),
	  .zero_is_null = true, .help = "that task; none: the CPU was idle" },
	{ .name = "scheduler.previous.thread.name", .type = SONDE_TEXT, EVENT(previous_name),
	  .help = "its command" },
	{ .name = "scheduler.preempted", .type = SONDE_BOOL, EVENT(preempted),
	  .help = "the wait began when the task was made to leave a CPU, not when it was woken" },
	{ .name = "scheduler.throttled", .type = SONDE_BOOL, EVENT(throttled),
	  .help = "by the CPU quota of its cgroup, which was used up: it waited for that, not for another task" },
	{ .name = "scheduler.delay", .type = SONDE_DURATION, EVENT(delay_ns), .role = SONDE_ROLE_DURATION,
	  .unit = "ns", .help = "how long it waited for a CPU" },
	{ .name = "weight", .type = SONDE_U32, EVENT(weight), .role = SONDE_ROLE_WEIGHT, .unit = "{wait}",
	  .help = "waits that the row stands for, where they are sampled" },
	{ 0 }
};

const struct sonde_schema rows_schemas[] = {
	[SCHEMA_GROUP] = { .name = "scheduler", .row_size = sizeof(struct group_row),
			   .fields = group_fields,
			   .help = "waits for a CPU, and what tasks did with their time, by cgroup" },
	[SCHEMA_WAIT] = { .name = "scheduler.waits", .row_size = sizeof(struct wait_row),
			  .fields = wait_fields, .help = "who had the CPU while tasks of a cgroup waited for it" },
	[SCHEMA_EVENT] = { .name = "scheduler.event", .row_size = sizeof(struct event_row),
			   .fields = event_fields, .help = "one row a wait" },
	{ 0 }
};

// SPDX-License-Identifier: Apache-2.0
/* Describes the rows of the input `syscalls`. */
#include "rows.h"

#include "events.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

#define CALLS(member_)  SONDE_MEMBER(struct calls_row, member_)
#define ERRORS(member_) SONDE_MEMBER(struct errors_row, member_)

/* The columns that say who called what when, the same in both schemas of aggregates. */
#define WHO_FIELDS(at_) \
	{ .name = "time", .type = SONDE_TIME, at_(time_ns), .role = SONDE_ROLE_TIME, \
	  .help = "when the counts were read" }, \
	{ .name = "start_time", .type = SONDE_TIME, at_(start_time_ns), \
	  .role = SONDE_ROLE_START_TIME, \
	  .help = "when they were read before" }, \
	{ .name = "cgroup.id", .type = SONDE_U64, at_(cgroup_id), .zero_is_null = true, \
	  .help = "v2 cgroup of the caller; none: calls that found no room of their own, or are not told apart" }, \
	{ .name = "cgroup.path", .type = SONDE_TEXT, at_(cgroup), \
	  .help = "its path below the root" }, \
	{ .name = "process.pid", .type = SONDE_U32, at_(process), .zero_is_null = true, \
	  .help = "caller, where calls are grouped by process" }, \
	{ .name = "process.command", .type = SONDE_TEXT, at_(command), \
	  .help = "its command when it was first seen, at most 15 bytes" }, \
	{ .name = "syscall.name", .type = SONDE_TEXT, at_(call), .help = "system call" }, \
	{ .name = "syscall.compat", .type = SONDE_BOOL, at_(compat), \
	  .help = "made through the 32-bit interface" }

static const struct sonde_field calls_fields[] = {
	WHO_FIELDS(CALLS),
	{ .name = "syscall.calls", .type = SONDE_U64, CALLS(call_count), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}",
	  .help = "calls that came back" },
	{ .name = "syscall.errors", .type = SONDE_U64, CALLS(error_count), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}",
	  .help = "of them, those that failed" },
	{ .name = "syscall.duration", .type = SONDE_EXPONENTIAL, CALLS(duration),
	  .role = SONDE_ROLE_HISTOGRAM, .temporality = SONDE_DELTA, .unit = "ns",
	  .help = "how long calls took, from entry to return; its count tells how many were timed" },
	{ .name = "events", .type = SONDE_U64, CALLS(call_count), .role = SONDE_ROLE_EVENTS,
	  .unit = "{call}", .help = "calls folded into the row" },
	{ 0 }
};

static const struct sonde_field errors_fields[] = {
	WHO_FIELDS(ERRORS),
	{ .name = "error.type", .type = SONDE_TEXT, ERRORS(error),
	  .help = "name of the error, \"ENOENT\"" },
	{ .name = "syscall.failures", .type = SONDE_U64, ERRORS(call_count), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}",
	  .help = "calls that failed so" },
	{ .name = "events", .type = SONDE_U64, ERRORS(events), .role = SONDE_ROLE_EVENTS,
	  .unit = "{call}",
	  .help = "0, as the calls are counted by their other rows" },
	{ 0 }
};

#define EVENT(member_)  SONDE_MEMBER(struct event_row, member_)
#define DETAIL(member_) SONDE_MEMBER(struct event_detail_row, event.member_)

#define EVENT_FIELDS(at_) \
	{ .name = "time", .type = SONDE_TIME, at_(time_ns), .role = SONDE_ROLE_TIME, \
	  .help = "when the call returned" }, \
	{ .name = "process.start_time", .type = SONDE_TIME, at_(start_time_ns), \
	  .help = "when the caller's process started: with the pid, its identity" }, \
	{ .name = "cgroup.id", .type = SONDE_U64, at_(cgroup_id), .help = "v2 cgroup of the caller" }, \
	{ .name = "process.pid", .type = SONDE_U32, at_(tgid), .help = "process" }, \
	{ .name = "thread.id", .type = SONDE_U32, at_(tid), .help = "thread" }, \
	{ .name = "syscall.name", .type = SONDE_TEXT, at_(call), .help = "system call" }, \
	{ .name = "syscall.compat", .type = SONDE_BOOL, at_(compat), \
	  .help = "made through the 32-bit interface" }, \
	{ .name = "error.type", .type = SONDE_TEXT, at_(error), \
	  .help = "name of the error; none: the call succeeded" }, \
	{ .name = "syscall.return", .type = SONDE_I64, at_(return_value), \
	  .help = "return value" }, \
	{ .name = "syscall.duration", .type = SONDE_DURATION, at_(duration_ns), \
	  .role = SONDE_ROLE_DURATION, .unit = "ns", \
	  .help = "from entry to return; none: not timed" }, \
	{ .name = "weight", .type = SONDE_U32, at_(weight), .role = SONDE_ROLE_WEIGHT, \
	  .unit = "{call}", 	  .help = "calls that the row stands for, where they are sampled" }

static const struct sonde_field event_fields[] = {
	EVENT_FIELDS(EVENT),
	{ 0 }
};

#define ARGUMENT(number_) \
	{ .name = "syscall.argument." #number_, .type = SONDE_U64, \
	  SONDE_MEMBER(struct event_detail_row, arguments[number_]), .help = "as the register held it" }

static const struct sonde_field detail_fields[] = {
	EVENT_FIELDS(DETAIL),
	ARGUMENT(0), ARGUMENT(1), ARGUMENT(2), ARGUMENT(3), ARGUMENT(4), ARGUMENT(5),
	{ .name = "syscall.text", .type = SONDE_TEXT, SONDE_MEMBER(struct event_detail_row, text),
	  .zero_is_null = true, .help = "the path or name among the arguments, up to 255 bytes" },
	{ 0 }
};

const struct sonde_schema rows_schemas[] = {
	[SCHEMA_CALLS] = { .name = "syscalls", .row_size = sizeof(struct calls_row),
			   .fields = calls_fields,
			   .help = "calls, errors and durations by cgroup and system call" },
	[SCHEMA_ERRORS] = { .name = "syscalls.errors", .row_size = sizeof(struct errors_row),
			    .fields = errors_fields, .help = "failed calls by cgroup, system call and error" },
	[SCHEMA_EVENT] = { .name = "syscalls.event", .row_size = sizeof(struct event_row),
			   .fields = event_fields, .help = "one row a call" },
	[SCHEMA_DETAIL] = { .name = "syscalls.event.arguments", .row_size = sizeof(struct event_detail_row),
			    .fields = detail_fields, .help = "one row a call, with its arguments" },
	{ 0 }
};

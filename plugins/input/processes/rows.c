// SPDX-License-Identifier: Apache-2.0
/* Describes the rows of the input `processes`. */
#include "rows.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

#define COUNTS(member_) SONDE_MEMBER(struct counts_row, member_)
#define EVENT(member_)  SONDE_MEMBER(struct event_row, member_)

#define DELTA(name_, type_, member_, unit_, help_) \
	{ .name = name_, .type = type_, member_, .role = SONDE_ROLE_SUM, \
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = unit_, .help = help_ }

static const struct sonde_field counts_fields[] = {
	{ .name = "time", .type = SONDE_TIME, COUNTS(time_ns), .role = SONDE_ROLE_TIME,
	  .help = "end of the interval" },
	{ .name = "start_time", .type = SONDE_TIME, COUNTS(start_time_ns), .role = SONDE_ROLE_START_TIME,
	  .help = "its begin" },
	{ .name = "cgroup.id", .type = SONDE_U64, COUNTS(cgroup_id), .zero_is_null = true,
	  .help = "v2 cgroup of the processes; none: those that found no room of their own" },
	[COUNTS_CGROUP] =
	{ .name = "cgroup.path", .type = SONDE_TEXT, COUNTS(cgroup), .help = "its path below the root" },
	DELTA("process.forks", SONDE_U64, COUNTS(fork_count), "{process}", "processes that were made"),
	DELTA("process.execs", SONDE_U64, COUNTS(exec_count), "{program}", "programs that were started"),
	DELTA("process.exits", SONDE_U64, COUNTS(exit_count), "{process}", "processes that ended"),
	DELTA("process.failures", SONDE_U64, COUNTS(failure_count), "{process}",
	      "of them, those that ended with another code than 0, or by a signal"),
	DELTA("process.kills", SONDE_U64, COUNTS(signal_count), "{process}",
	      "of them, those that a signal ended"),
	[COUNTS_LIFETIME] =
	{ .name = "process.lifetime", .type = SONDE_EXPONENTIAL, COUNTS(lifetime),
	  .role = SONDE_ROLE_HISTOGRAM, .temporality = SONDE_DELTA, .unit = "ns",
	  .help = "how long those lived that ended" },
	DELTA("process.cpu.user", SONDE_DOUBLE, COUNTS(user_s), "s",
	      "CPU time in user mode of those that ended, in all their life"),
	DELTA("process.cpu.system", SONDE_DOUBLE, COUNTS(system_s), "s", "likewise in the kernel"),
	{ .name = "events", .type = SONDE_U64, COUNTS(event_count), .role = SONDE_ROLE_EVENTS,
	  .unit = "{event}", .help = "forks, execs and exits folded into the row" },
	{ 0 }
};

static const struct sonde_field event_fields[] = {
	{ .name = "time", .type = SONDE_TIME, EVENT(time_ns), .role = SONDE_ROLE_TIME,
	  .help = "when it happened" },
	{ .name = "event.name", .type = SONDE_TEXT, EVENT(name), .role = SONDE_ROLE_EVENT_NAME,
	  .help = "\"process.fork\", \"process.exec\" or \"process.exit\"" },
	{ .name = "process.pid", .type = SONDE_U32, EVENT(tgid), .help = "process, of a fork the new one" },
	{ .name = "process.start_time", .type = SONDE_TIME, EVENT(start_time_ns),
	  .help = "when it started: with the pid, its identity" },
	{ .name = "cgroup.id", .type = SONDE_U64, EVENT(cgroup_id), .help = "its v2 cgroup at that time" },
	[EVENT_CGROUP] =
	{ .name = "cgroup.path", .type = SONDE_TEXT, EVENT(cgroup), .help = "its path below the root" },
	{ .name = "process.parent_pid", .type = SONDE_U32, EVENT(parent_tgid), .zero_is_null = true,
	  .help = "its parent at that time" },
	{ .name = "process.parent.start_time", .type = SONDE_TIME, EVENT(parent_start_time_ns),
	  .zero_is_null = true, .help = "when that started" },
	{ .name = "process.command", .type = SONDE_TEXT, EVENT(command),
	  .help = "what the kernel calls it, at most 15 bytes" },
	[EVENT_EXECUTABLE] =
	{ .name = "process.executable.path", .type = SONDE_TEXT, EVENT(executable),
	  .help = "the file that it runs, as its own mounts lie; none: not known" },
	[EVENT_COMMAND_LINE] =
	{ .name = "process.command_line", .type = SONDE_TEXT, EVENT(command_line),
	  .help = "its arguments with blanks between" },
	[EVENT_ARGUMENTS] =
	{ .name = "process.command_args", .type = SONDE_ANY, EVENT(arguments),
	  .help = "its arguments as an array" },
	[EVENT_TRUNCATED] =
	{ .name = "process.command_args.truncated", .type = SONDE_BOOL, EVENT(truncated),
	  .help = "the arguments were longer than 4,096 bytes" },
	{ .name = "process.real_user.id", .type = SONDE_U32, EVENT(user_id), .help = "whose process it is" },
	[EVENT_USER] =
	{ .name = "process.real_user.name", .type = SONDE_TEXT, EVENT(user),
	  .help = "the user's name; none: this host knows none" },
	{ .name = "process.real_group.id", .type = SONDE_U32, EVENT(group_id), .help = "its group" },
	{ .name = "process.session_leader.pid", .type = SONDE_U32, EVENT(session_id), .zero_is_null = true,
	  .help = "who leads its session" },
	[EVENT_EXIT_CODE] =
	{ .name = "process.exit.code", .type = SONDE_I32, EVENT(exit_code),
	  .help = "of an exit: what it returned; none: a signal ended it" },
	[EVENT_SIGNAL] =
	{ .name = "process.exit.signal", .type = SONDE_TEXT, EVENT(signal),
	  .help = "of an exit: the signal that ended it, \"SIGKILL\"" },
	[EVENT_CORE_DUMPED] =
	{ .name = "process.exit.core_dumped", .type = SONDE_BOOL, EVENT(core_dumped),
	  .help = "of an exit: its memory was written to a file" },
	[EVENT_DURATION] =
	{ .name = "process.duration", .type = SONDE_DURATION, EVENT(duration_ns),
	  .role = SONDE_ROLE_DURATION, .unit = "ns", .help = "of an exit: how long it lived" },
	[EVENT_USAGE] =
	{ .name = "process.cpu.user", .type = SONDE_DURATION, EVENT(user_ns), .unit = "ns",
	  .help = "of an exit, as all that follow: CPU time in user mode, all threads together" },
	{ .name = "process.cpu.system", .type = SONDE_DURATION, EVENT(system_ns), .unit = "ns",
	  .help = "CPU time in the kernel" },
	{ .name = "process.memory.maximum", .type = SONDE_U64, EVENT(resident_bytes), .unit = "By",
	  .help = "resident memory at most" },
	{ .name = "process.faults.minor", .type = SONDE_U64, EVENT(minor_faults), .unit = "{fault}",
	  .help = "page faults that needed no storage" },
	{ .name = "process.faults.major", .type = SONDE_U64, EVENT(major_faults), .unit = "{fault}",
	  .help = "page faults that waited for storage" },
	{ .name = "process.switches.voluntary", .type = SONDE_U64, EVENT(voluntary_switches),
	  .unit = "{switch}", .help = "times that it gave the CPU up" },
	{ .name = "process.switches.involuntary", .type = SONDE_U64, EVENT(involuntary_switches),
	  .unit = "{switch}", .help = "times that the CPU was taken from it" },
	[EVENT_READ] =
	{ .name = "process.disk.read", .type = SONDE_U64, EVENT(read_bytes), .unit = "By",
	  .help = "bytes that were read for it from storage; none: this kernel does not account them" },
	{ .name = "process.disk.written", .type = SONDE_U64, EVENT(written_bytes), .unit = "By",
	  .help = "bytes that it had written to storage, likewise" },
	{ .name = "weight", .type = SONDE_U32, EVENT(weight), .role = SONDE_ROLE_WEIGHT, .unit = "{event}",
	  .help = "events that the row stands for, where processes are sampled" },
	{ 0 }
};

const struct sonde_schema rows_schemas[] = {
	[SCHEMA_COUNTS] = { .name = "processes", .row_size = sizeof(struct counts_row),
			    .fields = counts_fields,
			    .help = "forks, execs and exits by cgroup, lifetimes and CPU time" },
	[SCHEMA_EVENT] = { .name = "processes.event", .row_size = sizeof(struct event_row),
			   .fields = event_fields, .help = "one row a fork, exec or exit" },
	{ 0 }
};

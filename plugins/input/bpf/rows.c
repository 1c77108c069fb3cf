// SPDX-License-Identifier: Apache-2.0
/* Describes the rows of the input `bpf`. */
#include "rows.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

#define PROGRAM(member_) SONDE_MEMBER(struct program_row, member_)
#define MAP(member_)     SONDE_MEMBER(struct map_row, member_)

#define DELTA(name_, type_, member_, unit_, help_) \
	{ .name = name_, .type = type_, member_, .role = SONDE_ROLE_SUM, \
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = unit_, .help = help_ }
#define GAUGE(name_, type_, member_, unit_, help_) \
	{ .name = name_, .type = type_, member_, .role = SONDE_ROLE_GAUGE, .unit = unit_, .help = help_ }

static const struct sonde_field program_fields[] = {
	{ .name = "time", .type = SONDE_TIME, PROGRAM(time_ns), .role = SONDE_ROLE_TIME,
	  .help = "when it was read" },
	{ .name = "start_time", .type = SONDE_TIME, PROGRAM(start_time_ns), .zero_is_null = true,
	  .role = SONDE_ROLE_START_TIME,
	  .help = "when it was read before, or loaded since; none: it was there before, and the row has no counts" },
	{ .name = "bpf.program.id", .type = SONDE_U32, PROGRAM(id),
	  .help = "number that the kernel gave it; used again after it is gone" },
	{ .name = "bpf.program.name", .type = SONDE_TEXT, PROGRAM(name),
	  .help = "its name, whole where its type information has it, else its first 15 bytes" },
	{ .name = "bpf.program.type", .type = SONDE_TEXT, PROGRAM(type),
	  .help = "\"tracing\", \"xdp\", \"cgroup_skb\" …" },
	{ .name = "bpf.program.tag", .type = SONDE_TEXT, PROGRAM(tag),
	  .help = "hash of its instructions: equal code has equal tags" },
	{ .name = "bpf.program.target", .type = SONDE_TEXT, PROGRAM(target), .zero_is_null = true,
	  .help = "what it is attached to: a tracepoint, a function, \"cgroup:ID\", \"ifindex:N\", \"netns:ID\"" },
	{ .name = "bpf.program.user.id", .type = SONDE_U32, PROGRAM(uid), .help = "user who loaded it" },
	{ .name = "bpf.program.load_time", .type = SONDE_TIME, PROGRAM(loaded_ns),
	  .help = "when it was loaded: with the id, its identity" },
	[PROGRAM_RUNS] =
	DELTA("bpf.program.runs", SONDE_U64, PROGRAM(run_count), "{run}", "times that it ran"),
	[PROGRAM_RUN_TIME] =
	DELTA("bpf.program.run.time", SONDE_DOUBLE, PROGRAM(run_s), "s", "how long it ran, all runs together"),
	[PROGRAM_CPU] =
	GAUGE("bpf.program.cpu.utilization", SONDE_DOUBLE, PROGRAM(cpu_share), "1",
	      "share of the time that it ran; 1 is one CPU"),
	[PROGRAM_MISSES] =
	DELTA("bpf.program.misses", SONDE_U64, PROGRAM(miss_count), "{run}",
	      "runs that the kernel left out, since one was under way on that CPU"),
	GAUGE("bpf.program.memory", SONDE_U64, PROGRAM(memory_bytes), "By",
	      "memory of its instructions, without its maps"),
	GAUGE("bpf.program.verified_instructions", SONDE_U32, PROGRAM(instruction_count), "{instruction}",
	      "steps that the verifier went to accept it"),
	GAUGE("bpf.program.links", SONDE_U32, PROGRAM(link_count), "{link}", "links that attach it"),
	{ 0 }
};

static const struct sonde_field map_fields[] = {
	{ .name = "time", .type = SONDE_TIME, MAP(time_ns), .role = SONDE_ROLE_TIME,
	  .help = "when it was read" },
	{ .name = "bpf.map.id", .type = SONDE_U32, MAP(id),
	  .help = "number that the kernel gave it; used again after it is gone" },
	{ .name = "bpf.map.name", .type = SONDE_TEXT, MAP(name), .help = "its name, at most 15 bytes" },
	{ .name = "bpf.map.type", .type = SONDE_TEXT, MAP(type),
	  .help = "\"hash\", \"lru_hash\", \"ringbuf\" …" },
	{ .name = "bpf.map.key.size", .type = SONDE_U32, MAP(key_bytes), .unit = "By",
	  .help = "bytes of a key" },
	{ .name = "bpf.map.value.size", .type = SONDE_U32, MAP(value_bytes), .unit = "By",
	  .help = "bytes of a value, of one CPU in maps that have one for each" },
	[MAP_ENTRIES] =
	GAUGE("bpf.map.entries", SONDE_U64, MAP(entry_count), "{entry}",
	      "entries in it; none: nobody counts them in maps of its type"),
	[MAP_ENTRY_LIMIT] =
	GAUGE("bpf.map.entries.limit", SONDE_U32, MAP(entry_limit), "{entry}",
	      "how many there may be; none: it is a ring, or has no bound"),
	[MAP_RING_USED] =
	GAUGE("bpf.map.ring.used", SONDE_U64, MAP(ring_used_bytes), "By",
	      "of a ring buffer: bytes that its reader has not given back"),
	[MAP_RING_SIZE] =
	GAUGE("bpf.map.ring.size", SONDE_U64, MAP(ring_size_bytes), "By", "how many there may be"),
	[MAP_FILL] =
	GAUGE("bpf.map.utilization", SONDE_DOUBLE, MAP(fill), "1",
	      "how full it is, 1 is full; none: not known"),
	{ 0 }
};

const struct sonde_schema rows_schemas[] = {
	[SCHEMA_PROGRAM] = { .name = "bpf.program", .row_size = sizeof(struct program_row),
			     .fields = program_fields, .help = "what each program of the host ran and is" },
	[SCHEMA_MAP] = { .name = "bpf.map", .row_size = sizeof(struct map_row),
			 .fields = map_fields, .help = "each map of the host and how full it is" },
	{ 0 }
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the input `bpf`: what lies where in them. */
#ifndef BPF_ROWS_H
#define BPF_ROWS_H

#include <sonde/plugin.h>

enum { SCHEMA_PROGRAM, SCHEMA_MAP }; /* indexes into rows_schemas */

struct program_row {
	int64_t time_ns;
	int64_t start_time_ns; /* 0: the row has no counts */
	uint32_t id;
	uint32_t name, type, tag, target; /* codes; target 0: none */
	uint32_t uid;
	int64_t loaded_ns;
	uint64_t run_count, miss_count;
	double run_s;
	double cpu_share;
	uint64_t memory_bytes;
	uint32_t instruction_count, link_count;
};

struct map_row {
	int64_t time_ns;
	uint32_t id;
	uint32_t name, type; /* codes */
	uint32_t key_bytes, value_bytes;
	uint32_t entry_limit;
	uint64_t entry_count;
	uint64_t ring_used_bytes, ring_size_bytes;
	double fill;
};

/* Columns that a row may have no value in. */
enum { PROGRAM_RUNS = 9, PROGRAM_RUN_TIME, PROGRAM_CPU, PROGRAM_MISSES };
enum { MAP_ENTRIES = 6, MAP_ENTRY_LIMIT, MAP_RING_USED, MAP_RING_SIZE, MAP_FILL };

extern const struct sonde_schema rows_schemas[];

#endif

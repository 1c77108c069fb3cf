/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the kernel and user space agree on for the input `bpf`: a record of each program, map and
 * link, as iterators write them one after the other. */
#ifndef SONDE_BPF_INVENTORY_H
#define SONDE_BPF_INVENTORY_H

#include <linux/types.h>

enum {
	SONDE_INVENTORY_NAME = 16,   /* as the kernel keeps it, cut to 15 bytes */
	SONDE_INVENTORY_TEXT = 128,  /* of names that it does not cut */
	SONDE_INVENTORY_UNKNOWN = -1 /* fill of a map that nobody counts */
};

struct sonde_inventory_program {
	__u64 load_time_ns; /* boottime */
	__u64 runs, run_ns; /* while statistics were on */
	__u64 misses;       /* always counted */
	__u32 id, type;
	__u32 pages; /* that it is charged for */
	__u32 instructions;
	__u32 uid; /* of who loaded it */
	__u8 tag[8];
	__u32 reserved;
	char name[SONDE_INVENTORY_NAME];
	char full_name[SONDE_INVENTORY_TEXT]; /* of its function; "": it has no type information */
	char target[SONDE_INVENTORY_TEXT]; /* what it was loaded for; "": that is said by links */
};

struct sonde_inventory_map {
	__s64 entries;              /* SONDE_INVENTORY_UNKNOWN: not counted */
	__s64 ring_used, ring_size; /* bytes; size 0: not a ring buffer */
	__u32 id, type;
	__u32 key_bytes, value_bytes;
	__u32 entries_limit;
	__u32 reserved;
	char name[SONDE_INVENTORY_NAME];
};

struct sonde_inventory_link {
	__u64 cgroup_id;
	__u32 program_id;
	__u32 id, type;
	__u32 interface; /* index of a network device */
	__u32 namespace; /* number of a network namespace */
	__u32 reserved;
	char target[SONDE_INVENTORY_TEXT]; /* name of a tracepoint; "": none */
};

#endif

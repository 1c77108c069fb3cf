/* SPDX-License-Identifier: Apache-2.0 */
/* What programs have done since the reading before: told by id and load time, so that an id that is
 * used again begins anew. */
#ifndef BPF_PROGRAMS_H
#define BPF_PROGRAMS_H

#include <sonde/bpf/inventory.h>
#include <stdbool.h>
#include <stdint.h>

struct program_seen {
	uint64_t load_time_ns; /* boottime */
	int64_t loaded_ns;     /* the same as wall clock, worked out once */
	uint64_t runs, run_ns, misses;
	uint32_t id;
};

struct program_list {
	struct program_seen *items; /* by rising id */
	uint32_t count, capacity;
};

struct programs {
	struct program_list before, now;
	bool has_before;                  /* a reading was ended */
	uint64_t boot_ns, boot_before_ns; /* boottime of this reading, and of the one before */
	int64_t wall_ns, wall_before_ns;  /* the same as wall clock */
};

struct program_delta {
	bool is_known;    /* false: it was there before us, and this is its first reading */
	int64_t start_ns; /* wall clock since when it counts */
	int64_t loaded_ns;
	uint64_t span_ns; /* how long that is, up to this reading */
	uint64_t runs, run_ns, misses;
};

/* Begins a reading. */
void programs_begin(struct programs *programs, uint64_t boot_ns, int64_t wall_ns);

/* Takes a record in, with ids rising. Returns 1: *ret_delta is set; 0: it was loaded after this
 * reading began, and is for the next; -ENOMEM. */
int programs_take(struct programs *programs, const struct sonde_inventory_program *record,
		  struct program_delta *ret_delta);

/* Ends it: the next one counts from here. Without it, the next counts from the one before. */
void programs_end(struct programs *programs);

void programs_free(struct programs *programs);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How far the clocks of those have come that rows are from. */
#ifndef SONDE_SOURCE_H
#define SONDE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* Whoever stamps rows. */
struct source {
	uint64_t key;      /* hash of what it is called */
	int64_t latest_ns; /* the largest time of its rows */
	int64_t seen_ns;   /* when the last one came, by the clock of the caller */
};

struct sources {
	struct source *items;
	uint32_t *slots; /* index + 1; 0: free */
	uint32_t count, capacity, slot_mask;
	uint32_t limit;
};

/* A row of a source. Beyond the limit, and without memory, sources share the clock of the last one.
 */
void sources_see(struct sources *sources, uint64_t key, int64_t time_ns, int64_t seen_ns);

/* The time that all of those have passed that were seen since; INT64_MAX: there are none. None can
 * vouch for more than now_ns. */
int64_t sources_passed(const struct sources *sources, int64_t since_ns, int64_t now_ns);

/* Those that were not seen since are forgotten. */
void sources_forget(struct sources *sources, int64_t since_ns);
void sources_clear(struct sources *sources);

#endif
